"""Conversations of a file, a folder or the hub as a task: there is no check but whoever reads them."""

from collections.abc import Sequence
from functools import cached_property

from primer.core.errors import CorpusError
from primer.tasks.task import Question, Split
from primer.text.chat import Message
from primer.text.conversations import read_conversations
from primer.text.rows import OnBad

HELD_OUT_SHARE, MOST_HELD_OUT = 0.05, 500  # kept from training, for validation and test


class Conversations:
    """What `read_conversations` reads, the last twentieth of it held out."""

    def __init__(self, source: str, on_bad: OnBad = "refuse") -> None:
        self.name, self.on_bad = source, on_bad

    @cached_property
    def rows(self) -> list[Question]:
        """Every conversation. Raises CorpusError if there is none, or as `read_conversations` does."""
        read = read_conversations(self.name, self.on_bad)
        rows = [Question(prompt=messages[:-1], check=unchecked, answer=messages[-1:]) for messages in read]
        if not rows:
            raise CorpusError(f"{self.name} holds no conversation.")
        return rows

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> Sequence[Question]:
        """The rows of a split, in the order of the file."""
        held_out = min(MOST_HELD_OUT, max(1, int(len(self.rows) * HELD_OUT_SHARE))) if len(self.rows) > 1 else 0
        first = len(self.rows) - held_out
        chosen = self.rows[:first] if split == "train" else self.rows[first:] or self.rows
        return chosen[: limit or None]


def unchecked(reply: Sequence[Message]) -> float:
    """Nobody knows: worth nothing."""
    return 0.0
