"""A model folder: model.json, model.safetensors and the tokenizer's files. Knows nothing of training."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from primer.core.errors import CheckpointError, UserError
from primer.core.files import explain_os_error, read_json, sha256, write_json
from primer.core.rundir import RunDir
from primer.model.gpt import GPT, GPTConfig

CONFIG_FILE, WEIGHTS_FILE, BEST_FILE = "model.json", "model.safetensors", "best.json"


def save_model(folder: Path, model: GPT) -> None:
    """Write model.json and model.safetensors into an existing folder. Tied weights are stored once."""
    write_json(folder / CONFIG_FILE, dataclasses.asdict(model.config))
    save_tensors(folder / WEIGHTS_FILE, model_tensors(model))


def load_model(folder: Path, device: torch.device | str = "cpu") -> GPT:
    """Build the model of a folder and fill it. Raises CheckpointError for missing, damaged or misfitting files."""
    model = GPT(config_from_json(read_config(folder / CONFIG_FILE), folder))
    fill_model(model, load_tensors(folder / WEIGHTS_FILE), folder)
    return model.to(device)


def find_weights(run: Path, step: int | None = None) -> Path:
    """The model folder of a run: of a step, or the best, or, before a first evaluation, the newest.

    Raises CheckpointError if there is none, or if its files, or the note of the best, are not as they were written.
    """
    folders = {
        int(match[1]): path
        for path in (run / "checkpoints").glob("step_*")
        if (match := re.fullmatch(r"step_(\d+)", path.name)) and (path / WEIGHTS_FILE).is_file()
    }
    if not folders:
        raise CheckpointError(f"{run} has no checkpoint yet. Train it first, or give another --run.")
    if step is None:
        best, _ = read_best(RunDir(run))
        step = best if best in folders else max(folders)
    elif step not in folders:
        raise CheckpointError(f"{run} has no checkpoint of step {step}; it has {', '.join(map(str, sorted(folders)))}.")
    folder = folders[step]
    state = folder / "state.json"
    expected = read_json(state).get("files", {}) if state.is_file() else {}
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if name in expected and (not (folder / name).is_file() or sha256(folder / name) != expected[name]):
            raise CheckpointError(f"{folder} is damaged: {name} is not as it was written. Use another --step.")
    return folder


def read_best(run: RunDir) -> tuple[int, float]:
    """Step and validation loss of the best checkpoint; (-1, infinity) before the first evaluation. Raises
    CheckpointError if the note of it is damaged."""
    path = run.checkpoints / BEST_FILE
    if not path.exists():
        return -1, float("inf")
    try:
        best = read_json(path)
        return int(best["step"]), float(best["loss"])
    except (UserError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{path} is damaged. Delete it; the next evaluation writes it anew.") from error


def model_tensors(model: GPT) -> dict[str, Tensor]:
    """Name to weight; the head of a tied model is left out, since it is the embedding."""
    return {name: p.detach() for name, p in model.named_parameters()}


def fill_model(model: GPT, tensors: dict[str, Tensor], source: Path) -> None:
    """Copy tensors into a model. Raises CheckpointError if a name or a shape differs."""
    parameters = dict(model.named_parameters())
    wrong = [f"{name} is missing" for name in parameters.keys() - tensors.keys()]
    wrong += [f"{name} is unknown" for name in tensors.keys() - parameters.keys()]
    wrong += [
        f"{name} is {tuple(tensors[name].shape)}, the model's {tuple(p.shape)}"
        for name, p in parameters.items()
        if name in tensors and tensors[name].shape != p.shape
    ]
    if wrong:
        raise CheckpointError(
            f"the weights in {source} belong to a model of another family or shape: {'; '.join(sorted(wrong)[:3])}. "
            "Use the config they were trained with."
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


def read_config(path: Path) -> dict[str, Any]:
    """The fields of a model.json. Raises CheckpointError if it is missing or damaged."""
    try:
        values: dict[str, Any] = read_json(path)
    except UserError as error:
        raise CheckpointError(str(error)) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is damaged: it holds no fields of a model. Use another checkpoint.")
    return values


def config_from_json(values: dict[str, Any], source: Path) -> GPTConfig:
    """The config of a model.json. Raises CheckpointError for fields this version does not know."""
    known = {field.name for field in dataclasses.fields(GPTConfig)}
    if unknown := sorted(values.keys() - known):
        raise CheckpointError(f"{source} has unknown model fields {', '.join(unknown)}: it is of another version.")
    try:
        return GPTConfig(**values | {"ngrams": tuple(values.get("ngrams", ()))})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{source} holds no valid model config: {error}.") from error


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any] | None = None) -> None:
    """Write tensors as safetensors. Raises UserError if the disk is full."""
    try:
        save_file(
            {name: t.contiguous() for name, t in tensors.items()},
            path,
            {"primer": json.dumps(metadata or {})},
        )
    except OSError as error:
        raise explain_os_error(error, path) from error
    except SafetensorError as error:  # the Rust side reports a full disk in its own words
        raise CheckpointError(f"cannot write {path}: {error}. Make room and run again.") from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors. Raises CheckpointError if the file is missing or damaged."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist.") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Use another checkpoint.") from error
