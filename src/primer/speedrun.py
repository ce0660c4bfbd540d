"""`primer speedrun`: raw text to an assistant in one go.

text → tokenizer and shards → base → SFT → DPO → RL → evaluation → report, each in a folder of its own:

runs/laptop/  speedrun.json  text/  base/  sft/  dpo/  rl/  report.md  report.html  report.json

Called again it goes on where it stopped, in the middle of a stage too, or says that all is done.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from primer.core.config import from_json, to_json
from primer.core.errors import ConfigError, Interrupted, TrainingError
from primer.core.files import atomic_path, read_json, write_json
from primer.core.rundir import LEDGER, RUNS, RunDir
from primer.core.runtime import RuntimeConfig, release_freed_memory, start_runtime
from primer.evaluate.eval import EvalConfig, evaluate, note, show
from primer.evaluate.origin import made_by, typed_command, typed_name
from primer.evaluate.speedrun_report import write_speedrun_report
from primer.presets import SPEEDRUNS, Speedrun, find_recipe, longer
from primer.tasks.curriculum.curriculum import Curriculum
from primer.text.chat import Message
from primer.text.tokenizer import train_tokenizer
from primer.train import dpo, pretrain, rl, sft
from primer.train.checkpoint import saved_steps
from primer.train.display import forget_peak, memory_used

TRAINED = {"base": pretrain, "sft": sft, "dpo": dpo, "rl": rl}
STAGES = ("text", "base", "sft", "dpo", "rl", "evaluation", "report")
LESSONS = "lessons.jsonl"


@dataclass(frozen=True)
class SpeedrunConfig:
    """Raw text to an assistant that one can talk to: the whole way, resumable."""

    preset: str = "laptop"
    """laptop (two cores, ten minutes), tiny (a minute), gpu (one GPU, data from the hub), 8xh100; or a recipe of your
    own, FILE.json."""
    run: Path | None = None
    """Folder of everything; None: runs/ and the name of the preset or recipe."""
    scale: float = 1.0
    """Train base and SFT so many times as long, where the preset counts their steps."""
    price: float | None = None
    """Dollars an hour of this machine, for the report; None: as given before, or its usual price where it is known."""
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


class Ledger:
    """How it began, what is done, how long it took and how much memory, kept on disk."""

    def __init__(self, root: Path, preset: str, scale: float, price: float | None) -> None:
        """Raises ConfigError if the folder is of another preset."""
        self.path = root / LEDGER
        self.kept: dict[str, Any] = (
            read_json(self.path) if self.path.is_file()
            else {"preset": preset, "scale": scale, **made_by(), "price": None, "stages": {}}
        )  # fmt: skip
        if (self.kept["preset"], self.kept["scale"]) != (preset, scale):
            raise ConfigError(
                f"{root} is a run of the preset {self.kept['preset']!r} at scale {self.kept['scale']}. Give these, "
                "or another --run."
            )
        if price is not None and price != self.kept.get("price"):
            self.kept["price"] = price
            self.kept["stages"].pop("report", None)  # it reckoned with another
        write_json(self.path, self.kept)

    def is_done(self, stage: str) -> bool:
        """Whether a stage has come to its end."""
        return bool(self.kept["stages"].get(stage, {}).get("done"))

    @contextmanager
    def watch(self, stage: str, in_others: bool = False) -> Iterator[None]:
        """Keep what a stage takes, whether it comes to its end or not; `in_others`: in other processes, the memory of
        which is not known."""
        release_freed_memory()
        is_new, started, done = forget_peak(), time.perf_counter(), False
        try:
            yield
            done = True
        finally:
            peak = None if in_others else memory_used()
            self.add(stage, time.perf_counter() - started, done, peak, so_far=not is_new)

    def add(self, stage: str, seconds: float, done: bool, peak: int | None = None, so_far: bool = False) -> None:
        """Time spent on a stage, which may have been stopped before, and the most bytes that its process held: `so_far`
        if those of the stages before it are in it."""
        before = self.kept["stages"].get(stage, {})
        found = {"seconds": round(before.get("seconds", 0.0) + seconds, 2), "done": done}
        if peak:
            found["peak_memory_bytes"] = max(before.get("peak_memory_bytes", 0), peak)
            found["peak_memory_so_far"] = so_far
        self.kept["stages"][stage] = found
        write_json(self.path, self.kept)

    @property
    def seconds(self) -> float:
        """Of everything so far."""
        return float(sum(stage["seconds"] for stage in self.kept["stages"].values()))


def main(config: SpeedrunConfig) -> None:
    """Run what is left to do. Raises ConfigError for a preset that does not exist, Interrupted on Ctrl-C."""
    if not config.scale > 0:
        raise ConfigError(f"--scale is {config.scale}, and must be above 0.")
    recipe = with_runtime(longer(find_recipe(config.preset), config.scale), config.runtime)
    root = config.run or RUNS / Path(config.preset).stem
    console = Console(highlight=False, emoji=False)
    with RunDir(root).locked():
        ledger = Ledger(root, config.preset, config.scale, config.price)
        if all(map(ledger.is_done, STAGES)):
            console.print(f"{root} is done already.")
        works = stage_works(recipe, root)
        for number, stage in enumerate(STAGES, 1):
            title = f"[bold]{number}/{len(STAGES)} {stage}[/bold]"
            if ledger.is_done(stage):
                console.print(f"{title} · done in {ledger.kept['stages'][stage]['seconds']:.0f} s")
                continue
            console.rule(title, align="left")
            try:
                with ledger.watch(stage, in_others=stage in TRAINED and num_ranks(config.runtime) > 1):
                    works[stage]()
            except (Interrupted, KeyboardInterrupt) as error:  # a stage's own advice would go on with that stage alone
                raise Interrupted(
                    f"stopped in the stage {stage}. To go on, call it again: {typed_command()}"
                ) from error
    minutes = ledger.seconds / 60
    console.print(
        f"\nall done in {minutes:.1f} minutes. The report: {root / 'report.md'}, and report.html", soft_wrap=True
    )
    console.print(next_steps(root), markup=False, soft_wrap=True)


def next_steps(root: Path) -> str:
    """What to type when all is done, each line such that it can be pasted."""
    primer, folders = typed_name(), [shlex.quote(str(folder)) for folder in (root / "rl", root)]
    page = "make web" if "MAKELEVEL" in os.environ else f"{primer} web --run {folders[1]}"
    return f"now talk to it, in the terminal or in the browser:\n\n{primer} chat --run {folders[0]}\n{page}"


def with_runtime(recipe: Speedrun, runtime: RuntimeConfig) -> Speedrun:
    """The recipe on this device."""
    return replace(recipe, **{name: replace(getattr(recipe, name), runtime=runtime) for name in TRAINED})


def stage_works(recipe: Speedrun, root: Path) -> dict[str, Callable[[], object]]:
    """What each stage does."""
    text = root / "text"
    reads: dict[str, Any] = {"data": recipe.text} if recipe.text else {"data": str(text / LESSONS), "tokenizer": text}
    base = replace(recipe.base, run=root / "base", **reads)
    works: dict[str, Callable[[], object]] = {
        "text": partial(write_lessons, recipe, text), "base": partial(train_stage, "base", base),
    }  # fmt: skip
    for source, name in pairwise(TRAINED):
        config = replace(getattr(recipe, name), source=root / source, run=root / name)
        works[name] = partial(train_stage, name, config)
    return works | {
        "evaluation": partial(evaluate_stages, recipe, root),
        "report": partial(write_speedrun_report, root),
    }


def write_lessons(recipe: Speedrun, folder: Path) -> None:
    """The curriculum's prose, for the base model, and a tokenizer that knows its conversations too: what every tool
    call begins with would otherwise cost forty tokens. Nothing where the text comes from elsewhere."""
    if recipe.text:
        return
    folder.mkdir(parents=True, exist_ok=True)
    curriculum = Curriculum()
    documents = list(islice(curriculum.documents("train", seed=0), recipe.documents))
    with atomic_path(folder / LESSONS) as temporary, temporary.open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps({"text": document}, ensure_ascii=False) + "\n")
    questions = (curriculum.numbered("train", 0, number) for number in range(recipe.documents))
    turns = (as_text(message) for question in questions for message in (*question.prompt, *question.answer))
    train_tokenizer(chain(documents, turns), recipe.base.vocab_size).save(folder)


def as_text(message: Message) -> str:
    """A turn as the tokenizer meets it."""
    return f"{message.role}\n{message.content}" + "".join(call.to_json() for call in message.tool_calls)


def train_stage(name: str, config: Any) -> None:
    """Train, or go on with it: in this process, or on a machine with several GPUs in one for each."""
    module, run = TRAINED[name], RunDir(config.run)
    if saved_steps(run):
        config = replace(module.saved_config(run), runtime=config.runtime)
    gpus = num_ranks(config.runtime)
    if gpus < 2:
        module.main(config)
        return
    options = run.path.with_suffix(".json")
    write_json(options, to_json(config))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(gpus)]
    if code := subprocess.run([*command, "-m", "primer.speedrun", name, str(options)]).returncode:
        raise TrainingError(
            f"the stage {name} stopped with exit code {code}. The same command goes on from its last checkpoint."
        )


def num_ranks(config: RuntimeConfig) -> int:
    """Processes that a stage is trained in: one for each GPU."""
    import torch

    return max(1, torch.cuda.device_count()) if config.device in ("auto", "cuda") else 1


def evaluate_stages(recipe: Speedrun, root: Path) -> None:
    """The same held-out questions to every stage, more of them to the last; and which of two answers DPO prefers. What
    was asked before it was stopped is not asked again."""
    with start_runtime(recipe.base.runtime) as runtime:
        for name, limit in zip(TRAINED, recipe.questions, strict=True):
            config = EvalConfig(run=root / name, tasks=",".join(recipe.tasks), limit=limit, resume=True)
            results = evaluate(config, runtime, note)
            if name == "rl":
                show(results)
    dpo.examine(root / "dpo", recipe.base.runtime)


if __name__ == "__main__":  # one rank of a stage, under torchrun
    stage, options = sys.argv[1:]
    kind = type(getattr(next(iter(SPEEDRUNS.values())), stage))
    TRAINED[stage].main(from_json(kind, read_json(Path(options))))
