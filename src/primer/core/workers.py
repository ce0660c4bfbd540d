"""Pure Python on several cores."""

import ctypes
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>

_function: Callable[[Any], Any]
"""In a worker: what it computes."""


def computed_ahead(function: Callable[[T], R], items: Iterable[T], processes: int) -> Iterator[R]:
    """function of each item, in order; a few are computed ahead, by so many processes. The items may be without end.

    The processes are forks of this one, as those of PyTorch's DataLoader: `function` has all that it refers to, and
    nothing but items and results is sent. It must leave to this process what does not survive a fork: CUDA, and
    PyTorch's operations on several threads. With one process, or where there are no such forks, this one computes.

    Raises what `function` raises, and BrokenProcessPool if a worker is killed.
    """
    if processes < 2 or sys.platform != "linux":
        yield from map(function, items)
        return
    rest = iter(items)
    with ProcessPoolExecutor(processes, get_context("fork"), _begin, (function,)) as pool:
        try:
            ahead = deque(pool.submit(_compute, item) for item in islice(rest, 2 * processes))
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(_compute, item) for item in islice(rest, 1))
                yield result
        finally:  # nobody wants the others
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; it is the parent who answers
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # or they would hold the lock of a run that was killed


def _compute(item: Any) -> Any:
    return _function(item)
