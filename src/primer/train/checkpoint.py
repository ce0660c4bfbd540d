"""All that is needed to go on: weights, optimizer, step.

    checkpoints/step_000500/  model.json  model.safetensors  optimizer.safetensors  state.json
    checkpoints/best.json     {"step": 500, "loss": 1.47}

A checkpoint is a folder that appears whole, by a rename, with the SHA-256 of each of its files in state.json. One that
does not match is never loaded. Order, learning rate and dropout are functions of the step, so nothing else is saved.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from primer.core.errors import CheckpointError, UserError
from primer.core.files import atomic_folder, read_json, sha256, write_json
from primer.core.rundir import RunDir
from primer.model.gpt import GPT
from primer.model.optim import MuonAdamW
from primer.model.weights import BEST_FILE, fill_model, load_tensors, read_best, save_model, save_tensors

STATE_PARTS = {
    "muon": ("momentum", "variance"), "rows": ("step", "variance"), "adamw": ("step", "exp_avg", "exp_avg_sq"),
}  # fmt: skip
OPTIMIZER_FILE, STATE_FILE = "optimizer.safetensors", "state.json"


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Of training: without evaluation, samples and saves."""
    loss_scale: float = 2.0**14
    """Of float16 alone."""
    extra: dict[str, Any] = field(default_factory=dict)
    """A stage's own numbers."""


def step_folder(run: RunDir, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return run.checkpoints / f"step_{step:06d}"


def saved_steps(run: RunDir) -> list[int]:
    """Steps with a checkpoint folder, in order."""
    names = (re.fullmatch(r"step_(\d+)", path.name) for path in run.checkpoints.glob("step_*"))
    return sorted(int(match[1]) for match in names if match)


def save_checkpoint(run: RunDir, model: GPT, optimizer: MuonAdamW, progress: Progress, keep: int) -> Path:
    """Write a checkpoint, then drop all but the newest `keep` and the best. Raises UserError on a full disk."""
    path = step_folder(run, progress.step)
    with atomic_folder(path) as folder:
        save_model(folder, model)
        save_tensors(folder / OPTIMIZER_FILE, optimizer_tensors(model, optimizer))
        state: dict[str, Any] = {"progress": vars(progress)}
        state["files"] = {file.name: sha256(file) for file in sorted(folder.iterdir())}
        write_json(folder / STATE_FILE, state | {"digest": digest(state)})
    drop_old(run, keep)
    return path


def mark_best(run: RunDir, step: int, loss: float, keep: int) -> None:
    """Note that the checkpoint of a step has the lowest validation loss so far; the best before may go."""
    write_json(run.checkpoints / BEST_FILE, {"step": step, "loss": loss})
    drop_old(run, keep)


def drop_old(run: RunDir, keep: int) -> None:
    """Remove all checkpoints but the newest `keep` and the best."""
    best_step, _ = read_best(run)
    for step in saved_steps(run)[:-keep]:
        if step != best_step:
            shutil.rmtree(step_folder(run, step), ignore_errors=True)


def drop_after(run: RunDir, step: int) -> None:
    """Remove the checkpoints after a step, which a resumed run passed over, and what a killed process half wrote."""
    for later in saved_steps(run):
        if later > step:
            shutil.rmtree(step_folder(run, later), ignore_errors=True)
    for leftover in run.checkpoints.glob(".step_*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)


def load_checkpoint(folder: Path, model: GPT, optimizer: MuonAdamW | None) -> Progress:
    """Fill a model and its optimizer. Raises CheckpointError if a file is damaged or of another model; then neither
    has been touched by a damaged file."""
    state = verified_state(folder)
    fill_model(model, load_tensors(folder / "model.safetensors"), folder)
    if optimizer is not None:
        fill_optimizer(model, optimizer, load_tensors(folder / OPTIMIZER_FILE))
    return Progress(**state["progress"])


def load_newest(run: RunDir, model: GPT, optimizer: MuonAdamW, report: Callable[[str], None]) -> Progress:
    """Load the newest good checkpoint, reporting damaged ones on the way. Raises CheckpointError if none is good."""
    return load_checkpoint(newest_good(run, report), model, optimizer)


def newest_good(run: RunDir, report: Callable[[str], None] = lambda _: None) -> Path:
    """The newest checkpoint that is as it was written. Raises CheckpointError if there is none."""
    steps = saved_steps(run)
    if not steps:
        raise CheckpointError(f"{run.path} has no checkpoint to resume from. Start it again without --resume.")
    for step in reversed(steps):
        try:
            verified_state(step_folder(run, step))
        except CheckpointError as error:
            report(f"{error} Trying the one before.")
            continue
        return step_folder(run, step)
    raise CheckpointError(f"every checkpoint of {run.path} is damaged. Start the run again without --resume.")


def verified_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint whose files are all as they were written. Raises CheckpointError otherwise."""
    try:
        state: dict[str, Any] = read_json(folder / STATE_FILE)
        expected = state.pop("digest")
        sound = isinstance(state, dict) and expected == digest(state)
    except (UserError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder} is damaged: {STATE_FILE} cannot be read.") from error
    if not sound:
        raise CheckpointError(f"{folder} is damaged: {STATE_FILE} is not as it was written.")
    for name, expected in state["files"].items():
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is damaged: {name} is missing.")
        if sha256(folder / name) != expected:
            raise CheckpointError(f"{folder} is damaged: {name} is not as it was written.")
    return state


def digest(state: dict[str, Any]) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def optimizer_tensors(model: GPT, optimizer: MuonAdamW) -> dict[str, Tensor]:
    """The optimizer's state by the names of the weights: `blocks.0.mlp.up.weight/momentum`."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {f"{names[id(p)]}/{key}": value for p, state in optimizer.state.items() for key, value in state.items()}


def fill_optimizer(model: GPT, optimizer: MuonAdamW, tensors: dict[str, Tensor]) -> None:
    """Undo `optimizer_tensors`. Raises CheckpointError for what another model or kind of optimizer keeps."""
    parameters = dict(model.named_parameters())
    kinds = {id(p): group["kind"] for group in optimizer.param_groups for p in group["params"]}
    optimizer.state.clear()
    for key, value in tensors.items():
        name, _, part = key.rpartition("/")
        if name not in parameters:
            raise CheckpointError(f"the optimizer's state is of another model: it has {name}.")
        if part not in STATE_PARTS[kinds[id(parameters[name])]]:
            raise CheckpointError(f"the optimizer's state is of another kind of optimizer: it has {key}.")
        optimizer.state[parameters[name]][part] = value.to(parameters[name].device)
