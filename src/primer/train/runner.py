"""A run of any stage: what happens every so many steps, and how it goes on after a stop.

The loop trains; the runner logs, saves, evaluates, samples, reports, and finds its way back. All four stages use it,
so that a run is the same folder whatever it trains.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch

from primer.core.errors import ConfigError, Interrupted, TrainingError
from primer.core.files import explain_os_error, write_text
from primer.core.rundir import RunDir, speedrun_of
from primer.core.runtime import Runtime, machine
from primer.evaluate.report import Outcome, write_report
from primer.model.gpt import GPT
from primer.model.optim import MuonAdamW
from primer.model.weights import BEST_FILE, read_best
from primer.train.checkpoint import (
    Progress,
    drop_after,
    load_newest,
    mark_best,
    save_checkpoint,
    saved_steps,
)
from primer.train.dial import measured_flops
from primer.train.display import Display, memory_used
from primer.train.loop import Hook, LoopConfig, Stage, Step, train


@dataclass(frozen=True)
class Course:
    """When things happen."""

    loop: LoopConfig
    eval_every: int
    save_every: int
    sample_every: int = 0
    keep: int = 2
    """Newest checkpoints to keep, beside the best."""
    tensorboard: bool = True
    compile: bool = False
    flops_per_token: int = 0


@dataclass(frozen=True)
class Findings:
    """What an evaluation found."""

    metrics: dict[str, float]
    loss: float
    """What the best checkpoint has least of."""
    summary: str
    """One line for a person."""


class Runner:
    """One run: its parts, and what happens every so many steps."""

    def __init__(
        self, command: str, run: RunDir, runtime: Runtime, model: GPT, optimizer: MuonAdamW, course: Course
    ) -> None:
        """`command` is what to type to go on: `primer sft`."""
        self.command, self.run, self.runtime, self.course = command, run, runtime, course
        self.model, self.optimizer = model, optimizer
        self.progress, self.saved_step = Progress(), 0
        self.peak = runtime.peak_flops() or measured_flops(runtime)
        self.display = Display(
            course.loop.num_steps, not runtime.is_main, course.flops_per_token, self.peak * runtime.world_size
        )
        self.tensorboard: Any = None
        self.find: Callable[[Step], Findings | None] = lambda _: None
        self.write_sample: Callable[[Step], str] = lambda _: ""
        self.finish: Callable[[], None] = lambda: None
        """What is done to the model after its last step, before it is saved and examined."""

    def run_to_end(
        self, stage: Stage, resume: bool, evaluate: Callable[[Step], Findings | None],
        sample: Callable[[Step], str] | None = None,
    ) -> bool:  # fmt: skip
        """Train from where the run stands to its last step; False if it stood there already.

        `evaluate` runs on every rank, after a save, so that one that fails costs nothing; the first rank's findings
        count. `sample` runs on the first alone. Raises Interrupted on Ctrl-C, with everything saved.
        """
        course, self.find = self.course, evaluate
        if sample is not None:
            self.write_sample = sample
        if resume:
            self.progress = load_newest(self.run, self.model, self.optimizer, self.display.print)
            if self.progress.step == course.loop.num_steps and (self.run.path / "report.md").is_file():
                self.display.print(f"{self.run.path} is finished already: all {self.progress.step} steps are done.")
                return False
            self.go_back()
        if course.compile:
            self.model.token_losses = torch.compile(self.model.token_losses)  # type: ignore[method-assign]
        hooks = [
            Hook(1, self.log),
            Hook(0, lambda _: self.finish()),
            Hook(course.eval_every, self.evaluate),
            Hook(course.save_every, lambda _: self.save()),
            Hook(course.sample_every, self.sample, at_end=course.sample_every > 0),
        ]
        try:
            if self.progress.step:
                self.catch_up(hooks)
            train(
                stage, self.model, self.optimizer, course.loop, self.runtime, self.progress, hooks, self.save,
                course.compile,
            )  # fmt: skip
        except Interrupted as error:
            raise Interrupted(f"{error} Go on with: {self.command} --run {self.run.path} --resume") from error
        finally:
            if self.tensorboard:
                with suppress(OSError):  # a full disk has been reported already, or will be by the next write
                    self.tensorboard.close()
        return True

    def go_back(self) -> None:
        """Drop what was written after the step that the run goes on from."""
        self.saved_step = self.progress.step
        self.display.print(f"resumed after step {self.progress.step} of {self.course.loop.num_steps}")
        self.runtime.barrier()  # every rank has loaded its checkpoint
        if self.runtime.is_main:
            drop_after(self.run, self.progress.step)
            self.run.rewind_metrics(self.progress.step)
        self.runtime.barrier()

    def catch_up(self, hooks: list[Hook]) -> None:
        """Evaluate and sample where the run was killed between the save of a step and these."""
        step = Step(self.progress, self.model, self.optimizer, {}, self.progress.step == self.course.loop.num_steps)
        evaluated = any("validation_loss" in row for row in self.run.metrics() if row["step"] == self.progress.step)
        todo = [] if evaluated else [self.evaluate]
        todo += [] if self.sample_file().is_file() else [self.sample]
        for hook in hooks:
            if hook.due(step) and hook.run in todo:
                hook.run(step)

    def log(self, step: Step) -> None:
        """Every step: the bar, metrics.jsonl, TensorBoard."""
        if not self.runtime.is_main:
            return
        self.display.update(step.progress.step, step.metrics)
        self.write_metrics({"tokens": step.progress.tokens, "seconds": step.progress.seconds} | step.metrics)

    def write_metrics(self, metrics: dict[str, float]) -> None:
        """A line of metrics.jsonl, and the same as TensorBoard events. Raises UserError on a full disk."""
        self.run.log({"step": self.progress.step} | {key: round(value, 6) for key, value in metrics.items()})
        if not self.course.tensorboard:
            return
        folder = self.run.path / "tensorboard"
        try:
            if self.tensorboard is None:
                from torch.utils.tensorboard import SummaryWriter

                self.tensorboard = SummaryWriter(str(folder), purge_step=self.progress.step)
            for key, value in metrics.items():
                self.tensorboard.add_scalar(key, value, self.progress.step)
        except OSError as error:
            raise explain_os_error(error, folder) from error

    def save(self) -> None:
        """A checkpoint of this step, once."""
        if self.progress.step == self.saved_step:
            return
        if self.runtime.is_main:
            save_checkpoint(self.run, self.model, self.optimizer, self.progress, self.course.keep)
        self.saved_step = self.progress.step
        self.runtime.barrier()

    def evaluate(self, step: Step) -> None:
        """Save, then measure: an evaluation that fails costs nothing."""
        self.save()
        findings = self.find(step)
        if findings is None or not self.runtime.is_main:
            return
        self.write_metrics(findings.metrics | {"seconds": step.progress.seconds})
        self.display.print(
            f"step {step.progress.step}: {findings.summary}, after {step.progress.seconds:.1f} s of training"
        )
        if findings.loss < read_best(self.run)[1]:
            mark_best(self.run, step.progress.step, findings.loss, self.course.keep)

    def sample(self, step: Step) -> None:
        """A text that the model writes now, kept in samples/."""
        if not self.runtime.is_main:
            return
        text = self.write_sample(step)
        write_text(self.sample_file(), text + "\n")
        if step.last:
            self.display.print(f"\n{text}\n")

    def report(self, facts: dict[str, str], next_command: str) -> None:
        """loss.png and report.md with these facts and the run's own, and what to type next, unless it is a stage of a
        speedrun, which goes on by itself."""
        progress = self.progress
        best_step, best_loss = read_best(self.run)
        facts = facts | {
            "trained on": f"{progress.tokens:,} tokens in {progress.step:,} steps",
            "training time": f"{progress.seconds:,.1f} s, {progress.tokens / max(progress.seconds, 1e-9):,.0f} "
            "tokens/s",
            "device": self.runtime.describe(),
            "peak memory": f"{memory_used() / 2**30:.2f} GiB",
            "best validation loss": f"{best_loss:.4f} after step {best_step:,}",
        }
        path = write_report(self.run, Outcome(f"Run {self.run.path.name}", machine(), " ".join(sys.argv), facts))
        self.display.print(f"report: {path} · peak memory {facts['peak memory']}")
        if speedrun_of(self.run.path) is None:
            self.display.print(f"now try: {next_command}")

    def sample_file(self) -> Path:
        """Where the sample of this step lies."""
        return self.run.samples / f"step_{self.progress.step:06d}.txt"


@contextmanager
def explaining_memory(run: RunDir) -> Iterator[None]:
    """Raise TrainingError where memory runs out, on a GPU or beside it, with what can be done."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        said = str(error)
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "can't allocate memory" not in said:
            raise
        steps, said = saved_steps(run), f" ({shorten(said, 200, placeholder=' …')})" if said else ""
        saved = (
            f"Step {steps[-1]} is saved: with more memory, or fewer --threads, go on with --resume." if steps else ""
        )
        raise TrainingError(
            f"out of memory{said}. Begin anew with fewer rows at once (--micro-rows, 1 is least), "
            "fewer in a step (--batch-rows), or a smaller model (--depth or --context of `primer pretrain`). "
            f"{saved or 'Nothing was saved yet.'}"
        ) from error


def check_run(run: RunDir, resume: bool) -> None:
    """Refuse to train over a run that is there, or to resume one that is not."""
    if saved_steps(run) and not resume:
        raise ConfigError(f"{run.path} holds a run already. Go on with --resume, or choose another --run.")
    if resume and not run.config_file.exists():
        raise ConfigError(f"{run.path} holds no run to resume. Start it without --resume.")


def clear_leftovers(run: RunDir) -> None:
    """Before a new run: metrics and marks of one that never saved."""
    for leftover in (run.metrics_file, run.checkpoints / BEST_FILE):
        leftover.unlink(missing_ok=True)
