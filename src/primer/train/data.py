"""What a pretraining run reads: token shards that are there, or made of the text that --data names."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from primer.core.errors import TokenizerError
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime
from primer.evaluate.tables import plain_line_due
from primer.text.corpus import Corpus, Split, open_corpus
from primer.text.prepare import TOKENIZER_CHARACTERS, PrepareConfig, choose_tokenizer, prepare, within
from primer.text.shards import Manifest, Shards, Totals
from primer.text.tokenizer import Tokenizer
from primer.train.batches import Ids
from primer.train.dial import resolve

if TYPE_CHECKING:
    from primer.train.pretrain import PretrainConfig

CHARACTERS_A_TOKEN = 6  # more than a text has: those of a vocabulary of 32,768 are 4 to 5 long
HELD_OUT = 20  # one character is held out of so many


@dataclass(frozen=True)
class Data:
    """What a run reads."""

    tokenizer: Tokenizer
    train: Shards
    validation: Shards


def load_data(config: "PretrainConfig", run: RunDir, runtime: Runtime) -> Data:
    """Open the shards that --data names, or make them of the text that it names; the first rank makes them."""
    source = Path(config.data).expanduser()
    folder = source if source.is_dir() else source.parent
    has_shards = source.suffix == ".bin" or (source.is_dir() and any(source.glob("*.bin")))
    if has_shards:
        tokenizer = load_tokenizer(config.tokenizer or folder, "--tokenizer")
    else:
        source = run.data
        made = Manifest.load(source) if config.resume else None
        if runtime.is_main and not (made and made.is_complete):  # a run goes on without the text it came from
            make_shards(config, run, runtime)
        runtime.barrier()
        tokenizer = Tokenizer.load(source)
    train, validation = Shards.open(source, "train"), Shards.open(source, "validation")
    made_with = train.manifest.tokenizer_fingerprint if train.manifest else tokenizer.fingerprint
    if made_with != tokenizer.fingerprint:
        raise TokenizerError(
            f"the shards in {source} were made with another tokenizer. Give the one they were made with."
        )
    for shards in (train, validation):
        check_ids(shards.read(0, min(shards.num_tokens, 1_000_000)), tokenizer)
    return Data(tokenizer, train, validation)


def check_ids(ids: Ids, tokenizer: Tokenizer) -> None:
    """Raise TokenizerError for ids that the tokenizer does not have."""
    if int(ids.max()) >= tokenizer.vocab_size:
        raise TokenizerError(
            f"the shards hold id {int(ids.max())}, but the tokenizer has {tokenizer.vocab_size} ids: it is not theirs. "
            "Give the one they were made with."
        )


def make_shards(config: "PretrainConfig", run: RunDir, runtime: Runtime) -> None:
    """Tokenize the text into the run's own data folder, or go on doing so; no more of it than the run reads."""
    options = PrepareConfig(
        data=config.data, field=config.field, broken_utf8=config.broken_utf8, out=run.data,
        tokenizer=config.tokenizer, vocab_size=config.vocab_size, kind=config.kind,
    )  # fmt: skip
    vocab_size = Tokenizer.load(config.tokenizer).vocab_size if config.tokenizer else config.vocab_size
    tokens = resolve(config, vocab_size, runtime).total_tokens
    corpus = beginning(open_corpus(options), tokens, config.eval_tokens)
    printed = time.monotonic()

    def tell(split: Split, totals: Totals) -> None:
        nonlocal printed
        if plain_line_due(printed):
            printed = time.monotonic()
            print(f"{split}: {totals.documents:,} documents, {totals.tokens:,} tokens", flush=True)

    print(f"making tokens of {config.data} in {run.data}", flush=True)
    prepare(corpus, choose_tokenizer(options, corpus), run.data, progress=tell)


def beginning(corpus: Corpus, tokens: int, eval_tokens: int) -> Corpus:
    """As much of a corpus as a run of so many tokens reads and is measured with, and never less than a tokenizer is
    trained on: a corpus of the hub can be larger than the disk."""
    train = max(TOKENIZER_CHARACTERS, CHARACTERS_A_TOKEN * tokens)
    held_out = max(train // HELD_OUT, CHARACTERS_A_TOKEN * eval_tokens)
    if "validation" in corpus.parts and not eval_tokens:
        held_out = sys.maxsize  # it was published, and all of it is asked for
    parts = {
        "train": lambda: within(corpus.documents("train"), train),
        "validation": lambda: within(corpus.documents("validation"), held_out),
    }
    return Corpus(corpus.name, f"{corpus.fingerprint()} {train} {held_out}", parts)


def load_tokenizer(path: Path, option: str) -> Tokenizer:
    """A tokenizer.json, or GPT-2's two files. Raises TokenizerError if there is neither."""
    if path.is_dir() and (path / "vocab.json").is_file() and not (path / "tokenizer.json").is_file():
        return Tokenizer.gpt2(path / "vocab.json", path / "merges.txt")
    if path.is_dir() and not (path / "tokenizer.json").is_file():
        raise TokenizerError(
            f"{path} holds shards without their tokenizer. Give its tokenizer.json with {option}; for GPT-2's shards a "
            "folder with its vocab.json and merges.txt."
        )
    return Tokenizer.load(path)
