"""Requests as they come in, and conversations as the model knows them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from primer.serve.errors import ApiError
from primer.serve.protocol import ChatRequest, CompletionRequest
from primer.serve.translate import conversation, offered, sampling
from primer.text.chat import ToolCall, assistant, system, tool, user

HI: Any = [{"role": "user", "content": "hi"}]


def request(**fields: Any) -> ChatRequest:
    return ChatRequest.model_validate({"messages": HI} | fields)


def call(id: str, arguments: str = '{"x": 1}') -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def result(id: str, text: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": id, "content": text}


def test_null_is_as_good_as_nothing() -> None:
    """For every field that may be left out: many clients send their defaults so."""
    fields = [name for name, field in ChatRequest.model_fields.items() if not field.is_required() and name != "model"]
    given, left_out = request(**dict.fromkeys(fields)), request()
    assert sampling(given.model_copy(update={"seed": 1}), 0.3, 9) == sampling(
        left_out.model_copy(update={"seed": 1}), 0.3, 9
    )
    assert not given.stream
    assert given.tools is None


def test_unknown_fields_are_ignored_and_unknown_wishes_refused() -> None:
    request(store=True, metadata={}, service_tier="auto", user="me", parallel_tool_calls=True, functions=None)
    for field in ("functions", "audio", "web_search_options"):
        with pytest.raises(ValidationError, match=f"the field {field} is not supported"):
            request(**{field: {"x": 1}})


def test_sampling_as_asked() -> None:
    how = sampling(request(temperature=1, top_p=0, top_k=3, seed=-1, presence_penalty=-2), 0.3, 9)
    assert (how.temperature, how.top_k, how.seed, how.presence_penalty) == (1, 3, 2**63 - 1, -2)
    assert 0 < how.top_p < 1e-6  # the likeliest token alone
    assert sampling(request(), 0.3, 9).temperature == 0.3
    assert sampling(request(), 0.3, 9).seed != sampling(request(), 0.3, 9).seed


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]])],
)
def test_prompts(prompt: Any, expected: Any) -> None:
    assert CompletionRequest.model_validate({"prompt": prompt}).prompts == expected


@pytest.mark.parametrize("prompt", [[], [[]], ["a", 1], None, 3, [1.5], [True], ["x"] * 17])
def test_what_is_no_prompt(prompt: Any) -> None:
    with pytest.raises(ValidationError):
        CompletionRequest.model_validate({"prompt": prompt})


def test_a_conversation() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": parts}]
    answered = [{"role": "assistant", "content": None, "tool_calls": [call("1")]}, result("1", "seven")]
    found = conversation(request(messages=[*messages, *answered]).messages)
    assert found == [system("Be kind."), user("ab"), assistant("", ToolCall("f", {"x": 1})), tool("seven")]


@settings(max_examples=30)
@given(st.permutations(range(5)))
def test_results_stand_in_the_order_of_their_calls(order: list[int]) -> None:
    calls = {"role": "assistant", "tool_calls": [call(f"c{i}") for i in range(5)]}
    results = [result(f"c{i}", str(i)) for i in order]
    found = conversation(request(messages=[*HI, calls, *results]).messages)
    assert found[2:] == [tool(str(i)) for i in range(5)]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([result("c", "x")], "messages[1].tool_call_id"),
        ([{"role": "assistant", "tool_calls": [call("c", "[1]")]}], "messages[1].tool_calls[0].function.arguments"),
        ([{"role": "assistant", "tool_calls": [call("c", "{")]}], "messages[1].tool_calls[0].function.arguments"),
        ([{"role": "assistant", "tool_calls": [call("c")]}, *HI, result("c", "x")], "messages[3].tool_call_id"),
        ([{"role": "user"}], "messages[1].content"),
    ],
)
def test_what_is_no_conversation(messages: Any, param: str) -> None:
    with pytest.raises(ApiError) as caught:
        conversation(request(messages=[*HI, *messages]).messages)
    assert caught.value.param == param


def test_tools_on_offer() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert [(each.name, each.parameters) for each in offered(request(tools=tools).tools or ())] == [
        ("f", {"type": "object"})
    ]
