"""The curves of a stage, as pictures: the loss of all, what DPO prefers, what RL earns."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from primer.core.files import atomic_path
from primer.evaluate.report import plot_loss, running_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Beside the loss, by stage: (title, [metrics that share one picture]). What is logged every step is drawn with its
# running mean, what evaluations find with dots.
PANELS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "dpo": (("margin", ("margin", "validation_margin")), ("accuracy", ("accuracy", "validation_accuracy"))),
    "rl": (("reward", ("reward",)), ("pass@k", ("pass@1", "pass@*"))),
}


def draw_stage(name: str, title: str, rows: Sequence[dict[str, Any]], path: Path) -> None:
    """One picture: panels side by side. RL's loss is left out, for it says nothing of how well it goes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    extra = PANELS.get(name, ())
    with_loss = name != "rl"
    count = len(extra) + with_loss
    figure = Figure(figsize=(8 if count == 1 else 4.2 * count, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, count, squeeze=False)[0]
    if with_loss:
        plot_loss(panels[0], rows, f"{title}: loss")
    for axes, (label, keys) in zip(panels[with_loss:], extra, strict=True):
        plot_metrics(axes, rows, keys, f"{title}: {label}")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def plot_metrics(axes: "Axes", rows: Sequence[dict[str, Any]], patterns: Sequence[str], title: str) -> None:
    """Metrics over steps, as many of them as there are."""
    known = dict.fromkeys(key for row in rows for key in row)
    keys = [key for pattern in patterns for key in ([pattern] if "*" not in pattern else starting(known, pattern))]
    for key in dict.fromkeys(keys):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if not points:
            continue
        steps, values = zip(*points, strict=True)
        if "validation" in key or "@" in key:
            axes.plot(steps, values, "o-", markersize=4, label=key.replace("_", " "))
        else:
            (line,) = axes.plot(steps, running_mean(values), linewidth=1.4, label=key)
            axes.plot(steps, values, color=line.get_color(), alpha=0.25, linewidth=0.8)
    axes.set(title=title, xlabel="step")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()


def starting(keys: dict[str, None], pattern: str) -> list[str]:
    """The keys that begin as a pattern does."""
    return [key for key in keys if key.startswith(pattern.rstrip("*"))]
