"""Products against numpy's in float64, of the very numbers that are stored."""

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from primer.model import dots
from primer.model.dots import HAS_BFLOAT16, HAS_INT8, products
from primer.model.kernels import array

# What weights are stored as, and what rows then are: as instructions want them, or float32 where there are none.
PAIRS = [
    ("float32", "float32"),
    ("bfloat16", "float32"),
    ("int8", "float32"),
    pytest.param("bfloat16", "bfloat16", marks=pytest.mark.skipif(not HAS_BFLOAT16, reason="no such instructions")),
    pytest.param("int8", "int16", marks=pytest.mark.skipif(not HAS_INT8, reason="no such instructions")),
]


def random(kind: str, *shape: int) -> torch.Tensor:
    """Numbers as one stores them."""
    torch.manual_seed(sum(shape))
    if kind in ("int8", "int16"):
        most = 127 if kind == "int8" else 4095
        return torch.randint(-most, most + 1, shape, dtype=getattr(torch, kind))
    return torch.randn(shape).to(getattr(torch, kind))


@numba.njit
def rounded(x: NDArray[np.float32], w: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.float32]]:
    """Rows as these weights want them, and their scales."""
    rows, scales = dots.room_for(x.shape, w), np.empty(len(x), np.float32)
    for n in range(len(x)):
        scales[n] = dots.round_row(x[n], rows[n])
    return rows, scales


@pytest.mark.parametrize(("weights", "rows"), PAIRS)
@pytest.mark.parametrize("num_inputs", [24, 32, 96])
@pytest.mark.parametrize("num_outputs", [3, 16, 17, 40])
def test_products(weights: str, rows: str, num_inputs: int, num_outputs: int) -> None:
    w = random(weights, num_outputs, num_inputs)
    for num_rows in (1, 2, 3, 4, 5, 8, 9):
        x = random(rows, num_rows, num_inputs)
        y = np.full((num_rows, num_outputs), np.nan, np.float32)
        products(array(x), array(w), y)
        expected = x.double() @ w.double().T
        np.testing.assert_allclose(y, expected.numpy(), rtol=2e-6, atol=2e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("weights", ["float32", "bfloat16", "int8"])
def test_rows_keep_their_numbers(weights: str) -> None:
    x = torch.randn(3, 96) * torch.tensor([[1e-3], [1.0], [1e4]])
    x[0, 0], x[1] = 0, 0  # a row of zeros stays one
    rows, scales = rounded(array(x), array(random(weights, 1, 96)))
    if rows.dtype == np.int16:
        found = rows * scales[:, None].astype(np.float64)
        assert (abs(found - x.numpy()) <= abs(x.numpy()).max(axis=1, keepdims=True) / 2**15).all()
    else:
        kept = x.bfloat16() if rows.dtype == np.uint16 else x
        assert (rows == array(kept)).all()
        assert (scales == 1).all()


@pytest.mark.skipif(not HAS_INT8, reason="no such instructions")
@pytest.mark.parametrize("num_inputs", [32, 8192, 2**17])
def test_no_sum_overflows(num_inputs: int) -> None:
    x, w = np.full((1, num_inputs), -3.5, np.float32), np.full((16, num_inputs), 127, np.int8)
    rows, scales = rounded(x, w)
    y = np.empty((1, 16), np.float32)
    products(rows, w, y)
    np.testing.assert_allclose(y * scales, np.full((1, 16), -3.5 * 127 * num_inputs), rtol=1e-5)
