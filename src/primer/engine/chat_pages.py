"""Where `primer chat` is read and written: a terminal, or a pipe."""

import io
import json
import os
import select
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from primer.text.chat import ToolCall

HISTORY_LINES = 1000


class Page(Protocol):
    """Where a chat is read and written."""

    def read(self) -> str | None:
        """What the person says next; None when they leave."""

    def text(self, piece: str) -> None:
        """Words of the assistant, as they come."""

    def call(self, call: ToolCall) -> None:
        """A tool is called."""

    def result(self, result: str) -> None:
        """It has answered."""

    def wants_stop(self) -> bool:
        """Whether the person has typed /stop since the answer began."""

    def end(self) -> None:
        """The reply is complete, or was stopped."""

    def note(self, text: str) -> None:
        """Something about the chat."""

    @property
    def is_interactive(self) -> bool:
        """Whether someone is there to go on after Ctrl-C."""


class Terminal:
    """Someone at a keyboard: replies stream, tools and notes are dim."""

    is_interactive = True

    def __init__(self) -> None:
        from rich.console import Console

        self.history = History(history_file())
        self.typed_ahead: list[str] = []  # lines that came while an answer did
        self.is_leaving = False  # so did Ctrl-D
        self.is_line_begun = False
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def read(self) -> str | None:
        """A message; Ctrl-C throws away what was typed."""
        while True:
            try:
                print()
                message = read_message(self.read_line)
                self.history.save()
                return message
            except KeyboardInterrupt:
                self.is_line_begun = True  # that of the prompt
                self.note("nothing to stop: Ctrl-D or /quit ends the chat.")
            except EOFError:
                print()
                return None

    def read_line(self, prompt: str) -> str:
        """A line that was typed ahead, or the next one. Raises EOFError when the person leaves."""
        if self.typed_ahead:
            return self.typed_ahead.pop(0)
        if self.is_leaving:
            raise EOFError
        return input(prompt)

    def wants_stop(self) -> bool:
        """Look at the lines that were typed meanwhile; all but /stop, and Ctrl-D, are kept for `read`."""
        while select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line:
                self.is_leaving = True
                return False
            if line.strip() == "/stop":
                self.is_line_begun = False  # the terminal has echoed Enter
                return True
            self.typed_ahead.append(line.rstrip("\n"))
        return False

    def text(self, piece: str) -> None:
        """At once."""
        self.console.print(printable(piece), end="")
        self.is_line_begun = not piece.endswith("\n") if piece else self.is_line_begun

    def call(self, call: ToolCall) -> None:
        """Dim."""
        self.note(describe(call))

    def result(self, result: str) -> None:
        """Below its call."""
        self.note(f"→ {result}")

    def end(self) -> None:
        """To a new line."""
        if self.is_line_begun:
            self.console.print()
        self.is_line_begun = False

    def note(self, text: str) -> None:
        """Dim, on a line of its own."""
        self.end()
        self.console.print(printable(text), style="dim")


class Pipe:
    """No terminal: each line of standard input is a message, and each line of standard output its reply."""

    is_interactive = False

    def __init__(self) -> None:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        self.pieces: list[str] = []

    def read(self) -> str | None:
        """The next line."""
        return sys.stdin.readline() or None

    def text(self, piece: str) -> None:
        """Kept until the reply is complete."""
        self.pieces.append(piece)

    def call(self, call: ToolCall) -> None:
        """What was said before a call is no reply."""
        self.pieces.clear()
        self.note(f"{call.name}: {json.dumps(call.arguments, ensure_ascii=False)}")

    def result(self, result: str) -> None:
        """To standard error."""
        self.note(f"→ {result}")

    def wants_stop(self) -> bool:
        """Nobody is there: what follows in the pipe are the next questions."""
        return False

    def end(self) -> None:
        """The reply, in one line."""
        print(" ".join("".join(self.pieces).split()), flush=True)
        self.pieces.clear()

    def note(self, text: str) -> None:
        """To standard error."""
        print(text, file=sys.stderr, flush=True)


class History:
    """The lines typed at the prompt, called back with the up key, and kept in a file between chats.

    A file that cannot be read or written, or a Python without readline, is no reason not to talk.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.num_saved = 0
        with suppress(ImportError, OSError):
            import readline  # from now on `input` can edit lines

            readline.read_history_file(file)
            self.num_saved = readline.get_current_history_length()

    def save(self) -> None:
        """Add the lines since the last time. Chats that run side by side keep each other's."""
        with suppress(ImportError, OSError, AttributeError):  # editline, macOS's readline, cannot append
            import readline

            length = readline.get_current_history_length()
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody else is to read what was asked
            self.file.touch(mode=0o600)
            readline.set_history_length(HISTORY_LINES)
            readline.append_history_file(length - self.num_saved, self.file)
            self.num_saved = length


def history_file() -> Path:
    """Where the XDG directories have what a program remembers."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "primer" / "chat_history"


def read_message(read_line: Callable[[str], str]) -> str:
    """A message of one line; of more, if a line ends with \\, or if all stands between \"\"\" and \"\"\".

    `read_line` is given the prompt to show.
    """
    line = read_line("> ")
    if line.lstrip().startswith('"""'):
        text = line.lstrip()[3:]
        while not text.rstrip().endswith('"""'):
            text += "\n" + read_line("... ")
        return text.rstrip()[:-3].strip("\n")
    while line.endswith("\\"):
        line = line[:-1] + "\n" + read_line("... ")
    return line


def describe(call: ToolCall) -> str:
    """A call for people: the one argument of a tool bare, several with their names.

    >>> describe(ToolCall("calculator", {"expression": "3 + 4"}))
    '[calculator] 3 + 4'
    """
    given = list(call.arguments.values())
    shown = str(given[0]) if len(given) == 1 else ", ".join(f"{k}={v!r}" for k, v in call.arguments.items())
    return f"[{call.name}] {shown}"


def printable(text: str) -> str:
    """The text without what would steer the terminal: a model may write anything.

    >>> printable("red: \\x1b[31m")
    'red: \ufffd[31m'
    """
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)
