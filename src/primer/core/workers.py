"""Pure Python on several cores: in forks of this process, as those of PyTorch's DataLoader.

A fork has all that this process has, without it being sent; only what it is asked and answers goes through a pipe. What
does not survive a fork is left alone there: CUDA, threads, and PyTorch's operations on more than one thread.
"""

import ctypes
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeAlias, TypeVar

from primer.core.errors import LostProcessError

T = TypeVar("T")
R = TypeVar("R")
Tell: TypeAlias = Callable[[int], None]
"""Is told how many more are done."""
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
CAN_FORK = sys.platform == "linux"  # macOS's own libraries do not survive it
FORKS = get_context("fork") if CAN_FORK else None
TELL_EVERY = 0.1  # seconds

_function: Callable[[Any], Any]
"""In a fork of `computed_ahead`: what it computes."""


def computed_ahead(function: Callable[[T], R], items: Iterable[T], processes: int) -> Iterator[R]:
    """function of each item, in order; a few are computed ahead, by so many processes. The items may be without end.
    One process is this one.

    Raises what `function` raises, and LostProcessError if a fork is killed.
    """
    if processes < 2 or not CAN_FORK:
        yield from map(function, items)
        return
    rest, parent = iter(items), os.getpid()
    pool = ProcessPoolExecutor(processes, FORKS, _begin, (parent, function))
    try:
        ahead = deque(pool.submit(_compute, item) for item in islice(rest, 2 * processes))
        while ahead:
            result = ahead.popleft().result()
            ahead.extend(pool.submit(_compute, item) for item in islice(rest, 1))
            yield result
    except BrokenProcessPool:
        raise LostProcessError from None
    finally:  # nobody wants the others
        pool.shutdown(cancel_futures=True)


def in_shares(work: Callable[[int, Tell], R], processes: int, tell: Tell | None = None) -> list[R]:
    """work(0, tell), work(1, tell) and so on, each in a process of its own; what they tell is told here, in sums.

    Raises what `work` raises, and LostProcessError if a fork is killed. Whatever is raised here ends all of them.
    """
    assert FORKS is not None
    counts, parent = FORKS.RawArray("q", processes), os.getpid()

    def begin(share: int, answer: Connection) -> None:
        _begin(parent, None)

        def count(number: int) -> None:
            counts[share] += number

        try:
            answer.send((work(share, count), None))
        except Exception as error:
            error.add_note(traceback.format_exc())  # a traceback itself cannot be sent
            answer.send((None, error))

    forks = []
    receivers: list[Connection] = []
    results: dict[int, R] = {}
    told = 0
    try:
        for share in range(processes):
            receiver, sender = FORKS.Pipe(duplex=False)
            fork = FORKS.Process(target=begin, args=(share, sender), daemon=True)
            fork.start()
            forks.append(fork)
            receivers.append(receiver)
            sender.close()  # held here or by the next fork, a fork's death would not be the end of its pipe
        while len(results) < processes:
            for share, receiver in enumerate(receivers):
                if share in results or not receiver.poll(TELL_EVERY / processes):
                    continue
                try:
                    results[share], error = receiver.recv()
                except (EOFError, OSError):
                    raise LostProcessError from None
                if error is not None:
                    raise error
            if tell and (now := sum(counts)) > told:
                tell(now - told)
                told = now
    finally:
        for fork in forks:
            fork.kill()
            fork.join()
    return [results[share] for share in range(processes)]


def _begin(parent: int, function: Any) -> None:
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; it is the parent who answers
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # or they would hold the lock of a run that was killed
    if os.getppid() != parent:  # it died before that
        os._exit(1)


def _compute(item: Any) -> Any:
    return _function(item)
