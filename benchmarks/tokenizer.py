"""Tokenizing a text: Primer against tiktoken, same merges, same split pattern, same ids.

    python benchmarks/tokenizer.py                    # the built-in shakespeare, repeated to 15 MB
    python benchmarks/tokenizer.py novels.txt         # a text of one's own, cut to 15 MB

Threads on both sides, one and two. tiktoken and Primer's compiled loops are loaded before the clock runs; "first
pass" is a tokenizer made for this round, which has seen no text (its making is in the time), and gives the
ratio (above 1: Primer is faster); "second pass" is the same text again. Rounds alternate, and the median
counts. A repeated text favours a memory, so the figure to quote is from 15 MB that repeat nothing.
"""

import argparse
import copy
import statistics
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, cycle
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import tiktoken
from common import finish, print_table

from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.tokenizer import Tokenizer, train_tokenizer
from primer.text.tokenizer_format import PATTERN

DOCUMENT_CHARACTERS = 8_000
THREADS = (1, 2)
BATCH_DOCUMENTS = 64  # half a megabyte to a thread at a time


class Times(NamedTuple):
    """Seconds of every round."""

    tiktoken: list[float]
    first_pass: list[float]
    second_pass: list[float]


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


def encode(tokenizer: Tokenizer, texts: list[str], threads: int) -> None:
    """All texts to arrays of ids, in threads that share the tokenizer."""
    batches = (texts[i : i + BATCH_DOCUMENTS] for i in range(0, len(texts), BATCH_DOCUMENTS))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda batch: [tokenizer.encode_array(text) for text in batch], batches))


def race(texts: list[str], tokenizer: Tokenizer, rival: tiktoken.Encoding, rounds: int) -> dict[int, Times]:
    """Seconds of every round, by number of threads."""
    times = {threads: Times([], [], []) for threads in THREADS}
    for _ in range(rounds):
        for threads, (theirs, first, second) in times.items():
            began = perf_counter()
            rival.encode_ordinary_batch(texts, num_threads=threads)
            theirs.append(perf_counter() - began)
            began = perf_counter()
            fresh = copy.copy(tokenizer)  # the vocabulary, and nothing that was remembered
            for seconds in (first, second):
                encode(fresh, texts, threads)
                seconds.append(perf_counter() - began)
                began = perf_counter()
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

    times = race(texts, tokenizer, rival, options.rounds)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{megabytes:.1f} MB, {len(texts)} documents, vocabulary {tokenizer.vocab_size}: the same ids")
    rows, ratios = [], {}
    for threads, contestants in times.items():
        medians = Times(*map(statistics.median, contestants))
        for name, seconds, rounds in zip(Times._fields, medians, contestants, strict=True):
            label, ratio = f"{name.replace('_', ' ')}, threads: {threads}", medians.tiktoken / seconds
            rows.append([label, f"{seconds:.2f}", f"{min(rounds):.2f}", f"{megabytes / seconds:.1f}", f"{ratio:.2f}"])
            ratios[label] = round(ratio, 3)
    print_table(["", "seconds", "(best)", "MB/s", "ratio"], rows)
    finish("tokenizer", ratios["first pass, threads: 2"], megabytes=round(megabytes, 1), ratios=ratios)


if __name__ == "__main__":
    main()
