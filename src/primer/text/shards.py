"""Token files: ids on the disk, in the format of llm.c, read through memory maps.

    folder/  manifest.json       which corpus and tokenizer, and the counts of every shard
             tokenizer.json      (written by the tokenizer)
             train_000000.bin    256 int32 of header, then ids: uint16, or uint32 above 65,536 tokens
             validation_000000.bin

The header is (magic, version, number of tokens, 0, …): 20240520 and version 1 before uint16, 20240801 and
version 7 before uint32 (llm.c, dev/data/data_common.py; modded-nanogpt writes the first). All is
little-endian. Documents are whole, each begun by the document token. A shard is whole or absent.

Shapes: ids (N,) int64 when read.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from primer.core.errors import CorpusError
from primer.core.files import atomic_path, read_json, write_json
from primer.text.corpus import Split, look_up, split_word

Ids = np.ndarray[tuple[int], np.dtype[Any]]
Int64s = np.ndarray[tuple[int], np.dtype[np.int64]]

HEADER_INTS = 256
HEADER_BYTES = 4 * HEADER_INTS
# magic: (version, type of an id)
FORMATS: dict[int, tuple[int, np.dtype[Any]]] = {
    20240520: (1, np.dtype("<u2")),
    20240801: (7, np.dtype("<u4")),
}
MANIFEST = "manifest.json"


def shard_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smaller of the two types that holds every id."""
    return np.dtype("<u2") if vocab_size <= 1 << 16 else np.dtype("<u4")


def write_shard(path: Path, pieces: Sequence[Ids]) -> None:
    """Write one file of ids, which are given in pieces of one dtype, uint16 or uint32."""
    dtype = pieces[0].dtype.newbyteorder("<")
    magic, version = next((magic, version) for magic, (version, kind) in FORMATS.items() if kind == dtype)
    header = np.zeros(HEADER_INTS, dtype="<i4")
    header[:3] = magic, version, sum(len(piece) for piece in pieces)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(header.tobytes())
        for piece in pieces:
            file.write(piece.astype(dtype, copy=False).tobytes())


def read_header(path: Path) -> tuple[int, np.dtype[Any]]:
    """The number of ids in a file, and their type.

    Raises CorpusError if it is no shard, of a version unknown, empty, or not as long as it says.
    """
    size = path.stat().st_size
    header = np.fromfile(path, dtype="<i4", count=HEADER_INTS)
    if len(header) < HEADER_INTS or int(header[0]) not in FORMATS:
        raise CorpusError(
            f"{path} is no token shard: it does not begin with llm.c's header (256 int32, the first of them "
            f"{' or '.join(map(str, FORMATS))}). Make shards of a text with `primer prepare`."
        )
    version, dtype = FORMATS[int(header[0])]
    if int(header[1]) not in (1, version):  # writers of uint32 that copied llm.c's first format left it at 1
        raise CorpusError(f"{path} is a shard of version {header[1]}; known are 1 and {version}.")
    num_tokens = int(header[2])
    expected = HEADER_BYTES + num_tokens * dtype.itemsize
    if num_tokens <= 0:
        raise CorpusError(f"{path} is a shard without tokens. Remove it, or make it again.")
    if size != expected:
        raise CorpusError(
            f"{path} is {size:,} bytes long, but {num_tokens:,} tokens are {expected:,}: it was cut short or "
            "damaged. Copy or prepare it again."
        )
    return num_tokens, dtype


@dataclass(frozen=True)
class Totals:
    """Counts of a shard or a split. `bytes` is the documents' UTF-8, what bits per byte are divided by."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.documents + other.documents, self.tokens + other.tokens, self.bytes + other.bytes)


@dataclass(frozen=True)
class ShardInfo:
    """One line of the manifest."""

    file: str
    split: Split
    totals: Totals


@dataclass(frozen=True)
class Manifest:
    """What a folder of shards was made of, and how far it has come."""

    corpus: str
    corpus_fingerprint: str
    tokenizer_fingerprint: str
    vocab_size: int
    document_id: int
    shard_tokens: int
    shards: tuple[ShardInfo, ...] = ()
    is_complete: bool = False

    def of(self, split: Split) -> list[ShardInfo]:
        """The shards of a split, in order."""
        return [shard for shard in self.shards if shard.split == split]

    def totals(self, split: Split) -> Totals:
        """The counts of a whole split."""
        return sum((shard.totals for shard in self.of(split)), Totals())

    def with_shard(self, shard: ShardInfo) -> "Manifest":
        """The manifest after one more shard."""
        return replace(self, shards=(*self.shards, shard))

    def save(self, folder: Path) -> None:
        """Write manifest.json, with the totals of the splits for whoever reads it."""
        splits = {split: asdict(self.totals(split)) for split in ("train", "validation")}
        write_json(folder / MANIFEST, {**asdict(self), "splits": splits})

    @classmethod
    def load(cls, folder: Path) -> "Manifest | None":
        """The manifest of a folder; None if it has none. Raises CorpusError if it is not one of ours."""
        if not (folder / MANIFEST).is_file():
            return None
        values = read_json(folder / MANIFEST)
        try:
            del values["splits"]
            shards = [ShardInfo(s["file"], s["split"], Totals(**s["totals"])) for s in values.pop("shards")]
            return cls(**values, shards=tuple(shards))
        except (KeyError, TypeError) as error:
            raise CorpusError(
                f"{folder / MANIFEST} is no manifest of token shards: {error!r}. Give another folder."
            ) from error


class Shards:
    """The ids of one split, as one long row over all its files. Nothing is read before it is asked for."""

    def __init__(self, paths: Sequence[Path], manifest: Manifest | None = None) -> None:
        """Raises CorpusError if a file is no shard, is damaged, or its ids are of another type."""
        self.paths = list(paths)
        self.manifest = manifest  # None for shards that others made
        headers = [read_header(path) for path in self.paths]
        self.sizes = [num_tokens for num_tokens, _ in headers]
        self.dtype = headers[0][1]
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)])  # of each shard in the row, and the end
        self.num_tokens = int(self.starts[-1])
        for path, (_, dtype) in zip(self.paths, headers, strict=True):
            if dtype != self.dtype:
                raise CorpusError(
                    f"{self.paths[0]} holds {self.dtype} and {path} {dtype}: they are of different "
                    "tokenizers. Give the shards of one."
                )
        self._maps: dict[int, Ids] = {}

    @classmethod
    def open(cls, source: Path | str, split: Split) -> "Shards":
        """The shards of a split in a folder, or among the files that match a glob.

        Files that others made belong to the split that their name speaks of (fineweb_val_000000.bin); if no
        name does, all are for training. Raises CorpusError if there are none for this split.
        """
        path = Path(source).expanduser()
        manifest = Manifest.load(path) if path.is_dir() else None
        if manifest is not None:
            if not manifest.is_complete:
                raise CorpusError(f"{path} is not finished. Run the same `primer prepare` again; it goes on.")
            paths = [path / shard.file for shard in manifest.of(split)]
            check_against(manifest.of(split), paths)
            return cls(paths, manifest)
        paths = find_shards(path, split)
        if not paths:
            raise CorpusError(
                f"{path} holds no {split} shards. Give a folder or a glob with *.bin files of both splits, "
                "such as fineweb_*.bin, or make them with `primer prepare`."
            )
        return cls(paths)

    def shard(self, index: int) -> Ids:
        """All ids of one file, memory-mapped, in its own type."""
        if index not in self._maps:
            size = self.sizes[index]
            self._maps[index] = np.memmap(
                self.paths[index], dtype=self.dtype, mode="r", offset=HEADER_BYTES, shape=(size,)
            )
        return self._maps[index]

    def read(self, start: int, length: int) -> Int64s:
        """`length` ids from position `start` of the row, over the borders of files, as an int64 copy."""
        if not 0 <= start <= start + length <= self.num_tokens:
            raise IndexError(f"ids {start} to {start + length} of {self.num_tokens}")
        ids = np.empty(length, dtype=np.int64)
        index = int(np.searchsorted(self.starts, start, side="right")) - 1
        done = 0
        while done < length:
            begin = start + done - int(self.starts[index])
            piece = self.shard(index)[begin : begin + length - done]
            ids[done : done + len(piece)] = piece
            done += len(piece)
            index += 1
        return ids

    def document_starts(self, shard_index: int, document_id: int) -> Int64s:
        """Positions within one file at which documents begin. Reads the whole file."""
        return np.flatnonzero(self.shard(shard_index) == document_id)


def find_shards(path: Path, split: Split) -> list[Path]:
    """The files of a split in a folder or matching a glob, by name; if no name says, all are for training."""
    root, found = look_up(path)
    files = sorted(file for file in found if file.suffix == ".bin" or not path.is_dir())
    words = [split_word(file.relative_to(root).as_posix()) for file in files]
    if not any(words):
        return files if split == "train" else []
    return [file for file, word in zip(files, words, strict=True) if word == split]


def check_against(shards: list[ShardInfo], paths: list[Path]) -> None:
    """Raise CorpusError unless every shard of the manifest is there with as many tokens as it says."""
    for shard, path in zip(shards, paths, strict=True):
        if not path.is_file():
            raise CorpusError(f"{path} is missing. Run the same `primer prepare` again; it makes it.")
        if read_header(path)[0] != shard.totals.tokens:
            raise CorpusError(f"{path} is not the shard that {MANIFEST} speaks of. Prepare it again.")
