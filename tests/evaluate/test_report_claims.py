"""Goals and claims, against figures worked out by hand."""

from pathlib import Path

import pytest
from finished import make_score, make_speedrun

from primer.core.files import write_json
from primer.core.rundir import RunDir
from primer.evaluate.report_claims import among, check_claims, find_falls, reached_goals
from primer.evaluate.report_data import Exchange, StageRun, read_speedrun
from primer.evaluate.score import Score, wilson


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_speedrun(tmp_path / "run")


def test_goals_by_hand(root: Path) -> None:
    goals = {reached.goal.label: reached for reached in reached_goals(read_speedrun(root))}
    assert len(goals) == 15
    assert goals["arithmetic"].met  # 98 of 98
    assert goals["letters and spelling"].accuracy == pytest.approx((95 + 80) / 200)
    assert not goals["letters and spelling"].met
    assert goals["letters and spelling"].count == 400
    assert goals["facts, new phrasing"].count == 50
    assert goals["facts, trained phrasing"].accuracy == pytest.approx((192 - 48) / 150)
    last = [98, 96, 95, 80, 96, 91, 76, 92, 90, 99, 98, 86, 97, 96, 93, 55]
    assert goals["mean over lessons"].accuracy == pytest.approx(sum(last) / 1600)
    assert not goals["recall over turns"].met


def test_claims_by_hand(root: Path) -> None:
    claims = check_claims(read_speedrun(root))
    met = {claim.claim: claim for claim in claims}
    assert met["DPO prefers the better answer in 95 % of unseen pairs"].met
    assert met["DPO raises obedience (personas)"].met
    assert met["DPO raises truthfulness (facts, known, unknown)"].met
    assert met["DPO costs no lesson more than a point"].met  # story questions: exactly one
    keeps = met["RL costs no lesson more than a point"]
    assert not keeps.met
    assert [(fall.group, fall.certain) for fall in keeps.falls] == [("recall", False)]
    raised = met["RL raises pass@1 of its tasks by 5 points"]
    assert "examinations of DPO and RL" in raised.figure


def test_pass_at_1_before_is_that_of_step_0(root: Path) -> None:
    run = RunDir(root / "rl")
    for step, share in ((0, 0.5), (20, 0.56)):
        run.log({"step": step, "pass@1": share})
    claim = next(c for c in check_claims(read_speedrun(root)) if "pass@1" in c.claim)
    assert claim.met
    assert claim.figure.startswith("50.0 → 56.0 % (+6.0 points)")


def test_only_what_rl_trained_on_counts(root: Path) -> None:
    config = RunDir(root / "rl").read_config() | {"config": {"tasks": ["curriculum:arithmetic+recall=2"]}}
    write_json(root / "rl" / "config.json", config)
    claim = next(c for c in check_claims(read_speedrun(root)) if "pass@1" in c.claim)
    assert claim.figure.startswith("92.5 → 94.0 % (+1.5 points)")
    assert not claim.met


def test_what_is_not_there_is_not_claimed(tmp_path: Path) -> None:
    folder = read_speedrun(make_speedrun(tmp_path / "half", stages=("base", "sft")))
    assert check_claims(folder) == []
    assert folder.missing == ["DPO has not been trained", "RL has not been trained"]
    assert reached_goals(read_speedrun(make_speedrun(tmp_path / "other", "gpu"))) == []


def test_what_was_not_measured_is_not_met(root: Path) -> None:
    (root / "dpo" / "pairs.json").unlink()
    (root / "rl" / "evaluation" / "step_000020.json").unlink()
    claims = check_claims(read_speedrun(root))
    assert [c.met for c in claims if "not measured" in c.figure] == [False, False, False]


def test_stages_are_compared_on_the_questions_of_both() -> None:
    """The second was asked twice as many, one of them twice; right in all of the first's and in none of its own."""

    def stage(name: str, values: list[tuple[str, float]]) -> StageRun:
        exchanges = [Exchange("t", "g", False, value, "", ({"content": asked},), (), "") for asked, value in values]
        score = Score("t", "g", sum(value for _, value in values), len(values), 0.0, 1.0)
        return StageRun(name, RunDir(Path(name)), [], None, (score,), {}, tuple(exchanges))

    first = stage("dpo", [("a", 1.0), ("b", 0.0), ("c", 1.0)])
    second = stage("rl", [("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 0.0), ("e", 0.0), ("a", 0.0)])
    (compared,) = among(first, second)
    assert (compared.right, compared.count) == (3.0, 3)
    assert (compared.low, compared.high) == wilson(3, 3)
    assert among(second, first) == list(first.scores)
    assert find_falls(among(second, first), among(first, second)) == []
    others = stage("rl", [("x", 0.0), ("y", 1.0), ("z", 0.0), ("d", 0.0)])
    assert among(first, others) == list(others.scores)  # nothing in common: all there is


def test_falls_the_deepest_first_and_the_certain_ones_marked() -> None:
    def scores(*percents: int) -> list[Score]:
        return [make_score(f"lesson {i}", percent) for i, percent in enumerate(percents)]

    falls = find_falls(scores(90, 90, 90, 90), scores(89, 88, 60, 95))
    assert falls is not None
    assert [(fall.group, fall.certain) for fall in falls] == [("lesson 2", True), ("lesson 1", False)]
    assert wilson(120, 200)[1] < wilson(180, 200)[0]
    assert find_falls(scores(50), []) is None
