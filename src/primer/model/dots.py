"""Products of a few rows with a stored matrix, for numba's loops: by the instructions that a processor has for them.

A matrix of float32 is multiplied by rows of float32. Where the processor can, one of bfloat16 is multiplied by rows
rounded to bfloat16 (two products a lane and instruction, sums in float32: AVX512_BF16), and one of 8-bit integers by
rows of 16-bit integers (the same, sums in int32: AVX512_VNNI), which keep 12 to 15 bits of each number, as its part of
the row's largest. Elsewhere rows stay float32, and weights are made float32 as they are read.

Loops that use these are compiled anew when their own file changes, and not when this one does: then delete
`__pycache__`.

Legend of shapes: N rows, O outputs, I inputs of a matrix.
"""

from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from primer.core.compiled import float_loop
from primer.model.floats import copy, wide
from primer.model.tiles import (
    LANES,
    ROWS,
    VECTOR,
    address,
    multiply_add,
    primitive,
    rows_of,
    shuffle,
    tile_of,
    tile_type,
    vector_at,
)

Array = NDArray[Any]

FEATURES = binding.get_host_cpu_features()
HAS_BFLOAT16 = LANES == 16 and bool(FEATURES.get("avx512bf16"))
HAS_INT8 = LANES == 16 and bool(FEATURES.get("avx512vnni"))
if HAS_BFLOAT16 or HAS_INT8:
    binding.initialize_native_asmparser()

OUTPUTS = 4  # of a tile
TOGETHER = LANES // OUTPUTS  # rows of a tile
VECTOR_BYTES = 4 * LANES
INT32 = ir.IntType(32)
INTEGERS = ir.VectorType(INT32, LANES)


# --- rows as a matrix wants them ---


def room_for(shape: int | tuple[int, int], weights: Array) -> Array:
    """Room for what is to be multiplied by these weights."""
    raise NotImplementedError("compiled, by the weights' type, to one of the below")


@overload(room_for)
def room_by_type(shape: Any, weights: Any) -> Any:
    def bfloat16(shape: Any, weights: Any) -> Any:
        return np.empty(shape, np.uint16)

    def integers(shape: Any, weights: Any) -> Any:
        return np.empty(shape, np.int16)

    def floats(shape: Any, weights: Any) -> Any:
        return np.empty(shape, np.float32)

    if weights.dtype == types.uint16 and HAS_BFLOAT16:
        return bfloat16
    return integers if weights.dtype == types.int8 and HAS_INT8 else floats


def round_row(x: Array, row: Array) -> Any:
    """Write x (I,) to a row of that room; returns what to multiply its products by."""
    raise NotImplementedError("compiled, by the row's type, to one of the below")


@overload(round_row)
def round_by_type(x: Any, row: Any) -> Any:
    def to_floats(x: Any, row: Any) -> Any:
        copy(x, row)
        return np.float32(1)

    def to_integers(x: Any, row: Any) -> Any:
        largest = np.float32(1e-30)
        for i in range(len(x)):
            largest = max(largest, abs(x[i]))
        # A lane adds up I / LANES products with an 8-bit integer, and must not overflow.
        most = np.float32(min(32767, (2**31 - 1) // (128 * (len(x) // LANES + 1))))
        factor = most / largest
        for i in range(len(x)):
            row[i] = np.int16(np.rint(x[i] * factor))
        return largest / most

    return to_integers if row.dtype == types.int16 else to_floats


# --- products ---


@primitive
def zeros(_: Any) -> Any:
    """A tile of zeros, of float32 or int32."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return tile_of(builder, [ir.Constant(VECTOR, [0.0] * LANES)] * LANES)

    return tile_type(), write


def add_products(num_outputs: int, num_rows: int, ahead: bool) -> Any:
    """A primitive f(tile, w, i, w_step, x, j, x_step): the tile, whose vector n × num_outputs + o holds partial sums,
    plus w[i + o × w_step :] × x[j + n × x_step :], a vector of x's bytes.

    `ahead`: ask for what lies num_outputs × w_step further on in w. It then comes from memory in time, which many
    streams at once do not by themselves.
    """

    def typed(_: Any, tile: Any, w: Any, i: Any, w_step: Any, x: Any, j: Any, x_step: Any) -> Any:
        add = {types.uint16: add_bfloat16, types.int16: add_integers, types.float32: multiply_add}[x.dtype]

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            tile, w, i, w_step, x, j, x_step = arguments
            places = [address(context, builder, signature.args[1], w, i, o, w_step) for o in range(num_outputs)]
            if ahead:
                for o in range(num_outputs, 2 * num_outputs):
                    prefetch(builder, address(context, builder, signature.args[1], w, i, o, w_step))
            weights = [load_weights(builder, place, signature.args[1].dtype) for place in places]
            rows = [
                builder.load(vector_at(builder, address(context, builder, signature.args[4], x, j, n, x_step)), align=2)
                for n in range(num_rows)
            ]
            pairs = [(weight, row) for row in rows for weight in weights]
            sums = [add(builder, *pair, total) for pair, total in zip(pairs, rows_of(builder, tile), strict=True)]
            return tile_of(builder, sums)

        return tile_type(tile, w, types.intp, types.intp, x, types.intp, types.intp), write

    return primitive(typed)


@primitive
def ask_for(_: Any, array: Any, place: Any) -> Any:
    """Have array[place] brought to the second cache, with what shares its line. Nothing need be there."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        prefetch(builder, address(context, builder, signature.args[0], *arguments))
        return context.get_dummy_value()

    return types.void(array, types.intp), write


def load_weights(builder: Any, place: Any, kind: Any) -> Any:
    """Weights from there on, as instructions take them."""
    if kind != types.int8:
        return builder.load(vector_at(builder, place), align=2)
    pointer = builder.bitcast(place, ir.VectorType(ir.IntType(8), 2 * LANES).as_pointer())
    return builder.sext(builder.load(pointer, align=1), ir.VectorType(ir.IntType(16), 2 * LANES))


def prefetch(builder: Any, place: Any) -> None:
    """Ask for what is there to be brought to the second cache."""
    pointer = builder.bitcast(place, ir.IntType(8).as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [pointer.type, INT32, INT32, INT32])
    function = builder.module.declare_intrinsic("llvm.prefetch", (pointer.type,), kind)
    to_read, to_second_cache, data = 0, 2, 1
    builder.call(function, [pointer, *(ir.Constant(INT32, n) for n in (to_read, to_second_cache, data))])


def add_bfloat16(builder: Any, a: Any, b: Any, total: Any) -> Any:
    """In each lane, total + the products of two numbers, all of bfloat16."""
    return instruction(builder, "vdpbf16ps", a, b, total)


def add_integers(builder: Any, a: Any, b: Any, total: Any) -> Any:
    """The same of 16-bit integers, in int32."""
    return instruction(builder, "vpdpwssd", a, b, total)


def instruction(builder: Any, name: str, a: Any, b: Any, total: Any) -> Any:
    """One by name: total is added to."""
    kind = ir.FunctionType(VECTOR, [VECTOR, VECTOR, VECTOR])
    operands = [total, builder.bitcast(a, VECTOR), builder.bitcast(b, VECTOR)]
    return builder.call(ir.InlineAsm(kind, f"{name} $3, $2, $0", "=v,0,v,v"), operands)


def store_sums(count: int) -> Any:
    """A primitive f(tile, x, y, place, step) that stores the sums of the tile's vectors, as multiplying by x left them:
    `count` from y[place] on, as many from y[place + step] on, …"""

    def typed(_: Any, tile: Any, x: Any, y: Any, place: Any, step: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            tile, _, y, place, step = arguments
            rows = rows_of(builder, tile)
            if signature.args[1].dtype == types.int16:
                rows = [builder.sitofp(builder.bitcast(row, INTEGERS), VECTOR) for row in rows]
            sums = sum_each(builder, rows)
            for n in range(LANES // count):
                lanes = ir.Constant(ir.VectorType(INT32, count), [*range(n * count, (n + 1) * count)])
                part = builder.shuffle_vector(sums, sums, lanes)
                target = address(context, builder, signature.args[2], y, place, n, step)
                builder.store(part, builder.bitcast(target, part.type.as_pointer()), align=4)

        return types.void(tile, x, y, types.intp, types.intp), write

    return primitive(typed)


def sum_each(builder: Any, rows: list[Any]) -> Any:
    """The vector of the sums of LANES vectors."""
    half = LANES
    while half > 1:  # of two vectors make one, whose lanes without this bit are the first one's
        half //= 2
        left = [lane - half + LANES if lane & half else lane for lane in ROWS]
        right = [lane + LANES if lane & half else lane + half for lane in ROWS]
        rows = [
            builder.fadd(shuffle(builder, a, b, left), shuffle(builder, a, b, right), flags=["contract"])
            for a, b in zip(rows[:half], rows[half:], strict=True)
        ]
    return rows[0]


add_tile = add_products(OUTPUTS, TOGETHER, ahead=False)
add_tile_ahead = add_products(OUTPUTS, TOGETHER, ahead=True)
store_tile = store_sums(OUTPUTS)
add_outputs = add_products(LANES, 1, ahead=True)
store_outputs = store_sums(LANES)


@float_loop
def dot(w: Array, x: Array) -> Any:
    """The sum of w × x, both (I,)."""
    total = np.float32(0)
    for i in range(x.shape[0]):
        total += wide(w[i]) * wide(x[i])
    return total


@float_loop
def products(x: Array, w: Array, y: Array) -> None:
    """y (N, O) = x wᵀ for x (N, I) in room for w (O, I); all contiguous."""
    (N, I), O = x.shape, w.shape[0]
    if O < LANES or I * x.itemsize % VECTOR_BYTES:
        for n in range(N):
            for o in range(O):
                y[n, o] = dot(w[o], x[n])
    elif N < TOGETHER:
        products_of_few(x, w, y)
    else:
        products_of_many(x, w, y)


def products_of_few(x: Array, w: Array, y: Array) -> None:
    """One row at a time: it costs what reading w costs."""
    raise NotImplementedError("compiled, by their types, to one of the below")


@overload(products_of_few)
def few_by_type(x: Any, w: Any, y: Any) -> Any:
    def in_one_stream(x: Any, w: Any, y: Any) -> Any:  # float32 comes from memory fastest row after row
        for n in range(x.shape[0]):
            for o in range(w.shape[0]):
                y[n, o] = dot(w[o], x[n])

    def in_many_streams(x: Any, w: Any, y: Any) -> Any:
        (N, I), O = x.shape, w.shape[0]
        for block in range((O + LANES - 1) // LANES):
            o = min(LANES * block, O - LANES)  # the last block may do some of the one before again
            for n in range(N):
                tile = zeros()
                for i in range(0, I, VECTOR_BYTES // x.itemsize):
                    tile = add_outputs(tile, w, o * I + i, I, x, n * I + i, I)
                store_outputs(tile, x, y, n * O + o, O)

    return in_one_stream if x.dtype == types.float32 else in_many_streams


@float_loop
def products_of_many(x: Array, w: Array, y: Array) -> None:
    """OUTPUTS of TOGETHER rows at a time: what is loaded serves more than once."""
    (N, I), O = x.shape, w.shape[0]
    step = VECTOR_BYTES // x.itemsize
    rows = room_to_widen(w, x)
    for block in range((O + OUTPUTS - 1) // OUTPUTS):
        o = min(OUTPUTS * block, O - OUTPUTS)
        weights, begin = for_instructions(w, o, x, rows)
        tile = zeros()
        for i in range(0, I, step):  # the first rows have the next weights brought
            tile = add_tile_ahead(tile, weights, begin + i, I, x, i, I)
        store_tile(tile, x, y, o, O)
        for group in range(1, (N + TOGETHER - 1) // TOGETHER):
            n = min(TOGETHER * group, N - TOGETHER)
            tile = zeros()
            for i in range(0, I, step):
                tile = add_tile(tile, weights, begin + i, I, x, n * I + i, I)
            store_tile(tile, x, y, n * O + o, O)


def room_to_widen(w: Array, x: Array) -> Array:
    """The `rows` below, (OUTPUTS, I), for weights that are not multiplied as they are stored."""
    raise NotImplementedError("compiled, by their types, to one of the below")


def for_instructions(w: Array, o: int, x: Array, rows: Array) -> tuple[Array, int]:
    """Where OUTPUTS rows of weights are, from o on, that an instruction can multiply by x: in w, or made float32 in
    `rows`; and the place of the first number."""
    raise NotImplementedError("compiled, by their types, to one of the below")


def is_widened(w: Any, x: Any) -> bool:
    """Of types: whether weights have to be made float32 before they are multiplied."""
    return bool(w.dtype != types.float32 and x.dtype == types.float32)


@overload(room_to_widen)
def room_to_widen_by_type(w: Any, x: Any) -> Any:
    def none(w: Any, x: Any) -> Any:  # nobody looks at it
        return w

    def room(w: Any, x: Any) -> Any:
        return np.empty((OUTPUTS, w.shape[1]), np.float32)

    return room if is_widened(w, x) else none


@overload(for_instructions)
def for_instructions_by_type(w: Any, o: Any, x: Any, rows: Any) -> Any:
    def as_stored(w: Any, o: Any, x: Any, rows: Any) -> Any:
        return w, o * w.shape[1]

    def widened(w: Any, o: Any, x: Any, rows: Any) -> Any:
        for k in range(OUTPUTS):
            for i in range(w.shape[1]):
                rows[k, i] = wide(w[o + k, i])
        return rows, 0

    return widened if is_widened(w, x) else as_stored
