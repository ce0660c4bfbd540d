"""The report of a run: loss.png and report.md, from its metrics."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from primer.core.files import atomic_path, write_text
from primer.core.rundir import RunDir


@dataclass(frozen=True)
class Outcome:
    """What the metrics do not say."""

    title: str
    machine: str
    command: str
    facts: dict[str, str]
    """Rows of the first table: model, device, time, memory."""


def write_report(run: RunDir, outcome: Outcome) -> Path:
    """Draw the losses and write the report beside them."""
    rows = run.metrics()
    draw_loss(rows, run.path / "loss.png", outcome.title)
    evaluations = [row for row in rows if "validation_loss" in row]
    lines = [
        f"# {outcome.title}",
        "",
        f"`{outcome.command}`",
        "",
        f"on {outcome.machine}",
        "",
        "| | |",
        "| --- | --- |",
    ]
    lines += [f"| {key} | {value} |" for key, value in outcome.facts.items()]
    lines += [
        "",
        "![loss](loss.png)",
        "",
        "| step | validation loss | bits per byte |",
        "| ---: | ---: | ---: |",
    ]
    lines += [f"| {r['step']:,} | {r['validation_loss']:.4f} | {r['bits_per_byte']:.4f} |" for r in evaluations]
    samples = sorted(run.samples.glob("step_*.txt"))
    if samples:
        lines += ["", f"## A sample after step {int(samples[-1].stem.removeprefix('step_')):,}", ""]
        lines += ["````text", samples[-1].read_text(encoding="utf-8").rstrip(), "````"]
    path = run.path / "report.md"
    write_text(path, "\n".join(lines) + "\n")
    return path


def draw_loss(rows: list[dict[str, Any]], path: Path, title: str) -> None:
    """Training loss of each step, and its running mean, and the validation losses."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    training = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    evaluations = [(row["step"], row["validation_loss"]) for row in rows if "validation_loss" in row]
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
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
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


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
