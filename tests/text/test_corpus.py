import gzip
import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import ConfigError, CorpusError
from primer.text.corpus import Corpus, CorpusConfig, open_corpus

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write files under a folder: `make("a.txt", "text", "b/c.txt", "more")`."""

    def write(*names_and_texts: str) -> Path:
        for name, text in zip(names_and_texts[::2], names_and_texts[1::2], strict=True):
            path = tmp_path / "corpus" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "corpus"

    return write


def jsonl(texts: list[str]) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def opened(path: Path | str, **options: object) -> Corpus:
    return open_corpus(CorpusConfig(str(path), **options))  # type: ignore[arg-type]


def splits(corpus: Corpus) -> tuple[list[str], list[str]]:
    return list(corpus.documents("train")), list(corpus.documents("validation"))


MANY = [f"document {i}" for i in range(1000)]


def test_one_long_text_is_split_like_nanogpt_does(make: Make) -> None:
    data = "".join(chr(97 + i % 26) for i in range(1237))
    n = len(data)
    corpus = opened(make("input.txt", data) / "input.txt")
    assert splits(corpus) == ([data[: int(n * 0.9)]], [data[int(n * 0.9) :]])


def test_many_documents_are_split_by_the_hash_of_their_text(make: Make) -> None:
    corpus = opened(make("a.jsonl", jsonl(MANY)))

    def is_validation(text: str) -> bool:  # the same number, computed in another way
        return int(hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), 16) / 16**16 < 0.05

    train, validation = splits(corpus)
    assert validation == [text for text in MANY if is_validation(text)]
    assert train == [text for text in MANY if not is_validation(text)]
    assert 25 < len(validation) < 80


def test_the_split_does_not_depend_on_how_the_documents_lie_in_files(make: Make) -> None:
    one = make("one/a.jsonl", jsonl(MANY))
    for i in range(7):
        make(f"seven/{i}.jsonl", jsonl(MANY[i::7]))
    (one / "zipped").mkdir()
    (one / "zipped/a.jsonl.gz").write_bytes(gzip.compress(jsonl(MANY).encode()))
    expected = [set(split) for split in splits(opened(one / "one"))]
    assert [set(split) for split in splits(opened(one / "seven"))] == expected
    assert [set(split) for split in splits(opened(one / "zipped"))] == expected


def test_few_documents_are_each_cut(make: Make) -> None:
    corpus = opened(make("a.txt", "a" * 100, "b.txt", "b" * 200))
    assert splits(corpus) == (["a" * 90, "b" * 180], ["a" * 10, "b" * 20])


def test_many_documents_none_of_which_the_hash_holds_out_are_each_cut(make: Make) -> None:
    corpus = opened(make("a.jsonl", jsonl(["the very same text"] * 50)))
    train, validation = splits(corpus)
    assert (len(train), len(validation)) == (50, 50)
    assert train[0] + validation[0] == "the very same text"


@given(st.lists(st.text(min_size=1, max_size=30), max_size=60), st.sampled_from([None, 0.02, 0.5]))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_or_doubled_and_no_split_is_empty(texts: list[str], fraction: float | None) -> None:
    corpus = Corpus("texts", "", {"train": lambda: iter(texts)}, fraction)
    if all(len(text) == 1 for text in texts):  # nothing that could be cut; the hash may still do it
        with suppress(CorpusError):
            splits(corpus)
        return
    train, validation = splits(corpus)
    assert train
    assert validation
    assert sorted("".join(train + validation)) == sorted("".join(texts))
    assert splits(corpus) == (train, validation)  # again, from the beginning


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000.txt", "validation-00000.txt", "test-00000.txt"),
        ("train/a.txt", "val/a.txt", "test/a.txt"),
        ("part_train.md", "valid.md", "my_test.md"),
        ("other.txt", "val.txt", "test.txt"),
    ],
)
def test_published_splits_are_honoured(make: Make, names: tuple[str, str, str]) -> None:
    corpus = opened(make(names[0], "to learn from", names[1], "held out", names[2], "for the end"))
    assert splits(corpus) == (["to learn from"], ["held out"])


def test_words_that_only_look_like_splits_are_none(make: Make) -> None:
    folder = make("trains.txt", "a" * 20, "validity.txt", "b" * 20, "contest.txt", "c" * 20)
    assert [len(part) for part in splits(opened(folder))] == [3, 3]


def test_a_test_file_beside_a_training_file_is_not_trained_on(make: Make) -> None:
    train, validation = splits(opened(make("train.txt", "a" * 50, "test.txt", "t" * 50)))
    assert "t" not in "".join(train + validation)


def test_a_folder_of_the_split_above_the_corpus_means_nothing(make: Make) -> None:
    folder = make("validation/a.txt", "a" * 50)
    assert splits(opened(folder / "validation")) == (["a" * 45], ["a" * 5])
    assert splits(opened(folder / "validation" / "a.txt")) == (["a" * 45], ["a" * 5])


def test_folders_are_searched_to_the_bottom_in_order_without_hidden_files(make: Make) -> None:
    folder = make("b/c.txt", "2" * 10, "a.md", "1" * 10, "z.txt", "3" * 10, ".git/x.txt", "no", "y.pdf", "no")
    assert "".join(opened(folder).documents("train")) == "1" * 9 + "2" * 9 + "3" * 9


def test_the_readme_beside_rows_is_no_document(make: Make) -> None:
    folder = make("rows.jsonl", jsonl(["x" * 10]), "README.md", "about", "LICENSE.txt", "terms")
    assert splits(opened(folder)) == (["x" * 9], ["x"])


def test_globs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make("b1.txt", "1" * 10, "b2.txt", "2" * 10, "c.txt", "no", "d/b3.txt", "3" * 10)
    assert "".join(opened(folder / "b*.txt").documents("train")) == "1" * 9 + "2" * 9
    assert "".join(opened(folder / "**" / "b?.txt").documents("train")) == "1" * 9 + "2" * 9 + "3" * 9
    monkeypatch.chdir(folder)
    assert "".join(opened("b*.txt").documents("train")) == "1" * 9 + "2" * 9
    with pytest.raises(CorpusError, match=r"no file matches .*q\*\.txt"):
        opened(folder / "q*.txt")


def test_the_fraction_can_be_chosen(make: Make) -> None:
    _, validation = splits(opened(make("a.jsonl", jsonl(MANY)), validation_fraction=0.5))
    assert 400 < len(validation) < 600
    assert splits(opened(make("b/b.txt", "x" * 100) / "b", validation_fraction=0.25)) == (
        ["x" * 75],
        ["x" * 25],
    )
    for bad in (0.0, 1.0, 5.0):
        with pytest.raises(ConfigError, match="--validation-fraction"):
            opened("any", validation_fraction=bad)


def test_the_fingerprint_follows_the_files_and_the_way_they_are_read(make: Make, tmp_path: Path) -> None:
    folder = make("a.txt", "some text", "b.txt", "more text")
    print_ = opened(folder).fingerprint()
    assert print_ == opened(folder).fingerprint()
    assert print_ != opened(folder, field="body").fingerprint()
    assert print_ != opened(folder, validation_fraction=0.2).fingerprint()
    moved = folder.rename(tmp_path / "elsewhere")
    assert print_ == opened(moved).fingerprint()
    (moved / "b.txt").write_text("More text")
    os.utime(moved / "b.txt", ns=(1, 1))
    assert print_ != opened(moved).fingerprint()


def test_what_is_not_there_is_said_at_once(make: Make) -> None:
    folder = make("plays.txt", "x", "empty/a.txt", "", "other/a.pdf", "x")
    with pytest.raises(CorpusError, match=r"play\.txt does not exist.*did you mean 'plays\.txt'"):
        opened(folder / "play.txt")
    with pytest.raises(CorpusError, match="did you mean 'shakespeare'"):
        opened("shakespear")
    with pytest.raises(CorpusError, match="is empty"):
        opened(folder / "empty")
    with pytest.raises(CorpusError, match=r"no text of a known format.*1 other files"):
        opened(folder / "other")
    with pytest.raises(CorpusError, match=r"no text of a known format"):
        opened(folder / "other" / "a.pdf")
    with pytest.raises(CorpusError, match="no corpus is named"):
        opened("")


def test_a_text_too_short_to_be_split_is_said_when_it_is_read(make: Make) -> None:
    corpus = opened(make("a.txt", "x"))
    with pytest.raises(CorpusError, match="too short"):
        splits(corpus)
    with pytest.raises(CorpusError, match="holds no text"):
        splits(opened(make("rows/a.jsonl", jsonl(["", ""])) / "rows"))
