"""How much memory a stage of training takes: what is said of it before it begins, and what its rows are chosen by.

Rather too much than too little: tests hold it to what processes took, and to three times that (docs/log.md).
"""

from dataclasses import dataclass

import torch

from primer.core.runtime import Runtime
from primer.model.gpt import LOGITS_AT_ONCE, GPTConfig
from primer.train.display import memory_used

STILL_TO_LOAD = 3 * 2**26  # numba and its loops, pictures, the report: what a process loads when it comes to it


@dataclass(frozen=True)
class Load:
    """What a stage computes at once."""

    trained: int
    """Tokens of training: those of a micro-batch, for each thread that computes one."""
    measured: int = 0
    """Tokens that are read without a gradient: by an evaluation, or to answer a prompt."""
    answers: int = 0
    """Answers that are written side by side."""
    models: int = 1
    """2 where a reference is kept beside the one that learns."""


def memory_needed(model: GPTConfig, num_parameters: int, load: Load, runtime: Runtime) -> int:
    """Bytes of training, about, and rather too many. On a GPU those on the GPU. On a CPU those of the process: what it
    has held so far (Python, PyTorch, weights, data), and what is to come. Pages of files are not counted: the system
    takes them back when it needs them."""
    on_cpu = runtime.device.type == "cpu"
    at_work = max(8, 4 * runtime.threads if on_cpu else 0)  # a gradient for each thread, or Muon's matrices
    needed = num_parameters * (4 + 8 + at_work)  # gradient and optimizer
    needed += activation_bytes(model, load.trained, runtime.dtype) + passing_bytes(model, load.measured, runtime.dtype)
    needed += cache_bytes(model, load.answers, runtime.dtype)
    return needed + (memory_used() + STILL_TO_LOAD if on_cpu else 4 * num_parameters * load.models)


def activation_bytes(model: GPTConfig, tokens: int, dtype: torch.dtype) -> int:
    """Memory that the forward pass of some tokens leaves for the backward pass, about: 28 C numbers a layer and token,
    and seven times the logits held at once (raw, divided, tanh, capped, log-softmax, and two gradients)."""
    numbers = tokens * model.num_layers * (16 * model.width + 3 * model.mlp_width)
    logits = 7 * min(tokens * model.vocab_size, 2 * LOGITS_AT_ONCE)
    return numbers * dtype.itemsize + logits * 4


def passing_bytes(model: GPTConfig, tokens: int, dtype: torch.dtype) -> int:
    """Memory of a forward pass that nothing comes back through: one layer, and four times the logits held at once."""
    numbers = tokens * (12 * model.width + 2 * model.mlp_width)
    return numbers * dtype.itemsize + 4 * min(tokens * model.vocab_size, LOGITS_AT_ONCE) * 4


def cache_bytes(model: GPTConfig, answers: int, dtype: torch.dtype) -> int:
    """Keys, values and neighbours of answers as long as the context."""
    a_token = 2 * model.num_kv_heads * model.head_dim + (model.width if model.neighbours else 0)
    return answers * model.context * model.num_layers * a_token * dtype.itemsize


def rows_side_by_side(micro_rows: int, rows: int, runtime: Runtime) -> int:
    """Rows of a rank's share of a step that are computed at once: on a CPU by each thread a micro-batch."""
    return min(rows, micro_rows * (runtime.threads if runtime.device.type == "cpu" else 1))


def in_gib(needed: int) -> str:
    """Bytes for people."""
    return f"{needed / 2**30:.2f} GiB"
