"""Attention in compiled loops against PyTorch's, in float64 and with the mask written out."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from primer.model import document_attention
from primer.model.cache import Documents
from primer.model.document_attention import attention, exp_all
from primer.model.gpt import GPT, GPTConfig
from primer.model.kernels import causal_attention, masked_attention

FIRST = 7  # the id that begins a document


def ids_of(rows: list[list[int]], T: int) -> Tensor:
    """Rows (B, T) in which documents begin at these positions."""
    ids = torch.zeros(len(rows), T, dtype=torch.int64)
    for row, starts in enumerate(rows):
        ids[row, starts] = FIRST
    return ids


def seen(ids: Tensor, window: int) -> Tensor:
    """Pairs of positions (B, 1, T, T), one by one: the later sees the earlier if no document begins after that."""
    B, T = ids.shape
    mask = torch.zeros(B, 1, T, T, dtype=torch.bool)
    for row, i in itertools.product(range(B), range(T)):
        for j in range(i, max(-1, i - window), -1):
            mask[row, 0, i, j] = True
            if ids[row, j] == FIRST:
                break
    return mask


def draw(B: int, H: int, T: int, D: int) -> Tensor:
    """(B, H, T, D) as it lies in memory when a model makes it: (B, T, H, D)."""
    return torch.randn(B, T, H, D).transpose(1, 2).requires_grad_()


def assert_same(q: Tensor, k: Tensor, v: Tensor, ids: Tensor, window: int) -> None:
    """Values and gradients."""
    y = attention(q, k, v, Documents(ids, FIRST).bounds, window)
    exact = [x.detach().double().requires_grad_() for x in (q, k, v)]
    expected = F.scaled_dot_product_attention(*exact, attn_mask=seen(ids, window), enable_gqa=True)
    dy = torch.randn_like(y)
    torch.testing.assert_close(y.double(), expected, atol=1e-5, rtol=1e-5)
    found = torch.autograd.grad(y, (q, k, v), dy)
    for each, gradient in zip(found, torch.autograd.grad(expected, exact, dy.double()), strict=True):
        torch.testing.assert_close(each.double(), gradient, atol=1e-5, rtol=1e-5)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[int]], int, int, tuple[int, int], int]:
    """Beginnings of documents by row, T, window, heads and D."""
    T = draw(st.integers(1, 40))
    rows = draw(st.lists(st.lists(st.integers(0, T - 1), max_size=T), min_size=1, max_size=3))
    heads = draw(st.sampled_from([(1, 1), (2, 2), (4, 2), (3, 1)]))
    return rows, T, draw(st.integers(1, T + 3)), heads, draw(st.sampled_from([6, 8, 16, 40]))


@settings(max_examples=60, deadline=None)
@given(cases())
@example(([list(range(21))], 21, 21, (2, 1), 8))  # documents of one id
@example(([[0], [], [20]], 21, 9, (2, 2), 16))  # begun at 0, never, by the last id
def test_values_and_gradients_are_those_of_the_masked_kernel(
    case: tuple[list[list[int]], int, int, tuple[int, int], int],
) -> None:
    rows, T, window, (H, K), D = case
    torch.manual_seed(0)
    B = len(rows)
    assert_same(draw(B, H, T, D), draw(B, K, T, D), draw(B, K, T, D), ids_of(rows, T), window)


def test_a_row_of_one_long_document() -> None:
    """Beyond one block of anything, with a window and without."""
    torch.manual_seed(0)
    for window in (300, 64):
        assert_same(draw(1, 2, 300, 32), draw(1, 1, 300, 32), draw(1, 1, 300, 32), ids_of([[]], 300), window)


def test_tensors_may_lie_in_memory_in_any_way() -> None:
    torch.manual_seed(0)
    ids = ids_of([[3, 9], [4]], 17)
    qkv = torch.randn(2, 17, 6, 8, requires_grad=True)  # q, k and v in one piece, as a projection makes them
    assert_same(*(part.transpose(1, 2) for part in qkv.split(2, dim=2)), ids, 17)
    assert_same(*(torch.randn(2, 2, 17, 8, requires_grad=True) for _ in range(3)), ids, 17)
    q, k, v = (torch.randn(8, 17, 2, 2).permute(3, 2, 1, 0).requires_grad_() for _ in range(3))
    assert_same(q, k, v, ids, 17)
    attention(q, k, v, Documents(ids, FIRST).bounds, 17).sum().backward()  # of a gradient that is one number
    assert v.grad is not None
    torch.testing.assert_close(v.grad.sum(), torch.tensor(544.0))  # for every query hands out 1


def test_large_scores_do_not_overflow_and_what_is_no_number_spreads() -> None:
    """A loss that is no longer finite must stop the run: nothing here may hide it."""
    torch.manual_seed(0)
    ids = ids_of([[5]], 10)
    q, k, v = (draw(1, 1, 10, 8).detach() for _ in range(3))
    bounds = Documents(ids, FIRST).bounds
    expected = F.scaled_dot_product_attention(1000 * q, 1000 * k, v, attn_mask=seen(ids, 10))
    torch.testing.assert_close(attention(1000 * q, 1000 * k, v, bounds, 10), expected)
    for bad in (torch.nan, torch.inf):
        broken = k.clone()
        broken[0, 0, 6] = bad
        y = attention(q, broken, v, bounds, 10)
        assert y[0, 0, :6].isfinite().all()
        assert not y[0, 0, 6:].isfinite().any()


def test_exp() -> None:
    x = np.linspace(-61.9, 0, 100_001, dtype=np.float32)
    y = x.copy()
    exp_all(y)
    np.testing.assert_allclose(y, np.exp(x.astype(np.float64)), rtol=5e-7)
    edge = np.array([-np.inf, -1e30, -100, np.nan, 0] * 8, np.float32)
    exp_all(edge)
    np.testing.assert_array_equal(edge[:5], np.array([0, 0, 0, np.nan, 1], np.float32))


def test_bfloat16_is_computed_in_float32() -> None:
    ids = ids_of([[0, 5], [0, 9]], 16)
    bounds = Documents(ids, FIRST).bounds
    rounded = [draw(2, 4, 16, 8).detach().bfloat16().requires_grad_() for _ in range(3)]
    exact = [x.detach().float().requires_grad_() for x in rounded]
    y, expected = (attention(*x, bounds, 16) for x in (rounded, exact))
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y, expected.bfloat16(), atol=0, rtol=0)
    dy = torch.randn_like(y)  # the backward pass reads y, which was rounded
    for found, right in zip(
        torch.autograd.grad(y, rounded, dy), torch.autograd.grad(expected, exact, dy.float()), strict=True
    ):
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found.float(), right, atol=0.01, rtol=0.01)


@pytest.mark.parametrize("window", [3, 16])
def test_whole_rows_are_documents_where_a_core_trains_alone(window: int) -> None:
    """Plainly causal attention: the loops on one thread, PyTorch's kernel on two."""
    q, k, v = draw(2, 4, 16, 8), draw(2, 2, 16, 8), draw(2, 2, 16, 8)
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        y = causal_attention(q, k, v, window)
        found.append((y, *torch.autograd.grad(y.square().sum(), (q, k, v))))
        assert ("DocumentAttention" in str(y.grad_fn)) == (threads == 1)
    for loops, kernel in zip(*found, strict=True):
        torch.testing.assert_close(loops, kernel, atol=1e-5, rtol=1e-5)


def test_bounds() -> None:
    """What stands before the first id of a document is one, too; every position is in one."""
    found = Documents(ids_of([[0, 3], [2], [], [4]], 5), FIRST).bounds.tolist()
    assert found == [[0, 0, 3], [0, 3, 5], [1, 0, 2], [1, 2, 5], [2, 0, 5], [3, 0, 4], [3, 4, 5]]


@pytest.mark.parametrize("pattern", ["L", "SSL"])
def test_a_model_learns_the_same(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss and gradients of all weights, with the kernel and with the mask; and through checkpoints, and in threads."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(64, context=48, num_kv_heads=2, window_pattern=pattern, neighbours=3, ngram_buckets=256))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    ids = torch.randint(64, (3, 49))

    def gradients(through_checkpoint: bool = False) -> list[Tensor]:
        def loss() -> Tensor:
            return model.token_losses(ids[:, :-1], ids[:, 1:], Documents(ids[:, :-1], FIRST)).sum()

        total = checkpoint(loss, use_reentrant=False) if through_checkpoint else loss()
        return [total, *torch.autograd.grad(total, list(model.parameters()))]

    found = gradients()
    again = gradients(through_checkpoint=True)
    with ThreadPoolExecutor(2) as pool:
        in_threads = list(pool.map(lambda _: gradients(), range(4)))
    masked = lambda self, q, k, v, window: masked_attention(q, k, v, self.mask(window, q.dtype))  # noqa: E731
    monkeypatch.setattr(Documents, "attention", masked)
    expected = gradients()
    for others in (again, *in_threads):
        assert all(torch.equal(x, y) for x, y in zip(found, others, strict=True))
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, atol=2e-4, rtol=1e-4)


def test_other_dtypes_keep_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_attention, "attention", None)  # not to be called
    documents = Documents(ids_of([[4]], 9), FIRST)
    q, k, v = torch.randn(3, 1, 2, 9, 8, dtype=torch.float16)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=seen(ids_of([[4]], 9), 9))
    torch.testing.assert_close(documents.attention(q, k, v, 9), expected)
