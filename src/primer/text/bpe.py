"""Byte-level BPE in compiled loops: text to the ids that `tokenizers` would give, twenty times as fast.

A piece of text begins as single bytes. Of all neighbours, those whose merge was learned first are joined,
again and again, until no merge is left (Sennrich et al. 2015, arXiv 1508.07909). Pieces recur: in 15 MB of
novels 3.3 million are 100,000 different ones. So a short piece is remembered with its ids, and looking it up
takes 0.05 µs, where merging takes 0.3 µs and asking the Rust library 4 µs.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from primer.core.compiled import loop
from primer.text.pieces import Bounds, Bytes, cut
from primer.text.tokenizer_format import BYTE_CHARACTERS, Parts

Ids: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint32]]
Words: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]
Ranks: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int32]]

NO_RANK = 0x7FFFFFFF  # of neighbours that no merge joins
NO_ID = 0xFFFFFFFF
LONGEST = 500  # bytes of a piece; merging takes time by the square of them, and from here on Rust is faster
MEMORY_SLOTS = 1 << 16  # 2 MB; twice as many were not faster
REMEMBERED_BYTES = 15  # of a piece: with their number they are two 64-bit words, compared at once
REMEMBERED_IDS = 4
NOT_SHORT = 0xFFFFFFFFFFFFFFFF


class Merges(NamedTuple):
    """A vocabulary as tables."""

    byte_ids: Ids
    """(256,): the id of each single byte."""
    pairs: Words
    """(slots,): left id and right id of a merge in one word, in the slot that its hash gives, or the next free."""
    ranks: Ranks
    """(slots,): that merge's place in the order of learning; NO_RANK in a free slot."""
    joined: Ids
    """(merges,): by rank, the id of the two together."""


class Memory(NamedTuple):
    """Pieces seen before. Each has one possible slot, and takes it from whichever was there."""

    pieces: Words
    """(MEMORY_SLOTS, 2): the bytes and their number; zeros in a free slot."""
    ids: Ids
    """(MEMORY_SLOTS, REMEMBERED_IDS): what they became, then NO_ID."""


class BytePairEncoder:
    """Text to ids, no special ones. Threads may share it: the loops run without Python's lock.

    `ask_core` encodes the rare piece of more than LONGEST bytes.
    """

    def __init__(self, parts: Parts, ask_core: Callable[[str], list[int]]) -> None:
        ids = {token: id for id, token in enumerate(parts.tokens)}
        byte_ids = np.array([ids[character] for character in BYTE_CHARACTERS], dtype=np.uint32)
        lefts, rights = (np.array([ids[pair[side]] for pair in parts.merges], dtype=np.uint32) for side in (0, 1))
        joined = np.array([ids[left + right] for left, right in parts.merges], dtype=np.uint32)
        pairs, ranks = _hash_merges(lefts, rights)
        self._merges = Merges(byte_ids, pairs, ranks, joined)
        self._memories: list[Memory] = []  # as many as threads have encoded at once; those not in use
        self._like_gpt2 = parts.kind == "gpt2"
        self._ask_core = ask_core

    def encode(self, text: str) -> Ids:
        """The ids of a text. Raises UnicodeEncodeError for a lone surrogate."""
        data = text.encode()
        bounds = cut(data, self._like_gpt2)
        try:
            memory = self._memories.pop()
        except IndexError:
            memory = Memory(
                np.zeros((MEMORY_SLOTS, 2), dtype=np.uint64),
                np.zeros((MEMORY_SLOTS, REMEMBERED_IDS), dtype=np.uint32),
            )
        rows, piece = [np.empty(0, dtype=np.uint32)], 0
        while piece < len(bounds) - 1:
            ids, piece = _encode(np.frombuffer(data, dtype=np.uint8), bounds, piece, self._merges, memory)
            rows.append(ids)
            if piece < len(bounds) - 1:  # it is too long
                long = data[bounds[piece] : bounds[piece + 1]].decode()
                rows.append(np.array(self._ask_core(long), dtype=np.uint32))
                piece += 1
        self._memories.append(memory)
        return np.concatenate(rows)


@loop
def _encode(data: Bytes, bounds: Bounds, piece: int, merges: Merges, memory: Memory) -> tuple[Ids, int]:
    """Ids from a piece on, to the end or to one that is too long; and the number of that, or of all pieces."""
    ids = np.empty(len(data) - bounds[piece], dtype=np.uint32)  # never more than bytes
    count = 0
    while piece < len(bounds) - 1 and bounds[piece + 1] - bounds[piece] <= LONGEST:
        begin, end = bounds[piece], bounds[piece + 1]
        first, second = _packed(data, begin, end)
        slot = _slot(first, second, MEMORY_SLOTS)
        if memory.pieces[slot, 0] == first and memory.pieces[slot, 1] == second:
            for i in range(REMEMBERED_IDS):
                if memory.ids[slot, i] == NO_ID:
                    break
                ids[count] = memory.ids[slot, i]
                count += 1
        else:
            num_ids = _merge(data, begin, end, merges, ids, count)
            if end - begin <= REMEMBERED_BYTES and num_ids <= REMEMBERED_IDS:
                memory.pieces[slot, 0], memory.pieces[slot, 1] = first, second
                for i in range(REMEMBERED_IDS):
                    memory.ids[slot, i] = ids[count + i] if i < num_ids else NO_ID
            count += num_ids
        piece += 1
    return ids[:count], piece


@loop
def _packed(data: Bytes, begin: int, end: int) -> tuple[np.uint64, np.uint64]:
    """A short piece in two words: its bytes, and their number. A long piece has two that no short one has."""
    if end - begin > REMEMBERED_BYTES:
        return np.uint64(0), np.uint64(NOT_SHORT)
    first, second = np.uint64(0), np.uint64(end - begin)
    for i in range(begin, min(end, begin + 8)):
        first = first << np.uint64(8) | np.uint64(data[i])
    for i in range(begin + 8, end):
        second = second << np.uint64(8) | np.uint64(data[i])
    return first, second


@loop
def _merge(data: Bytes, begin: int, end: int, merges: Merges, ids: Ids, at: int) -> int:
    """BPE itself: write the ids of the piece `data[begin:end]` to `ids[at:]`, and say how many they are."""
    count = end - begin
    ranks = np.empty(count, dtype=np.int32)  # of each id and the next; the last has no next
    for i in range(count):
        ids[at + i] = merges.byte_ids[data[begin + i]]
    ranks[count - 1] = NO_RANK
    for i in range(count - 1):
        ranks[i] = _rank(ids[at + i], ids[at + i + 1], merges)
    while True:
        best = 0
        for i in range(1, count):
            if ranks[i] < ranks[best]:  # of equals the leftmost
                best = i
        if ranks[best] == NO_RANK:
            return count
        ids[at + best] = merges.joined[ranks[best]]
        count -= 1
        for i in range(best + 1, count):
            ids[at + i] = ids[at + i + 1]
        for i in range(best, count):
            ranks[i] = ranks[i + 1]
        if best + 1 < count:
            ranks[best] = _rank(ids[at + best], ids[at + best + 1], merges)
        if best > 0:
            ranks[best - 1] = _rank(ids[at + best - 1], ids[at + best], merges)


@loop
def _rank(left: int, right: int, merges: Merges) -> int:
    """The rank of the merge that joins two ids, or NO_RANK."""
    return int(merges.ranks[_find(left, right, merges.pairs, merges.ranks)])


@loop
def _find(left: int, right: int, pairs: Words, ranks: Ranks) -> np.int64:
    """The slot of a pair, or the free one where it would be put: open addressing, linear probing."""
    pair = np.uint64(left) << np.uint64(32) | np.uint64(right)
    slot = _slot(np.uint64(left), np.uint64(right), len(pairs))
    while ranks[slot] != NO_RANK and pairs[slot] != pair:
        slot = (slot + 1) & (len(pairs) - 1)
    return slot


@loop
def _slot(first: np.uint64, second: np.uint64, num_slots: int) -> np.int64:
    """A slot for two 64-bit words, by multiplicative hashing (Knuth); `num_slots` is a power of two."""
    mixed = first * np.uint64(0x9E3779B97F4A7C15) ^ second * np.uint64(0xC2B2AE3D27D4EB4F)  # two large odd numbers
    return np.int64(mixed >> np.uint64(32)) & (num_slots - 1)


@loop
def _hash_merges(lefts: Ids, rights: Ids) -> tuple[Words, Ranks]:
    """`Merges.pairs` and `Merges.ranks` of the merges in order of rank; a quarter of the slots is used."""
    num_slots = 1
    while num_slots < 4 * (len(lefts) + 1):
        num_slots *= 2
    pairs, ranks = np.zeros(num_slots, dtype=np.uint64), np.full(num_slots, NO_RANK, dtype=np.int32)
    for rank in range(len(lefts)):
        slot = _find(lefts[rank], rights[rank], pairs, ranks)
        pairs[slot] = np.uint64(lefts[rank]) << np.uint64(32) | np.uint64(rights[rank])
        ranks[slot] = rank  # of two that are the same the last counts, as in `tokenizers`
    return pairs, ranks
