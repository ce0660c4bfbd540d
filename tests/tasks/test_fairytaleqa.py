"""Words shared with a right answer."""

import pytest

from primer.tasks.fairytaleqa import fairytaleqa, overlap
from primer.tasks.rows import Row
from primer.text.chat import assistant


def test_a_row() -> None:
    row = {"story": "Once\r\nupon a time.", "question": "When?", "answer": "once upon a time", "kind": "setting"}
    question = fairytaleqa(Row("a", row))
    assert question.prompt[0].content == "Once\nupon a time.\n\nWhen?"
    assert question.group == "setting"
    assert question.check(question.answer) == 1.0
    assert question.check([]) == 0.0


def test_the_better_of_two_answers_counts() -> None:
    row = {"story_section": "…", "question": "Who?", "answer1": "the fox", "answer2": "a red animal"}
    question = fairytaleqa(Row("a", row))
    assert question.check([assistant("Red animal!")]) == question.check([assistant("A fox.")]) == 1.0


@pytest.mark.parametrize(
    ("said", "wanted", "f1"),
    [("in an old well", "in the old well", 1.0), ("well well", "well", 2 / 3), ("", "well", 0.0), ("the", "the", 0.0)],
)
def test_overlap(said: str, wanted: str, f1: float) -> None:
    assert overlap(said, wanted) == pytest.approx(f1)
