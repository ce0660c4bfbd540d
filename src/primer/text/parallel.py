"""Documents to ids in worker processes; answers come in the order of the documents.

Processes and not threads, for most of the time goes into Python's own dictionary of pieces; 5 MB/s a core.
Reading and splitting stay in the process that asks: they run at some 100 MB/s, and need no help.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from primer.core.errors import UserError
from primer.text.shards import Ids

if TYPE_CHECKING:
    from primer.text.tokenizer import Tokenizer

BATCH_CHARACTERS = 1 << 20  # to a worker at a time: a fifth of a second of its work
INLINE_BATCHES = 16  # fewer take 3 s in this process, about what starting and warming up the others costs

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
    batches: Iterator[list[str]],
    tokenizer: "Tokenizer",
    dtype: np.dtype[np.generic],
    folder: Path,
    workers: int,
) -> Iterator[Encoded]:
    """Encode batches in worker processes, which load the tokenizer from `folder`; answers come in order."""
    first = list(islice(batches, INLINE_BATCHES))
    if workers == 1 or len(first) < INLINE_BATCHES:
        for batch in chain(first, batches):
            yield encode(tokenizer, batch, dtype)
        return
    # Spawned, for a fork would copy the locks of this process's threads in whatever state they are.
    context = multiprocessing.get_context("spawn")
    waiting: deque[Future[Encoded]] = deque()
    with ProcessPoolExecutor(workers, context, initializer=follow_parent) as pool:
        try:
            for batch in chain(first, batches):
                waiting.append(pool.submit(encode_in_worker, folder, batch, dtype))
                if len(waiting) > 2 * workers:  # bounded, or a fast reader would fill the memory
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, most likely for want of memory. Run the same command again "
                f"with fewer than {workers} --workers; the shards that are whole are kept."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def encode(tokenizer: "Tokenizer", texts: list[str], dtype: np.dtype[np.generic]) -> Encoded:
    """The ids of some documents, each begun by the document token, in one row."""
    document = np.array([tokenizer.document_id], dtype=dtype)
    rows = [np.concatenate([document, tokenizer.encode_array(text).astype(dtype)]) for text in texts]
    return np.concatenate(rows), [len(row) for row in rows], [len(text.encode()) for text in texts]


def encode_in_worker(folder: Path, texts: list[str], dtype: np.dtype[np.generic]) -> Encoded:
    """`encode` where the tokenizer is a file: sent along, it would be pickled and rebuilt for every batch."""
    return encode(load_tokenizer(folder), texts, dtype)


@lru_cache(maxsize=1)
def load_tokenizer(folder: Path) -> "Tokenizer":
    """The tokenizer in a folder, loaded once a process."""
    from primer.text.tokenizer import Tokenizer

    return Tokenizer.load(folder)


def follow_parent() -> None:
    """In a worker: leave Ctrl-C to the parent, and end when the parent does, even if it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def num_cores() -> int:
    """The cores this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
