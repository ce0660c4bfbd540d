"""The whole way: what is done is not done again, and what was stopped goes on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from primer import speedrun
from primer.core.errors import ConfigError, Interrupted, UserError
from primer.presets import LAPTOP, SPEEDRUNS, Speedrun, find_recipe, longer
from primer.speedrun import STAGES, Ledger, SpeedrunConfig, main, write_lessons
from primer.text.tokenizer import Tokenizer


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were worked on, in order; none of them does anything."""
    worked: list[str] = []

    def works(recipe: Speedrun, root: Path) -> dict[str, Callable[[], None]]:
        return {stage: lambda stage=stage: worked.append(stage) for stage in STAGES}  # type: ignore[misc]

    monkeypatch.setattr(speedrun, "stage_works", works)
    return worked


def test_every_stage_once_in_order(done: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(SpeedrunConfig(run=tmp_path))
    assert done == list(STAGES)
    kept = json.loads((tmp_path / "speedrun.json").read_text())
    assert kept["preset"] == "laptop"
    assert all(kept["stages"][stage]["done"] for stage in STAGES)
    main(SpeedrunConfig(run=tmp_path))
    assert done == list(STAGES)
    assert "done already" in capsys.readouterr().out


def test_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[str] = []
    stop = ["dpo"]

    def work(stage: str) -> None:
        worked.append(stage)
        if stage in stop:
            raise Interrupted("stopped")

    def works(recipe: Speedrun, root: Path) -> dict[str, Callable[[], None]]:
        return {stage: lambda stage=stage: work(stage) for stage in STAGES}  # type: ignore[misc]

    monkeypatch.setattr(speedrun, "stage_works", works)
    with pytest.raises(Interrupted):
        main(SpeedrunConfig(run=tmp_path))
    stop.clear()
    main(SpeedrunConfig(run=tmp_path))
    assert worked == ["text", "base", "sft", "dpo", "dpo", "rl", "evaluation", "report"]


def test_refuses_another_preset_or_scale(done: list[str], tmp_path: Path) -> None:
    main(SpeedrunConfig(run=tmp_path))
    for config in (SpeedrunConfig("tiny", tmp_path), SpeedrunConfig("laptop", tmp_path, scale=2)):
        with pytest.raises(ConfigError, match="is a run of the preset 'laptop' at scale"):
            main(config)


@pytest.mark.parametrize(
    ("config", "message"),
    [(SpeedrunConfig("laptob"), "did you mean 'laptop'"), (SpeedrunConfig(scale=0), "--scale is 0")],
)
def test_refuses_what_cannot_be(config: SpeedrunConfig, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        main(replace(config, run=tmp_path))


def test_seconds_add_up_over_stops(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "laptop", 1.0, None)
    ledger.add("base", 2.0, done=False)
    again = Ledger(tmp_path, "laptop", 1.0, None)
    assert not again.is_done("base")
    again.add("base", 3.0, done=True)
    assert again.is_done("base")
    assert again.seconds == 5.0


def test_longer_trains_base_and_sft_for_longer() -> None:
    twice = longer(LAPTOP, 2)
    assert twice.base.loop.num_steps == 2 * LAPTOP.base.loop.num_steps
    assert twice.sft.loop.num_steps == 2 * LAPTOP.sft.loop.num_steps
    assert (twice.dpo, twice.rl) == (LAPTOP.dpo, LAPTOP.rl)


def test_the_lessons_and_their_tokenizer(tmp_path: Path) -> None:
    write_lessons(replace(SPEEDRUNS["tiny"], documents=200), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "lessons.jsonl").read_text(encoding="utf-8").split("\n") if line]
    assert len(rows) == 200
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.vocab_size == LAPTOP.base.vocab_size
    for header in ("user\n", "assistant\n"):  # every turn has one
        assert len(tokenizer.encode(header)) <= 3


@pytest.mark.parametrize(("preset", "scale"), [("gpu", 3), ("laptop", 0.001)])
def test_a_scale_that_would_change_nothing_or_leave_nothing(preset: str, scale: float) -> None:
    with pytest.raises(ConfigError, match="leaves no steps"):
        longer(SPEEDRUNS[preset], scale)


def test_a_recipe_of_ones_own(tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.json"
    file.write_text(
        '{"preset": "tiny", "text": "books/", "tasks": ["bpb", "svamp"], "questions": [1, 2, 3, 4],'
        ' "base": {"vocab_size": 700, "shape": {"num_heads": 2}, "optim": {"matrix_lr": 1}},'
        ' "sft": {"data": ["talks.jsonl=2"], "on_bad": "skip"}}'
    )
    tiny = SPEEDRUNS["tiny"]
    optim = replace(tiny.base.optim, matrix_lr=1)
    shape = replace(tiny.base.shape, num_heads=2)
    assert find_recipe(str(file)) == replace(
        tiny, text="books/", tasks=("bpb", "svamp"), questions=(1, 2, 3, 4),
        base=replace(tiny.base, vocab_size=700, shape=shape, optim=optim),
        sft=replace(tiny.sft, data=("talks.jsonl=2",), on_bad="skip"),
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    main(SpeedrunConfig(str(file)))
    assert (tmp_path / "runs/mine/speedrun.json").is_file()
    assert done == list(STAGES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "holds no recipe"),
        ("{", "is damaged"),
        ('{"preset": "laptob"}', "did you mean 'laptop'"),
        ('{"texd": "books/"}', "no option 'texd' in Speedrun; did you mean 'text'"),
        ('{"base": {"depht": 2}}', "no option 'depht' in PretrainConfig"),
        ('{"base": 3}', "'base' is 3"),
        ('{"base": {"vocab_size": "big"}}', "'vocab_size' is 'big', where something like 1536 belongs"),
        ('{"base": {"vocab_size": true}}', "'vocab_size' is True"),
        ('{"sft": {"data": "talks.jsonl"}}', "'data' is 'talks.jsonl'"),
    ],
)
def test_refuses_a_recipe_that_cannot_be(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        find_recipe(str(file))
