"""What a tokenizer is made of, and how `tokenizer.json` says it.

Four parts decide every id: the kind, the ordinary tokens in order, the merges in order, the special tokens.
From them the Rust tokenizer is built, and out of a file they are read back; whatever else a file may hold
(truncation, padding, templates) is left alone.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers

from primer.core.errors import TokenizerError

Kind = Literal["bpe", "char", "gpt2"]

DOCUMENT = "<|document|>"
# Reserved from the start, for a token added after pretraining would come with an untrained embedding and
# another vocabulary size. ChatML's turns, Hermes' tool calls, a place to think, three spares for ideas to come.
# What begins a turn is one token with its role and its line end: of short talk, three tokens are too large a part.
SPECIALS = (
    *(DOCUMENT, "<|pad|>"),
    *(f"<|im_start|>{role}\n" for role in ("system", "user", "assistant", "tool")),
    *("<|im_end|>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
    *(f"<|reserved_{i}|>" for i in range(3)),
)
GPT2_DOCUMENT = "<|endoftext|>"

# Text is cut into these pieces first, and no token reaches over a cut: otherwise "dog.", "dog!" and "dog?"
# would each cost a token. It is GPT-4's pattern (cl100k_base) with each digit by itself, which makes it Qwen 2's:
# a number that was never seen is made of digits that were, so a small model copies it and calculates with it.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"  # English contractions: don|'t
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"  # a word, with the space or mark before it
    r"|\p{N}"  # a digit
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"  # punctuation, with the line end after it
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"  # white space; the last space stays with the word it precedes
)


def _byte_characters() -> list[str]:
    """The character that stands for each byte in the file: GPT-2's `bytes_to_unicode`.

    A tokenizer.json holds text, and most byte strings are not valid UTF-8. So printable Latin-1 bytes stand
    for themselves and the 68 others (controls, both spaces, the soft hyphen) are written from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


BYTE_CHARACTERS = tuple(_byte_characters())
_BYTE_VALUES = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}


class Parts(NamedTuple):
    """All that decides the ids."""

    kind: Kind
    tokens: tuple[str, ...]
    """The ordinary tokens by id, as the file writes them: ids 0..len(tokens)-1."""
    merges: tuple[tuple[str, str], ...]
    """Which neighbours BPE joins, the commonest first."""
    specials: tuple[str, ...]
    """The special tokens; their ids come right after the ordinary ones."""

    @property
    def document(self) -> str:
        """The special token that begins a document."""
        return GPT2_DOCUMENT if self.kind == "gpt2" else DOCUMENT

    def token_bytes(self) -> list[bytes]:
        """The bytes of every ordinary token. Raises KeyError for a character that stands for no byte."""
        if self.kind == "char":
            return [token.encode() for token in self.tokens]
        return [bytes(_BYTE_VALUES[character] for character in token) for token in self.tokens]


def build_core(parts: Parts) -> tokenizers.Tokenizer:
    """The Rust tokenizer of the ordinary tokens. It has never heard of a special one, so it cannot make any.

    (`tokenizers` would look for added tokens in every text. Its switch `encode_special_tokens=True` turns
    that off for those marked special; leaving them out needs no switch that someone might forget.)
    Raises ValueError, or the Rust library's bare Exception, if the parts contradict each other.
    """
    vocabulary = {token: id for id, token in enumerate(parts.tokens)}
    if parts.kind == "char":
        core = tokenizers.Tokenizer(models.WordLevel(vocabulary))
        core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
        core.decoder = decoders.Fuse()
        return core
    if not vocabulary.keys() >= _BYTE_VALUES.keys():
        raise ValueError("some of the 256 bytes are missing from the vocabulary")
    core = tokenizers.Tokenizer(models.BPE(vocabulary, list(parts.merges)))
    if parts.kind == "gpt2":
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    else:
        split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        core.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    core.decoder = decoders.ByteLevel()
    return core


def parse(file: dict[str, Any]) -> Parts:
    """The parts out of a tokenizer.json.

    Raises TokenizerError for a tokenizer of another make, and KeyError, TypeError or ValueError for a file
    that is not whole.
    """
    model, added = file["model"], sorted(file["added_tokens"], key=lambda token: token["id"])
    specials = tuple(token["content"] for token in added)
    tokens = tokens_by_id(model["vocab"], specials)
    kind = _kind(model["type"], file["pre_tokenizer"] or {}, tokens)
    document = GPT2_DOCUMENT if kind == "gpt2" else DOCUMENT
    if kind is None or file["normalizer"] is not None or document not in specials:
        raise TokenizerError(
            "this is a tokenizer of another make. Primer reads its own, and GPT-2's; "
            "train one with `primer tokenizer train`."
        )
    if [token["id"] - len(tokens) for token in added] != list(range(len(added))):
        raise ValueError("the special tokens do not come right after the others")
    return Parts(kind, tokens, merge_pairs(model.get("merges", [])), specials)


def _kind(model_type: str, splitter: dict[str, Any], tokens: Sequence[str]) -> Kind | None:
    """Which of the three a file is, told by its model and by how it cuts text into pieces."""
    if model_type == "WordLevel":
        return "char" if all(len(token) == 1 for token in tokens) else None
    if model_type != "BPE":
        return None
    if splitter.get("type") == "ByteLevel" and not splitter["add_prefix_space"]:
        return "gpt2"
    patterns = [part.get("pattern") for part in splitter.get("pretokenizers", [])]
    return "bpe" if {"Regex": PATTERN} in patterns else None


def tokens_by_id(vocabulary: dict[str, int], specials: Sequence[str]) -> tuple[str, ...]:
    """The ordinary tokens in order of id. Raises ValueError if the ids have gaps or doubles."""
    tokens = sorted((token for token in vocabulary if token not in specials), key=vocabulary.__getitem__)
    if [vocabulary[token] for token in tokens] != list(range(len(tokens))):
        raise ValueError("the ids are not 0, 1, 2, … without gaps")
    return tuple(tokens)


def merge_pairs(merges: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    """Merges as pairs; `tokenizers` before 0.20 wrote each as one string with a space."""
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    return tuple((left, right) for left, right in pairs)
