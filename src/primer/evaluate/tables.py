"""Scores as a table, and a line that counts while they are found."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from primer.evaluate.score import Progress, Score, total

if TYPE_CHECKING:
    from rich.table import Table


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


@contextmanager
def progress_bar(name: str, enabled: bool) -> Iterator[Progress]:
    """A line on standard error that counts the answers."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), disable=not enabled, transient=True) as bar:
        line = bar.add_task(name, total=None)
        yield lambda count: bar.advance(line, count)
