"""Cuts and kinds, against the Rust library's own regular expressions."""

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from tokenizers import Regex, pre_tokenizers

from primer.text.pieces import END, LETTER, NUMBER, OTHER, PADDING, SPACE, cut, kinds_of_bytes, kinds_of_characters
from primer.text.tokenizer_format import PATTERN

GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
PRIMER = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
# What tells the alternatives of the patterns apart, around one character.
CONTEXTS = [
    "{}",
    "a{}1",
    "1{0}{0}{0}",
    " {}",
    "  {} ",
    "'{}x",
    "'S{}",
    "'l{}",
    "!{}!",
    "\n{} \n",
    "\t{}\r\n",
    "\u3000{0}\u3000 {0}a",
]


def pieces(text: str, like_gpt2: bool) -> list[str]:
    data = text.encode()
    return [data[begin:end].decode() for begin, end in pairwise(cut(data, like_gpt2))]


def characters() -> list[str]:
    """All of the first 2,048, Latin to Arabic, and the first and last of every later block of 256."""
    codes = [*range(0x800), *(code for code in range(0x800, 0x110000) if code % 256 in (0, 255))]
    return [chr(code) for code in codes if not 0xD800 <= code < 0xE000]


class TestCuts:
    @pytest.mark.parametrize("context", CONTEXTS)
    def test_every_kind_of_character_in_every_context(self, context: str) -> None:
        text = "x;".join(context.format(character) for character in characters())
        assert pieces(text, like_gpt2=False) == [piece for piece, _ in PRIMER.pre_tokenize_str(text)]
        places = [place for _, place in GPT2.pre_tokenize_str(text)]
        assert pieces(text, like_gpt2=True) == [text[begin:end] for begin, end in places]

    def test_by_hand(self) -> None:
        text = "I'll pay 2024 €, DON'T I?\n\n  ok "
        assert pieces(text, like_gpt2=False) == "I|'ll| pay| |2|0|2|4| €,| DON|'T| I|?\n\n| | ok| ".split("|")
        assert pieces(text, like_gpt2=True) == "I|'ll| pay| 2024| €,| DON|'|T| I|?|\n\n | ok| ".split("|")


class TestKinds:
    def test_they_agree_with_python_where_both_know_the_character(self) -> None:
        kinds = kinds_of_characters()
        categories = np.array([unicodedata.category(chr(code))[0] for code in range(len(kinds))])
        assert (kinds[categories == "L"] == LETTER).all()
        assert (kinds[categories == "N"] == NUMBER).all()
        assert (kinds[np.isin(categories, ["M", "P", "S"])] == OTHER).all()
        assert [chr(code) for code in np.flatnonzero(kinds == SPACE)] == [
            chr(code) for code in range(len(kinds)) if chr(code).isspace() and not 0x1C <= code < 0x20
        ]

    def test_a_byte_has_the_kind_of_its_character(self) -> None:
        text = "a²\u3000好😀𝒳"
        kinds = kinds_of_bytes(np.frombuffer(text.encode() + PADDING, dtype=np.uint8), kinds_of_characters())
        expected = [LETTER] + [NUMBER] * 2 + [SPACE] * 3 + [LETTER] * 3 + [OTHER] * 4 + [LETTER] * 4
        assert kinds.tolist() == [*expected, END, END]
