"""Pretraining from begin to end: what a run leaves, how it goes on, and what it refuses."""

import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from primer.core.errors import CheckpointError, ConfigError, CorpusError, Interrupted, TokenizerError, UserError
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime
from primer.model.weights import read_best
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.prepare import prepare
from primer.text.shards import write_shard
from primer.text.tokenizer import Tokenizer, train_tokenizer
from primer.train import pretrain as module
from primer.train.checkpoint import saved_steps, step_folder
from primer.train.data import load_data
from primer.train.dial import resolve
from primer.train.loop import Step
from primer.train.pretrain import PretrainConfig, PretrainStage, pretrain
from primer.train.runner import Runner

TIMES = {"seconds", "step_seconds", "tokens_per_second"}


@pytest.fixture(autouse=True)
def no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's peak is not what is tested here."""
    monkeypatch.setattr("primer.train.runner.measured_flops", lambda runtime: 1e10)


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Press Ctrl-C in a step (0: never)."""
    log = Runner.log

    def stop(number: int) -> None:
        def pressed(self: Runner, step: Step) -> None:
            log(self, step)
            if step.progress.step == number:
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(Runner, "log", pressed)

    return stop


def metrics(run: Path) -> list[dict[str, float]]:
    """metrics.jsonl without what differs from one machine and moment to the next."""
    return [{k: v for k, v in row.items() if k not in TIMES} for row in RunDir(run).metrics()]


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the lock."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_what_a_run_leaves(shards_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_TOKENS", 8)
    run = RunDir(tmp_path / "run")
    config = tiny.pretrain_config(shards_folder, sample_every=6, tensorboard=True, prompt="the ")
    tiny.train_run(config, run.path)
    rows = run.metrics()
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 13))
    assert [row["tokens"] for row in steps] == [step * 4 * tiny.CONTEXT for step in range(1, 13)]
    assert steps[-1]["loss"] < steps[0]["loss"]
    evaluations = {row["step"]: row for row in rows if "validation_loss" in row}
    assert sorted(evaluations) == [6, 12]
    best, loss = read_best(run)
    assert saved_steps(run) == sorted({best, 9, 12})  # the newest two and the best
    assert loss == pytest.approx(min(row["validation_loss"] for row in evaluations.values()), abs=1e-6)
    assert evaluations[best]["validation_loss"] == pytest.approx(loss, abs=1e-6)
    assert sorted(file.name for file in run.samples.iterdir()) == ["step_000006.txt", "step_000012.txt"]
    assert (run.samples / "step_000012.txt").read_text().startswith("the ")
    assert Tokenizer.load(run.path).fingerprint == Tokenizer.load(shards_folder).fingerprint
    assert list((run.path / "tensorboard").glob("events.*"))
    assert (run.path / "loss.png").stat().st_size
    assert f"{loss:.4f} after step {best}" in (run.path / "report.md").read_text()
    saved = json.loads(run.config_file.read_text())
    assert saved["config"]["run"] is None  # the folder can be moved
    assert str(tmp_path / "run") not in json.dumps(saved["plan"])


@pytest.mark.parametrize(
    ("data", "changes", "threads"),
    [
        ("shards_folder", {"order": "windows"}, 1),
        ("shards_folder", {"dropout": 0.2, "noise": 0.1}, 1),
        ("shards_folder", {"micro_rows": 1}, 2),
        ("documents_folder", {"order": "packed"}, 1),
    ],
)
def test_a_resumed_run_is_the_unbroken_one(
    request: pytest.FixtureRequest, tmp_path: Path, stop_at: Callable[[int], None], data: str, changes: dict[str, Any],
    threads: int,
) -> None:  # fmt: skip
    runtime = dataclasses.replace(tiny.CPU, threads=threads)
    config = tiny.pretrain_config(request.getfixturevalue(data), **changes)
    whole = tiny.train_run(config, tmp_path / "whole", runtime)
    for number in (5, 8):  # between two saves
        stop_at(number)
        with pytest.raises(Interrupted, match=f"after step {number}; everything is saved.*--resume") as error:
            tiny.train_run(dataclasses.replace(config, resume=number > 5), tmp_path / "parts", runtime)
        assert str(tmp_path / "parts") in str(error.value)
    stop_at(0)
    parts = tiny.train_run(dataclasses.replace(config, resume=True), tmp_path / "parts", runtime)
    assert tiny.same(whole, parts)
    assert metrics(tmp_path / "whole") == metrics(tmp_path / "parts")
    assert read_best(RunDir(tmp_path / "whole")) == read_best(RunDir(tmp_path / "parts"))


def test_noise_is_in_what_is_read_and_not_in_what_follows(shards_folder: Path, tmp_path: Path) -> None:
    config = tiny.pretrain_config(shards_folder, noise=0.3, batch_rows=64, micro_rows=64)
    data = load_data(config, RunDir(tmp_path), tiny.CPU)
    noisy, plain = (
        PretrainStage(
            resolve(dataclasses.replace(config, noise=noise), data.tokenizer.vocab_size, tiny.CPU), data, tiny.CPU
        )
        for noise in (0.3, 0.0)
    )
    (found,), (again,), (clean,) = noisy.batches(3), noisy.batches(3), plain.batches(3)
    assert torch.equal(found.targets, clean.targets)
    assert torch.equal(found.inputs, again.inputs)
    assert 0.2 < (found.inputs != clean.inputs).float().mean() < 0.35  # some are replaced by themselves


@pytest.fixture(scope="module")
def finished(shards_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has come to its end; copy it before changing it."""
    run = tmp_path_factory.mktemp("finished") / "run"
    tiny.train_run(tiny.pretrain_config(shards_folder), run)
    return run


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of it: a run can be moved."""
    return Path(shutil.copytree(finished, tmp_path / "moved"))


def test_a_finished_run_says_so_and_changes_nothing(
    shards_folder: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(done)
    tiny.train_run(tiny.pretrain_config(shards_folder, resume=True), done)
    assert "is finished already: all 12 steps are done" in capsys.readouterr().out
    assert content(done) == before


def test_a_run_that_was_begun_is_not_overwritten(shards_folder: Path, done: Path) -> None:
    config = tiny.pretrain_config(shards_folder)
    with pytest.raises(ConfigError, match=r"holds a run already\. Go on with --resume, or choose another --run"):
        tiny.train_run(config, done)
    (done / "config.json").unlink()  # its checkpoints are still someone's
    with pytest.raises(ConfigError, match="holds a run already"):
        tiny.train_run(config, done)


def test_there_is_nothing_to_resume(shards_folder: Path, tmp_path: Path, done: Path) -> None:
    config = tiny.pretrain_config(shards_folder, resume=True)
    with pytest.raises(ConfigError, match=r"no run to resume\. Start it without --resume"):
        tiny.train_run(config, tmp_path / "nothing")
    shutil.rmtree(done / "checkpoints")
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        tiny.train_run(config, done)


def test_a_damaged_checkpoint_is_made_again(
    shards_folder: Path, finished: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = step_folder(RunDir(done), 12) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (done / "checkpoints" / ".step_000012.4711.tmp").mkdir()
    final = tiny.train_run(tiny.pretrain_config(shards_folder, resume=True), done)
    assert "model.safetensors is not as it was written. Trying the one before." in capsys.readouterr().out
    assert tiny.same(final, tiny.final_weights(finished))
    assert metrics(done) == metrics(finished)
    assert sorted(path.name for path in (done / "checkpoints").iterdir()) == ["best.json", "step_000009", "step_000012"]


def test_an_evaluation_that_was_cut_off_is_made_up_for(
    shards_folder: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = module.evaluate_loss
    for number in (1, 2):  # the run dies in its first evaluation, and again in its last

        def dies(*args: Any, seen: list[int] = [], last: int = number) -> Any:  # noqa: B006
            seen.append(1)
            if len(seen) == last:
                raise MemoryError
            return evaluate(*args)

        monkeypatch.setattr(module, "evaluate_loss", dies)
        with pytest.raises(MemoryError):
            tiny.train_run(tiny.pretrain_config(shards_folder, resume=number > 1), tmp_path / "run")
    monkeypatch.setattr(module, "evaluate_loss", evaluate)
    tiny.train_run(tiny.pretrain_config(shards_folder, resume=True), tmp_path / "run")
    assert metrics(tmp_path / "run") == metrics(finished)
    assert read_best(RunDir(tmp_path / "run")) == read_best(RunDir(finished))
    assert (tmp_path / "run" / "report.md").is_file()


def test_a_run_goes_on_without_the_text_it_came_from(
    text_file: Path, tmp_path: Path, stop_at: Callable[[int], None]
) -> None:
    text = Path(shutil.copy(text_file, tmp_path))
    config = tiny.pretrain_config(text)
    stop_at(4)
    with pytest.raises(Interrupted):
        tiny.train_run(config, tmp_path / "run")
    text.unlink()
    stop_at(0)
    tiny.train_run(dataclasses.replace(config, resume=True), tmp_path / "run")
    assert saved_steps(RunDir(tmp_path / "run"))[-1] == 12


def test_other_ranks_must_share_the_rows(shards_folder: Path, done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three = dataclasses.replace(tiny.CPU, rank=1, world_size=3)
    monkeypatch.setattr(Runtime, "barrier", lambda self: None)
    with pytest.raises(ConfigError, match="4 rows a step cannot be shared by 3 ranks"):
        tiny.train_run(tiny.pretrain_config(shards_folder, resume=True), done, three)


def prepared(folder: Path, text: str, vocabulary: str | None = None) -> Path:
    """Shards of a text, and the tokenizer of the same or another text beside them."""
    folder.mkdir()
    (folder / "text.txt").write_text(text)
    corpus = open_corpus(CorpusConfig(data=str(folder / "text.txt")))
    prepare(corpus, train_tokenizer([text], 0, "char"), folder / "shards", workers=1)
    if vocabulary is not None:
        train_tokenizer([vocabulary], 0, "char").save(folder / "shards")
    return folder / "shards"


def foreign(folder: Path, train: list[int], validation: list[int]) -> Path:
    """Shards as others make them: no manifest."""
    folder.mkdir()
    for split, ids in (("train", train), ("val", validation)):
        write_shard(folder / f"x_{split}_000000.bin", [np.array(ids, dtype=np.uint16)])
    return folder


def test_shards_of_another_tokenizer(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data", tiny.words(800), vocabulary=tiny.words(800).upper())
    with pytest.raises(TokenizerError, match="made with another tokenizer"):
        tiny.train_run(tiny.pretrain_config(data), tmp_path / "run")


def test_a_run_of_another_tokenizer(tmp_path: Path, done: Path) -> None:
    data = prepared(tmp_path / "data", tiny.words(800).upper())
    with pytest.raises(TokenizerError, match=r"not the one that .* was trained with"):
        tiny.train_run(tiny.pretrain_config(data, resume=True), done)


@pytest.mark.parametrize("where", ["train", "validation"])
def test_ids_beyond_the_vocabulary(tmp_path: Path, where: str) -> None:
    good, bad = [1, 2, 3] * 100, [1, 2, 5000] * 100
    data = foreign(tmp_path / "data", *((bad, good) if where == "train" else (good, bad)))
    train_tokenizer([tiny.words(80)], 0, "char").save(data)
    with pytest.raises(TokenizerError, match="id 5000, but the tokenizer has"):
        tiny.train_run(tiny.pretrain_config(data), tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_an_id_beyond_the_vocabulary_far_down_the_text() -> None:
    def read(numbers: range) -> np.ndarray:
        return np.full((len(numbers), 17), 99 if 8 in numbers else 1)

    stage = PretrainStage.__new__(PretrainStage)
    stage.plan, stage.runtime = SimpleNamespace(batch_rows=4, micro_rows=2, noise=0.0), tiny.CPU  # type: ignore[assignment]
    stage.tokenizer, stage.rows = SimpleNamespace(vocab_size=60), SimpleNamespace(read=read)  # type: ignore[assignment]
    assert [len(batch.inputs) for batch in stage.batches(1)] == [2, 2]
    with pytest.raises(TokenizerError, match="id 99"):
        stage.batches(2)


def test_shards_without_a_tokenizer_or_a_validation_split(tmp_path: Path) -> None:
    data = foreign(tmp_path / "data", [1] * 100, [1] * 100)
    with pytest.raises(TokenizerError, match="shards without their tokenizer"):
        tiny.train_run(tiny.pretrain_config(data), tmp_path / "run")
    train_tokenizer([tiny.words(80)], 0, "char").save(data)
    (data / "x_val_000000.bin").unlink()
    with pytest.raises(CorpusError, match="no validation shards"):
        tiny.train_run(tiny.pretrain_config(data), tmp_path / "run")


def test_a_prompt_that_cannot_be_written_is_refused_before_training(shards_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="'Ω'"):
        tiny.train_run(tiny.pretrain_config(shards_folder, prompt="Ω"), tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize("content", ["{}", "[]", "{"])
def test_a_damaged_config(shards_folder: Path, done: Path, content: str) -> None:
    (done / "config.json").write_text(content)
    with pytest.raises(UserError):
        pretrain(tiny.pretrain_config(shards_folder, resume=True), RunDir(done), tiny.CPU)
    with pytest.raises(UserError):
        module.saved_config(RunDir(done))


def test_saved_options_are_those_that_were_given(shards_folder: Path, done: Path) -> None:
    config = tiny.pretrain_config(shards_folder)
    assert module.saved_config(RunDir(done)) == dataclasses.replace(config, run=done, resume=True)
    assert isinstance(config, PretrainConfig)
