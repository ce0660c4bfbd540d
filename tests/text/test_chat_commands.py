"""`primer chat-format show`, from its command line to the colours."""

import json
from pathlib import Path

import pytest
import tyro

from primer.core.errors import ConfigError, CorpusError
from primer.text.chat import ChatFormat, ToolCall, assistant, tool, user
from primer.text.chat_commands import COMMANDS, TRAINED, bytes_alone, coloured
from primer.text.tokenizer import train_tokenizer


def show(*arguments: object) -> None:
    """`primer chat-format show …`"""
    config, command = COMMANDS["show"]
    command(tyro.cli(config, args=[str(argument) for argument in arguments]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    turns = [{"role": "user", "content": "Hi, [bold]you[/bold]!"}, {"role": "assistant", "content": "Grüß Gott 🙂"}]
    path = tmp_path / "chat.jsonl"
    path.write_text((json.dumps({"messages": turns}) + "\n") * 5, encoding="utf-8")
    return path


def test_shows_the_first_conversations(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(file, "--limit", 2)
    out = capsys.readouterr().out
    layout = "<|im_start|>user\nHi, [bold]you[/bold]!<|im_end|>\n<|im_start|>assistant\nGrüß Gott 🙂<|im_end|>\n"
    assert out.count(layout) == 2
    assert out.count("bytes and marks, 17 of them trained") == 2  # of the answer 16 bytes, and its end


def test_with_a_tokenizer(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_tokenizer(["Gott user assistant " * 20], 285).save(tmp_path / "run")
    show(file, "--tokenizer", tmp_path / "run", "--limit", 1)
    out = capsys.readouterr().out
    assert "Grüß Gott 🙂<|im_end|>" in out
    assert "tokens," in out


def test_what_is_trained_is_green() -> None:
    tokenizer = bytes_alone()
    messages = [user("What is 3 × 4?"), assistant("", ToolCall("×")), tool("12"), assistant("Grüß 🙂 12")]
    text = coloured(tokenizer, ChatFormat(tokenizer).render(messages))
    green = "".join(text.plain[span.start : span.end] for span in text.spans if span.style in TRAINED)
    assert green == '<tool_call>{"name": "×", "arguments": {}}</tool_call><|im_end|>Grüß 🙂 12<|im_end|>'


def test_mistakes(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--limit is 0"):
        show(file, "--limit", 0)
    with pytest.raises(CorpusError, match="does not exist"):
        show(tmp_path / "none.jsonl")
    file.write_text('{"text": "no"}\n' + file.read_text())
    with pytest.raises(CorpusError, match=r"line 1: this is not of a known shape.*--on-bad skip"):
        show(file)
    show(file, "--on-bad", "skip")
