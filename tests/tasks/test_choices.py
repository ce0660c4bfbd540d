"""Choices as data sets write them, and as questions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primer.tasks.choices import (
    TASKS,
    as_question,
    boolq,
    cloze,
    lettered,
    question_and_options,
    read_choices,
    winogrande,
)
from primer.tasks.mmlu import mmlu
from primer.tasks.rows import Row, TaskError
from primer.tasks.task import Choice
from primer.text.chat import assistant


def row(**fields: Any) -> Row:
    return Row("a.jsonl, line 7", fields)


@pytest.mark.parametrize("key", [2, "2", "C", "blue"])
def test_a_key_is_a_number_a_letter_or_the_text(key: Any) -> None:
    assert read_choices(row(choices=["red", "green", "blue"], answer=key)) == (["red", "green", "blue"], 2)


@pytest.mark.parametrize("key", [3, -1, "D", "yellow", True, 1.5, ""])
def test_a_wrong_key_is_named_with_its_line(key: Any) -> None:
    with pytest.raises(
        TaskError, match=r"a.jsonl, line 7: the row has the answer key .* none of its 3 choices: A, B, C"
    ):
        read_choices(row(choices=["red", "green", "blue"], answer=key))


def test_labels_win_over_letters_and_numbers() -> None:
    numbered = {"text": ["red", "green", "blue"], "label": ["1", "2", "3"]}
    assert read_choices(row(choices=numbered, answerKey="3"))[1] == 2
    with pytest.raises(TaskError, match="1, 2, 3"):
        read_choices(row(choices=numbered, answerKey="A"))


@pytest.mark.parametrize("choices", [["one"], [], "ab", [1, 2], {"label": ["A"]}, ["x"] * 27])
def test_choices_that_are_none(choices: Any) -> None:
    with pytest.raises(TaskError, match="line 7"):
        read_choices(row(choices=choices, answer=0))


def test_arc() -> None:
    found = question_and_options(
        row(question="What melts?", choices={"text": ["ice", "air"], "label": ["A", "B"]}, answerKey="A")
    )
    assert found == Choice(("Question: What melts?\nAnswer:",), (" ice", " air"), 0, normalize="bytes")


def test_mmlu() -> None:
    found = mmlu(row(question="2+2?", subject="abstract_algebra", choices=["3", "4", "5", "6"], answer=1))
    assert found.contexts == ("Question: 2+2?\nChoices:\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:",)
    assert (found.options, found.right, found.group) == ((" A", " B", " C", " D"), 1, "abstract algebra")


def test_boolq() -> None:
    published = boolq(row(passage="Ice is cold.", question="is ice cold", answer=True))
    assert published.contexts == ("Passage: Ice is cold.\nQuestion: is ice cold?\nAnswer:",)
    assert published.options[published.right] == " yes"
    bundled = boolq(row(query="Passage: Ice is cold.\nQuestion: is ice cold?", choices=["no", "yes"], gold=1))
    assert bundled == published
    with pytest.raises(TaskError, match="true or false"):
        boolq(row(passage="a", question="b", answer="yes"))


def test_winogrande_compares_what_comes_after_the_gap() -> None:
    found = winogrande(row(sentence="Ann thanked Bo because _ was kind.", option1="Ann", option2="Bo", answer="2"))
    assert found.contexts == ("Ann thanked Bo because Ann", "Ann thanked Bo because Bo")
    assert (found.options, found.right) == ((" was kind.",), 1)
    with pytest.raises(TaskError, match="no gap"):
        winogrande(row(sentence="None here.", option1="Ann", option2="Bo", answer="2"))


@given(st.lists(st.sampled_from(["red", "green", "blue", "A", "car"]), min_size=2, max_size=5, unique=True), st.data())
def test_as_a_question_the_right_letter_is_right_and_no_other(options: list[str], data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(options) - 1))
    for choice in (cloze("Which?", options, right), lettered("Which?", options, right)):
        question = as_question(choice)
        assert question.check(question.answer) == 1.0
        if "A" in options:
            continue
        for number, letter in enumerate("ABCDE"[: len(options)]):
            assert (
                question.check([assistant(letter)]) == question.check([assistant(f"{letter}. ")]) == (number == right)
            )


def test_a_schema_as_a_question() -> None:
    question = as_question(Choice(("the trophy", "the case"), (" is too big",), 0))
    assert "A. the trophy" in question.prompt[0].content
    assert "is too big" in question.prompt[0].content
    assert question.check([assistant("A")]) == 1.0


def test_every_task_opens_without_a_network() -> None:
    assert [opener("").name for opener in TASKS.values()] == list(TASKS)
