"""The report holds what the metrics say, and the picture is one."""

import math
from pathlib import Path

import pytest

from primer.core.rundir import RunDir
from primer.evaluate.report import Outcome, running_mean, write_report

OUTCOME = Outcome("Run demo", "a machine", "primer pretrain …", {"model": "small", "peak memory": "1 GiB"})


def test_a_report_of_a_run(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    for step in range(1, 6):
        run.log({"step": step, "loss": 4.0 / step})
    run.log({"step": 3, "validation_loss": 1.23456, "bits_per_byte": 2.0})
    run.log({"step": 5, "validation_loss": 1.0, "bits_per_byte": 1.5})
    run.samples.mkdir()
    (run.samples / "step_000003.txt").write_text("early\n")
    (run.samples / "step_000005.txt").write_text("To be ```or``` not\n")
    report = write_report(run, OUTCOME).read_text(encoding="utf-8")
    for line in (
        "# Run demo", "`primer pretrain …`", "| model | small |", "| 3 | 1.2346 | 2.0000 |", "| 5 | 1.0000 | 1.5000 |",
        "## A sample after step 5", "To be ```or``` not",
    ):  # fmt: skip
        assert line in report.splitlines() or line in report
    assert "early" not in report
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_report_of_nothing(tmp_path: Path) -> None:
    write_report(RunDir(tmp_path), OUTCOME)
    assert (tmp_path / "loss.png").stat().st_size > 1000


def test_the_running_mean_by_hand_and_past_a_nan() -> None:
    assert running_mean((1.0, 2.0), memory=0.5) == [1.0, pytest.approx((0.25 * 1 + 0.5 * 2) / 0.75)]
    means = running_mean((1.0, math.nan, 1.0))
    assert means == [1.0, 1.0, 1.0]
