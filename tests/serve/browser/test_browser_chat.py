"""The pages of chat, compare and safety in a browser, before a server whose answers are scripted."""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from fake_openai import BLOCKED, CALCULATED, FINDING, FakeOpenAI, Script
from playwright.sync_api import Locator, Page, expect

PATIENCE_SECONDS = 30.0
LONG = " ".join(f"word{i}" for i in range(60))
SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
SCRIPTS = {
    "What is 127 + 358?": Script("127 + 358 = **485**.", tools=[CALCULATED]),
    "slowly": Script(LONG, delay=0.05),
    "endless": Script(" ".join(f"word{i}" for i in range(5000)), delay=0.05),
    "her address": Script("It is [e-mail].", safety=[FINDING]),
    "a weapon": Script(BLOCKED["message"], safety=[BLOCKED], finish="content_filter"),
    "show me a script": Script(f"Here: {SCRIPT}"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    """The server."""
    with FakeOpenAI(dict(SCRIPTS)) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page keeps its database."""
    return tmp_path_factory.mktemp("chat")


@pytest.fixture(scope="module")
def url(server: FakeOpenAI, folder: Path, page_on: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The page."""
    with page_on(server.url, folder) as url:
        yield url


def ask(visitor: Page, text: str) -> None:
    """Write into the line at the bottom."""
    line = visitor.get_by_test_id("stChatInputTextArea")
    expect(line).to_be_enabled()
    line.fill(text)
    line.press("Enter")
    expect(messages(visitor).filter(has_text=text[:40]).first).to_be_visible()


def messages(visitor: Page) -> Locator:
    """What was said so far."""
    return visitor.get_by_test_id("stChatMessage")


def answer(visitor: Page) -> Locator:
    """The last message."""
    return messages(visitor).last


def button(visitor: Page, name: str) -> Locator:
    """A button of the page by the words on it; Streamlit has a Stop of its own above."""
    return visitor.get_by_role("main").get_by_role("button", name=name)


def wait_for_answer(visitor: Page, text: str) -> None:
    """Until the last answer says this, and is over."""
    expect(answer(visitor)).to_contain_text(text)
    expect(button(visitor, "Regenerate")).to_be_visible()


def words(visitor: Page) -> list[str]:
    """What has come of a long answer."""
    return re.findall(r"word\d+", answer(visitor).inner_text())


def wait_until(condition: Callable[[], bool]) -> None:
    """For what the browser does not show."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database holds."""
    with closing(sqlite3.connect(folder / "primer.db")) as database:
        return database.execute(query).fetchall()


# --- chat ---


def test_a_first_visitor_is_given_something_to_click_on(visitor: Page, url: str) -> None:
    visitor.goto(url)
    button(visitor, "What is 127 + 358?").click()
    wait_for_answer(visitor, "127 + 358 = 485.")
    expect(answer(visitor).locator("strong")).to_have_text("485")  # Markdown
    expect(answer(visitor)).to_contain_text("tokens")
    tool = answer(visitor).get_by_text("Used calculator")
    expect(answer(visitor).get_by_text("Answered", exact=True)).to_be_hidden()
    tool.click()
    expect(answer(visitor).get_by_text("Answered", exact=True)).to_be_visible()
    expect(answer(visitor).get_by_text("7", exact=True)).to_be_visible()


def test_an_answer_grows_and_stop_keeps_what_was_said(visitor: Page, url: str, server: FakeOpenAI) -> None:
    visitor.goto(url)
    hung_up = server.hung_up
    ask(visitor, "endless")
    expect(answer(visitor)).to_contain_text("word5")  # at the end there are 5,000
    expect(answer(visitor)).to_contain_text("word30")
    button(visitor, "Stop").click()
    wait_for_answer(visitor, "Stopped.")
    expect(answer(visitor)).to_contain_text("word30")
    wait_until(lambda: server.hung_up > hung_up)
    kept = words(visitor)
    visitor.reload()
    wait_for_answer(visitor, "Stopped.")
    assert words(visitor) == kept


def test_regenerate_puts_another_answer_in_its_place(visitor: Page, url: str, server: FakeOpenAI) -> None:
    visitor.goto(url)
    server.scripts = SCRIPTS | {"Tell me a word.": Script("Apple.")}
    ask(visitor, "Tell me a word.")
    wait_for_answer(visitor, "Apple.")
    server.scripts = SCRIPTS | {"Tell me a word.": Script("Pear.")}
    button(visitor, "Regenerate").click()
    wait_for_answer(visitor, "Pear.")
    expect(messages(visitor)).to_have_count(2)
    assert "Apple" not in visitor.content()
    first, second = server.requests[-2:]
    assert first["messages"] == second["messages"]
    assert first["seed"] != second["seed"]


def test_an_edited_question_goes_on_from_there(visitor: Page, url: str, server: FakeOpenAI) -> None:
    visitor.goto(url)
    ask(visitor, "My first question")
    wait_for_answer(visitor, "You said: My first question")
    ask(visitor, "My second question")
    wait_for_answer(visitor, "You said: My second question")
    messages(visitor).first.get_by_role("button", name="Edit").click()
    visitor.get_by_role("textbox", name="Edit").fill("My better question")
    button(visitor, "Ask again").click()
    wait_for_answer(visitor, "You said: My better question")
    expect(messages(visitor)).to_have_count(2)
    assert server.requests[-1]["messages"] == [{"role": "user", "content": "My better question"}]


def test_a_conversation_remembers_what_was_said(visitor: Page, url: str, server: FakeOpenAI) -> None:
    visitor.goto(url)
    ask(visitor, "I am Ann.")
    wait_for_answer(visitor, "You said: I am Ann.")
    ask(visitor, "Who am I?")
    wait_for_answer(visitor, "You said: Who am I?")
    said = ["I am Ann.", "You said: I am Ann.", "Who am I?"]
    assert [message["content"] for message in server.requests[-1]["messages"]] == said


def test_a_reload_in_the_midst_of_an_answer_loses_no_word(visitor: Page, url: str) -> None:
    visitor.goto(url)
    ask(visitor, "slowly")
    expect(answer(visitor)).to_contain_text("word3")
    visitor.reload()
    wait_for_answer(visitor, LONG)


def test_a_question_in_the_midst_of_an_answer_ends_it(visitor: Page, url: str, server: FakeOpenAI) -> None:
    visitor.goto(url)
    ask(visitor, "endless")
    expect(answer(visitor)).to_contain_text("word5")
    ask(visitor, "Enough?")
    wait_for_answer(visitor, "You said: Enough?")
    expect(messages(visitor).nth(1)).to_contain_text("Stopped.")
    expect(messages(visitor)).to_have_count(4)
    assert [message["role"] for message in server.requests[-1]["messages"]] == ["user", "assistant", "user"]


def test_a_thumb_is_kept(visitor: Page, url: str, folder: Path) -> None:
    visitor.goto(url)
    ask(visitor, "Do you like thumbs?")
    wait_for_answer(visitor, "You said: Do you like thumbs?")
    answer(visitor).get_by_label("Thumbs up").click()
    query = "select thumb from thumbs join messages on messages.id = message_id where content like '%like thumbs?'"
    wait_until(lambda: bool(rows(folder, query)))
    assert rows(folder, query) == [("up",)]


# --- history ---


def test_history_is_found_renamed_and_deleted(visitor: Page, url: str) -> None:
    visitor.goto(url)
    ask(visitor, "How tall is a giraffe?")
    wait_for_answer(visitor, "You said: How tall")
    sidebar = visitor.get_by_test_id("stSidebar")
    sidebar.get_by_role("button", name="New chat").click()
    expect(messages(visitor)).to_have_count(0)
    visitor.reload()
    sidebar.get_by_role("button", name="How tall is a giraffe?").click()
    wait_for_answer(visitor, "You said: How tall is a giraffe?")

    visitor.get_by_role("button", name="This chat").click()
    visitor.get_by_label("Title").fill("Long necks")
    visitor.get_by_label("Title").press("Enter")
    expect(sidebar.get_by_role("button", name="Long necks")).to_be_visible()
    sidebar.get_by_label("Search").fill("GIRAFFE")  # a word of its messages
    sidebar.get_by_label("Search").press("Enter")
    expect(sidebar.get_by_role("button", name="Long necks")).to_be_visible()
    sidebar.get_by_label("Search").fill("")
    sidebar.get_by_label("Search").press("Enter")

    if not visitor.get_by_text("Delete it for good").is_visible():
        visitor.get_by_role("button", name="This chat").click()
    visitor.get_by_text("Delete it for good").click()
    visitor.get_by_role("button", name="Delete", exact=True).click()
    expect(sidebar.get_by_role("button", name="Long necks")).to_have_count(0)
    expect(messages(visitor)).to_have_count(0)


def test_a_conversation_can_be_taken_home(visitor: Page, url: str) -> None:
    visitor.goto(url)
    ask(visitor, "Something to keep")
    wait_for_answer(visitor, "You said: Something to keep")
    visitor.get_by_role("button", name="This chat").click()
    with visitor.expect_download() as download:
        visitor.get_by_role("button", name="Save as JSON").click()
    kept = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert [message["content"] for message in kept["messages"]] == ["Something to keep", "You said: Something to keep"]


def test_a_conversation_that_is_not_there_is_said(visitor: Page, url: str) -> None:
    visitor.goto(f"{url}/?chat=999999")
    expect(visitor.get_by_text("That conversation is not here")).to_be_visible()


# --- compare ---


def test_two_answers_are_compared_and_the_vote_is_kept(visitor: Page, url: str, folder: Path) -> None:
    visitor.goto(f"{url}/compare")
    ask(visitor, "Which is better?")
    expect(visitor.get_by_text("B · ")).to_be_visible()
    expect(visitor.get_by_text("primer · ")).to_have_count(0)
    button(visitor, "Left is better").click()
    expect(visitor.get_by_text("Your vote is kept")).to_be_visible()
    expect(visitor.get_by_text("primer · ")).to_have_count(2)
    ((prompt, choice),) = rows(folder, "select prompt, choice from votes where prompt like '%Which is better?%'")
    assert json.loads(prompt) == [{"role": "user", "content": "Which is better?"}]
    assert choice == "left"
    button(visitor, "Ask something else").click()
    expect(button(visitor, "Left is better")).to_have_count(0)


# --- safety ---


@pytest.mark.parametrize(
    ("question", "notice"),
    [("her address", "blacked out"), ("a weapon", "blocked")],
)
def test_what_a_filter_did_is_said(question: str, notice: str, visitor: Page, url: str) -> None:
    visitor.goto(url)
    ask(visitor, question)
    wait_for_answer(visitor, notice)


def test_the_page_of_safety_shows_policy_and_verdicts(visitor: Page, url: str) -> None:
    visitor.goto(f"{url}/safety")
    expect(visitor.get_by_test_id("stMetric").filter(has_text="Blocked")).to_contain_text("1")
    expect(visitor.get_by_test_id("stTable")).to_contain_text(BLOCKED["message"])


def test_another_server_s_filters_are_not_known(visitor: Page, url: str, server: FakeOpenAI) -> None:
    server.is_primer = False
    try:
        visitor.goto(f"{url}/safety")
        expect(visitor.get_by_text("is not Primer's")).to_be_visible()
    finally:
        server.is_primer = True


def test_a_script_in_a_message_is_text(visitor: Page, url: str) -> None:
    visitor.goto(url)
    ask(visitor, "show me a script")
    wait_for_answer(visitor, SCRIPT)
    ask(visitor, SCRIPT)
    wait_for_answer(visitor, f"You said: {SCRIPT}")
    assert visitor.evaluate("window.hacked") is None


# --- a server that goes away ---


def test_a_server_that_dies_in_mid_answer_is_said_and_comes_back(visitor: Page, url: str, server: FakeOpenAI) -> None:
    visitor.goto(url)
    ask(visitor, "endless")
    expect(answer(visitor)).to_contain_text("word5")
    server.stop()
    try:
        expect(answer(visitor)).to_contain_text("The server went away")
        expect(answer(visitor)).to_contain_text("word5")  # what it had said is kept
        visitor.reload()
        expect(answer(visitor)).to_contain_text("The server went away")
    finally:
        server.start()
    ask(visitor, "Are you back?")
    wait_for_answer(visitor, "You said: Are you back?")


def test_a_page_without_a_server_waits_for_one(visitor: Page, url: str, server: FakeOpenAI) -> None:
    server.stop()
    time.sleep(0.1)
    try:
        visitor.goto(f"{url}/safety")
        expect(visitor.get_by_text("cannot be reached")).to_be_visible()
    finally:
        server.start()
    expect(visitor.get_by_test_id("stMetric").filter(has_text="Blocked")).to_be_visible()  # without a reload
