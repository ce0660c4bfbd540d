"""The tokenizer against tiktoken, transformers, nanoGPT's character order, and text nobody would write."""

import json
import pickle
import random
from contextlib import suppress
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import TokenizerError
from primer.text.tokenizer import LOOPS_PAY_AFTER, StreamDecoder, Tokenizer, train_tokenizer
from primer.text.tokenizer_format import BYTE_CHARACTERS, PATTERN, SPECIALS

TEXTS = [
    "The quick brown fox doesn't jump over the lazy dog. She'll jump, won't she?\n\n“What now?” he said. " * 20,
    "In 2024 there were 365 or 366 days; 12345 + 678 = 13023.\n\tfor i in range(10):\n\t\tprint(i)\n" * 20,
    "Zwölf Boxkämpfer jagten Viktor quer über den Sylter Deich. Où est la bibliothèque? 你好，世界 🙂 " * 20,
]
# GPT-2's own pattern, as its encoder.py has it.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def gpt2_files(folder: Path, bpe: Tokenizer) -> tuple[Path, Path]:
    """GPT-2's two files, with the merges of another tokenizer."""
    bpe.save(folder)
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    vocabulary = {**model["vocab"], "<|endoftext|>": len(model["vocab"])}
    vocab, merges = folder / "vocab.json", folder / "merges.txt"
    vocab.write_text(json.dumps(vocabulary), encoding="utf-8")
    merges.write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in model["merges"]), encoding="utf-8")
    return vocab, merges


BPE = train_tokenizer(TEXTS, 420)
CHAR = train_tokenizer(TEXTS, 0, kind="char")


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return Tokenizer.gpt2(*gpt2_files(tmp_path_factory.mktemp("gpt2"), BPE))


def tiktoken_of(tokenizer: Tokenizer, pattern: str) -> tiktoken.Encoding:
    """The same vocabulary in tiktoken; a token's id is its rank."""
    ranks = {token: id for id, token in enumerate(tokenizer.token_bytes()) if token}
    return tiktoken.Encoding("same", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


quick = settings(max_examples=60, deadline=None)

# What trips a splitter: runs of all kinds of space, marks, contractions, digits, letters that are not ASCII,
# characters of several bytes, and the names of special tokens; beside entirely arbitrary text.
pieces = [
    *" \n\r\t,.'\"’“—-_<|>=0127½²aZéßſ好🙂\u00a0\u2003\u0301\x00\x1c\x85",
    *("  ", "\r\n", " the", "dog", "'ll", "N'T", *SPECIALS, "<|endoftext|>"),
]
tricky = st.lists(st.sampled_from(pieces) | st.text(max_size=3), max_size=20).map("".join)


class TestIds:
    @quick
    @given(tricky)
    def test_any_text_survives(self, text: str) -> None:
        assert BPE.decode(BPE.encode(text)) == text
        assert b"".join(BPE.token_bytes()[id] for id in BPE.encode(text)) == text.encode()

    @quick
    @given(tricky)
    def test_text_never_makes_a_special_token(self, text: str) -> None:
        assert max(BPE.encode(text), default=0) < BPE.vocab_size - len(SPECIALS)

    @pytest.mark.parametrize("special", SPECIALS)
    def test_a_special_name_is_ordinary_text(self, special: str) -> None:
        ids = BPE.encode(special)
        assert len(ids) > 1
        assert BPE.special_ids[special] not in ids
        assert BPE.decode(ids) == BPE.decode([BPE.special_ids[special]]) == special

    @quick
    @given(tricky)
    def test_same_ids_as_tiktoken(self, text: str) -> None:
        assert BPE.encode(text) == tiktoken_of(BPE, PATTERN).encode_ordinary(text)

    def test_gpt2_has_the_same_ids_as_tiktoken(self, gpt2: Tokenizer) -> None:
        reference = tiktoken_of(gpt2, GPT2_PATTERN)

        @quick
        @given(tricky)
        def check(text: str) -> None:
            assert gpt2.encode(text) == reference.encode_ordinary(text)
            assert gpt2.decode(gpt2.encode(text)) == text

        check()

    def test_much_text_has_the_same_ids(self, gpt2: Tokenizer) -> None:
        """The first texts are given to the Rust library, and all later ones to the compiled loops."""
        for tokenizer, pattern in ((BPE, PATTERN), (gpt2, GPT2_PATTERN)):
            reference = tiktoken_of(tokenizer, pattern)
            expected = [reference.encode_ordinary(text) for text in TEXTS]
            fresh = Tokenizer(tokenizer._parts)
            for text, ids in zip(TEXTS * 40, expected * 40, strict=True):
                assert fresh.encode(text) == ids
            assert fresh._num_characters > LOOPS_PAY_AFTER
            with pytest.raises(TokenizerError, match=r"U\+D83D.* at position 4"):
                fresh.encode("the \ud83d end")

    def test_long_texts_without_spaces(self) -> None:
        text = "好🙂" * 2_000 + "ab" * 2_000 + " " * 1_000 + "12" * 1_000
        assert BPE.encode(text) == tiktoken_of(BPE, PATTERN).encode_ordinary(text)

    def test_every_digit_stands_alone(self) -> None:
        assert [BPE.decode([id]) for id in BPE.encode("20242024")] == list("20242024")

    def test_batches_and_arrays_hold_the_same_ids(self, gpt2: Tokenizer) -> None:
        for tokenizer in (BPE, CHAR, gpt2):
            ids = [tokenizer.encode(text) for text in TEXTS]
            assert tokenizer.encode_batch(TEXTS) == ids
            assert [tokenizer.encode_array(text).tolist() for text in TEXTS] == ids
            assert tokenizer.encode("") == tokenizer.encode_array("").tolist() == []

    def test_specials_come_last_and_documents_have_one(self, gpt2: Tokenizer) -> None:
        for tokenizer in (BPE, CHAR):
            first = tokenizer.vocab_size - len(SPECIALS)
            assert list(tokenizer.special_ids.values()) == list(range(first, tokenizer.vocab_size))
            assert tokenizer.document_id == first
        assert BPE.vocab_size == 420
        assert gpt2.special_ids == {"<|endoftext|>": gpt2.document_id} == {"<|endoftext|>": gpt2.vocab_size - 1}

    def test_a_worker_process_gets_the_same_tokenizer(self) -> None:
        copy = pickle.loads(pickle.dumps(BPE))  # what multiprocessing does; no file is ever made this way
        assert copy.fingerprint == BPE.fingerprint
        assert copy.encode(TEXTS[2]) == BPE.encode(TEXTS[2])

    @pytest.mark.parametrize("tokenizer", [BPE, CHAR])
    def test_half_a_character_is_refused(self, tokenizer: Tokenizer) -> None:
        with pytest.raises(TokenizerError, match=r"U\+D83D.* at position 4"):
            tokenizer.encode("the \ud83d end")


class TestDecoding:
    @quick
    @given(st.binary(max_size=30))
    def test_any_bytes(self, data: bytes) -> None:
        id_of = {token: id for id, token in enumerate(BPE.token_bytes())}
        ids = [id_of[bytes([byte])] for byte in data]
        assert BPE.decode_bytes(ids) == data
        assert BPE.decode(ids) == data.decode("utf-8", errors="replace")

    @quick
    @given(tricky)
    def test_a_stream_shows_whole_characters(self, text: str) -> None:
        stream = StreamDecoder(BPE)
        shown = [stream.push(id) for id in BPE.encode(text)]
        assert "".join(shown) == text
        assert stream.finish() == ""

    def test_a_stream_waits_for_the_end_of_a_character(self) -> None:
        ids = [BPE.token_bytes().index(bytes([byte])) for byte in "é".encode()]
        stream = StreamDecoder(BPE)
        assert [stream.push(id) for id in ids] == ["", "é"]
        assert stream.push(ids[0]) == ""
        assert stream.finish() == "\ufffd"

    def test_specials_are_shown_and_have_no_bytes(self) -> None:
        id = BPE.special_ids["<|im_end|>"]
        assert BPE.decode([*BPE.encode("dog"), id]) == "dog<|im_end|>"
        assert BPE.token_bytes()[id] == b""
        assert len(BPE.token_bytes()) == BPE.vocab_size

    @pytest.mark.parametrize("id", [-1, 420])
    def test_a_foreign_id(self, id: int) -> None:
        with pytest.raises(TokenizerError, match=f"id {id} is outside this vocabulary of 420"):
            BPE.decode([0, id])


class TestTraining:
    def test_merges_counted_by_hand(self) -> None:
        # a+b stands there six times, so it is joined first; then " "+"ab" five times, before "ab"+"c" four.
        tokenizer = train_tokenizer(["ab ab abc abc abc abc"], 256 + len(SPECIALS) + 2)
        assert tokenizer.token_bytes()[256:258] == [b"ab", b" ab"]

    def test_the_same_text_gives_the_same_tokenizer(self) -> None:
        assert train_tokenizer(iter(TEXTS), 420).fingerprint == BPE.fingerprint
        assert train_tokenizer(TEXTS, 419).fingerprint != BPE.fingerprint

    def test_all_bytes_are_there(self) -> None:
        assert {bytes([byte]) for byte in range(256)} <= set(BPE.token_bytes())
        assert len(set(BYTE_CHARACTERS)) == 256

    def test_characters_have_nanogpts_ids(self) -> None:
        text = "".join(TEXTS)
        stoi = {character: id for id, character in enumerate(sorted(set(text)))}  # nanoGPT's prepare.py
        assert CHAR.encode(text) == [stoi[character] for character in text]
        assert CHAR.decode(CHAR.encode(text)) == text
        assert CHAR.vocab_size == len(stoi) + len(SPECIALS)

    def test_an_unknown_character_is_named(self) -> None:
        with pytest.raises(TokenizerError, match=r"'Ω' \(U\+03A9\) at position 4.*bpe"):
            CHAR.encode("The Ω")

    def test_more_tokens_than_the_text_supports(self) -> None:
        texts = ["to be or not to be, that is the question"]
        with pytest.raises(TokenizerError, match="supports a vocabulary of") as caught:
            train_tokenizer(texts, 5000)
        possible = int(str(caught.value).split("vocabulary of ")[1].split()[0])
        assert train_tokenizer(texts, possible).vocab_size == possible
        with pytest.raises(TokenizerError):
            train_tokenizer(texts, possible + 1)

    def test_a_vocabulary_too_small_for_the_bytes(self) -> None:
        with pytest.raises(TokenizerError, match="256 bytes and 16 special tokens alone make 272"):
            train_tokenizer(TEXTS, 271)
        assert train_tokenizer(TEXTS, 272).encode("hé") == train_tokenizer([" "], 272).encode("hé")

    @pytest.mark.parametrize("kind", ["bpe", "char"])
    @pytest.mark.parametrize("texts", [[], ["", ""]])
    def test_no_text(self, texts: list[str], kind: str) -> None:
        with pytest.raises(TokenizerError, match="no text"):
            train_tokenizer(texts, 600, kind=kind)  # type: ignore[arg-type]

    def test_errors_of_the_corpus_come_through(self) -> None:
        def texts():
            yield "some text"
            raise TokenizerError("the file broke off")

        with pytest.raises(TokenizerError, match="the file broke off"):
            train_tokenizer(texts(), 600)
        with pytest.raises(TokenizerError, match="lone surrogate"):
            train_tokenizer(["fine", "half \ud83d"], 600)


class TestFile:
    def test_saved_and_loaded(self, tmp_path: Path, gpt2: Tokenizer) -> None:
        for tokenizer in (BPE, CHAR, gpt2):
            folder = tmp_path / tokenizer.kind
            tokenizer.save(folder)
            for path in (folder, folder / "tokenizer.json"):
                loaded = Tokenizer.load(path)
                assert (loaded.kind, loaded.fingerprint) == (tokenizer.kind, tokenizer.fingerprint)
                assert loaded.special_ids == tokenizer.special_ids
                assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
            assert sorted(file.name for file in folder.iterdir()) == [
                "tokenizer.json",
                "tokenizer_config.json",
            ]

    def test_transformers_reads_it(self, tmp_path: Path, gpt2: Tokenizer) -> None:
        from transformers import AutoTokenizer

        for tokenizer in (BPE, CHAR, gpt2):
            folder = tmp_path / tokenizer.kind
            tokenizer.save(folder)
            theirs = AutoTokenizer.from_pretrained(folder)
            assert len(theirs) == tokenizer.vocab_size
            for text in TEXTS:
                assert theirs(text, add_special_tokens=False).input_ids == tokenizer.encode(text)
                assert theirs.decode(tokenizer.encode(text)) == text
            for text, id in tokenizer.special_ids.items():
                assert theirs(text, add_special_tokens=False).input_ids == [id]
            assert theirs.bos_token_id == tokenizer.document_id

    def test_the_fingerprint_ignores_layout(self, tmp_path: Path) -> None:
        BPE.save(tmp_path)
        file = tmp_path / "tokenizer.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]  # as before 0.20
        file.write_text(json.dumps(content), encoding="utf-8")
        assert Tokenizer.load(file).fingerprint == BPE.fingerprint

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(TokenizerError, match=r"no tokenizer at .*primer tokenizer train"):
            Tokenizer.load(tmp_path)
        with pytest.raises(TokenizerError, match="does not exist"):
            Tokenizer.gpt2(tmp_path / "vocab.json", tmp_path / "merges.txt")

    def test_damaged_files_are_refused_or_read_as_they_are(self, tmp_path: Path) -> None:
        """Cut anywhere, or with one bit turned, a file is an error or another tokenizer; never a crash."""
        small = train_tokenizer(TEXTS, 290)
        small.save(tmp_path)
        file, dice = tmp_path / "tokenizer.json", random.Random(0)
        whole = file.read_bytes()
        for _ in range(150):
            place = dice.randrange(len(whole) - 2)
            flipped = bytes([whole[place] ^ (1 << dice.randrange(8))])
            file.write_bytes(whole[:place] + flipped + whole[place + 1 :])
            with suppress(TokenizerError):
                Tokenizer.load(file).encode(TEXTS[0])
            file.write_bytes(whole[:place])
            with pytest.raises(TokenizerError, match="is damaged"):
                Tokenizer.load(file)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda file: file["model"].update(type="Unigram"), "another make"),
            (lambda file: file.update(normalizer={"type": "NFC"}), "another make"),
            (lambda file: file.update(added_tokens=[]), "another make"),
            (lambda file: file["model"]["vocab"].pop("a"), "damaged"),
            (lambda file: file["model"]["merges"].append(["q", "zz"]), "damaged"),
            (lambda file: file["added_tokens"][0].update(id=7), "damaged"),
        ],
    )
    def test_files_that_do_not_fit(self, tmp_path: Path, change, message: str) -> None:
        BPE.save(tmp_path)
        file = tmp_path / "tokenizer.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        change(content)
        file.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(TokenizerError, match=message):
            Tokenizer.load(file)
