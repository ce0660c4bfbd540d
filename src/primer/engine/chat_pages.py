"""Where `primer chat` is read and written: a terminal, or a pipe."""

import io
import json
import sys
import unicodedata
from contextlib import suppress
from typing import Protocol

from primer.text.chat import ToolCall


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

        with suppress(ImportError):
            import readline  # noqa: F401  # lines can then be edited, and called back with the up key
        self.is_line_begun = False
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def read(self) -> str | None:
        """A line; Ctrl-C throws away what was typed."""
        while True:
            try:
                print()
                return input("> ")
            except KeyboardInterrupt:
                self.is_line_begun = True  # that of the prompt
                self.note("nothing to stop: Ctrl-D or /quit ends the chat.")
            except EOFError:
                print()
                return None

    def text(self, piece: str) -> None:
        """At once."""
        self.console.print(printable(piece), end="")
        self.is_line_begun = not piece.endswith("\n") if piece else self.is_line_begun

    def call(self, call: ToolCall) -> None:
        """The one argument of a tool bare, several with their names."""
        given = list(call.arguments.values())
        shown = str(given[0]) if len(given) == 1 else ", ".join(f"{k}={v!r}" for k, v in call.arguments.items())
        self.note(f"[{call.name}] {shown}")

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

    def end(self) -> None:
        """The reply, in one line."""
        print(" ".join("".join(self.pieces).split()), flush=True)
        self.pieces.clear()

    def note(self, text: str) -> None:
        """To standard error."""
        print(text, file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """The text without what would steer the terminal: a model may write anything.

    >>> printable("red: \\x1b[31m")
    'red: \ufffd[31m'
    """
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)
