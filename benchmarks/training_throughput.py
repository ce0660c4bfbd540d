"""Tokens a second in training, at one shape: Primer against nanoGPT and nanochat, each as it comes on this machine.

    python benchmarks/training_throughput.py                                        # Primer alone
    python benchmarks/training_throughput.py --nanogpt ~/nanoGPT --nanochat ~/nanochat

6 layers × 384 wide, vocabulary 4,096, context 256, batch 16, whole optimizer steps on the same random ids. On a CPU
nanoGPT and nanochat compute in float32; nanochat can be forced to bfloat16, which is tried where the processor has
the instructions (without them a bfloat16 product takes a hundred times as long). Contestants alternate in rounds,
and the median step counts. "Peak" is the machine's own large matrix product in the dtype used, measured between the
rounds; the share of it is 6 FLOPs a weight and token, and attention's, over that.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from common import finish, matmul_flops, print_table
from contestants import Setting, Side, Trainer, nanochat_trainer, nanogpt_trainer, open_sides, primer_trainer, race

from primer.core.runtime import BF16_CPU_FLAGS, cpu_flags, usable_cores

RIVALS = {"nanoGPT": 2.5, "nanochat": 3.3, "nanochat, bfloat16": 1.2}  # and how often as fast Primer should be


def contestants(
    setting: Setting, nanogpt: Path | None, nanochat: Path | None, compiled: bool, fast_bf16: bool
) -> dict[str, Callable[[], Trainer]]:
    """Who races, by name."""
    builders: dict[str, Callable[[], Trainer]] = {}
    for family in ("gpt2", "primer"):
        builders[f"Primer {family}"] = partial(primer_trainer, setting, family, False)
        if compiled:
            builders[f"Primer {family}, compiled"] = partial(primer_trainer, setting, family, True)
    if nanogpt:
        builders["nanoGPT"] = partial(nanogpt_trainer, nanogpt, setting, False)
        if compiled:
            builders["nanoGPT, compiled"] = partial(nanogpt_trainer, nanogpt, setting, True)
    if nanochat:
        builders["nanochat"] = partial(nanochat_trainer, nanochat, setting, None)
        if fast_bf16:
            builders["nanochat, bfloat16"] = partial(nanochat_trainer, nanochat, setting, "bfloat16")
        else:
            print(f"nanochat is not forced to bfloat16: this processor has none of {', '.join(BF16_CPU_FLAGS)}.")
    return builders


class Peaks:
    """The machine's large matrix product in each dtype, measured again before every round."""

    def __init__(self, dtypes: set[str]) -> None:
        self.measured: dict[str, list[float]] = {dtype: [] for dtype in sorted(dtypes)}

    def measure(self) -> None:
        """Once more."""
        for dtype, values in self.measured.items():
            values.append(matmul_flops(torch.device("cpu"), getattr(torch, dtype)))

    def median(self) -> dict[str, float]:
        """FLOP/s by dtype."""
        return {dtype: statistics.median(values) for dtype, values in self.measured.items()}


def speeds(setting: Setting, seconds: dict[str, list[float]]) -> dict[str, float]:
    """Tokens a second of each contestant's median step."""
    return {name: setting.step_tokens / statistics.median(values) for name, values in seconds.items()}


def ratios(speed: dict[str, float]) -> dict[str, dict[str, float]]:
    """How many times as fast as each rival Primer is: family by family, compiled or not, whichever is faster."""
    best = {
        family: max(value for name, value in speed.items() if name.startswith(f"Primer {family}"))
        for family in ("gpt2", "primer")
    }
    rivals = [name for name in speed if not name.startswith("Primer")]
    return {rival: {family: best[family] / speed[rival] for family in best} for rival in rivals}


def report(setting: Setting, sides: list[Side], speed: dict[str, float], peaks: dict[str, float]) -> None:
    """Table and JSON."""
    shares = {side.name: speed[side.name] * side.flops_per_token / peaks[side.dtype] for side in sides}
    against = ratios(speed)
    for dtype, flops in peaks.items():
        print(f"peak in {dtype}: {flops / 1e9:,.0f} GFLOP/s, {torch.get_num_threads()} threads")
    rows = [
        [side.name, side.dtype, f"{setting.step_tokens / speed[side.name]:.3f}", f"{speed[side.name]:,.0f}",
         f"{speed[side.name] * side.flops_per_token / 1e9:,.0f}", f"{shares[side.name]:.0%}"]
        for side in sides
    ]  # fmt: skip
    print_table(["", "dtype", "s/step", "tokens/s", "GFLOP/s", "of peak"], rows)
    if against:
        print()
        print_table(["Primer against", "gpt2", "primer", "aim"], [
            [rival, *(f"{value:.2f} ×" for value in values.values()), f"{RIVALS[rival]} ×" if rival in RIVALS else ""]
            for rival, values in against.items()
        ])  # fmt: skip
    finish(
        "training_throughput",
        against["nanoGPT"]["gpt2"] if "nanoGPT" in against else None,
        ratios={rival: {k: round(v, 3) for k, v in values.items()} for rival, values in against.items()},
        tokens_per_second={name: round(value) for name, value in speed.items()},
        share_of_peak={name: round(value, 3) for name, value in shares.items()},
        peak_gflops={dtype: round(value / 1e9) for dtype, value in peaks.items()},
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--nanochat", type=Path, help="a checkout of nanochat")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="of each contestant in a round")
    parser.add_argument("--warmup", type=int, default=1, help="steps before the first round")
    parser.add_argument("--no-compile", action="store_true", help="leave out what is compiled by choice")
    for name in ("num_layers", "num_heads", "width", "vocab_size", "context", "batch_rows"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(Setting, name))
    options = vars(parser.parse_args(arguments))

    torch.set_num_threads(usable_cores())  # those of the contestants, for the peak
    setting = Setting(**{name: options[name] for name in Setting.__dataclass_fields__ if name in options})
    fast_bf16 = not cpu_flags().isdisjoint(BF16_CPU_FLAGS)
    builders = contestants(setting, options["nanogpt"], options["nanochat"], not options["no_compile"], fast_bf16)
    with open_sides(builders, options["warmup"]) as sides:
        peaks = Peaks({side.dtype for side in sides})
        seconds = race(sides, options["rounds"], options["steps"], peaks.measure)
    report(setting, sides, speeds(setting, seconds), peaks.median())


if __name__ == "__main__":
    main()
