"""The report of a speedrun: all of it, half of it, and whatever the model wrote harmless."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from finished import RIGHT, make_speedrun

from primer.core.errors import UserError
from primer.core.files import write_json
from primer.core.rundir import RunDir
from primer.evaluate.report_data import read_speedrun, usual_price
from primer.evaluate.report_examples import pick_conversations, same_questions
from primer.evaluate.speedrun_report import write_speedrun_report


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_speedrun(tmp_path_factory.mktemp("speedrun") / "laptop")
    write_speedrun_report(root, price=0.6)
    return root


def report_json(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "report.json").read_text(encoding="utf-8"))
    return found


def test_every_figure_is_in_the_json(root: Path) -> None:
    report = report_json(root)
    assert report["seconds"] == 360
    assert report["dollars"] == pytest.approx(0.06)
    base = report["stages"]["base"]
    assert (base["tokens"], base["steps"], base["seconds"]) == (20_000, 20, 60)
    assert base["flops"] == 20_000 * report["model"]["flops_per_token"]
    assert report["stages"]["text"] == {"seconds": 60.0, "dollars": pytest.approx(0.01)}
    facts = report["scores"]["rl"]["curriculum"]["facts"]
    assert (facts["right"], facts["count"], facts["new_accuracy"], facts["new_count"]) == (192, 200, 0.96, 50)
    assert {"accuracy", "low", "high"} <= facts.keys()
    assert report["pairs"]["after"]["accuracy"] == 0.96
    assert {"claim", "met", "figure"} <= report["claims"][0].keys()
    assert report["missing"] == []
    assert report["measures"]["rl"] == {"bits per byte": 1.25}


def test_the_report_reads_as_it_should(root: Path) -> None:
    report = (root / "report.md").read_text(encoding="utf-8")
    assert report.startswith("# Speedrun laptop\n\nRaw text to an assistant in 6.0 minutes, for $0.06.")
    assert "| base | 1.00 | 0.010 | 20,000 | 20 |" in report
    assert "| curriculum | base | SFT | DPO | RL | 95 % | items | new phrasings | to reach |" in report
    assert "| facts | 10.0 | 94.0 | 96.0 | 96.0 | 92.3 to 98.0 | 200 | 96.0 | 98 / 92 |" in report
    assert "| follow_ups | 5.0 |" in report
    assert "|  | 3,200 | 89.9 | 92 |" in report
    assert "| recall over turns | 95 | 90.0 |" in report
    assert "| arithmetic | 98 | 98.0 | 95.0 to 99.2 | 200 | reached |" in report
    for name in ("base", "sft", "dpo", "rl"):
        assert (root / "curves" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"(curves/{name}.png)" in report
    headings = [line for line in report.splitlines() if line.startswith("## ")]
    assert headings == [
        "## What it cost", "## The model", "## What it learned", "## Figures to reach",
        "## Does each stage earn its place?", "## Curves", "## What the base model writes, after step 20",
        "## The same question, stage after stage", "## 10 conversations with the last model", "## What failed",
    ]  # fmt: skip
    assert "| wordplay | 90 | 200 | 3 |" in report


def test_what_the_model_wrote_is_shown_and_not_obeyed(root: Path) -> None:
    page = (root / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert" in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert page.count('src="data:image/png;base64,') == 4
    assert "\x1b" not in page
    assert "not a heading" in page
    assert "<h1>not a heading" not in page


def test_conversations_come_from_different_lessons_and_failures_are_among_them(root: Path) -> None:
    exchanges = read_speedrun(root).stages["rl"].exchanges
    picked = pick_conversations(exchanges)
    assert len(picked) == 10
    assert len({e.group for e in picked}) == 10
    assert [e.right for e in picked] == [False] * 3 + [True] * 7
    assert [e.group for e in picked[:2]] == ["wordplay", "spelling"]
    assert pick_conversations(exchanges) == picked


def test_few_lessons_still_give_ten_conversations(root: Path) -> None:
    exchanges = [e for e in read_speedrun(root).stages["rl"].exchanges if e.group == "facts"]
    assert len(pick_conversations(exchanges)) == 10
    assert len({e.prompt[0]["content"] for e in pick_conversations(exchanges)}) == 10


def test_the_same_question_is_answered_by_each_stage(root: Path) -> None:
    rows = same_questions(read_speedrun(root))
    assert len(rows) == 3
    for row in rows:
        assert len(row) == 4
        assert len({e.prompt[0]["content"] for e in row}) == 1
        assert not row[0].right
        assert row[-1].right


@pytest.mark.parametrize("stages", [(), ("base",), ("base", "sft"), ("base", "sft", "dpo"), ("rl",)])
def test_any_part_of_a_speedrun_has_a_report(tmp_path: Path, stages: tuple[str, ...]) -> None:
    root = make_speedrun(tmp_path / "run", stages=stages)
    report = write_speedrun_report(root).read_text(encoding="utf-8")
    assert list(report_json(root)["scores"]) == list(stages)
    assert "**Not in this report:**" in report
    assert "No price of this machine is known" in report
    assert report_json(root)["dollars"] is None


def test_a_run_that_was_killed_early_has_one_too(tmp_path: Path) -> None:
    root = make_speedrun(tmp_path / "run")
    for name in ("sft", "rl"):
        for part in ("evaluation", "checkpoints", "samples"):
            shutil.rmtree(root / name / part)
        RunDir(root / name).metrics_file.unlink()
    report = write_speedrun_report(root).read_text(encoding="utf-8")
    assert "SFT has not been examined; RL has not been examined" in report
    assert report_json(root)["stages"]["sft"]["tokens"] == 0


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    root = make_speedrun(tmp_path / "run", stages=("base",))
    path = root / "base" / "evaluation" / "step_000020.json"
    path.write_text('{"tasks": {"curriculum": {"groups": {"facts": {"right": 1}}}}}', encoding="utf-8")
    with pytest.raises(UserError, match=r"step_000020\.json is damaged.*primer eval"):
        write_speedrun_report(root)


def test_the_commit_and_the_price_are_those_of_the_ledger(tmp_path: Path) -> None:
    root = make_speedrun(tmp_path / "run", stages=("base",))
    assert "| commit | unknown |" in write_speedrun_report(root).read_text(encoding="utf-8")
    began = {"commit": "0123456789ab", "machine": "Xeon × 26, NVIDIA H100 80GB HBM3", "gpus": 8, "price": None}
    write_json(root / "speedrun.json", json.loads((root / "speedrun.json").read_text()) | began)
    assert "| commit | 0123456789ab |" in write_speedrun_report(root).read_text(encoding="utf-8")
    report = report_json(root)
    assert (report["commit"], report["price_per_hour"], report["dollars"]) == ("0123456789ab", 24, pytest.approx(1.2))


def test_memory_by_stage(tmp_path: Path) -> None:
    root = make_speedrun(tmp_path / "run", stages=("base", "sft"))
    ledger = json.loads((root / "speedrun.json").read_text())
    ledger["stages"]["base"] |= {"peak_memory_bytes": 3 * 2**30, "peak_memory_so_far": False}
    ledger["stages"]["sft"] |= {"peak_memory_bytes": 2**29, "peak_memory_so_far": True}
    write_json(root / "speedrun.json", ledger)
    report = write_speedrun_report(root).read_text(encoding="utf-8")
    table = report.partition("## What it cost")[2].partition("\n\n")[2].partition("\n\n")[0]
    column = [line.split(" | ")[-1].removesuffix(" |") for line in table.splitlines()]
    assert column == ["memory, GiB", "---:", "–", "3.00", "0.50 so far", "–", "3.00"]
    assert report_json(root)["peak_memory_bytes"] == 3 * 2**30
    sft = report_json(root)["stages"]["sft"]
    assert (sft["peak_memory_bytes"], sft["peak_memory_so_far"]) == (2**29, True)


def test_the_price_of_a_known_machine() -> None:
    assert usual_price("Xeon × 26, NVIDIA H100 80GB HBM3, torch 2.13", 8) == 24
    assert usual_price("Xeon × 2, torch 2.13") is None


def test_the_lessons_of_the_fixture_are_the_curriculums() -> None:
    from primer.tasks.curriculum.curriculum import all_lessons

    assert {lesson.name for lesson in all_lessons()} >= set(RIGHT)  # a lesson added is one file and no more
