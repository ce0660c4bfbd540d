"""Intervals and pass@k against hand-computed figures and brute force."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primer.evaluate.score import Score, pass_at, total, wilson


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # R: prop.test(x, n, correct = FALSE)$conf.int
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 10, 0.0179, 0.4042), (190, 200, 0.9104, 0.9726)],
)
def test_wilson(right: int, count: int, low: float, high: float) -> None:
    assert wilson(right, count) == pytest.approx((low, high), abs=2e-4)


def test_nothing_asked_nothing_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_holds_the_share_and_stays_within(count: int, share: float) -> None:
    low, high = wilson(share * count, count)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1


@pytest.mark.parametrize("num_right", range(6))
@pytest.mark.parametrize("k", range(1, 6))
def test_pass_at_is_the_share_of_draws_with_a_right_one(k: int, num_right: int) -> None:
    samples = [True] * num_right + [False] * (5 - num_right)
    draws = list(itertools.combinations(samples, k))
    assert pass_at(k, 5, num_right) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_total() -> None:
    a = Score("t", "a", 3, 4, 0.3, 0.95, 1, 2, {"never ended": 1}, {1: 0.5, 2: 0.75})
    b = Score("t", "b", 1, 12, 0.0, 0.35, 0, 0, {"never ended": 2, "check raised": 1}, {1: 0.25, 2: 0.5})
    both = total([a, b], "t")
    assert (both.right, both.count, both.accuracy) == (4, 16, 0.25)
    assert (both.new_right, both.new_count) == (1, 2)
    assert both.troubles == {"never ended": 3, "check raised": 1}
    assert both.pass_at == {1: pytest.approx((4 * 0.5 + 12 * 0.25) / 16), 2: pytest.approx((4 * 0.75 + 12 * 0.5) / 16)}
    assert math.isclose(both.low, wilson(4, 16)[0])
    assert total([], "t").accuracy == 0.0
    assert both.to_json()["accuracy"] == 0.25
