"""`primer tokenizer train | show | eval`: make a tokenizer, look at it, measure it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from primer.core.errors import ConfigError, TokenizerError, UserError
from primer.text.corpus import CorpusConfig, open_corpus

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from primer.text.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class TrainConfig(CorpusConfig):
    """Learn a vocabulary from the training split of a text."""

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="CORPUS")]
    """File, folder or glob of .txt .md .jsonl .parquet (or .gz .zst of the first three);
    hf:org/name[:subset][:split]; or a built-in corpus: shakespeare, tinyshakespeare."""
    out: Path
    """Folder for tokenizer.json."""
    vocab_size: int = 8192
    """Tokens, the 16 special ones included. At character level the text decides."""
    kind: Literal["bpe", "char"] = "bpe"
    """Byte-level BPE, or one token a character."""


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Show how a text is split: a colour for each token, its id below."""

    text: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="TEXT")] = None
    """The text. Or give --file."""
    file: Path | None = None
    """A file to show the beginning of."""
    tokenizer: Path
    """A tokenizer.json, or a folder that holds one (a run does), or GPT-2's vocab.json and merges.txt."""


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Measure bytes per token on several kinds of text, beside GPT-2's tokenizer if it is at hand."""

    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILES")] = ()
    """Files to measure besides the built-in samples (the first two million characters of each)."""
    tokenizer: Path
    """A tokenizer.json, or a folder that holds one (a run does)."""
    gpt2: str | None = None
    """A folder with GPT-2's vocab.json and merges.txt; or `hub`, to fetch it from the Hugging Face hub."""


# A few kinds of text that tokenizers differ on. Too short for fine differences; FILES are for those.
SAMPLES = {
    "English prose": "The lamp had burned low by the time she closed the ledger. Outside, rain was falling "
    "on the harbour, and the last of the fishing boats had come in without its captain. Nobody in the town "
    "would speak of it before morning, although everybody already knew.",
    "play": "FIRST WATCHMAN:\nWho comes so late? Stand, and unfold thy name.\n\nMESSENGER:\nA friend to "
    "Rome, and weary with the road.\n\nFIRST WATCHMAN:\nThen rest thee, sir; the gates are shut till day.\n",
    "dialogue": "“Don't tell me you've lost it again,” said Anna.\n“I haven't lost it. I just don't know "
    "where it is.”\n“That's what lost means, Tom.”\n“Well... we'll see. Let's look in the car first!”\n",
    "Python": "def moving_average(values: list[float], width: int) -> list[float]:\n"
    "    total = sum(values[:width])\n    means = [total / width]\n"
    "    for i in range(width, len(values)):\n        total += values[i] - values[i - width]\n"
    "        means.append(total / width)\n    return means\n",
    "mathematics": "A train leaves at 14:35 and covers 247.5 km in 2 h 45 min, so its mean speed is "
    "247.5 / 2.75 = 90 km/h. If x^2 - 5x + 6 = 0, then (x - 2)(x - 3) = 0 and x = 2 or x = 3. "
    "1024 * 768 = 786432; 3.14159 < 22/7 = 3.142857.\n",
    "German": "Am nächsten Morgen lag über den Feldern ein dünner Nebel, und der Müller, der sonst als "
    "Erster aufstand, schlief noch. Die Geschwindigkeitsbegrenzung störte ihn längst nicht mehr.",
    "French": "L'été dernier, nous avons loué une petite maison près de la forêt; le matin, on n'entendait "
    "que les oiseaux. C'était là qu'elle avait commencé à écrire, sans savoir où cela la mènerait.",
    "Chinese": "昨天晚上下了一场大雨，今天早上空气特别清新。我和朋友约好一起去公园散步，然后去图书馆看书。",
    "emoji": "Happy birthday!! 🎂🎉🥳 See you at 8 👋🏽 — bring the kids 👨‍👩‍👧‍👦 and don't forget the ☕️ ❤️",
}
SAMPLE_CHARACTERS = 2_000_000
SHOWN_CHARACTERS = 2_000


def train_command(config: TrainConfig) -> None:
    """Train, save, and say what was made."""
    from rich.console import Console

    from primer.text.prepare import TOKENIZER_CHARACTERS, within
    from primer.text.tokenizer import train_tokenizer

    console, began = Console(), monotonic()
    texts = within(open_corpus(config).documents("train"), TOKENIZER_CHARACTERS)
    with console.status("learning the vocabulary"):
        tokenizer = train_tokenizer(texts, config.vocab_size, config.kind)
    tokenizer.save(config.out)
    console.print(
        f"{tokenizer.kind} tokenizer of {tokenizer.vocab_size:,} tokens in {monotonic() - began:.1f} s "
        f"→ {config.out / 'tokenizer.json'}",
        soft_wrap=True,
    )
    if tokenizer.kind == "bpe":
        longest = sorted(tokenizer.token_bytes(), key=len, reverse=True)[:12]
        console.print("longest tokens:", ", ".join(repr(as_text(token)) for token in longest), soft_wrap=True)


def show_command(config: ShowConfig) -> None:
    """Print the split of a text. Raises ConfigError unless there is either a text or a file."""
    from rich.console import Console

    if (config.text is None) == (config.file is None):
        raise ConfigError("give a text to show, or --file FILE, and not both.")
    text = config.text if config.file is None else read_beginning(config.file, SHOWN_CHARACTERS)
    assert text is not None
    tokenizer, console = open_tokenizer(config.tokenizer), Console()
    ids = tokenizer.encode(text)
    for line in coloured(tokenizer, ids, console.width):
        console.print(line, soft_wrap=True)
    num_bytes = len(text.encode())
    console.print(
        f"{len(ids):,} tokens, {len(text):,} characters, {num_bytes:,} bytes: "
        f"{num_bytes / max(1, len(ids)):.2f} bytes per token"
    )


def eval_command(config: EvalConfig) -> None:
    """Print the table of bytes per token."""
    from rich.console import Console

    tokenizer = open_tokenizer(config.tokenizer)
    rival = None if config.gpt2 is None else open_gpt2(config.gpt2)
    files = {str(path): read_beginning(path, SAMPLE_CHARACTERS) for path in config.files}
    Console().print(compression(tokenizer, rival, {**SAMPLES, **files}))


def compression(tokenizer: "Tokenizer", rival: "Tokenizer | None", texts: dict[str, str]) -> "Table":
    """Bytes per token on each text, beside the rival's. A ratio above 1: this one needs fewer tokens."""
    from rich.table import Table

    table = Table(title=f"bytes per token: {tokenizer.kind}, vocabulary {tokenizer.vocab_size:,}")
    table.add_column("text")
    columns = ["bytes", "tokens", "bytes/token"]
    for name in columns if rival is None else [*columns, f"GPT-2 ({rival.vocab_size:,})", "ratio"]:
        table.add_column(name, justify="right")
    for name, text in texts.items():
        num_bytes, ours = len(text.encode()), count_tokens(tokenizer, text)
        row = [f"{num_bytes:,}", "unknown characters", "–"]
        if ours is not None:
            row = [f"{num_bytes:,}", f"{ours:,}", f"{num_bytes / ours:.2f}"]
        if rival is not None:
            theirs = len(rival.encode(text))
            row += [f"{num_bytes / theirs:.2f}", "–" if ours is None else f"{theirs / ours:.2f}"]
        table.add_row(name, *row)
    return table


def count_tokens(tokenizer: "Tokenizer", text: str) -> int | None:
    """Tokens of a text; None if a character tokenizer lacks one of its characters."""
    try:
        return len(tokenizer.encode(text))
    except TokenizerError:
        return None


def coloured(tokenizer: "Tokenizer", ids: list[int], width: int) -> "Iterator[Text]":
    """Lines for the terminal, in pairs: tokens on alternating colours, and their ids below.

    Spaces are shown as ·, a line end as ⏎ (and ends the line), bytes that are no whole character in hex.
    """
    from rich.cells import cell_len
    from rich.text import Text

    colours = cycle(["black on cyan", "black on yellow", "black on green", "black on magenta"])
    upper, lower = Text(), Text()
    for id, raw in zip(ids, map(tokenizer.token_bytes().__getitem__, ids), strict=True):
        shown = visible(raw)
        cell = max(cell_len(shown), len(str(id))) + 1
        if upper and upper.cell_len + cell > width:
            yield upper
            yield lower
            upper, lower = Text(), Text()
        upper.append(shown, next(colours))
        upper.append(" " * (cell - cell_len(shown)))
        lower.append(str(id).ljust(cell), "dim")
        if raw.endswith(b"\n"):
            yield upper
            yield lower
            upper, lower = Text(), Text()
    if upper:
        yield upper
        yield lower


def visible(raw: bytes) -> str:
    """A token for the eye.

    >>> visible(b" dog"), visible(b".\\n"), visible(bytes([0xe5, 0xa5]))
    ('·dog', '.⏎', '\\\\xe5\\\\xa5')
    """
    text = as_text(raw).replace(" ", "·").replace("\n", "⏎").replace("\t", "→")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def as_text(raw: bytes) -> str:
    """The bytes as text, those that are no whole character as \\x and two hex digits."""
    return raw.decode("utf-8", errors="backslashreplace")


def read_beginning(path: Path, characters: int) -> str:
    """The first characters of a file in any format a corpus may have; in another, of its bytes as UTF-8."""
    from primer.text.prepare import within
    from primer.text.readers import READERS, RowFormat, extension, read_file

    rows = RowFormat(broken_utf8="replace")
    try:
        if extension(path) in READERS:
            text = "\n".join(within(read_file(path, rows), characters))
        else:
            text = rows.decode(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}. Give a file with text in it.") from error
    if not text:
        raise ConfigError(f"{path} is empty. Give a file with text in it.")
    return text[:characters]


def open_tokenizer(path: Path) -> "Tokenizer":
    """A tokenizer.json, or the one in a folder; or, where there is none, GPT-2's two files in it."""
    from primer.text.tokenizer import Tokenizer

    if (path / "vocab.json").is_file() and not (path / "tokenizer.json").is_file():
        return Tokenizer.gpt2(path / "vocab.json", path / "merges.txt")
    return Tokenizer.load(path)


def open_gpt2(place: str) -> "Tokenizer":
    """GPT-2's tokenizer from a folder, or from the hub. Raises UserError if the hub cannot be reached."""
    if place != "hub":
        return open_tokenizer(Path(place))
    advice = "Give a folder with GPT-2's vocab.json and merges.txt: --gpt2 FOLDER."
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise UserError(f"--gpt2 hub needs `pip install primer-lm[hub]`. {advice}") from error
    try:
        return open_tokenizer(Path(hf_hub_download("openai-community/gpt2", "tokenizer.json")))
    except (OSError, ValueError) as error:  # what huggingface_hub's errors derive from
        raise UserError(f"GPT-2's tokenizer could not be fetched from the hub: {error}. {advice}") from error


COMMANDS: dict[str, tuple[type[Any], Callable[[Any], None]]] = {
    "train": (TrainConfig, train_command),
    "show": (ShowConfig, show_command),
    "eval": (EvalConfig, eval_command),
}
