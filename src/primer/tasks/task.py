"""What a model can be taught and asked: data, prompt and score in one class a task.

Two kinds of question. A `Question` is answered in words (and tool calls), and its check reads the answer; it serves
as an example to learn from, as an item of a test, and as a reward. A `Choice` is answered by what the model finds
likeliest, and needs no words of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from primer.text.chat import Message

Split = Literal["train", "validation", "test"]


class Check(Protocol):
    """Judges an answer: the messages that the assistant and its tools added to the prompt."""

    def __call__(self, reply: Sequence[Message]) -> float:
        """From 0, wrong, to 1, right. Never raises for what a model may write."""
        ...


@dataclass(frozen=True)
class Question:
    """A conversation that waits for an answer."""

    prompt: tuple[Message, ...]
    """Up to and with the turn to be answered."""
    check: Check
    answer: tuple[Message, ...] = ()
    """A right continuation: the assistant's turn, with tool calls and their results where it uses tools."""
    rejected: tuple[Message, ...] = ()
    """A worse continuation, to prefer the answer to."""
    group: str = ""
    """What it counts towards in a table: a lesson, a subject."""
    new_phrasing: bool = False
    """Worded as no training text is."""
    samples: int = 1
    """Ask so many times; above 1 by sampling, and then the answers must all be right and differ pairwise."""


@dataclass(frozen=True)
class Choice:
    """Several texts, one of which is right: the one that the model finds likeliest is its answer.

    A single text, with one context and one option, is right if the option is what the model itself would write.
    """

    contexts: tuple[str, ...]
    """What stands before each option; one for all of them, unless it is the context that differs (schema tasks)."""
    options: tuple[str, ...]
    """What may follow. One for all contexts in schema tasks."""
    right: int
    group: str = ""
    normalize: Literal["tokens", "bytes", "none"] = "tokens"
    """What an option's log-probability is divided by, so that long ones have a chance."""


class Task(Protocol):
    """A source of questions."""

    name: str

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> Sequence[Question] | Sequence[Choice]:
        """The questions of a split, always the same for a seed; the first `limit` of them, if it is not 0."""
        ...


def final_text(reply: Sequence[Message]) -> str:
    """What the assistant said last, after all tool calls; empty if it did not answer."""
    last = reply[-1] if reply else None
    return last.content if last is not None and last.role == "assistant" and not last.tool_calls else ""
