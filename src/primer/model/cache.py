"""Keys and values of what the model has already read, so that a new token costs one position and not the whole row.

Legend of shapes, as in `gpt.py`: B rows, T ids of each that are read now, S positions attended to, L layers,
K key-value heads, D channels of a head. The cache has slots, and each slot its own length: rows of any length run side
by side.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from mmap import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from primer.model.kernels import masked_attention, suits_loops

if TYPE_CHECKING:  # which imports this file
    from primer.model.gpt import GPTConfig


AT_ONCE = 2**31  # bytes of address space: more may be refused to begin with
SHARE_AT_ONCE = 0.5  # of a GPU's free memory


class KVCache:
    """Two tensors (L, slots, K, columns + 1, D) that grow as needed, and for models whose attention mixes neighbours a
    third, of its inputs: (L, slots, 1, columns + 1, C). What stands in the last column is never read."""

    def __init__(self, config: "GPTConfig", dtype: torch.dtype, device: torch.device, num_slots: int = 0) -> None:
        """`num_slots`: as many as there will be; they get their room at once, unless that is very much."""
        self.config, self.dtype, self.device = config, dtype, device
        num_bytes = 2 * num_slots * config.num_layers * config.context * config.width * dtype.itemsize
        most = SHARE_AT_ONCE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else AT_ONCE
        at_once = device.type in ("cpu", "cuda") and num_bytes <= most
        self.keys, self.values, self.inputs = self._empty(*((num_slots, config.context) if at_once else (0, 0)))

    @property
    def num_slots(self) -> int:
        return self.keys.size(1)

    @property
    def num_columns(self) -> int:
        return self.keys.size(3) - 1

    def reserve(self, num_slots: int, num_columns: int) -> None:
        """Make room, at least doubling what has to grow: a row of n tokens is copied log n times."""
        if num_slots <= self.num_slots and num_columns <= self.num_columns:
            return
        if num_slots > self.num_slots:
            num_slots = max(num_slots, 2 * self.num_slots)
        if num_columns > self.num_columns:
            num_columns = min(max(num_columns, 2 * self.num_columns, 64), self.config.context)
        slots, columns = self.num_slots, self.num_columns
        old = self.keys, self.values, self.inputs
        self.keys, self.values, self.inputs = self._empty(max(slots, num_slots), max(columns, num_columns))
        for new, kept in zip((self.keys, self.values, self.inputs), old, strict=True):
            new[:, :slots, :, :columns] = kept[..., :columns, :]

    def copy(self, source: int, target: int, length: int) -> None:
        """Give one slot the first positions of another."""
        self.reserve(max(source, target) + 1, length)
        for tensor in (self.keys, self.values, self.inputs):
            tensor[:, target, :, :length] = tensor[:, source, :, :length]

    def span(
        self,
        slots: range | Sequence[int] | NDArray[np.int64],
        starts: Sequence[int] | NDArray[np.int64],
        counts: Sequence[int] | NDArray[np.int64],
        before: Tensor | None = None,
    ) -> "Span":
        """The place of B × T new ids, T = max(counts): row i has counts[i] of them, which come after starts[i] others
        in slots[i]. What pads a row is computed and forgotten; a row with a count of 0 is nothing but padding.

        `before` (B, config.lookback) are the ids before, -1 where there are none; models with n-grams or
        repeats need it.

        Raises ValueError for rows longer than the context.
        """
        return Span(self, slots, np.asarray(starts, np.int64), np.asarray(counts, np.int64), before)

    def _empty(self, num_slots: int, num_columns: int) -> tuple[Tensor, Tensor, Tensor]:
        config = self.config
        keys = (config.num_layers, num_slots, config.num_kv_heads, num_columns + 1, config.head_dim)
        inputs = (config.num_layers, num_slots, 1, num_columns + 1, config.width if config.neighbours else 0)
        # Zeros, for what is masked is still multiplied, by a weight of 0: and 0 × NaN would be NaN.
        return self._zeros(keys), self._zeros(keys), self._zeros(inputs)

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        """On a CPU, pages that come into being when they are written to: room for all that may come costs nothing."""
        num_bytes = math.prod(shape) * self.dtype.itemsize
        if self.device.type != "cpu" or not num_bytes:
            return torch.zeros(shape, dtype=self.dtype, device=self.device)
        return torch.frombuffer(mmap(-1, num_bytes), dtype=self.dtype).view(shape)


class Span:
    """Where one forward pass stands in the cache."""

    def __init__(
        self,
        cache: KVCache,
        slots: range | Sequence[int] | NDArray[np.int64],
        starts: NDArray[np.int64],
        counts: NDArray[np.int64],
        before: Tensor | None,
    ) -> None:
        self.length = int((starts + counts).max())  # S
        if self.length > cache.config.context:
            raise ValueError(f"{self.length} positions do not fit into a context of {cache.config.context}")
        cache.reserve(max(slots) + 1, self.length)
        self.cache, self.before = cache, before
        steps = np.arange(counts.max())
        real = steps < counts[:, None]  # (B, T)
        positions = np.where(real, starts[:, None] + steps, 0)
        columns = np.where(real, positions, cache.num_columns)
        heads = np.asarray(slots)[:, None] * cache.config.num_kv_heads + np.arange(cache.config.num_kv_heads)  # (B, K)
        places = heads[:, :, None] * (cache.num_columns + 1) + columns[:, None]  # (B, K, T)
        self.positions = self._tensor(positions)
        self._places = self._tensor(places.reshape(-1))
        self._rows = slice(slots.start, slots.stop) if isinstance(slots, range) else self._tensor(np.asarray(slots))
        self.fresh = not starts.any()  # nothing was read before: attention is plainly causal, padding comes last
        self.aligned = len(steps) == 1 and bool((starts[counts > 0] == self.length - 1).all())  # and nothing to mask
        self._masks: dict[int, Tensor] = {}
        if cache.config.neighbours:
            first = np.asarray(slots)[:, None] * (cache.num_columns + 1)
            earlier = starts[:, None] - np.arange(cache.config.neighbours, 0, -1)  # (B, n)
            self._own = self._tensor((first + columns).reshape(-1))
            self._earlier = self._tensor(first + np.maximum(earlier, 0))
            self._is_earlier = self._tensor(earlier >= 0).unsqueeze(-1)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store k, v (B, K, T, D) of one layer and return all that these rows attend to, (B, K, S, D)."""
        keys, values, D = self.cache.keys[layer], self.cache.values[layer], k.size(-1)
        keys.view(-1, D).index_copy_(0, self._places, k.reshape(-1, D))
        values.view(-1, D).index_copy_(0, self._places, v.reshape(-1, D))
        if self.fresh:
            return k, v
        return keys[self._rows, :, : self.length], values[self._rows, :, : self.length]

    def preceded(self, layer: int, x: Tensor) -> Tensor:
        """Attention's input x (B, T, C), with the inputs at the `neighbours` positions before it: (B, n + T, C). Before
        the first position there are zeros."""
        B, _, C = x.shape
        kept = self.cache.inputs[layer].view(-1, C)
        if self.fresh:
            before = x.new_zeros(B, self.cache.config.neighbours, C)
        else:
            before = kept[self._earlier] * self._is_earlier
        kept.index_copy_(0, self._own, x.reshape(-1, C))
        return torch.cat([before, x], dim=1)

    def mask(self, window: int, dtype: torch.dtype) -> Tensor:
        """What (B, 1, T, S) to add to attention's logits: 0 for the `window` positions up to its own, else -inf."""
        if window not in self._masks:
            distance = self.positions[:, None, :, None] - torch.arange(self.length, device=self.cache.device)
            seen = distance >= 0 if window >= self.length else (distance >= 0) & (distance < window)
            mask = torch.zeros(seen.shape, dtype=dtype, device=self.cache.device)
            self._masks[window] = mask.masked_fill_(seen.logical_not_(), -torch.inf)
        return self._masks[window]

    def attention(self, q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
        """softmax(q kᵀ / √D) v for q (B, H, T, D) and k, v (B, K, S, D), of what `mask` lets positions see."""
        return masked_attention(q, k, v, self.mask(window, q.dtype))

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.cache.device, non_blocking=True)


class NextStep(Span):
    """One new id for each of the first slots, with places that are worked out on the device: nothing of it comes from
    the host, so that what reads it can be recorded and played again with other places."""

    def __init__(self, cache: KVCache, columns: Tensor, length: int, before: Tensor) -> None:
        """columns (B,): of the cache, where the ids come; `cache.num_columns` for a slot that reads nothing. All see at
        most the first `length`. before (B, config.lookback) as in `KVCache.span`."""
        self.cache, self.before, self.length = cache, before, length
        self.fresh = self.aligned = False
        columns = columns.unsqueeze(-1)  # (B, 1)
        self.positions = columns.where(columns < cache.num_columns, 0)
        firsts = torch.arange(len(columns), device=cache.device).unsqueeze(-1) * (cache.num_columns + 1)  # (B, 1)
        heads = torch.arange(cache.config.num_kv_heads, device=cache.device) * (cache.num_columns + 1)
        self._places = (firsts * cache.config.num_kv_heads + heads + columns).flatten()  # (B, K)
        self._rows = slice(0, len(columns))
        self._masks = {}
        if cache.config.neighbours:
            earlier = columns - torch.arange(cache.config.neighbours, 0, -1, device=cache.device)  # (B, n)
            self._own = (firsts + columns).flatten()
            self._earlier = firsts + earlier.clamp(min=0)
            self._is_earlier = (earlier >= 0).unsqueeze(-1)


class Documents:
    """Rows of several documents each, as training packs them, none of which sees another: what `Span` is where nothing
    is cached. The n-grams and neighbours of a document's first tokens still reach into the one before."""

    before = None
    fresh = aligned = False

    def __init__(self, ids: Tensor, first_id: int) -> None:
        """ids (B, T), where `first_id` begins a document."""
        self.positions = torch.arange(ids.size(1), device=ids.device)
        self._begins = ids == first_id
        self.numbers = self._begins.cumsum(dim=1)
        """Of the document that each id (B, T) is in, counted along the row."""
        self._masks: dict[int, Tensor] = {}

    def extend(self, _: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """k, v as they are."""
        return k, v

    def mask(self, window: int, dtype: torch.dtype) -> Tensor:
        """As in `Span`: what (B, 1, T, T) to add to attention's logits."""
        if window not in self._masks:
            same = self.numbers[:, None, :, None] == self.numbers[:, None, None]  # (B, 1, T, T)
            distance = self.positions[:, None] - self.positions
            seen = same & (distance >= 0) & (distance < window)
            self._masks[window] = torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(
                ~seen, -torch.inf
            )
        return self._masks[window]

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """The documents (N, 3): row, first position, position after the last."""
        begins = self._begins.numpy(force=True).copy()
        begins[:, 0] = True  # what stands before the first one is a document, too
        rows, starts = begins.nonzero()
        stops = np.append(starts[1:], 0)
        stops[stops == 0] = begins.shape[1]  # the next document is one of the next row
        return np.stack([rows, starts, stops], axis=1)

    def attention(self, q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
        """As in `Span`; on a CPU only what positions see is computed."""
        if suits_loops(q):
            from primer.model.document_attention import attention  # brings numba, half a second

            return attention(q, k, v, self.bounds, window)
        return masked_attention(q, k, v, self.mask(window, q.dtype))


Reach = Span | Documents
