"""Two and more cores on one pass through a model's loops, without a barrier that waits for a core.

A pass is a row of phases, each cut into pieces. Whoever is there takes the next piece; the last to finish one begins
the next phase. Nobody is waited for who has taken nothing: a helper that sleeps, or whose core something else has,
costs nothing but its help. (OpenMP's barriers wait for all: on a machine where something else runs, two threads wrote
a fifth of what one did.) Between passes a helper looks for the next one for a millisecond, then sleeps; waking takes
longer than a token does.

Compiled loops that use what is below are compiled anew when their own file changes, and not when this one does: then
delete `__pycache__`.
"""

import atexit
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numpy.typing import NDArray

from primer.core.compiled import loop
from primer.model.tiles import address, primitive

Array = NDArray[Any]

# The numbers that all share, each on a cache line of its own.
LINE = 8
PHASE, DONE, PASS, COUNT, ORDER = range(0, 5 * LINE, LINE)
PIECE_BITS = 24  # of PHASE: a bit for each piece, set when it is taken; above them the phase's number
PIECES = 4  # of a phase for each thread
LOOKS = 200  # at a number that does not change, before the core is offered to others
PATIENCE = 3000  # offers, before a helper goes to sleep: a millisecond or so


# --- atomic numbers: what numba lacks, written as LLVM's instructions when a loop is compiled ---


@primitive
def look(_: Any, shared: Any, place: Any) -> Any:
    """shared[place], and with it all that was written before it."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(address(context, builder, signature.args[0], *arguments), "seq_cst", 8)

    return types.int64(shared, types.int64), write


@primitive
def tell(_: Any, shared: Any, place: Any, number: Any) -> Any:
    """shared[place] = number, after all that was written before."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = address(context, builder, signature.args[0], *arguments[:2])
        builder.store_atomic(arguments[2], target, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(shared, types.int64, types.int64), write


@primitive
def increase(_: Any, shared: Any, place: Any) -> Any:
    """shared[place] += 1; returns what it was."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = address(context, builder, signature.args[0], *arguments)
        return builder.atomic_rmw("add", target, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(shared, types.int64), write


@primitive
def swap(_: Any, shared: Any, place: Any, old: Any, new: Any) -> Any:
    """Make of shared[place] the new number if it still is the old one; returns whether it was."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = address(context, builder, signature.args[0], *arguments[:2])
        return builder.extract_value(builder.cmpxchg(target, *arguments[2:], "seq_cst"), 1)

    return types.boolean(shared, types.int64, types.int64, types.int64), write


offer_core = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())


# --- what a pass is made of ---


@loop
def take(shared: Array, phase: int, num_pieces: int, who: int, num_threads: int) -> int:
    """The next piece of a phase for one of the threads; -1 when it is over, all of it computed.

    A thread's own pieces come first, so that a core finds its part of the weights where it left them, in its cache
    (twice as fast where cores have caches of their own); then the last ones of others.
    """
    begins, ends = who * num_pieces // num_threads, (who + 1) * num_pieces // num_threads
    looks = 0
    while True:
        now = look(shared, PHASE)
        if now >> PIECE_BITS != phase:
            return -1
        for i in range(num_pieces):
            piece = begins + i if i < ends - begins else (ends - 1 - i) % num_pieces
            if not now >> piece & 1:
                if swap(shared, PHASE, now, now | 1 << piece):
                    return piece
                break  # somebody was faster
        else:  # others still compute
            looks += 1
            if looks % LOOKS == 0:
                offer_core()


@loop
def finish(shared: Array, phase: int, num_pieces: int, who: int, num_threads: int) -> int:
    """A piece is computed; with the last one the next phase begins. Takes and returns the next, or -1."""
    if increase(shared, DONE) + 1 == num_pieces:
        tell(shared, DONE, 0)
        tell(shared, PHASE, (phase + 1) << PIECE_BITS)
    return take(shared, phase, num_pieces, who, num_threads)


@loop
def begin(shared: Array, count: int, with_help: bool) -> int:
    """Begin a pass, of which helpers have to know a number: returns the number of its first phase."""
    first: int = (look(shared, PHASE) >> PIECE_BITS) + 1  # the number between belongs to nobody
    tell(shared, COUNT, count)
    tell(shared, PHASE, first << PIECE_BITS)
    if with_help:
        tell(shared, PASS, first)
    return first


@loop
def wait_for_pass(shared: Array, last: int, order: int) -> int:
    """The first phase of the next pass after the one that began with phase `last`; -1 if there was none for long, or
    orders have changed."""
    for looks in range(LOOKS * PATIENCE):
        first: int = look(shared, PASS)
        if look(shared, ORDER) != order:
            return -1
        if first not in (0, last):
            return first
        if looks % LOOKS == LOOKS - 1:
            offer_core()
    return -1


class Team:
    """Threads that help with passes: of whatever model, one pass at a time."""

    def __init__(self, num_helpers: int) -> None:
        self.shared = np.zeros(5 * LINE, np.int64)
        self.num_helpers, self.num_awake, self.num_calls = num_helpers, 0, 0
        self.help: Callable[[int, int], None] | None = None
        self.called = threading.Condition()
        for who in range(1, num_helpers + 1):
            threading.Thread(target=self._help, args=(who,), name="loops", daemon=True).start()
        atexit.register(self.call, None)

    def call(self, help: Callable[[int, int], None] | None) -> None:
        """See to it that helpers are awake, and do this with their order and number (from 1); None: let them sleep."""
        if help is self.help and self.num_awake == self.num_helpers:
            return
        with self.called:
            if help is not self.help:
                self.help = help
                self.shared[PASS] = 0  # which was one over other numbers
                self.shared[ORDER] += 1
            self.num_calls += 1
            self.called.notify_all()

    def _help(self, who: int) -> None:
        num_calls = 0
        while True:
            with self.called:
                while self.num_calls == num_calls or self.help is None:
                    self.called.wait()
                num_calls, help, order = self.num_calls, self.help, int(self.shared[ORDER])
                self.num_awake += 1
            try:
                help(order, who)
            finally:
                del help  # and with it a model's weights
                with self.called:
                    self.num_awake -= 1


TEAMS: dict[int, Team] = {}
if hasattr(os, "register_at_fork"):  # a fork has none of the threads
    os.register_at_fork(after_in_child=TEAMS.clear)


def team(num_helpers: int) -> Team:
    """The threads of this process."""
    if num_helpers not in TEAMS:
        TEAMS[num_helpers] = Team(num_helpers)
    return TEAMS[num_helpers]


def release() -> None:
    """Let go of the numbers that the last pass was over. At any time: a pass under way goes on."""
    for one in list(TEAMS.values()):  # another thread may be making one
        one.call(None)
