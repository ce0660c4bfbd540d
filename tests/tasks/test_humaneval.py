"""Programs put together, and run by a runner that is handed in."""

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
from task_files import write

from primer.core.errors import ConfigError
from primer.tasks.humaneval import TASKS, code_of
from primer.tasks.rows import TaskError
from primer.tasks.task import Question
from primer.text.chat import assistant

PROMPT = 'import math\n\ndef helper(x):\n    return x\n\ndef double(x):\n    """Twice x."""\n'
ROW = {
    "task_id": "Fixture/0", "prompt": PROMPT, "entry_point": "double", "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-1) == -2\n",
}  # fmt: skip


def run_here(code: str) -> str:
    """The fixtures' own programs need no sandbox."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(AssertionError, SyntaxError, NameError, SystemExit):
        exec(code, {})
    return printed.getvalue()


def question(path: Path, **changes: Any) -> Question:
    task = TASKS["humaneval"](str(write(path / "test.jsonl", [ROW | changes])))
    [found] = task.with_runner(run_here).questions("test")
    return found


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("```python\ndef double(x):\n    return x + x\n```", 1.0),
        ("Here:\n```\ndef double(x):\n    return int(math.fsum([x, x]))\n```\nIt adds.", 1.0),
        ("def double(x):\n    return helper(2 * x)", 1.0),
        ("    return 2 * x", 1.0),
        ("return 2 * x", 1.0),
        ("```python\n    return 2 * x\n```", 1.0),
        ("```python\ndef double(x):\n    return 2 * x", 1.0),
        ("def double(x):\n    return x * x", 0.0),
        ("I do not know.", 0.0),
        ("raise SystemExit(0)", 0.0),
        ("```python\ndef double(x):\n    return 2 * x\nprint('passed')\nraise SystemExit\n```", 0.0),
        ("", 0.0),
    ],
)
def test_answers(tmp_path: Path, answer: str, value: float) -> None:
    assert question(tmp_path).check([assistant(answer)]) == value


def test_its_own_solution_passes(tmp_path: Path) -> None:
    found = question(tmp_path)
    assert found.check(found.answer) == 1.0
    assert "def double(x):" in found.prompt[0].content


def test_the_first_block_of_code_counts() -> None:
    assert code_of("```py\na = 1\n```\n```python\nb = 2\n```") == "a = 1"


def test_a_runner_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sandbox"):
        TASKS["humaneval"](str(write(tmp_path / "test.jsonl", [ROW]))).questions("test")


def test_a_row_without_its_function(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="entry_point"):
        question(tmp_path, entry_point="triple")
