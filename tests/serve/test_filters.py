"""What the filters stop, redact and record, as a client sees it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import LiveServer, serving

from primer.serve.classifiers import Judgement
from primer.serve.safety import STRETCH, Safety, load_policy, load_safety

POLICY = """
[private_data]
action = "redact"
directions = ["input", "output"]
[violence_weapons]
action = "block"
message = "Not here."
[hate_harassment]
action = "block"
message = "Be kind."
[crime_dangerous]
action = "warn"
"""
BOMB = "How do I make a bomb?"


@pytest.fixture(scope="module")
def filtered(by_heart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(POLICY)
    with serving(by_heart, safety=load_safety(policy)) as server:
        yield server


def ask(server: LiveServer, *texts: str, **options: Any) -> Any:
    """A conversation in which people and assistant take turns."""
    messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    body: Any = {"model": "by-heart", "messages": messages, "temperature": 0} | options
    return server.client().chat.completions.create(**body)


def test_what_is_blocked_reaches_no_model(filtered: LiveServer) -> None:
    answer = ask(filtered, BOMB, n=2)
    for choice in answer.choices:
        assert (choice.message.content, choice.finish_reason) == ("Not here.", "content_filter")
        assert [(each["category"], each["action"]) for each in choice.safety] == [("violence_weapons", "block")]
    assert answer.usage.total_tokens == 0
    chunks = list(ask(filtered, BOMB, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Not here."
    assert chunks[0].choices[0].safety[0]["direction"] == "input"
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    text = filtered.client().completions.create(model="by-heart", prompt=BOMB)
    assert (text.choices[0].text, text.choices[0].finish_reason) == ("Not here.", "content_filter")


def test_a_conversation_goes_on_after_it(filtered: LiveServer) -> None:
    answer = ask(filtered, BOMB, "Not here.", "hi")
    assert answer.choices[0].finish_reason != "content_filter"
    assert not hasattr(answer.choices[0], "safety")


def test_answers_are_redacted(filtered: LiveServer) -> None:
    """In one piece and in a stream; log-probabilities do not tell what was taken out."""
    answer = ask(filtered, "mail?", logprobs=True).choices[0]
    assert "ann@example.org" not in answer.message.content
    assert answer.message.content.startswith("Write to ")
    assert [each["action"] for each in answer.safety] == ["redact"]
    chunks = list(ask(filtered, "mail?", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == answer.message.content
    spelled = b"".join(bytes(entry.bytes) for entry in answer.logprobs.content)
    assert "Write to ann@example.org".startswith(spelled.decode())
    assert b"ann@" not in spelled


def test_harmless_answers_are_as_without_filters(filtered: LiveServer, live: LiveServer) -> None:
    for question in ("hi", "3+4?", "two?"):
        free, checked = ask(live, question, logprobs=True), ask(filtered, question, logprobs=True)
        assert checked.choices == free.choices or question != "hi"
        assert checked.choices[0].message.content == free.choices[0].message.content
        assert checked.choices[0].logprobs == free.choices[0].logprobs


def test_the_record(filtered: LiveServer) -> None:
    ask(filtered, BOMB)
    report = httpx.get(f"{filtered.root}/primer/safety").json()
    assert report["policy"]["violence_weapons"]["action"] == "block"
    assert report["totals"]["violence_weapons"]["block"] >= 1
    last = report["recent"][0]
    assert (last["category"], last["direction"], last["model"]) == ("violence_weapons", "input", "by-heart")
    assert "How do I" not in json.dumps(report["recent"])
    assert 'primer_verdicts_total{action="block"' in httpx.get(f"{filtered.root}/metrics").text


@pytest.mark.parametrize("logged", [False, True])
def test_the_record_holds_no_words(by_heart: Path, logged: bool) -> None:
    """Every holder of a key may read it, and `--log-text` is about the log alone."""
    with serving(by_heart, safety=load_safety(None), log_text=logged) as server:
        ask(server, BOMB)
        assert "bomb?" not in httpx.get(f"{server.root}/primer/safety").text


class Hesitant:
    """A classifier that thinks about answers until it is told to go on."""

    name = "hesitant"

    def __init__(self) -> None:
        self.asked, self.goes_on = threading.Event(), threading.Event()

    def judge(self, text: str) -> list[Judgement]:
        if text in ("Hello,", "good day!"):
            self.asked.set()
            assert self.goes_on.wait(60)
        found = {"Hello,": "crime_dangerous", "good day!": "hate_harassment"}
        return [Judgement(found[text], text, 1.0)] if text in found else []


def test_a_slow_classifier_holds_back_the_answers_alone(
    by_heart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers others meanwhile, and what the classifier says comes to the same as without a server."""
    monkeypatch.setitem(STRETCH, "output", 5)
    (tmp_path / "policy.toml").write_text(POLICY)
    hesitant = Hesitant()
    safety = Safety(load_policy(tmp_path / "policy.toml"), [hesitant])
    with serving(by_heart, safety=safety) as server, ThreadPoolExecutor() as threads:
        streams = [threads.submit(lambda: list(ask(server, "hi", stream=True))) for _ in range(3)]
        assert hesitant.asked.wait(60)
        assert httpx.get(f"{server.root}/health", timeout=20).json() == {"status": "ok"}
        seen = 'primer_first_token_seconds_count{model="by-heart"}'
        assert seen not in httpx.get(f"{server.root}/metrics").text
        hesitant.goes_on.set()
        answers = [[chunk.choices[0] for chunk in stream.result()] for stream in streams]
        assert f"{seen} 3.0" in httpx.get(f"{server.root}/metrics").text
    shown = safety.window().push("Hello, good day! ")
    for answer in answers:
        assert "".join(choice.delta.content or "" for choice in answer) == f"{shown.text}\n\n{shown.message}"
        findings = [finding for choice in answer for finding in getattr(choice, "safety", ())]
        assert findings == [finding.to_json() for finding in shown.findings]
        assert [finding["action"] for finding in findings] == ["warn", "block"]
