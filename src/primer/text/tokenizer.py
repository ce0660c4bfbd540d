"""Text to ids and back: byte-level BPE, single characters, or GPT-2's own vocabulary.

    >>> tokenizer = train_tokenizer(["low lower lowest newest widest " * 9], vocab_size=280)
    >>> ids = tokenizer.encode("the lowest low")
    >>> [tokenizer.decode([id]) for id in ids]
    ['t', 'h', 'e', ' low', 'est', ' low']
    >>> tokenizer.decode(ids)
    'the lowest low'

Byte-level BPE (Sennrich et al. 2015, arXiv 1508.07909; on bytes: GPT-2) starts from the 256 bytes and
joins the commonest neighbours, again and again, until the vocabulary is full. Since every byte is a
token, every text can be written, and nothing is ever "unknown".

The ids of every kind lie in one order: ordinary tokens first, then the special ones. Special tokens are
never made from text: `encode("<|im_end|>")` gives the ids of those ten characters, as it must, or a user
could end the assistant's turn by typing. Whoever means the token asks `special_ids["<|im_end|>"]`.
"""

import codecs
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokenizers import AddedToken, trainers

from primer.core.errors import TokenizerError
from primer.core.files import write_json, write_text
from primer.text.chat import CHAT_TEMPLATE, MARKS
from primer.text.tokenizer_format import (
    BYTE_CHARACTERS,
    GPT2_DOCUMENT,
    PATTERN,
    SPECIALS,
    Kind,
    Parts,
    build_core,
    merge_pairs,
    parse,
    tokens_by_id,
)

if TYPE_CHECKING:
    import numpy as np

    from primer.text.bpe import BytePairEncoder

# Loading the compiled loops takes 0.6 s (5 s the first time on a machine). So much text takes the Rust library 0.07 s.
LOOPS_PAY_AFTER = 100_000  # characters


class Tokenizer:
    """A vocabulary, and the way text is written in it.

    Made by `train_tokenizer`, `Tokenizer.load` or `Tokenizer.gpt2`; immutable from then on. Threads may share it.
    """

    def __init__(self, parts: Parts) -> None:
        """Build it from its parts. Raises an Exception of the Rust library if they contradict each other."""
        self.kind: Kind = parts.kind
        self.vocab_size = len(parts.tokens) + len(parts.specials)
        self.special_ids = {text: len(parts.tokens) + i for i, text in enumerate(parts.specials)}
        self.document_id = self.special_ids[parts.document]
        self._parts = parts
        self._ordinary = parts.token_bytes()
        self._shown = self._ordinary + [text.encode() for text in parts.specials]
        self._core = build_core(parts)
        self._num_characters = 0  # encoded so far

    def __repr__(self) -> str:
        return f"Tokenizer(kind={self.kind!r}, vocab_size={self.vocab_size}, {self.fingerprint[:8]})"

    def __reduce__(self) -> tuple[type["Tokenizer"], tuple[Parts]]:
        """What a worker process is sent: the vocabulary, without its tables."""
        return Tokenizer, (self._parts,)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what decides the ids: kind, pattern, tokens, merges, specials, in canonical JSON.

        Taken over these and not over the file's bytes, so that indentation, or a release of `tokenizers`
        that writes merges in another way, does not make a new tokenizer of an old one.
        """
        canonical = json.dumps([PATTERN if self.kind == "bpe" else "", *self._parts])
        return hashlib.sha256(canonical.encode()).hexdigest()

    def load_loops(self) -> None:
        """Take the time now that the compiled loops take to load: a server would halt for it amid its answers."""
        if self.kind != "char":
            self._num_characters = LOOPS_PAY_AFTER
            self.encode("a")

    def encode(self, text: str) -> list[int]:
        """The ids of ordinary text; never a special id, whatever the text says.

        Raises TokenizerError for a lone surrogate (half of a UTF-16 pair, which no encoding can write) and,
        at character level, for a character that is not in the vocabulary.
        """
        return self._encode_characters(text) if self.kind == "char" else self.encode_array(text).tolist()

    def encode_array(self, text: str) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
        """`encode` as a numpy array of uint32; for long texts it spares a list of Python ints."""
        import numpy as np

        if self.kind == "char":
            return np.array(self._encode_characters(text), dtype=np.uint32)
        self._num_characters += len(text)
        try:
            if self._num_characters < LOOPS_PAY_AFTER:
                return np.array(self._ask_core(text), dtype=np.uint32)
            return self._loops.encode(text)
        except (TypeError, UnicodeEncodeError):  # what the Rust library and Python say to a lone surrogate
            _refuse_surrogates(text)
            raise

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """`encode` of each text, on one core. For more cores, let threads share the tokenizer."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens as their names, bytes that are no UTF-8 as U+FFFD.

        Raises TokenizerError for an id outside 0..vocab_size-1.
        """
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """The bytes of the ids, special tokens as their names. Raises TokenizerError like `decode`."""
        if len(ids) and (min(ids) < 0 or max(ids) >= self.vocab_size):
            stranger = next(id for id in ids if not 0 <= id < self.vocab_size)
            raise TokenizerError(
                f"id {stranger} is outside this vocabulary of {self.vocab_size} tokens. "
                "Use the tokenizer that the ids were made with."
            )
        return b"".join(map(self._shown.__getitem__, ids))

    def token_bytes(self) -> list[bytes]:
        """The bytes of every id (special tokens: b""); what bits per byte are counted with."""
        return self._ordinary + [b""] * len(self.special_ids)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, and the `tokenizer_config.json` that transformers' AutoTokenizer wants."""
        gpt2 = self.kind == "gpt2"  # it has one special token, which serves for everything
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self._parts.document,
            "eos_token": GPT2_DOCUMENT if gpt2 else "<|im_end|>",
            "pad_token": GPT2_DOCUMENT if gpt2 else "<|pad|>",
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,  # or decoding would turn " ." into "."
        }
        if self.special_ids.keys() >= set(MARKS):
            config["chat_template"] = CHAT_TEMPLATE
        core = build_core(self._parts)
        core.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in self.special_ids])
        write_text(folder / "tokenizer.json", core.to_str(pretty=True) + "\n")
        write_json(folder / "tokenizer_config.json", config)

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a `tokenizer.json`, or the one in a folder.

        Raises TokenizerError if it is missing, damaged, or of a kind that is none of Primer's three.
        """
        file = path / "tokenizer.json" if path.is_dir() else path
        try:
            return cls(parse(json.loads(file.read_text(encoding="utf-8"))))
        except FileNotFoundError as error:
            raise TokenizerError(
                f"no tokenizer at {file}. Give a tokenizer.json or its folder, "
                "or make one with `primer tokenizer train`."
            ) from error
        except TokenizerError as error:
            raise TokenizerError(f"{file}: {error}") from error
        except Exception as error:  # the Rust library raises bare Exception for a file that contradicts itself
            raise TokenizerError(
                f"{file} is damaged ({type(error).__name__}: {error}). Restore it, or train it again: "
                "the same text gives the same tokenizer."
            ) from error

    @classmethod
    def gpt2(cls, vocab: Path, merges: Path) -> "Tokenizer":
        """GPT-2's tokenizer from its two files (OpenAI named them encoder.json and vocab.bpe).

        Raises TokenizerError if one is missing or they do not fit together.
        """
        try:
            ids: dict[str, int] = json.loads(vocab.read_text(encoding="utf-8"))
            lines = merges.read_text(encoding="utf-8").split("\n")
            pairs = [line for line in lines if line and not line.startswith("#version")]
            specials = (GPT2_DOCUMENT,)
            return cls(Parts("gpt2", tokens_by_id(ids, specials), merge_pairs(pairs), specials))
        except FileNotFoundError as error:
            raise TokenizerError(
                f"{error.filename} does not exist. GPT-2's two files are vocab.json and merges.txt."
            ) from error
        except Exception as error:  # as in `load`
            raise TokenizerError(f"{vocab} and {merges} are not GPT-2's vocabulary and merges: {error}") from error

    @cached_property
    def _loops(self) -> "BytePairEncoder":
        from primer.text.bpe import BytePairEncoder

        return BytePairEncoder(self._parts, self._ask_core)

    def _ask_core(self, text: str) -> list[int]:
        return list(self._core.encode(text, add_special_tokens=False).ids)

    def _encode_characters(self, text: str) -> list[int]:
        try:
            return list(map(self._character_ids.__getitem__, text))
        except KeyError:
            position, character = next((i, c) for i, c in enumerate(text) if c not in self._character_ids)
            raise TokenizerError(
                f"the character {character!r} (U+{ord(character):04X}) at position {position} is none of "
                f"the {len(self._ordinary)} that this tokenizer knows. Remove it, or use a tokenizer of kind "
                "bpe, which can write any text."
            ) from None

    @cached_property
    def _character_ids(self) -> dict[str, int]:
        return {character: id for id, character in enumerate(self._parts.tokens)}


class StreamDecoder:
    """Ids one at a time to text, which comes out only in whole characters.

    A character such as é or 好 may be spread over several tokens; shown too early it would flicker as U+FFFD.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, id: int) -> str:
        """The text that this id completes; empty in the middle of a character."""
        return self._utf8.decode(self._tokenizer.decode_bytes([id]))

    def finish(self) -> str:
        """What is left when no more ids come: U+FFFD for a character that was never finished."""
        return self._utf8.decode(b"", final=True)


def train_tokenizer(texts: Iterable[str], vocab_size: int, kind: Literal["bpe", "char"] = "bpe") -> Tokenizer:
    """Learn a vocabulary of `vocab_size` tokens, the 16 special ones included, from an iterator of texts.

    The same texts give the same tokenizer. Memory holds the distinct words, not the texts. At character
    level the text decides the size, and `vocab_size` is not used: the tokens are its distinct characters in
    code-point order, which for tinyshakespeare gives nanoGPT's ids.

    Raises TokenizerError if the texts are empty, or too little for so many tokens, or the size is below 272.
    """
    if kind == "char":
        characters: set[str] = set()
        for text in _checked(texts):
            characters.update(text)
        return Tokenizer(Parts("char", tuple(sorted(characters)), (), SPECIALS))
    smallest = 256 + len(SPECIALS)
    if vocab_size < smallest:
        raise TokenizerError(
            f"a vocabulary of {vocab_size} is too small: 256 bytes and {len(SPECIALS)} special tokens alone "
            f"make {smallest}. Try 4096."
        )
    parts = _learn_merges(_checked(texts), vocab_size - len(SPECIALS))
    possible = len(parts.tokens) + len(parts.specials)
    if possible < vocab_size:
        raise TokenizerError(
            f"this text supports a vocabulary of {possible} tokens and not {vocab_size}: after "
            f"{possible - smallest} merges no pair of tokens stands in it twice. Use a vocabulary of at most "
            f"{possible}, or more text."
        )
    return Tokenizer(parts)


def _learn_merges(texts: Iterable[str], num_tokens: int) -> Parts:
    """BPE over the texts: at most `num_tokens` ordinary tokens, fewer where the text repeats too little."""
    core = build_core(Parts("bpe", BYTE_CHARACTERS, (), SPECIALS))
    trainer = trainers.BpeTrainer(
        vocab_size=num_tokens,
        min_frequency=2,  # a pair seen once teaches nothing but that one place
        initial_alphabet=list(BYTE_CHARACTERS),
        special_tokens=[],
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    model = json.loads(core.to_str())["model"]
    return Parts("bpe", tokens_by_id(model["vocab"], ()), merge_pairs(model["merges"]), SPECIALS)


def _checked(texts: Iterable[str]) -> Iterator[str]:
    """Pass texts on; raise TokenizerError at a lone surrogate, and at the end if all of them were empty."""
    num_characters = 0
    for text in texts:
        _refuse_surrogates(text)
        num_characters += len(text)
        yield text
    if not num_characters:
        raise TokenizerError("there is no text to learn a vocabulary from: every document is empty.")


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TokenizerError(
            f"the text holds half a character, the lone surrogate U+{ord(text[error.start]):04X} at position "
            f"{error.start}. Such text often comes from a JSON escape that was cut; repair or remove it."
        ) from error
