"""Loops that are kept, and loops that cannot be."""

import numpy as np
import pytest

from primer.core import compiled


def triangle(n: int) -> int:
    total = 0
    for i in range(n + 1):
        total += i
    return total


def test_kept() -> None:
    assert compiled.loop(triangle)(100) == 5050


def test_no_folder_to_keep_it_in(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = compiled.numba.njit

    def refuse(cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function 'triangle': no locator available for file '/read-only.py'")
        return njit(**options)

    monkeypatch.setattr(compiled.numba, "njit", refuse)
    assert compiled.loop(triangle)(100) == 5050


def test_infinities_stay_what_they_are() -> None:
    def largest(x: np.ndarray) -> float:  # type: ignore[type-arg]
        found = np.float32(-np.inf)
        for i in range(len(x)):
            found = max(found, x[i])
        return float(found)

    assert compiled.float_loop(largest)(np.full(3, -np.inf, np.float32)) == -np.inf
    assert np.isnan(compiled.float_loop(lambda x: x[0] + x[1])(np.array([np.inf, -np.inf], np.float32)))
