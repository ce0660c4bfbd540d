"""Files to documents: one reader a format, each streaming, each naming the place of what it cannot read.

A `.txt` or `.md` file is one document; a `.jsonl` line or a `.parquet` row is one, its text in a named field.
`.gz` and `.zst` around the first three are opened as they are read. Empty documents are left out.

Text files lose a byte-order mark, and their line ends become "\\n" (as in Python's text mode), for a "\\r" is
a token of its own that a model would learn for nothing. Rows are published as data and stay as they are.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from primer.core.errors import CorpusError, suggest

BrokenUtf8 = Literal["refuse", "replace"]
PIECE = 1 << 16  # bytes read at a time; a compressed piece of this size unpacks to a megabyte or so


@dataclass(frozen=True)
class RowFormat:
    """What a reader must be told besides the file."""

    field: str = "text"
    broken_utf8: BrokenUtf8 = "refuse"

    def decode(self, raw: bytes, place: str, offset: int = 0) -> str:
        """UTF-8 to text. `offset` is where `raw` begins in the file, so that the message has the file's byte.

        >>> RowFormat(broken_utf8="replace").decode(b"caf\\xe9", "menu.txt")
        'caf\ufffd'

        Raises CorpusError with place and byte if the text is broken and is to be refused.
        """
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            if self.broken_utf8 == "replace":
                return raw.decode("utf-8", errors="replace")
            raise CorpusError(
                f"{place} is not UTF-8: byte {offset + error.start} is 0x{raw[error.start]:02x} "
                f"({error.reason}). Convert the file (iconv -f ENCODING -t UTF-8), or replace what is broken "
                "by U+FFFD with --broken-utf8 replace."
            ) from error

    def text_of(self, row: object, place: str) -> str:
        """The text of one row, "" if it is null. Raises CorpusError if the row has none."""
        if not isinstance(row, dict):
            raise CorpusError(f"{place} is {type(row).__name__}, not an object with a field {self.field!r}.")
        if self.field not in row:
            raise CorpusError(missing_field(place, self.field, list(row)))
        text = row[self.field]
        if text is not None and not isinstance(text, str):
            raise CorpusError(f"{place}: the field {self.field!r} holds {type(text).__name__}, not text.")
        # JSON can spell half a surrogate pair (\ud83d), which is a str in Python but no UTF-8.
        return self.decode((text or "").encode("utf-8", errors="surrogatepass"), place)


def missing_field(place: str, field: str, fields: list[str]) -> str:
    """The message for rows without the field asked for."""
    hint = suggest(field, fields) if fields else "there are none"
    return f"{place} has no field {field!r}: {hint}. Name the field that holds the text with --field."


def read_text(path: Path, rows: RowFormat) -> Iterator[str]:
    """The whole file as one document."""
    raw = b"".join(read_bytes(path))
    text = rows.decode(raw, str(path)).removeprefix("\ufeff")
    yield text.replace("\r\n", "\n").replace("\r", "\n")


def read_jsonl(path: Path, rows: RowFormat) -> Iterator[str]:
    """One document a line. Raises CorpusError with file and line for a row that is no JSON or has no text."""
    offset = 0
    for number, raw in enumerate(read_lines(path), start=1):
        place = f"{path}, line {number}"
        line = rows.decode(raw, place, offset).removeprefix("\ufeff" if number == 1 else "")
        offset += len(raw)
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise CorpusError(f"{place} is not JSON: {error}. Mend or remove that line.") from error
            yield rows.text_of(row, place)


def read_parquet(path: Path, rows: RowFormat) -> Iterator[str]:
    """One document a row; a row group at a time is in memory, and of it only the text's column."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            schema = file.schema_arrow
            if rows.field not in schema.names:
                raise CorpusError(missing_field(str(path), rows.field, schema.names))
            first_row = 1
            for group in range(file.num_row_groups):
                column = file.read_row_group(group, columns=[rows.field]).column(0)
                # As bytes, for pyarrow trusts the writer: a string column can hold broken UTF-8.
                for number, raw in enumerate(column.cast(pyarrow.large_binary()), start=first_row):
                    yield rows.decode(raw.as_py() or b"", f"{path}, row {number}")
                first_row += len(column)
    except pyarrow.ArrowNotImplementedError as error:
        kind = schema.field(rows.field).type
        raise CorpusError(f"{path}: the field {rows.field!r} holds {kind}, not text. Name one with --field.") from error
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise damaged(path, error) from error


READERS: dict[str, Callable[[Path, RowFormat], Iterator[str]]] = {
    ".txt": read_text,
    ".md": read_text,
    ".jsonl": read_jsonl,
    ".parquet": read_parquet,
}
COMPRESSED = (".gz", ".zst")
ROWS = (".jsonl", ".parquet")


def extension(path: Path) -> str:
    """The format of a file by its name: `.jsonl` for `a.jsonl` and for `a.jsonl.zst`, "" if it is not known.

    >>> extension(Path("books/a.jsonl.zst")), extension(Path("a.tar.gz"))
    ('.jsonl', '')
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes.pop() if suffixes else ""
    if last in COMPRESSED and suffixes and suffixes[-1] in READERS and suffixes[-1] != ".parquet":
        return suffixes[-1]
    return last if last in READERS else ""


def read_file(path: Path, rows: RowFormat) -> Iterator[str]:
    """The documents of one file, in order, without the empty ones. Raises CorpusError for a broken file."""
    try:
        for text in READERS[extension(path)](path, rows):
            if text:
                yield text
    except (OSError, EOFError, zlib.error) as error:  # gzip's own error is an OSError
        raise damaged(path, error) from error


def read_bytes(path: Path) -> Iterator[bytes]:
    """The file in pieces, decompressed if its name says so. Raises EOFError if it was cut short."""
    if path.suffix.lower() == ".zst":
        yield from read_zstandard(path)
    else:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece


def read_zstandard(path: Path) -> Iterator[bytes]:
    """Frame by frame by hand, for zstandard's own stream reader ends silently where a file was cut."""
    import zstandard

    frame = None
    with path.open("rb") as file:
        while raw := file.read(PIECE):
            while raw:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                try:
                    yield frame.decompress(raw)
                except zstandard.ZstdError as error:
                    raise OSError(str(error)) from error
                raw = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("the file ends in the middle of a frame")


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, each with its "\\n"; as bytes, so that offsets in the file stay known."""
    rest = b""
    for piece in read_bytes(path):
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def damaged(path: Path, error: Exception) -> CorpusError:
    """The error for a file that its own format, or the disk, says is broken."""
    return CorpusError(f"{path} cannot be read: {error}. It is damaged, cut short, or not what its name says.")
