"""Compiled BPE against the Rust library and tiktoken, on texts and merges nobody would write."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.text.bpe import LONGEST, MEMORY_SLOTS, BytePairEncoder
from primer.text.tokenizer import train_tokenizer
from primer.text.tokenizer_format import BYTE_CHARACTERS, PATTERN, SPECIALS, Kind, Parts, build_core

# GPT-2's own pattern, as its encoder.py has it.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CHUNKS = [
    *" \n\r\t'ſ²好🙂\u0301\u00a0\u2003\x00\x1c",
    *("  ", " the", "dog", "s", "n't", "'LL", "2024", "...", "--", "été", *SPECIALS, "<|endoftext|>"),
]
tricky = st.lists(st.sampled_from(CHUNKS) | st.text(max_size=6), max_size=30).map("".join)
quick = settings(max_examples=100, deadline=None)


def rust(parts: Parts) -> Callable[[str], list[int]]:
    core = build_core(parts)
    return lambda text: core.encode(text, add_special_tokens=False).ids


def encoder(parts: Parts) -> BytePairEncoder:
    return BytePairEncoder(parts, rust(parts))


def invented(kind: Kind, seed: int) -> Parts:
    """Merges that no training would give: the order is random, and several make the same token."""
    dice = random.Random(seed)
    tokens, usable, merges = list(BYTE_CHARACTERS), list("Ġthedogsn'"), {}
    while len(merges) < 300:
        left, right = dice.choice(usable), dice.choice(usable)
        if len(left + right) <= 6:
            merges[left, right] = dice.random()
        if (left, right) in merges and left + right not in tokens:
            tokens.append(left + right)
            usable.append(left + right)
    return Parts(kind, tuple(tokens), tuple(sorted(merges, key=merges.__getitem__)), SPECIALS)


LEARNED = train_tokenizer(["".join(CHUNKS) * 20, "the dog didn't, the dogs don't. " * 20], 360)._parts
KINDS: list[Kind] = ["bpe", "gpt2"]


@pytest.mark.parametrize(("kind", "pattern"), [("bpe", PATTERN), ("gpt2", GPT2_PATTERN)])
def test_any_text_has_the_ids_of_both_libraries(kind: Kind, pattern: str) -> None:
    parts = LEARNED._replace(kind=kind)
    encode, ask_rust = encoder(parts).encode, rust(parts)
    ranks = {token: id for id, token in enumerate(parts.token_bytes())}
    rival = tiktoken.Encoding("same", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    @quick
    @given(tricky)
    def check(text: str) -> None:
        ids = encode(text).tolist()
        assert ids == encode(text).tolist() == ask_rust(text) == rival.encode_ordinary(text)
        assert max(ids, default=0) < len(parts.tokens)  # no special token

    check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_merges_in_any_order(kind: Kind, seed: int) -> None:
    parts, dice = invented(kind, seed), random.Random(seed)
    text = "".join(dice.choices("  thedogsn'", k=30_000))
    assert encoder(parts).encode(text).tolist() == rust(parts)(text)


def test_without_merges() -> None:
    parts = Parts("bpe", BYTE_CHARACTERS, (), SPECIALS)
    assert encoder(parts).encode("été 2024").tolist() == list("été 2024".encode())
    assert encoder(parts).encode("").tolist() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 5 * LONGEST])
def test_long_pieces(kind: Kind, length: int) -> None:
    parts = LEARNED._replace(kind=kind)
    runs = [chunk * (length // len(chunk.encode())) for chunk in ("dog", "-", " ", "\n", " \n", "好", "2", "'")]
    for text in (*runs, " the".join(runs), "".join(runs), "a" + "a ".join(runs) + "."):
        assert encoder(parts).encode(text).tolist() == rust(parts)(text)


def test_more_pieces_than_the_memory_has_slots() -> None:
    dice = random.Random(0)
    words = ["".join(dice.choices("thedogsné\x00", k=dice.randint(1, 20))) for _ in range(MEMORY_SLOTS)]
    text = " ".join(words)
    encode, ids = encoder(LEARNED).encode, rust(LEARNED)(text)
    assert encode(text).tolist() == encode(text).tolist() == ids


def test_threads_share_an_encoder() -> None:
    dice = random.Random(0)
    texts = ["".join(dice.choices(CHUNKS, k=3_000)) for _ in range(40)]
    encode = encoder(LEARNED).encode
    with ThreadPoolExecutor(4) as threads:
        for ids, expected in zip(threads.map(encode, texts * 2), map(rust(LEARNED), texts * 2), strict=True):
            assert ids.tolist() == expected
