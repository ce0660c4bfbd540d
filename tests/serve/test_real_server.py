"""The page's client before the real server; and that the scripted one, which other tests have, says the same things."""

from pathlib import Path

import httpx
import pytest
import tiny
from fake_openai import BLOCKED, FakeOpenAI, Script
from served import LiveServer, serving

from primer.serve.client import Ended, Event, Notices, Piece, ServedModel, Server, Settings
from primer.serve.safety import load_safety
from primer.text.tokenizer import train_tokenizer

MAIL = "Write to ann@example.org."  # which the filters find


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model whose tokenizer has no marks for conversations."""
    tokenizer = train_tokenizer([tiny.words(80)], 0, "char")
    return tiny.save_run(tmp_path_factory.mktemp("letters") / "letters", tokenizer, tiny.model_config())


def events(server: Server, model: ServedModel, text: str) -> list[Event]:
    """All of an answer."""
    settings = Settings(temperature=0, max_tokens=8)
    return list(server.stream([{"role": "user", "content": text}], model, settings, seed=1))


def test_it_is_known_which_models_converse(live: LiveServer) -> None:
    chat, base = Server(live.url).models()
    assert (chat, base) == (ServedModel("by-heart"), ServedModel("untaught", chats=False))


def test_chat_model_is_asked_to_answer(live: LiveServer) -> None:
    found = events(Server(live.url), ServedModel("by-heart"), "hi")
    assert "".join(event.text for event in found if isinstance(event, Piece)).startswith("Hello")


def test_base_model_goes_on_writing_also_without_marks_for_conversations(letters: Path) -> None:
    with serving(letters) as live:
        server = Server(live.url)
        (model,) = server.models()
        found = events(server, model, "king and")
        said = live.client().completions.create(model="letters", prompt="king and", temperature=0, max_tokens=8)
    assert "".join(event.text for event in found if isinstance(event, Piece)) == said.choices[0].text
    assert any(isinstance(event, Ended) for event in found)


def names(server: Server) -> dict[str, set[str]]:
    """What is in each kind of row that a server sends."""
    (model,) = server.models()
    assert not model.chats
    findings = next(event.findings for event in events(server, model, MAIL) if isinstance(event, Notices))
    report = server.safety()
    assert report is not None
    return {
        "model": set(httpx.get(f"{server.url}/models").json()["data"][0]),
        "finding": set(findings[0]),
        "report": set(report),
        "category": set(next(iter(report["policy"].values()))),
        "total": {type(count).__name__ for done in report["totals"].values() for count in done.values()},
        "verdict": set(report["recent"][0]),
    }


def test_scripted_server_says_what_the_real_one_says(untaught: Path) -> None:
    scripts = {MAIL: Script("No.", safety=[BLOCKED])}
    with serving(untaught, safety=load_safety(None)) as live, FakeOpenAI(scripts, models=["untaught-base"]) as fake:
        assert names(Server(live.url)) == names(Server(fake.url))
