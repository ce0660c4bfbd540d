"""What --data names: tasks, and conversations of files or the hub, mixed by weight."""

from collections.abc import Sequence
from glob import has_magic
from pathlib import Path

from primer.core.errors import ConfigError, suggest
from primer.engine.sandbox import output_of
from primer.tasks.conversations import Conversations
from primer.tasks.mixture import Endless, Mixture
from primer.tasks.registry import all_tasks, find_task
from primer.tasks.task import Split, Task
from primer.text.rows import OnBad


def open_mixture(names: Sequence[str], on_bad: OnBad = "refuse") -> Mixture:
    """`curriculum`, `curriculum:arithmetic+facts`, `gsm8k:PATH`, a file of conversations or `hf:org/name`, each with
    `=2` behind it to come twice as often. Raises ConfigError for a weight that is none, UserError as the source does.
    """
    if not names:
        raise ConfigError("--data names nothing to train on. Give `curriculum`, a file of conversations, or hf:….")
    parts = []
    for name in names:
        source, weight = split_weight(name)
        parts.append((open_source(source, on_bad), weight))
    return Mixture(parts)


def split_weight(name: str) -> tuple[str, float]:
    """`NAME=2` as name and weight; a file may have an equals sign in its name. Raises ConfigError for no weight.

    >>> split_weight("gsm8k=0.5"), split_weight("curriculum")
    (('gsm8k', 0.5), ('curriculum', 1.0))
    """
    source, _, weight = name.rpartition("=")
    if not source or Path(name).exists():
        return name, 1.0
    try:
        return source, float(weight)
    except ValueError:
        raise ConfigError(f"--data {name}: {weight!r} is no weight. Write it as NAME=2.") from None


def open_source(name: str, on_bad: OnBad) -> Task:
    """A task by its name, or else a file, a folder or the hub. Raises ConfigError for what is neither."""
    word, colon, _ = name.partition(":")
    if word in all_tasks():
        return find_task(name, output_of)
    is_bare = not colon and Path(name).name == name and not Path(name).suffix
    if word != "hf" and (colon or is_bare) and not has_magic(name) and not Path(name).exists():
        raise ConfigError(f"{name!r} is neither a task nor a file or folder; {suggest(word, [*all_tasks(), 'hf'])}")
    return Conversations(name, on_bad)


def size_of(mixture: Mixture, split: Split) -> int | None:
    """Questions of one pass over a split; None if a task has no end."""
    if any(isinstance(task, Endless) for task, _ in mixture.parts):
        return None
    return sum(len(task.questions(split)) for task, _ in mixture.parts)
