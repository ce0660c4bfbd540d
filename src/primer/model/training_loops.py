"""Forward and backward of what stands between the products, on a CPU, in float32 or bfloat16: one pass over memory
each, where PyTorch takes one for every operator.

From the head's logits to the loss of the next token PyTorch takes a dozen passes over all of them: to float32, by the
cap, tanh, times the cap, the softmax's logarithm, and back again. Here it is two for each row. Logits are the largest
tensor of a small model; they are kept as the head wrote them, and nothing else of their size is.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from primer.core.compiled import float_loop
from primer.model.floats import exp, narrow, wide
from primer.model.kernels import Rotary, array

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
    return Elementwise.apply(x, gelu_forward, gelu_backward)  # type: ignore[no-untyped-call, no-any-return]


def relu2(x: Tensor) -> Tensor:
    """max(x, 0)² of any shape. It has no second derivative."""
    return Elementwise.apply(x, relu2_forward, relu2_backward)  # type: ignore[no-untyped-call, no-any-return]


class Elementwise(torch.autograd.Function):
    """A function of each number by two loops: (x, y), which fills y, and (x, dy, dx), which fills dx."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fill: Callable[..., None], fill_gradient: Callable[..., None]) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        fill(array(x).ravel(), array(y).ravel())
        ctx.save_for_backward(x)
        ctx.fill_gradient = fill_gradient
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        gradient, dy = torch.empty_like(x), dy.contiguous()
        ctx.fill_gradient(array(x).ravel(), array(dy).ravel(), array(gradient).ravel())
        return gradient, None, None


def mix_neighbours(x: Tensor, gates: Tensor) -> Tensor:
    """x (B, T, C) plus, channel by channel, gates[i] × what stands i + 1 positions before; gates (n, C) in float32. It
    has no second derivative."""
    return MixNeighbours.apply(x, gates)  # type: ignore[no-untyped-call, no-any-return]


class MixNeighbours(torch.autograd.Function):
    """The two passes as autograd sees them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gates: Tensor) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        mix_forward(array(x), array(gates), array(y))
        ctx.save_for_backward(x, gates)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, gates = ctx.saved_tensors
        dx, dgates = torch.empty_like(x), torch.zeros_like(gates)
        mix_backward(*map(array, (x, gates, dy.contiguous(), dx, dgates)))
        return dx, dgates


Parts = tuple[Tensor, Tensor, Tensor]


def split_heads(qkv: Tensor, heads: tuple[int, ...], eps: float | None, rotary: Rotary) -> Parts:
    """qkv (B, T, heads, D) as q, k and v of so many heads each, q and k standardised (not where eps is None) and turned
    by `rotary`: cos and signed sin, each (T, 1, D), as in `kernels.rotate`. It has no second derivative."""
    cos, sin = rotary or (qkv.new_empty(0, 1, qkv.size(-1)),) * 2
    return SplitHeads.apply(qkv, heads, eps, cos, sin)  # type: ignore[no-untyped-call, no-any-return]


class SplitHeads(torch.autograd.Function):
    """The two passes as autograd sees them."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, heads: tuple[int, ...], eps: float | None, cos: Tensor, sin: Tensor) -> Parts:
        qkv, (B, T, _, D) = qkv.contiguous(), qkv.shape
        q, k, v = (qkv.new_empty(B, T, n, D) for n in heads)
        ctx.norm = eps is not None, np.float32(eps or 0)
        arrays: list[Any] = [array(x) for x in (qkv, q, k, v, cos, sin)]
        split_forward(*arrays, *ctx.norm)
        ctx.save_for_backward(qkv, cos, sin)
        return q, k, v

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        qkv, cos, sin = ctx.saved_tensors
        dqkv = torch.empty_like(qkv)
        arrays: list[Any] = [array(x) for x in (qkv, *(x.contiguous() for x in gradients), cos, sin, dqkv)]
        split_backward(*arrays, *ctx.norm)
        return dqkv, None, None, None, None


@float_loop
def forward_pass(logits: Any, targets: Ids, softcap: Any, losses: Floats, lse: Floats) -> None:
    """Fill losses (N,) and lse (N,): log Σ exp(logit)."""
    row = np.empty(logits.shape[1], np.float32)
    for n in range(len(logits)):
        read(logits[n], softcap, row)
        largest = maximum(row)
        total = np.float32(0)
        for c in range(len(row)):
            total += exp(row[c] - largest)
        lse[n] = largest + np.float32(math.log(total))
        losses[n] = lse[n] - row[targets[n]] if targets[n] >= 0 else np.float32(0)


LANES = 32


@float_loop
def maximum(row: Floats) -> Any:
    """Of row (V,): of every 32nd number first, which is vectorised. What comes after a NaN may be."""
    largest = np.full(LANES, row[0], np.float32)
    for start in range(0, len(row) - LANES + 1, LANES):
        for c in range(LANES):
            number = row[start + c]
            largest[c] = number if number > largest[c] else largest[c]
    found = largest[0]
    for c in range(LANES):
        found = max(found, largest[c])
    for c in range(len(row) // LANES * LANES, len(row)):
        found = max(found, row[c])
    return found


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
        for c in range(len(row)):
            gradient[n, c] = narrow(new[c], gradient)


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


SLOPE, CUBIC = np.float32(-2 * math.sqrt(2 / math.pi)), np.float32(0.044715)


@float_loop
def gelu_forward(x: Any, y: Any) -> None:
    """Fill y: x / (1 + e^(-2u)), which is x (1 + tanh u) / 2."""
    for c in range(len(x)):
        number = wide(x[c])
        y[c] = narrow(number / (ONE + exp(number * (SLOPE + SLOPE * CUBIC * number * number))), y)


@float_loop
def gelu_backward(x: Any, dy: Any, dx: Any) -> None:
    """Fill dx, the gradient of x, from that of y."""
    for c in range(len(x)):
        number = wide(x[c])
        square = SLOPE * CUBIC * number * number
        share = ONE / (ONE + exp(number * (SLOPE + square)))
        slope = share - number * share * (ONE - share) * (SLOPE + np.float32(3) * square)
        dx[c] = narrow(wide(dy[c]) * slope, dx)


@float_loop
def relu2_forward(x: Any, y: Any) -> None:
    """Fill y."""
    for c in range(len(x)):
        number = wide(x[c])
        y[c] = narrow(np.float32(0) if number < 0 else number * number, y)


@float_loop
def relu2_backward(x: Any, dy: Any, dx: Any) -> None:
    """Fill dx, the gradient of x, from that of y."""
    for c in range(len(x)):
        number = wide(x[c])
        dx[c] = narrow(np.float32(0) if number < 0 else (number + number) * wide(dy[c]), dx)


@float_loop
def mix_forward(x: Any, gates: Floats, y: Any) -> None:
    """Fill y."""
    B, T, C = x.shape
    row = np.empty(C, np.float32)
    for b in range(B):
        for t in range(T):
            for c in range(C):
                row[c] = wide(x[b, t, c])
            for i in range(min(t, len(gates))):
                for c in range(C):
                    row[c] += gates[i, c] * wide(x[b, t - 1 - i, c])
            for c in range(C):
                y[b, t, c] = narrow(row[c], y)


@float_loop
def mix_backward(x: Any, gates: Floats, dy: Any, dx: Any, dgates: Floats) -> None:
    """Fill dx and add to dgates, the gradients of x and of the gates, from that of y."""
    B, T, C = x.shape
    row = np.empty(C, np.float32)
    for b in range(B):
        for t in range(T):
            for c in range(C):
                row[c] = wide(dy[b, t, c])
            for i in range(min(T - 1 - t, len(gates))):
                for c in range(C):
                    later = wide(dy[b, t + 1 + i, c])
                    row[c] += gates[i, c] * later
                    dgates[i, c] += later * wide(x[b, t, c])
            for c in range(C):
                dx[b, t, c] = narrow(row[c], dx)


@float_loop
def split_forward(qkv: Any, q: Any, k: Any, v: Any, cos: Any, sin: Any, normed: bool, eps: Any) -> None:
    """Fill q, k and v."""
    (B, T, _, D), H, K = qkv.shape, q.shape[2], k.shape[2]
    row, turned = np.empty(D, np.float32), np.empty(D, np.float32)
    cosines, sines = np.empty(D, np.float32), np.empty(D, np.float32)
    for b in range(B):
        for t in range(T):
            for d in range(D if len(cos) else 0):
                cosines[d], sines[d] = wide(cos[t, 0, d]), wide(sin[t, 0, d])
            for head in range(H + K):
                for d in range(D):
                    row[d] = wide(qkv[b, t, head, d])
                if normed:
                    standardise(row, eps)
                found = row
                if len(cos):
                    found = turned
                    turn(row, cosines, sines, turned)
                some = q[b, t, head] if head < H else k[b, t, head - H]
                for d in range(D):
                    some[d] = narrow(found[d], q)
            for head in range(K):
                for d in range(D):
                    v[b, t, head, d] = qkv[b, t, H + K + head, d]


@float_loop
def split_backward(qkv: Any, dq: Any, dk: Any, dv: Any, cos: Any, sin: Any, dqkv: Any, normed: bool, eps: Any) -> None:
    """Fill dqkv from the gradients of q, k and v."""
    (B, T, _, D), H, K = qkv.shape, dq.shape[2], dk.shape[2]
    row, gradient, turned = np.empty(D, np.float32), np.empty(D, np.float32), np.empty(D, np.float32)
    cosines, sines = np.empty(D, np.float32), np.empty(D, np.float32)
    for b in range(B):
        for t in range(T):
            for d in range(D if len(cos) else 0):  # back: each half by the other's sine
                cosines[d], sines[d] = wide(cos[t, 0, d]), wide(sin[t, 0, (d + D // 2) % D])
            for head in range(H + K):
                some = dq[b, t, head] if head < H else dk[b, t, head - H]
                for d in range(D):
                    gradient[d] = wide(some[d])
                found = gradient
                if len(cos):
                    found = turned
                    turn(gradient, cosines, sines, turned)
                if normed:
                    for d in range(D):
                        row[d] = wide(qkv[b, t, head, d])
                    through_norm(row, standardise(row, eps), found)
                for d in range(D):
                    dqkv[b, t, head, d] = narrow(found[d], dqkv)
            for head in range(K):
                for d in range(D):
                    dqkv[b, t, H + K + head, d] = dv[b, t, head, d]


@float_loop
def turn(row: Floats, cos: Floats, sin: Floats, turned: Floats) -> None:
    """turned (D,) = row × cos, plus its other half × sin. Only the loop's own number is an index: of others numba asks
    whether they are negative, and then nothing is vectorised."""
    half = len(row) // 2
    for first, second in ((0, half), (half, 0)):
        mine, other, result = row[first : first + half], row[second : second + half], turned[first : first + half]
        its_cos, its_sin = cos[first : first + half], sin[first : first + half]
        for d in range(half):
            result[d] = mine[d] * its_cos[d] + other[d] * its_sin[d]


@float_loop
def standardise(row: Floats, eps: Any) -> Any:
    """row (D,) to mean 0 and variance 1, in place; what it was multiplied by."""
    mean, square = np.float32(0), np.float32(0)
    for d in range(len(row)):
        mean += row[d]
    mean /= np.float32(len(row))
    for d in range(len(row)):
        row[d] -= mean
        square += row[d] * row[d]
    factor = ONE / np.sqrt(square / np.float32(len(row)) + eps)
    for d in range(len(row)):
        row[d] *= factor
    return factor


@float_loop
def through_norm(row: Floats, factor: Any, gradient: Floats) -> None:
    """The gradient (D,) of what was standardised, in place, from that of the result, row."""
    mean, along = np.float32(0), np.float32(0)
    for d in range(len(row)):
        mean += gradient[d]
        along += gradient[d] * row[d]
    mean, along = mean / np.float32(len(row)), along / np.float32(len(row))
    for d in range(len(row)):
        gradient[d] = factor * (gradient[d] - mean - row[d] * along)
