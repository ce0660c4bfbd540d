"""Repeats against a plain search, and through a cache in pieces."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.model.ngrams import compare_all, count_repeats


def searched(ids: list[int], longest: int) -> int:
    """The longest end of the list that stands in it a second time, at most so long."""
    ends = (ids[len(ids) - n :] for n in range(1, min(longest, len(ids)) + 1))
    return sum(any(ids[i : i + len(end)] == end for i in range(len(ids) - len(end))) for end in ends)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=20), st.integers(1, 5), st.integers(0, 4), st.data())
def test_repeats_are_what_a_search_finds(ids: list[int], longest: int, pads: int, data: st.DataObject) -> None:
    expected = [searched(ids[: i + 1], longest) for i in range(len(ids))]
    num_new = data.draw(st.integers(1, len(ids)))
    padded = torch.tensor([[-1] * pads + ids])
    for count in (count_repeats, compare_all):
        assert count(padded, num_new, longest).tolist() == [expected[len(ids) - num_new :]]
