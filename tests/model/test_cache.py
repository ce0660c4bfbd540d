"""Rows of any length, read in any pieces, in any slots, side by side: always what the model says to the whole row."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.model.cache import KVCache
from primer.model.families import FAMILIES, family
from primer.model.gpt import GPT

CONTEXT, VOCABULARY = 24, 67
SHAPES = [(name, pattern) for name in FAMILIES for pattern in ("L", "SSL")]


@functools.cache
def random_model(name: str, pattern: str) -> GPT:
    """A model whose every weight matters: fresh ones have projections of zero, which hide mistakes."""
    shape = {
        "vocab_size": VOCABULARY, "context": CONTEXT, "num_layers": 3, "num_heads": 4, "num_kv_heads": 2,
        "width": 64, "head_dim": 16, "mlp_width": 96, "window_pattern": pattern,
    }  # fmt: skip
    torch.manual_seed(0)
    model = GPT(family(name, **shape, **({"neighbours": 3, "repeats": 3} if name == "primer" else {}))).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def random_ids(*size: int) -> torch.Tensor:
    return torch.randint(VOCABULARY, size, generator=torch.Generator().manual_seed(1))


def new_cache(model: GPT) -> KVCache:
    return KVCache(model.config, torch.float32, torch.device("cpu"))


def read(model: GPT, cache: KVCache, slots: list[int], rows: list[list[int]], starts: list[int]) -> torch.Tensor:
    """Logits of what the rows have after their starts."""
    missing = model.config.lookback
    pieces = [row[start:] for row, start in zip(rows, starts, strict=True)]
    longest = max(map(len, pieces))
    ids = torch.tensor([piece + [0] * (longest - len(piece)) for piece in pieces])
    before = [([-1] * missing + row[:start])[len(row[:start]) :] for row, start in zip(rows, starts, strict=True)]
    span = cache.span(slots, starts, [len(piece) for piece in pieces], torch.tensor(before, dtype=torch.int64))
    with torch.no_grad():
        logits: torch.Tensor = model(ids, span)
    return logits


@pytest.mark.parametrize(("name", "pattern"), SHAPES)
@pytest.mark.parametrize("sizes", [[24], [7, 1, 1, 9, 1, 5], [1] * 24])
def test_the_cache_changes_nothing(name: str, pattern: str, sizes: list[int]) -> None:
    model, ids = random_model(name, pattern), random_ids(2, CONTEXT)
    with torch.no_grad():
        whole = model(ids)
    cache, start = new_cache(model), 0
    for size in sizes:
        logits = read(model, cache, [0, 1], ids[:, : start + size].tolist(), [start, start])
        torch.testing.assert_close(logits, whole[:, start : start + size], atol=1e-4, rtol=1e-4)
        start += size


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(SHAPES))
def test_rows_of_any_length_side_by_side(data: st.DataObject, shape: tuple[str, str]) -> None:
    """Each pass reads on in some of four slots; rows are copied and begun anew in between."""
    model, cache, ids = random_model(*shape), new_cache(random_model(*shape)), random_ids(4, CONTEXT).tolist()
    rows, lengths = [list(row) for row in ids], [0] * 4
    for _ in range(data.draw(st.integers(1, 6))):
        action = data.draw(st.sampled_from(["read", "read", "read", "copy", "begin"]))
        slot, other = data.draw(st.permutations(range(4)))[:2]
        if action == "begin":
            lengths[slot] = 0
        elif action == "copy" and lengths[slot]:
            shared = data.draw(st.integers(1, lengths[slot]))
            cache.copy(slot, other, shared)
            lengths[other], rows[other] = shared, rows[slot][:shared] + ids[other][shared:]
        else:
            slots = data.draw(st.permutations(range(4)))[: data.draw(st.integers(1, 4))]
            starts = [lengths[slot] for slot in slots]
            ends = [data.draw(st.integers(start, CONTEXT)) for start in starts]
            if all(start == end for start, end in zip(starts, ends, strict=True)):
                continue  # a pass reads something
            cut = [rows[slot][:end] for slot, end in zip(slots, ends, strict=True)]
            logits = read(model, cache, slots, cut, starts)
            for place, row in enumerate(cut):
                lengths[slots[place]] = ends[place]
                if len(row) > starts[place]:
                    with torch.no_grad():
                        expected = model(torch.tensor([row]))[0, starts[place] :]
                    torch.testing.assert_close(logits[place, : len(expected)], expected, atol=1e-4, rtol=1e-4)


def test_slots_in_a_piece_are_not_copied() -> None:
    model = random_model("primer", "L")
    cache = new_cache(model)
    cache.reserve(4, CONTEXT)
    span = cache.span(range(1, 3), [3, 5], [1, 1])
    k = torch.zeros(2, 2, 1, 16)
    keys, _ = span.extend(0, k, k)
    assert keys.untyped_storage().data_ptr() == cache.keys.untyped_storage().data_ptr()
    assert keys.shape == (2, 2, 6, 16)


def test_it_grows_by_what_is_used() -> None:
    model = random_model("llama", "L")
    cache = new_cache(model)
    assert cache.keys.numel() == 3 * 0
    read(model, cache, [0], [[1, 2, 3]], [0])
    assert (cache.num_slots, cache.num_columns) == (1, CONTEXT)  # not the usual 64 columns: the context is shorter
    kept = cache.keys[:, 0, :, :3].clone()
    cache.reserve(3, 5)
    assert cache.num_slots == 3
    assert torch.equal(cache.keys[:, 0, :, :3], kept)


def test_rows_longer_than_the_context_are_refused() -> None:
    model = random_model("primer", "L")
    cache = new_cache(model)
    with pytest.raises(ValueError, match="25 positions do not fit into a context of 24"):
        cache.span([0], [24], [1])
