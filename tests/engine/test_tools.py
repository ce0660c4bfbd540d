"""Calls of tools: right ones, wrong ones, and tools that fail or hang."""

import threading
from typing import Any

import pytest

from primer.core.errors import ConfigError
from primer.engine.sandbox import SandboxError
from primer.engine.tools import CALCULATOR, Tool, named_tools, one_string, python_tool, run_call
from primer.text.chat import ToolCall

ANY_SCHEMA = {
    "type": "object",
    "properties": {"count": {"type": "integer"}, "ratio": {"type": "number"}, "sure": {"type": "boolean"}, "any": {}},
}


def tool(run: Any, parameters: dict[str, Any] | None = None, seconds: float | None = None) -> Tool:
    return Tool("it", "does it", parameters or one_string("text", "a text"), run, seconds)


def test_a_call_is_answered() -> None:
    assert run_call([python_tool(), CALCULATOR], ToolCall("calculator", {"expression": "6 * 7"})) == "42"
    assert run_call([CALCULATOR], ToolCall("calculator", {"expression": "6 *"})).startswith(
        "error: a number is missing"
    )


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (ToolCall("calculater", {}), "there is no tool 'calculater'; did you mean 'calculator'?"),
        (ToolCall("calculator", {}), "calculator needs the argument 'expression'"),
        (
            ToolCall("calculator", {"expression": "1", "x": 2}),
            "calculator has no argument 'x'; choose from: expression",
        ),
        (ToolCall("calculator", {"expression": None}), "the argument 'expression' of calculator must be a string"),
    ],
)
def test_wrong_calls_are_explained(call: ToolCall, answer: str) -> None:
    assert run_call([CALCULATOR], call) == f"error: {answer}"


def test_types_of_arguments() -> None:
    it = tool(str, ANY_SCHEMA)
    for arguments in ({"count": 3}, {"ratio": 3}, {"ratio": 0.5}, {"sure": True}, {"any": [None]}, {}):
        assert run_call([it], ToolCall("it", arguments)) == str(arguments)
    for arguments in ({"count": 0.5}, {"count": True}, {"ratio": False}, {"sure": 1}):
        assert "must be a" in run_call([it], ToolCall("it", arguments))
    assert "must be an integer" in run_call([it], ToolCall("it", {"count": "3"}))


def test_there_may_be_no_tools() -> None:
    assert run_call([], ToolCall("calculator", {})) == "error: there is no tool 'calculator'"


def test_a_tool_that_raises() -> None:
    assert (
        run_call([tool(lambda a: a["missing"])], ToolCall("it", {"text": ""}))
        == "error: it failed: KeyError: 'missing'"
    )


def test_a_tool_that_hangs() -> None:
    forever = threading.Event()
    answer = run_call([tool(lambda _: forever.wait(60), seconds=0.05)], ToolCall("it", {"text": ""}))
    forever.set()
    assert answer == "error: it did not answer within 0.05 seconds"
    assert run_call([tool(lambda a: a["text"], seconds=60)], ToolCall("it", {"text": "in time"})) == "in time"


def test_results_are_text_that_can_be_encoded() -> None:
    assert run_call([tool(lambda a: a["text"])], ToolCall("it", {"text": "half \ud800"})) == "half ?"
    assert run_call([tool(lambda _: 7)], ToolCall("it", {"text": ""})) == "7"


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_call([python_tool()], ToolCall("python", {"code": "print(6 * 7)"})) == "42"

    def broken(*_: object) -> None:
        raise SandboxError("no sandbox here.")

    monkeypatch.setattr("primer.engine.tools.run_python", broken)
    assert (
        run_call([python_tool()], ToolCall("python", {"code": ""}))
        == "error: python failed: SandboxError: no sandbox here."
    )


def test_tools_by_name() -> None:
    assert [tool.name for tool in named_tools("python, calculator,python")] == ["python", "calculator"]
    assert named_tools("none") == named_tools("") == ()
    with pytest.raises(ConfigError, match="no tool 'pyton'; did you mean 'python'"):
        named_tools("pyton")
