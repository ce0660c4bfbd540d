"""Draws schedules.png, the learning-rate factors and Muon's momentum over a run: python docs/schedules.py"""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from primer.model.optim import cosine, muon_momentum, trapezoid

TOTAL = 1000

figure = Figure(figsize=(8, 3.2), dpi=120, layout="constrained")
FigureCanvasAgg(figure)
left, right = figure.subplots(1, 2)
steps = range(TOTAL)
left.plot(steps, [trapezoid(s, TOTAL, warmup=40, decay=0.6) for s in steps], label="trapezoid, decay 0.6")
left.plot(steps, [cosine(s, TOTAL, warmup=40) for s in steps], label="cosine, down to 0.1")
left.set(title="learning rate, share of its peak", xlabel="step of 1,000")
left.legend()
right.plot(steps, [muon_momentum(s) for s in steps], color="tab:green")
right.set(title="Muon's momentum", xlabel="step")
for axes in (left, right):
    axes.grid(alpha=0.3)
figure.savefig(Path(__file__).with_suffix(".png"))
