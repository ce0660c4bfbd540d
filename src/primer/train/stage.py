"""What fine-tuning, preference and reinforcement learning share: they begin with a trained run, and make another."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
import tyro

from primer.core.config import from_json, to_json
from primer.core.errors import ConfigError, TokenizerError
from primer.core.files import read_json, write_json
from primer.core.rundir import RUNS, RunDir, run_at, runs_by_age
from primer.core.runtime import Runtime, RuntimeConfig, start_runtime
from primer.evaluate.origin import made_by
from primer.model.gpt import GPT
from primer.model.optim import MuonAdamW, OptimConfig, build_optimizer
from primer.model.weights import find_weights, load_model, model_tensors
from primer.text.chat import ChatFormat
from primer.text.tokenizer import Tokenizer
from primer.train.checkpoint import load_checkpoint, newest_good, saved_steps
from primer.train.dial import check_least, in_minutes, micro_rows
from primer.train.loop import LoopConfig
from primer.train.memory import Load, in_gib, memory_needed
from primer.train.runner import Course, Runner, check_run, clear_leftovers, explaining_memory

Config = TypeVar("Config", bound="StageConfig")


@dataclass(frozen=True)
class StageConfig:
    """Options of every stage after pretraining."""

    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """The run to start from; None: the newest under runs/."""
    run: Path | None = None
    """Folder of the new run; None: runs/ and the stage's name."""
    resume: bool = False
    """Go on from the newest good checkpoint of the run, exactly as if it had not stopped."""
    from_step: int | None = None
    """Step of the source's checkpoint; None: its best, or the newest if none was evaluated."""
    keep_optimizer: bool = False
    """Begin with the source's optimizer state, not with a fresh one."""
    batch_rows: int = 32
    """Rows of an optimizer step, over all ranks."""
    micro_rows: int | None = None
    """Rows that a rank computes at once; None: what memory allows, and one share for each CPU thread."""
    merge: float = 1.0
    """How far to go, in the end, from the source's weights to the trained ones: at 0.5 it is the mean of the two, which
    often keeps most of what a short stage taught and more of what was there (arXiv 2109.01903)."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    eval_every: int | None = None
    """Steps between evaluations; None: a tenth of the run; 0: only at the end."""
    save_every: int | None = None
    """Steps between checkpoints; None: a tenth of the run. Every evaluation saves, too."""
    keep: int = 2
    """Newest checkpoints to keep, beside the best."""
    tensorboard: bool = True


@dataclass
class Start:
    """What a stage begins with."""

    run: RunDir
    runtime: Runtime
    tokenizer: Tokenizer
    chat: ChatFormat
    model: GPT
    optimizer: MuonAdamW
    source: str
    """The checkpoint that the run began with."""

    @property
    def pad_id(self) -> int:
        """What rows are filled up with."""
        return self.tokenizer.special_ids["<|pad|>"]


def run_stage(name: str, config: Config, work: Callable[[Config, RunDir, Runtime], Any]) -> None:
    """Hold the run's folder and do the work, on every rank."""
    run = RunDir(config.run or RUNS / name)
    with start_runtime(config.runtime) as runtime, explaining_memory(run):
        if not runtime.is_main:
            work(config, run, runtime)
            return
        with run.locked():
            check_run(run, config.resume)
            work(config, run, runtime)


def begin(name: str, config: StageConfig, run: RunDir, runtime: Runtime) -> Start:
    """Load the source's model and tokenizer and write the run's config; or, resumed, build the same from the run.

    Raises UserError for a source that cannot be used, ConfigError for numbers that cannot be.
    """
    check_numbers(config, runtime)
    origin = run if config.resume else find_source(config.source, run)
    folder = newest_good(run) if config.resume else find_weights(origin.path, config.from_step)
    tokenizer = Tokenizer.load(origin.path)
    chat = ChatFormat(tokenizer)
    torch.manual_seed(config.loop.seed)
    model = load_model(folder, runtime.device)
    check_tokenizer(tokenizer, origin, model)
    model.compute_dtype = runtime.dtype
    optimizer = build_optimizer(model, config.optim)
    if config.keep_optimizer and not config.resume:
        load_checkpoint(folder, model, optimizer)
    if config.resume:
        source = read_saved(name, run)["source"]
    else:
        source = str(folder)
        if runtime.is_main:
            tokenizer.save(run.path)
            run.write_config({
                "stage": name, **made_by(), "source": source,
                "tokenizer_fingerprint": tokenizer.fingerprint, "config": to_json(replace(config, run=None)),
            })  # fmt: skip
            clear_leftovers(run)
    runtime.barrier()
    return Start(run, runtime, tokenizer, chat, model, optimizer, source)


def find_source(source: Path | None, run: RunDir) -> RunDir:
    """The run to start from: the one given, or the newest under runs/ that has a checkpoint and is not `run` itself,
    whose first attempt may have left a config there. Raises ConfigError if there is none."""
    if source is None:
        found = [each for each in runs_by_age() if each.path.resolve() != run.path.resolve() and saved_steps(each)]
        if not found:
            raise ConfigError(f"no run under {RUNS}/ to start from. Give one with --from, or train one first.")
        return found[-1]
    origin = run_at(source)
    if not saved_steps(origin):
        what = "has no checkpoint" if source.is_dir() else "does not exist"
        raise ConfigError(f"--from {source}: this folder {what}. Give the folder of a run that has been trained.")
    return origin


def check_tokenizer(tokenizer: Tokenizer, origin: RunDir, model: GPT) -> None:
    """Raise TokenizerError if the tokenizer of a run is not the one that its model was trained with."""
    saved = origin.read_config().get("tokenizer_fingerprint") if origin.config_file.is_file() else None
    if saved not in (None, tokenizer.fingerprint) or tokenizer.vocab_size > model.config.vocab_size:
        raise TokenizerError(
            f"the tokenizer in {origin.path} ({tokenizer.vocab_size:,} tokens) is not the one that its model was "
            "trained with. Restore that one."
        )


def check_numbers(config: StageConfig, runtime: Runtime) -> None:
    """Raise ConfigError for a number that no run can have, or rows that the ranks cannot share."""
    check_least([
        (config, 1, ("batch_rows", "micro_rows", "keep")),
        (config, 0, ("from_step", "eval_every", "save_every", "merge")),
        (config.loop, 0, ("num_steps", "warmup_steps", "decay", "final_lr", "clip", "seed")),
    ])  # fmt: skip
    if config.batch_rows % runtime.world_size:
        raise ConfigError(
            f"--batch-rows {config.batch_rows} cannot be shared by {runtime.world_size} ranks. Give a multiple of it."
        )


def keep_fingerprint(data: str, run: RunDir, runtime: Runtime, resume: bool) -> None:
    """Note what a run learns from; resumed, raise ConfigError if it is not that any more, for a run of two halves
    would be neither the one nor the other."""
    path = run.path / "data.json"
    if not resume and runtime.is_main:
        write_json(path, {"sha256": data})
    if resume and read_json(path)["sha256"] != data:
        raise ConfigError(f"what {run.path} learns from has changed since it began. Restore the data, or start anew.")


def read_saved(name: str, run: RunDir) -> dict[str, Any]:
    """The config.json of a stage's run. Raises ConfigError if it is of another stage."""
    saved = run.read_config()
    if saved.get("stage") != name:
        raise ConfigError(
            f"{run.path} was made by `primer {saved.get('stage')}`, not by `primer {name}`. Give another --run."
        )
    return saved


def read_config(kind: type[Config], name: str, run: RunDir) -> Config:
    """The options that a run was begun with, to go on with."""
    return replace(from_json(kind, read_saved(name, run)["config"]), run=run.path, resume=True)


def make_runner(name: str, config: StageConfig, start: Start, num_steps: int, compile: bool = False) -> Runner:
    """The runner of a stage with so many steps."""
    if num_steps < 1:
        raise ConfigError("there is not enough data for a single step. Give more, or a smaller --batch-rows.")
    tenth = max(1, num_steps // 10)
    warmup = min(config.loop.warmup_steps, num_steps // 2)
    course = Course(
        replace(config.loop, num_steps=num_steps, warmup_steps=warmup),
        eval_every=tenth if config.eval_every is None else config.eval_every,
        save_every=tenth if config.save_every is None else config.save_every,
        keep=config.keep,
        tensorboard=config.tensorboard,
        compile=compile,
        flops_per_token=start.model.flops_per_token(),
    )
    runner = Runner(f"primer {name}", start.run, start.runtime, start.model, start.optimizer, course)
    if config.merge != 1:
        runner.finish = partial(merge, start.model, Path(start.source), config.merge)
    return runner


@torch.no_grad()
def merge(model: GPT, source: Path, share: float) -> None:
    """A model's weights become a mean of a checkpoint's and its own, which have this share. Raises CheckpointError if
    the checkpoint is gone."""
    before = model_tensors(load_model(source, next(model.parameters()).device))
    for name, weight in model_tensors(model).items():
        weight.lerp_(before[name], 1 - share)


def rows_at_once(config: StageConfig, start: Start, batch_rows: int = 0) -> int:
    """Rows of one forward pass on this rank, of a step's `batch_rows` (0: the stage's own)."""
    share = (batch_rows or config.batch_rows) // start.runtime.world_size
    return config.micro_rows or micro_rows(start.model.config, share, start.runtime)


def outlook(runner: Runner, start: Start, load: Load, tokens: float | None = None) -> str:
    """The memory that a stage needs, and the time that it takes to train on so many tokens."""
    memory = in_gib(memory_needed(start.model.config, num_parameters(start.model), load, start.runtime))
    flops = runner.course.flops_per_token * (tokens or 0) / start.runtime.world_size
    return f"memory, about {memory}" + (f"; time, about {in_minutes(flops, runner.peak)}" if tokens else "")


def num_parameters(model: GPT) -> int:
    """Weights of a model."""
    return sum(p.numel() for p in model.parameters())


def write_stage_report(runner: Runner, start: Start, facts: dict[str, str]) -> None:
    """The report of a stage, with what it began with."""
    parameters = num_parameters(start.model)
    model = f"{start.model.config.family}, {parameters:,} parameters"
    runner.report({"began with": start.source, "model": model} | facts, f"primer chat --run {start.run.path}")
