"""Conversations and votes on real databases: SQLite always, PostgreSQL where its programs are installed."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url, text

from primer.core.errors import UserError
from primer.serve.database import StoreError
from primer.serve.store import Answer, Store, UnknownConversation, UnknownMessage, file_name
from primer.serve.tables import Base, clean
from primer.text.conversations import conversation_of

POSTGRESQL = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
CHILD = """
import sys
from primer.serve.store import Store
store = Store(sys.argv[1])
for n in range(int(sys.argv[4])):
    store.add(int(sys.argv[2]), "user", f"{sys.argv[3]} {n}")
    store.create(f"{sys.argv[3]} {n}")
"""


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty server of our own, on a socket in a folder of its own."""
    if POSTGRESQL is None:
        pytest.skip("PostgreSQL is not installed (looked for /usr/lib/postgresql/*/bin): tried with SQLite alone")
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/primer-pg.XXXXXX"], text=True).strip())
    as_postgres: list[str] = []
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        shutil.chown(folder, "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *args: str) -> None:
        subprocess.run([*as_postgres, POSTGRESQL / program, *args], check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "-D", f"{folder}/data", "-U", "primer", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
    try:
        yield f"postgresql://primer@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/made/on/the/way/primer.db"
        return
    server = request.getfixturevalue("postgresql")
    yield server
    store = Store(server)
    with store.database.writing() as session:
        session.execute(text("DROP SCHEMA public CASCADE"))
        session.execute(text("CREATE SCHEMA public"))
    store.close()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def contents(store: Store, conversation: int) -> list[str]:
    return [message.content for message in store.get(conversation).messages]


def talked(store: Store, *texts: str, system: str = "") -> tuple[int, list[int]]:
    """A conversation of questions and answers in turn; its id and those of its messages."""
    id = store.create(texts[0], system)
    return id, [store.add(id, ("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]


# --- conversations ---


def test_a_conversation_is_kept(url: str) -> None:
    store = Store(url)
    id = store.create("Rain", "Be kind.", {"temperature": 0.5})
    question = store.add(id, "user", "Will it rain? 你好 👍🏽")
    answer = store.add(id, "assistant", "No.", "rl", {"tokens": 3, "safety": [{"category": "none"}]})
    before = store.get(id)
    store.close()
    store = Store(url)  # as after a restart
    assert store.get(id) == before
    store.close()
    assert (before.title, before.system, before.settings) == ("Rain", "Be kind.", {"temperature": 0.5})
    assert [(m.id, m.role, m.content, m.model) for m in before.messages] == [
        (question, "user", "Will it rain? 你好 👍🏽", ""),
        (answer, "assistant", "No.", "rl"),
    ]
    assert before.messages[1].details == {"tokens": 3, "safety": [{"category": "none"}]}
    assert before.messages[0].created <= before.updated <= before.messages[1].created <= datetime.now(UTC)


def test_the_newest_is_first_and_can_be_searched(store: Store) -> None:
    first, _ = talked(store, "Über Äpfel", "Ein Apfel.")
    second, _ = talked(store, "100% sure_ly", "No.")
    third = store.create("Empty")
    assert [each.id for each in store.conversations()] == [third, second, first]
    store.add(first, "user", "And pears?")
    assert [each.id for each in store.conversations()] == [first, third, second]
    assert [each.id for each in store.conversations(limit=1)] == [first]
    for search, found in [
        ("EMPTY", [third]), ("äpfel", [first]), ("pears", [first]), ("0%", [second]), ("e_l", [second]),
        ("e%l", []), ("o", [second]), ("'; DROP TABLE messages; --", []),
    ]:  # fmt: skip
        assert [each.id for each in store.conversations(search)] == found, search


def test_what_is_given_is_changed(store: Store) -> None:
    id = store.create("a", "b", {"c": 1})
    store.update(id, title="A")
    store.update(id, system="")
    store.update(id, settings={"d": 2})
    found = store.get(id)
    assert (found.title, found.system, found.settings) == ("A", "", {"d": 2})


def test_a_conversation_is_cut(store: Store) -> None:
    id, messages = talked(store, "1", "2", "3", "4")
    other, [foreign, *_] = talked(store, "x", "y")
    store.cut(id, messages[2])
    assert contents(store, id) == ["1", "2"]
    assert contents(store, other) == ["x", "y"]
    new = store.add(id, "user", "new")
    assert new not in messages
    with pytest.raises(UnknownMessage, match="removed"):
        store.cut(id, messages[2])  # another window did so before: what stands there now stays
    with pytest.raises(UnknownMessage, match="not of conversation"):
        store.cut(id, foreign)
    assert contents(store, id) == ["1", "2", "new"]


def test_deleted_is_gone(store: Store) -> None:
    id, [_, answer] = talked(store, "secret", "secret too")
    store.thumb(answer, "up")
    store.delete(id)
    store.delete(id)
    assert store.conversations() == store.conversations("secret") == []
    assert store.thumbs() == []
    for missing in (lambda: store.get(id), lambda: store.add(id, "user", "x"), lambda: store.update(id, title="x")):
        with pytest.raises(UnknownConversation, match="deleted"):
            missing()
    with pytest.raises(UnknownMessage):
        store.thumb(answer, "up")
    with pytest.raises(UnknownConversation):
        store.cut(id, answer)
    assert store.create() != id


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_can_be_kept(said: str) -> None:
    cleaned = clean(said)
    assert cleaned.encode() == clean(cleaned).encode()
    assert "\x00" not in cleaned
    if "\x00" not in said and not any("\ud800" <= c <= "\udfff" for c in said):
        assert cleaned == said


def test_what_no_database_takes_is_replaced(store: Store) -> None:
    id, _ = talked(store, "a\x00b", "c\ud83d", "<script>alert(1)</script>")
    store.add(id, "assistant", "x", details={"tool_activity": [{"result": "\x00"}]})
    assert contents(store, id)[:3] == ["a\ufffdb", "c\ufffd", "<script>alert(1)</script>"]
    assert [each.id for each in store.conversations("a\x00B")] == [id]
    assert store.get(id).messages[3].details["tool_activity"][0]["result"] == "\x00"


# --- votes ---


def test_thumbs_can_be_changed_and_outlive_their_messages(store: Store) -> None:
    id, [_, answer] = talked(store, "Sing.", "La.", system="Be a bird.")
    store.thumb(answer, "up")
    store.thumb(answer, "down")
    assert [message.thumb for message in store.get(id).messages] == [None, "down"]
    store.update(id, system="Be a fish.")
    store.cut(id, answer)
    again = store.add(id, "assistant", "Tweet.", "rl")
    store.thumb(again, "up")
    bird, fish = ({"role": "system", "content": f"Be a {animal}."} for animal in ("bird", "fish"))
    question = {"role": "user", "content": "Sing."}
    assert [(thumb.prompt, thumb.answer, thumb.thumb) for thumb in store.thumbs()] == [
        ([bird, question], Answer("La."), "down"),
        ([fish, question], Answer("Tweet.", "rl"), "up"),
    ]
    store.thumb(again, None)
    assert len(store.thumbs()) == 1
    assert store.get(id).messages[1].thumb is None


def test_the_prompt_of_a_thumb_is_what_the_model_was_sent(store: Store) -> None:
    id = store.create()
    store.add(id, "user", "3+4?")
    store.add(id, "assistant", "")  # stopped before its first word
    store.add(id, "assistant", "It is 7.", details={"tool_activity": [{"name": "calculator"}]})
    store.add(id, "user", "Sure?")
    store.thumb(store.add(id, "assistant", "Yes."), "up")
    [thumb] = store.thumbs()
    assert [turn["role"] for turn in thumb.prompt] == ["user", "assistant", "user"]
    assert [turn["content"] for turn in thumb.prompt] == ["3+4?", "It is 7.", "Sure?"]


def test_votes_are_kept(store: Store) -> None:
    prompt = [{"role": "user", "content": "Sing."}]
    store.vote(prompt, Answer("La."), Answer("Tweet.", "rl", {"tokens": 2}), "right")
    store.vote(prompt, Answer("a"), Answer("b"), "tie")
    first, second = store.votes()
    assert (first.prompt, first.left, first.right) == (prompt, Answer("La."), Answer("Tweet.", "rl", {"tokens": 2}))
    assert (first.choice, second.choice) == ("right", "tie")


# --- exports ---


def test_an_exported_conversation_is_training_data(store: Store) -> None:
    id, [_, answer] = talked(store, "Say é.", "é", system="Be kind.")
    store.thumb(answer, "up")
    whole = json.loads(store.export_json(id))
    assert whole["title"] == "Say é."
    assert [message.content for message in conversation_of(whole)] == ["Be kind.", "Say é.", "é"]
    assert whole["messages"][2]["thumb"] == "up"
    assert store.export_markdown(id) == "# Say é.\n\n> Be kind.\n\n## user\n\nSay é.\n\n## assistant\n\né\n"
    with pytest.raises(UnknownConversation):
        store.export_markdown(id + 1)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_the_name_of_an_export_stays_in_its_folder(title: str) -> None:
    name = file_name(title, "json")
    assert Path(name).name == name
    assert name.startswith("chat")
    assert len(os.fsencode(name)) < 256
    assert not set(name) & set('/\\:*?"<>|\x00\n')


# --- versions ---


def test_the_migrations_make_the_tables(store: Store) -> None:
    with store.database.reading() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []


def test_a_newer_database_is_refused(store: Store, url: str) -> None:
    with store.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '99'"))
    with pytest.raises(UserError, match=r"newer version of Primer .*99.* Update Primer"):
        Store(url)
    with store.database.writing() as session:  # for the fixture
        session.execute(text("UPDATE alembic_version SET version_num = '1'"))


# --- several at once, and faults ---


def child_environment() -> dict[str, str]:
    """That of a Python which finds what this one does."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def together(arguments: Sequence[Sequence[str]]) -> None:
    """Processes that write at the same time."""
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, *map(str, each)], env=child_environment()) for each in arguments
    ]
    assert [child.wait(60) for child in children] == [0] * len(children)


def test_processes_that_write_at_once_lose_nothing(store: Store, url: str) -> None:
    id = store.create("shared")
    together([(url, id, name, 25) for name in ("left", "right")])
    said = contents(store, id)
    for name in ("left", "right"):
        assert [text for text in said if text.startswith(name)] == [f"{name} {n}" for n in range(25)]
    assert len(said) == 50
    assert len(store.conversations()) == 51


def test_processes_that_open_a_new_database_at_once(url: str) -> None:
    together([(url, 1, "x", 0)] * 2)
    store = Store(url)
    assert store.conversations() == []
    store.close()


def test_a_process_that_is_killed_loses_nothing_that_it_was_told_is_kept(store: Store, url: str) -> None:
    id = store.create()
    code = """
import sys
from primer.serve.store import Store
store = Store(sys.argv[1])
while True:
    print(store.add(int(sys.argv[2]), "user", "x" * 5000), flush=True)
"""
    command = [sys.executable, "-c", code, url, str(id)]
    with subprocess.Popen(command, env=child_environment(), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        kept = [int(child.stdout.readline()) for _ in range(20)]
        child.kill()
        kept += map(int, child.stdout.read().split())
    found = [message.id for message in store.get(id).messages]
    assert found[: len(kept)] == kept
    assert len(found) - len(kept) in (0, 1)  # the last may not have been told
    store.add(id, "user", "more")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite database with one conversation."""
    path = tmp_path / "primer.db"
    store = Store(f"sqlite:///{path}")
    talked(store, "1", "2")
    store.close()
    return path


def test_sqlite_is_opened_as_it_should_be(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    with store.database.reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_locked_database_is_reported_and_loses_nothing(file: Path) -> None:
    store = Store(f"sqlite:///{file}", busy_seconds=0.05)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"database is locked.* Another program .* not lost"):
        store.add(1, "user", "3")
    assert contents(store, 1) == ["1", "2"]  # reading goes on
    other.execute("ROLLBACK")
    store.add(1, "user", "3")
    assert contents(store, 1) == ["1", "2", "3"]


def test_a_read_only_database_can_be_read(file: Path) -> None:
    store = Store(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert contents(store, 1) == ["1", "2"]
    for write in (lambda: store.add(1, "user", "3"), lambda: store.delete(1), lambda: store.cut(1, 1)):
        with pytest.raises(StoreError, match=r"readonly database.*Make the file and its folder writable"):
            write()
    assert contents(store, 1) == ["1", "2"]


def test_what_fails_in_the_midst_leaves_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"sqlite:///{file}")
    store.thumb(2, "down")
    monkeypatch.setattr("primer.serve.store.prompt_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.thumb(2, "up")  # by then the other thumb has been taken away
    assert [thumb.thumb for thumb in store.thumbs()] == ["down"]


@pytest.mark.parametrize(
    ("make", "address", "said"),
    [
        (lambda path: path.write_bytes(b"none, but long enough" * 40), "sqlite:///{path}", "not a database"),
        (lambda path: path.mkdir(), "sqlite:///{path}", "unable to open"),
        (lambda path: path.write_text(""), "sqlite:///{path}/under/a.db", "cannot write"),
        (lambda path: None, "nonsense", "no URL of a database"),
        (lambda path: None, "mysql://localhost/x", "not supported"),
        (lambda path: None, "postgresql://me:secret@127.0.0.1:1/x", r"\*\*\*@127.* Check the URL"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened(make: Callable[[Path], object], address: str, said: str, tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(UserError, match=said) as caught:
        Store(address.format(path=tmp_path / "x"))
    assert "secret" not in str(caught.value)


def test_a_database_that_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        Store(f"sqlite:///{tmp_path}/none.db", must_exist=True)
    assert list(tmp_path.iterdir()) == []


def test_a_postgresql_that_goes_away(postgresql: str) -> None:
    gone = make_url(postgresql).update_query_dict({"host": "/nowhere"})
    with pytest.raises(StoreError, match="Check the URL and the server"):
        Store(gone.render_as_string())
