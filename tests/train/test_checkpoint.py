"""A checkpoint comes back to the last bit, or says what is wrong; rubbish is never loaded."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import tiny
import torch

from primer.core.errors import CheckpointError
from primer.core.rundir import RunDir
from primer.model.gpt import GPT
from primer.model.optim import MuonAdamW, OptimConfig, build_optimizer
from primer.model.weights import BEST_FILE, find_weights, load_model, read_best
from primer.train.checkpoint import (
    Progress,
    drop_after,
    load_checkpoint,
    load_newest,
    mark_best,
    optimizer_tensors,
    save_checkpoint,
    saved_steps,
    step_folder,
)

FILES = ["model.json", "model.safetensors", "optimizer.safetensors", "state.json"]


def trained(steps: int, seed: int = 0, family: str = "primer") -> tuple[GPT, MuonAdamW]:
    """A model and its optimizer after some steps."""
    model = tiny.model(seed, family)
    optimizer = build_optimizer(model, OptimConfig())
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        ids = torch.randint(0, 64, (2, tiny.CONTEXT + 1), generator=generator)
        model.token_losses(ids[:, :-1], ids[:, 1:]).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of the steps 2, 4 and 6."""
    folder = RunDir(tmp_path_factory.mktemp("sound"))
    for step in (2, 4, 6):
        save_checkpoint(folder, *trained(step), Progress(step, tokens=10 * step), keep=9)
    return folder.path


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> RunDir:
    """A copy of it, to be damaged."""
    return RunDir(Path(shutil.copytree(sound, tmp_path / "run")))


def flip(path: Path, place: float) -> None:
    """Turn one bit round."""
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Lose the second half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    """Lose everything but the name."""
    path.write_bytes(b"")


def remove(path: Path) -> None:
    """Lose the name as well."""
    path.unlink()


def nonsense(path: Path) -> None:
    """Valid JSON of another kind."""
    path.write_text("[1, 2]")


DAMAGE = [*(partial(flip, place=place) for place in (0.0, 0.5, 1.0)), cut, empty, remove, nonsense]


@pytest.mark.parametrize("family", ["primer", "gpt2"])
def test_everything_comes_back(tmp_path: Path, family: str) -> None:
    model, optimizer = trained(3, family=family)
    progress = Progress(3, 99, 1.5, 2.0**10, {"a": [1]})
    folder = save_checkpoint(RunDir(tmp_path), model, optimizer, progress, keep=1)
    assert sorted(file.name for file in folder.iterdir()) == FILES
    other, its_optimizer = trained(1, seed=9, family=family)
    assert load_checkpoint(folder, other, its_optimizer) == progress
    assert tiny.same(tiny.weights(other), tiny.weights(model))
    assert tiny.same(optimizer_tensors(other, its_optimizer), optimizer_tensors(model, optimizer))
    assert tiny.same(tiny.weights(load_model(folder)), tiny.weights(model))


def test_the_newest_are_kept_and_the_best(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert read_best(run) == (-1, float("inf"))
    model, optimizer = trained(1)
    for step, loss in ((1, 3.0), (2, 2.9), (3, 1.0), (4, 2.0), (10, 2.5), (1_000_000, 2.2)):
        save_checkpoint(run, model, optimizer, Progress(step), keep=2)
        if loss < read_best(run)[1]:
            mark_best(run, step, loss, keep=2)
    assert read_best(run) == (3, 1.0)
    assert saved_steps(run) == [3, 10, 1_000_000]


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"step": 2}', '{"step": null, "loss": 1}', '{"step": Infinity, "loss": 1}']
)
def test_a_damaged_note_of_the_best(tmp_path: Path, content: str) -> None:
    """Those who train and those who only read the weights say the same."""
    run = RunDir(tmp_path)
    save_checkpoint(run, *trained(1), Progress(2), keep=1)
    (run.checkpoints / BEST_FILE).write_text(content)
    for read in (lambda: read_best(run), lambda: find_weights(tmp_path)):
        with pytest.raises(CheckpointError, match=r"best\.json is damaged. Delete it"):
            read()
    assert find_weights(tmp_path, 2).name == "step_000002"  # which needs no such note


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_checkpoint_is_passed_over_and_named(run: RunDir, file: str, damage: Callable[[Path], None]) -> None:
    damage(step_folder(run, 6) / file)
    said: list[str] = []
    model, optimizer = trained(1, seed=5)
    progress = load_newest(run, model, optimizer, said.append)
    expected, its_optimizer = trained(4)
    assert progress == Progress(4, tokens=40)
    assert tiny.same(tiny.weights(model), tiny.weights(expected))
    assert tiny.same(optimizer_tensors(model, optimizer), optimizer_tensors(expected, its_optimizer))
    assert len(said) == 1
    assert all(word in said[0] for word in ("step_000006 is damaged", file, "the one before"))
    with pytest.raises(CheckpointError, match=file):
        load_checkpoint(step_folder(run, 6), model, optimizer)
    assert tiny.same(tiny.weights(model), tiny.weights(expected))  # nothing of it was loaded


def test_a_folder_of_nothing_is_passed_over(run: RunDir) -> None:
    step_folder(run, 8).mkdir()
    (run.checkpoints / ".step_000009.77.tmp").mkdir()
    said: list[str] = []
    assert load_newest(run, *trained(1), said.append).step == 6
    assert len(said) == 1


def test_when_every_checkpoint_is_damaged(run: RunDir) -> None:
    for step, damage in zip((2, 4, 6), (cut, remove, empty), strict=True):
        damage(step_folder(run, step) / "model.safetensors")
    model, optimizer = trained(1)
    before = tiny.weights(model)
    with pytest.raises(CheckpointError, match=r"every checkpoint .* is damaged"):
        load_newest(run, model, optimizer, lambda _: None)
    assert tiny.same(tiny.weights(model), before)


def test_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        load_newest(RunDir(tmp_path), *trained(1), lambda _: None)


def test_a_state_that_was_edited(run: RunDir) -> None:
    path = step_folder(run, 6) / "state.json"
    state = json.loads(path.read_text())
    state["progress"]["step"] = 7
    path.write_text(json.dumps(state))
    with pytest.raises(CheckpointError, match=r"state\.json is not as it was written"):
        load_checkpoint(step_folder(run, 6), *trained(1))


def test_a_model_of_another_shape_or_family(run: RunDir) -> None:
    for other in (tiny.model(ngram_buckets=128), tiny.model(family="llama"), tiny.model(family="gpt2")):
        with pytest.raises(CheckpointError, match="another family or shape"):
            load_checkpoint(step_folder(run, 6), other, None)


def test_the_state_of_another_optimizer(run: RunDir) -> None:
    model = tiny.model()
    with pytest.raises(CheckpointError, match="another kind of optimizer"):
        load_checkpoint(step_folder(run, 6), model, build_optimizer(model, OptimConfig(optimizer="adamw")))


@pytest.mark.parametrize("damage", [cut, empty, remove, nonsense])
def test_a_model_folder_without_a_sound_config(run: RunDir, damage: Callable[[Path], None]) -> None:
    damage(step_folder(run, 2) / "model.json")
    with pytest.raises(CheckpointError):
        load_model(step_folder(run, 2))


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_damaged_weights_are_not_used(run: RunDir, file: str, damage: Callable[[Path], None]) -> None:
    mark_best(run, 4, 1.0, keep=9)
    assert find_weights(run.path) == step_folder(run, 4)
    damage(step_folder(run, 4) / file)
    if (step_folder(run, 4) / "model.safetensors").exists():
        with pytest.raises(CheckpointError, match=f"{file} is not as it was written"):
            find_weights(run.path)
    else:
        assert find_weights(run.path) == step_folder(run, 6)


def test_dropping_what_comes_after_a_step(run: RunDir) -> None:
    (run.checkpoints / ".step_000009.77.tmp").mkdir()
    mark_best(run, 2, 1.0, keep=9)
    drop_after(run, 4)
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["best.json", "step_000002", "step_000004"]
