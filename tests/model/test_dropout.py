"""Dropout by thread, against its definition."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from primer.model.dropout import Dropout, seed_dropout


def test_a_share_is_zeroed_and_the_mean_stays() -> None:
    seed_dropout(1)
    x = torch.ones(200_000)
    y = Dropout(0.25)(x)
    assert y.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(y.mean()) == pytest.approx(1.0, abs=0.01)


def test_nothing_is_dropped_in_evaluation_or_at_zero() -> None:
    x = torch.randn(100)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_gradients_pass_where_numbers_pass() -> None:
    x = torch.ones(1000, requires_grad=True)
    y = Dropout(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_threads_draw_what_their_seed_says() -> None:
    def draw(seed: int) -> torch.Tensor:
        seed_dropout(seed)
        return Dropout(0.5)(torch.ones(5000))

    alone = [draw(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, range(8)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    assert not torch.equal(alone[0], alone[1])
