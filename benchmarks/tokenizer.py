"""Tokenizing a text: Primer against tiktoken, same merges, same split pattern, same ids, two cores each.

    python benchmarks/tokenizer.py                    # the built-in shakespeare, repeated to 15 MB
    python benchmarks/tokenizer.py novels.txt         # a text of one's own, cut to 15 MB

tiktoken gets two threads, which is how it is parallel; Primer two processes, which is how `primer prepare`
is. Both are started and have loaded the vocabulary before the clock runs; texts go in and ids come back to
the asking process within it. "Cold" means that Primer's memory of pieces is empty at the start of each
round, and gives the ratio (above 1: Primer is faster); "warm" is the same text again. Rounds alternate, and
the median counts. A repeated text favours a memory, so the figure to quote is from 15 MB that repeat nothing.
"""

import argparse
import multiprocessing
import statistics
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, cycle
from pathlib import Path
from time import perf_counter

import numpy as np
import tiktoken
from common import finish, print_table

from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.tokenizer import Tokenizer, train_tokenizer
from primer.text.tokenizer_format import PATTERN

DOCUMENT_CHARACTERS = 8_000
RIVAL, COLD, WARM, ONE = "tiktoken, 2 threads", "2 processes, cold", "2 processes, warm", "1 process, cold"
BATCH_DOCUMENTS = 64  # half a megabyte to a process at a time

_worker: Tokenizer  # of this process


def documents(data: str, megabytes: float) -> list[str]:
    """The text in documents of some 8,000 characters, cut or repeated to the size."""
    corpus = open_corpus(CorpusConfig(data=data))
    text = "\n\n".join(chain(corpus.documents("train"), corpus.documents("validation")))
    cuts = [text[i : i + DOCUMENT_CHARACTERS] for i in range(0, len(text), DOCUMENT_CHARACTERS)]
    chosen, num_bytes = [], 0
    for document in cycle(cuts):
        chosen.append(document)
        num_bytes += len(document.encode())
        if num_bytes >= megabytes * 1e6:
            return chosen
    raise AssertionError("a corpus is never empty")


def same_in_tiktoken(tokenizer: Tokenizer) -> tiktoken.Encoding:
    """tiktoken with this vocabulary: a token's rank is its id."""
    ranks = {token: id for id, token in enumerate(tokenizer.token_bytes()) if token}
    return tiktoken.Encoding("primer", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


def start_worker(folder: Path) -> None:
    """Load the tokenizer of this process, with an empty memory of pieces."""
    global _worker
    _worker = Tokenizer.load(folder)


def encode_in_worker(texts: list[str]) -> list[np.ndarray]:
    """A batch, where the tokenizer has been loaded."""
    return [_worker.encode_array(text) for text in texts]


def seconds(job: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    began = perf_counter()
    job()
    return perf_counter() - began


def batches(texts: list[str]) -> Iterator[list[str]]:
    """The texts in batches for the workers."""
    return (texts[i : i + BATCH_DOCUMENTS] for i in range(0, len(texts), BATCH_DOCUMENTS))


def race(texts: list[str], folder: Path, rival: tiktoken.Encoding, rounds: int) -> dict[str, list[float]]:
    """Seconds of every round, by contestant."""
    times: dict[str, list[float]] = {RIVAL: [], COLD: [], WARM: [], ONE: []}
    for _ in range(rounds):
        times[RIVAL].append(seconds(lambda: rival.encode_ordinary_batch(texts, num_threads=2)))
        with ProcessPoolExecutor(
            2, multiprocessing.get_context("spawn"), initializer=start_worker, initargs=(folder,)
        ) as pool:
            list(pool.map(encode_in_worker, [[], []] * 8))  # both processes are up
            for name in (COLD, WARM):
                times[name].append(seconds(lambda: list(pool.map(encode_in_worker, batches(texts)))))
        start_worker(folder)
        times[ONE].append(seconds(lambda: encode_in_worker(texts)))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="?", default="shakespeare", help="a text file, or any other corpus")
    parser.add_argument("--megabytes", type=float, default=15)
    parser.add_argument("--vocab-size", type=int, default=8192)
    parser.add_argument("--tokenizer", type=Path, help="a trained one; without it one is trained on 4 MB")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    texts = documents(options.data, options.megabytes)
    if options.tokenizer:
        tokenizer = Tokenizer.load(options.tokenizer)
    else:
        tokenizer = train_tokenizer(texts[: 4_000_000 // DOCUMENT_CHARACTERS], options.vocab_size)
    rival = same_in_tiktoken(tokenizer)
    assert tokenizer.encode_batch(texts) == rival.encode_ordinary_batch(texts), "the ids differ"

    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(Path(folder))
        times = race(texts, Path(folder), rival, options.rounds)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{megabytes:.1f} MB, {len(texts)} documents, vocabulary {tokenizer.vocab_size}: the same ids")
    rows = [
        [
            name,
            f"{value:.2f}",
            f"{min(times[name]):.2f}",
            f"{megabytes / value:.1f}",
            f"{median[RIVAL] / value:.2f}",
        ]
        for name, value in median.items()
    ]
    print_table(["", "seconds", "(best)", "MB/s", "ratio"], rows)
    seconds_by_name = {name: round(value, 3) for name, value in median.items()}
    finish("tokenizer", median[RIVAL] / median[COLD], megabytes=round(megabytes, 1), seconds=seconds_by_name)


if __name__ == "__main__":
    main()
