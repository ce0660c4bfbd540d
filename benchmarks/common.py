"""What the benchmarks share: a table, the line of JSON that ends each, and on what it was measured."""

import json
import math
import subprocess
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from primer.core.runtime import machine


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns under their names: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    for row in [columns, *rows]:
        cells = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())


def finish(benchmark: str, ratio: float | None, **facts: Any) -> None:
    """The last line: one JSON object. `ratio` above 1 says that Primer is better; None: no rival ran."""
    line = {"benchmark": benchmark, "ratio": None if ratio is None else round(ratio, 3)} | facts
    line |= {"machine": machine(), "commit": commit(), "date": date.today().isoformat()}
    print(json.dumps(line, ensure_ascii=False))


def commit() -> str:
    """The commit measured, with a + if files differ from it; empty outside a repository."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def matmul_flops(device: torch.device, dtype: torch.dtype, size: int = 2048, seconds: float = 0.5) -> float:
    """FLOP/s of the best of several square products: what the machine can do, all else being free."""
    a = torch.randn(size, size, device=device).to(dtype)
    best, until = math.inf, perf_counter() + seconds
    while perf_counter() < until or best == math.inf:
        synchronize(device)
        started = perf_counter()
        a @ a
        synchronize(device)
        best = min(best, perf_counter() - started)
    return 2 * size**3 / best


def synchronize(device: torch.device) -> None:
    """Wait for a GPU, so that a clock reads true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
