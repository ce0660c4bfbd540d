"""Documents to ids in threads; answers come in the order of the documents.

Threads and not processes: BPE's compiled loops run without Python's lock, at some 30 MB/s a core.
Reading and splitting stay in the thread that asks: they run at some 100 MB/s, and need no help.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from primer.text.shards import Ids

if TYPE_CHECKING:
    from primer.text.tokenizer import Tokenizer

BATCH_CHARACTERS = 1 << 20  # to a thread at a time: 30 ms of its work

Encoded = tuple[Ids, list[int], list[int]]  # ids of a batch in a row; ids, and bytes, of each document


def in_batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Lists of documents of about BATCH_CHARACTERS."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def encode_all(
    batches: Iterator[list[str]], tokenizer: "Tokenizer", dtype: np.dtype[np.generic], workers: int
) -> Iterator[Encoded]:
    """Encode batches in threads; answers come in order."""
    waiting: deque[Future[Encoded]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for batch in batches:
            waiting.append(pool.submit(encode, tokenizer, batch, dtype))
            if len(waiting) > 2 * workers:  # bounded, or a fast reader would fill the memory
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def encode(tokenizer: "Tokenizer", texts: list[str], dtype: np.dtype[np.generic]) -> Encoded:
    """The ids of some documents, each begun by the document token, in one row."""
    document = np.array([tokenizer.document_id], dtype=dtype)
    rows = [np.concatenate([document, tokenizer.encode_array(text).astype(dtype)]) for text in texts]
    return np.concatenate(rows), [len(row) for row in rows], [len(text.encode()) for text in texts]


def num_cores() -> int:
    """The cores this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
