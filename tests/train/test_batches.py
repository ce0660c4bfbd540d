"""Rows are a pure function of seed and number; packing keeps documents whole and uses no token twice."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import CorpusError
from primer.model.gpt import IGNORE
from primer.train.batches import PACKING_POOL, Batch, Packed, Rows, Windows, best_fit, make_rows, split_rows

BOS = 9999


def documents(*lengths: int, first: int = 0) -> list[int]:
    """Documents of these lengths, begun by BOS, every other token unlike all others."""
    tokens = iter(range(first, first + sum(lengths)))
    return [BOS if place == 0 else next(tokens) for length in lengths for place in range(length)]


@pytest.fixture
def long_text(tmp_path: Path) -> Windows:
    return Windows(tiny.shards(tmp_path, np.arange(100), np.arange(100, 173)), context=16, seed=3)


def test_windows_use_a_token_at_most_once_an_epoch(long_text: Windows) -> None:
    per_epoch = long_text.rows_per_epoch
    assert per_epoch == 172 // 16 - 1
    orders = set()
    for epoch in range(5):
        rows = long_text.read(range(epoch * per_epoch, (epoch + 1) * per_epoch))
        assert rows.shape == (per_epoch, 17)
        assert (np.diff(rows, axis=1) == 1).all()  # each row a piece of the text, over the border of files too
        inputs = rows[:, :-1].ravel()
        assert len(set(inputs)) == len(inputs) == per_epoch * 16
        orders.add(tuple(rows[:, 0]))
    assert len(orders) == 5


def test_the_shortest_text_is_one_row(tmp_path: Path) -> None:
    rows = Windows(tiny.shards(tmp_path / "a", np.arange(17)), context=16, seed=0)
    assert rows.read([0, 5]).tolist() == [list(range(17))] * 2
    with pytest.raises(CorpusError, match=r"16 tokens, and a single row needs 17.*smaller --context"):
        Windows(tiny.shards(tmp_path / "b", np.arange(16)), context=16, seed=0)


def test_a_packed_text_shorter_than_a_row(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"16 tokens, not enough.* row of 17.*smaller --context"):
        Packed(tiny.shards(tmp_path, documents(6, 6), documents(4)), 16, 0, BOS)


@pytest.mark.parametrize("order", ["windows", "packed"])
def test_a_row_is_its_seed_and_number(tmp_path: Path, order: str) -> None:
    rng = np.random.default_rng(0)
    files = [documents(*rng.integers(2, 40, 30), first=1000 * i) for i in range(3)]
    shards = tiny.shards(tmp_path, *files)

    def rows(seed: int) -> Rows:
        return make_rows(shards, 16, seed, BOS, order)  # type: ignore[arg-type]

    numbers = range(200)  # several epochs
    in_order = rows(1).read(numbers)
    backwards = rows(1)
    assert np.array_equal(np.concatenate([backwards.read([n]) for n in reversed(numbers)])[::-1], in_order)
    resumed = rows(1).read(range(150, 200))
    assert np.array_equal(resumed, in_order[150:])
    assert not np.array_equal(rows(2).read(numbers), in_order)


@pytest.mark.parametrize("order", ["windows", "packed"])
def test_ranks_share_the_rows_that_one_rank_reads(tmp_path: Path, order: str) -> None:
    shards = tiny.shards(tmp_path, documents(*[7, 12, 3, 30] * 8))
    whole = make_rows(shards, 16, 1, BOS, order)  # type: ignore[arg-type]
    parts = [make_rows(shards, 16, 1, BOS, order) for _ in range(2)]  # type: ignore[arg-type]
    for step in range(12):
        first = 4 * step
        halves = [parts[rank].read(range(first + 2 * rank, first + 2 * rank + 2)) for rank in (0, 1)]
        assert np.array_equal(np.concatenate(halves), whole.read(range(first, first + 4)))


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 25), min_size=1, max_size=60), capacity=st.integers(2, 12))
def test_best_fit(lengths: list[int], capacity: int) -> None:
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).tolist()
    rows = best_fit(list(zip(starts, lengths, strict=True)), capacity)
    used: set[int] = set()
    cut = {start + i * capacity for start, n in zip(starts, lengths, strict=True) for i in range(-(-n // capacity))}
    for row in rows:
        assert sum(length for _, length in row) == capacity
        for start, length in row:
            assert start in cut  # a document's beginning, or the rest of one longer than a row
            tokens = set(range(start, start + length))
            assert not tokens & used
            used |= tokens
    # Only the tail of the last piece of a row is dropped, and what is left over at the end is less than a row.
    assert all(start + length in cut | {sum(lengths)} for row in rows for start, length in row[:-1])
    pieces = sorted(cut | {sum(lengths)})
    begun = {start for row in rows for start, _ in row}
    left = sum(end - start for start, end in pairwise(pieces) if start not in begun)
    assert left < capacity


def test_best_fit_takes_the_longest_that_fits() -> None:
    assert best_fit([(0, 7), (10, 6), (20, 3), (30, 4)], capacity=10) == [[(0, 7), (20, 3)], [(10, 6), (30, 4)]]
    # None of what waits fits beside the 6: the shortest gives its head.
    assert best_fit([(0, 6), (10, 5), (20, 5)], capacity=10) == [[(0, 6), (10, 4)]]


def test_more_short_documents_than_the_pool_holds() -> None:
    pieces = [(start, 1) for start in range(3 * PACKING_POOL)]
    rows = best_fit(pieces, capacity=PACKING_POOL + 50)  # a row needs more documents than wait at a time
    assert [len(row) for row in rows] == [PACKING_POOL + 50] * 2


def test_packed_rows_are_read_from_the_files(tmp_path: Path) -> None:
    files = [documents(5, 12, 40, 3, 9, 20, first=0), documents(*[6] * 9, first=500)]
    packed = Packed(tiny.shards(tmp_path, *files), 16, 0, BOS)
    per_epoch = packed.rows_in_epoch(0)
    seen: list[int] = []
    for row in packed.read(range(per_epoch)):
        assert row.shape == (17,)
        seen += [token for token in row if token != BOS]
        first_of_long_rest = row[0] in files[0] and row[0] != BOS
        assert row[0] == BOS or first_of_long_rest
    assert len(set(seen)) == len(seen)
    assert {tuple(packed.shard_order(epoch)) for epoch in range(20)} == {(0, 1), (1, 0)}


def test_auto_packs_short_documents_and_cuts_long_ones(tmp_path: Path) -> None:
    short = tiny.shards(tmp_path / "short", documents(*[10] * 20))
    long = tiny.shards(tmp_path / "long", documents(100, 100))
    assert isinstance(make_rows(short, 16, 0, BOS, "auto"), Packed)
    assert isinstance(make_rows(long, 16, 0, BOS, "auto"), Windows)
    assert isinstance(make_rows(short, 16, 0, 77777, "auto"), Windows)  # no document begins anywhere


def test_targets_are_the_inputs_shifted() -> None:
    batch = split_rows(np.array([[1, 2, 3], [4, 5, 6]]))
    assert batch.inputs.tolist() == [[1, 2], [4, 5]]
    assert batch.targets.tolist() == [[2, 3], [5, 6]]
    assert batch.num_targets == 4
    masked = Batch(batch.inputs, torch.tensor([[IGNORE, 3], [IGNORE, IGNORE]]))
    assert masked.num_targets == 1
    assert torch.equal(masked.to(torch.device("cpu")).targets, masked.targets)
