"""Chat and compare pages without a browser (Streamlit's AppTest), before a server with scripted answers."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_openai import BLOCKED, CALCULATED, FakeOpenAI, Script
from streamlit.testing.v1 import AppTest

from primer.serve.store import Store
from primer.serve.views import resources

PATIENCE = 20.0
SCRIPTS = {
    "What is 3 + 4?": Script("3 + 4 is 7.", tools=[CALCULATED]),
    "blocked": Script("Not here.", safety=[BLOCKED], finish="content_filter"),
    "half": Script("Half an answer", finish=None),
    "slow": Script("word " * 400, delay=0.05),
    "picture": Script("![x](http://tracker/y.png) costs $5 or $6"),
}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """A server, and an environment that names it and an empty database."""
    resources.models_of.clear()
    with FakeOpenAI(SCRIPTS) as server:
        monkeypatch.setenv("PRIMER_API", server.url)
        monkeypatch.delenv("PRIMER_API_KEY", raising=False)
        monkeypatch.setenv("PRIMER_DATABASE", f"sqlite:///{tmp_path / 'page.db'}")
        yield server
    resources.store_at.clear()


@pytest.fixture
def store(fake: FakeOpenAI) -> Store:
    """The page's database."""
    return resources.open_store()


def open_chat(chat: int | None = None) -> AppTest:
    """The chat page, as a browser that comes to it sees it."""

    def script() -> None:
        from primer.serve.views.chat import page

        page()

    app = AppTest.from_function(script, default_timeout=PATIENCE)
    if chat is not None:
        app.query_params["chat"] = str(chat)
    return settled(app.run())


def open_compare() -> AppTest:
    """The compare page."""

    def script() -> None:
        from primer.serve.views.compare import page

        page()

    return AppTest.from_function(script, default_timeout=PATIENCE).run()


def settled(app: AppTest) -> AppTest:
    """The page when nothing is being written any more: a browser would look again and again by itself."""
    deadline = time.monotonic() + PATIENCE
    while has(app, "stop") and time.monotonic() < deadline:
        time.sleep(0.02)
        app.run()
    assert not app.exception
    return app


def has(app: AppTest, key: str) -> bool:
    """Whether the page has a button of this key."""
    return any(button.key == key for button in app.button)


def ask(app: AppTest, text: str) -> AppTest:
    """Write a question, and wait for the answer."""
    return settled(app.chat_input[0].set_value(text).run())


def words(app: AppTest) -> str:
    """All that the page says."""
    parts = [*app.markdown, *app.caption, *app.text, *app.warning, *app.error, *app.info, *app.success, *app.code]
    return "\n".join(str(part.value) for part in parts)


def rows(store: Store, chat: int = 1) -> list[tuple[str, str]]:
    """Who said what."""
    return [(message.role, message.content) for message in store.get(chat).messages]


def test_first_visit_says_what_this_is_and_offers_four_questions(fake: FakeOpenAI) -> None:
    app = open_chat()
    assert "language model" in words(app)
    assert [has(app, f"example-{i}") for i in range(5)] == [True] * 4 + [False]
    assert app.selectbox[0].options == ["primer", "laptop-sft", "laptop-base"]


def test_example_is_asked_with_one_press(fake: FakeOpenAI, store: Store) -> None:
    app = open_chat()
    settled(app.button(key="example-0").click().run())
    (role, question), (_, answer) = rows(store)
    assert (role, answer) == ("user", f"You said: {question}")


def test_question_answer_tool_and_reload(fake: FakeOpenAI, store: Store) -> None:
    app = ask(open_chat(), "What is 3 + 4?")
    assert "1" in app.query_params["chat"]
    for page in (app, open_chat(1)):
        assert "3 + 4 is 7." in words(page)
        assert page.expander[0].label == 'Used calculator: {"expression"\\: "3 + 4"}'
        assert [code.value for code in page.expander[0].code] == ['{"expression": "3 + 4"}', "7"]
    assert store.get(1).title == "What is 3 + 4?"


def test_whole_conversation_is_sent_with_system_prompt_and_settings(fake: FakeOpenAI, store: Store) -> None:
    app = ask(open_chat(), "one")
    app.selectbox(key="chat-1-persona").set_value("Helpful assistant").run()
    app.slider(key="chat-1-temperature").set_value(0.25).run()
    ask(app, "two")
    sent = fake.requests[-1]
    assert [message["content"] for message in sent["messages"]] == [
        "You are a helpful assistant.", "one", "You said: one", "two",
    ]  # fmt: skip
    assert sent["temperature"] == 0.25
    assert store.get(1).settings["temperature"] == 0.25
    assert open_chat(1).slider(key="chat-1-temperature").value == 0.25


def test_regenerate_replaces_the_answer_with_another_seed(fake: FakeOpenAI, store: Store) -> None:
    app = ask(open_chat(), "one")
    settled(app.button(key="regenerate").click().run())
    assert rows(store) == [("user", "one"), ("assistant", "You said: one")]
    first, second = (request["seed"] for request in fake.requests)
    assert first != second


def test_edit_cuts_what_came_after(fake: FakeOpenAI, store: Store) -> None:
    app = ask(ask(open_chat(), "one"), "two")
    first = store.get(1).messages[0].id
    app.button(key=f"edit-{first}").click().run()
    app.text_area(key=f"text-{first}").set_value("three").run()
    settled(app.button(key="send-edit").click().run())
    assert rows(store) == [("user", "three"), ("assistant", "You said: three")]


def test_stop_keeps_the_words_and_frees_the_server(fake: FakeOpenAI, store: Store) -> None:
    app = open_chat().chat_input[0].set_value("slow").run()
    while "▌" not in words(app):
        app.run()
    app.button(key="stop").click().run()
    settled(app)
    role, text = rows(store)[-1]
    assert role == "assistant"
    assert 0 < len(text.split()) < 400
    assert "Stopped." in words(app)


def test_answer_goes_on_when_the_visitor_leaves(fake: FakeOpenAI, store: Store) -> None:
    fake.delay = 0.05
    open_chat().chat_input[0].set_value("do not wait for me").run()  # and the browser is closed
    app = open_chat(1)
    assert "You said: do not wait for me" in words(app)


def test_server_gone_in_the_middle(fake: FakeOpenAI, store: Store) -> None:
    app = ask(open_chat(), "half")
    assert rows(store)[-1] == ("assistant", "Half an answer")
    assert "went away in the middle" in words(app)
    assert has(app, "regenerate")


def test_server_away_is_said_and_recovered_from(fake: FakeOpenAI, store: Store) -> None:
    app = ask(open_chat(), "one")
    fake.stop()
    ask(app, "two")
    assert "cannot be reached" in words(app)
    assert rows(store)[-1] == ("user", "two")
    resources.models_of.clear()  # as ten seconds do
    app.run()
    assert app.chat_input[0].disabled
    assert "You said: one" in words(app)
    fake.start()
    app.run()
    assert not app.chat_input[0].disabled
    settled(app.button(key="ask-again").click().run())
    assert rows(store)[-1] == ("assistant", "You said: two")


def test_script_is_text_pictures_are_not_fetched_and_dollars_are_dollars(fake: FakeOpenAI) -> None:
    app = ask(open_chat(), "<script>alert(1)</script>")
    assert not any(part.allow_html for part in app.markdown)
    ask(app, "picture")
    assert "!\u200b[x](http://tracker/y.png) costs \\$5 or \\$6" in words(app)


def test_blocked_answer_has_a_notice(fake: FakeOpenAI) -> None:
    app = ask(open_chat(), "blocked")
    assert "The safety filter blocked part of the answer (weapons)." in words(app)


def test_thumb_is_kept_and_taken_back(fake: FakeOpenAI, store: Store) -> None:
    app = ask(open_chat(), "one")
    answer = store.get(1).messages[1].id
    app.feedback(key=f"thumb-{answer}").set_value(1).run()
    assert store.get(1).messages[1].thumb == "up"
    app.feedback(key=f"thumb-{answer}").set_value(None).run()
    assert store.get(1).messages[1].thumb is None


def test_history_searches_renames_and_deletes(fake: FakeOpenAI, store: Store) -> None:
    app = ask(open_chat(), "apples")
    app.button(key="new-chat").click().run()
    ask(app, "pears")
    assert has(app, "open-1")
    assert has(app, "open-2")
    app.text_input(key="search").set_value("apples").run()
    assert has(app, "open-1")
    assert not has(app, "open-2")
    app.button(key="open-1").click().run()
    app.text_input(key="title-1").set_value("Fruit").run()
    assert store.get(1).title == "Fruit"
    app.checkbox(key="sure-1").check().run()
    app.button(key="delete").click().run()
    assert [summary.id for summary in store.conversations()] == [2]
    assert "language model" in words(app)


def test_conversation_that_is_not_there(fake: FakeOpenAI) -> None:
    for chat in ("99", "../../etc/passwd"):
        assert "not here" in words(open_chat(chat))


def test_compare_two_models_and_vote(fake: FakeOpenAI, store: Store) -> None:
    app = open_compare()
    app.selectbox(key="compare-right").set_value("laptop-sft").run()
    ask(app, "one")
    assert {request["model"] for request in fake.requests} == {"primer", "laptop-sft"}
    app.button(key="vote-right").click().run()
    assert "Your vote is kept: right is better." in words(app)
    (vote,) = store.votes()
    assert (vote.choice, vote.left.model, vote.right.model) == ("right", "primer", "laptop-sft")
    assert (vote.prompt, vote.left.content) == ([{"role": "user", "content": "one"}], "You said: one")
    assert not has(app, "vote-left")


def test_compare_two_samples_of_one_model(fake: FakeOpenAI) -> None:
    ask(open_compare(), "one")
    first, second = fake.requests
    assert first["model"] == second["model"]
    assert first["seed"] != second["seed"]
