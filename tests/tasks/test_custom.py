"""A person's own file, and the mistakes in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from task_files import write

from primer.core.errors import ConfigError
from primer.tasks.custom import TASKS
from primer.tasks.rows import TaskError
from primer.tasks.task import Choice, Question
from primer.text.chat import assistant, system


def questions(path: Path, rows: list[Any], limit: int = 0) -> list[Any]:
    write(path / "mine.jsonl", rows)
    return list(TASKS["custom"](str(path / "mine.jsonl")).questions("test", limit))


def ask(path: Path, **row: Any) -> Question:
    [question] = questions(path, [{"question": "?"} | row])
    assert question.check(question.answer) == 1.0
    return question


def says(question: Question, text: str) -> bool:
    return question.check([assistant(text)]) == 1.0


def test_an_answer_in_words(tmp_path: Path) -> None:
    question = ask(tmp_path, answer="Valletta", group="cities", system="Be brief.")
    assert says(question, "It is Valletta, of course.")
    assert not says(question, "It is Vallettax.")
    assert question.prompt[0] == system("Be brief.")
    assert question.group == "cities"


def test_an_answer_in_numbers(tmp_path: Path) -> None:
    for answer in (51, "51", 51.0):
        question = ask(tmp_path, answer=answer)
        assert says(question, "17 * 3 = 51.")
        assert not says(question, "51 is not 50")


def test_one_of_several(tmp_path: Path) -> None:
    question = ask(tmp_path, answer=["Jane Austen", "Austen", 1816])
    assert says(question, "austen")
    assert says(question, "in 1816")
    assert not says(question, "Jane")


def test_choices(tmp_path: Path) -> None:
    [choice] = questions(tmp_path, [{"question": "A fruit?", "choices": ["car", "plum"], "answer": "B"}])
    assert isinstance(choice, Choice)
    assert choice.right == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"question": "?", "choices": ["a", "b"], "answer": "C"}, r"line 3: .*answer key 'C'"),
        ({"question": "?", "choices": ["a", "b"], "answer": 2}, r"line 3: .*answer key 2"),
        ({"question": "?", "choices": ["a", "b"]}, r"line 3: .*no field 'answer'"),
        ({"question": "?", "answer": "a"}, r"line 3: .*lacks choices"),
    ],
)
def test_a_mistake_in_any_row_is_found_whatever_the_limit(tmp_path: Path, bad: dict[str, Any], message: str) -> None:
    good = {"question": "?", "choices": ["a", "b"], "answer": "A"}
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, [good, good, bad, good])))
    for limit in (0, 1):
        with pytest.raises(TaskError, match=message):
            TASKS["custom"](str(path)).questions("test", limit)


@pytest.mark.parametrize("answer", ["?!", "", [], True, {"a": 1}, None, ["ok", ""]])
def test_an_answer_that_no_reply_could_match(tmp_path: Path, answer: Any) -> None:
    with pytest.raises(TaskError, match=r"mine.jsonl, line 1: the row has"):
        questions(tmp_path, [{"question": "?", "answer": answer}])


def test_a_path_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"custom:PATH.jsonl"):
        TASKS["custom"]("")
