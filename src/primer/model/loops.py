"""The transformer once more, in plain loops over numbers: how a model is run that reads a few tokens at a time.

A new token is one row against every matrix: it costs what reading the weights from memory costs, if nothing else does.
Through PyTorch's operators it costs three times as much, for each of 150 has an overhead of its own and MKL multiplies
a single row on a single core. Here one call reads any tokens of any rows, without padding. numba compiles it for the
processor at hand when it is first needed, and keeps that on disk. Weights may be stored as float32, bfloat16 or 8-bit
integers; what meets them in a product is rounded as `dots.py` says, and all else is float32.

The numbers are those of `gpt.py`, up to the rounding of sums in another order; there everything is explained.

Legend of shapes: N tokens, each with its slot of the cache and its position there; L layers; C width; O, I outputs and
inputs of a matrix; H query heads, K key-value heads, D channels of a head; M width of the MLP.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from primer.core.compiled import float_loop
from primer.model.dots import ask_for, dot, products, room_for, round_row
from primer.model.floats import copy, exp, wide
from primer.model.team import COUNT, PIECES, begin, finish, look, take, wait_for_pass

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


AHEAD = 64  # positions: how long before they are needed values are asked for

MLPS = ("relu2", "gelu", "swiglu")
RELU2, GELU, SWIGLU = range(3)


class Matrix(NamedTuple):
    """One linear map of every layer: (weight x) × scale + bias."""

    weight: Array  # (L, O, I) of float32, uint16 (the bits of bfloat16) or int8
    scale: Array  # (L, O)
    bias: Array  # (L, O)


class Rows(NamedTuple):
    """Rows as a matrix's products want them: x × scale."""

    x: Array  # (N, I) of float32, uint16 (the bits of bfloat16) or int16
    scale: Array  # (N or more,)


class Weights(NamedTuple):
    """A model's weights, float32 where nothing else is said. What it does not have, has no rows.

    A norm is its gain and its bias, (2, channels).
    """

    embed: Array  # (V, C)
    position_embed: Array  # (context, C)
    embed_norm: Array
    ngrams: Array  # lengths of the n-grams, int64
    ngram_embed: Array  # (rows, C)
    repeat_embed: Array  # (longest run + 1, C)
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


# --- the parts ---


@float_loop
def add(x: Array, y: Array) -> None:
    """x += y, both (C,): written out, it compiles in a tenth of the time."""
    for i in range(len(x)):
        x[i] += y[i]


class Desk(NamedTuple):
    """What one thread works on, made once: threads that ask for memory in every pass wait for each other."""

    h: Array  # (N or more, C)
    x: Array  # (N × the most inputs,) as products want them
    scale: Array  # (N or more,)
    found: Array  # (N × the most outputs of a piece,)
    query: Array  # (1, D) as products with keys want it
    weights: Array  # (context,)


@float_loop
def rounded(x: Array, desk: Desk) -> Rows:
    """x (N, I) as products want it."""
    N, I = x.shape
    rows = Rows(desk.x[: N * I].reshape(N, I), desk.scale)
    for n in range(N):
        rows.scale[n] = round_row(x[n], rows.x[n])
    return rows


@float_loop
def multiply(
    rows: Rows, matrix: Matrix, layer: int, first: int, last: int, adds: bool, desk: Desk, y: Array
) -> None:  # fmt: skip
    """The outputs from `first` to `last` of y (N, O) = (x wᵀ) × scale + bias, or of y + that."""
    scale, bias = matrix.scale[layer, first:last], matrix.bias[layer, first:last]
    num_rows, num_outputs = len(rows.x), last - first
    found = desk.found[: num_rows * num_outputs].reshape(num_rows, num_outputs)
    products(rows.x, matrix.weight[layer, first:last], found)
    for n in range(len(found)):
        row, row_scale = y[n, first:last], rows.scale[n]
        for o in range(last - first):
            new = found[n, o] * (scale[o] * row_scale) + bias[o]
            row[o] = row[o] + new if adds else new


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
    copy(w.embed[ids[place]], x)
    if len(w.position_embed):
        add(x, w.position_embed[position])
    if s.embed_norm:
        normalize(x, w.embed_norm, s, x)
    for kind in range(len(w.ngrams)):
        hashed = np.int64(0)
        for before in range(w.ngrams[kind]):
            hashed = (hashed * 1_000_003 + ids[place - before] + 1) % 2_147_483_647
        add(x, w.ngram_embed[hashed % s.ngram_buckets + kind * s.ngram_buckets])
    if len(w.repeat_embed):
        add(x, w.repeat_embed[count_repeats(ids[place - position : place + 1], len(w.repeat_embed) - 1)])


@float_loop
def count_rows_repeats(ids: Array, longest: int, counts: Array) -> None:
    """`count_repeats` at the last T positions of ids (B, S): counts (B, T)."""
    S, T = ids.shape[1], counts.shape[1]
    for b in range(len(ids)):
        for t in range(T):
            counts[b, t] = count_repeats(ids[b, : S - T + t + 1], longest)


@float_loop
def count_repeats(ids: Array, longest: int) -> int:
    """How many of the last ids, at most `longest`, stood together somewhere before."""
    found, last = 0, len(ids) - 1
    for end in range(last):
        n = 0
        while n < longest and n <= end and ids[end - n] == ids[last - n]:
            n += 1
        found = max(found, n)
    return found


@float_loop
def mix(x: Array, gates: Array, inputs: Array, position: int) -> None:
    """Add to x (C,), channel by channel, gates[i] × what stands i + 1 positions before; inputs (S, C)."""
    for i in range(min(len(gates), position)):
        for c in range(x.shape[0]):
            x[c] += gates[i, c] * wide(inputs[position - 1 - i, c])


@float_loop
def add_value_embedding(v: Array, x: Array, embedding: Array, weights: Array) -> None:
    """v (D,) += gate × embedding, where the head's gate is read from the first channels of x."""
    gate = np.float32(2) * sigmoid(dot(weights, x[: len(weights)]))
    for i in range(len(v)):
        v[i] += gate * embedding[i]


@float_loop
def attend(q: Array, keys: Array, values: Array, desk: Desk, y: Array) -> None:
    """y (D,) = softmax(q kᵀ / √D) v over keys and values (S, D)."""
    (S, D), query, weights = keys.shape, desk.query, desk.weights
    line = 64 // values.itemsize  # numbers that share one
    for i in range(0, min(AHEAD, S) * D, line):
        ask_for(values, i)
    factor = round_row(q, query[0]) / np.float32(math.sqrt(D))
    products(query, keys, weights[:S].reshape(1, S))
    largest, total = np.float32(-np.inf), np.float32(0)
    for j in range(S):
        largest = max(largest, weights[j])
    for j in range(S):
        weights[j] = exp((weights[j] - largest) * factor)
        total += weights[j]
    for i in range(D):
        y[i] = 0
    for j in range(0, S - 3, 4):  # y is read and written once for four of them
        a, b, c, d = weights[j] / total, weights[j + 1] / total, weights[j + 2] / total, weights[j + 3] / total
        if j + AHEAD < S:
            for i in range((j + AHEAD) * D, (j + AHEAD + 4) * D, line):
                ask_for(values, i)
        v0, v1, v2, v3 = values[j], values[j + 1], values[j + 2], values[j + 3]
        for i in range(D):
            y[i] += a * wide(v0[i]) + b * wide(v1[i]) + c * wide(v2[i]) + d * wide(v3[i])
    for j in range(S // 4 * 4, S):
        weight, v = weights[j] / total, values[j]
        for i in range(D):
            y[i] += weight * wide(v[i])


@float_loop
def activate(u: Array, kind: int, first: int, last: int, y: Array) -> None:
    """The nonlinearity's outputs from `first` to `last`: u (N, M) or, gated, (N, 2 M) to y (N, M)."""
    N, M = y.shape
    for n in range(N):
        for i in range(first, last):
            x = u[n, i]
            if kind == RELU2:
                y[n, i] = max(x, np.float32(0)) ** 2
            elif kind == GELU:  # x/2 (1 + tanh z) is x sigmoid(2 z)
                y[n, i] = x * sigmoid(np.float32(1.5957691) * (x + np.float32(0.044715) * x * x * x))
            else:
                y[n, i] = x * sigmoid(x) * u[n, M + i]


# --- the whole, cut into pieces ---


class Tokens(NamedTuple):
    """What a pass reads, and whose logits it finds. Of a slot several tokens may be read at once."""

    ids: Array  # (slots, margin + context) int64: each slot's ids, after `margin` columns of -1
    slots: Array  # (N or more,) int64
    positions: Array  # the same
    wanted: Array  # (the same,) numbers of tokens


class Cache(NamedTuple):
    """The arrays of a `KVCache`, of float32 or the bits of bfloat16."""

    keys: Array  # (L, slots, K, columns, D)
    values: Array
    inputs: Array  # (L, slots, 1, columns, C)


class Room(NamedTuple):
    """What a pass computes, of N tokens or more."""

    x: Array  # (N, C)
    qkv: Array  # (N, (H + 2 K) × D)
    y: Array  # (N, H × D)
    u: Array  # (N, M or 2 M)
    v: Array  # (N, M)
    hidden: Array  # (N, C)
    logits: Array  # (N, V)


@float_loop
def share(piece: int, num_pieces: int, total: int, step: int) -> tuple[int, int]:
    """Where a piece of `total` begins and ends, at multiples of `step`."""
    steps = (total + step - 1) // step
    return steps * piece // num_pieces * step, min(steps * (piece + 1) // num_pieces * step, total)


@float_loop
def new_desk(c: Cache, w: Weights, s: Shape, r: Room) -> Desk:
    """For passes in this room, whether one thread does them or several: one has the largest pieces."""
    (N, C), (num_wanted, V) = r.x.shape, r.logits.shape
    inputs, outputs = max(C, r.y.shape[1], r.v.shape[1]), max(C, r.qkv.shape[1], r.v.shape[1])
    found = max(N * (outputs // PIECES + 8), num_wanted * (V // PIECES + 8))  # a piece is of whole fours
    return Desk(
        np.empty((N, C), np.float32), room_for(N * inputs, w.qkv.weight), np.empty(N, np.float32),
        np.empty(found, np.float32), room_for((1, s.head_dim), c.keys), np.empty(s.context, np.float32),
    )  # fmt: skip


@float_loop
def normalize_all(x: Array, norm: Array, s: Shape, h: Array) -> None:
    """h = norm of x, both (N, C)."""
    for n in range(len(x)):
        normalize(x[n], norm, s, h[n])


@float_loop
def attention_input(layer: int, x: Array, t: Tokens, c: Cache, w: Weights, s: Shape, h: Array) -> None:
    """h (N, C): x after the norm, mixed with its neighbours, and written to the cache for those that come."""
    normalize_all(x, w.attention_norm[layer], s, h)
    gates = w.neighbour_gates[layer]
    if len(gates):
        for n in range(len(x)):  # all of them before any is read: tokens may be each other's neighbours
            copy(h[n], c.inputs[layer, t.slots[n], 0, t.positions[n]])
        for n in range(len(x)):
            mix(h[n], gates, c.inputs[layer, t.slots[n], 0], t.positions[n])


@float_loop
def place_heads(layer: int, n: int, k: int, qkv: Array, x: Array, t: Tokens, c: Cache, w: Weights, s: Shape) -> None:
    """Of token n, whose attention input is x (C,): key-value head k into the cache, and the queries that read it ready.
    qkv ((H + 2 K) × D,)."""
    H, K, D, slot, position = s.num_heads, s.num_kv_heads, s.head_dim, t.slots[n], t.positions[n]
    value = qkv[(H + K + k) * D : (H + K + k + 1) * D]
    place = w.value_place[layer]
    if place >= 0:
        margin = t.ids.shape[1] - s.context
        embedding = w.value_embed[place, t.ids[slot, margin + position]]
        add_value_embedding(value, x, embedding[k * D : k * D + D], w.value_gate[place, k])
    group = H // K
    for head in range(group + 1):
        start = H + k if head == group else k * group + head
        x_head = qkv[start * D : start * D + D]
        if s.qk_norm:
            normalize(x_head, w.k_norm[layer] if head == group else w.q_norm[layer], s, x_head)
        if len(w.cos):
            rotate(x_head, w.cos[position], w.sin[position])
    copy(qkv[(H + k) * D : (H + k + 1) * D], c.keys[layer, slot, k, position])
    copy(value, c.values[layer, slot, k, position])


@float_loop
def attention(
    shared: Array,
    phase: int,
    who: int,
    threads: int,
    layer: int,
    t: Tokens,
    c: Cache,
    w: Weights,
    s: Shape,
    r: Room,
    desk: Desk,
) -> int:
    """Add to x what attention makes of it, and write keys, values and inputs of these tokens to the cache: four
    phases."""
    N, H, K, D, pieces = len(r.x), s.num_heads, s.num_kv_heads, s.head_dim, PIECES * threads
    h = desk.h[:N]
    piece = take(shared, phase, pieces, who, threads)
    if piece >= 0:
        attention_input(layer, r.x, t, c, w, s, h)
        rows = rounded(h, desk)
    has_input = piece >= 0
    while piece >= 0:
        first, last = share(piece, pieces, r.qkv.shape[1], 4)
        multiply(rows, w.qkv, layer, first, last, False, desk, r.qkv)
        piece = finish(shared, phase, pieces, who, threads)

    phase, few = phase + 1, min(pieces, N * K)
    piece = take(shared, phase, few, who, threads)
    if piece >= 0 and not has_input and w.value_place[layer] >= 0:
        attention_input(layer, r.x, t, c, w, s, h)
    while piece >= 0:
        first, last = share(piece, few, N * K, 1)
        for place in range(first, last):
            n, k = place // K, place % K
            place_heads(layer, n, k, r.qkv[n], h[n], t, c, w, s)
        piece = finish(shared, phase, few, who, threads)

    phase, few = phase + 1, min(pieces, N * H)
    piece = take(shared, phase, few, who, threads)
    while piece >= 0:
        first, last = share(piece, few, N * H, 1)
        for place in range(first, last):
            n, head = place // H, place % H
            slot, k, end = t.slots[n], head // (H // K), t.positions[n] + 1
            start, here = max(0, end - w.windows[layer]), slice(head * D, head * D + D)
            keys, values = c.keys[layer, slot, k, start:end], c.values[layer, slot, k, start:end]
            attend(r.qkv[n, here], keys, values, desk, r.y[n, here])
        piece = finish(shared, phase, few, who, threads)

    phase += 1
    piece = take(shared, phase, pieces, who, threads)
    if piece >= 0:
        rows = rounded(r.y, desk)
    while piece >= 0:
        first, last = share(piece, pieces, r.x.shape[1], 4)
        multiply(rows, w.out, layer, first, last, True, desk, r.x)
        piece = finish(shared, phase, pieces, who, threads)
    return phase + 1


@float_loop
def mlp(
    shared: Array, phase: int, who: int, threads: int, layer: int, w: Weights, s: Shape, r: Room, desk: Desk
) -> int:  # fmt: skip
    """Add to x what the MLP makes of it: two phases."""
    M, pieces = r.v.shape[1], PIECES * threads
    piece = take(shared, phase, pieces, who, threads)
    if piece >= 0:
        h = desk.h[: len(r.x)]
        normalize_all(r.x, w.mlp_norm[layer], s, h)
        rows = rounded(h, desk)
    while piece >= 0:
        first, last = share(piece, pieces, M, 4)
        multiply(rows, w.up, layer, first, last, False, desk, r.u)
        if s.mlp == SWIGLU:
            multiply(rows, w.up, layer, M + first, M + last, False, desk, r.u)
        activate(r.u, s.mlp, first, last, r.v)
        piece = finish(shared, phase, pieces, who, threads)

    phase += 1
    piece = take(shared, phase, pieces, who, threads)
    if piece >= 0:
        rows = rounded(r.v, desk)
    while piece >= 0:
        first, last = share(piece, pieces, r.x.shape[1], 4)
        multiply(rows, w.down, layer, first, last, True, desk, r.x)
        piece = finish(shared, phase, pieces, who, threads)
    return phase + 1


@float_loop
def read(
    shared: Array, phase: int, who: int, threads: int, N: int, num_wanted: int, t: Tokens, c: Cache, w: Weights,
    s: Shape, r: Room, desk: Desk
) -> None:  # fmt: skip
    """The states after the last norm of N tokens whose slots have read all that comes before them, and the logits of
    those that are wanted: this thread's part, and it returns when all is there."""
    r = Room(r.x[:N], r.qkv[:N], r.y[:N], r.u[:N], r.v[:N], r.hidden[:N], r.logits[:num_wanted])
    margin = t.ids.shape[1] - s.context
    pieces = PIECES * threads
    few = min(pieces, N)
    piece = take(shared, phase, few, who, threads)
    while piece >= 0:
        first, last = share(piece, few, N, 1)
        for n in range(first, last):
            embed(t.ids[t.slots[n]], margin + t.positions[n], t.positions[n], w, s, r.x[n])
        piece = finish(shared, phase, few, who, threads)
    phase += 1
    for layer in range(len(w.windows)):
        phase = attention(shared, phase, who, threads, layer, t, c, w, s, r, desk)
        phase = mlp(shared, phase, who, threads, layer, w, s, r, desk)
    piece = take(shared, phase, few, who, threads)
    while piece >= 0:
        first, last = share(piece, few, N, 1)
        for n in range(first, last):
            normalize(r.x[n], w.final_norm, s, r.hidden[n])
        piece = finish(shared, phase, few, who, threads)
    if not num_wanted:
        return
    phase += 1
    piece = take(shared, phase, pieces, who, threads)
    for n in range(num_wanted):
        copy(r.hidden[t.wanted[n]], desk.h[n])
    rows = rounded(desk.h[:num_wanted], desk)
    while piece >= 0:
        first, last = share(piece, pieces, r.logits.shape[1], 4)
        multiply(rows, w.head, 0, first, last, False, desk, r.logits)
        piece = finish(shared, phase, pieces, who, threads)


@float_loop
def work(
    shared: Array, order: int, who: int, threads: int, N: int, num_wanted: int, with_help: bool, t: Tokens, c: Cache,
    w: Weights, s: Shape, r: Room, desk: Desk
) -> None:  # fmt: skip
    """Thread 0: a pass over N tokens, from its beginning to its end. The others: help with passes, as they come."""
    phase = begin(shared, N + (num_wanted << 32), with_help) if who == 0 else wait_for_pass(shared, 0, order)
    while phase >= 0:
        count = look(shared, COUNT)
        read(shared, phase, who, threads, count & 0xFFFFFFFF, count >> 32, t, c, w, s, r, desk)
        phase = -1 if who == 0 else wait_for_pass(shared, phase, order)
