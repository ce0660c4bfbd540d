"""Tasks by name."""

from pathlib import Path

import pytest
from task_files import write

from primer.core.errors import ConfigError
from primer.tasks.registry import all_tasks, find_task

NAMES = [
    "arc-challenge", "arc-easy", "boolq", "commonsenseqa", "core", "curriculum", "custom", "fairytaleqa", "gsm8k",
    "gym", "hellaswag", "humaneval", "mmlu", "openbookqa", "svamp", "svamp-single", "winogrande",
]  # fmt: skip


def test_all_are_found() -> None:
    assert sorted(all_tasks()) == NAMES


def test_a_path_after_the_colon(tmp_path: Path) -> None:
    path = write(tmp_path / "main/test.jsonl", [{"question": "1+1?", "answer": "#### 2"}])
    for place in (path, path.parent):
        [question] = find_task(f"gsm8k:{place}").questions("test")
        assert question.prompt[0].content == "1+1?"  # type: ignore[union-attr]


def test_lessons() -> None:
    questions = find_task("curriculum:spelling").questions("test", 5)
    assert [question.group for question in questions] == ["spelling"] * 5
    with pytest.raises(ConfigError, match="did you mean 'spelling'"):
        find_task("curriculum:speling")


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match=r"no task 'gsm8'; did you mean 'gsm8k'\?"):
        find_task("gsm8:somewhere")
    with pytest.raises(ConfigError, match="choose from: arc-challenge"):
        find_task("")


def test_the_runner_goes_where_programs_run(tmp_path: Path) -> None:
    row = {"prompt": "def f():\n", "entry_point": "f", "test": "def check(f): pass", "canonical_solution": "    pass"}
    path = write(tmp_path / "test.jsonl", [row])
    [question] = find_task(f"humaneval:{path}", lambda code: code[-20:-3]).questions("test")
    assert question.check(question.answer) == 1.0  # type: ignore[union-attr]
