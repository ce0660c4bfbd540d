"""One GPU: what must hold there, how fast it trains beside nanoGPT and nanochat, and a real run.

    python benchmarks/gpu.py --nanogpt ~/nanoGPT --nanochat ~/nanochat --data books/ --run runs/books --minutes 8
    python benchmarks/gpu.py --parts checks               # or timings, or run
    python benchmarks/gpu.py --device cpu --toy           # seconds, on any machine: that the script itself works

Written without a GPU at hand and tried on a CPU only: the first run on one may have to correct it.

Timings are whole optimizer steps of some 500,000 tokens in micro-batches, everyone compiled and in bfloat16, in turn:
nanoGPT at GPT-2's shape (12 × 768, context 1,024, vocabulary 50,304), nanochat at depth 12 (context 2,048, vocabulary
32,768; its heads are 128 wide, Primer's 64, each as it comes). nanochat's sliding windows need a kernel that it
downloads, so that all look on the whole context. MFU is 6 FLOPs a weight and token, and attention's, over the
data sheet's dense bfloat16 peak; beside it stands the share of a large matrix product measured here.
"""

import argparse
import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from common import finish, matmul_flops, print_table
from contestants import (
    Setting,
    Trainer,
    nanochat_trainer,
    nanogpt_trainer,
    open_sides,
    primer_trainer,
    race,
)
from gpu_checks import run_checks

from primer.core.rundir import RunDir
from primer.core.runtime import RuntimeConfig, start_runtime


@dataclass(frozen=True)
class Scale:
    """The shapes of a run of this script: those of a GPU, or a toy's."""

    checks: Setting
    gpt2: Setting
    depth12: Setting
    run_depth: int


GPU = Scale(
    checks=Setting(num_layers=4, num_heads=4, width=256, vocab_size=4096, context=256, batch_rows=16),
    gpt2=Setting(12, 12, 768, 50_304, 1024, batch_rows=480, micro_rows=24),
    depth12=Setting(12, 12, 768, 32_768, 2048, batch_rows=256, micro_rows=16),
    run_depth=12,
)
TOY_SHAPE = Setting(num_layers=2, num_heads=2, width=64, vocab_size=128, context=32, batch_rows=4, micro_rows=2)
TOY = Scale(checks=TOY_SHAPE, gpt2=TOY_SHAPE, depth12=TOY_SHAPE, run_depth=1)


@dataclass(frozen=True)
class Speed:
    """One row of the timings."""

    shape: str
    name: str
    tokens_per_second: float
    flops: float
    """Per second."""


def groups(
    scale: Scale, nanogpt: Path | None, nanochat: Path | None
) -> dict[str, tuple[Setting, dict[str, Callable[[], Trainer]]]]:
    """Who races at which shape. One group at a time is on the card: each side wants tens of gigabytes."""
    at_gpt2: dict[str, Callable[[], Trainer]] = {"Primer gpt2": partial(primer_trainer, scale.gpt2, "gpt2", True)}
    at_depth12: dict[str, Callable[[], Trainer]] = {
        "Primer primer": partial(primer_trainer, scale.depth12, "primer", True)
    }
    if nanogpt:
        at_gpt2["nanoGPT"] = partial(nanogpt_trainer, nanogpt, scale.gpt2, True)
    if nanochat:
        theirs = replace(scale.depth12, num_heads=max(1, scale.depth12.width // 128))
        at_depth12["nanochat"] = partial(nanochat_trainer, nanochat, theirs, None)
    return {"gpt2-124m": (scale.gpt2, at_gpt2), "depth 12": (scale.depth12, at_depth12)}


def time_groups(
    wanted: dict[str, tuple[Setting, dict[str, Callable[[], Trainer]]]], rounds: int, steps: int
) -> list[Speed]:
    """Everyone's median step, group by group."""
    speeds = []
    for shape_name, (setting, builders) in wanted.items():
        with open_sides(builders, warmup=2) as sides:
            seconds = race(sides, rounds, steps)
        for side in sides:
            speed = setting.step_tokens / statistics.median(seconds[side.name])
            speeds.append(Speed(shape_name, side.name, speed, speed * side.flops_per_token))
    return speeds


def report_timings(speeds: list[Speed], device: str) -> dict[str, float]:
    """Table, and Primer's ratio to each rival."""
    with start_runtime(RuntimeConfig(device=device)) as runtime:
        size = 8192 if runtime.device.type == "cuda" else 1024
        measured = matmul_flops(runtime.device, runtime.dtype, size)
        sheet = runtime.peak_flops()
        print(f"{runtime.describe()}; {size} × {size} product: {measured / 1e12:.1f} TFLOP/s")
    rows = [
        [s.shape, s.name, f"{s.tokens_per_second:,.0f}", f"{s.flops / 1e12:.1f}",
         f"{s.flops / sheet:.1%}" if sheet else "", f"{s.flops / measured:.1%}"]
        for s in speeds
    ]  # fmt: skip
    print_table(["shape", "", "tokens/s", "TFLOP/s", "MFU", "of measured"], rows)
    ours = {s.shape: s.tokens_per_second for s in speeds if s.name.startswith("Primer")}
    return {s.name: ours[s.shape] / s.tokens_per_second for s in speeds if not s.name.startswith("Primer")}


def real_run(scale: Scale, data: str, run: RunDir, minutes: float, device: str, extra: list[str]) -> dict[str, float]:
    """`primer pretrain` on a corpus for about so many minutes; its last evaluation and sample.

    The learning rate must have fallen by the end, so the time is bought as tokens: four fifths of what a probe at the
    run's depth says, the rest being for evaluation, samples and compiling. Half as long again is the limit.
    """
    probe = replace(scale.depth12, num_layers=scale.run_depth, batch_rows=scale.depth12.micro_rows or 1)
    with open_sides({"probe": partial(primer_trainer, probe, "primer", True)}, warmup=2) as sides:
        seconds = statistics.median(race(sides, 1, 5)["probe"])
    tokens = int(0.8 * 60 * minutes * probe.step_tokens / seconds)
    command = [sys.executable, "-c", "from primer.cli import main; main()", "pretrain", "--data", data,
               "--run", str(run.path), "--depth", str(scale.run_depth), "--tokens", str(tokens), "--device", device,
               *extra]  # fmt: skip
    print(" ".join(command[3:]), flush=True)
    with subprocess.Popen(command) as process:
        try:
            process.wait(90 * minutes + 120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # it saves, and can be resumed
            process.wait(120)
    if process.returncode not in (0, 130):
        sys.exit(f"the run failed with exit code {process.returncode}")
    found = [row for row in run.metrics() if "validation_loss" in row]
    samples = sorted(run.samples.glob("*.txt"))
    if samples:
        print(f"\n{samples[-1].read_text(encoding='utf-8')}")
    last = found[-1] if found else {}
    return {key: last[key] for key in ("step", "validation_loss", "bits_per_byte", "seconds") if key in last} | {
        "tokens": tokens
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--parts", nargs="+", choices=("checks", "timings", "run"), help="all, and run with --data")
    parser.add_argument("--toy", action="store_true", help="a toy's shapes")
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--nanochat", type=Path, help="a checkout of nanochat")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="of each contestant in a round")
    parser.add_argument("--data", help="a corpus for the real run: what `primer pretrain --data` takes")
    parser.add_argument("--run", type=Path, help="folder of the real run; without it, one that is thrown away")
    parser.add_argument("--minutes", type=float, default=8)
    options, extra = parser.parse_known_args(arguments)  # what is left goes to `primer pretrain`

    base = TOY if options.toy else GPU
    checks, gpt2, depth12 = (replace(s, device=options.device) for s in (base.checks, base.gpt2, base.depth12))
    scale = Scale(checks, gpt2, depth12, base.run_depth)
    parts = options.parts or ["checks", "timings"] + ["run"] * bool(options.data)
    facts: dict[str, object] = {"device": options.device}
    if options.device.startswith("cuda"):
        facts["device"] = torch.cuda.get_device_name(options.device)
    if "checks" in parts:
        facts["checks"] = run_checks(scale.checks)
    ratio = None
    if "timings" in parts:
        speeds = time_groups(groups(scale, options.nanogpt, options.nanochat), options.rounds, options.steps)
        against = report_timings(speeds, options.device)
        ratio = against.get("nanoGPT")
        facts["ratios"] = {name: round(value, 3) for name, value in against.items()}
        facts["tokens_per_second"] = {f"{s.name}, {s.shape}": round(s.tokens_per_second) for s in speeds}
    if "run" in parts:
        if not options.data:
            parser.error("the real run needs --data, a corpus")
        with contextlib.ExitStack() as stack:
            folder = options.run or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "run"
            facts["run"] = real_run(scale, options.data, RunDir(folder), options.minutes, options.device, extra)
    finish("gpu", ratio, **facts)
    failed = [name for name, held in facts.get("checks", {}).items() if not held]  # type: ignore[attr-defined]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
