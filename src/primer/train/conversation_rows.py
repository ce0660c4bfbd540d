"""Rows of whole conversations with their loss mask, in an order that is a pure function of seed and row number.

A document of a book may begin anywhere in a row and be cut where the row ends; a conversation may not: an answer whose
question is missing teaches the model to make things up. So conversations are packed whole, and what is left of a row
is padding, on which there is no loss.
"""

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from primer.core.errors import CorpusError
from primer.core.runtime import keyed_rng
from primer.text.chat import Rendered
from primer.train.batches import Ids

Mask = NDArray[np.bool_]


class ConversationRows:
    """Rows of T + 1 ids, each beginning with a conversation's first, and of each id whether it is a target.

    The lengths are packed once, by best fit: a row takes the longest conversation that still fits, again and again.
    Each epoch then deals the conversations anew among the places of their length, and shuffles the rows; so an epoch
    has always `num_rows` rows and holds every conversation once, and row n is found without looking at rows before it.

    A conversation longer than a row is cut after the last turn of the assistant that fits, and counted in `num_cut`;
    where not even the first one fits it is left out, and counted in `num_dropped` (as is one without targets). What
    follows the last target is left out of all: nothing is learned from it.
    """

    def __init__(self, rendered: Iterable[Rendered], context: int, seed: int, pad_id: int) -> None:
        """Raises CorpusError if no conversation fits into a row of `context` + 1 ids."""
        self.context, self.seed, self.pad_id = context, seed, pad_id
        self.num_cut = self.num_dropped = 0
        ids, trained, lengths = array("I"), bytearray(), array("I")
        for conversation in rendered:
            length = self._fitting(conversation)
            ids.extend(conversation.ids[:length])
            trained.extend(conversation.trained[:length])
            if length:
                lengths.append(length)
        if not lengths:
            raise CorpusError(
                f"none of {self.num_dropped:,} conversations has an answer that ends within {context + 1:,} tokens, "
                "which is a row. Give shorter ones, or train with a larger --context."
            )
        self._ids = np.frombuffer(ids, np.uint32).astype(np.min_scalar_type(max(ids)))
        self._trained: Mask = np.frombuffer(trained, np.bool_)
        self._lengths = np.frombuffer(lengths, np.uint32).astype(np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._places, self._row_starts = pack(self._lengths, context + 1)
        self.num_rows = len(self._row_starts) - 1
        """Rows of an epoch."""
        self._dealt: dict[int, tuple[Ids, Ids, NDArray[np.float64]]] = {}

    @property
    def num_conversations(self) -> int:
        """Conversations of an epoch."""
        return len(self._lengths)

    @property
    def fill(self) -> float:
        """The share of a row that is not padding."""
        return len(self._ids) / (self.num_rows * (self.context + 1))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what is learned: every id, and whether it is a target."""
        lengths = self._lengths.astype(np.int64)
        parts = (lengths, self._ids.astype(np.uint32), self._trained)
        return hashlib.sha256(b"".join(hashlib.sha256(part.tobytes()).digest() for part in parts)).hexdigest()

    def read(self, numbers: Sequence[int]) -> tuple[Ids, Mask]:
        """Rows by number, counted through all epochs: ids and whether each is a target, both (len(numbers), T + 1).

        In every row there is a target at 1 or later, where a target has an input before it.
        """
        ids = np.full((len(numbers), self.context + 1), self.pad_id, np.int64)
        trained = np.zeros(ids.shape, np.bool_)
        for row, number in enumerate(numbers):
            end = 0
            for conversation in self.conversations(number):
                start, length = self._starts[conversation], self._lengths[conversation]
                ids[row, end : end + length] = self._ids[start : start + length]
                trained[row, end : end + length] = self._trained[start : start + length]
                end += length
        return ids, trained

    def conversations(self, number: int) -> Ids:
        """Which conversations stand in a row, in their order there."""
        epoch, position = divmod(number, self.num_rows)
        rows, by_place, tickets = self._deal(epoch)
        row = rows[position]
        members = by_place[self._places[self._row_starts[row] : self._row_starts[row + 1]]]
        return members[np.argsort(tickets[members])]  # or short ones would always stand behind long ones

    def _deal(self, epoch: int) -> tuple[Ids, Ids, NDArray[np.float64]]:
        """Of an epoch: the order of the rows, the conversation of each place, and the tickets that were drawn for it.

        Places are numbered from the shortest to the longest, so sorting by (length, ticket) deals them out.
        """
        if epoch not in self._dealt:
            while len(self._dealt) > 1:  # a step reads from two epochs at most
                self._dealt.pop(next(iter(self._dealt)))
            rng = keyed_rng(self.seed, epoch, "conversations")
            tickets = rng.random(len(self._lengths))
            self._dealt[epoch] = rng.permutation(self.num_rows), np.lexsort((tickets, self._lengths)), tickets
        return self._dealt[epoch]

    def _fitting(self, conversation: Rendered) -> int:
        """How many of its ids to keep: up to the end of a turn of the assistant, the last that fits; 0 if none does."""
        trained = np.array(conversation.trained, np.bool_)
        ends = 1 + np.flatnonzero(trained & ~np.append(trained[1:], False))
        if len(ends) and trained[0] and ends[0] == 1:
            ends = ends[1:]  # at the beginning of a row an id is not a target
        fitting = ends[ends <= self.context + 1]
        self.num_cut += 0 < len(fitting) < len(ends)
        self.num_dropped += not len(fitting)
        return int(fitting[-1]) if len(fitting) else 0


def pack(lengths: Ids, capacity: int) -> tuple[Ids, Ids]:
    """Rows of at most `capacity`: (places, row_starts), row i having places[row_starts[i] : row_starts[i + 1]].

    A place is a position among the lengths in ascending order. Every one is used once.

    >>> places, row_starts = pack(np.array([3, 6, 2, 4, 5]), capacity=8)  # places 0..4 have lengths 2 3 4 5 6
    >>> [places[a:b].tolist() for a, b in zip(row_starts, row_starts[1:])]
    [[4, 0], [3, 1], [2]]
    """
    distinct, counts = np.unique(lengths, return_counts=True)
    sizes: list[int] = distinct.tolist()  # of which there are places left, ascending
    left: list[int] = counts.tolist()
    ends: list[int] = np.cumsum(counts).tolist()  # the next free place of a size is the one before its end
    places, row_starts = array("q"), array("q", [0])
    while sizes:
        room = capacity
        while (fit := bisect_right(sizes, room) - 1) >= 0:
            room -= sizes[fit]
            ends[fit] -= 1
            left[fit] -= 1
            places.append(ends[fit])
            if not left[fit]:
                del sizes[fit], left[fit], ends[fit]
        row_starts.append(len(places))
    return np.array(places), np.array(row_starts)
