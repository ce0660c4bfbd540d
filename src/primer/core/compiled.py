"""Loops in Python that run as fast as if they were in C: numba compiles them for the processor at hand.

That happens when one is first called, and is kept on disk: in `__pycache__`, else in the user's cache folder. What is
kept is valid as long as the file of the function called is the same: a loop may call others of its own file only, or a
change of theirs would go unnoticed. (Importing this module takes half a second: do so where loops are used.)
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Sums may be taken in any order, or nothing would be vectorised; infinities and NaN stay what they are.
FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}


def loop(function: F) -> F:
    """For whole numbers, on one core. Other Python threads run meanwhile."""
    return compiled(function)


def float_loop(function: F) -> F:
    """For numbers whose sums may be rounded in any order, on one core."""
    return compiled(function, fastmath=FAST, error_model="numpy")


def compiled(function: F, **options: Any) -> F:
    """Compile when it is first called; each time anew where no folder can be written to."""
    try:
        found: F = numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        found = numba.njit(nogil=True, **options)(function)
    return found
