"""The report of a run: loss.png and report.md, from its metrics."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from primer.core.files import atomic_path, write_json, write_text
from primer.core.rundir import RunDir
from primer.evaluate.report_page import code, fenced, inline, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOME_FILE = "report.json"
NO_FINDINGS = ("step", "tokens", "seconds", "validation_loss")


@dataclass(frozen=True)
class Outcome:
    """What the metrics do not say."""

    title: str
    machine: str
    command: str
    facts: dict[str, str]
    """Rows of the first table: model, device, time, memory."""


def write_report(run: RunDir, outcome: Outcome) -> Path:
    """Draw the losses and write the report beside them; the outcome is kept, so that it can be written again."""
    rows = run.metrics()
    write_json(run.path / OUTCOME_FILE, vars(outcome))
    draw_loss(rows, run.path / "loss.png", outcome.title)
    lines = [f"# {outcome.title}", "", code(outcome.command), "", f"on {outcome.machine}", ""]
    commit = {"commit": run.read_config().get("commit", "unknown")} if run.config_file.is_file() else {}
    facts = outcome.facts | commit
    lines += table(("", ""), [(key, inline(value, 1000)) for key, value in facts.items()], left=2)
    lines += ["![loss](loss.png)", "", *evaluations_table(rows)]
    samples = sorted(run.samples.glob("step_*.txt"))
    if samples:
        lines += [f"## A sample after step {int(samples[-1].stem.removeprefix('step_')):,}", ""]
        lines += fenced(samples[-1].read_text(encoding="utf-8"))
    path = run.path / "report.md"
    write_text(path, "\n".join(lines).rstrip() + "\n")
    return path


def evaluations_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What was found on the validation split, step by step: the loss, and what else the stage measures."""
    found = [row for row in rows if "validation_loss" in row]
    others = [key for key in dict.fromkeys(key for row in found for key in row) if key not in NO_FINDINGS]
    keys = ("validation_loss", *others)
    cells = [[f"{row['step']:,}", *(f"{row[key]:.4f}" if key in row else "" for key in keys)] for row in found]
    return table(("step", *(key.replace("_", " ") for key in keys)), cells, left=0) if found else []


def draw_loss(rows: Sequence[dict[str, Any]], path: Path, title: str) -> None:
    """Training loss of each step, and its running mean, and the validation losses."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    plot_loss(figure.add_subplot(), rows, title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def plot_loss(axes: "Axes", rows: Sequence[dict[str, Any]], title: str) -> None:
    """The curves of `draw_loss`."""
    training = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    evaluations = [(row["step"], row["validation_loss"]) for row in rows if "validation_loss" in row]
    if training:
        steps, losses = zip(*training, strict=True)
        axes.plot(steps, losses, color="tab:blue", alpha=0.25, linewidth=0.8, label="training")
        axes.plot(steps, running_mean(losses), color="tab:blue", linewidth=1.4, label="training, running mean")
    if evaluations:
        axes.plot(*zip(*evaluations, strict=True), "o-", color="tab:orange", markersize=4, label="validation")
        best = min(evaluations, key=lambda pair: pair[1])
        axes.annotate(
            f"{best[1]:.4f}", best, textcoords="offset points", xytext=(0, 8), ha="center", color="tab:orange"
        )
    axes.set(title=title, xlabel="step", ylabel="loss in nats")
    axes.grid(alpha=0.3)
    if training or evaluations:
        axes.legend()


def running_mean(values: tuple[float, ...], memory: float = 0.95) -> list[float]:
    """Exponential running mean without the pull of the first value.

    >>> running_mean((2.0, 2.0, 2.0))
    [2.0, 2.0, 2.0]
    """
    means, total, weight = [], 0.0, 0.0
    for value in values:
        if math.isfinite(value):
            total, weight = memory * total + (1 - memory) * value, memory * weight + (1 - memory)
        means.append(total / weight if weight else value)
    return means
