"""Validation loss and bits per byte, over the whole split."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from primer.core.runtime import Runtime
from primer.model.gpt import GPT
from primer.text.shards import Shards

TOKENS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Validation:
    """What an evaluation found."""

    loss: float
    """Mean of -log p over targets, in nats."""
    bits_per_byte: float
    """Bits to encode a byte of the text: comparable between tokenizers, which the loss is not."""
    num_targets: int


def evaluate_loss(
    model: GPT, shards: Shards, byte_lengths: Tensor, runtime: Runtime, context: int, max_tokens: int = 0
) -> Validation:
    """Loss over a split cut into rows of `context`, each of its tokens predicted once; `byte_lengths` (V,) are the
    bytes of each id. `max_tokens` > 0 stops there. The rows are shared out among the ranks."""
    was_training = model.training
    model.eval()
    totals = torch.zeros(3, dtype=torch.float64)
    with torch.no_grad():
        for rows in batches_of_rows(shards, context, max_tokens, runtime):
            ids = torch.from_numpy(rows)
            inputs, targets = ids[:, :-1].to(runtime.device), ids[:, 1:].to(runtime.device)
            loss = model.token_losses(inputs, targets).sum(dtype=torch.float64).cpu()
            totals += torch.stack([loss, byte_lengths[ids[:, 1:]].sum().double(), torch.tensor(float(targets.numel()))])
    model.train(was_training)
    loss_sum, num_bytes, num_targets = runtime.sum(totals.to(runtime.device)).tolist()
    return Validation(loss_sum / num_targets, loss_sum / math.log(2) / max(1.0, num_bytes), int(num_targets))


def batches_of_rows(shards: Shards, context: int, max_tokens: int, runtime: Runtime) -> Iterator[np.ndarray]:
    """This rank's rows (n, context + 1), about TOKENS_AT_ONCE tokens at a time."""
    size = min(shards.num_tokens, max_tokens + 1) if max_tokens else shards.num_tokens
    num_rows = (size - 1) // context
    at_once = max(1, TOKENS_AT_ONCE // context)
    for first in range(runtime.rank * at_once, num_rows, runtime.world_size * at_once):
        count = min(at_once, num_rows - first)
        flat = shards.read(first * context, count * context + 1)
        view = np.lib.stride_tricks.sliding_window_view(flat, context + 1)[::context]
        yield cast(np.ndarray, view.copy())
