"""Scores as a table, and a line that counts while they are found."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from primer.core.workers import Tell
from primer.evaluate.score import Score, total

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_EVERY_SECONDS = 10


def table(name: str, scores: Sequence[Score], centred: dict[str, float]) -> "Table":
    """Groups, and all together; of the columns those that say something."""
    from rich.table import Table

    rows = list(scores) + ([total(scores, name)] if len(scores) > 1 else [])
    columns: dict[str, Callable[[Score], str]] = {
        "% right": lambda score: f"{100 * score.accuracy:.1f}",
        "95 %": lambda score: f"{100 * score.low:.1f} to {100 * score.high:.1f}",
        "of": lambda score: f"{score.count:,}",
        "new phrasing": lambda score: f"{100 * score.new_right / score.new_count:.1f}" if score.new_count else "",
        "centred": lambda score: f"{centred[score.group]:.3f}" if score.group in centred else "",
    }
    columns |= {f"pass@{k}": partial(show_pass, k) for k in (scores[0].pass_at if scores else {})}
    columns["beside"] = lambda score: ", ".join(f"{n:,} {trouble}" for trouble, n in score.troubles.items())
    found = Table(title=name)
    found.add_column("group", no_wrap=True)
    shown = {heading: cell for heading, cell in columns.items() if any(map(cell, rows))}
    for heading in shown:
        found.add_column(heading, justify="left" if heading == "beside" else "right")
    for score in rows:
        cells = (cell(score) for cell in shown.values())
        found.add_row(score.group or "all", *cells, end_section=score is scores[-1])
    return found


def show_pass(k: int, score: Score) -> str:
    """pass@k in percent, where it was measured."""
    return f"{100 * score.pass_at[k]:.1f}" if k in score.pass_at else ""


def plain_line_due(last: float) -> bool:
    """Whether it is time for a line again where no terminal shows a bar; `last` is when the last one came."""
    return time.monotonic() - last > PLAIN_EVERY_SECONDS


@contextmanager
def progress_bar(name: str, enabled: bool) -> Iterator[Tell]:
    """A line on standard error that counts the answers; where that is no terminal, one now and then and at the end."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, quiet=not enabled, highlight=False, markup=False, emoji=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f}"), TimeElapsedColumn())
    started = printed = time.monotonic()
    with Bar(*columns, console=console, disable=not (enabled and console.is_terminal), transient=True) as bar:
        line = bar.add_task(name, total=None)

        def tell() -> None:
            answers, seconds = bar.tasks[line].completed, time.monotonic() - started
            if answers and not console.is_terminal:
                console.print(f"{name}: {answers:,.0f} answers after {seconds:.0f} s", soft_wrap=True)

        def progress(count: int) -> None:
            nonlocal printed
            bar.advance(line, count)
            if plain_line_due(printed):
                printed = time.monotonic()
                tell()

        yield progress
        tell()
