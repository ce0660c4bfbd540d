"""Token ids in, token ids out: prompts are continued side by side, over a cache of keys and values.

The engine knows no text. Tokenizer, stop rules and display belong to those who call it.

Legend of shapes: B rows still running, W ids in the window the model sees, C width, V vocabulary.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from primer.engine.sampling import SamplingConfig, pick, row_generator
from primer.model.gpt import GPT, KVCache, Linear


@dataclass(frozen=True)
class Token:
    """One new token of one row."""

    row: int
    """Which prompt it continues, counted from 0."""
    id: int
    finished: Literal["stop", "length"] | None
    """Set on a row's last token: `id` is a stop id, or max_tokens are reached."""


@dataclass
class Batch:
    """Rows with windows of one length, which run together."""

    rows: list[int]
    window: Tensor  # (B, W)
    generators: list[np.random.Generator]
    cache: KVCache | None = None  # of the first cache.length ids of the window

    def keep(self, places: list[int]) -> None:
        """Let go of all rows but those at these places."""
        index = torch.tensor(places, device=self.window.device)
        self.rows = [self.rows[i] for i in places]
        self.generators = [self.generators[i] for i in places]
        self.window = self.window[index]
        if self.cache is not None:
            self.cache.select(index)


class Engine:
    """Continues prompts with one model.

    Past the context: the model sees a window of at most `context` ids. A longer prompt keeps its end. When the
    window is full, it goes on from the last half of it, read anew into an empty cache. (nanoGPT drops one id a
    token instead, which moves every position and so makes a cache worthless.) One such step costs half a context of
    prefill every half a context of tokens.
    """

    def __init__(self, model: GPT, num_ids: int, banned: Iterable[int] = (), use_cache: bool = True) -> None:
        """`num_ids`: the tokenizer's vocabulary. Rows of the embedding table beyond it are padding, and are never
        sampled; nor are the `banned` ids. Without a cache every token reads the whole window, as a check.

        Raises ValueError if `num_ids` does not fit the model.
        """
        if not 0 < num_ids <= model.config.vocab_size:
            raise ValueError(f"{num_ids} ids do not fit a model with {model.config.vocab_size}")
        self.model, self.num_ids, self.use_cache = model, num_ids, use_cache
        self.context = model.config.context
        self.allowed = torch.zeros(model.config.vocab_size)  # added to the logits
        self.allowed[num_ids:] = -torch.inf
        self.allowed[list(banned)] = -torch.inf

    def complete(
        self, prompts: Sequence[Sequence[int]], sampling: SamplingConfig, stop_ids: Collection[int] = ()
    ) -> list[list[int]]:
        """The new ids of each prompt, without the stop id. Raises like `generate`."""
        completions: list[list[int]] = [[] for _ in prompts]
        for token in self.generate(prompts, sampling, stop_ids):
            if token.finished != "stop":
                completions[token.row].append(token.id)
        return completions

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: SamplingConfig, stop_ids: Collection[int] = ()
    ) -> Iterator[Token]:
        """Continue every prompt until a stop id or `sampling.max_tokens`, yielding tokens as they come.

        Prompts of one length run as one batch, and what is equal among them is read once: for several samples give
        one prompt several times. A row draws from its own generator, so its tokens do not depend on the others.

        Raises ValueError for an empty prompt, or an id outside the vocabulary.
        """
        for prompt in prompts:
            if not prompt:
                raise ValueError("an empty prompt: start it with the document token")
            if not all(0 <= id < self.num_ids for id in prompt):
                raise ValueError(f"prompts hold ids from 0 to {self.num_ids - 1}, this one {max(prompt)}")
        by_length: dict[int, list[int]] = {}
        for row, prompt in enumerate(prompts):
            by_length.setdefault(min(len(prompt), self.context), []).append(row)
        was_training = self.model.training
        self.model.eval()  # no dropout
        try:
            for length, rows in by_length.items():
                window = torch.tensor([prompts[row][-length:] for row in rows], device=self._device)
                generators = [row_generator(sampling.seed, row) for row in rows]
                yield from self._run(Batch(rows, window, generators), sampling, stop_ids)
        finally:
            self.model.train(was_training)

    def _run(self, batch: Batch, sampling: SamplingConfig, stop_ids: Collection[int]) -> Iterator[Token]:
        """Step until every row has finished; rows leave the batch when they do."""
        for num_tokens in range(1, sampling.max_tokens + 1):
            ids = self._step(batch, sampling)
            running = []
            for place, (row, id) in enumerate(zip(batch.rows, ids, strict=True)):
                full = num_tokens == sampling.max_tokens
                finished: Literal["stop", "length"] | None = "stop" if id in stop_ids else "length" if full else None
                if not finished:
                    running.append(place)
                yield Token(row, id, finished)
            if not running:
                return
            if len(running) < len(ids):
                batch.keep(running)

    @torch.inference_mode()
    def _step(self, batch: Batch, sampling: SamplingConfig) -> list[int]:
        """One new id a row, appended to the window."""
        if batch.window.size(1) > self.context:
            batch.window, batch.cache = batch.window[:, -max(1, self.context // 2) :], None
        logits = self.model.logits(self._last_hidden(batch))  # (B, V)
        self.allowed = self.allowed.to(logits.device)
        ids = pick(logits + self.allowed, sampling, batch.generators)
        batch.window = torch.cat([batch.window, ids[:, None]], dim=1)
        return [int(id) for id in ids.tolist()]

    def _last_hidden(self, batch: Batch) -> Tensor:
        """The model's state (B, C) after the last id of each window."""
        if not self.use_cache:
            return self.model.hidden(batch.window)[:, -1]
        if batch.cache is not None:
            return self.model.hidden(batch.window[:, batch.cache.length :], batch.cache)[:, -1]
        numbers = {window: i for i, window in enumerate(dict.fromkeys(map(tuple, batch.window.tolist())))}
        different = torch.tensor(list(numbers), device=self._device)
        batch.cache = KVCache(self.model.config, len(numbers), self.model.compute_dtype, self._device)
        hidden = self.model.hidden(different, batch.cache)[:, -1]
        if len(numbers) == len(batch.rows):
            return hidden
        places = torch.tensor([numbers[tuple(window)] for window in batch.window.tolist()], device=self._device)
        batch.cache.select(places)
        return hidden[places]

    @property
    def _device(self) -> torch.device:
        return self.model.embed.weight.device


def prepare_to_generate(model: GPT) -> GPT:
    """Make a model, in place, faster to generate with and unfit to train: same numbers, other storage.

    Weights are cast to the compute dtype once, not at every token. And one row against a matrix is as fast as memory
    can be read: on a CPU in float32 the widening matrices are stored column by column, which MKL reads faster (a
    token of a 6 × 384 llama: 6.4 against 8.9 ms on one AVX2 core; no difference at 16 rows).
    """
    for module in model.modules():
        if isinstance(module, Linear):
            weight = module.weight.detach().to(model.compute_dtype)
            widens = weight.size(0) > weight.size(1)
            if widens and weight.device.type == "cpu" and weight.dtype == torch.float32:
                weight = weight.t().contiguous().t()
            module.weight = nn.Parameter(weight, requires_grad=False)
    return model
