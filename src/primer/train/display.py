"""What a person sees while something trains: a progress bar in a terminal, plain lines anywhere else."""

import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from primer.evaluate.tables import plain_line_due

MEAN_STEPS = 50  # by which the time left is reckoned, about: one step can be ten times as slow as another
STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # of Linux


def memory_used() -> int:
    """Peak resident bytes of this process since `forget_peak`, where the system keeps count; else what it holds now."""
    with suppress(OSError):
        peaks = [line.split() for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0][1]) * 1024
    try:
        import resource
    except ImportError:
        return int(psutil.Process().memory_info().rss)
    unit = 1 if psutil.MACOS else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> bool:
    """Have the system count the peak of memory anew from now on; False where it cannot."""
    try:
        FORGET.write_text("5")
    except OSError:
        return False
    return True


class Display:
    """A bar with loss, tokens/s, MFU and time left; silent on all ranks but the first."""

    def __init__(self, total: int, silent: bool, flops_per_token: float, peak: float | None) -> None:
        self.console = Console(quiet=silent, highlight=False, markup=False, emoji=False)  # a sample may say "[/b]"
        self.flops_per_token, self.peak, self.total = flops_per_token, peak, total
        columns = (
            TextColumn("step"), MofNCompleteColumn(), BarColumn(bar_width=24), TextColumn("{task.fields[line]}"),
            TimeRemainingColumn(compact=True),
        )  # fmt: skip
        self.bar = Progress(*columns, console=self.console, disable=not self.console.is_terminal)
        self.task = self.bar.add_task("train", total=total, line="")
        self.printed = time.monotonic()
        self.steps, self.step_seconds = 0, 0.0  # shown, and their running mean

    def __enter__(self) -> "Display":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def print(self, text: Any) -> None:
        """A line, or anything rich can draw, above the bar."""
        self.console.print(text, soft_wrap=isinstance(text, str))  # a path or command is not broken in a log

    def update(self, step: int, metrics: dict[str, float]) -> None:
        """Show a step."""
        self.steps += 1
        self.step_seconds += (metrics["step_seconds"] - self.step_seconds) / min(self.steps, MEAN_STEPS)
        speed = metrics["tokens_per_second"]
        if self.peak:  # a peak that was measured while something else ran is too low
            self.peak = max(self.peak, speed * self.flops_per_token)
        mfu = f" · MFU {100 * speed * self.flops_per_token / self.peak:.0f}%" if self.peak else ""
        line = f"loss {metrics['loss']:.4f} · {speed:,.0f} tokens/s{mfu}"
        self.bar.update(self.task, completed=step, line=line)
        if not self.console.is_terminal and (plain_line_due(self.printed) or step == self.total):
            self.printed = time.monotonic()
            left = (self.total - step) * self.step_seconds
            self.print(f"step {step}/{self.total} · {line} · {left:,.0f} s left")
