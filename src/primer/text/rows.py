"""Rows of data, each with the place it stands at, and what to do with those that do not fit.

A row is a line of a `.jsonl` file, an item of a `.json` list, a row of a `.parquet` file or of a dataset of the hub.
"""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from primer.core.errors import CorpusError
from primer.text.corpus import look_up, published_splits
from primer.text.readers import COMPRESSED, damaged, read_bytes, read_lines

OnBad = Literal["refuse", "skip"]
Row = tuple[str, Any]  # the place, for messages, and what stands there
FORMATS = (".jsonl", ".json", ".parquet")
PARQUET_ROWS = 1000  # read at a time: some megabytes of conversations


class BadRows:
    """Refuses the first row that does not fit, or counts them all while they are passed over."""

    def __init__(self, on_bad: OnBad) -> None:
        self.on_bad = on_bad
        self.count = 0
        self.first = ""

    def meet(self, place: str, reason: str) -> None:
        """Take note of a bad row. Raises CorpusError, with place and reason, if such rows are refused."""
        if self.on_bad == "refuse":
            raise CorpusError(
                f"{place}: {reason} Mend or remove that row, or pass over all that do not fit with --on-bad skip."
            )
        self.count += 1
        self.first = self.first or f"{place}: {reason}"

    def summary(self) -> str:
        """How many were passed over, and why the first one was; "" if there were none."""
        return f"{self.count:,} rows that do not fit were passed over; the first is {self.first}" if self.count else ""


def read_rows(source: str, bad: BadRows) -> Iterator[Row]:
    """The rows of a file, folder or glob, or of the hub (hf:org/name[:subset][:split]), in order.

    Of a source that is published in splits it is the training split. Raises CorpusError if there is nothing there, or
    it is damaged.
    """
    if source.startswith("hf:"):
        yield from read_hub(source)
        return
    for file in find_row_files(Path(source).expanduser()):
        try:
            yield from read_parquet(file) if row_format(file) == ".parquet" else read_json(file, bad)
        except (OSError, EOFError, zlib.error) as error:  # gzip's own error is an OSError
            raise damaged(file, error) from error


def find_row_files(path: Path) -> list[Path]:
    """The files of rows at a path, in the order of their names; hidden ones only if they are named."""
    root, found = look_up(path)
    names = {file: file.relative_to(root) for file in found if file.is_file() and row_format(file)}
    files = [file for file in names if path.is_file() or not any(part.startswith(".") for part in names[file].parts)]
    if not files:
        raise CorpusError(
            f"{path} holds no rows in a known format ({' '.join(FORMATS)}, the first two also with "
            f"{' or '.join(COMPRESSED)}). Convert it, or give another path."
        )
    return published_splits(root, sorted(files, key=lambda file: names[file].as_posix()))["train"]


def row_format(path: Path) -> str:
    """The format of a file by its name, "" if it is none of rows.

    >>> row_format(Path("a.jsonl.gz")), row_format(Path("a.json")), row_format(Path("a.txt"))
    ('.jsonl', '.json', '')
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_packed = bool(suffixes) and suffixes[-1] in COMPRESSED
    last = (suffixes[:-1] if is_packed else suffixes)[-1:]
    return last[0] if last and last[0] in FORMATS and not (is_packed and last[0] == ".parquet") else ""


def read_json(path: Path, bad: BadRows) -> Iterator[Row]:
    """The items of a list, or one row a line, which many files called `.json` hold as well."""
    beginnings = (line.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] for line in read_lines(path))
    if row_format(path) == ".jsonl" or next(filter(None, beginnings), b"") != b"[":
        yield from read_jsonl(path, bad)
        return
    try:
        items = json.loads(b"".join(read_bytes(path)).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    yield from ((f"{path}, row {number}", item) for number, item in enumerate(items, start=1))


def read_jsonl(path: Path, bad: BadRows) -> Iterator[Row]:
    """One row a line; lines without anything are passed over."""
    for number, raw in enumerate(read_lines(path), start=1):
        place = f"{path}, line {number}"
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            if line.strip():
                row = json.loads(line)
                yield place, row
        except UnicodeDecodeError as error:
            bad.meet(place, f"it is not UTF-8 (byte {error.start} of the line is 0x{raw[error.start]:02x}).")
        except (ValueError, RecursionError) as error:
            bad.meet(place, f"it is not JSON ({error}).")


def read_parquet(path: Path) -> Iterator[Row]:
    """One row a row, a thousand in memory."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            rows = (row for batch in file.iter_batches(PARQUET_ROWS) for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield f"{path}, row {number}", without_nulls(row)
    except (pyarrow.ArrowInvalid, UnicodeDecodeError) as error:
        raise damaged(path, error) from error


def read_hub(source: str) -> Iterator[Row]:
    """One row a row of a streamed dataset."""
    from primer.text.hub import open_splits

    try:
        for number, row in enumerate(open_splits(source)["train"], start=1):
            yield f"{source}, row {number}", without_nulls(row)
    except OSError as error:
        raise CorpusError(f"{source}: the stream broke off: {error}. Try again.") from error


def without_nulls(value: Any) -> Any:
    """A value of a table without the fields that are null: a table gives every struct the fields of all others."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
