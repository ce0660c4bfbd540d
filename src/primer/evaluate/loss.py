"""Validation loss and bits per byte, over the whole split."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from primer.core.errors import CorpusError, TokenizerError
from primer.core.runtime import Runtime
from primer.model.dropout import without_dropout
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
    """Loss over a split cut into rows of `context`, each of its tokens but the first predicted once; `byte_lengths`
    (V,) are the bytes of each id. `max_tokens` > 0 stops there. The rows are shared out among the ranks.

    Raises CorpusError for a split of less than two tokens, TokenizerError for ids that the tokenizer does not have.
    """
    loss_sum, num_bytes, num_targets = 0.0, 0, 0
    with without_dropout(model), torch.no_grad():
        for rows in batches_of_rows(shards, context, max_tokens, runtime):
            ids = torch.from_numpy(rows)
            if int(ids.max()) >= len(byte_lengths):
                raise TokenizerError(
                    f"the validation split holds id {int(ids.max())}, but the tokenizer has {len(byte_lengths)} ids: "
                    "the shards are not its. Prepare them with this tokenizer."
                )
            inputs, targets = ids[:, :-1].to(runtime.device), ids[:, 1:].to(runtime.device)
            loss_sum += float(model.token_losses(inputs, targets).cpu().sum(dtype=torch.float64))
            num_bytes += int(byte_lengths[ids[:, 1:]].sum())
            num_targets += targets.numel()
    losses, total_bytes, total_targets = runtime.sum_numbers([loss_sum, num_bytes, num_targets])
    return Validation(losses / total_targets, losses / math.log(2) / max(1.0, total_bytes), int(total_targets))


def batches_of_rows(shards: Shards, context: int, max_tokens: int, runtime: Runtime) -> Iterator[np.ndarray]:
    """This rank's rows (n, context + 1), about TOKENS_AT_ONCE tokens at a time; one shorter row holds the rest."""
    size = min(shards.num_tokens, max_tokens + 1) if max_tokens else shards.num_tokens
    if size < 2:
        raise CorpusError("the validation split has a single token, and none to predict. Give more text.")
    num_rows, rest = divmod(size - 1, context)
    at_once = max(1, TOKENS_AT_ONCE // context)
    for first in range(runtime.rank * at_once, num_rows, runtime.world_size * at_once):
        count = min(at_once, num_rows - first)
        flat = shards.read(first * context, count * context + 1)
        view = np.lib.stride_tricks.sliding_window_view(flat, context + 1)[::context]
        yield cast(np.ndarray, view.copy())
    if rest and runtime.is_main:
        yield shards.read(num_rows * context, rest + 1)[None]
