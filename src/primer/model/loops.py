"""The transformer once more, in plain loops over numbers: how a model is run that reads a few tokens at a time.

A new token is one row against every matrix: it costs what reading the weights from memory costs, if nothing else does.
Through PyTorch's operators it costs three times as much, for each of 150 has an overhead of its own and MKL multiplies
a single row on a single core. Here one call reads any tokens of any rows, without padding. numba compiles it for the
processor at hand when it is first needed, and keeps that on disk. Weights may be stored as float32, bfloat16 or 8-bit
integers; what is computed with them is float32.

The numbers are those of `gpt.py`, up to the rounding of sums in another order; there everything is explained.

Legend of shapes: N tokens, each with its slot of the cache and its position there; L layers; C width; O, I outputs and
inputs of a matrix; H query heads, K key-value heads, D channels of a head; M width of the MLP.
"""

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import prange
from numba.extending import overload
from numpy.typing import NDArray

from primer.core.compiled import float_loop, parallel_loop

Array = NDArray[Any]


class Shape(NamedTuple):
    """What of a GPTConfig the loops need."""

    context: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    centred: bool
    """The norms take the mean off (LayerNorm); otherwise they do not (RMSNorm)."""
    eps: float
    embed_norm: bool
    qk_norm: bool
    mlp: int
    """Place in `MLPS`."""
    ngram_buckets: int


MLPS = ("relu2", "gelu", "swiglu")
RELU2, GELU, SWIGLU = range(3)


class Matrix(NamedTuple):
    """One linear map of every layer: (weight x) × scale + bias."""

    weight: Array  # (L, O, I) of float32, uint16 (the bits of bfloat16) or int8
    scale: Array  # (L, O)
    bias: Array  # (L, O)


class Weights(NamedTuple):
    """A model's weights, float32 where nothing else is said. What it does not have, has no rows.

    A norm is its gain and its bias, (2, channels).
    """

    embed: Array  # (V, C)
    position_embed: Array  # (context, C)
    embed_norm: Array
    ngrams: Array  # lengths of the n-grams, int64
    ngram_embed: Array  # (rows, C)
    cos: Array  # (context, D)
    sin: Array
    windows: Array  # (L,) int64
    attention_norm: Array  # (L, 2, C)
    neighbour_gates: Array  # (L, taps, C)
    qkv: Matrix
    value_place: Array  # (L,) int64: the layer's place in the next two, or -1
    value_embed: Array  # (layers that have one, V, K × D)
    value_gate: Array  # (the same, K, channels)
    q_norm: Array  # (L, 2, D)
    k_norm: Array
    out: Matrix
    mlp_norm: Array
    up: Matrix
    down: Matrix
    final_norm: Array
    head: Matrix  # of one layer


# --- numbers stored in fewer bits ---


def wide(number: Any) -> Any:
    """A stored number as float32."""
    raise NotImplementedError("compiled, by its type, to one of the below")


@overload(wide, inline="always")
def wide_by_type(number: Any) -> Any:
    def from_bfloat16(number: Any) -> Any:  # the upper half of a float32
        return np.uint32(np.uint32(number) << np.uint32(16)).view(np.float32)

    def from_number(number: Any) -> Any:
        return np.float32(number)

    return from_bfloat16 if number == numba.types.uint16 else from_number


def store(array: Array, numbers: Array) -> None:
    """Write float32 numbers to an array of float32, or rounded to one of bfloat16; both (D,)."""
    raise NotImplementedError("compiled, by its type, to one of the below")


@overload(store)
def store_by_type(array: Any, numbers: Any) -> Any:
    def store_bfloat16(array: Any, numbers: Any) -> None:
        for i in range(len(array)):  # to the nearest, of two the even one
            bits = np.float32(numbers[i]).view(np.uint32)
            array[i] = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)

    def store_float32(array: Any, numbers: Any) -> None:
        for i in range(len(array)):
            array[i] = numbers[i]

    return store_bfloat16 if array.dtype == numba.types.uint16 else store_float32


# --- the parts ---


@float_loop
def add(x: Array, y: Array) -> None:
    """x += y, both (C,): written out, it compiles in a tenth of the time."""
    for i in range(len(x)):
        x[i] += y[i]


@float_loop
def dot(w: Array, x: Array) -> Any:
    """The sum of w × x, both (I,)."""
    total = np.float32(0)
    for i in range(x.shape[0]):
        total += wide(w[i]) * x[i]
    return total


@float_loop
def dot_4(w: Array, x: Array, y: Array) -> None:
    """Four outputs of one row: y (4,) = w x for w (4, I)."""
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    a0 = a1 = a2 = a3 = np.float32(0)
    for i in range(x.shape[0]):
        u = x[i]
        a0 += wide(w0[i]) * u
        a1 += wide(w1[i]) * u
        a2 += wide(w2[i]) * u
        a3 += wide(w3[i]) * u
    y[0], y[1], y[2], y[3] = a0, a1, a2, a3


@float_loop
def dot_4_by_2(w: Array, x: Array, z: Array, y: Array, v: Array) -> None:
    """Four outputs of two rows, x and z, into y and v: each number that is loaded serves more than once."""
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = np.float32(0)
    for i in range(x.shape[0]):
        s, t = x[i], z[i]
        a0 += w0[i] * s
        a1 += w1[i] * s
        a2 += w2[i] * s
        a3 += w3[i] * s
        b0 += w0[i] * t
        b1 += w1[i] * t
        b2 += w2[i] * t
        b3 += w3[i] * t
    y[0], y[1], y[2], y[3] = a0, a1, a2, a3
    v[0], v[1], v[2], v[3] = b0, b1, b2, b3


@parallel_loop
def products(x: Array, w: Array, y: Array) -> None:
    """y (N, O) = x wᵀ for x (N, I), w (O, I)."""
    (N, I), O = x.shape, w.shape[0]
    for block in prange((O + 3) // 4):
        o = min(4 * block, O - 4)  # the last block may do some of the one before again
        if N == 1:
            dot_4(w[o : o + 4], x[0], y[0, o : o + 4])
        else:
            rows = np.empty((4, I), np.float32)  # widened once for all tokens
            for k in range(4):
                for i in range(I):
                    rows[k, i] = wide(w[o + k, i])
            for n in range(0, N, 2):
                m = min(n + 1, N - 1)
                dot_4_by_2(rows, x[n], x[m], y[n, o : o + 4], y[m, o : o + 4])


@float_loop
def multiply(x: Array, matrix: Matrix, layer: int, y: Array) -> None:
    """y (N, O) = (x wᵀ) × scale + bias for x (N, I)."""
    products(x, matrix.weight[layer], y)
    scale, bias = matrix.scale[layer], matrix.bias[layer]
    for n in range(len(y)):
        for o in range(len(scale)):
            y[n, o] = y[n, o] * scale[o] + bias[o]


@float_loop
def exp(x: Any) -> Any:
    """e to the x in float32, to 3e-7 of itself: 2ᵏ times a polynomial in what is left of x. It can be vectorised, which
    the C library's cannot."""
    x = min(max(x, np.float32(-87)), np.float32(88))
    k = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - k * np.float32(0.693359375) + k * np.float32(2.12194440e-4)  # ln 2 in two parts, the first exact times k
    p = np.float32(1.3888889e-3)
    p = p * r + np.float32(8.3333333e-3)
    p = p * r + np.float32(4.1666667e-2)
    p = p * r + np.float32(1.6666667e-1)
    p = p * r + np.float32(0.5)
    p = p * r + np.float32(1)
    p = p * r + np.float32(1)
    return p * np.uint32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


@float_loop
def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return np.float32(1) / (np.float32(1) + exp(-x))


@float_loop
def normalize(x: Array, norm: Array, s: Shape, y: Array) -> None:
    """One row or head: (x - mean) / √(mean square + ε) × gain + bias, where RMSNorm takes no mean off. y may be x."""
    count = np.float32(x.shape[0])
    mean = square = np.float32(0)
    if s.centred:
        for i in range(x.shape[0]):
            mean += x[i]
        mean /= count
    for i in range(x.shape[0]):
        square += (x[i] - mean) * (x[i] - mean)
    factor = np.float32(1) / np.sqrt(square / count + np.float32(s.eps))
    for i in range(x.shape[0]):
        y[i] = (x[i] - mean) * factor * norm[0, i] + norm[1, i]


@float_loop
def rotate(x: Array, cos: Array, sin: Array) -> None:
    """Turn each pair of channels (i, i + D/2) of a head, in place."""
    half = x.shape[0] // 2
    for i in range(half):
        a, b = x[i], x[i + half]
        x[i] = a * cos[i] + b * sin[i]
        x[i + half] = b * cos[i + half] + a * sin[i + half]


@float_loop
def embed(ids: Array, place: int, position: int, w: Weights, s: Shape, x: Array) -> None:
    """The stream's first state x (C,) of the token ids[place], which has the ids before it in front."""
    store(x, w.embed[ids[place]])
    if len(w.position_embed):
        add(x, w.position_embed[position])
    if s.embed_norm:
        normalize(x, w.embed_norm, s, x)
    for kind in range(len(w.ngrams)):
        hashed = np.int64(0)
        for before in range(w.ngrams[kind]):
            hashed = (hashed * 1_000_003 + ids[place - before] + 1) % 2_147_483_647
        add(x, w.ngram_embed[hashed % s.ngram_buckets + kind * s.ngram_buckets])


@float_loop
def mix(x: Array, gates: Array, inputs: Array, position: int) -> None:
    """Add to x (C,), channel by channel, gates[i] × what stands i + 1 positions before; inputs (S, C)."""
    for i in range(min(len(gates), position)):
        for c in range(x.shape[0]):
            x[c] += gates[i, c] * wide(inputs[position - 1 - i, c])


@float_loop
def add_value_embedding(v: Array, x: Array, embedding: Array, gates: Array) -> None:
    """v (K × D) += gate × embedding, where each head's gate is read from the first channels of x."""
    D = v.shape[0] // len(gates)
    for k in range(len(gates)):
        gate = np.float32(2) * sigmoid(dot(gates[k], x[: gates.shape[1]]))
        for i in range(k * D, k * D + D):
            v[i] += gate * embedding[i]


@float_loop
def attend(q: Array, keys: Array, values: Array, y: Array) -> None:
    """y (D,) = softmax(q kᵀ / √D) v over keys and values (S, D)."""
    S, D = keys.shape
    weights = np.empty(S, np.float32)
    factor = np.float32(1 / math.sqrt(D))
    largest = np.float32(-np.inf)
    for j in range(S):
        weights[j] = dot(keys[j], q) * factor
        largest = max(largest, weights[j])
    total = np.float32(0)
    for j in range(S):
        weights[j] = exp(weights[j] - largest)
        total += weights[j]
    for i in range(D):
        y[i] = 0
    for j in range(S):
        weight = weights[j] / total
        for i in range(D):
            y[i] += weight * wide(values[j, i])


@parallel_loop
def attend_all(
    qkv: Array, slots: Array, positions: Array, keys: Array, values: Array, window: int, num_heads: int, y: Array
) -> None:
    """y (N, H × D): `attend` for each token and head; qkv (N, (H + 2 K) × D), keys and values (slots, K, S, D)."""
    K, D = keys.shape[1], keys.shape[3]
    for place in prange(len(slots) * num_heads):
        n, head = place // num_heads, place % num_heads
        slot, k, end = slots[n], head // (num_heads // K), positions[n] + 1
        start = max(0, end - window)
        here = slice(head * D, head * D + D)
        attend(qkv[n, here], keys[slot, k, start:end], values[slot, k, start:end], y[n, here])


@parallel_loop
def activate(u: Array, kind: int, y: Array) -> None:
    """The nonlinearity: u (N, M) or, gated, (N, 2 M) to y (N, M)."""
    N, M = y.shape
    for n in prange(N):
        for i in range(M):
            x = u[n, i]
            if kind == RELU2:
                y[n, i] = max(x, np.float32(0)) ** 2
            elif kind == GELU:  # x/2 (1 + tanh z) is x sigmoid(2 z)
                y[n, i] = x * sigmoid(np.float32(1.5957691) * (x + np.float32(0.044715) * x * x * x))
            else:
                y[n, i] = x * sigmoid(x) * u[n, M + i]


# --- the whole ---


class Tokens(NamedTuple):
    """What one pass reads. Of a slot several tokens may be read at once."""

    ids: Array  # (slots, margin + context) int64: each slot's ids, after `margin` columns of -1
    slots: Array  # (N,) int64
    positions: Array  # (N,) int64


class Cache(NamedTuple):
    """The arrays of a `KVCache`, of float32 or the bits of bfloat16."""

    keys: Array  # (L, slots, K, columns, D)
    values: Array
    inputs: Array  # (L, slots, 1, columns, C)


@float_loop
def attention(layer: int, x: Array, t: Tokens, c: Cache, w: Weights, s: Shape) -> None:
    """Add to x (N, C) what attention makes of it, and write keys, values and inputs of these tokens to the cache."""
    (N, C), H, K, D = x.shape, s.num_heads, s.num_kv_heads, s.head_dim
    margin = t.ids.shape[1] - s.context
    h = np.empty((N, C), np.float32)
    for n in range(N):
        normalize(x[n], w.attention_norm[layer], s, h[n])
    gates = w.neighbour_gates[layer]
    if len(gates):
        for n in range(N):  # all of them before any is read: tokens may be each other's neighbours
            store(c.inputs[layer, t.slots[n], 0, t.positions[n]], h[n])
        for n in range(N):
            mix(h[n], gates, c.inputs[layer, t.slots[n], 0], t.positions[n])
    qkv = np.empty((N, (H + 2 * K) * D), np.float32)
    multiply(h, w.qkv, layer, qkv)
    for n in range(N):
        slot, position = t.slots[n], t.positions[n]
        if w.value_place[layer] >= 0:
            place = w.value_place[layer]
            embedding = w.value_embed[place, t.ids[slot, margin + position]]
            add_value_embedding(qkv[n, (H + K) * D :], h[n], embedding, w.value_gate[place])
        for head in range(H + K):
            x_head = qkv[n, head * D : head * D + D]
            if s.qk_norm:
                normalize(x_head, w.q_norm[layer] if head < H else w.k_norm[layer], s, x_head)
            if len(w.cos):
                rotate(x_head, w.cos[position], w.sin[position])
        for k in range(K):
            store(c.keys[layer, slot, k, position], qkv[n, (H + k) * D : (H + k + 1) * D])
            store(c.values[layer, slot, k, position], qkv[n, (H + K + k) * D : (H + K + k + 1) * D])
    y = np.empty((N, H * D), np.float32)
    attend_all(qkv, t.slots, t.positions, c.keys[layer], c.values[layer], w.windows[layer], H, y)
    multiply(y, w.out, layer, h)
    for n in range(N):
        add(x[n], h[n])


@float_loop
def mlp(layer: int, x: Array, w: Weights, s: Shape) -> None:
    """Add to x (N, C) what the MLP makes of it."""
    N, C = x.shape
    h, u = np.empty((N, C), np.float32), np.empty((N, w.up.weight.shape[1]), np.float32)
    for n in range(N):
        normalize(x[n], w.mlp_norm[layer], s, h[n])
    multiply(h, w.up, layer, u)
    y = np.empty((N, w.down.weight.shape[2]), np.float32)
    activate(u, s.mlp, y)
    multiply(y, w.down, layer, h)
    for n in range(N):
        add(x[n], h[n])


@float_loop
def read(t: Tokens, c: Cache, w: Weights, s: Shape, x: Array) -> None:
    """The stream x (N, C) after the last norm, of tokens whose slots have read all that comes before them."""
    margin = t.ids.shape[1] - s.context
    for n in range(len(x)):
        embed(t.ids[t.slots[n]], margin + t.positions[n], t.positions[n], w, s, x[n])
    for layer in range(len(w.windows)):
        attention(layer, x, t, c, w, s)
        mlp(layer, x, w, s)
    for n in range(len(x)):
        normalize(x[n], w.final_norm, s, x[n])
