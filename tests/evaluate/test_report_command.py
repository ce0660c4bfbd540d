"""`primer report` on runs, speedruns, and folders that are neither."""

import os
from pathlib import Path

import pytest
from finished import make_speedrun, make_stage

from primer.core.errors import ConfigError, UserError
from primer.core.rundir import RunDir
from primer.evaluate.report import Outcome, write_report
from primer.evaluate.report_command import ReportConfig, main, newest_folder


def test_a_run_is_written_anew_with_its_examination(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunDir(tmp_path / "demo")
    make_stage(run, "sft", 1)
    write_report(run, Outcome("Run demo", "a machine", "primer sft", {"peak memory": "1 GiB"}))
    before = (run.path / "report.md").read_text(encoding="utf-8")
    main(ReportConfig(run.path, price=3.6))
    after = (run.path / "report.md").read_text(encoding="utf-8")
    assert after.startswith(before.rstrip())
    assert "| peak memory | 1 GiB |" in after
    assert "| facts | 94.0 |" in after
    assert "Training cost $0.040, at $3.6 an hour." in after
    assert "## What failed" in after
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "data:image/png" in page
    assert "<script" not in page
    assert "report.md" in capsys.readouterr().out
    main(ReportConfig(run.path, price=3.6))
    assert (run.path / "report.md").read_text(encoding="utf-8") == after


def test_a_run_that_has_not_ended_says_what_its_files_say(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "demo")
    make_stage(run, "base", 0)
    main(ReportConfig(run.path))
    report = (run.path / "report.md").read_text(encoding="utf-8")
    assert report.startswith("# Run demo\n\n`primer pretrain`\n\non a processor × 2\n")
    assert "| trained on | 20,000 tokens in 20 steps |" in report
    assert "parameters, 1 layers × 32" in report


def test_a_speedrun_is_known_by_its_ledger(tmp_path: Path) -> None:
    root = make_speedrun(tmp_path / "laptop", stages=("base",))
    main(ReportConfig(root))
    assert (root / "report.html").is_file()
    assert (root / "report.md").read_text(encoding="utf-8").startswith("# Speedrun laptop")


def test_the_newest_of_runs_and_speedruns(tmp_path: Path) -> None:
    make_stage(RunDir(tmp_path / "run"), "base", 0)
    root = make_speedrun(tmp_path / "laptop", stages=())
    os.utime(tmp_path / "run" / "config.json", (1, 1))
    assert newest_folder(tmp_path) == root
    with pytest.raises(UserError, match="no run under"):
        newest_folder(tmp_path / "none")


def test_mistakes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        main(ReportConfig(tmp_path / "none"))
    with pytest.raises(UserError, match="holds no run"):
        main(ReportConfig(tmp_path))
    for price in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="dollars an hour"):
            ReportConfig(tmp_path, price)


def test_a_damaged_outcome_is_named(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "demo")
    make_stage(run, "base", 0)
    (run.path / "report.json").write_text('{"speed": 1}', encoding="utf-8")
    with pytest.raises(UserError, match=r"report\.json is damaged"):
        main(ReportConfig(run.path))
