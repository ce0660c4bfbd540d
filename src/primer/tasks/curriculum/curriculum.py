"""The curriculum: every lesson under `lessons/`, as conversations, documents, preference pairs and examinations."""

import bisect
import itertools
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

from primer.core.errors import ConfigError, suggest
from primer.tasks.curriculum import lessons
from primer.tasks.curriculum.draw import Draw
from primer.tasks.task import Question, Split

NEW_PHRASING_EVERY = 3  # every third question of an examination is worded as no training text is


@dataclass(frozen=True)
class Lesson:
    """One thing to learn."""

    name: str
    question: Callable[[Draw], Question]
    """A conversation with its answer and how to check it; where a worse answer is plausible, that too."""
    text: Callable[[Draw], str]
    """A short document of plain prose about the same, for pretraining."""
    weight: float = 1.0
    """How often it comes, beside the others."""
    reinforce: bool = False
    """Whether its check is sharp enough to be a reward."""


@cache
def all_lessons() -> tuple[Lesson, ...]:
    """Every `LESSON` of the modules under lessons/, by name."""
    modules = sorted(info.name for info in pkgutil.iter_modules(lessons.__path__))
    return tuple(import_module(f"{lessons.__name__}.{name}").LESSON for name in modules)


class Curriculum:
    """The lessons as a task. What it gives is a function of (split, seed, number), and there is no end to it."""

    name = "curriculum"

    def __init__(self, names: Sequence[str] = ()) -> None:
        """All lessons, or those named. Raises ConfigError for one that does not exist."""
        known = {lesson.name: lesson for lesson in all_lessons()}
        for name in names:
            if name not in known:
                raise ConfigError(f"there is no lesson {name!r}; {suggest(name, known)}")
        self.lessons = tuple(known[name] for name in names or known)
        self._weights = list(itertools.accumulate(lesson.weight for lesson in self.lessons))

    def question(self, lesson: Lesson, split: Split, seed: int, number: int) -> Question:
        """Question `number` of a lesson. Training and validation draw from the same world with other keys; the test
        draws what is held out, every third time in words that training never uses."""
        test = split == "test"
        new_phrasing = test and number % NEW_PHRASING_EVERY == 0
        draw = Draw(f"{split}/{seed}/{lesson.name}/{number}", held_out=test, new_phrasing=new_phrasing)
        return replace(lesson.question(draw), group=lesson.name, new_phrasing=draw.used_unseen)

    def pick_lesson(self, key: str) -> Lesson:
        """A lesson by weight."""
        point = Draw(key).random.random() * self._weights[-1]
        return self.lessons[bisect.bisect_right(self._weights, point)]

    def numbered(self, split: Split, seed: int, number: int) -> Question:
        """Question `number` of all lessons, mixed by weight; there is no last one."""
        return self.question(self.pick_lesson(f"lesson/{split}/{seed}/{number}"), split, seed, number)

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> Sequence[Question]:
        """Of the test the same number of each lesson, lesson by lesson; otherwise the beginning of the stream.

        `limit` counts all questions together (0: 200 a lesson).
        """
        per_lesson = -(-limit // len(self.lessons)) if limit else 200
        if split == "test":
            return [
                self.question(lesson, split, seed, number) for lesson in self.lessons for number in range(per_lesson)
            ]
        return [self.numbered(split, seed, number) for number in range(limit or 200 * len(self.lessons))]

    def documents(self, split: Split, seed: int) -> Iterator[str]:
        """Plain prose of all lessons, without end: what a base model reads."""
        for number in itertools.count():
            lesson = self.pick_lesson(f"text/{split}/{seed}/{number}")
            yield lesson.text(Draw(f"text/{split}/{seed}/{lesson.name}/{number}"))
