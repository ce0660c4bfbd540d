"""The race: how long until a model has learned the characters of tinyshakespeare as well as nanoGPT's CPU recipe does.

    python benchmarks/shakespeare_race.py --data input.txt --nanogpt ~/nanoGPT    # both, in turn
    python benchmarks/shakespeare_race.py --data input.txt                        # Primer alone
    python benchmarks/shakespeare_race.py --data input.txt --quality              # towards nanoGPT's A100 figure

Both are run as a person runs them, from their command lines, and both final checkpoints are measured by one function
on the same rows: the whole validation split (the last tenth), cut into rows of 64, every character but the first
predicted once. Primer must be at 1.8857 or below with every seed. "Training" is the time of the steps alone;
"process" is the whole command, from its start to its end. A round is nanoGPT once and Primer with each seed.

--quality runs the preset shakespeare-char-quality (context 256) and shows when it passed 1.4697, the best validation
loss in nanoGPT's README, made there on an A100.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from common import finish, print_table
from contestants import load_module
from torch import Tensor

from primer.core.rundir import RunDir
from primer.model.weights import find_weights, load_model
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.tokenizer import Tokenizer

TARGET = 1.8857  # nanoGPT's CPU recipe, measured over the whole validation split
QUALITY_TARGET = 1.4697  # nanoGPT's README, on an A100
CONTEXT = 64
NANOGPT_RECIPE = (
    "train.py config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 --log_interval=1 "
    "--block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000 "
    "--dropout=0.0"
)
# nanoGPT's own prepare.py reads this file beside it, and imports `requests` only to download it.
NO_REQUESTS = "import sys, types, runpy; sys.modules['requests'] = types.ModuleType('requests'); "


@dataclass(frozen=True)
class Finish:
    """How one contestant came in."""

    name: str
    loss: float
    """Of the final checkpoint, over the whole validation split."""
    printed: float
    """What the contestant itself said last."""
    training_seconds: float
    process_seconds: float


def run_primer(text: Path, seed: int, extra: Sequence[str] = ()) -> Finish:
    """One run of the preset, measured."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir(Path(folder) / "run")
        process_seconds = pretrain("shakespeare-char", text, run, ["--seed", str(seed), *extra])
        last = [row for row in run.metrics() if "validation_loss" in row][-1]
        tokenizer = Tokenizer.load(run.path)
        model = load_model(find_weights(run.path)).eval()
        ids = torch.tensor(tokenizer.encode(validation_text(text)))
        loss = validation_loss(model.token_losses, ids, CONTEXT)
    return Finish(f"Primer, seed {seed}", loss, last["validation_loss"], last["seconds"], process_seconds)


def pretrain(preset: str, text: Path, run: RunDir, extra: Sequence[str]) -> float:
    """`primer pretrain`, as a process of its own; the seconds that it took."""
    command = [sys.executable, "-c", "from primer.cli import main; main()", "pretrain", "--preset", preset]
    return timed([*command, "--data", str(text), "--run", str(run.path), *extra])[0]


def run_nanogpt(checkout: Path, text: Path) -> Finish:
    """nanoGPT's CPU recipe in a copy of its checkout, measured."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "nanoGPT"
        shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git", "out*", "*.bin", "input.txt"))
        shutil.copyfile(text, copy / "data/shakespeare_char/input.txt")
        prepare = "runpy.run_path('data/shakespeare_char/prepare.py', run_name='__main__')"
        timed([sys.executable, "-c", NO_REQUESTS + prepare], copy)
        process_seconds, log = timed([sys.executable, "-u", *NANOGPT_RECIPE.split()], copy)
        loss = nanogpt_loss(copy)
    return Finish("nanoGPT", loss, *read_log(log), process_seconds)


def nanogpt_loss(copy: Path) -> float:
    """The validation loss of the checkpoint that nanoGPT kept, the best by its own estimates."""
    module = load_module("nanogpt_model", copy / "model.py")
    saved = torch.load(copy / "out-shakespeare-char/ckpt.pt", map_location="cpu", weights_only=True)
    model = module.GPT(module.GPTConfig(**saved["model_args"])).eval()
    model.load_state_dict(saved["model"])

    def token_losses(x: Tensor, y: Tensor) -> Tensor:
        logits, _ = model(x, y)
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")

    ids = np.fromfile(copy / "data/shakespeare_char/val.bin", dtype=np.uint16)
    return validation_loss(token_losses, torch.from_numpy(ids.astype(np.int64)), CONTEXT)


def read_log(log: str) -> tuple[float, float]:
    """nanoGPT's last validation estimate, and the seconds of the iterations before it.

    A time that it prints holds the evaluation, where one preceded the iteration: there the median stands in.
    """
    milliseconds = {int(i): float(t) for i, t in re.findall(r"^iter (\d+): .*?time ([\d.]+)ms", log, re.M)}
    estimates = re.findall(r"^step (\d+): .*val loss ([\d.]+)", log, re.M)
    evaluated = {int(step) for step, _ in estimates}
    median = statistics.median(t for i, t in milliseconds.items() if i not in evaluated)
    last, loss = estimates[-1]
    times = [median if i in evaluated else t for i, t in milliseconds.items() if i < int(last)]
    return float(loss), sum(times) / 1000


def validation_loss(token_losses: Callable[[Tensor, Tensor], Tensor], ids: Tensor, context: int) -> float:
    """Mean -log p in nats over rows of `context`, none overlapping, of ids (N,); a last short row is left out."""
    num_rows = (len(ids) - 1) // context
    inputs = ids[: num_rows * context].view(num_rows, context)
    targets = ids[1 : num_rows * context + 1].view(num_rows, context)
    with torch.no_grad():
        pieces = zip(inputs.split(256), targets.split(256), strict=True)
        total = sum(float(token_losses(x, y).sum()) for x, y in pieces)
    return total / targets.numel()


def validation_text(text: Path) -> str:
    """The split that `primer pretrain` holds out, which is nanoGPT's: the last tenth."""
    return "".join(open_corpus(CorpusConfig(data=str(text))).documents("validation"))


def timed(command: list[str], folder: Path | None = None) -> tuple[float, str]:
    """Seconds of a command and what it printed; if it fails, the script ends with its last lines."""
    started = perf_counter()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n" + "\n".join(done.stdout.splitlines()[-20:]))
    return seconds, done.stdout


def race(text: Path, nanogpt: Path | None, seeds: Sequence[int], rounds: int, extra: Sequence[str] = ()) -> bool:
    """Run everyone, print the table and the JSON; whether every seed arrived."""
    theirs: list[Finish] = []
    ours: list[Finish] = []
    for _ in range(rounds):
        if nanogpt:
            theirs.append(run_nanogpt(nanogpt, text))
            print(f"{theirs[-1].name}: {theirs[-1].loss:.4f}", file=sys.stderr, flush=True)
        for seed in seeds:
            ours.append(run_primer(text, seed, extra))
            print(f"{ours[-1].name}: {ours[-1].loss:.4f}", file=sys.stderr, flush=True)
    columns = ["", "validation loss", "as printed", "training s", "process s", f"≤ {TARGET}"]
    print_table(columns, [
        [f.name, f"{f.loss:.4f}", f"{f.printed:.4f}", f"{f.training_seconds:.2f}", f"{f.process_seconds:.2f}",
         "yes" if f.loss <= TARGET else "no"]
        for f in theirs + ours
    ])  # fmt: skip
    training, process = medians(ours)
    facts: dict[str, float] = {"training_seconds": training, "process_seconds": process}
    ratio = None
    if theirs:
        their_training, their_process = medians(theirs)
        ratio = their_training / training
        facts |= {"nanogpt_training_seconds": their_training, "nanogpt_process_seconds": their_process}
        facts |= {"process_ratio": their_process / process}
        print(f"\nPrimer is {ratio:.1f} × as fast in training, {facts['process_ratio']:.1f} × as a whole (medians)")
    arrived = all(f.loss <= TARGET for f in ours)
    losses = [round(f.loss, 4) for f in ours]
    finish(
        "shakespeare_race", ratio, all_arrived=arrived, target=TARGET, losses=losses,
        nanogpt_losses=[round(f.loss, 4) for f in theirs], **{name: round(value, 2) for name, value in facts.items()},
    )  # fmt: skip
    return arrived


def medians(finishes: list[Finish]) -> tuple[float, float]:
    """Median training and process seconds."""
    return (
        statistics.median(f.training_seconds for f in finishes),
        statistics.median(f.process_seconds for f in finishes),
    )


def quality(text: Path, seeds: Sequence[int], preset: str, extra: Sequence[str] = ()) -> bool:
    """Run the quality preset, print what each evaluation found, and the JSON; whether every seed arrived."""
    rows, reached, best = [], [], []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            run = RunDir(Path(folder) / "run")
            process_seconds = pretrain(preset, text, run, ["--seed", str(seed), *extra])
            found = [row for row in run.metrics() if "validation_loss" in row]
        for row in found:
            print(f"seed {seed}, step {row['step']}: {row['validation_loss']:.4f} after {row['seconds']:.0f} s")
        below = [row["seconds"] for row in found if row["validation_loss"] <= QUALITY_TARGET]
        lowest = min(found, key=lambda row: row["validation_loss"])
        reached.append(below[0] if below else None)
        best.append(lowest["validation_loss"])
        rows.append([
            f"seed {seed}", f"{lowest['validation_loss']:.4f}", f"{lowest['seconds']:.0f}",
            f"{below[0]:.0f}" if below else "not", f"{process_seconds:.0f}",
        ])  # fmt: skip
    print_table(["", "best loss", "after s", f"≤ {QUALITY_TARGET} after s", "process s"], rows)
    arrived = None not in reached
    finish(
        "shakespeare_quality", None, all_arrived=arrived, target=QUALITY_TARGET, losses=best, reached_seconds=reached
    )
    return arrived


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="tinyshakespeare's input.txt; without it, it is downloaded")
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--quality", action="store_true", help="the second figure: 1.4697 at context 256")
    parser.add_argument("--preset", default="shakespeare-char-quality", help="for --quality")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: 1 to 5; with --quality 1")
    parser.add_argument("--rounds", type=int, default=1)
    options, extra = parser.parse_known_args(arguments)  # what is left goes to `primer pretrain`

    if options.data is None:
        from primer.text.shakespeare import tinyshakespeare_file

        options.data = tinyshakespeare_file()
    text = options.data.resolve()
    if options.quality:
        arrived = quality(text, options.seeds or [1], options.preset, extra)
    else:
        arrived = race(text, options.nanogpt, options.seeds or range(1, 6), options.rounds, extra)
    sys.exit(0 if arrived else 1)


if __name__ == "__main__":
    main()
