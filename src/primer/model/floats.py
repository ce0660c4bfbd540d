"""Single numbers in numba's loops: those stored as bfloat16, and e to the x.

Loops that use these are compiled anew when their own file changes, and not when this one does: then delete
`__pycache__`.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from primer.core.compiled import float_loop

Array = NDArray[Any]


def wide(number: Any) -> Any:
    """A stored number as float32."""
    raise NotImplementedError("compiled, by its type, to one of the below")


@overload(wide, inline="always")
def wide_by_type(number: Any) -> Any:
    def from_bfloat16(number: Any) -> Any:  # the upper half of a float32
        return np.uint32(np.uint32(number) << np.uint32(16)).view(np.float32)

    def from_number(number: Any) -> Any:
        return np.float32(number)

    return from_bfloat16 if number == types.uint16 else from_number


def narrow(number: Any, array: Array) -> Any:
    """A float32 number as `array` stores it: itself, or rounded to bfloat16."""
    raise NotImplementedError("compiled, by the array's type, to one of the below")


@overload(narrow, inline="always")
def narrow_by_type(number: Any, array: Any) -> Any:
    def to_bfloat16(number: Any, array: Any) -> Any:  # to the nearest, of two the even one
        bits = np.float32(number).view(np.uint32)
        return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))

    def to_float32(number: Any, array: Any) -> Any:
        return number

    return to_bfloat16 if array.dtype == types.uint16 else to_float32


@float_loop
def copy(source: Array, target: Array) -> None:
    """target (D,) = source, rounded to what target holds."""
    for d in range(len(source)):
        target[d] = narrow(source[d], target)


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
