"""Scores as a person sees them."""

import io
import re

import pytest
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


def test_plain_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("primer.evaluate.tables.time.monotonic", lambda: now[0])
    with progress_bar("gsm8k:[b]", enabled=True) as progress:
        for seconds in (1, 4, 6, 1, 3):  # one line after more than ten, and the last
            now[0] += seconds
            progress(600)
    with progress_bar("bpb", enabled=True):  # no answers are counted
        pass
    said = capsys.readouterr()
    assert said.err.splitlines() == ["gsm8k:[b]: 1,800 answers after 11 s", "gsm8k:[b]: 3,000 answers after 15 s"]
    assert said.out == ""


def test_progress_is_silent_on_other_ranks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("primer.evaluate.tables.PLAIN_EVERY_SECONDS", -1)
    with progress_bar("t", enabled=False) as progress:
        progress(3)
    assert capsys.readouterr() == ("", "")
