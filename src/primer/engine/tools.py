"""Tools that a model can call: a name, what it is for, its arguments as a JSON schema, and a function.

>>> run_call([CALCULATOR], ToolCall("calculator", {"expression": "3 + 4"}))
'7'
>>> run_call([CALCULATOR], ToolCall("calculater", {"expression": "3 + 4"}))
"error: there is no tool 'calculater'; did you mean 'calculator'?"
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from primer.core.errors import ConfigError, suggest
from primer.engine.calculator import calculate
from primer.engine.sandbox import SandboxLimits, best_mechanism, run_python
from primer.text.chat import ToolCall

JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip


@dataclass(frozen=True)
class Tool:
    """Something that a model can have done for it."""

    name: str
    description: str
    """What it does, for the model that reads it."""
    parameters: dict[str, Any]
    """JSON schema of the arguments: an object."""
    run: Callable[[dict[str, Any]], str]
    """Arguments to a result; what it raises is reported to the model."""
    seconds: float | None = None
    """How long it may take; None: it bounds itself. After that the answer goes on without it."""


def run_call(tools: Sequence[Tool], call: ToolCall) -> str:
    """The result of a call, as text for the model. Never raises: what goes wrong is a text too, "error: …"."""
    known = {tool.name: tool for tool in tools}
    if call.name not in known:
        return f"error: there is no tool {call.name!r}" + (f"; {suggest(call.name, known)}" if known else "")
    tool = known[call.name]
    result = wrong_arguments(tool, call.arguments) or run_in_time(tool, call.arguments)
    return result.encode(errors="replace").decode()  # half a character, which JSON can write, has no ids


def wrong_arguments(tool: Tool, arguments: dict[str, Any]) -> str:
    """What is wrong with the arguments of a call: names, and types where the schema says them; empty if nothing is.

    >>> wrong_arguments(CALCULATOR, {"expresion": "3 + 4"})
    "error: calculator has no argument 'expresion'; did you mean 'expression'?"
    >>> wrong_arguments(CALCULATOR, {"expression": 7})
    "error: the argument 'expression' of calculator must be a string"
    """
    properties: dict[str, Any] = tool.parameters.get("properties", {})
    for name, value in arguments.items():
        if name not in properties:
            return f"error: {tool.name} has no argument {name!r}" + (
                f"; {suggest(name, properties)}" if properties else ""
            )
        kind = properties[name].get("type")
        if kind in JSON_TYPES and not (
            isinstance(value, JSON_TYPES[kind]) and isinstance(value, bool) <= (kind == "boolean")
        ):
            return f"error: the argument {name!r} of {tool.name} must be {'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    missing = [name for name in tool.parameters.get("required", []) if name not in arguments]
    return f"error: {tool.name} needs the argument {missing[0]!r}" if missing else ""


def run_in_time(tool: Tool, arguments: dict[str, Any]) -> str:
    """The tool's result, or the error it ended with, or that it did not end."""
    results: list[str] = []

    def run() -> None:
        try:
            results.append(str(tool.run(arguments)))
        except Exception as error:  # whatever a tool's author did not think of must not stop the conversation
            results.append(f"error: {tool.name} failed: {type(error).__name__}: {error}")

    if tool.seconds is None:
        run()
    else:
        thread = threading.Thread(target=run, daemon=True)  # cannot be stopped, only left behind
        thread.start()
        thread.join(tool.seconds)
    return results[0] if results else f"error: {tool.name} did not answer within {tool.seconds:g} seconds"


def one_string(name: str, description: str) -> dict[str, Any]:
    """The schema of a tool with one argument, a text."""
    return {"type": "object", "properties": {name: {"type": "string", "description": description}}, "required": [name]}


CALCULATOR = Tool(
    "calculator",
    "Calculates. Knows + - * / ^ % and parentheses, sqrt, abs, round, min, max, count(letter, word), length(word), "
    "spell(word), reverse(word), join(letters), and ascending(a, b, …) and descending(a, b, …) of numbers or words.",
    one_string("expression", "For example 12 * (3 + 4), 20% of 50 or count(r, strawberry)"),
    lambda arguments: calculate(arguments["expression"]),
)


def python_tool(limits: SandboxLimits | None = None) -> Tool:
    """Python in the sandbox, each call in a process of its own that remembers nothing of the last."""
    best_mechanism()  # is found out once, and not by each fork of this process
    return Tool(
        "python",
        "Runs a Python program and returns what it prints.",
        one_string("code", "The program; print what you want to see"),
        lambda arguments: run_python(arguments["code"], limits or SandboxLimits()).text(),
    )


TOOLS: dict[str, Callable[[], Tool]] = {"calculator": lambda: CALCULATOR, "python": python_tool}


def named_tools(names: str) -> tuple[Tool, ...]:
    """The tools of a list such as "calculator,python"; "none" or nothing is no tool.

    Raises ConfigError for a name that is none of `TOOLS`.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip() not in ("", "none")]
    for name in wanted:
        if name not in TOOLS:
            raise ConfigError(f"there is no tool {name!r}; {suggest(name, [*TOOLS, 'none'])}")
    return tuple(TOOLS[name]() for name in dict.fromkeys(wanted))
