"""Equations as people write them."""

from pathlib import Path
from typing import Any

import pytest
from task_files import write

from primer.engine.calculator import calculate
from primer.tasks.rows import Row, TaskError
from primer.tasks.svamp import TASKS, num_steps, svamp
from primer.text.chat import assistant

ROW = {
    "Body": "A pack costs 76 dollars. If there is a discount of 25 dollars on each pack",
    "Question": "How much do you have to pay for it?",
    "Equation": "( 76.0 - 25.0 )", "Answer": 51.0, "Type": "Subtraction",
}  # fmt: skip


def row(**changes: Any) -> Row:
    return Row("a.jsonl, line 1", ROW | changes)


def test_a_row() -> None:
    question = svamp(row())
    assert question.prompt[0].content.endswith("on each pack, how much do you have to pay for it?")
    assert question.group == "subtraction"
    call = question.answer[0].tool_calls[0]
    assert calculate(call.arguments["expression"]) == question.answer[1].content == "51"
    assert question.answer[2].content == "76 - 25 = 51."
    assert question.check(question.answer) == 1.0
    assert question.check([assistant("They pay 25.")]) == 0.0


def test_two_steps_and_a_misspelt_kind() -> None:
    question = svamp(row(Equation="( ( 121.0 - 105.0 ) / 4.0 )", Answer="4", Type="Common-Divison"))
    assert question.answer[0].tool_calls[0].arguments == {"expression": "(121 - 105) / 4"}
    assert question.group == "division"


def test_steps() -> None:
    assert [num_steps(e) for e in ("( 1.0 - 2.0 )", "( ( 1.0 + 2.0 ) * 3.0 )", "( -3.0 - 2.0 )")] == [1, 2, 1]


def test_a_single_file_is_divided_and_single_steps_picked(tmp_path: Path) -> None:
    equations = ["( 1.0 + 2.0 )", "( ( 1.0 + 2.0 ) * 3.0 )"]
    rows = [ROW | {"ID": i, "Equation": equations[i % 2]} for i in range(200)]
    path = str(write(tmp_path / "test.jsonl", rows))
    splits = ("train", "validation", "test")
    counts = {name: [len(TASKS[name](path).questions(split)) for split in splits] for name in TASKS}
    assert sum(counts["svamp"]) == 200
    assert sum(counts["svamp-single"]) == 100
    assert counts["svamp"][0] > counts["svamp"][2] > 0


def test_an_answer_that_is_no_number() -> None:
    with pytest.raises(TaskError, match=r"line 1.*no number"):
        svamp(row(Answer="many"))
