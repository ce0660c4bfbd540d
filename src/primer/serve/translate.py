"""From the protocol's messages and options to those of the engine."""

import secrets
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from primer.engine.sampling import SamplingConfig
from primer.serve.errors import bad_request
from primer.serve.protocol import SEEDS, CallGiven, CommonRequest, MessageGiven, ToolGiven
from primer.text.chat import Message, Role, ToolCall, assistant, tool

SMALLEST_TOP_P = 1e-9  # OpenAI takes 0, too: the likeliest token


@dataclass(frozen=True)
class OfferedTool:
    """A tool of the client's, as the model is told of it."""

    name: str
    description: str
    parameters: dict[str, Any]


def offered(tools: Sequence[ToolGiven]) -> tuple[OfferedTool, ...]:
    """The client's tools."""
    functions = [each.function for each in tools]
    return tuple(OfferedTool(f.name, f.description or "", f.parameters or {"type": "object"}) for f in functions)


def conversation(given: Sequence[MessageGiven]) -> list[Message]:
    """The messages as the model knows them: results of tools in the order of the calls, whatever order they came in.

    Raises ApiError for calls that are no JSON, and for results without a call.
    """
    messages: list[Message] = []
    open_ids: list[str] = []  # of the last assistant's calls
    placed: list[int] = []  # which of them have their results, in order
    for number, each in enumerate(given):
        where = f"messages[{number}]"
        if each.role == "tool":
            if each.tool_call_id not in open_ids:
                raise bad_request("the assistant's turn before made no call with this id", f"{where}.tool_call_id")
            order = open_ids.index(each.tool_call_id)
            place = bisect(placed, order)
            messages.insert(len(messages) - len(placed) + place, tool(each.content or ""))
            placed.insert(place, order)
        else:
            open_ids, placed = [call.id for call in each.tool_calls or []], []
            messages.append(turn(each, where))
    return messages


def turn(given: MessageGiven, where: str) -> Message:
    """A message of anyone but a tool. Raises ApiError for one without content, or with calls that are no JSON."""
    if given.role == "assistant":
        calls = [read_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(given.tool_calls or [])]
        return assistant(given.content or "", *calls)
    if given.content is None:
        raise bad_request(f"a message of the role {given.role} needs content", f"{where}.content")
    role: Role = "user" if given.role == "user" else "system"  # OpenAI's newer name for system is developer
    return Message(role, given.content)


def read_call(given: CallGiven, where: str) -> ToolCall:
    """A call that the client gives back. Raises ApiError if its arguments are no JSON object."""
    try:
        arguments = from_json(given.function.arguments)
    except ValueError as error:
        raise bad_request(f"the arguments are no JSON: {error}", f"{where}.function.arguments") from error
    if not isinstance(arguments, dict):
        raise bad_request("the arguments are no JSON object", f"{where}.function.arguments")
    return ToolCall(given.function.name, arguments)


def sampling(asked: CommonRequest, temperature: float, max_tokens: int) -> SamplingConfig:
    """How tokens are chosen: as asked, else at this temperature and by a seed that nobody knows."""
    return SamplingConfig(
        temperature=temperature if asked.temperature is None else asked.temperature,
        top_k=asked.top_k or 0,
        top_p=1.0 if asked.top_p is None else max(asked.top_p, SMALLEST_TOP_P),
        min_p=asked.min_p or 0.0,
        repetition_penalty=asked.repetition_penalty or 1.0,
        presence_penalty=asked.presence_penalty or 0.0,
        frequency_penalty=asked.frequency_penalty or 0.0,
        seed=secrets.randbelow(SEEDS) if asked.seed is None else asked.seed % SEEDS,
        max_tokens=max_tokens,
    )


def biases(asked: CommonRequest, vocab_size: int) -> dict[int, float]:
    """What is added to the logit of each id; -100 is never. Raises ApiError for what is no id of the model's."""
    found: dict[int, float] = {}
    for key, bias in (asked.logit_bias or {}).items():
        if not (key.isascii() and key.isdigit() and len(key) < 10 and int(key) < vocab_size):
            raise bad_request(f"{key[:40]!r} is no token of this model, which has 0 to {vocab_size - 1}", "logit_bias")
        found[int(key)] = bias
    return found
