"""`primer web` as a person starts it, with a real model, a real server and a real browser."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from child import Command
from playwright.sync_api import Page, expect

from primer.serve.web import free_port


@pytest.fixture(scope="module")
def web(toy_chat: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a model that says a or b, as it likes; its URL."""
    folder = tmp_path_factory.mktemp("web")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["--run", str(toy_chat), "--port", str(port), "--database", f"sqlite:///{folder / 'primer.db'}"]
    said = folder / "said"
    said.touch()
    command = Command(["web", *options], said)
    try:
        command.wait_until(lambda: f"Open {url} in a browser" in said.read_text(encoding="utf-8"))
        yield url
    finally:
        command.send(signal.SIGINT)
        code, output = command.wait()
    assert (code, "stopped." in output) == (0, True), output
    with pytest.raises(OSError, match="refused"):
        urlopen(url)
    with closing(sqlite3.connect(folder / "primer.db")) as database:
        roles = database.execute("select role from messages order by id").fetchall()
    assert roles == [("user",), ("assistant",)]


def test_a_question_is_answered_by_the_model(visitor: Page, web: str) -> None:
    visitor.goto(web)
    line = visitor.get_by_test_id("stChatInputTextArea")
    expect(line).to_be_enabled()
    line.fill("Say a or b. 1")
    line.press("Enter")
    expect(visitor.get_by_role("button", name="Regenerate")).to_be_visible()
    expect(visitor.get_by_test_id("stChatMessage").last).to_contain_text("tokens")
    assert {"a", "b"} & set(visitor.get_by_test_id("stChatMessage").last.inner_text().split())


def test_its_run_is_on_the_page_of_training(visitor: Page, web: str, toy_chat: Path) -> None:
    visitor.goto(f"{web}/training?run={toy_chat.name}")
    expect(visitor.get_by_test_id("stMetric").filter(has_text="step")).to_contain_text("30")


def test_its_filters_are_on_the_page_of_safety(visitor: Page, web: str) -> None:
    visitor.goto(f"{web}/safety")
    expect(visitor.get_by_test_id("stTable")).to_contain_text("self harm")
