"""Which rows run, in which slots, and what each of them reads in the next pass."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from primer.engine.request import Request, Row
from primer.engine.windows import WORTH_SHARING, Windows
from primer.model.gpt import GPT
from primer.model.prepared import FEW

RIDE = 8  # unread ids with which a row rides along with those that write, one id a step, instead of a pass of its own


class Scheduler:
    """A queue of rows that wait, slots with rows that run, and the windows of the latter."""

    def __init__(self, model: GPT, num_slots: int, chunk_tokens: int) -> None:
        """At most `num_slots` rows run at a time, and at most `chunk_tokens` ids of prompts are read in one pass."""
        if num_slots < 1 or chunk_tokens < 1:
            raise ValueError(f"num_slots ({num_slots}) and chunk_tokens ({chunk_tokens}) must be 1 or more")
        self.model, self.num_slots, self.chunk_tokens = model, num_slots, chunk_tokens
        self.num_queued = 0
        self.waiting: dict[int, Row] = {}  # by handle, in order of arrival
        self.slots: list[Row | None] = []  # None: the row has left
        self.clear()

    @property
    def busy(self) -> bool:
        return bool(self.waiting) or any(self.slots)

    def clear(self) -> None:
        """Forget all rows, and what was read for them."""
        for row in self.slots:
            if row is not None and row.waits_for is not None:
                row.waits_for.cancel()
        self.waiting, self.slots, self.windows = {}, [], Windows(self.model, self.num_slots)

    def queue(self, request: Request, targets: Sequence[int] = ()) -> Row:
        """Let a request wait for a slot."""
        row = self.waiting[self.num_queued] = Row(self.num_queued, request, targets)
        self.num_queued += 1
        return row

    def find(self, handle: int) -> Row | None:
        """The row of a request, if it waits or runs."""
        return self.waiting.get(handle) or next((row for row in self.slots if row and row.handle == handle), None)

    def leave(self, row: Row) -> None:
        """Let a row go. What it has read can be shared until another takes the slot."""
        if row.waits_for is not None:
            row.waits_for.cancel()
        if row.slot < 0:
            del self.waiting[row.handle]
        else:
            self.slots[row.slot] = None
            self.windows.close(row.slot)

    def admit(self) -> None:
        """Give free slots to those who wait, but for those whose prompt is just being read for another row."""
        free = [slot for slot, row in enumerate(self.slots) if row is None]
        free += range(len(self.slots), self.num_slots)
        for row in list(islice(self.waiting.values(), 2 * self.num_slots if free else 0)):
            ids = row.ids[-self.windows.context :]
            source, num_shared, promised = self.windows.find_prefix(ids[: -row.num_outputs], len(self.slots))
            if promised - num_shared >= WORTH_SHARING:
                continue
            if num_shared < WORTH_SHARING:
                num_shared = 0
            row.slot = source if num_shared and source in free else free[0]
            free.remove(row.slot)
            self.slots += [None] * (row.slot + 1 - len(self.slots))
            self.slots[row.slot] = row
            self.windows.open(row.slot, ids, source, num_shared)
            del self.waiting[row.handle]
            if not free:
                break
        if not self.waiting:
            self._close_gaps()

    def passes(self) -> Iterator[tuple[range | NDArray[np.int64], NDArray[np.int64]]]:
        """What to read now: slots, and how many ids in each. First those that write, one id a row, then prompts."""
        unread = self.windows.unread(len(self.slots))
        if 0 < len(unread) <= FEW and (unread == 1).all():  # nearly always
            yield range(len(unread)), unread
            return
        if self.windows.has_loops and not any(row.targets for row in self.slots if row):
            yield from self._small_passes(unread)
            return
        writing = unread == 1
        if writing.any():
            writing |= (unread > 0) & (unread <= RIDE)
            first, last = np.flatnonzero(writing)[[0, -1]].tolist()
            # Slots in one piece are a view of the cache; a copy would cost more than the few idle rows in between.
            yield range(first, last + 1), writing[first : last + 1].astype(np.int64)
        reading = self._in_turn((unread > 0) & ~writing)
        if len(reading):
            length = min(int(unread[reading[0]]), self.chunk_tokens)
            alike = reading[unread[reading] >= 0.75 * length]  # shorter ones would be padding for the most part
            chosen = alike[: max(1, self.chunk_tokens // length)]
            yield chosen, np.minimum(unread[chosen], length)

    def _small_passes(self, unread: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The same for the loops, which need no padding, and give a row the same numbers whatever is read beside it: at
        most FEW ids a pass, for which nobody waits long."""
        writing, reading = np.flatnonzero(unread == 1), self._in_turn(unread > 1)
        passes = [writing[first : first + FEW] for first in range(0, len(writing), FEW)]
        beside = passes.pop() if passes and len(reading) and 2 * len(passes[-1]) <= FEW else writing[:0]
        for slots in passes:
            yield slots, unread[slots]
        if len(reading):
            ends = unread[reading].cumsum().clip(max=min(FEW - len(beside), self.chunk_tokens))
            slots = np.append(beside, reading)
            counts = np.append(unread[beside], np.diff(ends, prepend=0))
            yield slots[counts > 0], counts[counts > 0]

    def _in_turn(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """These slots, the longest waiting first."""
        slots = np.flatnonzero(chosen)
        handles = [row.handle for slot in slots if (row := self.slots[slot])]
        return slots[np.argsort(handles)]

    def _close_gaps(self) -> None:
        """Move rows from the end into the slots of those that left, so that no pass computes rows that are gone."""
        while None in self.slots:
            row = self.slots.pop()
            if row is not None:
                gap = self.slots.index(None)
                self.windows.move(row.slot, gap)
                row.slot, self.slots[gap] = gap, row
