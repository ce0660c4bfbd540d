"""The whole way: what is done is not done again, and what was stopped goes on."""

import json
import mmap
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from primer import speedrun
from primer.core.errors import ConfigError, Interrupted, UserError
from primer.core.files import read_json, write_json
from primer.core.rundir import LEDGER
from primer.evaluate.report_data import read_speedrun
from primer.presets import LAPTOP, SPEEDRUNS, Speedrun, find_recipe, longer
from primer.speedrun import STAGES, Ledger, SpeedrunConfig, main, next_steps, write_lessons
from primer.text.tokenizer import Tokenizer
from primer.train.display import forget_peak


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


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("stopped. Go on with: primer dpo --resume")])
def test_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: BaseException
) -> None:
    worked: list[str] = []
    stop = [stage]

    def work(stage: str) -> None:
        worked.append(stage)
        if stage in stop:
            raise error

    def works(recipe: Speedrun, root: Path) -> dict[str, Callable[[], None]]:
        return {stage: lambda stage=stage: work(stage) for stage in STAGES}  # type: ignore[misc]

    monkeypatch.setattr(speedrun, "stage_works", works)
    monkeypatch.setattr(sys, "argv", ["primer", "speedrun", "--run", "my runs/a"])
    with pytest.raises(Interrupted) as stopped:
        main(SpeedrunConfig(run=tmp_path))
    again = "To go on, call it again: primer speedrun --run 'my runs/a'"
    assert str(stopped.value) == f"stopped in the stage {stage}. {again}"
    stop.clear()
    main(SpeedrunConfig(run=tmp_path))
    place = STAGES.index(stage)
    assert worked == [*STAGES[: place + 1], *STAGES[place:]]


def test_what_to_type_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/primer", "speedrun"])
    monkeypatch.delenv("MAKELEVEL", raising=False)
    lines = next_steps(Path("my runs/a")).splitlines()
    assert lines[-2:] == [".venv/bin/primer chat --run 'my runs/a/rl'", ".venv/bin/primer web --run 'my runs/a'"]
    monkeypatch.setenv("MAKELEVEL", "1")  # set by make in what it calls
    assert next_steps(Path("my runs/a")).splitlines()[-1] == "make web"


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


def test_the_ledger_keeps_how_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = {"command": "primer speedrun", "machine": "Xeon × 26, NVIDIA H100 80GB HBM3", "gpus": 8, "commit": "abc"}
    monkeypatch.setattr(speedrun, "made_by", lambda: began)
    Ledger(tmp_path, "8xh100", 1.0, None)
    monkeypatch.setattr(speedrun, "made_by", lambda: began | {"gpus": 1, "commit": "of another day"})
    assert Ledger(tmp_path, "8xh100", 1.0, None).kept == read_json(tmp_path / LEDGER)
    assert read_json(tmp_path / LEDGER).items() >= began.items()
    assert read_speedrun(tmp_path).price == 24


def test_a_ledger_of_before_claims_no_commit(tmp_path: Path) -> None:
    write_json(tmp_path / LEDGER, {"preset": "laptop", "scale": 1.0, "price": None, "stages": {}})
    assert "commit" not in Ledger(tmp_path, "laptop", 1.0, None).kept


def test_the_price_given_last_is_the_one(tmp_path: Path, done: list[str]) -> None:
    for price, expected in ((None, None), (2.0, 2.0), (None, 2.0), (24.0, 24.0), (0.0, 0.0)):
        main(SpeedrunConfig(run=tmp_path, price=price))
        assert read_speedrun(tmp_path).price == expected
    assert done == [*STAGES, "report", "report", "report"]  # which is written anew, and nothing else


def test_the_peak_of_memory_of_a_stage(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "laptop", 1.0, None)
    ledger.add("base", 2.0, done=False, peak=300)
    ledger.add("base", 2.0, done=True, peak=200)
    ledger.add("sft", 2.0, done=True, peak=300, so_far=True)
    ledger.add("dpo", 2.0, done=True)
    assert read_speedrun(tmp_path).memory == {"base": (300, False), "sft": (300, True)}


def test_a_stage_does_not_inherit_the_peak_of_the_one_before(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "laptop", 1.0, None)
    if not forget_peak():
        pytest.skip("this system does not count anew")
    with ledger.watch("base"), mmap.mmap(-1, 2**28) as memory:  # goes back to the system at once
        memory.write(bytes(2**28))
    with ledger.watch("sft"):
        pass
    with ledger.watch("dpo", in_others=True):
        pass
    peaks = read_speedrun(tmp_path).memory
    assert peaks["base"][0] > peaks["sft"][0] + 2**27
    assert not peaks["sft"][1]
    assert "dpo" not in peaks


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
