"""Chance, with two worlds: the one that lessons are taught in, and the one that they are examined in.

Names, things, invented words and numbers are divided by a hash of their letters: four fifths are for training, one
fifth only for the examination. Phrasings are divided by hand: each `Phrasings` lists those that training may use and
those that it never does.
"""

import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from primer.tasks.curriculum import words

T = TypeVar("T")
ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
WORD = re.compile("([^aeiouy]*[aeiouy]+)([^aeiouy].+)")  # up to its first vowels, and from there on
ONSETS = "b bl br c ch cl d dr f fl g gl gr h j k l m n p pl pr qu r s sh sk sl sn st t th tr v w y z".split()
VOWELS = "a e i o u a e i o ai ee oo ou".split()
CODAS = "b d g k l m n nd nk p r rk rn s sh st t x".split()
UNFORTUNATE = re.compile(
    "nig|fag|fuk|fuc|shit|cunt|twat|kik|coon|spic|rape|slut|nazi|tit|sex|poo|piss|coc|dik|dic|bitch|whor|arse|anus|anal|"
    "jap|paki|negr|crap|turd|wank|bugger|boob|porn|cum|puss|homo|lesb|tard|damn|bast"
)
SMALLEST_DIVIDED = 20  # smaller numbers are too few to keep some back


def is_held_out(text: str) -> bool:
    """Whether a name, word or number is kept for the examination; the same for any writing of it.

    >>> [n for n in range(20, 60) if is_held_out(str(n))]
    [29, 31, 37, 40, 44, 48, 51, 53]
    """
    return zlib.crc32(text.lower().encode()) % 5 == 0


@cache
def real_words() -> frozenset[str]:
    """Those of all lists."""
    lists = (words.NAMES, words.THINGS, words.ANIMALS, words.COLORS, words.PLACES, words.ANY_WORDS)
    return frozenset(word.lower() for some in lists for word in some)


@cache
def parts_of_words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How training's words begin, up to their first vowels, and how they go on from there: "wa", "gon"."""
    found = [WORD.fullmatch(word) for word in sorted(real_words()) if not is_held_out(word)]
    parts = [match.groups() for match in found if match]
    heads, tails = (tuple(sorted(set(some))) for some in zip(*parts, strict=True))
    return heads, tails


@dataclass(frozen=True)
class Phrasings:
    """Ways to say one thing: `seen` in training, `unseen` only when examined.

    `{slot}` is filled in; `[a|b|c]` is one of these, chosen anew each time, so that one line stands for many:
    "[What|Which] [color|colour] is {thing}?".
    """

    seen: tuple[str, ...]
    unseen: tuple[str, ...] = ()


class Draw:
    """A source of chance for one question. All that a lesson draws, it draws from here."""

    def __init__(self, key: str, held_out: bool = False, new_phrasing: bool = False) -> None:
        """`key` decides everything; `held_out`: draw what training never shows; `new_phrasing`: say it so, too."""
        self.random = random.Random(key)
        self.held_out, self.new_phrasing = held_out, new_phrasing
        self.used_unseen = False
        """An unseen phrasing was used."""
        self._given: set[str] = set()

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.random.random() < p

    def pick(self, options: Sequence[T]) -> T:
        """One of a closed list: everyone may know all of it."""
        return self.random.choice(options)

    def several(self, options: Sequence[T], count: int) -> list[T]:
        """Different ones of a closed list."""
        return self.random.sample(options, count)

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All of them in a new order."""
        return self.random.sample(options, len(options))

    def of(self, options: Sequence[str]) -> str:
        """One of an open list, from the part for training or the part held out; never the same twice in a draw."""
        for _ in range(10_000):
            option = self.random.choice(options)
            if is_held_out(option) == self.held_out and option not in self._given:
                self._given.add(option)
                return option
        raise ValueError(f"no option left, held out: {self.held_out}, in a list of {len(options)}: {options[:5]} …")

    def invented(self, syllables: tuple[int, int] = (1, 2)) -> str:
        """A pronounceable word that means nothing: "tolim", "grast"; half of them begin as one word and end as another
        does: "wallow", "marber". A list of a few hundred words is learned by heart; words without end teach a model to
        copy, and those made of real ones to copy the tokens that real ones have."""
        heads, tails = parts_of_words()
        while True:
            if self.chance(0.5):
                word = self.random.choice(heads) + self.random.choice(tails)
            else:
                count = self.random.randint(*syllables)
                parts = [self.random.choice(ONSETS) + self.random.choice(VOWELS) for _ in range(count)]
                word = "".join(parts) + (self.random.choice(CODAS) if count == 1 or self.chance(0.7) else "")
            if not 3 <= len(word) <= 10 or UNFORTUNATE.search(word) or word in real_words():
                continue
            if is_held_out(word) == self.held_out and word not in self._given:
                self._given.add(word)
                return word

    def name(self) -> str:
        """A person's name; half of them invented."""
        return self.invented((1, 2)).capitalize() if self.chance(0.5) else self.of(words.NAMES)

    def thing(self) -> str:
        """A small object, singular, without article; a third of them invented."""
        return self.invented((1, 2)) if self.chance(0.33) else self.of(words.THINGS)

    def word(self) -> str:
        """Any word of 3 to 9 letters, to be spelled or turned round; half of them invented."""
        return self.invented((1, 3)) if self.chance(0.5) else self.of(words.ANY_WORDS)

    def number(self, low: int, high: int) -> int:
        """A number from low to high; from 20 up those held out never stand in training."""
        while True:
            n = self.random.randint(low, high)
            if n < SMALLEST_DIVIDED or is_held_out(str(n)) == self.held_out:
                return n
            if self.held_out and not any(is_held_out(str(m)) for m in range(max(low, SMALLEST_DIVIDED), high + 1)):
                return n

    def numbers(self, count: int, low: int, high: int) -> list[int]:
        """Several numbers; where all are small, it is their combination that training never shows."""
        while True:
            found = [self.number(low, high) for _ in range(count)]
            if max(found) >= SMALLEST_DIVIDED or is_held_out(",".join(map(str, found))) == self.held_out:
                return found

    def say(self, phrasings: Phrasings, **slots: object) -> str:
        """One of the ways to say it, filled in; an unseen one if asked for and there is one."""
        unseen = self.new_phrasing and bool(phrasings.unseen)
        self.used_unseen |= unseen
        template = self.pick(phrasings.unseen if unseen else phrasings.seen)
        text = ALTERNATIVES.sub(lambda found: self.pick(found[1].split("|")), template)
        return text.format_map(slots)

    def ask(self, phrasings: Phrasings, **slots: object) -> str:
        """`say` the way people type: now and then without a capital or a full stop, or with a word of politeness."""
        text = self.say(phrasings, **slots)
        polite = "please" in text.lower()
        if self.chance(0.06):
            text = self.pick(("Hi! ", "Hello! ", "Hey! ", "OK. ", "A question: ", "Now tell me: ")) + text
        if self.chance(0.06) and not polite:
            text = text[:-1] + ", please" + text[-1] if text[-1] in ".?!" else text + " please"
        if self.chance(0.08):
            text = text[0].lower() + text[1:]
        if self.chance(0.08):
            text = text.rstrip(".?!")
        return text


def article(noun: str) -> str:
    """The noun with a or an.

    >>> article("apple"), article("kite")
    ('an apple', 'a kite')
    """
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


def plural(noun: str) -> str:
    """The plural by rule; irregular ones are in `words.PLURALS`.

    >>> plural("box"), plural("berry"), plural("mouse"), plural("kite")
    ('boxes', 'berries', 'mice', 'kites')
    """
    if noun in words.PLURALS:
        return words.PLURALS[noun]
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"
