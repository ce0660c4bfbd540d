"""Corpora of the Hugging Face hub, streamed: hf:org/name[:subset][:split].

Nothing but the rows that are asked for is downloaded. `datasets` is an extra (`pip install primer-lm[hub]`),
for it brings a good deal with it and most corpora are files.
"""

from collections.abc import Iterator
from typing import Any

from primer.core.errors import CorpusError, UserError, suggest
from primer.text.corpus import SPLIT_WORDS, Corpus, CorpusConfig, Documents
from primer.text.readers import RowFormat, missing_field


def parse_hub_name(data: str) -> tuple[str, str | None, str | None]:
    """Name, subset and split. One word after the name is a split if it is the word for one, else a subset.

    >>> parse_hub_name("hf:HuggingFaceFW/fineweb-edu:sample-10BT")
    ('HuggingFaceFW/fineweb-edu', 'sample-10BT', None)
    >>> parse_hub_name("hf:roneneldan/TinyStories:train")
    ('roneneldan/TinyStories', None, 'train')
    """
    name, *rest = data.removeprefix("hf:").split(":")
    if not name or len(rest) > 2:
        raise CorpusError(
            f"{data!r} names no dataset; write hf:org/name, hf:org/name:subset or hf:org/name:subset:split."
        )
    if len(rest) == 1 and rest[0] in SPLIT_WORDS:
        rest = ["", rest[0]]
    subset, split, *_ = [*rest, "", ""]
    return name, subset or None, split or None


def open_hub(config: CorpusConfig) -> Corpus:
    """Open a dataset for streaming. Its own train and validation splits are honoured, if no split is named.

    Raises UserError if `datasets` is not installed, CorpusError if the dataset cannot be opened.
    """
    rows = RowFormat(config.field, config.broken_utf8)
    parts = {part: streaming(config.data, dataset, rows) for part, dataset in open_splits(config.data).items()}
    return Corpus(config.data, f"{config.data} {rows}", parts, config.validation_fraction)


def open_splits(data: str) -> dict[str, Any]:
    """The streamed splits to train on and, if the dataset has one for that, to hold out. Raises as `open_hub`."""
    splits, split = load_splits(data)
    return {part: splits[own] for part, own in choose_splits(data, split, splits).items()}


def load_splits(data: str) -> tuple[dict[str, Any], str | None]:
    """Every split of a dataset, streamed, and which one its name asks for. Raises as `open_hub`."""
    try:
        import datasets
    except ImportError as error:
        raise UserError(f"{data} needs the datasets package: pip install 'primer-lm[hub]'.") from error
    name, subset, split = parse_hub_name(data)
    try:
        return datasets.load_dataset(name, subset, streaming=True), split
    except (OSError, ValueError, RuntimeError) as error:  # not there, no network, no such subset, a script
        raise CorpusError(
            f"{data} could not be opened: {error}. Check the name and the network, "
            "or download the dataset and give its folder as the path."
        ) from error


def choose_splits(data: str, wanted: str | None, splits: dict[str, Any]) -> dict[str, str]:
    """Which of the dataset's splits to train on, and which to hold out if it has one for that."""
    if wanted is not None:
        if wanted not in splits:
            raise CorpusError(f"{data}: there is no split {wanted!r}: {suggest(wanted, splits)}.")
        return {"train": wanted}
    by_word = {SPLIT_WORDS.get(own, ""): own for own in splits}
    if "train" not in by_word:
        if len(splits) > 1:
            raise CorpusError(
                f"{data} has no split 'train'. Name one: hf:org/name:subset:split; {suggest('', splits)}."
            )
        return {"train": next(iter(splits))}
    return {part: by_word[part] for part in ("train", "validation") if part in by_word}


def streaming(data: str, dataset: Any, rows: RowFormat) -> Documents:
    """The texts of a streamed split; each call streams it again from its beginning."""

    def documents() -> Iterator[str]:
        # Only the text's column is fetched, where the files allow it (parquet does).
        columns = dataset.column_names
        if columns is not None and rows.field not in columns:
            raise CorpusError(missing_field(data, rows.field, columns))
        selected = dataset if columns is None else dataset.select_columns([rows.field])
        try:
            for number, row in enumerate(selected, start=1):
                if text := rows.text_of(row, f"{data}, row {number}"):
                    yield text
        except OSError as error:
            raise CorpusError(f"{data}: the stream broke off: {error}. Try again; what is done is kept.") from error

    return documents
