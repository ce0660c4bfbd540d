"""The page of training: any run's curves while they grow, what it wrote over time, its scores, its report."""

import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from primer.core.rundir import RUNS, RunDir, runs_by_age, speedrun_of
from primer.evaluate.report import running_mean
from primer.evaluate.report_data import newest_evaluation, read_evaluation

LIVE_SECONDS = 60  # a run that has logged nothing for so long is not training now: no step takes longer
REFRESH_SECONDS = 2.0
IDLE_SECONDS = 15.0  # between looks at a run that is not training, which may go on
MAX_POINTS = 600  # of a curve: a chart has about as many pixels

# What is drawn: (title, metrics that share the chart, step by step or as evaluations find them). A metric that a run
# does not log has no chart.
PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Loss", ("loss", "validation_loss")),
    ("Learning rate, 1 at its peak", ("lr",)),
    ("Throughput, tokens per second", ("tokens_per_second",)),
    ("Bits per byte", ("bits_per_byte",)),
    ("Reward", ("reward",)),
    ("pass@k: right in one of k tries", ("pass@k",)),
    ("Pairs preferred rightly", ("accuracy", "validation_accuracy")),
    ("Margin between chosen and rejected", ("margin", "validation_margin")),
)
PLAIN = {"step", "tokens", "seconds", "step_seconds"}  # logged, but no curves
SMOOTH = {"lr"}  # needs no running mean


@dataclass(frozen=True)
class Curve:
    """A metric over steps."""

    name: str
    steps: list[int]
    values: list[float]
    every_step: bool
    """Noisy, and drawn with its running mean; else found by evaluations, and drawn with dots."""


def page() -> None:
    """Draw it."""
    st.header("Training", anchor=False)
    root = Path(os.environ.get("PRIMER_RUNS", RUNS))
    runs = {str(run.path.relative_to(root)): run for run in reversed(runs_by_age(root))}
    if not runs:
        st.info(f"There is no run under `{root}` yet. `primer speedrun` trains one, and this page shows it grow.")
        return
    names = list(runs)
    asked = st.query_params.get("run", "")
    name = st.selectbox("Run, the newest first", names, names.index(asked) if asked in runs else 0)
    st.query_params["run"] = name  # a reload comes back to it
    run = runs[name]
    st.fragment(show_progress, run_every=REFRESH_SECONDS if is_live(run) else IDLE_SECONDS)(run)
    samples, scores, report = st.tabs(["Sample texts", "Scores", "Report"])
    with samples:
        show_samples(run)
    with scores:
        show_scores(run)
    with report:
        show_report(run)


def is_live(run: RunDir) -> bool:
    """Whether it is training now."""
    try:
        return time.time() - run.metrics_file.stat().st_mtime < LIVE_SECONDS
    except FileNotFoundError:
        return False


# --- curves ---


def show_progress(run: RunDir) -> None:
    """Where it stands, and its curves; drawn again every few seconds."""
    rows = run.metrics()
    curves = read_curves(rows)
    if not curves:
        st.info("It has logged nothing yet.")
        return
    show_numbers(run, rows, curves)
    panels = arrange(curves)
    shown = len([title for title, _ in PANELS if title in panels])
    show_charts(dict(list(panels.items())[:shown]))
    if len(panels) > shown:
        with st.expander("More curves"):
            show_charts(dict(list(panels.items())[shown:]))


def show_numbers(run: RunDir, rows: Sequence[Mapping[str, Any]], curves: Mapping[str, Curve]) -> None:
    """The figures of now in a line."""
    num_steps = run.read_config().get("config", {}).get("loop", {}).get("num_steps")
    label = ("Training now: step" if is_live(run) else "Step") + (f", of {num_steps:,}" if num_steps else "")
    columns = st.columns(4)
    columns[0].metric(label, f"{max(int(row.get('step', 0)) for row in rows):,}")
    columns[1].metric("Tokens seen", f"{max(row.get('tokens', 0) for row in rows):,}")
    for column, name, form in zip(columns[2:], ("validation_loss", "tokens_per_second"), (".4f", ",.0f"), strict=True):
        newest = format(curves[name].values[-1], form) if name in curves else "–"
        column.metric(readable(name).capitalize(), newest)


def read_curves(rows: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Each metric that was logged.

    >>> read_curves([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}, {"step": 2, "validation_loss": 1.5}])["loss"]
    Curve(name='loss', steps=[1, 2], values=[2.0, 1.0], every_step=True)
    """
    found: dict[str, Curve] = {}
    for row in rows:
        for name, value in row.items():
            if name not in PLAIN and isinstance(value, int | float) and math.isfinite(value):
                curve = found.setdefault(name, Curve(name, [], [], "loss" in row))
                curve.steps.append(int(row.get("step", 0)))
                curve.values.append(float(value))
    return found


def arrange(curves: Mapping[str, Curve]) -> dict[str, list[Curve]]:
    """The charts: those of PANELS first, then every other metric by itself.

    RL's loss is among the others: it hovers around 0 however well it goes, and would hide its validation loss.
    """
    first = {name: curve for name, curve in curves.items() if not (name == "loss" and "reward" in curves)}
    charts = {
        title: [curve for name, curve in first.items() if re.sub(r"@\d+", "@k", name) in names]
        for title, names in PANELS
    }
    drawn = {curve.name for chart in charts.values() for curve in chart}
    charts |= {readable(name): [curve] for name, curve in curves.items() if name not in drawn}
    return {title: chart for title, chart in charts.items() if chart}


def show_charts(charts: Mapping[str, Sequence[Curve]]) -> None:
    """Two side by side, one below the other on a phone."""
    columns = st.columns(2)
    for i, (title, curves) in enumerate(charts.items()):
        with columns[i % 2]:
            st.markdown(f"**{title}**")
            st.vega_lite_chart(points(curves), chart(len(curves) > 1))


def points(curves: Sequence[Curve]) -> dict[str, list[Any]]:
    """The columns of a chart's table: step, value, metric, and how it is drawn (raw, mean or found)."""
    table: dict[str, list[Any]] = {"step": [], "value": [], "metric": [], "drawn": []}
    for curve in curves:
        lines = {"found": curve.values}
        if curve.name in SMOOTH:
            lines = {"mean": curve.values}
        elif curve.every_step:
            lines = {"raw": curve.values, "mean": running_mean(tuple(curve.values))}
        stride = math.ceil(len(curve.steps) / MAX_POINTS)
        for drawn, values in lines.items():
            kept = list(zip(curve.steps, values, strict=True))[::-stride][::-1]  # from the end: the newest is kept
            for step, value in kept:
                row = (step, value, readable(curve.name), drawn)
                for column, cell in zip(table.values(), row, strict=True):
                    column.append(cell)
    return table


def chart(has_legend: bool) -> dict[str, Any]:
    """Vega-Lite's description of a chart: what each step logged is pale, its running mean a line, the rest dots."""

    def layer(drawn: str, **mark: Any) -> dict[str, Any]:
        return {"transform": [{"filter": f"datum.drawn == '{drawn}'"}], "mark": mark | {"tooltip": True}}

    legend = {"orient": "top-right", "title": None, "symbolOpacity": 1} if has_legend else None
    return {
        "height": 220,
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": "step", "axis": {"tickMinStep": 1}},
            "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
            "color": {"field": "metric", "type": "nominal", "legend": legend},
        },
        "layer": [
            layer("raw", type="line", strokeWidth=1, opacity=0.3),
            layer("mean", type="line", strokeWidth=2),
            layer("found", type="line", strokeWidth=2, point={"size": 60, "filled": True}),
        ],
    }


def readable(name: str) -> str:
    """A metric's name for people.

    >>> readable("validation_loss")
    'validation loss'
    """
    return name.replace("_", " ")


# --- texts ---


def show_samples(run: RunDir) -> None:
    """What the model wrote at some step."""
    files = sorted(run.samples.glob("step_*.txt"))
    if not files:
        st.info("No sample texts: the run wrote none.")
        return
    texts = {int(file.stem.removeprefix("step_")): file for file in files}
    step = max(texts)
    if len(texts) > 1:
        step = st.select_slider("After step", list(texts), step)
    st.code(texts[step].read_text(encoding="utf-8", errors="replace"), language=None, wrap_lines=True)


def show_scores(run: RunDir) -> None:
    """What the newest examination found. Raises UserError if its file is damaged."""
    path = newest_evaluation(run)
    if path is None:
        st.info(f"Not examined yet: `primer eval --run {run.path}` does it.")
        return
    scores, measures, _ = read_evaluation(path)
    for label, value in measures.items():
        st.metric(label, f"{value:.4f}")
    rows = [
        {
            "task": score.task, "group": score.group, "right": 100 * score.accuracy,
            "95 % interval": f"{100 * score.low:.1f} to {100 * score.high:.1f}", "items": score.count,
        }
        for score in scores
    ]  # fmt: skip
    if rows:
        right = st.column_config.ProgressColumn("right, %", min_value=0, max_value=100, format="%.1f")
        st.dataframe(rows, column_config={"right": right}, hide_index=True, height=36 * len(rows) + 38)


def show_report(run: RunDir) -> None:
    """report.md of the run or of the speedrun that it belongs to, with its pictures."""
    folders = {"This run": run.path}
    if speedrun := speedrun_of(run.path):
        folders["The whole speedrun"] = speedrun
    folder = folders[st.radio("Report of", list(folders), horizontal=True)] if len(folders) > 1 else run.path
    path = folder / "report.md"
    if not path.is_file():
        st.info(f"No report yet: it is written at the end, or now by `primer report --run {folder}`.")
        return
    # Tags in it are shown, not obeyed: a report quotes what a model wrote. Pictures stand on lines of their own.
    for part in re.split(r"^(!\[.*\]\(.*\.png\))$", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        picture = folder / part.rpartition("(")[2].rstrip(")")
        if part.startswith("![") and picture.is_file():
            st.image(str(picture))
        else:
            st.markdown(part)
