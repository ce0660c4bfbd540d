"""Preference pairs as rows of ids, and what the reference model thinks of them: computed once, and kept on disk.

Legend of shapes: P pairs in a micro-batch, T positions of its longest row.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from primer.core.errors import CheckpointError
from primer.core.files import atomic_path
from primer.core.runtime import Runtime, keyed_rng
from primer.model.gpt import GPT, IGNORE
from primer.model.weights import save_tensors
from primer.train.batches import pad_rows, target_log_p


@dataclass(frozen=True)
class Row:
    """A prompt and one answer to it."""

    ids: tuple[int, ...]
    counted: tuple[bool, ...]
    """The ids that the assistant wrote in the answer: neither the prompt nor what a tool said."""


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one micro-batch: rows 0 … P - 1 are chosen, the next P rejected, in the same order."""

    inputs: Tensor  # (2P, T)
    targets: Tensor  # (2P, T), IGNORE outside the answer
    reference: Tensor  # (2P, T), log p of each target under the reference

    @property
    def num_targets(self) -> int:
        """Pairs."""
        return self.inputs.size(0) // 2

    def to(self, device: torch.device) -> "PairBatch":
        """The same on a device."""
        return PairBatch(self.inputs.to(device), self.targets.to(device), self.reference.to(device))


class PairData:
    """Pairs as rows of ids, and what the reference thinks of them."""

    def __init__(self, pairs: Sequence[tuple[Row, Row]], pad_id: int) -> None:
        self.pairs, self.pad_id = pairs, pad_id
        self.reference: list[tuple[Tensor, Tensor]] = []
        self._order: tuple[tuple[int, int], list[int]] = ((-1, -1), [])

    def numbered(self, i: int, seed: int) -> int:
        """The pair that stands at place i of the endless order."""
        epoch, place = divmod(i, len(self.pairs))
        if self._order[0] != (seed, epoch):
            self._order = (seed, epoch), keyed_rng(seed, epoch, "pairs").permutation(len(self.pairs)).tolist()
        return self._order[1][place]

    def batch(self, numbers: Sequence[int]) -> PairBatch:
        """Pairs by number."""
        rows = [self.pairs[n][side] for side in (0, 1) for n in numbers]
        inputs, targets = pad_rows([(row.ids, row.counted) for row in rows], self.pad_id)
        reference = torch.zeros(targets.shape)
        if self.reference:
            reference[targets != IGNORE] = torch.cat([self.reference[n][side] for side in (0, 1) for n in numbers])
        return PairBatch(inputs, targets, reference)

    def ask_reference(self, model: GPT, at_once: int, runtime: Runtime) -> None:
        """Compute log p of every target under the model as it is now; every rank asks of its share of the pairs."""
        mine = range(runtime.rank, len(self.pairs), runtime.world_size)
        flat = torch.zeros(sum(self.lengths))
        found = self.by_pair(flat)
        for first in range(0, len(mine), at_once):
            numbers = mine[first : first + at_once]
            batch = self.batch(numbers).to(runtime.device)
            answers = target_log_p(model, batch.inputs, batch.targets)
            for place, answer in zip((found[n][side] for side in (0, 1) for n in numbers), answers, strict=True):
                place.copy_(answer)
        self.reference = self.by_pair(runtime.sum(flat.to(runtime.device)).cpu())

    @property
    def lengths(self) -> list[int]:
        """Targets of each answer: of the first pair's chosen and rejected, of the second's, and so on."""
        return [sum(row.counted) for pair in self.pairs for row in pair]

    def by_pair(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Numbers of all targets in a row, as views for each answer."""
        answers = iter(flat.split(self.lengths))
        return list(zip(answers, answers, strict=True))

    @property
    def num_tokens(self) -> int:
        """Of all rows together."""
        return sum(len(row.ids) for pair in self.pairs for row in pair)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(row.ids) for pair in self.pairs for row in pair)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the rows, and of what counts in them."""
        rows = [(row.ids, row.counted) for pair in self.pairs for row in pair]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def save_reference(self, path: Path) -> None:
        """Keep the reference's log-probabilities."""
        flat = torch.cat([answer for pair in self.reference for answer in pair])
        with atomic_path(path) as temporary:
            save_tensors(temporary, {"log_p": flat}, {"pairs": self.fingerprint, "log_p": digest(flat)})

    def load_reference(self, path: Path) -> None:
        """Read them back. Raises CheckpointError if they are missing, damaged, or of other pairs."""
        try:
            with safe_open(path, "pt") as file:
                flat, metadata = file.get_tensor("log_p"), json.loads(file.metadata()["primer"])
        except Exception as error:  # safetensors' own kinds, OSError, KeyError
            raise CheckpointError(
                f"{path} cannot be read ({error}). Restore it, or begin anew in another --run."
            ) from error
        if metadata.get("log_p") != digest(flat):
            raise CheckpointError(f"{path} is not as it was written. Restore it, or begin anew in another --run.")
        if metadata["pairs"] != self.fingerprint:
            raise CheckpointError(f"{path} is of other pairs: the data has changed since the run began. Restore it.")
        self.reference = self.by_pair(flat)


def digest(values: Tensor) -> str:
    """SHA-256 of the bytes of a tensor."""
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()
