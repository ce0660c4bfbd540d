"""`primer report`: write the report of a run, or of a whole speedrun, anew from its files."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from primer.core.errors import ConfigError, UserError
from primer.core.files import read_json, write_text
from primer.core.rundir import LEDGER, RUNS, RunDir
from primer.evaluate.report import OUTCOME_FILE, Outcome, write_report
from primer.evaluate.report_cost import cost_section
from primer.evaluate.report_data import StageRun, read_chain
from primer.evaluate.report_examples import conversations_section, failures_section
from primer.evaluate.report_page import html_page, inline
from primer.evaluate.speedrun_report import lessons_section, write_speedrun_report


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
    """report.md and report.html of one run, with what it and the runs that it came from cost, and what `primer eval`
    has found of them since."""
    chain = read_chain(run, price)
    stages = list(chain.stages.values())
    stage, source = stages[-1], stages[0].run.read_config().get("source")
    note = "Minutes and FLOPs are those of training."
    if source:
        note += f" What it all began with, {inline(source)}, is not counted."
    path = write_report(run, read_outcome(stage, run.read_config()))
    lines = [path.read_text(encoding="utf-8").rstrip(), "", *cost_section(chain, note), *lessons_section(chain)]
    if stage.scores:
        lines += conversations_section(stage) + failures_section(stage)
    write_text(path, "\n".join(lines).rstrip() + "\n")
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
