"""`primer chat`: its commands on a dialogue that says what it is told to, and the whole of it on an untrained model."""

import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import tiny
import torch

from primer.core.errors import ConfigError, Interrupted, UserError
from primer.core.files import sha256, write_json
from primer.engine.chat import Chat, ChatConfig, main, with_call
from primer.engine.chat_models import ChatModels
from primer.engine.chat_pages import History, Page, Pipe, printable, read_message
from primer.engine.dialogue import Answered, Called, End, Event, Finished, Reply, Said
from primer.engine.sampling import SamplingConfig
from primer.model.families import shape
from primer.model.gpt import GPT
from primer.model.weights import find_weights, save_model
from primer.text.chat import ConversationError, Message, ToolCall, assistant, system, tool, user
from primer.text.conversations import read_conversations
from primer.text.tokenizer import Tokenizer, train_tokenizer

CALL = ToolCall("calculator", {"expression": "3 + 4"})
WITH_TOOL = (assistant("Let me see.", CALL), tool("7"), assistant("It is 7."))


class Scripted:
    """A dialogue with its answers written down. Where an answer is None, Ctrl-C is pressed after its first piece."""

    class engine:
        context = 400

    def __init__(self, *answers: Sequence[Message] | None, finished: End = "stop", sees: int = 100) -> None:
        self.answers, self.finished, self.sees = list(answers), finished, sees
        self.asked: list[list[Message]] = []
        self.samplings: list[SamplingConfig] = []

    def fit(self, messages: Sequence[Message], room: int) -> tuple[list[Message], int]:
        assert room == 100
        if len(messages[-1].content) > 50:
            raise ConversationError("this message is too long.")
        return list(messages[-self.sees :]), max(0, len(messages) - self.sees)

    def stream(self, messages: Sequence[Message], sampling: SamplingConfig) -> Iterator[Event]:
        self.asked.append(list(messages))
        self.samplings.append(sampling)
        answer = self.answers.pop(0)
        if answer is None:
            yield Said("I was ")
            raise KeyboardInterrupt
        for message in answer:
            if message.role == "tool":
                yield Answered(message.content)
                continue
            yield from (Said(message.content[i : i + 3]) for i in range(0, len(message.content), 3))
            yield from map(Called, message.tool_calls)
        yield Finished(Reply(tuple(answer), [], [], self.finished))


class TwoModels:
    """Another dialogue to talk to, of the name `other`."""

    run = Path("runs/this")

    def __init__(self, other: Scripted | None = None) -> None:
        self.other = other

    def describe(self) -> list[str]:
        return ["* this", "  other"]

    def open(self, name: str) -> Scripted:
        if name != "other" or self.other is None:
            raise ConfigError(f"there is no model {name!r}")
        self.run = Path("runs/other")
        return self.other


class Script:
    """A page with what the person types written down."""

    def __init__(self, *lines: str, is_interactive: bool = True) -> None:
        self.lines, self.is_interactive = list(lines), is_interactive
        self.shown = ""
        self.notes: list[str] = []

    def read(self) -> str | None:
        return self.lines.pop(0) if self.lines else None

    def text(self, piece: str) -> None:
        self.shown += piece

    def call(self, call: ToolCall) -> None:
        self.shown += f"<{call.arguments['expression']}"

    def result(self, result: str) -> None:
        self.shown += f"={result}>"

    def wants_stop(self) -> bool:
        return self.lines[:1] == ["/stop"] and bool(self.lines.pop(0))

    def end(self) -> None:
        self.shown += "|"

    def note(self, text: str) -> None:
        self.notes.append(text)


def a_chat(dialogue: Scripted, page: Page, models: TwoModels, system_prompt: str = "") -> Chat:
    return Chat(dialogue, page, SamplingConfig(temperature=0.3), models, system_prompt)  # type: ignore[arg-type]


def talk(
    dialogue: Scripted, *lines: str, system_prompt: str = "", other: Scripted | None = None
) -> tuple[Chat, Script]:
    page = Script(*lines)
    chat = a_chat(dialogue, page, TwoModels(other), system_prompt)
    chat.run()
    return chat, page


# --- talking ---


def test_a_conversation_grows() -> None:
    dialogue = Scripted([assistant("Hello!")], WITH_TOOL, [assistant("Bye.")])
    chat, page = talk(dialogue, "hi", "", "  what is 3 + 4?  ", "bye", system_prompt="Be kind.")
    assert page.shown == "Hello!|Let me see.<3 + 4=7>It is 7.|Bye.|"
    assert chat.messages == [
        system("Be kind."), user("hi"), assistant("Hello!"), user("what is 3 + 4?"), *WITH_TOOL, user("bye"),
        assistant("Bye."),
    ]  # fmt: skip
    assert dialogue.asked[-1] == chat.messages[:-1]
    assert page.notes == []


def test_each_answer_is_drawn_anew() -> None:
    dialogue = Scripted([assistant("a")], [assistant("b")])
    talk(dialogue, "hi", "/undo", "hi")
    assert [sampling.seed for sampling in dialogue.samplings] == [1338, 1339]


@pytest.mark.parametrize("is_interactive", [True, False])
def test_the_speed_of_an_answer_is_noted_for_who_watches(is_interactive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By tokens that the model wrote, and not those that a tool fed to it."""
    reply = Reply((assistant("Yes."),), [1, 2, 3, 4], [True, False, True, True], "stop")
    dialogue, page = Scripted(), Script("hi", is_interactive=is_interactive)
    monkeypatch.setattr(dialogue, "stream", lambda *_: (event for event in (Said("Yes."), Finished(reply))))
    monkeypatch.setattr("primer.engine.chat.perf_counter", iter([10.0, 10.5]).__next__)
    a_chat(dialogue, page, TwoModels()).run()
    assert page.notes == ["3 tokens, 6 tokens/s"] * is_interactive


def test_what_does_not_fit_is_said() -> None:
    dialogue = Scripted([assistant("a")], [assistant("b")], [assistant("c")], sees=3)
    _, page = talk(dialogue, "1", "2", "3")
    assert page.notes == ["the model sees no more of the first 2 messages: the chat is too long."]
    assert [len(asked) for asked in dialogue.asked] == [1, 3, 3]


def test_a_question_that_is_too_long_changes_nothing() -> None:
    chat, page = talk(Scripted([assistant("a")]), "x" * 60, "hi")
    assert page.notes == ["this message is too long."]
    assert page.shown == "|a|"  # an empty reply: in a pipe every question has its line
    assert chat.messages == [user("hi"), assistant("a")]


@pytest.mark.parametrize(("finished", "note"), [("length", "cut off: /max-tokens"), ("calls", "too many tool calls")])
def test_an_answer_that_was_cut_off_is_noted(finished: End, note: str) -> None:
    _, page = talk(Scripted([assistant("and so on and")], finished=finished), "go on")
    assert note in page.notes[0]


# --- Ctrl-C ---


def test_ctrl_c_stops_the_answer_and_not_the_chat() -> None:
    chat, page = talk(Scripted(None, [assistant("Yes.")]), "go on", "still there?")
    assert page.shown == "I was |Yes.|"
    assert page.notes == ["stopped."]
    assert chat.messages == [user("go on"), assistant("I was "), user("still there?"), assistant("Yes.")]


def test_ctrl_c_before_the_first_word_takes_the_question_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[Event]:
        raise KeyboardInterrupt
        yield

    dialogue = Scripted()
    monkeypatch.setattr(dialogue, "stream", interrupted)
    chat, _ = talk(dialogue, "go on")
    assert chat.messages == []


def test_ctrl_c_among_tools_keeps_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[Event]:
        yield from (Said("Let me "), Said("see."), Called(CALL), Called(CALL), Answered("7"), Answered("8"), Said("It"))
        raise KeyboardInterrupt

    dialogue = Scripted()
    monkeypatch.setattr(dialogue, "stream", interrupted)
    chat, _ = talk(dialogue, "go on")
    assert chat.messages == [
        user("go on"), assistant("Let me see.", CALL, CALL), tool("7"), tool("8"), assistant("It")
    ]  # fmt: skip
    assert with_call([user("x"), tool("7")], "", CALL)[-1] == assistant("", CALL)


def test_ctrl_c_ends_a_chat_that_nobody_sits_at() -> None:
    page = Script("go on", "more", is_interactive=False)
    with pytest.raises(KeyboardInterrupt):
        a_chat(Scripted(None), page, TwoModels()).run()
    assert page.lines == ["more"]


def test_stop_ends_the_answer_as_ctrl_c_does() -> None:
    chat, page = talk(Scripted([assistant("I was told.")]), "1", "/stop")
    assert page.shown == "I w|"
    assert page.notes == ["stopped."]
    assert chat.messages == [user("1"), assistant("I w")]


def test_stop_where_nothing_comes() -> None:
    _, page = talk(Scripted([assistant("b")]), "/stop", "2")
    assert page.notes == ["there is nothing to stop. While an answer comes, type /stop and Enter, or press Ctrl-C."]
    assert page.shown == "b|"


# --- commands ---


def test_commands_are_listed_and_near_ones_suggested() -> None:
    chat, page = talk(Scripted(), "/help", "/sistem Be kind.")
    assert [note.split()[0] for note in page.notes[:-2]] == list(chat.commands)
    assert "ends with \\ goes on" in page.notes[-2]
    assert page.notes[-1] == "there is no command /sistem; did you mean '/system'?"


def test_quit_leaves_the_rest_unread() -> None:
    _, page = talk(Scripted(), "/quit", "hi")
    assert page.lines == ["hi"]


def test_the_system_prompt_can_be_changed() -> None:
    dialogue = Scripted([assistant("a")], [assistant("b")], [assistant("c")])
    _, page = talk(
        dialogue, "/system", "/system Be kind.", "1", "/system Be brief.", "2", "/system", "/system none", "3"
    )
    assert page.notes == ["there is no system prompt.", "Be brief."]
    assert [asked[0] for asked in dialogue.asked] == [system("Be kind."), system("Be brief."), user("1")]


def test_numbers_can_be_changed() -> None:
    dialogue = Scripted([assistant("a")])
    _, page = talk(dialogue, "/temperature", "/temperature 0", "/temperature hot", "/temperature -1", "/top-p 0.5",
                   "/top-k 7.5", "/top-k 7", "/max-tokens", "/max-tokens 123", "/max-tokens 0", "hi")  # fmt: skip
    assert page.notes == [
        "temperature is 0.3.", "temperature is 0.", "/temperature takes a number such as 0.7, not 'hot'.",
        "--temperature is -1.0, and must be 0 or more.", "top-p is 0.5.",
        "/top-k takes a number such as 40, not '7.5'.", "top-k is 7.",
        "max-tokens is 500.", "max-tokens is 123.", "--max-tokens is 0, and must be 1 or more.",
    ]  # fmt: skip
    used = dialogue.samplings[0]
    assert (used.temperature, used.top_p, used.top_k, used.max_tokens) == (0, 0.5, 7, 123)


def test_another_answer() -> None:
    chat, page = talk(Scripted([assistant("a")], WITH_TOOL, [assistant("b")]), "/regenerate", "1", "2", "/regenerate")
    assert page.notes == ["nothing has been asked yet."]
    assert chat.messages == [user("1"), assistant("a"), user("2"), assistant("b")]
    assert [sampling.seed for sampling in chat.dialogue.samplings] == [1338, 1339, 1340]  # type: ignore[attr-defined]


def test_an_answer_stays_until_there_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    chat, page = talk(Scripted([assistant("a")]), "1")

    def interrupted(*_: object) -> Iterator[Event]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(chat.dialogue, "stream", interrupted)
    page.lines = ["/regenerate"]
    chat.run()
    assert chat.messages == [user("1"), assistant("a")]


def test_another_model_goes_on() -> None:
    other = Scripted([assistant("b")])
    chat, page = talk(Scripted([assistant("a")]), "1", "/model", "/model othr", "/model other", "2", other=other)
    assert page.notes == ["* this", "  other", "there is no model 'othr'", "you now talk to runs/other."]
    assert other.asked == [[user("1"), assistant("a"), user("2")]]
    assert chat.messages[-1] == assistant("b")


def test_undo_and_clear() -> None:
    dialogue = Scripted([assistant("a")], WITH_TOOL)
    chat, page = talk(dialogue, "/undo", "1", "2", "/undo", system_prompt="Be kind.")
    assert chat.messages == [system("Be kind."), user("1"), assistant("a")]
    assert page.notes == ["nothing has been asked yet.", "taken back: 2"]
    page.lines = ["/clear"]
    chat.run()
    assert chat.messages == [system("Be kind.")]


def test_saved_conversations_are_training_data(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    chat, page = talk(Scripted(WITH_TOOL), "/save", f"/save {path}", "what is 3 + 4?", f"/save {path}", f"/save {path}")
    assert page.notes[0] == "/save needs the name of a file, such as chats.jsonl or chat.md."
    assert page.notes[1] == "there is nothing to save yet."
    assert list(read_conversations(str(path))) == [tuple(chat.messages)] * 2
    assert (
        json.loads(path.read_text().splitlines()[0])["messages"][1]["tool_calls"][0]["function"]["name"] == "calculator"
    )
    _, page = talk(Scripted([assistant("a")]), "hi", f"/save {tmp_path}")
    assert "cannot write" in page.notes[0]


def test_a_conversation_is_saved_as_markdown(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    talk(Scripted(WITH_TOOL), "what is 3 + 4?", f"/save {path}", system_prompt="Be kind.")
    assert path.read_text() == (
        "# Conversation\n\n## system\n\nBe kind.\n\n## user\n\nwhat is 3 + 4?\n\n"
        "## assistant\n\nLet me see.\n\n    [calculator] 3 + 4\n\n## tool\n\n    7\n\n## assistant\n\nIt is 7.\n\n"
    )


# --- typing ---


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["hello"], "hello"),
        (["one\\", "two\\", "three"], "one\ntwo\nthree"),
        (["one\\", ""], "one\n"),
        (['"""one', "", "  two\\", 'three"""'], "one\n\n  two\\\nthree"),
        (['"""', "one", '"""  '], "one"),
        (['  """one"""'], "one"),
        (['"""a""" b', '"""'], 'a""" b'),
        (['say """x'], 'say """x'),
    ],
)
def test_a_message_of_several_lines(lines: list[str], message: str) -> None:
    prompts: list[str] = []
    waiting = iter(lines)
    assert read_message(lambda prompt: prompts.append(prompt) or next(waiting)) == message  # type: ignore[func-returns-value]
    assert prompts == ["> ", *["... "] * (len(lines) - 1)]
    assert next(waiting, None) is None


def test_a_history_that_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    History(tmp_path / "file" / "history").save()
    History(tmp_path).save()
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


# --- a pipe ---


def test_a_pipe_has_a_line_for_each_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n\n/help\ntwo\n" + "x" * 60 + "\nthree"))
    dialogue = Scripted([assistant("first line\nsecond line")], WITH_TOOL, [assistant("c")])
    a_chat(dialogue, Pipe(), TwoModels()).run()
    shown = capsys.readouterr()
    assert shown.out == "first line second line\nIt is 7.\n\nc\n"
    assert 'calculator: {"expression": "3 + 4"}\n→ 7\n' in shown.err
    assert "this message is too long." in shown.err


def test_nothing_steers_the_terminal() -> None:
    assert printable("a\x1b[31m\r\nb\tc\x9b é 好 👍🏽") == "a\ufffd[31m\ufffd\nb\tc\ufffd é 好 👍🏽"


# --- the command, on an untrained model ---


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that can be talked to and has learnt nothing."""
    path = tmp_path_factory.mktemp("runs") / "demo"
    tokenizer = train_tokenizer(["What is three and four? It is seven. " * 4], 290)
    tokenizer.save(path)
    write_json(path / "config.json", {"tokenizer_fingerprint": tokenizer.fingerprint})
    folder = path / "checkpoints" / "step_000005"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    save_model(folder, GPT(shape("gpt2", 1, tokenizer.vocab_size, context=128)))
    write_json(folder / "state.json", {"files": {"model.safetensors": sha256(folder / "model.safetensors")}})
    return path


def test_the_command_answers_a_pipe(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("What is it?\nAnd now?\n"))
    main(ChatConfig(run, sampling=SamplingConfig(max_tokens=10), system="Be kind."))
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert "<|" not in shown.out
    assert "step_000005" in shown.err


def test_an_answer_can_be_stopped_and_another_asked_for(run: Path) -> None:
    class Impatient(Script):
        def text(self, piece: str) -> None:
            super().text(piece)
            if len(self.shown) == len(piece):  # the very first
                raise KeyboardInterrupt

    models = ChatModels(run, "calculator", tiny.CPU)
    dialogue = models.dialogue(find_weights(run), Tokenizer.load(run))
    page = Impatient("What is it?", "And now?")
    chat = Chat(dialogue, page, SamplingConfig(temperature=0, max_tokens=5), models)
    chat.run()
    assert page.notes[0] == "stopped."
    assert [message.role for message in chat.messages[-2:]] == ["user", "assistant"]
    assert chat.messages[-2] == user("And now?")
    assert not dialogue.engine.busy


def test_models_are_found_by_stage_and_by_name(run: Path, tmp_path: Path) -> None:
    for name in ("laptop/sft", "laptop/rl", "other"):
        shutil.copytree(run, tmp_path / name)
    (tmp_path / "unfinished").mkdir()
    write_json(tmp_path / "unfinished" / "config.json", {})
    write_json(tmp_path / "laptop" / "speedrun.json", {})
    models = ChatModels(tmp_path / "laptop" / "rl", "calculator", tiny.CPU, root=tmp_path)
    assert sorted(models.describe()) == ["  other", "  sft", "* rl"]
    elsewhere = ChatModels(run, "calculator", tiny.CPU, root=tmp_path)
    assert sorted(elsewhere.describe()) == ["  laptop/rl", "  laptop/sft", "  other", f"* {run}"]
    models.open("other")
    assert sorted(models.describe()) == ["  laptop/rl", "  laptop/sft", "* other"]
    models.open(str(tmp_path / "laptop"))  # its last stage
    assert models.run == tmp_path / "laptop" / "rl"
    for wrong, said in (
        ("othr", "did you mean 'other'"),
        (str(tmp_path / "unfinished"), "no checkpoint"),
    ):
        with pytest.raises(UserError, match=said):
            models.open(wrong)
    assert models.run == tmp_path / "laptop" / "rl"


def test_python_says_how_it_is_kept(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("primer.engine.chat.describe_mechanism", lambda: "Python programs run isolated.")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    main(ChatConfig(run, tools="calculator,python"))
    assert "Python programs run isolated." in capsys.readouterr().err


def test_what_cannot_be_talked_to(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no tool 'calc'"):
        main(ChatConfig(run, tools="calc"))
    with pytest.raises(UserError, match="does not exist"):
        main(ChatConfig(tmp_path / "nothing"))
    characters = train_tokenizer(["abc"], 0, "char")
    other = tmp_path / "other"
    characters.save(other)
    write_json(other / "config.json", {})
    with pytest.raises(UserError):
        main(ChatConfig(other))


def test_ctrl_c_at_a_pipe_is_reported(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("primer.engine.chat.Chat.run", interrupted)
    with pytest.raises(Interrupted, match="stopped"):
        main(ChatConfig(run))


SLOW = """
import time
from primer.engine.chat import Chat
from primer.engine.chat_pages import Terminal
from primer.engine.dialogue import Finished, Reply, Said
from primer.engine.sampling import SamplingConfig
from primer.text.chat import assistant

class Slow:
    class engine:
        context = 400

    def fit(self, messages, room):
        return messages, 0

    def stream(self, messages, sampling):
        yield Said(f"[{messages[-1].content!r}] ")
        while "long" in messages[-1].content:
            time.sleep(0.02)
            yield Said("and ")
        yield Finished(Reply((assistant("x"),), [], [], "stop"))

Chat(Slow(), Terminal(), SamplingConfig(), None).run()
print("left")
"""


class Typist:
    """A Python program at a pseudo-terminal."""

    def __init__(self, code: str, home: Path) -> None:
        self.ours, theirs = pty.openpty()
        env = {**os.environ, "TERM": "dumb", "OMP_NUM_THREADS": "1", "XDG_STATE_HOME": str(home)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=env
        )
        os.close(theirs)
        self.seen = b""

    def __enter__(self) -> "Typist":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)

    def type(self, text: bytes, then: bytes) -> None:
        """Type something, and wait for what comes of it."""
        os.write(self.ours, text)
        self.until(then)

    def interrupt(self, then: bytes) -> None:
        """Ctrl-C. Python's readline does not wake for one that comes just before it waits, so it may take two."""
        for _ in range(10):
            os.kill(self.process.pid, signal.SIGINT)
            if self.comes(then, 3):
                return
        raise AssertionError(self.seen)

    def leave(self) -> None:
        """Ctrl-D. One that comes just as readline takes the terminal over is lost, so it may take two."""
        for _ in range(10):
            os.write(self.ours, b"\x04")
            if self.comes(b"left", 3):
                assert self.process.wait(30) == 0
                return
        raise AssertionError(self.seen)

    def until(self, text: bytes) -> None:
        """Wait for a text."""
        assert self.comes(text, 60), self.seen

    def comes(self, text: bytes, seconds: float) -> bool:
        """Read up to a text, if it comes in this time."""
        deadline = time.monotonic() + seconds
        while text not in self.seen and (left := deadline - time.monotonic()) > 0:
            if select.select([self.ours], [], [], left)[0]:
                try:
                    self.seen += os.read(self.ours, 4096)
                except OSError:  # closed at the other end
                    break
        found = text in self.seen
        self.seen = self.seen.partition(text)[2] if found else self.seen
        return found


def test_a_real_terminal(run: Path, tmp_path: Path) -> None:
    """The command, typed and read through a pseudo-terminal."""
    code = f"""
from pathlib import Path
from primer.engine.chat import ChatConfig, main
from primer.engine.sampling import SamplingConfig
main(ChatConfig(Path({str(run)!r}), sampling=SamplingConfig(max_tokens=100)))
print("left")"""
    with Typist(code, tmp_path) as typist:
        typist.until(b"> ")
        typist.interrupt(b"nothing to stop")
        typist.until(b"> ")
        typist.type(b"/system Be kind.\n/system\n", b"Be kind.\r\n")
        typist.until(b"Be kind.\r\n")
        typist.type(b"What is it?\n", b"tokens/s")
        typist.until(b"\n> ")
        typist.leave()


def test_answers_are_stopped_and_lines_kept_at_a_real_terminal(tmp_path: Path) -> None:
    with Typist(SLOW, tmp_path) as typist:
        typist.until(b"> ")
        typist.type(b"a long one\n", b"and and ")
        typist.type(b"/stop\n", b"stopped.")
        typist.until(b"\n> ")
        typist.type(b"too long\n", b"and and ")
        typist.interrupt(b"stopped.")
        typist.until(b"\n> ")
        typist.type(b"one\\\ntwo\n", rb"['one\ntwo']")
        typist.until(b"\n> ")
        typist.type(b'"""three\nfour"""\n', rb"['three\nfour']")
        typist.until(b"\n> ")
        typist.type(b"the long way\n", b"and and ")
        typist.type(b"typed ahead\n/stop\n", b"stopped.")
        typist.until(b"['typed ahead']")
        typist.until(b"\n> ")
        typist.leave()
    assert (tmp_path / "primer" / "chat_history").stat().st_mode & 0o077 == 0
    with Typist(SLOW, tmp_path) as typist:  # a chat of another day
        typist.until(b"> ")
        typist.type(b"\x10\x10\x10\x10\n", b"['two']")  # Ctrl-P, as the up key
        typist.until(b"\n> ")
        typist.type(b"long\n", b"and and ")
        typist.type(b"one more\n\x04", b"and and and ")  # Ctrl-D while an answer comes
        typist.type(b"/stop\n", b"['one more']")
        typist.until(b"left")
