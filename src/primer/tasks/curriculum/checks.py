"""How answers are judged: small checks that combine. Each reads the assistant's last words, without case."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from primer.tasks.task import Check, final_text
from primer.text.chat import Message

NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


def words_of(text: str) -> list[str]:
    """The words of a text, lower case, apostrophes kept.

    >>> words_of("Don't say 'no', Ann!")
    ["don't", 'say', 'no', 'ann']
    """
    return [word.strip("'") for word in re.findall(r"[a-z0-9']+", text.lower())]


def has_phrase(text: str, phrase: str) -> bool:
    """Whether the words of the phrase stand in the text one after another, whole."""
    return spaced(phrase) in spaced(text)


@lru_cache(maxsize=2**14)
def spaced(text: str) -> str:
    """The words of a text between spaces: the lessons ask for the same ones again and again.

    >>> spaced("Ann, found!"), spaced("")
    (' ann found ', ' ')
    """
    return "".join([" ", *(f"{word} " for word in words_of(text))])


@dataclass(frozen=True)
class Says:
    """All of these words or phrases stand in the answer, whole."""

    all: tuple[str, ...]

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply)
        return float(bool(text.strip()) and all(has_phrase(text, phrase) for phrase in self.all))


@dataclass(frozen=True)
class SaysOne:
    """At least one of these stands in the answer."""

    any: tuple[str, ...]

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply)
        return float(any(has_phrase(text, phrase) for phrase in self.any))


@dataclass(frozen=True)
class SaysNone:
    """None of these stands in the answer, and there is one."""

    none: tuple[str, ...]

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply)
        return float(bool(text.strip()) and not any(has_phrase(text, phrase) for phrase in self.none))


@dataclass(frozen=True)
class LastNumber:
    """The last number in the answer is this one."""

    value: float

    def __call__(self, reply: Sequence[Message]) -> float:
        found = NUMBER.findall(final_text(reply))
        return float(bool(found) and abs(float(found[-1].replace(",", "")) - self.value) < 1e-6)


@dataclass(frozen=True)
class Spelled:
    """These letters stand in the answer one by one, in this order, parted by anything that is no letter or digit.

    >>> from primer.text.chat import assistant
    >>> Spelled("cat")([assistant("It is C-A-T.")]), Spelled("cat")([assistant("It is cat.")])
    (1.0, 0.0)
    """

    letters: str

    def __call__(self, reply: Sequence[Message]) -> float:
        pattern = r"(?<![a-z0-9])" + r"[^a-z0-9]+".join(map(re.escape, self.letters.lower())) + r"(?![a-z0-9])"
        return float(re.search(pattern, final_text(reply).lower()) is not None)


@dataclass(frozen=True)
class Length:
    """The number of words, and of sentences, lies between these."""

    words: tuple[int, int] = (1, 10_000)
    sentences: tuple[int, int] = (0, 10_000)

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply)
        num_sentences = len(re.findall(r"[.!?]+(?:\s|$|[\"'])", text))
        fits = self.words[0] <= len(words_of(text)) <= self.words[1]
        return float(fits and self.sentences[0] <= num_sentences <= self.sentences[1])


@dataclass(frozen=True)
class Test:
    """Any other rule: a named function of the last words."""

    rule: Callable[[str], bool]

    def __call__(self, reply: Sequence[Message]) -> float:
        text = final_text(reply)
        return float(bool(text.strip()) and self.rule(text))


@dataclass(frozen=True)
class All:
    """Every one of these checks holds."""

    checks: tuple[Check, ...]

    def __call__(self, reply: Sequence[Message]) -> float:
        return min(check(reply) for check in self.checks)


@dataclass(frozen=True)
class Any:
    """At least one of these checks holds."""

    checks: tuple[Check, ...]

    def __call__(self, reply: Sequence[Message]) -> float:
        return max(check(reply) for check in self.checks)


def used_tool(reply: Sequence[Message]) -> float:
    """A tool was called and has answered."""
    return float(any(message.role == "tool" for message in reply))


@dataclass(frozen=True)
class LastWord:
    """The answer ends with this word.

    >>> from primer.text.chat import assistant
    >>> LastWord("pots")([assistant("Stop backwards is pots.")])
    1.0
    """

    word: str

    def __call__(self, reply: Sequence[Message]) -> float:
        return float(words_of(final_text(reply))[-1:] == [self.word.lower()])


@dataclass(frozen=True)
class InOrder:
    """These words stand in the answer in this order, each where it was last named, and no other of them after that.

    >>> from primer.text.chat import assistant
    >>> InOrder(("ant", "bear", "cat"))([assistant("cat, ant, bear in order: ant, bear, cat.")])
    1.0
    """

    order: tuple[str, ...]

    def __call__(self, reply: Sequence[Message]) -> float:
        wanted = [word.lower() for word in self.order]
        found = [word for word in words_of(final_text(reply)) if word in wanted]
        return float(found[-len(wanted) :] == wanted)
