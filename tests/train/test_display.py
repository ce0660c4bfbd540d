"""A bar in a terminal, plain lines elsewhere, silence on other ranks."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from primer.train import display
from primer.train.display import Display, forget_peak, memory_used

METRICS = {"loss": 1.23456, "tokens_per_second": 2000.0, "step_seconds": 0.5}


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(10, silent=False, flops_per_token=1e6, peak=1e10) as display:
        display.update(1, METRICS)  # too soon after the start
        display.printed -= 60
        display.update(4, METRICS)
        display.update(5, METRICS)  # too soon after the last
        display.update(10, METRICS)  # the last step always
        display.print("[/b] :smile: " + "hello" * 50)  # what a model writes is no markup, and no line is broken
    assert capsys.readouterr().out.splitlines() == [
        "step 4/10 · loss 1.2346 · 2,000 tokens/s · MFU 20% · 3 s left",
        "step 10/10 · loss 1.2346 · 2,000 tokens/s · MFU 20% · 0 s left",
        "[/b] :smile: " + "hello" * 50,
    ]


def test_the_time_left_follows_the_mean(capsys: pytest.CaptureFixture[str]) -> None:
    """One slow step, an evaluation's or a neighbour's, is not taken for all that are to come."""
    with Display(200, silent=False, flops_per_token=0, peak=None) as display:
        for step in range(1, 100):
            display.update(step, METRICS | {"step_seconds": 1.0})
        display.printed -= 60
        display.update(100, METRICS | {"step_seconds": 11.0})
    assert capsys.readouterr().out.split(" · ")[-1] == "120 s left\n"  # 100 more of 1 + 10/50 seconds


def test_no_mfu_where_the_peak_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(1, silent=False, flops_per_token=1e6, peak=None) as display:
        display.update(1, METRICS)
    assert "MFU" not in capsys.readouterr().out


def test_other_ranks_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(1, silent=True, flops_per_token=1e6, peak=None) as display:
        display.update(1, METRICS)
        display.print("hello")
    assert capsys.readouterr() == ("", "")


def test_a_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, highlight=False)
    monkeypatch.setattr("primer.train.display.Console", lambda **_: terminal)
    with Display(10, silent=False, flops_per_token=1e6, peak=1e10) as display:
        display.update(5, METRICS)
        display.print("hello")
    shown = screen.getvalue()
    assert all(word in shown for word in ("5/10", "loss 1.2346", "MFU 20%", "hello"))


def test_memory_is_a_plausible_number() -> None:
    assert 2**24 < memory_used() < 2**44


def test_where_the_system_does_not_count_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(display, "STATUS", tmp_path / "none")
    monkeypatch.setattr(display, "FORGET", tmp_path / "none" / "none")
    assert not forget_peak()
    assert 2**24 < memory_used() < 2**44
