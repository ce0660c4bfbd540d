"""Conversations of a file as a task: what is held out, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import tiny

from primer.core.errors import CorpusError
from primer.tasks.conversations import Conversations
from primer.text.chat import Message, assistant, system, user


def rows(count: int) -> list[dict[str, Any]]:
    """Numbered conversations."""
    return [tiny.as_row([user(f"Say {i}."), assistant(str(i))]) for i in range(count)]


def numbers(task: Conversations, split: Any, limit: int = 0) -> list[int]:
    """Which of `rows` are in a split."""
    return [int(question.answer[0].content) for question in task.questions(split, limit)]


@pytest.mark.parametrize(("count", "held_out"), [(2, 1), (19, 1), (40, 2), (100, 5)])
def test_the_last_twentieth_is_held_out(tmp_path: Path, count: int, held_out: int) -> None:
    task = Conversations(str(tiny.jsonl(tmp_path / "a.jsonl", rows(count))))
    assert numbers(task, "train") == list(range(count - held_out))
    assert numbers(task, "validation") == numbers(task, "test") == list(range(count - held_out, count))
    assert numbers(task, "train", 1) == [0]


def test_of_many_only_so_many_are_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("primer.tasks.conversations.MOST_HELD_OUT", 3)
    task = Conversations(str(tiny.jsonl(tmp_path / "a.jsonl", rows(100))))
    assert numbers(task, "validation") == [97, 98, 99]


def test_a_single_conversation_is_both(tmp_path: Path) -> None:
    task = Conversations(str(tiny.jsonl(tmp_path / "a.jsonl", rows(1))))
    assert numbers(task, "train") == numbers(task, "validation") == [0]


def test_the_last_message_is_the_answer(tmp_path: Path) -> None:
    messages = [system("Be short."), user("a"), assistant("b"), user("c"), assistant("d")]
    question = Conversations(str(tiny.jsonl(tmp_path / "a.jsonl", [tiny.as_row(messages)]))).questions("train")[0]
    assert [*question.prompt, *question.answer] == messages
    assert question.answer == (assistant("d"),)
    assert question.check((assistant("d"),)) == 0.0


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "the conversation is empty. Give at least one message of a user"),
        (
            [Message("assistant", "hi"), Message("user", "ho")],
            "the assistant speaks first. Put a user's message before",
        ),
        ([Message("user", "hi"), Message("asistant", "ho")], "unknown role 'asistant': did you mean 'assistant'"),  # type: ignore[arg-type]
        (
            [Message("user", "hi"), Message("tool", "7"), Message("assistant", "ho")],
            "message 2 is the result of a tool that no assistant called",
        ),
        ([Message("user", "hi")], "the assistant says nothing in it"),
    ],
)
def test_bad_rows(tmp_path: Path, messages: list[Message], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tiny.jsonl(tmp_path / "a.jsonl", [*rows(2), tiny.as_row(messages)]))
    with pytest.raises(CorpusError, match=f"line 3: .*{said}.*--on-bad skip"):
        Conversations(file).questions("train")
    task = Conversations(file, "skip")
    assert numbers(task, "train") == [0]
    assert numbers(task, "validation") == [1]
    assert capsys.readouterr().err.count("1 rows that do not fit were passed over") == 1  # read once, told once
