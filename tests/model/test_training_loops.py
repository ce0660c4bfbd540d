"""The loss and GELU in compiled loops against PyTorch's, in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from primer.model.gpt import GPT, IGNORE, GPTConfig
from primer.model.kernels import in_groups
from primer.model.training_loops import cross_entropy, gelu


def exact(logits: Tensor, targets: Tensor, softcap: float) -> Tensor:
    """The same in float64, step by step."""
    wide = logits.double()
    if softcap:
        wide = softcap * torch.tanh(wide / softcap)
    return F.cross_entropy(wide, targets, ignore_index=IGNORE, reduction="none")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("softcap", [0.0, 15.0])
@pytest.mark.parametrize("spread", [0.1, 30.0])
def test_values_and_gradients(dtype: torch.dtype, softcap: float, spread: float) -> None:
    torch.manual_seed(1)
    logits = (spread * torch.randn(50, 193)).to(dtype).requires_grad_()
    targets, factors = torch.randint(193, (50,)), torch.randn(50)
    targets[7] = IGNORE
    losses, expected = cross_entropy(logits, targets, softcap), exact(logits, targets, softcap)
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses.double(), expected, atol=2e-5, rtol=1e-5)
    (found,) = torch.autograd.grad(losses, logits, factors)
    (right,) = torch.autograd.grad(expected, logits, factors.double())
    tolerance = {"atol": 1e-5, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 1e-5, "rtol": 1e-2}
    torch.testing.assert_close(found, right, **tolerance)
    assert not found[7].any()


@pytest.mark.parametrize("softcap", [0.0, 15.0])
def test_what_is_not_finite_stays_so(softcap: float) -> None:
    """The loop's guard sees it."""
    logits = torch.randn(3, 40)
    logits[1, 4] = torch.nan
    logits.requires_grad_()
    losses = cross_entropy(logits, torch.tensor([1, 2, 3]), softcap)
    assert losses.isfinite().tolist() == [True, False, True]
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert gradient.isfinite().all(dim=1).tolist() == [True, False, True]


def test_a_target_beyond_the_logits_is_refused() -> None:
    with pytest.raises(IndexError, match="target 40"):
        cross_entropy(torch.randn(2, 40), torch.tensor([3, 40]), 0.0)


def test_no_targets_have_no_losses() -> None:
    assert cross_entropy(torch.randn(0, 40), torch.empty(0, dtype=torch.int64), 15.0).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(3, 5), (1, 1000), (7, 512)])
def test_gelu(dtype: torch.dtype, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    x = (4 * torch.randn(size)).to(dtype).requires_grad_()
    with torch.no_grad():
        x.view(-1)[0] = -40.0
    dy = torch.randn(size).to(dtype)
    y, expected = gelu(x), F.gelu(x.double(), approximate="tanh")
    (found,), (right,) = torch.autograd.grad(y, x, dy), torch.autograd.grad(expected, x, dy.double())
    tolerance = {"atol": 2e-6, "rtol": 2e-6} if dtype == torch.float32 else {"atol": 1e-5, "rtol": 5e-3}
    torch.testing.assert_close(y, expected.to(dtype), **tolerance)
    torch.testing.assert_close(found, right.to(dtype), **tolerance)
    x.data.view(-1)[1 % x.numel()] = torch.nan
    assert gelu(x).isnan().sum() == 1


def test_a_model_trained_on_one_thread_gets_the_gradient_of_two() -> None:
    torch.manual_seed(1)
    model = GPT(GPTConfig(vocab_size=64, width=32, head_dim=8, num_layers=2, mlp_width=64, context=16))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # the head begins at zero, and would hide all others
    ids, targets = torch.randint(64, (2, 3, 16))
    targets[:, ::3] = IGNORE
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        loss = model.token_losses(ids, targets).sum()
        found.append([loss, *torch.autograd.grad(loss, list(model.parameters()))])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


def test_wanted_positions_come_in_groups() -> None:
    wanted = torch.rand(4, 100) < 0.3
    more = in_groups(wanted, 64)
    assert more.sum() % 64 == 0
    assert more.sum() - wanted.sum() < 64
    assert (more | ~wanted).all()
    assert in_groups(torch.ones(3, 5, dtype=torch.bool)).all()
    assert in_groups(torch.zeros(3, 50, dtype=torch.bool)).sum() == 0
