"""Where a text is cut before BPE: the split patterns, written out as compiled rules.

A regular expression engine takes most of a tokenizer's time; these loops cut 100 MB/s, ten times as much.
What the patterns ask of a character is only its kind: letter, number, white space, or something else. So
kinds come first, one for each byte of the UTF-8, and a piece's end is found by comparing bytes.

A rule is told where a piece begins and says where it ends. Pieces follow each other without gaps, because
whatever stands at a place, some alternative of the pattern begins with it.

`bpe.py` calls `cut`, which is not compiled, and none of the loops: numba keeps a compiled caller on disk for as long as
the caller's own file does not change, whatever becomes of this one.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from tokenizers import Regex, normalizers

from primer.core.compiled import loop

Bytes: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint8]]
Bounds: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]

END, LETTER, NUMBER, SPACE, OTHER = range(5)  # kinds; END is behind the text
PADDING = bytes(2)  # stands behind the text, so that looking two bytes ahead needs no bounds

_CODE_POINTS = 0x40000  # planes 0 to 3; the others hold no letters, numbers or spaces, and none are planned
_NEWLINE, _RETURN, _BLANK, _APOSTROPHE = b"\n\r '"
_S, _T, _M, _D, _R, _V, _E, _L = b"stmdrvel"
_LONG_S = "ſ".encode()  # a small letter whose capital is S, so that (?i:'s) takes it


def cut(text: bytes, like_gpt2: bool) -> Bounds:
    """Where the pieces of a UTF-8 text begin, by GPT-2's pattern or by Primer's, and where the last ends."""
    data = np.frombuffer(text + PADDING, dtype=np.uint8)
    return _bounds(data, kinds_of_bytes(data, kinds_of_characters()), like_gpt2)


@lru_cache(maxsize=1)
def kinds_of_characters() -> Bytes:
    """The kind of every code point below 0x40000, as the Rust library sees it (0.1 s, once).

    Asked of its own regular expressions, since Python's `unicodedata` may know another version of Unicode.
    """
    codes = np.arange(_CODE_POINTS, dtype="<u4")
    codes[0xD800:0xE000] = ord("!")  # surrogates stand in no text
    stand_ins = {r"\p{L}": ("a", LETTER), r"\p{N}": ("1", NUMBER), r"\s": (" ", SPACE)}
    replaces = [normalizers.Replace(Regex(kind), stand_in) for kind, (stand_in, _) in stand_ins.items()]
    answer = normalizers.Sequence(replaces).normalize_str(codes.tobytes().decode("utf-32-le"))
    answered = np.frombuffer(answer.encode("utf-32-le"), dtype="<u4")
    kinds = np.full(_CODE_POINTS, OTHER, dtype=np.uint8)
    for stand_in, kind in stand_ins.values():
        kinds[answered == ord(stand_in)] = kind
    return kinds


@loop
def kinds_of_bytes(data: Bytes, kinds_of_characters: Bytes) -> Bytes:
    """The kind of the character that each byte of `data` belongs to; END for the padding.

    `data` is valid UTF-8: its first byte tells a character's length, and the others hold six bits each.
    """
    kinds = np.empty(len(data), dtype=np.uint8)
    i = 0
    while i < len(data) - len(PADDING):
        code, end = np.uint32(data[i]), _next_character(data, i)
        if end > i + 1:
            code &= np.uint32(0x7F >> end - i)
            for k in range(i + 1, end):
                code = np.uint32(code << np.uint32(6) | np.uint32(data[k] & 0x3F))
        kind = kinds_of_characters[code] if code < len(kinds_of_characters) else np.uint8(OTHER)
        while i < end:
            kinds[i] = kind
            i += 1
    while i < len(data):
        kinds[i] = END
        i += 1
    return kinds


@loop
def _bounds(data: Bytes, kinds: Bytes, like_gpt2: bool) -> Bounds:
    bounds = np.empty(len(data), dtype=np.int64)  # never more than bytes
    end, count = 0, 0
    bounds[0] = 0
    while kinds[end] != END:
        begin = end
        if data[begin] == _APOSTROPHE:
            end = _contraction_end(data, begin, not like_gpt2)
        if end == begin:
            end = _gpt2_end(data, kinds, begin) if like_gpt2 else _primer_end(data, kinds, begin)
        count += 1
        bounds[count] = end
    return bounds[: count + 1]


@loop
def _primer_end(data: Bytes, kinds: Bytes, begin: int) -> int:
    kind, second = kinds[begin], _next_character(data, begin)
    if kind == LETTER:
        return _run_end(kinds, begin)
    if kind == NUMBER:  # \p{N}
        return second
    if kinds[second] == LETTER and not _breaks_line(data[begin]):  # [^\r\n\p{L}\p{N}]?\p{L}+
        return _run_end(kinds, second)
    if kind == OTHER or (data[begin] == _BLANK and kinds[second] == OTHER):  #  ?[^\s\p{L}\p{N}]+[\r\n]*
        end = _run_end(kinds, begin if kind == OTHER else second)
        while _breaks_line(data[end]):
            end += 1
        return end
    end = _run_end(kinds, begin)
    for last in range(end - 1, begin - 1, -1):  # \s*[\r\n]+
        if _breaks_line(data[last]):
            return last + 1
    return _spaces_end(data, kinds, begin)


@loop
def _gpt2_end(data: Bytes, kinds: Bytes, begin: int) -> int:
    second = _next_character(data, begin)
    blank_before = data[begin] == _BLANK and kinds[second] != SPACE and kinds[second] != END
    first = second if blank_before else begin
    if kinds[first] != SPACE:  #  ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
        return _run_end(kinds, first)
    return _spaces_end(data, kinds, begin)


@loop
def _contraction_end(data: Bytes, begin: int, any_case: bool) -> int:
    """The end of 's, 't, 'm, 'd, 're, 've or 'll; `begin` if there is none."""
    small = 0x20 if any_case else 0  # the bit that makes an ASCII letter a small one
    first, second = data[begin + 1] | small, data[begin + 2] | small
    if first in (_S, _T, _M, _D):
        return begin + 2
    if (first in (_R, _V) and second == _E) or (first == _L and second == _L):
        return begin + 3
    if any_case and data[begin + 1] == _LONG_S[0] and data[begin + 2] == _LONG_S[1]:
        return begin + 3
    return begin


@loop
def _spaces_end(data: Bytes, kinds: Bytes, begin: int) -> int:
    r"""`\s+(?!\S)|\s+`: the run of white space without its last character, which goes with the next word."""
    end = _run_end(kinds, begin)
    last = end - 1
    while data[last] & 0xC0 == 0x80:
        last -= 1
    return last if last > begin and kinds[end] != END else end


@loop
def _run_end(kinds: Bytes, begin: int) -> int:
    """The end of the characters of one kind that begin here."""
    end = begin
    while kinds[end] == kinds[begin]:
        end += 1
    return end


@loop
def _next_character(data: Bytes, i: int) -> int:
    """Where the next character begins: behind all the bytes 10xxxxxx."""
    i += 1
    while data[i] & 0xC0 == 0x80:
        i += 1
    return i


@loop
def _breaks_line(byte: int) -> bool:
    return byte in (_NEWLINE, _RETURN)
