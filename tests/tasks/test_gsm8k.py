"""Marks to tool calls, and the number that counts."""

import pytest

from primer.tasks.gsm8k import FinalNumber, gsm8k
from primer.tasks.rows import Row, TaskError
from primer.text.chat import assistant, tool

SOLUTION = "In April 48/2 = <<48/2=24>>24 clips.\nIn both 48+24 = $<<48+24=72.00>>72.\n#### 72"


def test_a_row() -> None:
    question = gsm8k(Row("a", {"question": "How many clips?", "answer": SOLUTION}))
    assert [message.role for message in question.answer] == ["assistant", "tool", "assistant", "tool", "assistant"]
    assert [call.arguments["expression"] for m in question.answer for call in m.tool_calls] == ["48/2", "48+24"]
    assert [message.content for message in question.answer if message.role == "tool"] == ["24", "72"]
    text = "".join(message.content for message in question.answer if message.role == "assistant")
    assert text == "In April 48/2 = 24 clips.\nIn both 48+24 = $72.\n#### 72"
    assert question.check(question.answer) == 1.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("#### 72", 1.0), ("It is 72.", 1.0), ("72.0", 1.0), ("#### 72 of 80", 1.0), ("6 * 12 = 72", 1.0),
        ("#### 71", 0.0), ("72 or 73", 0.0), ("", 0.0), ("-72", 0.0), ("720", 0.0), ("7 2", 0.0), ("9" * 99, 0.0),
    ],
)  # fmt: skip
def test_the_final_number(text: str, value: float) -> None:
    assert FinalNumber("72")([assistant(text)]) == value


def test_a_reply_that_ends_in_a_tool_is_no_answer() -> None:
    assert FinalNumber("72")([assistant("72"), tool("72")]) == FinalNumber("72")([]) == 0.0


def test_large_numbers_and_commas() -> None:
    assert FinalNumber("1200000")([assistant("#### 1,200,000")]) == 1.0


@pytest.mark.parametrize("answer", ["no mark 72", "#### none"])
def test_a_row_without_its_number(answer: str) -> None:
    with pytest.raises(TaskError, match="####"):
        gsm8k(Row("a", {"question": "?", "answer": answer}))
