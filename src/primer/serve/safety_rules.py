"""Rules: what a person wants, and of what. "make … bomb" is one; "bomb" alone is none, and "bath bomb" is an exception.

The rules stand in `safety_data/rules.toml`:

    [verbs]
    make = "make build put_together"      # each also with -s and -ing; an underscore stands for a space

    [words]
    weapon = "bomb grenade pipe_bomb"     # each also with -s
    things = "{weapon} {poison}"          # all of two other lists

    [[rules]]
    category = "violence_weapons"
    name = "making a weapon"
    says = ["{make} ** {weapon}"]         # {list}, word or word|word; * up to two words between, ** five, *** nine
    unless = "bath {game}"                # what makes it harmless, near the match

Each place of a sentence ("{make}", "{weapon}") is a set of words and phrases. The reader notes where it last saw
which, and where the last place of a sentence is met it looks back for the ones before. A word costs a few look-ups,
however long the lists are, and no pattern can run away (ReDoS).

A match begins with the first place that says something: of "you should kill …" with "kill". Otherwise every "you" would
hold a streamed answer back until it is clear that nothing comes of it.
"""

import tomllib
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from primer.serve.safety_text import END, Atom, Word, WordReader

GAPS = {"*": 2, "**": 5, "***": 9}  # words that may stand between
WORDS_BEFORE = 10  # a match, where an exception may stand: "in Minecraft, how do I …"
WORDS_AFTER = 5  # a match: "make a bomb in Minecraft"
WORDS_KEPT = 64
SPELLED = frozenset({"how", "to", "the", "some", "it", "and", "you"})  # so that "m a k e i t" is read
SPANS_KEPT = 16  # of one place: more than fit in the widest gap
FUNCTION_WORDS = frozenset(
    """
    a about all am an and any anyone are around as at be been but by can cant could did do does dont everyone for from
    go going gonna good great had has have having he her here him his how i id if ill im in into is it its ive just let
    lets like may me might must my need no not of on one or our out over she should so some someone something such than
    that the their them then there these they this those through to too u up ur us use used using very wanna want was
    way we were what when where which while who whom whose why will with without would you your youre
    """.split()  # and numbers: they say nothing yet
)


@dataclass(frozen=True, slots=True)
class Match:
    """Something that a reader found, from `start` to `end` of the whole text."""

    category: str
    rule: str
    layer: str
    start: int
    end: int
    label: str = "[removed]"  # what stands in its place when it is redacted
    score: float = 1.0

    def meets(self, other: "Match") -> bool:
        """Whether they share a character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Sentence:
    """One of the sentences of a rule. A place is named as it is written: "{make}|get"."""

    category: str
    rule: str
    places: tuple[str, ...]
    gaps: tuple[int, ...]  # words that may stand before each place but the first
    unless: str


class Span(NamedTuple):
    """Words, counted from the beginning; the last one included."""

    first: int
    last: int
    tells: bool  # it is not of function words alone


class Beginning(NamedTuple):
    """Of a sentence: its first word, and the word from which on it tells something."""

    first: int
    telling: int


class Candidate(NamedTuple):
    """A match that waits for the words after it."""

    sentence: Sentence
    beginning: Beginning
    last: int


class Rules:
    """All rules, found by the phrases that their places can be."""

    def __init__(self, sentences: Sequence[Sentence], lists: Mapping[str, Sequence[str]]) -> None:
        self.places: dict[str, list[str]] = defaultdict(list)  # phrase: the places where it can stand, but the last
        self.completes: dict[str, list[Sentence]] = defaultdict(list)  # phrase: the sentences that it can end
        self.lengths: dict[str, set[int]] = defaultdict(set)  # last word: how many words its phrases have
        self.begins: dict[str, int] = defaultdict(int)  # phrase of a first place: the words in which the next must end
        self.goes_on: dict[str, list[tuple[Sentence, int, int]]] = defaultdict(list)  # the same for each further place
        self.silent: set[str] = set()  # phrases of function words alone
        phrases: dict[str, list[str]] = {}
        for sentence in sentences:
            for place in filter(None, [*sentence.places, sentence.unless]):
                if place not in phrases:
                    phrases[place] = choices(place, lists)
                    self.silent |= {phrase for phrase in phrases[place] if not tells(phrase)}
            for phrase in dict.fromkeys(phrases[sentence.places[-1]]):
                self.completes[phrase].append(sentence)
            for k, place in enumerate(sentence.places[:-1]):
                patience = sentence.gaps[k + 1] + max(map(num_words, phrases[sentence.places[k + 1]]))
                for phrase in dict.fromkeys(phrases[place]):
                    if k == 0 and phrase not in self.silent:
                        self.begins[phrase] = max(self.begins[phrase], patience)
                    elif k > 0:
                        self.goes_on[phrase].append((sentence, k, patience))
        firsts = {phrase for sentence in sentences for phrase in self.first_telling(sentence, phrases)}
        self.prefixes = {phrase[:i] for phrase in firsts for i, char in enumerate(phrase) if char == " "}
        self.prefix_ends = {prefix.split()[-1] for prefix in self.prefixes}
        self.longest_prefix = max(map(num_words, self.prefixes), default=0)
        looked_for = {place for sentence in sentences for place in (*sentence.places[:-1], sentence.unless)}
        for place, known in phrases.items():
            for phrase in dict.fromkeys(known):
                self.lengths[phrase.split()[-1]].add(num_words(phrase))
                if place in looked_for:
                    self.places[phrase].append(place)
        self.vocabulary = SPELLED | {word for known in phrases.values() for phrase in known for word in phrase.split()}

    def first_telling(self, sentence: Sentence, phrases: Mapping[str, Sequence[str]]) -> Iterator[str]:
        """The phrases with which a match may begin. A place that can be of function words leaves it to the next."""
        for place in sentence.places:
            telling = [phrase for phrase in phrases[place] if phrase not in self.silent]
            yield from telling
            if len(telling) == len(phrases[place]):
                return
        yield from phrases[sentence.places[-1]]


def tells(phrase: str) -> bool:
    """Whether a phrase is of more than function words and numbers.

    >>> tells("kill"), tells("i want to"), tells("14")
    (True, False, False)
    """
    return not all(word in FUNCTION_WORDS or word.isdecimal() for word in phrase.split())


def num_words(phrase: str) -> int:
    """Words of a phrase."""
    return phrase.count(" ") + 1


@cache
def built_in_rules(categories: frozenset[str]) -> Rules:
    """Those rules of the package that are about one of these categories."""
    toml = files("primer.serve").joinpath("safety_data/rules.toml").read_text(encoding="utf-8")
    return read_rules(toml, categories)


def read_rules(toml: str, categories: frozenset[str] | None = None) -> Rules:
    """Rules from the text of a file; None: of all categories."""
    rows = tomllib.loads(toml)
    lists: dict[str, list[str]] = {}
    for kind, inflect in (("verbs", verb_forms), ("words", noun_forms)):
        for name, words in rows.get(kind, {}).items():
            lists[name] = [
                form
                for word in words.split()
                for form in (lists[word.strip("{}")] if word.startswith("{") else inflect(word.replace("_", " ")))
            ]
    sentences = [
        read_sentence(rule, says)
        for rule in rows["rules"]
        if categories is None or rule["category"] in categories
        for says in rule["says"]
    ]
    return Rules(sentences, lists)


def noun_forms(word: str) -> list[str]:
    """A word of a list and the same with -s.

    >>> noun_forms("car bomb")
    ['car bomb', 'car bombs']
    """
    return [word, f"{word}s"]


def verb_forms(phrase: str) -> list[str]:
    """A verb, with what follows it, as it is, with -s and with -ing. The past asks for nothing.

    >>> verb_forms("stab"), verb_forms("take apart")
    (['stab', 'stabs', 'stabbing'], ['take apart', 'takes apart', 'taking apart'])
    """
    verb, space, rest = phrase.partition(" ")
    third, stem = f"{verb}s", verb
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        third = f"{verb}es"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        third = f"{verb[:-1]}ies"
    if verb.endswith("e") and not verb.endswith("ee"):
        stem = verb[:-1]
    elif len(verb) > 2 and verb[-1] in "bdgmnprt" and verb[-2] in "aeiou" and verb[-3] not in "aeiou":
        stem = verb + verb[-1]
    return [f"{form}{space}{rest}" for form in (verb, third, f"{stem}ing")]


def read_sentence(rule: Mapping[str, str], says: str) -> Sentence:
    """A sentence of the little language above."""
    places: list[str] = []
    gaps: list[int] = []
    gap = 0
    for part in says.split():
        if part in GAPS:
            gap = GAPS[part]
        else:
            places.append(part)
            gaps.append(gap)
            gap = 0
    unless = "|".join(rule.get("unless", "").split())
    return Sentence(rule["category"], rule["name"], tuple(places), tuple(gaps), unless)


def choices(part: str, lists: Mapping[str, Sequence[str]]) -> list[str]:
    """The words and phrases of one place in a sentence.

    >>> choices("{weapon}|tank", {"weapon": ["bomb", "bombs"]})
    ['bomb', 'bombs', 'tank']
    """
    found: list[str] = []
    for word in part.split("|"):
        found += lists[word.strip("{}")] if word.startswith("{") else [word.replace("_", " ")]
    return found


class RuleReader:
    """Atoms in, matches of rules out, each once the few words after it are known."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.reader = WordReader(rules.vocabulary)
        self.words: list[Word] = []  # of the sentence, the last ones
        self.num_dropped = 0  # words before those; the end of a sentence counts as many
        self.seen: dict[str, deque[Span]] = defaultdict(lambda: deque(maxlen=SPANS_KEPT))  # by place
        self.due: deque[Candidate] = deque()
        self.begun: list[tuple[int, int]] = []  # where a match may have begun, and the last word that may go on with it

    def read(self, atom: Atom) -> list[Match]:
        """What is certain now."""
        return self.take(self.reader.read(atom))

    def finish(self) -> list[Match]:
        """What the text's end makes certain."""
        return [*self.take(self.reader.finish()), *self.end_sentence()]

    def take(self, words: Iterable[Word]) -> list[Match]:
        """One word after the other."""
        matches = []
        for word in words:
            if word.text == END:
                matches += self.end_sentence()
                continue
            self.words.append(word)
            last = self.num_dropped + len(self.words) - 1
            if self.begun:
                self.begun = [(first, until) for first, until in self.begun if until > last]
            for length in self.rules.lengths.get(word.text, ()):
                if length <= len(self.words):
                    self.note(last - length + 1, last)
            while self.due and self.due[0].last + WORDS_AFTER <= last:
                matches += self.judge(self.due.popleft())
            if len(self.words) >= 2 * WORDS_KEPT:
                self.num_dropped += WORDS_KEPT
                del self.words[:WORDS_KEPT]
        return matches

    def note(self, first: int, last: int) -> None:
        """The places where the phrase of these words can stand, and the sentences that it completes."""
        phrase = " ".join([word.text for word in self.words[first - self.num_dropped :]])
        span = Span(first, last, phrase not in self.rules.silent)
        for place in self.rules.places.get(phrase, ()):
            self.seen[place].append(span)
        if phrase in self.rules.begins:
            self.begun.append((first, last + self.rules.begins[phrase]))
        for sentence, k, patience in self.rules.goes_on.get(phrase, ()):
            beginning = self.look_back(sentence, k, first)
            if beginning is not None and (span.tells or beginning.telling < first):
                self.begun.append((beginning.telling, last + patience))
        for sentence in self.rules.completes.get(phrase, ()):
            beginning = self.look_back(sentence, len(sentence.places) - 1, first)
            if beginning is not None and (found := Candidate(sentence, beginning, last)) not in self.due:
                self.due.append(found)

    def look_back(self, sentence: Sentence, k: int, before: int) -> Beginning | None:
        """Where the sentence begins of which place `k` begins at word `before`."""
        if k == 0:
            return Beginning(before, before)
        for span in reversed(self.seen.get(sentence.places[k - 1], ())):
            if span.last < before - 1 - sentence.gaps[k]:
                break
            if span.last < before:
                found = self.look_back(sentence, k - 1, span.first)
                if found is not None:
                    is_silent = found.telling == span.first and not span.tells
                    return found._replace(telling=before) if is_silent else found
        return None

    def end_sentence(self) -> list[Match]:
        """The matches that waited for words after them. The next sentence is too far away for any rule to reach."""
        matches = [match for candidate in self.due for match in self.judge(candidate)]
        self.due.clear()
        self.num_dropped += len(self.words) + WORDS_KEPT
        self.words, self.begun = [], []
        return matches

    def judge(self, candidate: Candidate) -> list[Match]:
        """A match, if nothing near it makes it harmless."""
        sentence, beginning, last = candidate
        exceptions = self.seen.get(sentence.unless)
        if exceptions and exceptions[-1].last >= beginning.first - WORDS_BEFORE:
            return []
        start, end = self.words[beginning.telling - self.num_dropped].start, self.words[last - self.num_dropped].end
        return [Match(sentence.category, sentence.rule, "rules", start, end)]

    @property
    def open_from(self) -> int | None:
        """Where the first word stands that a match may begin with which is not certain yet."""
        last = self.num_dropped + len(self.words) - 1
        firsts = [first for first, _ in self.begun]
        firsts += [candidate.beginning.telling for candidate in self.due]
        if self.words and self.words[-1].text in self.rules.prefix_ends:
            tail = [word.text for word in self.words[-self.rules.longest_prefix :]]
            firsts += [last + 1 - len(tail) + i for i in range(len(tail)) if " ".join(tail[i:]) in self.rules.prefixes]
        return self.words[min(firsts) - self.num_dropped].start if firsts else self.reader.open_from
