"""Several tasks as one, by weight. What comes is a pure function of (split, seed, number)."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

from primer.core.errors import ConfigError
from primer.core.runtime import keyed_rng
from primer.tasks.choices import as_question
from primer.tasks.task import Choice, Question, Split, Task

BLOCK = 1000  # questions in which every task has its share, to within one


@runtime_checkable
class Endless(Protocol):
    """A task with a question for every number."""

    def numbered(self, split: Split, seed: int, number: int) -> Question:
        """Question `number`."""
        ...


class Mixture:
    """Tasks by weight. A finite task is gone through in a new order each time; choices are asked with letters."""

    name = "mixture"

    def __init__(self, parts: Sequence[tuple[Task, float]]) -> None:
        """Raises ConfigError if there are none, or a weight is not above 0."""
        if not parts:
            raise ConfigError("a mixture of no tasks. Name one.")
        for task, weight in parts:
            if not 0 < weight < float("inf"):
                raise ConfigError(f"the weight of {task.name} is {weight}; it must be above 0.")
        self.parts = list(parts)
        total = sum(weight for _, weight in parts)
        self.shares = share_out(BLOCK, [weight / total for _, weight in parts])
        self._block = lru_cache(maxsize=4)(self._draw_block)
        self._readers: dict[tuple[int, Split, int], Callable[[int], Question]] = {}

    def numbered(self, split: Split, seed: int, number: int) -> Question:
        """Question `number`; there is no last one."""
        block, place = divmod(number, BLOCK)
        part, rank = self._block(seed, block)[place]
        return self._reader(part, split, seed)(block * self.shares[part] + rank)

    def open(self, split: Split, seed: int) -> None:
        """Read what its questions take, so that forks of this process need not."""
        for part in range(len(self.parts)):
            self._reader(part, split, seed)(0)

    def stream(self, split: Split, seed: int, first: int = 0) -> Iterator[Question]:
        """Questions without end, from number `first` on."""
        return (self.numbered(split, seed, number) for number in itertools.count(first))

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> Sequence[Question]:
        """The first `limit`; 0: one block of them."""
        return [self.numbered(split, seed, number) for number in range(limit or BLOCK)]

    def _draw_block(self, seed: int, block: int) -> list[tuple[int, int]]:
        """For each place of a block its task, and how many of that task came before it in the block."""
        tasks = [part for part, share in enumerate(self.shares) for _ in range(share)]
        order = keyed_rng(seed, block, "mixture").permutation(BLOCK).tolist()
        counts = [itertools.count() for _ in self.parts]
        return [(tasks[i], next(counts[tasks[i]])) for i in order]

    def _reader(self, part: int, split: Split, seed: int) -> Callable[[int], Question]:
        """How to read question k of a task: made once, for it may read a file."""
        if (part, split, seed) not in self._readers:
            self._readers[part, split, seed] = reader(self.parts[part][0], split, seed)
        return self._readers[part, split, seed]


def reader(task: Task, split: Split, seed: int) -> Callable[[int], Question]:
    """Question k of a task, for every k from 0."""
    if isinstance(task, Endless):
        return lambda k: task.numbered(split, seed, k)
    items: list[Question] = [as_question(item) if isinstance(item, Choice) else item for item in task.questions(split)]

    @lru_cache(maxsize=2)
    def order(epoch: int) -> list[int]:
        found: list[int] = keyed_rng(seed, epoch, task.name).permutation(len(items)).tolist()
        return found

    return lambda k: items[order(k // len(items))[k % len(items)]]


def share_out(total: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that add up to the total, as near to the shares as can be, none of them 0.

    >>> share_out(10, [0.5, 0.26, 0.24]), share_out(10, [0.99, 0.01])
    ([5, 3, 2], [9, 1])
    """
    counts = [max(1, int(total * share)) for share in shares]
    while sum(counts) != total:
        step = 1 if sum(counts) < total else -1
        errors = [step * (total * share - count) for share, count in zip(shares, counts, strict=True)]
        allowed = [i for i, count in enumerate(counts) if count + step > 0]
        counts[max(allowed, key=errors.__getitem__)] += step
    return counts
