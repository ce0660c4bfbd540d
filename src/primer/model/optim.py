"""Muon for the matrices, rows of their own for the n-grams, AdamW for everything else; and the schedules.

Muon replaces the gradient of a matrix by the nearest (semi-)orthogonal matrix, so that every direction in which
the matrix can act moves by the same amount, not only the few that dominate the gradient. It holds for linear maps
between activations; embeddings, the head, gains and scalars are AdamW's. Of the n-gram table a step reads a tenth or
less of the rows, and only those are updated.

The schedules at the end are pure functions of the step. Nothing here holds a clock, so resuming needs no state.
"""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from primer.model.gpt import GPT

Coefficients = tuple[tuple[float, float, float], ...]
Pieces = tuple[Tensor, ...]  # of one matrix: the weight, and what belongs to it

# Odd quintics a·x + b·x³ + c·x⁵ that drive every singular value in [0.001, 1] to 1: Polar Express, five steps,
# safety factor 1.02 (arXiv 2505.16932, algorithm 2).
POLAR_EXPRESS: Coefficients = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
# Keller Jordan's one quintic five times (kellerjordan.github.io/posts/muon): what torch.optim.Muon computes.
NEWTON_SCHULZ: Coefficients = ((3.4445, -4.7750, 2.0315),) * 5

WORTH_SHARING = 2**21  # numbers in a group: of fewer, one core each is slower than all on every product


@dataclass(frozen=True)
class OptimConfig:
    """Peak learning rates and decay; the loop's schedule scales them."""

    optimizer: Literal["auto", "muon", "adamw"] = "auto"
    """muon: Muon for the matrices, AdamW for the rest; adamw: AdamW for all; auto: muon for the primer family."""
    matrix_lr: float = 0.02
    """Muon's."""
    embed_lr: float = 0.3
    """Of the embeddings at width 768; like the next three scaled by (width / 768)^-½."""
    ngram_lr: float = 0.02
    head_lr: float = 0.008
    scalar_lr: float = 0.01
    adamw_lr: float = 6e-4
    """Of everything that Muon does not update, in families other than primer."""
    weight_decay: float = 0.0
    """On matrices; AdamW decays embeddings too when it has them all."""
    embed_decay: float = 0.0
    """On embeddings, n-grams and head beside Muon."""


def build_optimizer(model: GPT, config: OptimConfig) -> "MuonAdamW":
    """Sort the weights of a model into groups: matrices, embeddings, n-grams, head, the rest."""
    primer = model.config.family == "primer"
    named = dict(model.named_parameters())
    use_muon = config.optimizer == "muon" or (config.optimizer == "auto" and primer)
    if not use_muon:
        decayed = [p for p in named.values() if p.ndim >= 2]
        plain = [p for p in named.values() if p.ndim < 2]
        shared: dict[str, Any] = {"lr": config.adamw_lr, "betas": (0.9, 0.95), "eps": 1e-8}
        groups = [
            {"params": decayed, "weight_decay": config.weight_decay} | shared,
            {"params": plain} | shared,
        ]
        return MuonAdamW(group for group in groups if group["params"])
    matrices = list(model.matrices())
    for name, _, _ in matrices:
        del named[name]
    groups = [{
        "kind": "muon", "params": [p for _, p, _ in matrices], "splits": [split for *_, split in matrices],
        "lr": config.matrix_lr, "weight_decay": config.weight_decay,
        "dtype": torch.bfloat16 if model.compute_dtype == torch.bfloat16 else torch.float32,
    }]  # fmt: skip
    if not primer:
        groups.append({"params": list(named.values()), "lr": config.adamw_lr})
        return MuonAdamW(groups)
    scale = (model.config.width / 768) ** -0.5
    kinds: dict[str, dict[str, Any]] = {
        "ngram": {"kind": "rows", "lr": config.ngram_lr * scale, "beta2": 0.99, "weight_decay": config.embed_decay},
        "embed": {"lr": config.embed_lr * scale, "betas": (0.8, 0.95), "weight_decay": config.embed_decay},
        "head": {"lr": config.head_lr * scale, "betas": (0.8, 0.95), "weight_decay": config.embed_decay},
        "": {"lr": config.scalar_lr, "betas": (0.8, 0.95)},
    }
    for kind, settings in kinds.items():  # the first kind whose word is in the name takes the weight
        params = [named.pop(name) for name in list(named) if kind in name]
        if params:
            groups.append({"params": params} | settings)
    return MuonAdamW(groups)


def orthogonalize(
    matrices: Tensor, coefficients: Coefficients = POLAR_EXPRESS, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The nearest semi-orthogonal matrix of each of (N, rows, columns), by matrix products alone, in `dtype`
    (bfloat16 is precise enough, where the hardware has it)."""
    X = matrices.to(dtype)
    tall = X.size(-2) > X.size(-1)
    if tall:
        X = X.mT  # the products below are of size rows × rows: keep that the short side
    safety = 1.02 if coefficients == POLAR_EXPRESS else 1.0
    X = X / (X.norm(dim=(-2, -1), keepdim=True) * safety + 1e-7)
    if X.size(-1) >= 2 * X.size(-2) and dtype == torch.float32:
        X = gram_polynomials(X @ X.mT, coefficients) @ X
    else:
        for a, b, c in coefficients:
            A = X @ X.mT
            B = torch.baddbmm(A, A, A, beta=b, alpha=c)
            X = torch.baddbmm(X, B, X, beta=a)
    return (X.mT if tall else X).to(matrices.dtype)


def gram_polynomials(A: Tensor, coefficients: Coefficients) -> Tensor:
    """The product of all the polynomials, from A = X Xᵀ (N, short, short) alone: the long side enters only before and
    after, which saves 40 % of the work on matrices 4 times as long as short. Float32 only, since A squares what it
    is made of."""
    product: Tensor | None = None
    for a, b, c in coefficients:
        P = torch.baddbmm(A, A, A, beta=b, alpha=c)
        P.diagonal(dim1=-2, dim2=-1).add_(a)
        product = P if product is None else P @ product
        A = P @ A @ P
    assert product is not None, "at least one polynomial"
    return product


class MuonAdamW(torch.optim.Optimizer):
    """One optimizer, three kinds of parameter group.

    kind="muon":  params (2-D), splits (rows of each map inside a weight), lr, momentum, weight_decay, variance
                  (NorMuon's row normalisation, arXiv 2510.05491), beta2 (its average), coefficients, dtype.
    kind="rows":  params (tables, whose gradients may be sparse), lr, beta2, eps, weight_decay.
    kind="adamw": params, lr, betas, eps, weight_decay.

    `cores` and `map` say into how many shares large groups are dealt, and how these are worked on; the loop sets them.

    Weight decay is decoupled and scaled by the learning rate; Muon's is cautious: it acts only where it and the
    update pull the same way (arXiv 2411.16085).
    """

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        defaults: dict[str, Any] = {
            "kind": "adamw", "lr": 1e-3, "weight_decay": 0.0,
            "betas": (0.9, 0.95), "eps": 1e-10,
            "momentum": 0.95, "beta2": 0.95, "variance": True, "cautious": True, "coefficients": POLAR_EXPRESS,
            "splits": None, "dtype": torch.float32,
        }  # fmt: skip
        super().__init__(groups, defaults)
        self.cores = 1
        self.map: Callable[..., Iterable[Any]] = map
        for group in self.param_groups:
            group.setdefault("initial_lr", group["lr"])
            if group["kind"] == "muon" and any(p.ndim != 2 for p in group["params"]):
                raise ValueError("Muon updates matrices; give other shapes to an adamw group")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        assert closure is None, "the loop computes gradients itself"
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                {"muon": self.muon, "rows": self.rows, "adamw": self.adamw}[group["kind"]](group, params)

    def adamw(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """PyTorch's fused kernel: one pass over memory instead of a dozen."""
        for p in params:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        self.share_out(partial(self.adamw_step, group), [[(p,) for p in params]])

    def adamw_step(self, group: dict[str, Any], pieces: list[Pieces]) -> None:
        """Move some weights."""
        params = [p for (p,) in pieces]
        states = [self.state[p] for p in params]
        with torch.no_grad():  # which each thread has for itself
            adamw(
                params, [p.grad.to_dense() for p in params if p.grad is not None],
                [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], [], [s["step"] for s in states],
                fused=True, amsgrad=False, maximize=False,
                beta1=group["betas"][0], beta2=group["betas"][1],
                lr=group["lr"], weight_decay=group["weight_decay"], eps=group["eps"],
            )  # fmt: skip

    def share_out(self, work: Callable[[list[Pieces]], None], lists: Collection[list[Pieces]]) -> None:
        """Work on each list; where there is much in them, each core on its share of every one."""
        if sum(pieces[0].numel() for some in lists for pieces in some) < WORTH_SHARING:
            list(map(work, lists))
        else:
            list(self.map(work, filter(None, (some[i :: self.cores] for some in lists for i in range(self.cores)))))

    def rows(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Adam without momentum, its variance one number a row (N, C), of the rows whose gradient is not zero.

        A row is hit once in many steps: momentum would move it on where nothing has read it, and costs a pass over the
        whole table. The variance is an average over the row's own hits, as in torch.optim.SparseAdam, and over its
        columns, as in DLRM's row-wise AdaGrad (arXiv 1906.00091). A dense gradient gives the same as a sparse one.
        """
        for p in params:
            if not self.state[p]:
                self.state[p] = {"step": torch.zeros((), device=p.device), "variance": p.new_zeros(p.size(0), 1)}
            assert p.grad is not None
            state, beta2 = self.state[p], group["beta2"]
            gradient = p.grad.coalesce() if p.grad.is_sparse else p.grad.to_sparse(1)
            hit, rows = gradient.indices()[0], gradient.values()  # (N,) and (N, C)
            state["step"] += 1
            mean_square = rows.square().mean(dim=-1, keepdim=True)
            rate = (1 - beta2) * (mean_square > 0)  # padding is read, and its gradient is zero
            variance = state["variance"][hit].lerp_(mean_square, rate)
            state["variance"][hit] = variance
            rms = (variance / (1 - beta2 ** state["step"])).sqrt() + group["eps"]
            if group["weight_decay"]:
                p.mul_(1 - group["lr"] * group["weight_decay"])
            p.index_add_(0, hit, rows / rms, alpha=-group["lr"])

    def muon(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Nesterov momentum, then the matrices of one shape orthogonalised together."""
        for p in params:
            if not self.state[p]:
                self.state[p] = {"momentum": torch.zeros_like(p), "variance": p.new_zeros(p.size(0), 1)}
        splits = group["splits"] or [(p.size(0),) for p in group["params"]]
        split_of = dict(zip(group["params"], splits, strict=True))
        by_shape: dict[torch.Size, list[Pieces]] = {}
        for p in params:
            assert p.grad is not None
            whole = (p, p.grad, self.state[p]["momentum"], self.state[p]["variance"])
            for piece in zip(*(t.split(split_of[p]) for t in whole), strict=True):
                by_shape.setdefault(piece[0].shape, []).append(piece)
        self.share_out(partial(self.orthogonal_step, group), by_shape.values())

    def orthogonal_step(self, group: dict[str, Any], pieces: list[Pieces]) -> None:
        """Move weights of one shape; `pieces` are weight, gradient, momentum and variance of each."""
        weights, gradients, momenta, variances = map(list, zip(*pieces, strict=True))
        (rows, columns), decay = weights[0].shape, group["lr"] * group["weight_decay"]
        with torch.no_grad():  # which each thread has for itself
            torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
            updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
            step = orthogonalize(torch.stack(updates), group["coefficients"], group["dtype"])
            if group["variance"]:
                step = normalize_rows(step, variances, group["beta2"])
            steps = list(step.unbind())
            if decay:
                for weight, its_step in zip(weights, steps, strict=True):
                    weight.sub_(weight * (weight * its_step > 0) if group["cautious"] else weight, alpha=decay)
            torch._foreach_add_(weights, steps, alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns)))


def normalize_rows(step: Tensor, variances: list[Tensor], beta2: float) -> Tensor:
    """Divide each row of (N, rows, columns) by the running rms of its updates, keeping the norm of the whole.

    After orthogonalisation rows (neurons) still move by unequal amounts; `variances`, N of (rows, 1), remember by how
    much and are updated in place (NorMuon, arXiv 2510.05491).
    """
    mean_square = torch.linalg.vector_norm(step, dim=-1, keepdim=True).square() / step.size(-1)
    torch._foreach_lerp_(variances, list(mean_square.unbind()), 1 - beta2)
    factor = torch.stack(variances).clamp_min(1e-10).rsqrt()
    before, after = (x.sum(dim=(-2, -1), keepdim=True) for x in (mean_square, mean_square * factor.square()))
    kept: Tensor = step * (factor * (before / after.clamp_min(1e-20)).sqrt())
    return kept


def trapezoid(step: int, total: int, warmup: int, decay: float, final: float = 0.0) -> float:
    """Learning-rate factor: a linear rise over `warmup` steps, a plateau, a linear fall over the last `decay` share
    of the run to `final`.

    >>> [round(trapezoid(s, total=10, warmup=2, decay=0.5), 2) for s in range(10)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2]
    """
    rise = (step + 1) / warmup if step < warmup else 1.0
    falling = decay * total
    fall = (total - step) / falling if falling and total - step < falling else 1.0
    return min(rise, final + (1 - final) * fall)


def cosine(step: int, total: int, warmup: int, decay: float = 1.0, final: float = 0.1) -> float:
    """Learning-rate factor of GPT-2, GPT-3 and nanoGPT: a linear rise, then half a cosine down to `final`.

    >>> [round(cosine(s, total=9, warmup=1, final=0.0), 2) for s in (0, 1, 5, 9)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


SCHEDULES: dict[str, Callable[[int, int, int, float, float], float]] = {
    "trapezoid": trapezoid,
    "cosine": cosine,
}


def muon_momentum(step: int, rise: int = 300, low: float = 0.85, high: float = 0.95) -> float:
    """Muon's momentum: short memory while the loss falls fast, long memory later.

    >>> [round(muon_momentum(s), 3) for s in (0, 150, 300, 1000)]
    [0.85, 0.9, 0.95, 0.95]
    """
    return low + (high - low) * min(1.0, step / rise)
