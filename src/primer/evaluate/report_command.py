"""`primer report`: write the report of a run, or of a whole speedrun, anew from its files."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from primer.core.errors import ConfigError, UserError
from primer.core.files import read_json, write_text
from primer.core.rundir import LEDGER, RUNS, RunDir
from primer.evaluate.report import OUTCOME_FILE, Outcome, write_report
from primer.evaluate.report_data import StageRun, read_stage, usual_price
from primer.evaluate.report_examples import conversations_section, failures_section
from primer.evaluate.report_page import html_page, inline, table
from primer.evaluate.speedrun_report import task_rows, write_speedrun_report


@dataclass(frozen=True)
class ReportConfig:
    """Write report.md and report.html of a run or a speedrun, from what its folder holds."""

    run: Path | None = None
    """Folder of a run or a speedrun; None: the newest under runs/."""
    price: float | None = None
    """Dollars an hour of the machine; None: as the run was told, or the machine's usual price where it is known."""

    def __post_init__(self) -> None:
        if self.price is not None and not (math.isfinite(self.price) and self.price >= 0):
            raise ConfigError(f"--price is {self.price}: give dollars an hour, 0 or more.")


def main(config: ReportConfig) -> None:
    """Run the command. Raises UserError for a folder that holds no run, or a damaged one."""
    folder = config.run or newest_folder()
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist. Give the folder of a run or a speedrun with --run.")
    if (folder / LEDGER).is_file():
        path = write_speedrun_report(folder, config.price)
    else:
        path = rewrite_report(RunDir(folder), config.price)
    print(f"report: {path}, and {path.with_suffix('.html').name}")


def newest_folder(root: Path = RUNS) -> Path:
    """The run or speedrun under `root` that was last written to. Raises UserError if there is none."""
    marks = [mark for name in ("config.json", LEDGER) for mark in root.glob(f"*/{name}")]
    if not marks:
        raise UserError(f"no run under {root}/. Train one with `primer speedrun`, or give a folder with --run.")
    return max(marks, key=lambda mark: mark.stat().st_mtime).parent


def rewrite_report(run: RunDir, price: float | None = None) -> Path:
    """report.md and report.html of one run, with what `primer eval` has found since."""
    config = run.read_config()
    stage = read_stage(config.get("stage", ""), run)
    outcome = read_outcome(stage, config)
    seconds = max((row.get("seconds", 0.0) for row in stage.metrics), default=0.0)
    price = usual_price(outcome.machine) if price is None else price
    path = write_report(run, outcome)
    lines = [path.read_text(encoding="utf-8").rstrip(), ""]
    if price is not None:
        lines += [f"Training cost ${seconds / 3600 * price:.3f}, at ${price:.4g} an hour.", ""]
    write_text(path, "\n".join([*lines, *scores_section(stage)]).rstrip() + "\n")
    write_text(path.with_suffix(".html"), html_page(path.read_text(encoding="utf-8"), run.path))
    return path


def read_outcome(stage: StageRun, config: dict[str, Any]) -> Outcome:
    """What the run said of itself at its end; of one that has not ended, what its files say so far."""
    path = stage.run.path / OUTCOME_FILE
    if path.is_file():
        try:
            return Outcome(**read_json(path))
        except TypeError as error:
            raise UserError(f"{path} is damaged: {error}. Delete it; the report is then made without it.") from error
    facts = {"trained on": f"{stage.tokens:,} tokens in {stage.steps:,} steps"}
    if model := stage.model:
        shape = f"{model.family}, {model.parameters:,} parameters, {model.num_layers} layers × {model.width}"
        facts = {"model": shape} | facts
    title = f"Run {stage.run.path.resolve().name}"
    return Outcome(title, config.get("machine", "an unknown machine"), config.get("command", ""), facts)


def scores_section(stage: StageRun) -> list[str]:
    """The examination's results and what was said; nothing if there was none."""
    if not stage.scores and not stage.measures:
        return []
    lines = ["## Examination", ""]
    lines += [f"{kind} {value:.4f}\n" for kind, value in stage.measures.items()]
    for task in stage.tasks():
        lines += table((inline(task), "right, %", "95 %", "items", "new phrasings"), list(task_rows(task, [stage])))
    return lines + (conversations_section(stage) + failures_section(stage) if stage.scores else [])
