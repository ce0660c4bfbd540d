"""A toy to reinforce: say a rather than b."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from primer.tasks.curriculum.checks import has_phrase
from primer.tasks.task import Question, Split, final_text
from primer.text.chat import Message, user


def says_a(messages: Sequence[Message]) -> float:
    """Whether the answer has the word "a"."""
    return float(has_phrase(final_text(messages), "a"))


@dataclass
class Toy:
    """Prompts with a number, judged by `check(number, reply)`."""

    name: str = "toy"
    check: Callable[[int, Sequence[Message]], float] = lambda number, messages: says_a(messages)
    words: str = ""
    asked: set[int] = field(default_factory=set)

    def numbered(self, split: Split, seed: int, number: int) -> Question:
        """Question `number`."""
        self.asked.add(number)
        prompt = (user(f"{self.words}Say a or b. {number % 10}"),)
        return Question(prompt, lambda messages: self.check(number, messages))

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> list[Question]:
        """The first ones."""
        return [self.numbered(split, seed, number) for number in range(limit or 10)]
