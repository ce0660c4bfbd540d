"""Documents to learn from: files, a dataset of the hub, or a built-in corpus, and which of them are held out.

The split, one rule for all, that depends on the documents and on nothing else:

1. Where the corpus is published in splits (`train-00000.parquet` beside `validation-00000.parquet`, a folder
   `val/`, a hub dataset with both), these are honoured.
2. Else the hash of a document's text says on which side it falls, so that a document keeps its side wherever
   it stands, and a copy of it cannot stand on the other.
3. A corpus of one long text, or of too few documents for rule 2 (under 20, or all on one side), is cut: the
   last tenth of the characters of each document is held out. For one text this is nanoGPT's split.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from glob import has_magic
from pathlib import Path
from typing import Literal

from primer.core.errors import ConfigError, CorpusError, suggest
from primer.text.readers import COMPRESSED, READERS, ROWS, BrokenUtf8, RowFormat, extension, read_file
from primer.text.shakespeare import (
    CLEANING,
    TINY_SHA256,
    WHEEL_SHA256,
    shakespeare_folder,
    tinyshakespeare_file,
)

Split = Literal["train", "validation"]
Documents = Callable[[], Iterator[str]]  # each call starts again at the first document

MIN_DOCUMENTS = 20  # below it, one document that the hash holds out could be half the text
HASHED_SHARE, CUT_SHARE = 0.05, 0.1

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
BUILT_IN = {
    "shakespeare": (shakespeare_folder, f"{WHEEL_SHA256}-{CLEANING}"),
    "tinyshakespeare": (tinyshakespeare_file, TINY_SHA256),
}


@dataclass(frozen=True)
class CorpusConfig:
    """Which text to learn from, and how to read it."""

    data: str
    """File, folder or glob of .txt .md .jsonl .parquet (or .gz .zst of the first three);
    hf:org/name[:subset][:split]; or a built-in corpus: shakespeare, tinyshakespeare."""
    field: str = "text"
    """The field of a .jsonl, .parquet or hub row that holds its text."""
    broken_utf8: BrokenUtf8 = "refuse"
    """What to do with bytes that are no UTF-8: stop and name the place, or put U+FFFD in theirs."""
    validation_fraction: float | None = None
    """Share held out of a corpus not published in splits. None: 0.05 of many documents, 0.1 of one text."""


class Corpus:
    """Documents in two splits, streamed, in a stable order, as often as wanted. Made by `open_corpus`."""

    def __init__(self, name: str, identity: str, parts: Mapping[str, Documents], fraction: float | None = None) -> None:
        """`parts` is the corpus as published: "train" and "validation", or "train" alone, to be split here.

        `identity` changes when the documents do; `fingerprint` is made of it.
        """
        self.name = name
        self.identity = identity
        self.parts = parts
        self.fraction = fraction
        self.is_cut: bool | None = None  # by rule 3; None until the documents have been looked at

    def fingerprint(self) -> str:
        """16 hex digits that change when the source or the split does. Cheap: no document is read."""
        spec = f"{self.identity} {sorted(self.parts)} {self.fraction}"
        return hashlib.sha256(spec.encode()).hexdigest()[:16]

    def documents(self, split: Split) -> Iterator[str]:
        """The documents of one split. Raises CorpusError if there are none, or one cannot be read."""
        is_empty = True
        for text in self._documents(split):
            is_empty = False
            yield text
        if is_empty:
            raise CorpusError(
                f"the {split} split of {self.name} is empty: the text is too short to be split. "
                "Give more text, or another --validation-fraction."
            )

    def _documents(self, split: Split) -> Iterator[str]:
        if "validation" in self.parts:
            return self.parts[split]()
        if self.is_cut is None:
            self.is_cut = self._must_be_cut()
        everything = self.parts["train"]()
        if self.is_cut:
            return cut(everything, split, self.fraction or CUT_SHARE)
        share = self.fraction or HASHED_SHARE
        return (text for text in everything if is_held_out(text, share) == (split == "validation"))

    def _must_be_cut(self) -> bool:
        """Rule 3 of the split. Reads no further than the first held-out document, or about 20."""
        sides = set()
        count = 0
        for count, text in enumerate(self.parts["train"](), start=1):
            sides.add(is_held_out(text, self.fraction or HASHED_SHARE))
            if count >= MIN_DOCUMENTS and len(sides) == 2:
                return False
        if count == 0:
            raise CorpusError(f"{self.name} holds no text. Give a file with something in it.")
        return True


def is_held_out(text: str, share: float) -> bool:
    """Whether the hash of a document, as a number in [0, 1), falls below `share`."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def cut(documents: Iterable[str], split: Split, share: float) -> Iterator[str]:
    """The first part of each document for training, the last `share` of its characters for validation.

    >>> list(cut(["0123456789"], "train", 0.1)), list(cut(["0123456789"], "validation", 0.1))
    (['012345678'], ['9'])
    """
    for text in documents:
        border = int(len(text) * (1 - share))
        if piece := text[:border] if split == "train" else text[border:]:
            yield piece


def open_corpus(config: CorpusConfig) -> Corpus:
    """Find a corpus. Of files only the names are looked at; a built-in corpus is fetched if it is not cached.

    A built-in name wins over a file of that name; `./shakespeare` is the file or folder.

    Raises CorpusError if nothing is there, or nothing of a known format, or all is empty; ConfigError for an
    impossible fraction.
    """
    if not config.data:
        raise CorpusError("no corpus is named. Give a file, a folder, a glob, hf:org/name, or shakespeare.")
    if config.validation_fraction is not None and not 0 < config.validation_fraction < 1:
        raise ConfigError(
            f"--validation-fraction is {config.validation_fraction}; it is a share between 0 and 1, as 0.05."
        )
    if config.data.startswith("hf:"):
        from primer.text.hub import open_hub

        return open_hub(config)
    if config.data in BUILT_IN:
        fetch, identity = BUILT_IN[config.data]
        return file_corpus(config, fetch(), identity)
    return file_corpus(config, Path(config.data).expanduser())


def file_corpus(config: CorpusConfig, path: Path, identity: str | None = None) -> Corpus:
    """The corpus of a file, folder or glob; its identity is the names, sizes and times of the files."""
    root, files = find_files(path)
    rows = RowFormat(config.field, config.broken_utf8)
    if identity is None:
        stats = [(file.relative_to(root).as_posix(), file.stat()) for file in files]
        identity = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    parts = {part: reading(names, rows) for part, names in published_splits(root, files).items()}
    return Corpus(config.data, f"{identity} {rows}", parts, config.validation_fraction)


def reading(files: list[Path], rows: RowFormat) -> Documents:
    """All documents of the files, one file after the other."""
    return lambda: (text for file in files for text in read_file(file, rows))


def find_files(path: Path) -> tuple[Path, list[Path]]:
    """The root that names are relative to, and the files of a known format, in the order of their names.

    In a folder (searched to the bottom) hidden files and unknown formats are passed over, and beside rows
    also the README and LICENSE that describe them.
    """
    root, found = look_up(path)
    names = {file: file.relative_to(root) for file in found if file.is_file()}
    files = [file for file in names if extension(file)]
    if not path.is_file():
        files = [file for file in files if not any(part.startswith(".") for part in names[file].parts)]
    if any(extension(file) in ROWS for file in files):
        files = [file for file in files if file.stem.lower() not in ("readme", "license")]
    if not files:
        raise CorpusError(
            f"{path} holds no text of a known format ({' '.join(READERS)}, the first three also with "
            f"{' or '.join(COMPRESSED)}), but {len(names)} other files. Convert it, or give another path."
        )
    if not any(file.stat().st_size for file in files):
        raise CorpusError(f"{path} is empty. Give a text with something in it.")
    return root, sorted(files, key=lambda file: names[file].as_posix())


def look_up(path: Path) -> tuple[Path, list[Path]]:
    """The part of the path that is no pattern, and all that lies under it. Raises CorpusError if nothing."""
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        return path, list(path.rglob("*"))
    if not has_magic(str(path)):
        raise CorpusError(missing(path))
    fixed = next(i for i, part in enumerate(path.parts) if has_magic(part))
    root = Path(*path.parts[:fixed])
    found = list(root.glob(str(Path(*path.parts[fixed:]))))
    if not found:
        raise CorpusError(f"no file matches {path}. Check the pattern; quote it, so that the shell leaves it alone.")
    return root, found


def missing(path: Path) -> str:
    """What to say of a path that does not exist: a bare word may have been meant as a built-in corpus."""
    if len(path.parts) == 1 and not path.suffix:
        hint = suggest(path.name, BUILT_IN)
        return f"there is no file or folder {path.name!r}, and no built-in corpus of that name: {hint}"
    names = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "give a file, a folder or a glob."
    return f"{path} does not exist; {hint}"


def split_word(name: str) -> str:
    """The split that a file's name, or a folder on its way, speaks of; "" if none. The last word counts.

    >>> split_word("val/part-01.jsonl"), split_word("fineweb_train_000001.bin"), split_word("trains.txt")
    ('validation', 'train', '')
    """
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLIT_WORDS[word] for word in reversed(words) if word in SPLIT_WORDS), "")


def published_splits(root: Path, files: list[Path]) -> dict[str, list[Path]]:
    """{"train": …, "validation": …} if the names of the files say so, else {"train": all of them}.

    A test file beside a training file is nobody's: it is not trained on.
    """
    words = {file: split_word(file.relative_to(root).as_posix()) for file in files}
    held_out = [file for file in files if words[file] == "validation"]
    train = [file for file in files if words[file] not in ("validation", "test")]
    if train and held_out:
        return {"train": train, "validation": held_out}
    return {"train": train if "train" in words.values() else files}
