"""Forward and backward of the loss and of GELU, on a CPU, in float32 or bfloat16.

From the head's logits to the loss of the next token PyTorch takes a dozen passes over all of them: to float32, by the
cap, tanh, times the cap, the softmax's logarithm, and back again. Here it is two for each row. Logits are the largest
tensor of a small model; they are kept as the head wrote them, and nothing else of their size is.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from primer.core.compiled import float_loop
from primer.model.floats import exp, store, wide
from primer.model.kernels import array

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
ONE = np.float32(1)


def cross_entropy(logits: Tensor, targets: Tensor, softcap: float) -> Tensor:
    """-log p (N,) in float32 of targets (N,) under logits (N, V) in float32 or bfloat16, squashed softly into ±softcap
    where that is above 0; 0 for targets below 0. It has no second derivative. The first call compiles (3 s; kept on
    disk). Raises IndexError for a target that there are no logits of, as PyTorch does."""
    if len(targets) and int(targets.max()) >= logits.size(1):  # the loops would read, and write, beyond the row
        raise IndexError(f"target {int(targets.max())} is out of bounds: there are {logits.size(1)} logits")
    return CrossEntropy.apply(logits, targets, softcap)  # type: ignore[no-untyped-call, no-any-return]


class CrossEntropy(torch.autograd.Function):
    """The two passes as autograd sees them."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, softcap: float) -> Tensor:
        losses, lse = (logits.new_empty(len(logits), dtype=torch.float32) for _ in range(2))
        forward_pass(array(logits), targets.numpy(), np.float32(softcap), losses.numpy(), lse.numpy())
        ctx.save_for_backward(logits, targets, lse)
        ctx.softcap = np.float32(softcap)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, factors: Tensor) -> tuple[Tensor | None, ...]:
        logits, targets, lse = ctx.saved_tensors
        gradient, factors = torch.empty_like(logits), factors.contiguous()
        arrays: list[Any] = [array(logits), targets.numpy(), lse.numpy(), factors.numpy(), array(gradient), ctx.softcap]
        backward_pass(*arrays)
        return gradient, None, None


def gelu(x: Tensor) -> Tensor:
    """x × Φ(x) of any shape, with tanh for the error function as in GPT-2. It has no second derivative."""
    return GELU.apply(x)  # type: ignore[no-untyped-call, no-any-return]


class GELU(torch.autograd.Function):
    """The two passes as autograd sees them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        gelu_forward(array(x).ravel(), array(y).ravel())
        ctx.save_for_backward(x)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient, dy = torch.empty_like(x), dy.contiguous()
        gelu_backward(array(x).ravel(), array(dy).ravel(), array(gradient).ravel())
        return gradient


@float_loop
def forward_pass(logits: Any, targets: Ids, softcap: Any, losses: Floats, lse: Floats) -> None:
    """Fill losses (N,) and lse (N,): log Σ exp(logit)."""
    row = np.empty(logits.shape[1], np.float32)
    for n in range(len(logits)):
        read(logits[n], softcap, row)
        largest = row[0]
        for c in range(len(row)):
            largest = max(largest, row[c])
        total = np.float32(0)
        for c in range(len(row)):
            total += exp(row[c] - largest)
        lse[n] = largest + np.float32(math.log(total))
        losses[n] = lse[n] - row[targets[n]] if targets[n] >= 0 else np.float32(0)


@float_loop
def backward_pass(logits: Any, targets: Ids, lse: Floats, factors: Floats, gradient: Any, softcap: Any) -> None:
    """Fill the gradient (N, V) of the logits from that of the losses, factors (N,)."""
    row, new = np.empty(logits.shape[1], np.float32), np.empty(logits.shape[1], np.float32)
    for n in range(len(logits)):
        factor = factors[n] if targets[n] >= 0 else np.float32(0)
        read(logits[n], softcap, row)
        for c in range(len(row)):
            new[c] = factor * exp(row[c] - lse[n])
        if targets[n] >= 0:
            new[targets[n]] -= factor
        if softcap > 0:  # tanh' = 1 - tanh²
            for c in range(len(row)):
                share = row[c] / softcap
                new[c] *= ONE - share * share
        store(gradient[n], new)


@float_loop
def read(logits: Any, softcap: Any, row: Floats) -> None:
    """row (V,) = softcap × tanh(logits / softcap); where softcap is 0, the logits"""
    for c in range(len(row)):
        row[c] = wide(logits[c])
    if softcap > 0:
        twice = np.float32(-2) / softcap
        for c in range(len(row)):
            small = exp(abs(row[c]) * twice)
            tanh = (ONE - small) / (ONE + small)
            row[c] = softcap * (tanh if row[c] > 0 else -tanh)


BLOCK = 512  # numbers computed in float32 before they are stored
SLOPE, CUBIC = np.float32(-2 * math.sqrt(2 / math.pi)), np.float32(0.044715)


@float_loop
def gelu_forward(x: Any, y: Any) -> None:
    """Fill y: x / (1 + e^(-2u)), which is x (1 + tanh u) / 2."""
    found = np.empty(BLOCK, np.float32)
    for start in range(0, len(x), BLOCK):
        some = x[start : start + BLOCK]
        for c in range(len(some)):
            number = wide(some[c])
            found[c] = number / (ONE + exp(number * (SLOPE + SLOPE * CUBIC * number * number)))
        store(y[start : start + BLOCK], found[: len(some)])


@float_loop
def gelu_backward(x: Any, dy: Any, dx: Any) -> None:
    """Fill dx, the gradient of x, from that of y."""
    found = np.empty(BLOCK, np.float32)
    for start in range(0, len(x), BLOCK):
        some, factors = x[start : start + BLOCK], dy[start : start + BLOCK]
        for c in range(len(some)):
            number = wide(some[c])
            square = SLOPE * CUBIC * number * number
            share = ONE / (ONE + exp(number * (SLOPE + square)))
            slope = share - number * share * (ONE - share) * (SLOPE + np.float32(3) * square)
            found[c] = wide(factors[c]) * slope
        store(dx[start : start + BLOCK], found[: len(some)])
