"""What stands between the products, in compiled loops, against PyTorch's in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from primer.model import kernels, training_loops
from primer.model.gpt import GPT, IGNORE, GPTConfig, make_norm, rotary_tables
from primer.model.kernels import in_groups
from primer.model.training_loops import cross_entropy


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
@pytest.mark.parametrize("name", ["gelu", "relu2"])
def test_activations(dtype: torch.dtype, size: tuple[int, int], name: str) -> None:
    torch.manual_seed(1)
    loop, exact = getattr(training_loops, name), getattr(kernels, name)
    x = (4 * torch.randn(size)).to(dtype).requires_grad_()
    with torch.no_grad():
        x.view(-1)[0] = -40.0
    dy = torch.randn(size).to(dtype)
    torch.set_num_threads(2)
    y, expected = loop(x), exact(x.double())
    assert "Pow" in str(expected.grad_fn) or "Gelu" in str(expected.grad_fn)  # PyTorch's
    (found,), (right,) = torch.autograd.grad(y, x, dy), torch.autograd.grad(expected, x, dy.double())
    tolerance = {"atol": 2e-6, "rtol": 2e-6} if dtype == torch.float32 else {"atol": 1e-5, "rtol": 5e-3}
    torch.testing.assert_close(y, expected.to(dtype), **tolerance)
    torch.testing.assert_close(found, right.to(dtype), **tolerance)
    x.data.view(-1)[1 % x.numel()] = torch.nan
    assert loop(x).isnan().sum() == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("T", [1, 2, 9])
def test_neighbours(dtype: torch.dtype, T: int) -> None:
    torch.manual_seed(1)
    x, gates = torch.randn(3, T, 40).to(dtype).requires_grad_(), torch.randn(3, 40).requires_grad_()
    dy = torch.randn(3, T, 40).to(dtype)
    y, expected = training_loops.mix_neighbours(x, gates), kernels.mix_neighbours(x.double(), gates.double(), None)
    found, right = torch.autograd.grad(y, (x, gates), dy), torch.autograd.grad(expected, (x, gates), dy.double())
    tolerance = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 1e-5, "rtol": 5e-3}
    torch.testing.assert_close(y, expected.to(dtype), **tolerance)
    for one, other in zip(found, right, strict=True):
        torch.testing.assert_close(one, other.to(one.dtype), **tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_queries_keys_and_values(dtype: torch.dtype, normed: bool, turned: bool) -> None:
    torch.manual_seed(1)
    config, heads = GPTConfig(64, head_dim=24, num_heads=4, num_kv_heads=2, context=9), (4, 2, 2)
    norm = make_norm(config, config.head_dim) if normed else None
    rotary = tuple(table.unsqueeze(-2) for table in rotary_tables(config)) if turned else None
    qkv = torch.randn(3, 9, 8, 24).to(dtype).requires_grad_()
    found = training_loops.split_heads(
        qkv, heads, config.norm_eps if normed else None, rotary and tuple(table.to(dtype) for table in rotary)
    )
    exact = kernels.split_heads(
        qkv.double(), heads, (norm, norm), rotary and tuple(table.to(dtype).double() for table in rotary)
    )
    assert "SplitWithSizes" in str(exact[2].grad_fn)  # PyTorch's
    tolerance = {"atol": 1e-5, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 2e-3, "rtol": 5e-3}
    gradients = [torch.randn_like(part) for part in found]
    for part, expected in zip(found, exact, strict=True):
        torch.testing.assert_close(part, expected.to(dtype), **tolerance)
    (gradient,) = torch.autograd.grad(found, qkv, gradients)
    (right,) = torch.autograd.grad(exact, qkv, [each.double() for each in gradients])
    torch.testing.assert_close(gradient, right, **tolerance)


def test_a_model_trained_on_one_thread_gets_the_gradient_of_two() -> None:
    torch.manual_seed(1)
    model = GPT(GPTConfig(vocab_size=64, width=32, head_dim=8, num_layers=2, mlp_width=64, context=16, neighbours=2))
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
