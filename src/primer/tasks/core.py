"""CORE: 22 tasks that a base model is asked as plain text, the measure of the DCLM paper (Li et al. 2024,
arXiv 2406.11794), and of nanochat, with whose figures these compare.

The public evaluation bundle is a folder: `core.yaml` lists the tasks, `eval_meta_data.csv` what guessing scores, and
`eval_data/` holds the rows. Three kinds of row: *multiple choice* (a query, and choices to follow it), *schema*
(contexts that differ, and one continuation), *language modelling* (a context, and what the model must write, exactly).

What must be as in nanochat for figures to compare: rows are shuffled with seed 1337; the examples shown before row i
are drawn with seed 1234 + i from the other rows, of those left after a limit; options are compared by mean
log-probability per token; a task's accuracy is centred, 0 for guessing and 1 for all right, and CORE is the mean.
"""

import csv
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from primer.core.errors import ConfigError
from primer.tasks.rows import Row, TaskError, read_file
from primer.tasks.task import Choice, Split

ORDER_SEED, EXAMPLES_SEED = 1337, 1234


@dataclass(frozen=True)
class CoreTask:
    """One entry of core.yaml."""

    label: str
    dataset_uri: str
    icl_task_type: str
    num_fewshot: int
    continuation_delimiter: str = " "


class Core:
    """The tasks of a bundle."""

    name = "core"

    def __init__(self, folder: Path) -> None:
        """Raises TaskError if the folder is no bundle, or has none of its tasks' rows."""
        self.folder = folder
        for name in ("core.yaml", "eval_meta_data.csv", "eval_data"):
            if not (folder / name).exists():
                raise TaskError(f"{folder} is no CORE bundle: {name} is missing. Give the folder that holds it.")
        listed = [core_task(entry, folder) for entry in read_entries(folder / "core.yaml")]
        self.tasks = [task for task in listed if self.file(task).is_file()]
        self.missing = [task.label for task in listed if not self.file(task).is_file()]
        self.baselines = read_baselines(folder / "eval_meta_data.csv")
        if not self.tasks:
            raise TaskError(f"{folder / 'eval_data'} holds the rows of none of the tasks. Give the whole bundle.")
        for task in self.tasks:
            if task.label not in self.baselines:
                raise TaskError(f"{folder / 'eval_meta_data.csv'} does not say what guessing scores on {task.label}.")

    def file(self, task: CoreTask) -> Path:
        """Where a task's rows are."""
        return self.folder / "eval_data" / task.dataset_uri

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> list[Choice]:
        """All tasks, one after the other, with their labels as groups. `limit` counts all together; the seed is
        the measure's own."""
        if split != "test":
            raise TaskError("core is for measuring only: it has no rows to train on.")
        per_task = -(-limit // len(self.tasks)) if limit else 0
        return [choice for task in self.tasks for choice in self.choices(task, per_task)]

    def choices(self, task: CoreTask, limit: int = 0) -> list[Choice]:
        """The rows of one task, each with its examples before it; the first `limit`, if it is not 0."""
        rows = list(read_file(self.file(task)))
        random.Random(ORDER_SEED).shuffle(rows)
        if limit:
            rows = rows[: max(limit, task.num_fewshot + 1)]
        render = KINDS[task.icl_task_type]
        return [render(task, row, examples(rows, i, task)) for i, row in enumerate(rows[: limit or None])]

    def centred(self, label: str, accuracy: float) -> float:
        """An accuracy as a share of the way from guessing to all right; below 0 if guessing is better."""
        return (accuracy - self.baselines[label]) / (1 - self.baselines[label])


def examples(rows: Sequence[Row], index: int, task: CoreTask) -> list[Row]:
    """The rows that are shown, with their answers, before row `index`. Raises TaskError if there are too few."""
    num_others = len(rows) - 1
    if task.num_fewshot > num_others:
        raise TaskError(
            f"{task.label} shows {task.num_fewshot} examples before a question, and has {num_others} other rows. "
            "Give the whole file."
        )
    drawn = random.Random(EXAMPLES_SEED + index).sample(range(num_others), task.num_fewshot)
    return [rows[i + (i >= index)] for i in drawn]  # numbered without row `index`


def multiple_choice(task: CoreTask, row: Row, shown: Sequence[Row]) -> Choice:
    """One context, several options."""
    before = [f"{raw(r, 'query')}{task.continuation_delimiter}{options(r)[gold(r)]}\n\n" for r in shown]
    context = "".join([*before, raw(row, "query"), task.continuation_delimiter])
    return Choice((context,), tuple(options(row)), gold(row), task.label)


def schema(task: CoreTask, row: Row, shown: Sequence[Row]) -> Choice:
    """Several contexts, one continuation."""
    delimiter = task.continuation_delimiter
    before = "".join(f"{contexts(r)[gold(r)]}{delimiter}{raw(r, 'continuation')}\n\n" for r in shown)
    ways = tuple(f"{before}{context}{delimiter}" for context in contexts(row))
    return Choice(ways, (raw(row, "continuation"),), gold(row), task.label)


def language_modelling(task: CoreTask, row: Row, shown: Sequence[Row]) -> Choice:
    """One context, one option. The space between them belongs to the option, for tokens begin with their space."""
    delimiter = task.continuation_delimiter
    before = "".join(f"{raw(r, 'context').strip()}{delimiter}{raw(r, 'continuation')}\n\n" for r in shown)
    prompt = f"{before}{raw(row, 'context').strip()}{delimiter}"
    context = prompt.rstrip()
    return Choice((context,), (prompt[len(context) :] + raw(row, "continuation"),), 0, task.label)


KINDS = {"multiple_choice": multiple_choice, "schema": schema, "language_modeling": language_modelling}


def raw(row: Row, name: str) -> str:
    """A text as it stands: its spaces count."""
    value = row.get(name)
    if not isinstance(value, str):
        raise row.error(f"has {value!r} for {name!r}, and should have text")
    return value


def options(row: Row) -> list[str]:
    """The choices of a row."""
    return texts(row, "choices")


def contexts(row: Row) -> list[str]:
    """The contexts of a row."""
    return texts(row, "context_options")


def texts(row: Row, name: str) -> list[str]:
    """A list of texts, and the gold answer one of them."""
    found = row.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise row.error(f"has {name!r} that are no list of texts")
    if gold(row) >= len(found):
        raise row.error(f"has gold {gold(row)}, and {len(found)} {name!r}, counted from 0")
    return found


def gold(row: Row) -> int:
    """The number of the right one."""
    value = row.get("gold")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise row.error(f"has gold {value!r}, and should have the number of the right one, counted from 0")
    return value


def core_task(entry: dict[str, Any], folder: Path) -> CoreTask:
    """An entry of core.yaml. Keys that do not matter here (has_categories) are passed over."""
    shots = entry.get("num_fewshot")
    values = {field.name: entry[field.name] for field in fields(CoreTask) if field.name in entry}
    values["num_fewshot"] = shots[0] if isinstance(shots, list) and shots else shots
    try:
        task = CoreTask(**values)
    except TypeError as error:
        raise TaskError(f"{folder / 'core.yaml'}: the entry {entry.get('label')!r} is incomplete: {error}.") from error
    if task.icl_task_type not in KINDS or not isinstance(task.num_fewshot, int):
        raise TaskError(
            f"{folder / 'core.yaml'}: {task.label} is of kind {task.icl_task_type!r} with num_fewshot {shots!r}; "
            f"known kinds are {', '.join(KINDS)}."
        )
    return task


def read_entries(path: Path) -> list[dict[str, Any]]:
    """The list `icl_tasks` of a core.yaml: the little of YAML that the bundle uses, a list of flat mappings.

    Raises TaskError naming the line that is none.
    """
    entries: list[dict[str, Any]] = []
    name = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found = re.fullmatch(r"(\s*)(-?)\s*(?:(\w+)\s*:)?\s*(.*?)\s*", line)
        assert found, "the pattern matches every line"
        indent, dash, word, text = found.groups()
        if not line.strip() or text.startswith("#") or line.strip() in ("---", "icl_tasks:"):
            continue
        if dash and not word and text and entries and indent:  # an item of a list within an entry
            entries[-1][name] = [*(entries[-1].get(name) or []), scalar(text)]
            continue
        if dash:
            entries.append({})
        if word and entries:
            name = word
            entries[-1][name] = scalar(text)
        elif text or not dash:
            raise TaskError(f"{path}, line {number}, is not understood: {line.strip()!r}. Give the bundle's core.yaml.")
    return entries


def scalar(text: str) -> Any:
    """A value: JSON if it is that (numbers, lists, quoted text), else the text itself.

    >>> scalar('"\\\\nAnswer: "'), scalar("[10]"), scalar("multiple_choice"), scalar("'a b'"), scalar("")
    ('\\nAnswer: ', [10], 'multiple_choice', 'a b', None)
    """
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def read_baselines(path: Path) -> dict[str, float]:
    """What guessing scores on each task, as a share; the file has percent."""
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return {row["Eval Task"]: float(row["Random baseline"]) / 100 for row in csv.DictReader(file)}
        except (KeyError, ValueError, TypeError) as error:
            raise TaskError(
                f"{path} has no columns 'Eval Task' and 'Random baseline' with numbers: {error!r}. Give the bundle's."
            ) from error


def open_core(place: str) -> Core:
    """The bundle in a folder. Raises ConfigError without one: it is a zip file that people unpack for themselves."""
    if not place:
        raise ConfigError("core needs the folder of the evaluation bundle (core.yaml, eval_data/): core:FOLDER")
    return Core(Path(place).expanduser())


TASKS = {"core": open_core}
