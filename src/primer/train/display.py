"""What a person sees while something trains: a progress bar in a terminal, plain lines anywhere else."""

import time
from types import TracebackType
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_EVERY_SECONDS = 10


def memory_used() -> int:
    """Peak resident bytes of this process, where the system keeps count; else what it holds now."""
    try:
        import resource
    except ImportError:
        return int(psutil.Process().memory_info().rss)
    unit = 1 if psutil.MACOS else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


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
        speed = metrics["tokens_per_second"]
        if self.peak:  # a peak that was measured while something else ran is too low
            self.peak = max(self.peak, speed * self.flops_per_token)
        mfu = f" · MFU {100 * speed * self.flops_per_token / self.peak:.0f}%" if self.peak else ""
        line = f"loss {metrics['loss']:.4f} · {speed:,.0f} tokens/s{mfu}"
        self.bar.update(self.task, completed=step, line=line)
        if not self.console.is_terminal and (
            time.monotonic() - self.printed > PLAIN_EVERY_SECONDS or step == self.total
        ):
            self.printed = time.monotonic()
            left = (self.total - step) * metrics["step_seconds"]
            self.print(f"step {step}/{self.total} · {line} · {left:,.0f} s left")
