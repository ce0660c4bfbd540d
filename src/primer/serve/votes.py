"""`primer votes show | export`: what people preferred, as pairs to train on.

Two answers side by side and a vote for one of them make a pair. So do a thumb up and a thumb down on two answers to the
same prompt, which is what /regenerate leaves behind. `primer dpo --from RUN --data votes` learns from them.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from primer.core.errors import UserError
from primer.core.files import write_text
from primer.text.chat import ConversationError
from primer.text.conversations import pair_of

if TYPE_CHECKING:
    from primer.serve.store import Answer, Store, Thumb, Vote

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Count votes and thumbs, model by model."""

    database: str = ""
    """URL of the database; without it that of PRIMER_DATABASE, or sqlite:///runs/primer.db."""


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Write the votes as preference pairs, for `primer dpo --data`."""

    database: str = ""
    """URL of the database; without it that of PRIMER_DATABASE, or sqlite:///runs/primer.db."""
    out: Path
    """Folder for train.jsonl, which is replaced."""


def show_command(config: ShowConfig) -> None:
    """Print how often each model's answers were preferred."""
    from rich.console import Console
    from rich.table import Table

    store = open_store(config.database)
    votes, thumbs = store.votes(), store.thumbs()
    counts = count_by_model(votes, thumbs)
    table = Table("model", "better", "worse", "tie", "both bad", "thumbs up", "thumbs down")
    for model in sorted({model for model, _ in counts}):
        columns = ("better", "worse", "tie", "both_bad", "up", "down")
        table.add_row(model or "unnamed", *(str(counts[model, column]) for column in columns))
    console = Console()
    console.print(table)
    console.print(f"{len(votes):,} votes and {len(thumbs):,} thumbs. {describe(votes, *pairs_of(votes, thumbs))}")


def export_command(config: ExportConfig) -> None:
    """Write train.jsonl. Raises UserError if there is nothing to write."""
    store = open_store(config.database)
    votes = store.votes()
    rows, left_out = pairs_of(votes, store.thumbs())
    summary = describe(votes, rows, left_out)
    if not rows:
        raise UserError(
            f"there is nothing to export. {summary} Vote on the page's Compare, or give one answer in Chat a thumb up "
            "and another answer to the same question a thumb down."
        )
    file = config.out / "train.jsonl"
    write_text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    print(f"{file}: {summary}")


def open_store(url: str) -> "Store":
    """The database of a URL, of the environment, or the one that the page uses by itself. Raises UserError."""
    try:
        from primer.serve.store import DATABASE, Store
    except ImportError as error:
        raise UserError("votes are kept in a database: pip install 'primer-lm[serve]'.") from error
    return Store(url or os.environ.get("PRIMER_DATABASE") or DATABASE, must_exist=True)


def count_by_model(votes: Sequence["Vote"], thumbs: Sequence["Thumb"]) -> Counter[tuple[str, str]]:
    """How often which model's answers were better, worse, tie, both_bad, up and down."""
    counts: Counter[tuple[str, str]] = Counter()
    for vote in votes:
        for side, answer in (("left", vote.left), ("right", vote.right)):
            has_winner = vote.choice in ("left", "right")
            counts[answer.model, ("better" if vote.choice == side else "worse") if has_winner else vote.choice] += 1
    counts.update((thumb.answer.model, thumb.thumb) for thumb in thumbs)
    return counts


def pairs_of(votes: Sequence["Vote"], thumbs: Sequence["Thumb"]) -> tuple[list[Row], int]:
    """The pairs that can be learned from, and how many others there are: equal answers, empty ones."""
    rows = []
    left_out = 0
    for row in [*pairs_of_votes(votes), *pairs_of_thumbs(thumbs)]:
        try:
            pair_of(row)  # what is written here, `primer dpo` reads
        except ConversationError:
            left_out += 1
        else:
            rows.append(row)
    return rows, left_out


def pairs_of_votes(votes: Sequence["Vote"]) -> Iterator[Row]:
    """A pair for each vote that prefers one side."""
    for vote in votes:
        if vote.choice == "left":
            yield row_of(vote.prompt, vote.left, vote.right, "compare")
        elif vote.choice == "right":
            yield row_of(vote.prompt, vote.right, vote.left, "compare")


def pairs_of_thumbs(thumbs: Sequence["Thumb"]) -> Iterator[Row]:
    """A pair for each two answers to the same prompt of which one has a thumb up and the other a thumb down."""
    for up in (thumb for thumb in thumbs if thumb.thumb == "up"):
        for down in (thumb for thumb in thumbs if thumb.thumb == "down" and thumb.prompt == up.prompt):
            yield row_of(up.prompt, up.answer, down.answer, "thumbs")


def row_of(prompt: Sequence[Row], chosen: "Answer", rejected: "Answer", source: str) -> Row:
    """A pair in UltraFeedback's shape: both sides are whole conversations, and the prompt is the question as text."""
    questions = [turn["content"] for turn in prompt if turn["role"] == "user"]
    return {
        "prompt": questions[-1] if questions else "",
        "chosen": [*prompt, *turns_of(chosen)],
        "rejected": [*prompt, *turns_of(rejected)],
        "chosen_model": chosen.model,
        "rejected_model": rejected.model,
        "source": source,
    }


def turns_of(answer: "Answer") -> list[Row]:
    """An answer as the model wrote it: its tool calls and their results come before its words."""
    turns: list[Row] = []
    for done in answer.details.get("tool_activity", ()):
        given = done["arguments"]  # OpenAI's protocol has JSON in a string
        arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        call = {"type": "function", "function": {"name": done["name"], "arguments": arguments}}
        turns.append({"role": "assistant", "content": "", "tool_calls": [call]})
        turns.append({"role": "tool", "content": done.get("result") or ""})
    return [*turns, {"role": "assistant", "content": answer.content}]


def describe(votes: Sequence["Vote"], rows: Sequence[Row], left_out: int) -> str:
    """What becomes of the votes, in a sentence."""
    source = Counter(row["source"] for row in rows)
    choice = Counter(vote.choice for vote in votes)
    return (
        f"{len(rows):,} pairs, {source['compare']:,} of votes and {source['thumbs']:,} of thumbs; left out: "
        f"{choice['tie']:,} ties, {choice['both_bad']:,} where both were bad, {left_out:,} with equal or empty answers."
    )


COMMANDS: dict[str, tuple[type[Any], Callable[[Any], None]]] = {
    "show": (ShowConfig, show_command),
    "export": (ExportConfig, export_command),
}
