"""Chat, compare and safety pages without a browser, before a server with scripted answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_openai import BLOCKED, CALCULATED, FakeOpenAI, Script
from pages import ask, has, name_parts, open_chat, open_compare, open_safety, settled, words
from streamlit.testing.v1 import AppTest

from primer.serve.client import ServedModel, Server, Settings
from primer.serve.store import Store
from primer.serve.views import compare, resources
from primer.serve.views.history import NUM_LISTED

SCRIPTS = {
    "What is 3 + 4?": Script("3 + 4 is 7.", tools=[CALCULATED]),
    "blocked": Script("Not here.", safety=[BLOCKED], finish="content_filter"),
    "ill": Script("the model has a headache", status=500),
    "half": Script("Half an answer", finish=None),
    "slow": Script("word " * 400, delay=0.05),
    "picture": Script("![x](http://tracker/y.png) costs $5 or $6"),
}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """A server, and an environment that names it and an empty database."""
    with FakeOpenAI(SCRIPTS) as server:
        name_parts(monkeypatch, server.url, f"{tmp_path / 'page.db'}")
        yield server
    resources.store_at.clear()


@pytest.fixture
def store(fake: FakeOpenAI) -> Store:
    """The page's database."""
    return resources.open_store()


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


def begun(app: AppTest, text: str) -> AppTest:
    """Write a question, and wait for the answer's first words."""
    app.chat_input[0].set_value(text).run()
    while "▌" not in words(app):
        app.run()
    return app


def test_stop_keeps_the_words_and_frees_the_server(fake: FakeOpenAI, store: Store) -> None:
    app = begun(open_chat(), "slow")
    app.button(key="stop").click().run()
    settled(app)
    role, text = rows(store)[-1]
    assert role == "assistant"
    assert 0 < len(text.split()) < 400
    assert "Stopped." in words(app)


def test_question_in_the_midst_of_an_answer_stands_after_it(fake: FakeOpenAI, store: Store) -> None:
    app = ask(begun(open_chat(), "slow"), "one")
    said = rows(store)
    assert [role for role, _ in said] == ["user", "assistant"] * 2
    assert [said[0], *said[2:]] == [("user", "slow"), ("user", "one"), ("assistant", "You said: one")]
    assert set(said[1][1].split()) == {"word"}
    assert [(message["role"], message["content"]) for message in fake.requests[-1]["messages"]] == said[:3]
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


def test_history_says_that_there_is_more(fake: FakeOpenAI, store: Store) -> None:
    for number in range(NUM_LISTED + 1):
        store.create(f"chat {number}")
    app = open_chat()
    assert sum(str(button.key).startswith("open-") for button in app.button) == NUM_LISTED
    assert "the newest 40. Search finds the others" in words(app)
    app.text_input(key="search").set_value("chat 0").run()
    assert has(app, "open-1")
    assert "the newest" not in words(app)


def test_base_model_is_said_to_be_one_and_goes_on_writing(fake: FakeOpenAI, store: Store) -> None:
    app = open_chat()
    assert "does not converse" not in words(app)
    app.selectbox(key="chat-new-model").set_value("laptop-base").run()
    assert "does not converse" in words(app)
    ask(app, "Once")
    assert rows(store) == [("user", "Once"), ("assistant", "You said: Once")]
    assert fake.requests[-1]["prompt"] == "Once"


# --- what is kept ---


def old_chat(store: Store, model: str = "primer") -> int:
    """A conversation that another one followed."""
    old = store.create("old", "Be kind.", {"model": model, "temperature": 0.5})
    store.add(old, "user", "Are you there?")
    store.add(old, "assistant", "I am.", model)
    store.create("new")
    return old


def test_conversation_whose_model_is_gone_keeps_it_until_something_is_asked(fake: FakeOpenAI, store: Store) -> None:
    old = old_chat(store, "retired")
    before = store.get(old)
    app = open_chat(old).run()
    assert "retired is not there any more. primer answers." in words(app)
    assert store.get(old) == before
    ask(app, "one")
    assert (store.get(old).settings["model"], store.get(old).system) == ("primer", "Be kind.")
    assert "not there any more" not in words(app.run())


def test_window_that_only_looks_undoes_nothing(fake: FakeOpenAI, store: Store) -> None:
    old = old_chat(store)
    answer = store.get(old).messages[1].id
    looking, acting = open_chat(old), open_chat(old)
    acting.slider(key=f"chat-{old}-temperature").set_value(0.75).run()
    acting.selectbox(key=f"chat-{old}-model").set_value("laptop-sft").run()
    acting.feedback(key=f"thumb-{answer}").set_value(1).run()
    acting.text_input(key=f"title-{old}").set_value("renamed").run()
    done = store.get(old)
    assert (done.title, done.messages[1].thumb) == ("renamed", "up")
    assert (done.settings["temperature"], done.settings["model"]) == (0.75, "laptop-sft")
    looking.run()
    assert store.get(old) == done


def test_read_only_database_is_read_and_said_to_be_one(
    fake: FakeOpenAI, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = old_chat(store, "retired")
    answer = store.get(old).messages[1].id
    store.close()
    name_parts(monkeypatch, fake.url, f"file:{tmp_path / 'page.db'}?mode=ro&uri=true")
    app = open_chat(old)
    assert "I am." in words(app)
    assert not app.error
    for act in (
        lambda: app.slider(key=f"chat-{old}-temperature").set_value(0.75),
        lambda: app.feedback(key=f"thumb-{answer}").set_value(1),
        lambda: app.text_input(key=f"title-{old}").set_value("renamed"),
        lambda: app.button(key="regenerate").click(),
        lambda: app.chat_input[0].set_value("one"),
    ):
        act().run()
        (error,) = app.error
        assert "could not be kept" in error.value
        assert "Make the file and its folder writable" in error.value
        assert "I am." in words(app)
        assert not app.exception
    assert not app.run().error
    assert fake.requests == []


# --- compare ---


def captions(app: AppTest) -> list[str]:
    """Whose the answers are, as the page has it."""
    return [str(caption.value).split(" · ")[0] for caption in app.caption if " token" in str(caption.value)]


def test_compare_two_models_and_vote(fake: FakeOpenAI, store: Store) -> None:
    app = open_compare()
    app.selectbox(key="compare-second-model").set_value("laptop-sft").run()
    app.chat_input[0].set_value("slow").run()
    while len(captions(app)) < 2:
        app.run()
    assert captions(app) == ["A", "B"]  # a name would sway the vote
    ask(app, "one")
    assert {request["model"] for request in fake.requests[-2:]} == {"primer", "laptop-sft"}
    assert captions(app) == ["A", "B"]
    app.button(key="vote-right").click().run()
    assert "Your vote is kept: right is better." in words(app)
    (vote,) = store.votes()
    assert vote.choice == "right"
    assert {vote.left.model, vote.right.model} == {"primer", "laptop-sft"}
    assert captions(app) == [vote.left.model, vote.right.model]
    assert (vote.prompt, vote.left.content) == ([{"role": "user", "content": "one"}], "You said: one")
    assert not has(app, "vote-left")


def test_compare_two_samples_of_one_model(fake: FakeOpenAI) -> None:
    ask(open_compare(), "one")
    first, second = fake.requests
    assert first["model"] == second["model"]
    assert first["seed"] != second["seed"]


def test_sides_are_drawn_by_lot(fake: FakeOpenAI) -> None:
    server, models = Server(fake.url), [ServedModel("primer"), ServedModel("laptop-sft")]
    pairs = [compare.ask(server, "one", models, "", Settings()) for _ in range(20)]
    assert {pair.drafts[0].model for pair in pairs} == {"primer", "laptop-sft"}


def test_names_are_told_when_there_is_nothing_to_vote_on(fake: FakeOpenAI) -> None:
    app = ask(open_compare(), "ill")
    assert "nothing to vote on" in words(app)
    assert captions(app) == ["primer", "primer"]


# --- safety ---


def test_safety_page_says_what_is_done_and_from_which_certainty_on(fake: FakeOpenAI) -> None:
    app = open_safety()
    assert "from a certainty of 0.9 on" in words(app)
    (table,) = app.table
    assert list(table.value["category"]) == ["weapons"]
    assert list(table.value["action"]) == ["block"]
