"""Task scores of a model in training: some of what `primer eval` asks a finished one, between two steps.

Asked are validation questions; of a task that has none, as HumanEval, those of its test.
"""

from collections.abc import Sequence
from functools import cached_property

from primer.core.errors import ConfigError
from primer.engine.dialogue import Dialogue, chat_engine
from primer.engine.sampling import SamplingConfig
from primer.engine.sandbox import output_of
from primer.engine.tools import CALCULATOR
from primer.evaluate.answers import score_questions
from primer.evaluate.choice import score_choices
from primer.evaluate.score import Score, total
from primer.tasks.core import Core
from primer.tasks.registry import find_task
from primer.tasks.rows import TaskError
from primer.tasks.task import Choice, Question
from primer.train.stage import Start

SIDE_BY_SIDE = 64  # answers
SAMPLING = SamplingConfig(temperature=0, max_tokens=256)  # as `primer eval`


class Examination:
    """Questions of some tasks, read when it is made: a misspelt name or a broken row costs no training."""

    def __init__(self, names: Sequence[str], num_questions: int, start: Start) -> None:
        """At most so many questions of each. Raises ConfigError for a task that does not exist or cannot be asked here,
        TaskError for rows that cannot be used."""
        if num_questions < 1:
            raise ConfigError(f"--eval-questions is {num_questions}, and must be 1 or more.")
        self.start = start
        self.questions = {name: questions_of(name, num_questions) for name in names}

    @cached_property
    def dialogue(self) -> Dialogue:
        """The model as an assistant."""
        engine = chat_engine(self.start.model, self.start.chat, SIDE_BY_SIDE)
        return Dialogue(engine, self.start.chat, (CALCULATOR,), processes=self.start.runtime.processes)

    @property
    def num_answers(self) -> int:
        """Answers that are written side by side."""
        return SIDE_BY_SIDE if self.questions else 0

    def scores(self) -> dict[str, Score]:
        """Task to what the model as it is now gets right; every rank asks its share."""
        return {name: total(self.score(name, items), name) for name, items in self.questions.items()}

    def score(self, name: str, items: Sequence[Question] | Sequence[Choice]) -> list[Score]:
        """The same of one task, by group."""
        runtime, choices = self.start.runtime, [item for item in items if isinstance(item, Choice)]
        if choices:
            return score_choices(self.dialogue.engine, self.start.tokenizer, choices, name, runtime=runtime)
        questions = [item for item in items if isinstance(item, Question)]
        return score_questions(self.dialogue, questions, SAMPLING, name, runtime=runtime)[0]


def questions_of(name: str, limit: int) -> Sequence[Question] | Sequence[Choice]:
    """The first validation questions of a task, or else of its test. Raises as `Examination`."""
    task = find_task(name, output_of)
    if isinstance(task, Core):
        raise ConfigError(f"--eval-tasks {name}: only `primer eval` measures CORE. Name other tasks.")
    try:
        return task.questions("validation", limit)
    except TaskError:  # no such rows; if it is a broken one, those of the test are mostly broken, too
        return task.questions("test", limit)
