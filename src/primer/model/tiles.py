"""Tiles: LANES × LANES float32 that numba's loops keep in registers, LANES vectors of LANES.

Numba turns plain loops into vector instructions, too. But it keeps no sums in registers while an outer loop goes on,
and finds out before each inner loop whether its arrays overlap: products of small matrices run at 20 GFLOP/s that way,
and at 60 to 80 in tiles (a core with AVX2; MKL has 80 where matrices are large). Where there are 32 registers of 16
(AVX-512) a tile is 16 × 16, elsewhere 8 × 8, and LLVM makes of a vector of 8 what the processor has: one register with
AVX, two with SSE or NEON.

All arrays are flat and contiguous; no index is checked. Loops that use these are compiled anew when their own file
changes, and not when this one does: then delete `__pycache__`.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 16 if binding.get_host_cpu_features().get("avx512f") else 8
VECTOR = ir.VectorType(ir.FloatType(), LANES)
ROWS = range(LANES)


class TileType(types.Type):
    """A tile, as numba infers types."""

    def __init__(self) -> None:
        super().__init__("Tile")


@register_model(TileType)
class TileModel(models.PrimitiveModel):
    """A tile, as LLVM holds it."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.ArrayType(VECTOR, LANES))  # type: ignore[no-untyped-call]


tile_type = TileType()


# What follows writes LLVM's instructions, when numba compiles a loop. `builder` appends them, and what it returns
# stands for what they will have computed.


def primitive(function: Callable[..., Any]) -> Callable[..., Any]:
    """For use in loops: a function of the types of its arguments that returns its signature and what writes it."""
    return intrinsic(function)


def address(context: Any, builder: Any, kind: Any, array: Any, place: Any, row: int = 0, step: Any = None) -> Any:
    """Of array[place + row × step]."""
    if row:
        place = builder.add(place, builder.mul(step, ir.Constant(step.type, row)))
    return builder.gep(context.make_array(kind)(context, builder, array).data, [place])


def vector_at(builder: Any, pointer: Any) -> Any:
    """The pointer to a number as one to LANES of them."""
    return builder.bitcast(pointer, VECTOR.as_pointer())


def shuffle(builder: Any, x: Any, y: Any, places: list[int]) -> Any:
    """The vector of x[i] for each place i < LANES, and y[i - LANES] for others."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), places)
    return builder.shuffle_vector(x, y, mask)


def multiply_add(builder: Any, x: Any, y: Any, total: Any) -> Any:
    """total + x × y: one instruction, where there is such."""
    return builder.fadd(builder.fmul(x, y, flags=["contract"]), total, flags=["contract"])


def rows_of(builder: Any, tile: Any) -> list[Any]:
    """A tile's vectors."""
    return [builder.extract_value(tile, r) for r in ROWS]


def tile_of(builder: Any, rows: list[Any]) -> Any:
    """LANES vectors as a tile."""
    tile = ir.Constant(ir.ArrayType(VECTOR, LANES), ir.Undefined)
    for r, row in enumerate(rows):
        tile = builder.insert_value(tile, row, r)
    return tile


@primitive
def repeat(_: Any, array: Any, place: Any) -> Any:
    """repeat(array, place): the tile whose every row is array[place : place + LANES]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = address(context, builder, signature.args[0], *arguments)
        return tile_of(builder, [builder.load(vector_at(builder, pointer), align=4)] * LANES)

    return tile_type(array, types.intp), write


@primitive
def load(_: Any, array: Any, place: Any, step: Any) -> Any:
    """load(array, place, step): the tile whose row r begins at array[place + r × step]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, step = arguments
        pointers = [address(context, builder, signature.args[0], array, place, r, step) for r in ROWS]
        return tile_of(builder, [builder.load(vector_at(builder, pointer), align=4) for pointer in pointers])

    return tile_type(array, types.intp, types.intp), write


@primitive
def store(_: Any, tile: Any, array: Any, place: Any, step: Any) -> Any:
    """store(tile, array, place, step): write what `load` would read."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile, array, place, step = arguments
        for r, row in enumerate(rows_of(builder, tile)):
            pointer = address(context, builder, signature.args[1], array, place, r, step)
            builder.store(row, vector_at(builder, pointer), align=4)

    return types.void(tile, array, types.intp, types.intp), write


@primitive
def add_outer(_: Any, tile: Any, a: Any, i: Any, step: Any, b: Any, j: Any) -> Any:
    """add_outer(tile, a, i, step, b, j): the tile plus, in each row r, a[i + r × step] · b[j : j + LANES]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile, a, i, step, b, j = arguments
        vector = builder.load(vector_at(builder, address(context, builder, signature.args[4], b, j)), align=4)
        sums = []
        for r, row in enumerate(rows_of(builder, tile)):
            number = builder.load(address(context, builder, signature.args[1], a, i, r, step))
            first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
            sums.append(multiply_add(builder, shuffle(builder, first, first, [0] * LANES), vector, row))
        return tile_of(builder, sums)

    return tile_type(tile, a, types.intp, types.intp, b, types.intp), write


@primitive
def maximum(_: Any, x: Any, y: Any) -> Any:
    """maximum(x, y): the larger of each two numbers; y's if one is NaN."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs = zip(*(rows_of(builder, tile) for tile in arguments), strict=True)
        return tile_of(builder, [builder.select(builder.fcmp_ordered(">", a, b), a, b) for a, b in pairs])

    return tile_type(x, y), write


@primitive
def transposed(_: Any, tile: Any) -> Any:
    """transposed(tile): rows as columns. Quarters off the diagonal change places, then their quarters, and so on."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = rows_of(builder, arguments[0])
        for half in (2**n for n in reversed(range(LANES.bit_length() - 1))):
            upper = [c - half + LANES if c & half else c for c in ROWS]
            lower = [c + LANES if c & half else c + half for c in ROWS]
            for r in (r for r in ROWS if not r & half):
                pair = rows[r], rows[r + half]
                rows[r], rows[r + half] = (shuffle(builder, *pair, places) for places in (upper, lower))
        return tile_of(builder, rows)

    return tile_type(tile), write
