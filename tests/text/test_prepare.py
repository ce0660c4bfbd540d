import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from primer.core.errors import ConfigError, CorpusError, Interrupted, TokenizerError
from primer.text import parallel
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.prepare import PrepareConfig, in_shards, main, prepare, within
from primer.text.shards import Manifest, Shards, Totals
from primer.text.tokenizer import Tokenizer, train_tokenizer

TEXTS = [f"Document {i} speaks of {'rain and ' * (i % 7)}wind.\n" for i in range(400)]
SHARD_TOKENS = 500


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, 295)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few kilobytes go the way of gigabytes."""
    monkeypatch.setattr(parallel, "BATCH_CHARACTERS", 1000)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_hold_every_document_whole_and_in_order(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    corpus = open_corpus(CorpusConfig(str(data)))
    manifest = prepare(corpus, tokenizer, tmp_path, SHARD_TOKENS, workers=1)
    start = tokenizer.document_id
    for split in ("train", "validation"):
        texts = list(corpus.documents(split))  # type: ignore[arg-type]
        shards = Shards.open(tmp_path, split)  # type: ignore[arg-type]
        expected = [id for text in texts for id in [start, *tokenizer.encode(text)]]
        assert shards.read(0, shards.num_tokens).tolist() == expected
        size = sum(len(text.encode()) for text in texts)
        assert manifest.totals(split) == Totals(len(texts), len(expected), size)  # type: ignore[arg-type]
        assert all(shards.shard(i)[0] == start for i in range(len(shards.paths)))
        assert all(SHARD_TOKENS - 50 < size <= SHARD_TOKENS for size in shards.sizes[:-1])
    assert len(manifest.of("train")) > 5
    assert Tokenizer.load(tmp_path).fingerprint == manifest.tokenizer_fingerprint
    assert manifest == Manifest.load(tmp_path)


def test_the_number_of_workers_does_not_change_the_shards(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    corpus = open_corpus(CorpusConfig(str(data)))
    prepare(corpus, tokenizer, tmp_path / "1", SHARD_TOKENS, workers=1)
    prepare(corpus, tokenizer, tmp_path / "2", SHARD_TOKENS, workers=2)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_a_large_vocabulary_makes_uint32(tmp_path: Path) -> None:
    everything = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 20_000))
    more = "".join(chr(code) for code in range(0x20000, 0x20000 + 50_000))
    (tmp_path / "a.txt").write_text(everything + more)
    tokenizer = train_tokenizer([everything + more], 0, "char")
    corpus = open_corpus(CorpusConfig(str(tmp_path / "a.txt")))
    prepare(corpus, tokenizer, tmp_path / "out", workers=1)
    shards = Shards.open(tmp_path / "out", "validation")
    assert shards.dtype.itemsize == 4
    assert tokenizer.decode(shards.read(1, shards.num_tokens - 1).tolist()) == (everything + more)[63_000:]


def test_a_document_longer_than_a_shard_has_one_of_its_own() -> None:
    row = np.arange(14, dtype=np.uint16)
    shards = list(in_shards([(row[:9], [2, 7], [1, 5]), (row[9:], [1, 1, 3], [0, 0, 9])], shard_tokens=4))
    assert [[piece.tolist() for piece in pieces] for pieces, _ in shards] == [
        [[0, 1]],
        [[2, 3, 4, 5, 6, 7, 8]],
        [[9], [10]],
        [[11, 12, 13]],
    ]
    assert [totals for _, totals in shards] == [
        Totals(1, 2, 1),
        Totals(1, 7, 5),
        Totals(2, 2, 0),
        Totals(1, 3, 9),
    ]


KILLED = """
import signal, os
from pathlib import Path
from primer.text import parallel, shards
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.prepare import prepare
from primer.text.tokenizer import Tokenizer

if __name__ == "__main__":
    data, tokenizer, folder, workers, when, moment = {arguments!r}
    parallel.BATCH_CHARACTERS = 1000
    calls = 0

    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    import primer.text.prepare as module
    write, save = module.write_shard, shards.Manifest.save

    def write_shard(path, pieces):
        global calls
        calls += 1
        if calls == when and moment == "in the middle":
            path.with_name("." + path.name + ".1.tmp").write_bytes(b"half a shard")
            kill()
        write(path, pieces)
        if calls == when and moment == "before the manifest":
            kill()

    module.write_shard = write_shard
    corpus = open_corpus(CorpusConfig(data))
    prepare(corpus, Tokenizer.load(Path(tokenizer)), Path(folder), {size}, workers=workers)
"""


@pytest.mark.parametrize(
    ("workers", "when", "moment"),
    [(1, 1, "in the middle"), (2, 4, "before the manifest")],
)
def test_killed_it_goes_on_where_it_was(
    data: Path, tokenizer: Tokenizer, tmp_path: Path, workers: int, when: int, moment: str
) -> None:
    tokenizer.save(tmp_path)
    folder = tmp_path / "killed"
    arguments = (str(data), str(tmp_path), str(folder), workers, when, moment)
    script = tmp_path / "run.py"
    script.write_text(KILLED.format(arguments=arguments, size=SHARD_TOKENS))
    process = subprocess.run([sys.executable, str(script)], check=False, timeout=60)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(CorpusError, match="is not finished"):
        Shards.open(folder, "train")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.bin")}
    corpus = open_corpus(CorpusConfig(str(data)))
    prepare(corpus, tokenizer, folder, SHARD_TOKENS, workers=1)
    prepare(corpus, tokenizer, tmp_path / "whole", SHARD_TOKENS, workers=1)
    assert contents(folder) == contents(tmp_path / "whole")
    kept = [path for path, mtime in before.items() if path.stat().st_mtime_ns == mtime]
    assert len(kept) == when - 1  # a shard that the manifest does not know of yet is made again


def test_a_shard_that_was_lost_or_cut_is_made_again(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    corpus = open_corpus(CorpusConfig(str(data)))
    prepare(corpus, tokenizer, tmp_path, SHARD_TOKENS, workers=1)
    before = contents(tmp_path)
    (tmp_path / "train_000003.bin").unlink()
    (tmp_path / "validation_000000.bin").write_bytes(b"cut")
    prepare(corpus, tokenizer, tmp_path, SHARD_TOKENS, workers=1)
    assert contents(tmp_path) == before


def test_another_corpus_tokenizer_or_size_needs_another_folder(
    data: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    corpus = open_corpus(CorpusConfig(str(data)))
    prepare(corpus, tokenizer, tmp_path / "out", SHARD_TOKENS, workers=1)
    other = tmp_path / "other.txt"
    other.write_text("another text " * 10)
    with pytest.raises(CorpusError, match="another corpus fingerprint"):
        prepare(open_corpus(CorpusConfig(str(other))), tokenizer, tmp_path / "out", SHARD_TOKENS)
    with pytest.raises(CorpusError, match="another tokenizer fingerprint"):
        prepare(corpus, train_tokenizer(TEXTS, 290), tmp_path / "out", SHARD_TOKENS)
    with pytest.raises(CorpusError, match="another shard tokens"):
        prepare(corpus, tokenizer, tmp_path / "out", 1000)
    (tmp_path / "out" / "manifest.json").unlink()
    with pytest.raises(CorpusError, match="without a manifest"):
        prepare(corpus, tokenizer, tmp_path / "out", SHARD_TOKENS)


def test_options_that_cannot_work(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    corpus = open_corpus(CorpusConfig(str(data)))
    with pytest.raises(ConfigError, match="--shard-tokens"):
        prepare(corpus, tokenizer, tmp_path, 0)
    with pytest.raises(ConfigError, match="--workers"):
        prepare(corpus, tokenizer, tmp_path, workers=0)


def test_an_error_of_a_worker_is_the_error_of_the_command(data: Path, tmp_path: Path) -> None:
    corpus = open_corpus(CorpusConfig(str(data)))
    with pytest.raises(TokenizerError, match="is none of the"):
        prepare(corpus, train_tokenizer(["abc"], 0, "char"), tmp_path, SHARD_TOKENS, workers=2)


def test_the_command_trains_a_tokenizer_and_says_what_it_made(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = PrepareConfig(data=str(data), out=tmp_path / "out", vocab_size=295, workers=1)
    main(config)
    printed = capsys.readouterr().out
    manifest = Manifest.load(tmp_path / "out")
    assert manifest is not None
    assert f"{manifest.totals('train').tokens:,}" in printed
    assert manifest.vocab_size == 295
    main(replace(config, tokenizer=tmp_path / "out", out=tmp_path / "again"))  # the folder of a tokenizer
    assert (tmp_path / "again" / "train_000000.bin").read_bytes() == (
        tmp_path / "out" / "train_000000.bin"
    ).read_bytes()
    main(config)  # nothing left to do
    with pytest.raises(CorpusError, match="another tokenizer"):
        main(replace(config, vocab_size=290))


def test_ctrl_c_says_how_to_go_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("primer.text.prepare.prepare", interrupted)
    with pytest.raises(Interrupted, match="the same command goes on"):
        main(PrepareConfig(data=str(data), out=tmp_path, vocab_size=295))


def test_a_tokenizer_is_trained_on_so_many_characters() -> None:
    assert list(within(["aaa", "bbb", "ccc"], 4)) == ["aaa", "bbb"]
