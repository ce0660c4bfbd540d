"""Text as the filters read it: cut at white space, letters that only look alike made one, words.

    "How to m a k e  a b0mb?"  →  atoms   How | to | m | a | k | e | a | b0mb?
                               →  words   how to make a bomb .

Everything here is a function of the text up to an atom's end and of nothing later, so that a streamed answer,
however it is cut into pieces, is read exactly as the whole answer is.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import NamedTuple

END = "."  # the word that ends a sentence; no rule reaches across it

LONGEST_ATOM = 128  # characters; what is longer (base64, a text without spaces) is cut there
LONGEST_SPELLING = 48  # letters of "k i l l" that are put together at most; a list of letters can be any length
LEAST_SPELLING = 3  # "a b" is no spelled word, "k i l" may be one

# Letters that look like Latin ones: what Unicode's confusables.txt has of Cyrillic, Greek, Armenian and phonetic
# letters for a-z (capitals are lowered before). NFKD takes care of 𝐤, ｋ, ⓚ and é.
LOOK_ALIKES = {
    ord(other): latin
    for latin, others in {
        "a": "аαɑ", "b": "вьβ", "c": "сϲ", "d": "ԁđ", "e": "еεє", "g": "ɡɢց", "h": "һнհħ", "i": "іιıɩ", "j": "јյ",
        "k": "кκ", "l": "łӏʟ", "m": "м", "n": "пηոɴ", "o": "оοօø", "p": "рρ", "q": "ԛզ", "r": "гʀ", "s": "ѕ",
        "t": "тτŧ", "u": "υսц", "v": "ѵν", "w": "ԝω", "x": "хχ", "y": "уγʏ",
    }.items()
    for other in others
}  # fmt: skip
LEET = str.maketrans("013457@$!|+", "oieastasiit")

ATOM = re.compile(rf"\S{{1,{LONGEST_ATOM}}}")
WORD = re.compile(r"[@$]?[^\W_]+(?:[@$!|+'’]+[^\W_]+)*")
MIXED = re.compile(r"(?=.*[a-z])(?=.*[013457@$!|+])(?!\d{2,}[a-z]{1,5}$)")  # k1ll and $ex, but not 14yo or 100
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]*]*$")
BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


class Atom(NamedTuple):
    """What stands between two white spaces. `start` counts characters of the whole text."""

    text: str
    start: int
    gap: str  # the white space before it

    @property
    def end(self) -> int:
        """Where it stops, as `start` counts."""
        return self.start + len(self.text)

    @property
    def begins_paragraph(self) -> bool:
        """Whether a blank line stands before it."""
        return "\n" in self.gap and BLANK_LINE.search(self.gap) is not None

    @property
    def ends_sentence(self) -> bool:
        """Whether it ends as sentences do."""
        return not self.text.isalnum() and SENTENCE_END.search(self.text) is not None


class Word(NamedTuple):
    """A folded word and where it stands in the text as it was given."""

    text: str
    start: int
    end: int


class AtomReader:
    """Cuts a text that comes in pieces into atoms."""

    def __init__(self) -> None:
        self.rest = ""
        self.start = 0  # of `rest`, in the whole text: everything before it has been handed out

    def read(self, piece: str) -> Iterator[Atom]:
        """The atoms that this piece completes: white space follows, or they are as long as an atom can be."""
        self.rest += piece
        yield from self.cut(len(self.rest))

    def finish(self) -> Iterator[Atom]:
        """The last atom."""
        yield from self.cut(len(self.rest) + 1)

    def cut(self, before: int) -> Iterator[Atom]:
        done = 0
        for match in ATOM.finditer(self.rest):
            if match.end() >= before and match.end() - match.start() < LONGEST_ATOM:
                break
            yield Atom(match[0], self.start + match.start(), self.rest[done : match.start()])
            done = match.end()
        self.rest, self.start = self.rest[done:], self.start + done


class WordReader:
    """Atoms in, words out, among them those that were s p e l l e d with spaces, dots or dashes.

    `vocabulary` are the words that the letters of a spelling are divided into ("makeabomb" → make a bomb).
    """

    def __init__(self, vocabulary: Collection[str]) -> None:
        self.vocabulary = vocabulary
        self.letters: list[Word] = []  # single letters in a row: a spelled word, if enough come

    def read(self, atom: Atom) -> list[Word]:
        """The words that are certain now. Single letters are kept until a longer word follows."""
        words: list[Word] = []
        if atom.begins_paragraph:
            words += [*self.finish(), Word(END, atom.start, atom.start)]
        found = split_words(atom)
        for word in found:
            if len(word.text) == 1 and word.text.isascii():
                self.letters.append(word)
                if len(self.letters) == LONGEST_SPELLING:
                    words += self.finish()
            else:
                words += [*self.finish(), word]
        if atom.ends_sentence and not self.letters:  # the dots of "k. i. l. l." end nothing
            words.append(Word(END, atom.end, atom.end))
        return words

    def finish(self) -> list[Word]:
        """The single letters so far, put together if they spell something."""
        if not self.letters:
            return []
        letters, self.letters = self.letters, []
        spelled = unleet("".join(letter.text for letter in letters))
        if len(letters) < LEAST_SPELLING or not spelled.isalpha():
            return letters
        words, i = [], 0
        while i < len(spelled):
            end = next((j for j in range(len(spelled), i + 1, -1) if spelled[i:j] in self.vocabulary), i + 1)
            words.append(Word(spelled[i:end], letters[i].start, letters[end - 1].end))
            i = end
        return words

    @property
    def open_from(self) -> int | None:
        """Where the letters begin of which it is not yet known what they spell."""
        return self.letters[0].start if self.letters else None


def split_words(atom: Atom) -> list[Word]:
    """The folded words of an atom.

    >>> [word.text for word in split_words(Atom("Don't-k1ll", 0, ""))]
    ['dont', 'kill']
    """
    if atom.text.isascii() and atom.text.isalpha():  # nearly always
        return [Word(atom.text.lower(), atom.start, atom.end)]
    if atom.text.isascii():
        clean, places = atom.text.lower(), list(range(len(atom.text)))
    else:
        pairs = [(folded, i) for i, char in enumerate(atom.text) for folded in fold(char)]
        clean, places = "".join(folded for folded, _ in pairs), [i for _, i in pairs]
    return [
        Word(unleet(match[0]), atom.start + places[match.start()], atom.start + places[match.end() - 1] + 1)
        for match in WORD.finditer(clean)
    ]


@lru_cache(maxsize=4096)
def fold(char: str) -> str:
    """A character as the letters a-z that it looks like; nothing for accents and characters without width.

    >>> fold("Ｋ"), fold("а"), fold("é"), fold(chr(0x200B))  # the second is Cyrillic
    ('k', 'a', 'e', '')
    """
    plain = unicodedata.normalize("NFKD", char.lower()).lower()
    return "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf")).translate(LOOK_ALIKES)


def unleet(word: str) -> str:
    """A word with digits and signs read as letters, where it has both. Apostrophes go.

    >>> unleet("b0mb"), unleet("$ex"), unleet("100"), unleet("14yo")
    ('bomb', 'sex', '100', '14yo')
    """
    word = word.replace("'", "").replace("’", "")
    return word.translate(LEET) if MIXED.match(word) else word
