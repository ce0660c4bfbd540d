"""The rows that a task's questions are made of: jsonl or parquet files, or a dataset of the hub, in splits.

Which row is in which split:

1. As published, where the names of files (`train.jsonl` beside `test-00000.parquet`) or the hub say so. Some tasks
   keep their test answers secret; of these the validation split is what everyone reports, and counts as the test.
2. Where there is no validation split, a twentieth of the training rows, chosen by a hash of the row, is one.
3. A single file whose name says nothing is a test: all of it is asked, none of it learned from. Only a task that was
   published as one lump and is asked for training (`divide`) is cut by the hash: four fifths to learn from.
"""

import json
import random
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from primer.core.errors import CorpusError, UserError, suggest
from primer.tasks.task import Choice, Question, Split
from primer.text.corpus import SPLIT_WORDS, is_held_out, look_up, split_word
from primer.text.hub import load_splits
from primer.text.readers import damaged
from primer.text.rows import FORMATS, BadRows, read_json, read_parquet, row_format, without_nulls

Item = TypeVar("Item", Question, Choice)
VALIDATION_SHARE, TEST_SHARE = 0.05, 0.2


class TaskError(UserError):
    """A task that cannot be used: no such rows, a row without its fields, a key that fits no choice."""


@dataclass(frozen=True)
class Row:
    """One row, and where it stands, for the person who must mend it."""

    place: str
    fields: dict[str, Any]

    def get(self, *names: str) -> Any:
        """The first of these fields that the row has. Raises TaskError if it has none of them."""
        for name in names:
            if self.fields.get(name) is not None:
                return self.fields[name]
        raise self.error(f"has no field {' or '.join(map(repr, names))}; it has {', '.join(self.fields) or 'none'}")

    def text(self, *names: str) -> str:
        """The same for text, stripped. Raises TaskError if there is none, or it is of another type."""
        value = self.get(*names)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"has {value!r} for {' or '.join(map(repr, names))}, and should have text")
        return value.strip()

    def error(self, what: str) -> TaskError:
        """An error about this row."""
        return TaskError(f"{self.place}: the row {what}. Mend or remove it.")


@dataclass(frozen=True)
class Rows:
    """Rows by split, from a file, a folder, a glob, or hf:org/name[:subset][:split]."""

    place: str
    validation_is_test: bool = False
    """The published test split has no answers."""
    divide: bool = False
    """Cut what was published in one lump."""

    def read(self, split: Split, seed: int = 0) -> list[Row]:
        """All rows of a split, shuffled by the seed, so that the first few are not all of one subject.

        Raises TaskError if there is no such split, or a row is broken.
        """
        rows = list(self._read(split))
        if not rows and split == "validation":  # a twentieth of a few rows, by hash, can be none
            rows = list(self._read("train"))
        if not rows:
            raise TaskError(f"the {split} split of {self.place} holds no rows. Give another file.")
        random.Random(f"{split}/{seed}").shuffle(rows)
        return rows

    def _read(self, split: Split) -> Iterator[Row]:
        parts = open_hub(self.place) if self.place.startswith("hf:") else open_files(self.place)
        if self.divide and len(parts) == 1:
            [read] = parts.values()
            return (row for row in read() if hashed_split(row) == split)
        if self.validation_is_test and "validation" in parts:
            parts["test"] = parts.pop("validation")
        if "train" in parts and "validation" not in parts and split != "test":
            wanted = split == "validation"
            return (row for row in parts["train"]() if is_held_out(key(row), VALIDATION_SHARE) == wanted)
        if split not in parts:
            raise TaskError(
                f"{self.place} has no {split} rows; it has: {', '.join(sorted(parts))}. "
                f"Give a folder with a {split} file, or a file with {split} in its name."
            )
        return parts[split]()


@dataclass(frozen=True)
class RowTask(Generic[Item]):
    """A task whose questions are rows."""

    name: str
    rows: Rows
    convert: Callable[[Row], Item]
    wanted: Callable[[Row], bool] | None = None
    """Which rows to ask; None: all."""

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> list[Item]:
        """The rows of a split as questions. Raises TaskError as `Rows.read` and `convert` do."""
        rows = [row for row in self.rows.read(split, seed) if self.wanted is None or self.wanted(row)]
        return [self.convert(row) for row in rows[: limit or None]]


def key(row: Row) -> str:
    """What the hash of a row is taken of."""
    return json.dumps(row.fields, sort_keys=True, default=str)


def hashed_split(row: Row) -> Split:
    """The split that the hash of a row says it is in."""
    if is_held_out(key(row), TEST_SHARE):
        return "test"
    share = TEST_SHARE + (1 - TEST_SHARE) * VALIDATION_SHARE
    return "validation" if is_held_out(key(row), share) else "train"


def open_files(place: str) -> dict[str, Callable[[], Iterator[Row]]]:
    """The splits of a file, folder or glob, by the names of the files. Raises TaskError if there are no rows."""
    try:
        root, found = look_up(Path(place).expanduser())
    except CorpusError as error:
        raise TaskError(str(error)) from error
    files = sorted(file for file in found if row_format(file))
    if not files:
        raise TaskError(f"{place} holds no file of rows ({' '.join(FORMATS)}). Give one, or a folder of them.")
    words = {file: split_of_file(file.relative_to(root).as_posix()) for file in files}
    if set(words.values()) == {""}:
        words = dict.fromkeys(files, "test")
    named = {word for word in words.values() if word}

    def reader(word: str) -> Callable[[], Iterator[Row]]:
        return lambda: (row for file in files if words[file] == word for row in read_file(file))

    return {word: reader(word) for word in named}


def split_of_file(name: str) -> str:
    """The split that a file's name speaks of; the development rows of MMLU are for validation.

    >>> split_of_file("main/test-00000-of-00001.parquet"), split_of_file("dev.jsonl"), split_of_file("mine.jsonl")
    ('test', 'validation', '')
    """
    return split_word(name) or ("validation" if "dev" in re.split(r"[^a-z]+", name.lower()) else "")


def read_file(path: Path) -> Iterator[Row]:
    """The rows of one file, in order. Raises TaskError naming the line of what is no row."""
    try:
        found = read_parquet(path) if row_format(path) == ".parquet" else read_json(path, Mend("refuse"))
        for place, fields in found:
            if not isinstance(fields, dict):
                raise TaskError(f"{place}, is {type(fields).__name__}, not an object with fields. Mend that row.")
            yield Row(place, fields)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, error) from error


class Mend(BadRows):
    """Refuses every row that cannot be read: a test with questions left out measures something else."""

    def meet(self, place: str, reason: str) -> None:
        raise TaskError(f"{place}: {reason} Mend or remove that row.")


def open_hub(place: str) -> dict[str, Callable[[], Iterator[Row]]]:
    """The splits of a dataset of the hub, streamed.

    Raises UserError if `datasets` is not installed, TaskError if the dataset cannot be opened.
    """
    try:
        splits, only = load_splits(place)
    except CorpusError as error:
        raise TaskError(f"{error} For a task that is NAME:PATH.") from error
    if only is not None and only not in splits:
        raise TaskError(f"{place}: there is no split {only!r}; {suggest(only, splits)}")

    def reader(split: str) -> Callable[[], Iterator[Row]]:
        return lambda: (Row(f"{place}, row {i}", without_nulls(row)) for i, row in enumerate(splits[split], start=1))

    chosen = {only: only} if only else {SPLIT_WORDS.get(split, ""): split for split in splits}
    return {(SPLIT_WORDS.get(word) or word or "test"): reader(split) for word, split in chosen.items()}
