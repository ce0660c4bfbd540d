"""Scores as a person sees them."""

import io
import re

from rich.console import Console

from primer.evaluate.score import Score
from primer.evaluate.tables import progress_bar, table


def rows_of(scores: list[Score], centred: dict[str, float]) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=160)
    console.print(table("t", scores, centred))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [re.findall(r"[-\w.@%]+(?: [\w%][\w.]*)*", line) for line in text.splitlines()]


def test_groups_and_all_together() -> None:
    scores = [
        Score("t", "facts", 9, 10, 0.6, 0.98, 2, 4, {"never ended": 1}),
        Score("t", "recall", 5, 10, 0.24, 0.76),
    ]
    rows = rows_of(scores, {})
    assert ["group", "% right", "95 %", "of", "new phrasing", "beside"] in rows
    assert ["facts", "90.0", "60.0 to 98.0", "10", "50.0", "1 never ended"] in rows
    assert ["recall", "50.0", "24.0 to 76.0", "10"] in rows
    assert ["all", "70.0", "48.1 to 85.5", "20", "50.0", "1 never ended"] in rows


def test_columns_only_where_they_say_something() -> None:
    assert ["group", "% right", "95 %", "of", "centred"] in rows_of(
        [Score("core", "copa", 1, 2, 0.1, 0.9)], {"copa": 0.0}
    )
    rows = rows_of([Score("t", "a", 1, 2, 0.1, 0.9, pass_at={1: 0.5, 4: 0.75})], {})
    assert ["group", "% right", "95 %", "of", "pass@1", "pass@4"] in rows
    assert ["a", "50.0", "10.0 to 90.0", "2", "50.0", "75.0"] in rows


def test_progress_is_silent_if_nobody_watches() -> None:
    with progress_bar("t", enabled=False) as progress:
        progress(3)
