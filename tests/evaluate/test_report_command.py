"""`primer report` on runs, speedruns, and folders that are neither."""

import os
import shutil
from pathlib import Path

import pytest
from finished import make_speedrun, make_stage

from primer.core.errors import ConfigError, UserError
from primer.core.files import write_json
from primer.core.rundir import RunDir
from primer.evaluate.report import Outcome, write_report
from primer.evaluate.report_command import ReportConfig, main, newest_folder
from primer.evaluate.report_cost import scientific
from primer.evaluate.report_data import read_chain


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
    assert "| SFT | 0.67 | 0.040 | 20,000 | 20 |" in after
    assert "At $3.6 an hour. Minutes and FLOPs are those of training.\n" in after
    assert "| bits per byte | 1.2500 |" in after
    assert "## What failed" in after
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "data:image/png" in page
    assert "<script" not in page
    assert "report.md" in capsys.readouterr().out
    main(ReportConfig(run.path, price=3.6))
    assert (run.path / "report.md").read_text(encoding="utf-8") == after


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Four runs, each begun with the one before, as the four commands of README make them."""
    for place, name in enumerate(("base", "sft", "dpo", "rl")):
        run = RunDir(tmp_path / "runs" / f"my_{name}")
        make_stage(run, name, place)
        began = {"commit": f"{place}" * 12, "gpus": 8, "machine": "NVIDIA H100"}
        if place:
            before = ("my_base", "my_sft", "my_dpo")[place - 1]
            began["source"] = str(tmp_path / "runs" / before / "checkpoints" / "step_000020")
        run.write_config(run.read_config() | began)
    return tmp_path / "runs"


def test_runs_that_began_with_one_another_have_the_tables_of_a_speedrun(runs: Path, tmp_path: Path) -> None:
    main(ReportConfig(runs / "my_rl"))
    report = (runs / "my_rl" / "report.md").read_text(encoding="utf-8")
    model = read_chain(RunDir(runs / "my_rl")).model
    assert model is not None
    flops = scientific(20_000 * model.flops_per_token)
    assert "| commit | 333333333333 |" in report
    assert "| stage | minutes | dollars | tokens | steps | FLOPs |\n" in report
    for title in ("base", "SFT", "DPO", "RL"):
        assert f"| {title} | 0.67 | 0.267 | 20,000 | 20 | {flops} |" in report
    assert "| **all** | 2.67 | 1.067 | 80,000 | 80 |" in report
    assert "At $24 an hour." in report
    assert "| curriculum | base | SFT | DPO | RL | 95 % | items | new phrasings |\n" in report
    assert "| facts | 10.0 | 94.0 | 96.0 | 96.0 |" in report
    moved = runs.rename(tmp_path / "moved")
    main(ReportConfig(moved / "my_rl"))
    assert (moved / "my_rl" / "report.md").read_text(encoding="utf-8") == report


def test_a_run_whose_source_is_gone_says_what_is_not_counted(runs: Path) -> None:
    shutil.rmtree(runs / "my_base")
    assert list(read_chain(RunDir(runs / "my_rl")).stages) == ["sft", "dpo", "rl"]
    main(ReportConfig(runs / "my_sft"))
    report = (runs / "my_sft" / "report.md").read_text(encoding="utf-8")
    assert "What it all began with, " in report
    assert "my_base/checkpoints/step_000020, is not counted." in report


def test_a_second_run_of_a_stage_ends_the_chain(runs: Path) -> None:
    run = RunDir(runs / "voted")
    make_stage(run, "dpo", 2)
    run.write_config(run.read_config() | {"source": str(runs / "my_rl" / "checkpoints" / "step_000020")})
    assert list(read_chain(run).stages) == ["rl", "dpo"]


def test_bits_per_byte_alone_are_reported(runs: Path) -> None:
    evaluation = runs / "my_base" / "evaluation" / "step_000020.json"
    write_json(evaluation, {"tasks": {"bpb": {"bits_per_byte": 1.5}}})
    evaluation.with_suffix(".transcripts.jsonl").unlink()
    main(ReportConfig(runs / "my_base"))
    report = (runs / "my_base" / "report.md").read_text(encoding="utf-8")
    assert "| bits per byte | 1.5000 |" in report
    assert "has been examined" not in report


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
