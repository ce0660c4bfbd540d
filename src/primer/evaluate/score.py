"""A share of right answers, and how sure one can be of it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Z = 1.96  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True)
class Score:
    """How many of a group's questions were answered rightly."""

    task: str
    group: str
    right: float
    """Not always whole: some checks give part marks, and of several samples the mean counts."""
    count: int
    low: float
    """The share right lies above this with 97.5 %, and below `high` (Wilson's interval)."""
    high: float
    new_right: float = 0.0
    """Of those worded as no training text is."""
    new_count: int = 0
    troubles: dict[str, int] = field(default_factory=dict)
    """Counted as wrong for another reason than what was said: reason to count."""
    pass_at: dict[int, float] = field(default_factory=dict)
    """k to the chance that one of k samples is right, where several were drawn."""

    @property
    def accuracy(self) -> float:
        """The share right, from 0 to 1."""
        return self.right / max(1, self.count)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {**asdict(self), "accuracy": self.accuracy}


def wilson(right: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): never below 0 or above 1, and honest when all are right.

    >>> [round(bound, 3) for bound in wilson(200, 200)], [round(bound, 3) for bound in wilson(5, 10)]
    ([0.981, 1.0], [0.237, 0.763])
    """
    if not count:
        return 0.0, 1.0
    share, weight = right / count, Z * Z / count
    middle = (share + weight / 2) / (1 + weight)
    spread = Z * math.sqrt(max(0.0, share * (1 - share)) / count + weight / (4 * count)) / (1 + weight)
    return max(0.0, middle - spread), min(1.0, middle + spread)


def pass_at(k: int, num_samples: int, num_right: int) -> float:
    """The chance that one of k samples is right, without bias (Chen et al. 2021, arXiv 2107.03374).

    >>> pass_at(1, 4, 1), pass_at(2, 4, 1), pass_at(4, 4, 1)
    (0.25, 0.5, 1.0)
    """
    return 1 - math.comb(num_samples - num_right, k) / math.comb(num_samples, k)


def total(scores: Sequence[Score], task: str) -> Score:
    """All groups of a task together, each question counting alike."""
    right, count = sum(score.right for score in scores), sum(score.count for score in scores)
    names = dict.fromkeys(name for score in scores for name in score.troubles)
    return Score(
        task, "", right, count, *wilson(right, count),
        sum(score.new_right for score in scores), sum(score.new_count for score in scores),
        {name: sum(score.troubles.get(name, 0) for score in scores) for name in names},
        {k: sum(s.pass_at[k] * s.count for s in scores) / count for k in (scores[0].pass_at if scores else {})
         if all(k in s.pass_at for s in scores)},
    )  # fmt: skip
