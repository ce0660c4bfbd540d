"""The optimizer against a plain reference, matrix by matrix, and against PyTorch's where they coincide."""

import copy
import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from primer.model import optim
from primer.model.optim import (
    NEWTON_SCHULZ,
    POLAR_EXPRESS,
    SCHEDULES,
    Coefficients,
    MuonAdamW,
    cosine,
    muon_momentum,
    orthogonalize,
    trapezoid,
)

SHAPES = {"tall": (48, 16), "wide": (16, 48), "square": (32, 32), "row": (1, 12), "column": (12, 1)}


def normal(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def composed(s: Tensor, coefficients: Coefficients) -> Tensor:
    """What the polynomials make of one singular value."""
    for a, b, c in coefficients:
        s = a * s + b * s**3 + c * s**5
    return s


# --- orthogonalisation ---


def test_polar_express_brings_every_singular_value_near_one() -> None:
    """The published coefficients, evaluated on a grid: five steps bring [0.001, 1] into [0.846, 1.142]."""
    result = composed(torch.logspace(-3, 0, 100_001, dtype=torch.float64) / 1.02, POLAR_EXPRESS)
    assert result.min().item() == pytest.approx(0.8466, abs=1e-3)
    assert result.max().item() == pytest.approx(1.1411, abs=1e-3)


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("coefficients", "safety"), [(POLAR_EXPRESS, 1.02), (NEWTON_SCHULZ, 1.0)])
def test_orthogonalize_acts_on_singular_values_alone(
    size: tuple[int, int], coefficients: Coefficients, safety: float
) -> None:
    """Against the singular value decomposition, in float64: U p(S) Vᵀ for a batch of three."""
    matrices = normal(3, *size) * torch.tensor([1e-3, 1.0, 1e3])[:, None, None]  # the scale does not matter
    result = orthogonalize(matrices, coefficients)
    for matrix, orthogonal in zip(matrices.double(), result, strict=True):
        U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)
        expected = U @ torch.diag(composed(S / (matrix.norm() * safety + 1e-7), coefficients)) @ Vh
        torch.testing.assert_close(orthogonal.double(), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("size", [(48, 16), (16, 48), (32, 32)])
def test_the_result_is_nearly_orthogonal(size: tuple[int, int]) -> None:
    """Semi-orthogonal: U Vᵀ itself, up to the tolerance of the polynomials."""
    matrix = normal(*size)
    U, _, Vh = torch.linalg.svd(matrix, full_matrices=False)
    orthogonal = orthogonalize(matrix[None])[0]
    assert (U.T @ orthogonal @ Vh.T).diagonal().sub(1).abs().max() < 0.16
    assert (orthogonal - U @ Vh).norm() < 0.16 * math.sqrt(min(size))


def test_coefficients_may_come_from_a_file() -> None:
    """A copy of the coefficients is as good as the constant: the safety factor goes with the numbers."""
    copied = tuple((a, b, c) for a, b, c in json.loads(json.dumps(POLAR_EXPRESS)))
    assert torch.equal(orthogonalize(normal(1, 8, 8), copied), orthogonalize(normal(1, 8, 8)))


# --- Muon, plainly ---


class PlainMuon:
    """Muon with NorMuon's rows and cautious decay, one matrix at a time, in float64."""

    def __init__(self, matrices: list[Tensor], **settings: Any) -> None:
        self.matrices = [m.detach().double() for m in matrices]
        self.momentum = [torch.zeros_like(m) for m in self.matrices]
        self.variance = [torch.zeros(len(m), dtype=torch.float64) for m in self.matrices]
        self.settings = settings

    def step(self, gradients: list[Tensor]) -> None:
        set_ = self.settings
        mu, lr = set_["momentum"], set_["lr"]
        for W, M, v, G in zip(self.matrices, self.momentum, self.variance, gradients, strict=True):
            M.mul_(mu).add_((1 - mu) * G.double())
            update = self.polar((1 - mu) * G.double() + mu * M)  # Nesterov: look one step ahead
            if set_["variance"]:
                norm = update.norm()
                for row in range(len(update)):
                    v[row] = set_["beta2"] * v[row] + (1 - set_["beta2"]) * (update[row] ** 2).mean()
                    update[row] /= max(v[row].sqrt().item(), 1e-5)
                update *= norm / update.norm()
            update *= math.sqrt(max(1, W.size(0) / W.size(1)))
            pulls_alike = (W * update > 0) if set_["cautious"] else torch.ones_like(W)
            W -= lr * set_["weight_decay"] * W * pulls_alike
            W -= lr * update

    def polar(self, G: Tensor) -> Tensor:
        X = G / (G.norm() * 1.02)
        for a, b, c in POLAR_EXPRESS:
            X = a * X + b * X @ X.T @ X + c * X @ X.T @ X @ X.T @ X
        return X


@pytest.mark.parametrize("variance", [True, False])
@pytest.mark.parametrize("cautious", [True, False])
def test_muon_is_the_plain_muon(variance: bool, cautious: bool) -> None:
    """Ten steps of weights of three shapes, two of one shape, and one that holds maps of 24, 8 and 8 rows."""
    settings_ = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.3, "variance": variance, "beta2": 0.8,
                 "cautious": cautious}  # fmt: skip
    sizes = [(16, 8), (16, 8), (8, 24), (40, 16)]
    splits = [(16,), (16,), (8,), (24, 8, 8)]
    weights = [nn.Parameter(normal(*size, seed=i)) for i, size in enumerate(sizes)]
    pieces = [p for w, split in zip(weights, splits, strict=True) for p in w.split(split)]
    plain = PlainMuon(pieces, **settings_)
    optimizer = MuonAdamW([{"kind": "muon", "params": weights, "splits": splits, **settings_}])
    for step in range(10):
        for i, w in enumerate(weights):
            w.grad = normal(*w.shape, seed=100 * step + i) * 10.0 ** (step % 3 - 1)
        optimizer.step()
        plain.step([g for w, split in zip(weights, splits, strict=True) for g in w.grad.split(split)])
    pieces = [p for w, split in zip(weights, splits, strict=True) for p in w.detach().split(split)]
    for piece, expected in zip(pieces, plain.matrices, strict=True):
        torch.testing.assert_close(piece.double(), expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(16, 8), (8, 16), (12, 12)])
def test_muon_is_pytorchs_where_they_coincide(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Same momentum, learning-rate rule (√max(1, rows/columns)) and decoupled decay. PyTorch rounds to
    bfloat16 inside; with that switched off the two agree in float32, so nothing else differs.
    """
    ours, theirs = (nn.Parameter(normal(*size)) for _ in range(2))
    common = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}
    plain = {"coefficients": NEWTON_SCHULZ, "variance": False, "cautious": False}
    optimizers = [MuonAdamW([{"kind": "muon", "params": [ours], **plain, **common}]),
                  torch.optim.Muon([theirs], **common)]  # fmt: skip
    monkeypatch.setattr(Tensor, "bfloat16", Tensor.float)
    for step in range(8):
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = normal(*size, seed=step)
            optimizer.step()
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert (ours - normal(*size)).abs().max() > 0.1


@pytest.mark.parametrize("cores", [2, 3, 9])
def test_matrices_may_be_dealt_to_cores(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same step, whoever takes it."""
    monkeypatch.setattr(optim, "WORTH_SHARING", 0)
    finals = []
    for dealt in (1, cores):
        torch.manual_seed(1)
        weights = [nn.Parameter(torch.randn(size)) for size in ((16, 16), (48, 16), (16, 16), (8, 32))]
        optimizer = MuonAdamW([{"kind": "muon", "params": weights, "splits": [(16,), (16,) * 3, (16,), (8,)]}])
        with ThreadPoolExecutor(2) as pool:
            if dealt > 1:
                optimizer.cores, optimizer.map = dealt, pool.map
            for _ in range(3):
                for weight in weights:
                    weight.grad = torch.randn_like(weight)
                optimizer.step()
        finals.append(weights)
    for one, shared in zip(*finals, strict=True):
        torch.testing.assert_close(one, shared, atol=1e-6, rtol=1e-5)


def test_a_weight_without_splits_is_one_map() -> None:
    whole, split = (nn.Parameter(normal(16, 8)) for _ in range(2))
    for parameter, splits in ((whole, None), (split, [(8, 8)])):
        parameter.grad = normal(16, 8, seed=1)
        MuonAdamW([{"kind": "muon", "params": [parameter], "splits": splits, "variance": False}]).step()
    assert not torch.allclose(whole, split)


@pytest.mark.parametrize("variance", [True, False])
def test_a_gradient_of_zero_moves_nothing(variance: bool) -> None:
    weights = [nn.Parameter(normal(8, 4)), nn.Parameter(normal(8, 4, seed=1))]
    before = [w.detach().clone() for w in weights]
    optimizer = MuonAdamW([{"kind": "muon", "params": weights, "variance": variance}])
    for step in range(3):
        weights[0].grad, weights[1].grad = torch.zeros(8, 4), normal(8, 4, seed=step)
        optimizer.step()
    assert torch.equal(weights[0], before[0])
    assert weights[1].isfinite().all()
    assert not torch.equal(weights[1], before[1])


def test_a_parameter_without_a_gradient_is_left_alone() -> None:
    weights = [nn.Parameter(normal(8, 4, seed=i)) for i in range(3)]
    vector = nn.Parameter(normal(4))
    muon = {"kind": "muon", "params": weights, "weight_decay": 0.1, "splits": [(8,), (4, 4), (8,)]}
    optimizer = MuonAdamW([muon, {"params": [vector], "weight_decay": 0.1}])
    weights[1].grad = normal(8, 4)
    optimizer.step()
    assert [torch.equal(w, normal(8, 4, seed=i)) for i, w in enumerate(weights)] == [True, False, True]
    assert torch.equal(vector, normal(4))


def test_muon_refuses_what_is_no_matrix() -> None:
    with pytest.raises(ValueError, match="Muon updates matrices"):
        MuonAdamW([{"kind": "muon", "params": [nn.Parameter(normal(4))]}])


# --- AdamW ---


def test_adamw_is_pytorchs() -> None:
    """Twenty steps of two groups with settings of their own, and a learning rate that changes."""
    common = [{"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-10, "weight_decay": 0.0},
              {"lr": 0.003, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}]  # fmt: skip
    sizes = [[(7, 5), (3,)], [(4, 4, 2)]]

    def groups() -> list[dict[str, Any]]:
        return [{"params": [nn.Parameter(normal(*size)) for size in of_group], **settings_}
                for of_group, settings_ in zip(sizes, common, strict=True)]  # fmt: skip

    optimizers = [MuonAdamW([{"kind": "adamw", **group} for group in groups()]), torch.optim.AdamW(groups())]
    for step in range(20):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] *= 0.95
                for i, parameter in enumerate(group["params"]):
                    parameter.grad = normal(*parameter.shape, seed=100 * step + i)
            optimizer.step()
    ours, theirs = ([p for group in o.param_groups for p in group["params"]] for o in optimizers)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


# --- rows ---


class PlainRows:
    """Adam without momentum, a row at a time, in float64: only rows with a gradient move, by √(1 - β2ᵗ) × g / √v."""

    def __init__(self, table: Tensor, lr: float, beta2: float, weight_decay: float) -> None:
        self.table, self.variance, self.steps = table.detach().double(), [0.0] * len(table), 0
        self.lr, self.beta2, self.weight_decay = lr, beta2, weight_decay

    def step(self, gradient: Tensor) -> None:
        self.steps += 1
        self.table *= 1 - self.lr * self.weight_decay
        for row, g in enumerate(gradient.double()):
            if g.any():
                self.variance[row] = self.beta2 * self.variance[row] + (1 - self.beta2) * float((g**2).mean())
                correction = 1 - self.beta2**self.steps
                self.table[row] -= self.lr * g / math.sqrt(self.variance[row] / correction)


def few_rows(num_rows: int, columns: int, seed: int) -> Tensor:
    """A sparse gradient: five entries, two of them of one row, one of zeros."""
    generator = torch.Generator().manual_seed(seed)
    hit = torch.randperm(num_rows, generator=generator)[:4].repeat(2)[:5]
    values = normal(5, columns, seed=seed) * 10.0 ** (seed % 3 - 1)
    values[3] = 0.0
    return torch.sparse_coo_tensor(hit[None], values, (num_rows, columns), check_invariants=True)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_rows_are_the_plain_rows(sparse: bool, weight_decay: float) -> None:
    """Twenty steps: from a gradient that lists its rows, and from one that is zero in the others."""
    settings_ = {"lr": 0.02, "beta2": 0.9, "weight_decay": weight_decay}
    table = nn.Parameter(normal(30, 6))
    plain = PlainRows(table, **settings_)
    optimizer = MuonAdamW([{"kind": "rows", "params": [table], **settings_}])
    for step in range(20):
        gradient = few_rows(30, 6, seed=step)
        table.grad = gradient if sparse else gradient.to_dense()
        optimizer.step()
        plain.step(gradient.to_dense())
    torch.testing.assert_close(table.detach().double(), plain.table, atol=1e-5, rtol=1e-5)
    assert (table - normal(30, 6)).abs().max() > 0.1


def test_a_row_of_one_column_is_pytorchs_sparse_adam() -> None:
    """There the mean over the columns is the square itself. PyTorch's first beta 0 is no momentum."""
    ours, theirs = (nn.Parameter(normal(30, 1)) for _ in range(2))
    settings_ = {"lr": 0.02, "eps": 1e-10}
    optimizers = [MuonAdamW([{"kind": "rows", "params": [ours], "beta2": 0.9, **settings_}]),
                  torch.optim.SparseAdam([theirs], betas=(0.0, 0.9), **settings_)]  # fmt: skip
    for step in range(12):
        hit = torch.randperm(30, generator=torch.Generator().manual_seed(step))[None, :4]
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = torch.sparse_coo_tensor(hit, normal(4, 1, seed=step), (30, 1), check_invariants=True)
            optimizer.step()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_sparse_gradient_beside_adamw_is_a_dense_one() -> None:
    """A primer model may be trained with AdamW alone; its rows then decay and drift as PyTorch's do."""
    one, other = (nn.Parameter(normal(30, 6)) for _ in range(2))
    optimizers = [MuonAdamW([{"params": [one]}]), MuonAdamW([{"params": [other]}])]
    for step in range(5):
        one.grad = few_rows(30, 6, seed=step)
        other.grad = one.grad.to_dense()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(one, other)


# --- going on ---


def test_a_saved_state_continues_identically() -> None:
    """To the last bit, Muon, rows and AdamW, after six steps of twelve."""

    def make() -> tuple[list[nn.Parameter], MuonAdamW]:
        matrices, vector = [nn.Parameter(normal(12, 4, seed=i)) for i in range(2)], nn.Parameter(normal(5))
        table = nn.Parameter(normal(9, 4))
        muon = {
            "kind": "muon",
            "params": matrices,
            "splits": [(4, 8), (12,)],
            "lr": 0.02,
            "weight_decay": 0.1,
        }
        rows = {"kind": "rows", "params": [table], "lr": 0.01}
        others = [{"kind": "adamw", "params": [vector], "lr": 0.01}, rows]
        return [*matrices, vector, table], MuonAdamW([muon, *others])

    def train(parameters: list[nn.Parameter], optimizer: MuonAdamW, steps: range) -> None:
        for step in steps:
            for i, parameter in enumerate(parameters):
                parameter.grad = normal(*parameter.shape, seed=10 * step + i)
            optimizer.step()

    straight, optimizer = make()
    train(straight, optimizer, range(12))
    stopped, optimizer = make()
    train(stopped, optimizer, range(6))
    resumed, other = make()
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    with torch.no_grad():
        for new, old in zip(resumed, stopped, strict=True):
            new.copy_(old)
    train(resumed, other, range(6, 12))
    assert all(torch.equal(one, two) for one, two in zip(straight, resumed, strict=True))


# --- schedules ---

RUNS = st.tuples(st.integers(1, 400), st.integers(0, 400), st.floats(0, 1), st.floats(0, 1))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@settings(max_examples=50, deadline=None)
@given(run=RUNS)
def test_a_schedule_rises_then_falls_and_stays_within_bounds(
    schedule: Callable[..., float], run: tuple[int, int, float, float]
) -> None:
    total, warmup, decay, final = run
    warmup = min(warmup, total)
    factors = [schedule(step, total, warmup, decay, final) for step in range(total)]
    assert all(0 < factor <= 1 + 1e-12 for factor in factors)
    assert all(factor >= final - 1e-12 for factor in factors[warmup:])
    top = factors.index(max(factors))
    assert all(a <= b + 1e-12 for a, b in pairwise(factors[: top + 1]))
    assert all(a >= b - 1e-12 for a, b in pairwise(factors[top:]))


def test_trapezoid_has_a_plateau_and_ends_at_its_final_value() -> None:
    factors = [trapezoid(step, total=100, warmup=10, decay=0.4, final=0.1) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert set(factors[9:60]) == {1.0}
    assert factors[80] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)


def test_cosine_is_pytorchs_and_ends_at_its_final_value() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([parameter], lr=1.0), 90, eta_min=0.1)
    for step in range(10, 101):
        assert cosine(step, total=100, warmup=10, final=0.1) == pytest.approx(reference.get_last_lr()[0], abs=1e-9)
        reference.optimizer.step()
        reference.step()
    assert [cosine(step, 100, 10) for step in (0, 4, 9)] == pytest.approx([1 / 11, 5 / 11, 10 / 11])


@given(st.integers(0, 2000))
def test_momentum_stays_between_its_ends(step: int) -> None:
    assert 0.85 <= muon_momentum(step) <= muon_momentum(step + 1) <= 0.95
