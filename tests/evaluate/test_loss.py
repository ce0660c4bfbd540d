"""The validation loss, against a plain sum over one token after another."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from primer.core.errors import CorpusError, TokenizerError
from primer.evaluate.loss import batches_of_rows, evaluate_loss

BYTES = torch.randint(0, 5, (64,), generator=torch.Generator().manual_seed(1))


def plain_loss(model: torch.nn.Module, ids: np.ndarray, context: int) -> tuple[float, int]:
    """Sum of -log p over every token but the first, and how many; the view starts anew every `context` tokens."""
    total = 0.0
    for first in range(0, len(ids) - 1, context):
        row = torch.from_numpy(ids[first : first + context + 1])
        with torch.no_grad():
            log_p = model(row[None, :-1]).double().log_softmax(-1)
        total -= float(log_p[0, torch.arange(len(row) - 1), row[1:]].sum())
    return total, len(ids) - 1


@pytest.mark.parametrize("size", [2, 16, 17, 33, 200])
def test_every_token_but_the_first_counts_once(tmp_path: Path, size: int) -> None:
    model = tiny.model(zero_init=False)
    ids = np.random.default_rng(size).integers(0, 64, size)
    found = evaluate_loss(model, tiny.shards(tmp_path, ids), BYTES, tiny.CPU, tiny.CONTEXT)
    total, count = plain_loss(model, ids, tiny.CONTEXT)
    assert found.num_targets == count
    assert found.loss == pytest.approx(total / count, rel=1e-5)
    num_bytes = max(1, int(BYTES[ids[1:]].sum()))
    assert found.bits_per_byte == pytest.approx(total / math.log(2) / num_bytes, rel=1e-5)


def test_it_stops_where_told_and_drops_nothing_out(tmp_path: Path) -> None:
    model = tiny.model(zero_init=False, dropout=0.5).train()
    ids = np.random.default_rng(0).integers(0, 64, 200)
    shards = tiny.shards(tmp_path, ids)
    found = evaluate_loss(model, shards, BYTES, tiny.CPU, tiny.CONTEXT, max_tokens=50)
    assert model.training
    assert found == evaluate_loss(model, shards, BYTES, tiny.CPU, tiny.CONTEXT, max_tokens=50)
    total, count = plain_loss(model.eval(), ids[:51], tiny.CONTEXT)
    assert (found.num_targets, found.loss) == (count, pytest.approx(total / count, rel=1e-5))


def test_ranks_share_out_the_rows(tmp_path: Path) -> None:
    context = 4096  # four rows at a time
    shards = tiny.shards(tmp_path, np.arange(40_000) % 64)
    ranks = [dataclasses.replace(tiny.CPU, rank=rank, world_size=3) for rank in range(3)]
    starts = [len(rows) for rank in ranks for rows in batches_of_rows(shards, context, 0, rank)]
    targets = sum(rows[:, 1:].size for rank in ranks for rows in batches_of_rows(shards, context, 0, rank))
    assert targets == 39_999
    assert sum(starts) == 10  # nine whole rows and the rest


def test_a_split_with_nothing_to_predict(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="single token"):
        evaluate_loss(tiny.model(), tiny.shards(tmp_path, [5]), BYTES, tiny.CPU, tiny.CONTEXT)


def test_ids_that_the_tokenizer_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="id 60, but the tokenizer has 50"):
        evaluate_loss(tiny.model(), tiny.shards(tmp_path, [1, 60, 2]), BYTES[:50], tiny.CPU, tiny.CONTEXT)
