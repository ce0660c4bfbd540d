"""A person's own questions: a jsonl file with one question a line.

    {"question": "What is the capital of Malta?", "answer": "Valletta"}
    {"question": "What is 17 * 3?", "answer": 51, "group": "sums"}
    {"question": "Who wrote Emma?", "answer": ["Jane Austen", "Austen"], "system": "Answer in one word."}
    {"question": "Which is a fruit?", "choices": ["car", "plum"], "answer": "B"}

An answer in words is right if the text stands in the reply, whole; a number if it is the last one there; one of a list
if any of them is. With `choices` the likeliest is the answer, and the key is a letter, a number from 0, or the text. A
file holds one kind or the other. To train on some and be asked others, give a folder with train.jsonl and test.jsonl.
"""

from dataclasses import dataclass
from typing import Any

from primer.core.errors import ConfigError
from primer.tasks.choices import lettered, read_choices
from primer.tasks.curriculum.checks import SaysOne, words_of
from primer.tasks.gsm8k import NUMBER, FinalNumber, plain_number
from primer.tasks.rows import Row, Rows
from primer.tasks.task import Check, Choice, Question, Split
from primer.text.chat import Message, assistant, system, user


@dataclass(frozen=True)
class Custom:
    """Questions of a file or folder."""

    rows: Rows
    name: str = "custom"

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> list[Question] | list[Choice]:
        """Every row is read, so that a mistake in any of them is found before a model is asked the first.

        Raises TaskError for a row with an answer or a key that cannot be right, or of the other kind.
        """
        rows = self.rows.read(split, seed)
        is_choice = "choices" in rows[0].fields
        for row in rows:
            if ("choices" in row.fields) != is_choice:
                raise row.error(f"{'lacks' if is_choice else 'has'} choices, and other rows are not so: make two files")
        if is_choice:
            return [choice_of(row) for row in rows][: limit or None]
        return [question_of(row) for row in rows][: limit or None]


def group_of(row: Row) -> str:
    """What the row counts towards, if it says so."""
    return str(row.fields.get("group") or "")


def choice_of(row: Row) -> Choice:
    """A row with choices, lettered."""
    options, right = read_choices(row)
    return lettered(row.text("question", "prompt"), options, right, group_of(row))


def question_of(row: Row) -> Question:
    """A row with an answer in words or in a number."""
    given = row.get("answer")
    accepted = given if isinstance(given, list) else [given]
    texts = [answer_text(row, answer) for answer in accepted]
    if not texts:
        raise row.error("has an empty list of answers")
    start: tuple[Message, ...] = (system(row.text("system")),) if row.fields.get("system") else ()
    numbers = [plain_number(text) for text in texts if NUMBER.fullmatch(text)]
    check: Check = FinalNumber(numbers[0]) if len(numbers) == len(texts) == 1 else SaysOne(tuple(texts))
    prompt = (*start, user(row.text("question", "prompt")))
    return Question(prompt=prompt, check=check, answer=(assistant(texts[0]),), group=group_of(row))


def answer_text(row: Row, answer: Any) -> str:
    """An answer as text. Raises TaskError for one that no reply could match."""
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        raise row.error(f"has the answer {answer!r}, and should have a text or a number")
    text = str(answer).strip()
    if not words_of(text):
        raise row.error(f"has the answer {answer!r}, in which there is no word or number to look for")
    return text


def open_custom(place: str) -> Custom:
    """The questions of a path. Raises ConfigError without one."""
    if not place:
        raise ConfigError("custom needs a file of questions: custom:PATH.jsonl")
    return Custom(Rows(place))


TASKS = {"custom": open_custom}
