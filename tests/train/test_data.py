"""What a run reads: no more of a text is made into tokens than it needs, and it is said how far that has come."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny

from primer.core.errors import ConfigError
from primer.core.rundir import RunDir
from primer.text import parallel, prepare
from primer.text.corpus import Corpus
from primer.text.shards import Manifest
from primer.train import data
from primer.train.data import beginning, load_data
from primer.train.dial import resolve


def endless() -> Iterator[str]:
    """Documents without end, as a large corpus of the hub streams them."""
    rng = random.Random(0)
    return (" ".join(rng.choices(tiny.WORDS, k=10)) for _ in itertools.count())


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a corpus, whatever is named; and small pieces, so that little is read ahead."""
    monkeypatch.setattr(data, "open_corpus", lambda _: Corpus("hub", "hub", {"train": endless}))
    monkeypatch.setattr(data, "TOKENIZER_CHARACTERS", 4000)
    monkeypatch.setattr(prepare, "TOKENIZER_CHARACTERS", 4000)
    monkeypatch.setattr(parallel, "BATCH_CHARACTERS", 1000)


def test_a_text_without_end(streamed: None, tmp_path: Path) -> None:
    config = tiny.pretrain_config(Path("hub"), batch_rows=64, eval_tokens=2000)
    found = load_data(config, RunDir(tmp_path), tiny.CPU)
    read = resolve(config, found.tokenizer.vocab_size, tiny.CPU).total_tokens
    assert read == 12 * 64 * tiny.CONTEXT
    assert read <= found.train.num_tokens < 8 * read  # a token a character
    assert 2000 <= found.validation.num_tokens < 8 * 2000
    made = Manifest.load(tmp_path / "data")
    assert made is not None
    assert made.totals("train").tokens == found.train.num_tokens


def test_what_is_held_out(streamed: None) -> None:
    """All that was published, unless it is said how much is used; else a twentieth of what is read."""
    held_out = ["x" * 100] * 90
    published = Corpus("a", "a", {"train": endless, "validation": lambda: iter(held_out)})
    split_here = Corpus("b", "b", {"train": endless})
    for corpus, eval_tokens, characters in ((published, 0, 9000), (published, 500, 3000), (split_here, 0, 200)):
        texts = list(beginning(corpus, 1, eval_tokens).documents("validation"))
        assert characters <= sum(map(len, texts)) < characters + 100
    assert beginning(published, 1, 0).fingerprint() != beginning(published, 10**9, 0).fingerprint()


def test_progress_is_told(
    streamed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "plain_line_due", lambda _: True)
    load_data(tiny.pretrain_config(Path("hub")), RunDir(tmp_path), tiny.CPU)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"making tokens of hub in {tmp_path / 'data'}"
    assert lines[0].startswith("train: ")
    assert lines[0].endswith(" tokens")
    assert lines[-1].startswith("validation: ")


def test_options_that_cannot_be_are_refused_before_the_text_is_read(streamed: None, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--tokens is -5"):
        load_data(tiny.pretrain_config(Path("hub"), tokens=-5), RunDir(tmp_path), tiny.CPU)
    assert not (tmp_path / "data").exists()
