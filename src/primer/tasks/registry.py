"""Tasks by name: `mmlu`, `mmlu:FOLDER`, `mmlu:hf:org/name`, `curriculum:spelling+facts`, `gym:spell_backward`.

Every module beside this one that has a `TASKS` is found; a new task is a new file.
"""

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Protocol, runtime_checkable

from primer import tasks
from primer.core.errors import ConfigError, suggest
from primer.tasks.humaneval import RunPython
from primer.tasks.task import Task

Opener = Callable[[str], Task]
"""What follows the colon, to a task; "" is the task's own place on the hub."""


@runtime_checkable
class RunsPython(Protocol):
    """A task whose checks run programs."""

    def with_runner(self, run_python: RunPython) -> Task:
        """The same task, with something to run them in."""
        ...


@cache
def all_tasks() -> dict[str, Opener]:
    """Every task's name, and how to open it."""
    found: dict[str, Opener] = {"curriculum": open_curriculum}
    for info in pkgutil.iter_modules(tasks.__path__):
        if not info.ispkg and info.name != "registry":
            found |= getattr(import_module(f"{tasks.__name__}.{info.name}"), "TASKS", {})
    return found


def find_task(name: str, run_python: RunPython | None = None) -> Task:
    """The task that a name means. `run_python` is handed to tasks that run what a model writes.

    Raises ConfigError for a name that is no task's, with the nearest; UserError as the task does when it is opened.
    """
    word, _, place = name.strip().partition(":")
    openers = all_tasks()
    if word not in openers:
        raise ConfigError(f"there is no task {word!r}; {suggest(word, openers)}")
    task = openers[word](place)
    return task.with_runner(run_python) if run_python and isinstance(task, RunsPython) else task


def open_curriculum(place: str) -> Task:
    """All lessons, or those named."""
    from primer.tasks.curriculum.curriculum import Curriculum

    return Curriculum([name for name in place.replace("+", ",").split(",") if name])
