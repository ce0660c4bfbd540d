"""`primer chat-format show`: conversations as the model reads them, and what of them it learns to write."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from primer.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.text import Text

    from primer.text.chat import Rendered
    from primer.text.tokenizer import Tokenizer

TRAINED = ("black on green", "black on bright_green")  # in turn, so that one sees where a token ends
GIVEN = ("dim", "dim underline")


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Show conversations in the chat format, with the tokens that are trained on green."""

    file: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FILE")]
    """File, folder or glob of conversations (.jsonl .json .parquet), or hf:org/name[:subset][:split]."""
    tokenizer: Path | None = None
    """A tokenizer.json, or a folder that holds one (a run does). Without it every byte is a token."""
    limit: int = 3
    """Conversations to show."""
    on_bad: Literal["refuse", "skip"] = "refuse"
    """What to do with a row that does not fit: stop and name it, or pass over it."""


def show_command(config: ShowConfig) -> None:
    """Print the first conversations, and how much of them is trained."""
    from rich.console import Console

    from primer.text.chat import ChatFormat
    from primer.text.conversations import read_conversations
    from primer.text.tokenizer_commands import open_tokenizer

    if config.limit < 1:
        raise ConfigError(f"--limit is {config.limit}; it is a number of conversations, 1 or more.")
    tokenizer = bytes_alone() if config.tokenizer is None else open_tokenizer(config.tokenizer)
    chat, console = ChatFormat(tokenizer), Console()
    for number, messages in enumerate(islice(read_conversations(config.file, config.on_bad), config.limit), start=1):
        rendered = chat.render(messages)
        console.rule(f"conversation {number}")
        console.print(coloured(tokenizer, rendered), soft_wrap=True)
        unit = "bytes and marks" if config.tokenizer is None else "tokens"
        trained, total = sum(rendered.trained), len(rendered.ids)
        console.print(f"{total:,} {unit}, {trained:,} of them trained ({trained / total:.0%})")


def coloured(tokenizer: "Tokenizer", rendered: "Rendered") -> "Text":
    """The conversation as text, its tokens in two shades in turn: green if they are trained, dim if they are not."""
    from rich.text import Text

    text = Text()
    shades = cycle((0, 1))
    held = b""  # bytes of a character that is not whole yet
    for id, is_trained in zip(rendered.ids, rendered.trained, strict=True):
        held += tokenizer.decode_bytes([id])
        try:
            shown = held.decode("utf-8")
        except UnicodeDecodeError:
            continue
        held = b""
        text.append(shown, (TRAINED if is_trained else GIVEN)[next(shades)])
    return text


def bytes_alone() -> "Tokenizer":
    """A tokenizer without merges: the 256 bytes and the special tokens."""
    from primer.text.tokenizer import Tokenizer
    from primer.text.tokenizer_format import BYTE_CHARACTERS, SPECIALS, Parts

    return Tokenizer(Parts("bpe", BYTE_CHARACTERS, (), SPECIALS))


COMMANDS: dict[str, tuple[type[Any], Callable[[Any], None]]] = {"show": (ShowConfig, show_command)}
