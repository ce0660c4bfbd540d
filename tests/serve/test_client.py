"""The page's client, against a server with scripted answers."""

import socket
from collections.abc import Iterator

import pytest
from fake_openai import BLOCKED, CALCULATED, FakeOpenAI, Script

from primer.engine.chat import ChatConfig
from primer.serve.client import (
    Counted,
    Dropped,
    Ended,
    Notices,
    Piece,
    ServedModel,
    Server,
    ServerAway,
    ServerRefused,
    Settings,
    ToolUse,
    server_of_environment,
)
from primer.serve.service import CHAT_TEMPERATURE

SCRIPTS = {
    "sum": Script("It is 7.", tools=[CALCULATED], dropped=2),
    "blocked": Script("Not here.", safety=[BLOCKED], finish="content_filter"),
    "half": Script("It is", finish=None),
    "ill": Script("the model has a headache", status=500),
    "key": Script("no such key", status=401),
}
CHAT, BASE = ServedModel("primer"), ServedModel("laptop-base", chats=False)


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    """A server."""
    with FakeOpenAI(SCRIPTS) as server:
        yield server


def events(fake: FakeOpenAI, text: str, model: ServedModel = CHAT, settings: Settings | None = None) -> list[object]:
    """All of an answer."""
    messages = [{"role": "user", "content": text}]
    return list(Server(fake.url).stream(messages, model, settings or Settings(), seed=5))


def test_answer_comes_with_tools_dropped_messages_and_count(fake: FakeOpenAI) -> None:
    assert events(fake, "sum") == [
        Dropped(2),
        ToolUse("calculator", '{"expression": "3 + 4"}', "7"),
        *(Piece(text) for text in ("It ", "is ", "7.")),
        Ended("stop"),
        Counted(3),
    ]


def test_finding_of_the_filters(fake: FakeOpenAI) -> None:
    found = events(fake, "blocked")
    assert [event for event in found if isinstance(event, Notices | Ended)] == [
        Notices([BLOCKED]),
        Ended("content_filter"),
    ]


def test_settings_and_seed_are_sent_and_nothing_that_openai_does_not_know(fake: FakeOpenAI) -> None:
    events(fake, "hello", settings=Settings(0.5, 0.9, 0, 64))
    sent = fake.requests[-1]
    assert {name: sent[name] for name in ("temperature", "top_p", "max_tokens", "seed")} == {
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 64, "seed": 5,
    }  # fmt: skip
    assert "top_k" not in sent


def test_temperature_is_that_of_the_terminal_and_the_server() -> None:
    assert Settings().temperature == ChatConfig().sampling.temperature == CHAT_TEMPERATURE


@pytest.mark.parametrize("is_primer", [True, False])
def test_top_k_is_sent_to_primer_only(fake: FakeOpenAI, is_primer: bool) -> None:
    fake.is_primer = is_primer
    events(fake, "hello", settings=Settings(top_k=7))
    assert fake.requests[-1].get("top_k") == (7 if is_primer else None)


def test_base_model_is_asked_for_a_continuation(fake: FakeOpenAI) -> None:
    found = events(fake, "Once", BASE)
    assert "".join(event.text for event in found if isinstance(event, Piece)) == "You said: Once"
    assert fake.requests[-1]["prompt"] == "Once"
    assert "messages" not in fake.requests[-1]


def test_models_and_which_of_them_converse(fake: FakeOpenAI) -> None:
    assert Server(fake.url).models() == [CHAT, ServedModel("laptop-sft"), BASE]
    fake.is_primer = False  # then nothing is known about stages
    assert all(model.chats for model in Server(fake.url).models())


def test_safety_of_primer_and_of_others(fake: FakeOpenAI) -> None:
    found = Server(fake.url).safety()
    assert found is not None
    assert found["totals"] == {"weapons": {"block": 1}}
    fake.is_primer = False
    assert Server(fake.url).safety() is None


def test_connection_that_ends_early_is_noticed_after_what_came(fake: FakeOpenAI) -> None:
    stream = Server(fake.url).stream([{"role": "user", "content": "half"}], CHAT, Settings(), 1)
    assert [next(stream), next(stream)] == [Piece("It "), Piece("is")]
    with pytest.raises(ServerAway, match="before the answer was complete"):
        next(stream)


@pytest.mark.parametrize(("text", "said"), [("ill", "the model has a headache"), ("key", "PRIMER_API_KEY")])
def test_refusals_in_the_servers_words(fake: FakeOpenAI, text: str, said: str) -> None:
    with pytest.raises(ServerRefused, match=said):
        events(fake, text)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServerAway, match="cannot be reached"):
        Server(f"http://127.0.0.1:{port}/v1").models()


def test_environment_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIMER_API", "http://there/v1")
    monkeypatch.setenv("PRIMER_API_KEY", "secret")
    server = server_of_environment()
    assert (server.url, server.key) == ("http://there/v1", "secret")
    assert "secret" not in repr(server)
