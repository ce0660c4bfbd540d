"""Steps of decoding on a GPU, recorded once and played again.

A step of one id a row is some 150 small operations, and starting each from Python takes longer than the GPU takes to do
it. A CUDA graph starts all of them at once, with the same memory and the same shapes each time: so there is one for
each power of two of rows and of positions, and what differs from step to step lies in one small tensor.

Legend of shapes: B rows, C width, V vocabulary.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from primer.model.cache import KVCache, NextStep
from primer.model.gpt import GPT

SHORTEST = 64  # positions: the smallest graph has room for so many


class Recorder:
    """Reads one id a row for the first slots of a cache. Elsewhere than on a GPU it records nothing, and does the same
    step by step."""

    def __init__(self, model: GPT, cache: KVCache) -> None:
        self.model, self.cache = model, cache
        self.steps: dict[tuple[int, int], Step] = {}
        self.keys = cache.keys

    def read(self, ids: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The stream after the last norm (B, C) and the logits (B, V) after the last of ids (B, lookback + 1) in each
        of the first B slots, which comes into a column of the cache; -1: the slot reads nothing, and its results mean
        nothing. The next call overwrites both."""
        rows = 1 << (len(ids) - 1).bit_length()
        length = 1 << max(SHORTEST - 1, int(columns.max())).bit_length()
        self.cache.reserve(rows, min(length, self.model.config.context))
        if self.cache.keys is not self.keys:  # it has grown, and lies elsewhere
            self.steps, self.keys = {}, self.cache.keys
        rows, length = min(rows, self.cache.num_slots), min(length, self.cache.num_columns)
        if (rows, length) not in self.steps:
            self.steps[rows, length] = Step(self.model, self.cache, rows, length)
        return self.steps[rows, length].play(ids, columns)


class Step:
    """One size of it."""

    def __init__(self, model: GPT, cache: KVCache, rows: int, length: int) -> None:
        self.model, self.cache, self.length = model, cache, length
        lookback, device = model.config.lookback, cache.device
        self.told = torch.zeros(rows, lookback + 2, dtype=torch.int64, device=device)  # ids, and the column
        self.told[:, -1] = cache.num_columns
        self.graph: torch.cuda.CUDAGraph | None = None
        if device.type == "cuda":
            self._record(device)

    def play(self, ids: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """As `Recorder.read`."""
        told = np.full(self.told.shape, self.cache.num_columns)
        told[: len(ids), :-1] = ids
        told[: len(ids), -1] = np.where(columns < 0, self.cache.num_columns, columns)
        told[len(ids) :, :-1] = 0
        self.told.copy_(torch.from_numpy(told))
        if self.graph is None:
            self.hidden, self.logits = self._compute()
        else:
            self.graph.replay()
        return self.hidden[: len(ids)], self.logits[: len(ids)]

    def _compute(self) -> tuple[Tensor, Tensor]:
        ids, columns = self.told[:, :-1], self.told[:, -1]
        span = NextStep(self.cache, columns, self.length, before=ids[:, :-1])
        hidden = self.model.hidden(ids[:, -1:].clamp(min=0), span).squeeze(1)
        return hidden, self.model.logits(hidden)

    def _record(self, device: torch.device) -> None:
        """Every row writes to the column that is never read meanwhile."""
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):  # libraries set themselves up in the first calls, which cannot be recorded
            for _ in range(2):
                self._compute()
        torch.cuda.current_stream(device).wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):  # other models may run in other threads
            self.hidden, self.logits = self._compute()
