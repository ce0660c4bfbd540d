"""`primer prepare`: a corpus to token shards, in parallel, resumable, the same for any number of workers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from primer.core.errors import ConfigError, CorpusError, Interrupted
from primer.text.corpus import Corpus, CorpusConfig, Split, open_corpus
from primer.text.parallel import Encoded, encode_all, in_batches, num_cores
from primer.text.shards import Ids, Manifest, ShardInfo, Totals, read_header, shard_dtype, write_shard

if TYPE_CHECKING:
    from rich.table import Table

    from primer.text.tokenizer import Tokenizer

SPLITS: tuple[Split, ...] = ("train", "validation")
TOKENIZER_CHARACTERS = 200_000_000  # more teaches a vocabulary little, and costs memory
LINE_EVERY_SECONDS = 10  # where there is no terminal to draw a bar on

Progress = Callable[[Split, Totals], None]


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(CorpusConfig):
    """Turn a text into token shards: llm.c's format, a manifest, and the tokenizer beside them."""

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="CORPUS")]
    """File, folder or glob of .txt .md .jsonl .parquet (or .gz .zst of the first three);
    hf:org/name[:subset][:split]; or a built-in corpus: shakespeare, tinyshakespeare."""
    out: Path
    """Folder for the shards. If a run was interrupted there, it goes on."""
    tokenizer: Path | None = None
    """A tokenizer.json, or the run or folder that holds one. None: one is trained on the training split."""
    vocab_size: int = 8192
    """Tokens of the tokenizer that is trained, if none is given."""
    kind: Literal["bpe", "char"] = "bpe"
    """Kind of the tokenizer that is trained: byte-level BPE, or one token a character."""
    shard_tokens: int = 100_000_000
    """Tokens in a shard, about; documents stay whole. llm.c and modded-nanogpt have 100 million, too."""
    workers: int | None = None
    """Threads that encode. None: one a core."""


def main(config: PrepareConfig) -> None:
    """Run the command, and print what was made."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        last_line = monotonic()

        def show(split: Split, totals: Totals) -> None:
            nonlocal last_line
            line = f"{split}: {totals.documents:,} documents, {totals.tokens:,} tokens"
            bar.update(task, description=line)
            if not console.is_terminal and monotonic() - last_line > LINE_EVERY_SECONDS:
                console.print(line)
                last_line = monotonic()

        try:
            corpus = open_corpus(config)
            bar.update(task, description="tokenizer")
            tokenizer = choose_tokenizer(config, corpus)
            manifest = prepare(
                corpus, tokenizer, config.out, config.shard_tokens, workers=config.workers, progress=show
            )
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"stopped. The whole shards in {config.out} are kept; the same command goes on after them."
            ) from error
    console.print(summary(manifest, config.out))


def summary(manifest: Manifest, folder: Path) -> "Table":
    """The counts of both splits as a table."""
    from rich.table import Table

    table = Table(title=f"{manifest.corpus} → {folder} (vocabulary {manifest.vocab_size:,})")
    table.add_column("split")
    for name in ("shards", "documents", "tokens", "bytes", "bytes/token"):
        table.add_column(name, justify="right")
    for split in SPLITS:
        total = manifest.totals(split)
        counts = (len(manifest.of(split)), total.documents, total.tokens, total.bytes)
        table.add_row(split, *(f"{count:,}" for count in counts), f"{total.bytes / total.tokens:.2f}")
    return table


def choose_tokenizer(config: PrepareConfig, corpus: Corpus) -> "Tokenizer":
    """The tokenizer that was given; else that of the interrupted run; else a new one."""
    from primer.text.tokenizer import Tokenizer, train_tokenizer

    if config.tokenizer is not None:
        return Tokenizer.load(config.tokenizer)
    begun = Manifest.load(config.out)
    if begun and begun.corpus_fingerprint == corpus.fingerprint() and (config.out / "tokenizer.json").is_file():
        tokenizer = Tokenizer.load(config.out)
        fits = config.kind == "char" or tokenizer.vocab_size == config.vocab_size
        if tokenizer.kind == config.kind and fits:
            return tokenizer
    texts = within(corpus.documents("train"), TOKENIZER_CHARACTERS)
    return train_tokenizer(texts, config.vocab_size, config.kind)


def within(texts: Iterable[str], characters: int) -> Iterator[str]:
    """The first texts, until that many characters have been passed on."""
    for text in texts:
        yield text
        characters -= len(text)
        if characters <= 0:
            return


def prepare(
    corpus: Corpus,
    tokenizer: "Tokenizer",
    folder: Path,
    shard_tokens: int = 100_000_000,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Write both splits of a corpus as shards into `folder`, or what is still missing of them.

    Raises CorpusError if the folder holds something else, or the corpus cannot be read; UserError if the
    disk is full.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers is {workers}; one thread at least has to do the work.")
    manifest = begin(corpus, tokenizer, folder, shard_tokens)
    if manifest.is_complete:
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.bin.*.tmp"):  # of a run that was killed while it wrote
        leftover.unlink()
    manifest.save(folder)
    tokenizer.save(folder)
    dtype = shard_dtype(tokenizer.vocab_size)
    for split in SPLITS:
        done = manifest.totals(split)
        batches = in_batches(islice(corpus.documents(split), done.documents, None))
        encoded = encode_all(batches, tokenizer, dtype, workers or num_cores())
        if progress:
            encoded = reported(encoded, split, done, progress)
        for pieces, totals in in_shards(encoded, shard_tokens):
            name = f"{split}_{len(manifest.of(split)):06d}.bin"
            write_shard(folder / name, pieces)
            manifest = manifest.with_shard(ShardInfo(name, split, totals))
            manifest.save(folder)  # after the shard: killed between them, it is made again
    manifest = replace(manifest, is_complete=True)
    manifest.save(folder)
    return manifest


def begin(corpus: Corpus, tokenizer: "Tokenizer", folder: Path, shard_tokens: int) -> Manifest:
    """The manifest to go on from: of a new folder, or of what is whole in one that was begun with the same.

    Raises CorpusError if the folder holds shards of something else.
    """
    if shard_tokens < 1:
        raise ConfigError(f"--shard-tokens is {shard_tokens}; a shard holds at least one. Try 100000000.")
    new = Manifest(
        corpus=corpus.name,
        corpus_fingerprint=corpus.fingerprint(),
        tokenizer_fingerprint=tokenizer.fingerprint,
        vocab_size=tokenizer.vocab_size,
        document_id=tokenizer.document_id,
        shard_tokens=shard_tokens,
    )
    old = Manifest.load(folder)
    if old is None:
        if any(folder.glob("*.bin")):
            raise CorpusError(f"{folder} holds .bin files without a manifest. Give an empty or new folder.")
        return new
    for what in ("corpus_fingerprint", "tokenizer_fingerprint", "shard_tokens"):
        if getattr(old, what) != getattr(new, what):
            raise CorpusError(
                f"{folder} holds shards of {old.corpus} with another {what.replace('_', ' ')}: "
                f"{getattr(old, what)}, not {getattr(new, what)}. Give another folder, or delete this one."
            )
    whole = [shard for split in SPLITS for shard in leading_whole(old.of(split), folder)]
    return replace(old, shards=tuple(whole), is_complete=old.is_complete and len(whole) == len(old.shards))


def leading_whole(shards: list[ShardInfo], folder: Path) -> list[ShardInfo]:
    """The shards up to the first that is missing or damaged; from there on they are made again."""
    for count, shard in enumerate(shards):
        try:
            if read_header(folder / shard.file)[0] != shard.totals.tokens:
                return shards[:count]
        except (CorpusError, OSError):
            return shards[:count]
    return shards


def in_shards(encoded: Iterable[Encoded], shard_tokens: int) -> Iterator[tuple[list[Ids], Totals]]:
    """Whole documents, as many as fit into `shard_tokens`; a longer one has a shard of its own."""
    pieces: list[Ids] = []
    totals = Totals()
    for row, lengths, sizes in encoded:
        start = 0
        for length, size in zip(lengths, sizes, strict=True):
            if pieces and totals.tokens + length > shard_tokens:
                yield pieces, totals
                pieces, totals = [], Totals()
            pieces.append(row[start : start + length])
            totals += Totals(documents=1, tokens=length, bytes=size)
            start += length
    if pieces:
        yield pieces, totals


def reported(encoded: Iterable[Encoded], split: Split, totals: Totals, progress: Progress) -> Iterator[Encoded]:
    """Pass batches on, and tell `progress` the counts so far."""
    for row, lengths, sizes in encoded:
        totals += Totals(len(lengths), len(row), sum(sizes))
        progress(split, totals)
        yield row, lengths, sizes
