"""The ids that each running row sees, and the cache of those that the model has read.

Legend of shapes: B rows read now, T ids of each at most, N of all of them, C width.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from primer.engine.recorded import Recorder
from primer.model.cache import KVCache
from primer.model.gpt import GPT
from primer.model.prepared import FEW, Loops

RECORDED_ON = ("cuda",)  # kinds of device
WORTH_SHARING = 16  # ids: copying their keys costs two operations, reading a few ids more beside others next to none


class Windows:
    """One window a slot: at most `context` ids, the first `num_read[slot]` of them in the cache.

    Ids and lengths live in numpy on the host, where the decisions are made; the device sees one small array a step.
    """

    def __init__(self, model: GPT, num_slots: int = 0) -> None:
        self.model, self.context = model, model.config.context
        self.cache = KVCache(model.config, model.compute_dtype, model.embed.weight.device, num_slots)
        self.recorder = Recorder(model, self.cache) if self.cache.device.type in RECORDED_ON else None
        self.has_loops = Loops.can_run(model)
        self.loops: Loops | None = model.loops
        self.margin = model.config.lookback  # columns of -1 before each row, for its first tokens' neighbours
        self.ids = np.full((0, self.margin + self.context), -1, np.int64)
        self.length = np.zeros(0, np.int64)
        self.num_read = np.zeros(0, np.int64)

    def find_prefix(self, ids: NDArray[np.int64], num_slots: int) -> tuple[int, int, int]:
        """Of the first slots the one that has read most of what it shares with these ids; how much that is; and how
        much some slot will have read in a while. Slots that rows have left serve as well."""
        if len(ids) < WORTH_SHARING or not num_slots:
            return 0, 0, 0
        same = self.ids[:num_slots, self.margin : self.margin + len(ids)] == ids
        shared = np.where(same.all(axis=1), len(ids), same.argmin(axis=1))
        promised = np.minimum(shared, self.length[:num_slots])
        read = np.minimum(promised, self.num_read[:num_slots])
        slot = int(read.argmax())
        return slot, int(read[slot]), int(promised.max())

    def open(self, slot: int, ids: NDArray[np.int64], source: int = 0, num_shared: int = 0) -> None:
        """Begin a row with these ids, of which a source slot has read the first `num_shared`."""
        if slot >= len(self.length):
            self._grow(slot + 1)
        self.ids[slot, self.margin : self.margin + len(ids)] = ids
        self.length[slot], self.num_read[slot] = len(ids), num_shared
        if num_shared and source != slot:
            self.cache.copy(source, slot, num_shared)

    def move(self, source: int, target: int) -> None:
        """Let a row change its slot."""
        for array in (self.ids, self.length, self.num_read):
            array[target] = array[source]
        self.cache.copy(source, target, int(self.num_read[source]))
        self.close(source)

    def close(self, slot: int) -> None:
        """Let a row go. What it has read stays until another takes the slot."""
        self.length[slot] = self.num_read[slot]

    def room(self, slot: int) -> int:
        """Ids that still fit."""
        return self.context - int(self.length[slot])

    def append(self, slot: int, ids: list[int]) -> None:
        """Add ids to a row. When they do not fit, it goes on from the last half of its window, to be read anew."""
        length = int(self.length[slot])
        if length + len(ids) > self.context:
            window = np.concatenate([self.ids[slot, self.margin : self.margin + length], ids])
            self.open(slot, window[-max(1, self.context // 2) :])
        else:
            self.ids[slot, self.margin + length : self.margin + length + len(ids)] = ids
            self.length[slot] += len(ids)

    def unread(self, num_slots: int) -> NDArray[np.int64]:
        """How many ids of each of the first slots the model has not read yet."""
        return self.length[:num_slots] - self.num_read[:num_slots]

    def num_unread(self, slot: int) -> int:
        """The same of one slot."""
        return int(self.length[slot] - self.num_read[slot])

    def read(
        self, slots: range | NDArray[np.int64], counts: NDArray[np.int64], wanted: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """The model's states (N, C) after the next `counts` unread ids of these slots, row after row, and the logits
        (wanted, V) after those of them that are wanted, by number. The next call overwrites the states."""
        places = np.arange(slots.start, slots.stop) if isinstance(slots, range) else slots
        starts = self.num_read[places]
        self.num_read[places] = ends = starts + counts
        num_tokens = int(counts.sum())
        if num_tokens <= FEW and self.has_loops:  # they read so many tokens fastest
            self.cache.reserve(int(places.max()) + 1, int(ends.max()))
            return self._read_by_loops(places, starts, counts, num_tokens, wanted)
        if self.recorder and isinstance(slots, range) and counts.max() == 1:
            return self._read_recorded(slots, starts, counts, wanted, self.recorder)
        columns = starts[:, None] + np.arange(self.margin + counts.max())
        # Padding may reach beyond the window's end: any id will do there.
        window = self.ids[places[:, None], np.minimum(columns, self.ids.shape[1] - 1)]
        ids = torch.from_numpy(window).to(self.cache.device, non_blocking=True)
        span = self.cache.span(slots, starts, counts, before=ids[:, : self.margin])
        hidden = self.model.hidden(ids[:, self.margin :].clamp(min=0), span)  # (B, T, C)
        real = np.flatnonzero(np.arange(counts.max()) < counts[:, None])
        hidden = hidden.flatten(0, 1)[torch.from_numpy(real).to(self.cache.device, non_blocking=True)]
        return hidden, self.model.logits(hidden[torch.tensor(wanted, dtype=torch.long)])

    def _read_recorded(
        self,
        slots: range,
        starts: NDArray[np.int64],
        counts: NDArray[np.int64],
        wanted: Sequence[int],
        recorder: Recorder,
    ) -> tuple[Tensor, Tensor]:
        """As `read`; the slots before these read nothing."""
        columns = np.full(slots.stop, -1)
        columns[slots.start :] = np.where(counts, starts, -1)
        window = np.maximum(columns, 0)[:, None] + np.arange(self.margin + 1)
        hidden, logits = recorder.read(np.take_along_axis(self.ids[: slots.stop], window, axis=1), columns)
        real = torch.from_numpy(np.flatnonzero(columns >= 0)).to(hidden.device, non_blocking=True)
        return hidden[real], logits[real[torch.tensor(wanted, dtype=torch.long, device=real.device)]]

    def _read_by_loops(
        self,
        slots: NDArray[np.int64],
        starts: NDArray[np.int64],
        counts: NDArray[np.int64],
        num_tokens: int,
        wanted: Sequence[int],
    ) -> tuple[Tensor, Tensor]:
        """As `read`; rows of any length go side by side without padding."""
        self.loops = self.loops or Loops(self.model)
        if num_tokens == len(slots) and counts.all():  # nearly always
            return self.loops.read(self.ids, slots, starts, wanted, self.cache)
        offsets = starts - counts.cumsum() + counts  # what a token's number in the pass is short of its position
        positions = np.arange(num_tokens) + np.repeat(offsets, counts)
        return self.loops.read(self.ids, np.repeat(slots, counts), positions, wanted, self.cache)

    def _grow(self, num_slots: int) -> None:
        missing = max(num_slots, 2 * len(self.length)) - len(self.length)
        self.ids = np.concatenate([self.ids, np.full((missing, self.ids.shape[1]), -1, np.int64)])
        self.length = np.concatenate([self.length, np.zeros(missing, np.int64)])
        self.num_read = np.concatenate([self.num_read, np.zeros(missing, np.int64)])
