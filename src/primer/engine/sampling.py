"""Logits to the next id: penalties, temperature, top-k, top-p, min-p, and a generator for each row.

Legend of shapes: B rows, V ids in the vocabulary, N candidates (V, or the first top_k of them).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from primer.core.config import check_options
from primer.core.runtime import keyed_rng

BLOCK = 64  # candidates
BELOW_ONE = 1 - 2**-24  # the largest float32 that is


@dataclass(frozen=True)
class SamplingConfig:
    """How the next token is chosen: penalties first, then temperature, then the filters in the order of this list."""

    temperature: float = 0.8
    """Divides the logits: below 1 safer, above 1 wilder, 0 always the likeliest token."""
    top_k: int = 0
    """Choose among the k likeliest tokens only; 0: among all."""
    top_p: float = 1.0
    """Choose among the fewest tokens that together have this probability (arXiv 1904.09751); 1: among all."""
    min_p: float = 0.0
    """Choose among tokens at least this share as likely as the likeliest (arXiv 2407.01082); 0: among all."""
    repetition_penalty: float = 1.0
    """Make tokens of the prompt and of the answer so far less likely: positive logits are divided by this, negative
    ones multiplied (CTRL, arXiv 1909.05858); 1: off."""
    presence_penalty: float = 0.0
    """Taken from the logit of every token that the answer has already (as OpenAI has it, like the next); 0: off."""
    frequency_penalty: float = 0.0
    """Taken from the logit of a token once for each time that the answer has it; 0: off."""
    seed: int = 1337
    """The same seed gives the same text, however many samples run beside it."""
    max_tokens: int = 500
    """Tokens to write at most."""

    def __post_init__(self) -> None:
        check_options(
            self,
            temperature=(0 <= self.temperature < math.inf, "0 or more"),
            top_k=(self.top_k >= 0, "0 (all tokens) or more"),
            top_p=(0 < self.top_p <= 1, "above 0 and at most 1"),
            min_p=(0 <= self.min_p <= 1, "between 0 and 1"),
            repetition_penalty=(0 < self.repetition_penalty < math.inf, "above 0"),
            presence_penalty=(math.isfinite(self.presence_penalty), "a number"),
            frequency_penalty=(math.isfinite(self.frequency_penalty), "a number"),
            seed=(self.seed >= 0, "0 or more"),
            max_tokens=(self.max_tokens >= 1, "1 or more"),
        )

    @property
    def penalizes(self) -> bool:
        """Whether what was written before matters."""
        return (self.repetition_penalty, self.presence_penalty, self.frequency_penalty) != (1, 0, 0)


def row_generator(seed: int, row: int) -> np.random.Generator:
    """The generator of a row, which depends on nothing but the seed and the row's number."""
    return keyed_rng(seed, row, "sampling")


def penalize(logits: Tensor, config: SamplingConfig, prompt: NDArray[np.int64], new_ids: Sequence[int]) -> None:
    """Change one row's logits (V,), in place, by what stands in its prompt and in its answer so far."""
    written, counts = np.unique(np.array(new_ids, np.int64), return_counts=True)
    if config.repetition_penalty != 1:
        seen = torch.from_numpy(np.union1d(prompt, written)).to(logits.device)
        found, penalty = logits[seen], config.repetition_penalty
        logits[seen] = torch.where(found > 0, found / penalty, found * penalty)
    penalties = config.presence_penalty + config.frequency_penalty * torch.from_numpy(counts)
    logits[torch.from_numpy(written).to(logits.device)] -= penalties.to(logits)


def pick(logits: Tensor, configs: Sequence[SamplingConfig], generators: Sequence[np.random.Generator | None]) -> Tensor:
    """Next ids (B,) for logits (B, V), where -inf marks what must not be chosen; one config and generator a row.

    What a row draws does not depend on the rows beside it. Greedy rows need no generator.
    """
    chosen: Tensor | None = None
    for ranked in (False, True):  # apart, for a uniform number finds another token where candidates are sorted
        rows = [i for i, c in enumerate(configs) if c.temperature > 0 and (c.top_k > 0 or c.top_p < 1) == ranked]
        if len(rows) == len(configs):
            return draw(logits, configs, generators, ranked)
        if rows:
            chosen = logits.argmax(dim=-1) if chosen is None else chosen
            index = torch.tensor(rows, device=logits.device)
            drawn = draw(logits[index], [configs[i] for i in rows], [generators[i] for i in rows], ranked)
            chosen[index] = drawn
    return logits.argmax(dim=-1) if chosen is None else chosen


def draw(
    logits: Tensor, configs: Sequence[SamplingConfig], generators: Sequence[np.random.Generator | None], ranked: bool
) -> Tensor:
    """`pick` for rows none of which is greedy, and all or none of which need their candidates likeliest first.

    Each row spends one uniform number u on finding the token at which the cumulative probability passes u: first the
    block of tokens, then the one in it, which takes a quarter of the time that going through all of them does. (The
    usual trick of one exponential number per token costs V draws a row.)
    """
    # The largest becomes 0 before the division, so that no temperature is small enough to overflow.
    scaled = (logits - logits.amax(dim=-1, keepdim=True)) / column([c.temperature for c in configs], logits)
    ids = None
    if ranked:
        num_candidates = [min(c.top_k or logits.size(-1), logits.size(-1)) for c in configs]
        scaled, ids = scaled.topk(max(num_candidates))  # (B, N), likeliest first
        if len(set(num_candidates)) > 1:
            ranks = torch.arange(scaled.size(-1), device=logits.device)
            scaled = scaled.masked_fill(ranks >= column(num_candidates, logits), -torch.inf)
    p = filter_tail(scaled.softmax(dim=-1), configs)
    u = column([g.random(dtype=np.float32) for g in generators if g is not None], logits)  # (B, 1)
    blocks = pad(p, (0, -p.size(-1) % BLOCK)).unflatten(-1, (-1, BLOCK))  # (B, N / BLOCK, BLOCK)
    block, rest = first_past(blocks.sum(dim=-1), u)
    place, _ = first_past(blocks.take_along_dim(block.unsqueeze(-1), dim=1).squeeze(1), rest)
    chosen = block * BLOCK + place
    return (chosen if ids is None else ids.gather(-1, chosen)).squeeze(-1)


def first_past(p: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Of weights p (B, N) the first with which their cumulative sum passes u (B, 1) of the total, as an index (B, 1),
    and how far into that weight u lies (B, 1). Both u and that are in [0, 1)."""
    cumulative = p.cumsum(dim=-1)
    # u ≤ BELOW_ONE, so u × total rounds to less than the total: some weight always passes it.
    point = u * cumulative[:, -1:]
    index = ((cumulative > point) & (p > 0)).byte().argmax(dim=-1, keepdim=True)  # the first of the equals
    weight = p.gather(-1, index)
    before = cumulative.gather(-1, index) - weight
    return index, ((point - before) / weight).clamp(0, BELOW_ONE)


def filter_tail(p: Tensor, configs: Sequence[SamplingConfig]) -> Tensor:
    """Probabilities (B, N) with what top-p and min-p leave out at 0; for top-p they come likeliest first."""
    top_p = [c.top_p if c.top_p < 1 else math.inf for c in configs]  # 1 leaves out nothing, not even by rounding
    if min(top_p) < 1:  # a token stays while those before it have less than top_p: the first always does
        p = p.masked_fill(p.cumsum(dim=-1) - p >= column(top_p, p), 0.0)
    min_p = [c.min_p for c in configs]
    if max(min_p) > 0:
        p = p.masked_fill(p < column(min_p, p) * p.amax(dim=-1, keepdim=True), 0.0)
    return p


def column(values: Sequence[float], like: Tensor) -> Tensor:
    """One number a row, (B, 1)."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).unsqueeze(-1)
