"""Reasoning Gym: a hundred generators of problems with a verifier each (Stojanovski et al. 2025, arXiv 2505.24760).

`gym:basic_arithmetic`, `gym:spell_backward`, … without end. An extra: pip install 'primer-lm[gym]'.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from primer.core.errors import ConfigError, UserError, suggest
from primer.tasks.task import Question, Split, final_text
from primer.text.chat import Message, assistant, user

TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
# An item is drawn with its dataset's seed plus its number: the splits begin so far apart that they never meet, and
# all stay below 2^32, which numpy's generators ask for.
FIRST = {"train": 0, "validation": 1 << 30, "test": 1 << 31}
SEEDS, ITEMS = 64, 1 << 24


@dataclass(frozen=True)
class Verifies:
    """The generator's own verifier says so, of what stands in <answer> tags, or else of the whole reply."""

    dataset: Any
    entry: dict[str, Any]

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply)
        tagged = TAGGED.findall(text)
        answer = (tagged[-1] if tagged else text).strip()
        return min(1.0, max(0.0, float(self.dataset.score_answer(answer, self.entry)))) if answer else 0.0


class Gym:
    """The problems of one generator; which ones is a function of (split, seed, number)."""

    def __init__(self, generator: str) -> None:
        """Raises UserError if reasoning-gym is not installed, ConfigError for a generator that it does not have."""
        self.generator, self.name = generator, f"gym:{generator}"
        self._datasets: dict[int, Any] = {}
        self._open(0)

    def numbered(self, split: Split, seed: int, number: int) -> Question:
        """Problem `number`; there is no last one."""
        dataset = self._open(FIRST[split] + seed % SEEDS * ITEMS)
        entry = dataset[number % ITEMS]
        return Question(
            prompt=(user(str(entry["question"])),),
            check=Verifies(dataset, entry),
            answer=(assistant(str(entry["answer"])),),
            group=self.generator,
        )

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> list[Question]:
        """The first of them; 0: 200."""
        return [self.numbered(split, seed, number) for number in range(limit or 200)]

    def _open(self, seed: int) -> Any:
        if seed not in self._datasets:
            try:
                import reasoning_gym
                from reasoning_gym.factory import DATASETS
            except ImportError as error:
                raise UserError(
                    f"{self.name} needs the reasoning-gym package: pip install 'primer-lm[gym]' ({error})."
                ) from error
            if self.generator not in DATASETS:
                raise ConfigError(f"there is no generator gym:{self.generator}; {suggest(self.generator, DATASETS)}")
            self._datasets[seed] = reasoning_gym.create_dataset(self.generator, seed=seed, size=ITEMS)
        return self._datasets[seed]


TASKS = {"gym": Gym}
