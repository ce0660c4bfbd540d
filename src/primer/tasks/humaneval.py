"""HumanEval: 164 Python functions to write from their docstring, judged by running tests (Chen et al. 2021,
arXiv 2107.03374)."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from primer.core.errors import ConfigError
from primer.tasks.rows import Row, Rows
from primer.tasks.task import Question, Split, final_text
from primer.text.chat import Message, assistant, user

RunPython = Callable[[str], str]
"""Runs a program in a sandbox; what it printed, errors not among it."""

FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


def code_of(text: str) -> str:
    """The first block of code of an answer, or all of it if there is none.

    >>> code_of("Here it is:\\n```python\\nx = 1\\n```\\nDone."), code_of("    return 1")
    ('x = 1', '    return 1')
    """
    block = FENCE.search(text)
    return block[1] if block else text


def program(prompt: str, answer: str, test: str, entry_point: str, password: str) -> str:
    """What to run: the answer, with the prompt before it where that is needed, the tests after it, and a word to
    print when all have passed. (`exit()` in the answer would end the program well, too.)

    A chat model writes the whole function, often without the imports above it; a completion has only the body.
    """
    code = code_of(answer)
    if re.search(rf"^def {re.escape(entry_point)}\b", code, re.MULTILINE):
        head = prompt[: prompt.index(f"def {entry_point}")]
        code = f"{head}\n{code}"  # imports and helper functions
    else:  # the first indentation is often lost: a reply is trimmed
        code = prompt + (code if code[:1].isspace() else f"    {code}")
    return f"{code}\n\n{test}\n\ncheck({entry_point})\nprint({password!r})\n"


@dataclass(frozen=True)
class Passes:
    """The tests run through. How is for the runner to say: it is handed in, and none of the task's business."""

    prompt: str
    test: str
    entry_point: str
    run_python: RunPython

    def __call__(self, reply: Sequence[Message]) -> float:
        answer, password = final_text(reply), secrets.token_hex(8)
        if not answer.strip():
            return 0.0
        output = self.run_python(program(self.prompt, answer, self.test, self.entry_point, password))
        return float(output.rstrip().endswith(password))


@dataclass(frozen=True)
class HumanEval:
    """The problems. Without a runner they can be read, but not asked."""

    rows: Rows
    run_python: RunPython | None = None
    name: str = "humaneval"

    def with_runner(self, run_python: RunPython) -> "HumanEval":
        """The same, judged by this runner."""
        return replace(self, run_python=run_python)

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> list[Question]:
        """Raises ConfigError without a runner, TaskError for a row that does not fit."""
        if self.run_python is None:
            raise ConfigError(
                "humaneval runs what a model writes, and needs a sandbox to run it in: `primer eval` and `primer rl` "
                "have one."
            )
        run = self.run_python
        return [humaneval(row, run) for row in self.rows.read(split, seed)[: limit or None]]


def humaneval(row: Row, run_python: RunPython) -> Question:
    """A function to complete."""
    prompt, test, entry_point = (row.get(name) for name in ("prompt", "test", "entry_point"))
    if not all(isinstance(value, str) for value in (prompt, test, entry_point)) or f"def {entry_point}" not in prompt:
        raise row.error("has no prompt with its entry_point defined in it, or no test")
    solution = f"{prompt}{row.get('canonical_solution')}".strip()
    return Question(
        prompt=(user(f"Complete this Python function.\n```python\n{prompt.strip()}\n```"),),
        check=Passes(prompt, test, entry_point, run_python),
        answer=(assistant(f"```python\n{solution}\n```"),),
    )


TASKS = {"humaneval": lambda place: HumanEval(Rows(place or "hf:openai/openai_humaneval"))}
