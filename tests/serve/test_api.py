"""The server as OpenAI's own client sees it: a real server, a real client, a model that knows its answers by heart."""

import json
import math
import time
from pathlib import Path
from typing import Any

import httpx
import learned
import openai
import pytest
from openai import OpenAI
from served import LiveServer, serving

from primer.engine.engine import Engine
from primer.serve.gate import Limits
from primer.text.chat import tool_schema
from primer.text.tokenizer import Tokenizer

HI: Any = [{"role": "user", "content": "hi"}]
SUM: Any = [{"role": "user", "content": "3+4?"}]
HELLO = "Hello, good day! 你好é"
WEATHER: Any = tool_schema(learned.WEATHER)


def chat(client: OpenAI, messages: Any = HI, **options: Any) -> Any:
    return client.chat.completions.create(model="by-heart", messages=messages, **{"temperature": 0} | options)


def said(chunks: Any, index: int = 0) -> str:
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in choices)


# --- answers ---


def test_an_answer(client: OpenAI, by_heart: Path) -> None:
    answer = chat(client)
    assert answer.object == "chat.completion"
    assert answer.model == "by-heart"
    assert answer.id.startswith("chatcmpl-")
    assert [choice.message.content for choice in answer.choices] == [HELLO]
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    num_said = len(Tokenizer.load(by_heart).encode(HELLO))
    assert answer.usage.completion_tokens == num_said + 1  # and the end of the turn
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + num_said + 1


def test_a_stream_is_the_same_answer(client: OpenAI) -> None:
    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert said(chunks) == HELLO
    assert all("\ufffd" not in (chunk.choices[0].delta.content or "") for chunk in chunks[:-1])
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == chat(client).usage
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_ends_with_done(live: LiveServer) -> None:
    body = {"messages": HI, "stream": True, "temperature": 0}
    with httpx.stream("POST", f"{live.url}/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(line.startswith("data: {") for line in lines[:-1])


def test_the_same_seed_gives_the_same_answers(client: OpenAI) -> None:
    """Two samples of one seed differ from each other, and not from those of the next time."""
    strange: Any = [{"role": "user", "content": "qwertz uiop"}]

    def texts(seed: int | None) -> list[str]:
        answer = chat(client, strange, seed=seed, n=3, temperature=1.5, max_tokens=12)
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
        return [choice.message.content for choice in answer.choices]

    first = texts(7)
    assert len(set(first)) > 1
    assert texts(7) == first
    assert texts(8) != first
    assert texts(-3) == texts(-3)
    assert texts(None) != texts(None)
    chunks = list(chat(client, strange, seed=7, n=3, temperature=1.5, max_tokens=12, stream=True))
    assert [said(chunks, index) for index in range(3)] == first


def test_stops_are_never_shown(client: OpenAI) -> None:
    answer = chat(client, stop=["od d", "zzz"])
    assert answer.choices[0].message.content == "Hello, go"
    assert answer.choices[0].finish_reason == "stop"
    assert said(chat(client, stop="od d", stream=True)) == "Hello, go"


def test_lengths(client: OpenAI) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = chat(client, **{name: 2})
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 2


def test_log_probabilities(client: OpenAI) -> None:
    answer = chat(client, logprobs=True, top_logprobs=3)
    entries = answer.choices[0].logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in entries).decode() == HELLO
    for entry in entries:
        assert entry.logprob <= 0
        assert len(entry.top_logprobs) == 3
        assert entry.top_logprobs[0].token == entry.token  # at temperature 0
        assert math.isclose(entry.top_logprobs[0].logprob, entry.logprob, abs_tol=1e-5)
    chunks = list(chat(client, logprobs=True, stream=True))
    streamed = [e for chunk in chunks if chunk.choices[0].logprobs for e in chunk.choices[0].logprobs.content]
    assert [entry.bytes for entry in streamed] == [entry.bytes for entry in entries]
    assert chat(client).choices[0].logprobs is None


def test_a_bias(client: OpenAI, by_heart: Path) -> None:
    first = Tokenizer.load(by_heart).encode(HELLO)[0]
    assert not chat(client, logit_bias={str(first): -100}).choices[0].message.content.startswith("Hello")
    with pytest.raises(openai.BadRequestError, match="'9999' is no token"):
        chat(client, logit_bias={"9999": 1})


def test_json(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    content = chat(client, response_format=form, max_tokens=100).choices[0].message.content
    assert list(json.loads(content)) == ["ok"]
    assert said(chat(client, response_format=form, max_tokens=100, stream=True)) == content


# --- tools ---


def test_the_servers_own_tools(client: OpenAI) -> None:
    answer = chat(client, SUM)
    assert answer.choices[0].message.content == "It is 7."
    assert answer.choices[0].message.tool_calls is None
    ran = [{"name": "calculator", "arguments": {"expression": "3+4"}, "result": "7"}]
    assert answer.choices[0].message.tool_activity == ran
    chunks = list(chat(client, SUM, stream=True))
    assert [c.choices[0].delta.tool_activity for c in chunks if hasattr(c.choices[0].delta, "tool_activity")] == [ran]
    both = chat(client, [{"role": "user", "content": "two?"}])
    assert both.choices[0].message.content == "Both:\n4 and 8."


def test_the_clients_tools(client: OpenAI) -> None:
    """Called, answered by the client, and gone on with."""
    asked: Any = [{"role": "user", "content": "weather?"}]
    answer = chat(client, asked, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    message = answer.choices[0].message
    call = message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Bern"})
    assert message.content is None
    chunks = list(chat(client, asked, tools=[WEATHER], stream=True))
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    delta = chunks[-1].choices[0].delta.tool_calls[0]
    assert (delta.index, delta.function.arguments) == (0, call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": "sun"}
    assert chat(client, [*asked, message, result], tools=[WEATHER]).choices[0].message.content == "Sun in Bern."


def test_no_tools(client: OpenAI) -> None:
    message = chat(client, SUM, tool_choice="none", max_tokens=30).choices[0].message
    assert message.tool_calls is None
    assert not hasattr(message, "tool_activity")


def test_a_call_can_be_demanded(client: OpenAI) -> None:
    """Of a model that would say something else; its arguments keep to the schema."""
    named = {"type": "function", "function": {"name": WEATHER["function"]["name"]}}
    for choice in ("required", named):
        answer = chat(client, HI, tools=[WEATHER], tool_choice=choice, max_tokens=60).choices[0]
        assert answer.finish_reason in ("tool_calls", "length")
        if answer.finish_reason == "tool_calls":
            (call,) = answer.message.tool_calls
            assert call.function.name == WEATHER["function"]["name"]
            assert set(json.loads(call.function.arguments)) >= set(WEATHER["function"]["parameters"]["required"])
    other = {"type": "function", "function": {"name": "other"}}
    with pytest.raises(openai.BadRequestError, match="not among tools"):
        chat(client, HI, tools=[WEATHER], tool_choice=other)


# --- texts ---


def test_texts(client: OpenAI) -> None:
    def complete(prompt: Any, **options: Any) -> Any:
        return client.completions.create(model="untaught", prompt=prompt, max_tokens=5, temperature=0, **options)

    whole = complete("One day")
    assert whole.object == "text_completion"
    assert whole.usage.completion_tokens <= 5
    assert "".join(c.choices[0].text for c in complete("One day", stream=True)) == whole.choices[0].text
    several = complete(["One day", "The"], n=2)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.choices[0].text == several.choices[1].text == whole.choices[0].text
    found = complete("One day", logprobs=2).choices[0].logprobs
    assert len(found.tokens) == len(found.token_logprobs) == len(found.top_logprobs) == len(found.text_offset)
    assert found.text_offset[0] == 0
    assert complete([5, 6, 7]).usage.prompt_tokens == 3
    assert complete("").usage.prompt_tokens == 1
    for options, message in (({"echo": True}, "echo"), ({"suffix": "x"}, "suffix"), ({"best_of": 3}, "best_of")):
        with pytest.raises(openai.BadRequestError, match=message):
            complete("One day", **options)
    with pytest.raises(openai.BadRequestError, match="9999 is no token"):
        complete([9999])
    with pytest.raises(openai.BadRequestError, match="tokens, and the model sees") as caught:
        complete("One day " * 500)
    assert caught.value.code == "context_length_exceeded"


# --- models, health, metrics ---


def test_models(client: OpenAI, live: LiveServer) -> None:
    assert [model.id for model in client.models.list()] == ["by-heart", "untaught"]
    assert client.models.retrieve("untaught").owned_by == "primer"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("../../etc/passwd")
    default = client.chat.completions.create(model="primer", messages=HI, temperature=0)
    assert default.choices[0].message.content == HELLO
    assert httpx.get(f"{live.root}/health").json() == {"status": "ok"}
    text = httpx.get(f"{live.root}/metrics").text
    assert 'primer_requests_total{model="by-heart",path="/v1/chat/completions",status="200"}' in text
    assert "primer_first_token_seconds_count" in text


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop[0]"),
        ({"seed": 2**70}, "seed"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages[0].content"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [*HI, {"role": "tool", "content": "x", "tool_call_id": "c"}]}, "messages[1].tool_call_id"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"top_logprobs": 99}, "top_logprobs"),
        ({"fit": "squeeze"}, "fit"),
    ],
)
def test_what_is_out_of_range(live: LiveServer, changes: dict[str, Any], param: str) -> None:
    response = httpx.post(f"{live.url}/chat/completions", json={"messages": HI} | changes)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert error["message"]


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff\xfe", b'{"messages": NaN}', b'{"messages": "\\ud800"}', b"[" * 100_000, b"3", b"null"]
)
def test_what_is_no_request(live: LiveServer, body: bytes) -> None:
    response = httpx.post(f"{live.url}/chat/completions", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_wrong_addresses(live: LiveServer) -> None:
    assert httpx.get(f"{live.url}/chat/completions").status_code == 405
    missing = httpx.get(f"{live.url}/nothing")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"]
    too_large = httpx.post(
        f"{live.url}/chat/completions", json={"messages": [{"role": "user", "content": "x" * 10**7}]}
    )
    assert too_large.status_code == 413
    assert too_large.json()["error"]["code"] == "request_too_large"


def test_the_clients_exceptions(client: OpenAI, by_heart: Path) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-5", messages=HI)
    assert caught.value.code == "model_not_found"
    key = "0123456789abcdef"
    with serving(by_heart, keys=[key], limits=Limits(requests_per_minute=1)) as server:
        with pytest.raises(openai.AuthenticationError):
            chat(server.client("wrong"))
        assert chat(server.client(key)).choices[0].message.content == HELLO
        with pytest.raises(openai.RateLimitError) as limited:
            chat(server.client(key))
        assert int(limited.value.response.headers["retry-after"]) > 0


def test_long_conversations(client: OpenAI) -> None:
    long: Any = [message for _ in range(30) for message in (*HI, {"role": "assistant", "content": HELLO})] + HI
    answer = chat(client, long)
    assert answer.choices[0].message.content
    assert answer.dropped_messages > 0
    assert next(iter(chat(client, long, stream=True))).dropped_messages == answer.dropped_messages
    with pytest.raises(openai.BadRequestError) as caught:
        chat(client, long, extra_body={"fit": "refuse"})
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(client, [{"role": "user", "content": "long " * 1000}])
    assert caught.value.code == "context_length_exceeded"


# --- faults ---


def test_a_client_that_hangs_up_frees_its_slot(live: LiveServer) -> None:
    body = {"model": "by-heart", "messages": HI, "temperature": 2, "n": 4, "logit_bias": {}, "stream": True}
    for _ in range(3):
        with httpx.stream("POST", f"{live.url}/chat/completions", json=body) as response:
            next(response.iter_lines())
        assert live.until_idle()
    with pytest.raises(httpx.ReadTimeout):  # and one that waits for a whole body
        httpx.post(f"{live.url}/chat/completions", json=body | {"stream": False}, timeout=httpx.Timeout(5, read=0.01))
    assert live.until_idle()


def test_a_bug_is_told_and_the_server_goes_on(
    by_heart: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As 500 before the answer has begun, as the stream's last event after that; the traceback is in the log."""
    with serving(by_heart) as server:
        client = server.client()
        assert chat(client).choices[0].message.content == HELLO
        with monkeypatch.context() as patch:
            patch.setattr("primer.serve.service.chat_options", lambda *_: 1 // 0)
            with pytest.raises(openai.InternalServerError, match="failed to answer"):
                chat(client)
        with monkeypatch.context() as patch:
            patch.setattr("primer.engine.dialogue.Answer.finish", lambda _: 1 // 0)
            with pytest.raises(openai.APIError, match="failed to answer"):
                said(chat(client, stream=True))
        assert caplog.text.count("ZeroDivisionError") >= 2
        assert chat(client).choices[0].message.content == HELLO
        assert server.until_idle()


def test_what_takes_too_long(by_heart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Engine.step
    monkeypatch.setattr(Engine, "step", lambda engine: (time.sleep(0.1), step(engine))[1])
    with serving(by_heart, limits=Limits(timeout_seconds=1e-3)) as server:
        with pytest.raises(openai.InternalServerError) as caught:
            chat(server.client())
        assert caught.value.status_code == 504
        with pytest.raises(openai.APIError, match="not ready after"):
            said(chat(server.client(), stream=True))
        assert server.until_idle()


def test_more_answers_than_slots(client: OpenAI) -> None:
    answer = chat(client, n=11)
    assert [choice.message.content for choice in answer.choices] == [HELLO] * 11


@pytest.mark.parametrize("logged", [False, True])
def test_texts_are_logged_only_if_asked(by_heart: Path, logged: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with serving(by_heart, log_text=logged) as server:
        said(chat(server.client(), stream=True))
        chat(server.client())
    assert ("good day" in caplog.text) == logged
