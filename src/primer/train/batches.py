"""Rows of token ids, in an order that is a pure function of the seed and the row's number.

Training counts rows through the whole run: step s of a run with R rows a step reads rows s·R … s·R + R - 1, and each
rank its share of them. A row's content depends on its number alone, so a resumed run needs no loader state, and the
same rows are read whatever the number of ranks.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from primer.core.errors import CorpusError
from primer.core.runtime import keyed_rng
from primer.model.dropout import without_dropout
from primer.model.gpt import GPT, IGNORE
from primer.text.shards import Shards

Ids = NDArray[np.int64]
Order = Literal["auto", "windows", "packed"]
PACKING_POOL = 1024  # documents among which the best fit is sought


@dataclass(frozen=True)
class Batch:
    """Rows of one micro-batch: inputs and targets, (B, T) each; a target is the id that follows, or IGNORE."""

    inputs: Tensor
    targets: Tensor

    @property
    def num_targets(self) -> int:
        """Targets that count."""
        return int((self.targets != IGNORE).sum())

    def to(self, device: torch.device) -> "Batch":
        """The same rows on a device; the copy to a GPU runs beside the host."""
        if device.type == "cuda":
            inputs, targets = self.inputs.pin_memory(), self.targets.pin_memory()
            return Batch(inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True))
        return Batch(self.inputs.to(device), self.targets.to(device))


class Rows(Protocol):
    """An endless, numbered sequence of rows of T + 1 ids: the inputs, shifted by one the targets."""

    def read(self, numbers: Sequence[int]) -> Ids:
        """Rows by number, (len(numbers), T + 1)."""
        ...


class Windows:
    """Windows of one long stream of text: each epoch cuts it at another offset and shuffles the pieces.

    Like nanoGPT's random windows, but without replacement: a token is an input once an epoch, not by luck.
    """

    def __init__(self, shards: Shards, context: int, seed: int) -> None:
        if shards.num_tokens < context + 1:
            raise CorpusError(
                f"the text has {shards.num_tokens:,} tokens, and a single row needs {context + 1:,}. "
                "Give more text, or a smaller --context."
            )
        self.shards, self.context, self.seed = shards, context, seed
        # One window fewer than fits (where two do) leaves room for the offset.
        self.rows_per_epoch = max(1, (shards.num_tokens - 1) // context - 1)
        self._epoch, self._starts = -1, np.empty(0, np.int64)

    def starts(self, epoch: int) -> Ids:
        """Where the windows of an epoch begin, in the order in which they are read."""
        if epoch != self._epoch:
            rng = keyed_rng(self.seed, epoch, "windows")
            room = self.shards.num_tokens - 1 - self.rows_per_epoch * self.context
            offset = int(rng.integers(room + 1))
            self._starts = offset + self.context * rng.permutation(self.rows_per_epoch)
            self._epoch = epoch
        return self._starts

    def read(self, numbers: Sequence[int]) -> Ids:
        """Rows by number, (len(numbers), T + 1)."""
        pairs = [divmod(number, self.rows_per_epoch) for number in numbers]
        return np.stack([self.shards.read(int(self.starts(epoch)[i]), self.context + 1) for epoch, i in pairs])


Piece = tuple[int, int]  # where in the stream, how many tokens


class Packed:
    """Whole documents packed into rows by best fit, every row beginning with a document's first token or, after a
    document longer than a row, with what is left of it.

    A row takes the longest waiting document that still fits, again and again; when none fits, the head of the
    shortest one fills the rest and its tail is dropped. A document longer than a row is cut into rows of its own.
    Shards follow one another in a shuffled order, and documents are shuffled within their shard.
    """

    def __init__(self, shards: Shards, context: int, seed: int, document_id: int) -> None:
        self.shards, self.context, self.seed, self.document_id = shards, context, seed, document_id
        self._plans: dict[tuple[int, int], list[list[Piece]]] = {}
        self._ends: dict[int, list[int]] = {}  # epoch -> rows up to and including each shard, as far as planned
        if not self.plan(0, 0) and not self.rows_in_epoch(0):
            raise CorpusError(
                f"the text has {shards.num_tokens:,} tokens, not enough for one row of {context + 1:,}. "
                "Give more text, or a smaller --context."
            )

    def shard_order(self, epoch: int) -> Ids:
        """The order of the shards in an epoch."""
        return keyed_rng(self.seed, epoch, "shards").permutation(len(self.shards.sizes))

    def plan(self, epoch: int, position: int) -> list[list[Piece]]:
        """The rows of the shard that stands at `position` in the epoch's order."""
        key = (epoch, position)
        if key not in self._plans:
            shard = int(self.shard_order(epoch)[position])
            first = sum(self.shards.sizes[:shard])
            starts = self.shards.document_starts(shard, self.document_id)
            if not len(starts) or starts[0] != 0:  # a shard that begins in the middle of a document
                starts = np.concatenate([[0], starts])
            lengths = np.diff(np.append(starts, self.shards.sizes[shard]))
            order = keyed_rng(self.seed, epoch, shard, "documents").permutation(len(starts))
            pieces = [(first + int(starts[i]), int(lengths[i])) for i in order]
            rows = best_fit(pieces, self.context + 1)
            keyed_rng(self.seed, epoch, shard, "rows").shuffle(rows)
            while len(self._plans) > 1:  # a step reads from two neighbouring shards at most: keep no more in memory
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = rows
        return self._plans[key]

    def rows_in_epoch(self, epoch: int) -> int:
        """Rows of a whole epoch."""
        return self.row_ends(epoch, len(self.shards.sizes))[-1]

    def row_ends(self, epoch: int, shards: int) -> list[int]:
        """Running count of rows over the first `shards` shards of an epoch."""
        ends = self._ends.setdefault(epoch, [])
        while len(ends) < shards:
            ends.append((ends[-1] if ends else 0) + len(self.plan(epoch, len(ends))))
        return ends

    def locate(self, number: int) -> list[Piece]:
        """The pieces of a row."""
        epoch = 0
        while True:
            position = 0
            while position < len(self.shards.sizes):
                end = self.row_ends(epoch, position + 1)[position]
                if number < end:
                    plan = self.plan(epoch, position)
                    return plan[number - (end - len(plan))]
                position += 1
            number -= self._ends[epoch][-1]
            epoch += 1

    def read(self, numbers: Sequence[int]) -> Ids:
        """Rows by number, (len(numbers), T + 1)."""
        return np.stack(
            [np.concatenate([self.shards.read(*piece) for piece in self.locate(number)]) for number in numbers]
        )


def best_fit(pieces: Sequence[Piece], capacity: int) -> list[list[Piece]]:
    """Pack (start, length) pieces into rows of exactly `capacity` tokens; what cannot fill a last row is left out.

    >>> best_fit([(0, 3), (3, 6), (9, 2), (11, 4)], capacity=5)
    [[(3, 5)], [(11, 4), (8, 1)], [(0, 3), (9, 2)]]
    """
    rows: list[list[Piece]] = []
    whole: list[Piece] = []
    for start, length in pieces:  # a long document first fills rows of its own
        while length > capacity:
            rows.append([(start, capacity)])
            start, length = start + capacity, length - capacity
        whole.append((start, length))
    waiting: list[tuple[int, int]] = []  # (length, start), sorted
    source = iter(whole)
    while True:
        row, room = [], capacity
        while room:
            while len(waiting) < PACKING_POOL and (piece := next(source, None)) is not None:
                insort(waiting, (piece[1], piece[0]))
            if not waiting:
                return rows
            fit = bisect_right(waiting, (room, 2**62)) - 1
            length, start = waiting.pop(max(fit, 0))  # none fits: the shortest one loses its tail
            row.append((start, min(length, room)))
            room -= min(length, room)
        rows.append(row)


def make_rows(shards: Shards, context: int, seed: int, document_id: int, order: Order) -> Rows:
    """Rows in the order asked for. "auto" packs documents that are short against the context, and reads windows of
    the stream when they are long, since packing would then cut nearly all of them."""
    if order == "auto":
        documents = sum(len(shards.document_starts(i, document_id)) for i in range(len(shards.sizes)))
        order = "packed" if documents and shards.num_tokens / documents < 2 * context else "windows"
    if order == "packed":
        return Packed(shards, context, seed, document_id)
    return Windows(shards, context, seed)


def pad_rows(rows: Sequence[tuple[Sequence[int], Sequence[bool]]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Rows of ids of any length, each with what counts in it, side by side: inputs and targets (B, T), the targets
    that do not count IGNORE."""
    shape = (len(rows), max(len(ids) for ids, _ in rows) - 1)
    inputs, targets = torch.full(shape, pad_id), torch.full(shape, IGNORE)
    for i, (ids, counted) in enumerate(rows):
        row, length = torch.tensor(ids), len(ids) - 1
        inputs[i, :length] = row[:-1]
        targets[i, :length] = row[1:].masked_fill(~torch.tensor(counted[1:]), IGNORE)
    return inputs, targets


@torch.no_grad()
def target_log_p(model: GPT, inputs: Tensor, targets: Tensor) -> list[Tensor]:
    """log p of the targets that count, a tensor on the CPU for each row, without dropout."""
    with without_dropout(model):
        log_p, mask = (-model.token_losses(inputs, targets)).cpu(), (targets != IGNORE).cpu()
    return [row[kept].clone() for row, kept in zip(log_p, mask, strict=True)]


def split_rows(ids: Ids) -> Batch:
    """Rows of T + 1 ids to inputs and targets of T."""
    rows = torch.from_numpy(ids)
    return Batch(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())
