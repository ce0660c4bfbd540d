"""The loop. Pretraining, fine-tuning, preference and reinforcement learning all run in it.

A stage supplies the batches of a step and a loss; hooks run every so many steps. The loss is a SUM over targets, and
the loop divides by the number of targets over all micro-batches and ranks: a mean of means would weigh a target by how
full its row happens to be, and is 0/0 on a row without any.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from primer.core.errors import ConfigError, Interrupted, TrainingError
from primer.core.runtime import Runtime, step_seed
from primer.model.dropout import seed_dropout
from primer.model.gpt import GPT
from primer.model.optim import SCHEDULES, MuonAdamW, muon_momentum
from primer.train.checkpoint import Progress

MAX_BAD_STEPS = 5  # steps in a row whose gradient is not finite, before the run is given up


class StageBatch(Protocol):
    """What the loop asks of a micro-batch; `train.batches.Batch` is one."""

    @property
    def inputs(self) -> Tensor:
        """What the model reads."""
        ...

    @property
    def num_targets(self) -> int:
        """What the sum of the loss is divided by: tokens, or pairs."""
        ...


class Stage(Protocol):
    """What a stage of training supplies."""

    reads_ahead: bool
    """Whether the batches of the next step can be made before this step has changed the model."""

    def batches(self, step: int) -> Sequence[Any]:
        """This rank's micro-batches of one optimizer step: each a StageBatch of the kind that `loss` takes."""
        ...

    def loss(self, model: GPT, batch: Any) -> tuple[Tensor, dict[str, float]]:
        """The sum of the loss over the batch's targets, and what to log, summed likewise."""
        ...


@dataclass(frozen=True)
class LoopConfig:
    """The course of the optimizer."""

    num_steps: int = 0
    """Optimizer steps of the whole run; 0: as many as its tokens make."""
    schedule: Literal["trapezoid", "cosine"] = "trapezoid"
    """Shape of the learning rate over the run."""
    warmup_steps: int = 10
    decay: float = 0.6
    """Share of the run over which the trapezoid falls."""
    final_lr: float = 0.0
    """What the learning rate falls to, as a share of its peak."""
    clip: float = 1.0
    """Largest norm of the whole gradient; 0 does not clip."""
    seed: int = 1


@dataclass
class Step:
    """What a hook sees: the run so far, and the step just done."""

    progress: Progress
    model: GPT
    optimizer: MuonAdamW
    metrics: dict[str, float]
    last: bool


@dataclass(frozen=True)
class Hook:
    """Something to do every so many steps, and after the last one."""

    every: int
    run: Callable[[Step], None]
    at_end: bool = True

    def due(self, step: Step) -> bool:
        """Whether it is time."""
        return (step.last and self.at_end) or (self.every > 0 and step.progress.step % self.every == 0)


def train(
    stage: Stage, model: GPT, optimizer: MuonAdamW, config: LoopConfig, runtime: Runtime, progress: Progress,
    hooks: Sequence[Hook], save: Callable[[], None], compiled: bool = False,
) -> Progress:  # fmt: skip
    """Train from `progress.step` to the last step; `compiled` says that the model's loss is.

    Raises Interrupted on Ctrl-C or SIGTERM, after `save`; TrainingError if gradients stay non-finite.
    """
    if config.num_steps < 1:
        raise ConfigError(f"a run of {config.num_steps} steps trains nothing. Give --num-steps or --tokens.")
    gradients = Gradients(stage, model, runtime, compiled)
    if runtime.device.type == "cpu":
        optimizer.cores, optimizer.map = runtime.threads, runtime.side_by_side
    bad_steps = 0
    model.train()
    with interruptible() as interrupted:
        ahead: Sequence[StageBatch] | None = None
        while progress.step < config.num_steps:
            runtime.synchronize()
            started = time.perf_counter()
            step = progress.step
            try:
                batches = stage.batches(step) if ahead is None else ahead
            except TrainingError:  # on every rank; it is what to learn from that is bad, and not what was learned
                save()
                raise
            factor = SCHEDULES[config.schedule](
                step, config.num_steps, config.warmup_steps, config.decay, config.final_lr
            )
            set_rates(optimizer, factor, step)
            metrics = gradients.compute(batches, progress.loss_scale, config.seed, step)
            # read while a GPU still computes
            ahead = stage.batches(step + 1) if stage.reads_ahead and step + 1 < config.num_steps else None
            norm = clip(model, config.clip)
            if math.isfinite(norm):
                optimizer.step()
                bad_steps = 0
            else:
                bad_steps = check_bad_steps(bad_steps + 1, step)
            optimizer.zero_grad(set_to_none=True)
            if runtime.dtype == torch.float16:
                progress.loss_scale = next_scale(progress.loss_scale, step, math.isfinite(norm))
            runtime.synchronize()
            seconds = time.perf_counter() - started
            progress.step += 1
            progress.seconds += seconds
            progress.tokens += gradients.num_tokens
            metrics |= {
                "lr": factor,
                "grad_norm": norm,
                "step_seconds": seconds,
                "tokens_per_second": gradients.num_tokens / seconds,
            }
            done = Step(progress, model, optimizer, metrics, last=progress.step == config.num_steps)
            for hook in hooks:
                if hook.due(done):
                    hook.run(done)
            if runtime.sum_numbers([float(interrupted())])[0] and not done.last:  # every rank, or none
                save()
                raise Interrupted(f"stopped after step {progress.step}; everything is saved.")
    return progress


class Gradients:
    """The gradient of one step: over micro-batches, threads and ranks.

    On a CPU the micro-batches of a step run side by side, one thread each. Two threads that never wait for each other
    train a small model faster than two that split every small product; the sum is taken in the order of the
    micro-batches, so the result does not depend on which is done first.

    There the gradient of the n-gram table is sparse, too: of 32,768 rows a step reads 2,000, and writing, adding and
    measuring zeros for the others took 5 to 10 % of it. A GPU writes them in no time, and torch.compile knows no sparse
    gradients.
    """

    def __init__(self, stage: Stage, model: GPT, runtime: Runtime, compiled: bool) -> None:
        self.stage, self.model, self.runtime = stage, model, runtime
        self.params = [p for p in model.parameters() if p.requires_grad]
        self.own_generators = runtime.device.type == "cpu" and not compiled
        self.num_tokens = 0
        if model.ngram_embed is not None:
            model.ngram_embed.sparse = self.own_generators
            model.ngram_embed.weight.register_hook(add_up_rows)

    def compute(
        self, batches: Sequence[StageBatch], loss_scale: float, seed: int = 0, step: int = 0
    ) -> dict[str, float]:
        """Fill every parameter's grad with the gradient of the mean loss; return the mean and what the stage logs.

        Dropout is drawn anew for each micro-batch from (seed, step, rank, its number), whoever computes it.
        """
        counts = [sum(b.num_targets for b in batches), sum(b.inputs.numel() for b in batches)]
        num_targets, self.num_tokens = map(int, self.runtime.sum_numbers([float(n) for n in counts]))
        if not num_targets:
            raise TrainingError("a step without a single target to learn from. Check the masks of the data.")
        scale = loss_scale if self.runtime.dtype == torch.float16 else 1.0
        seeded = [(batch, step_seed(seed, step, self.runtime.rank, i)) for i, batch in enumerate(batches)]
        side_by_side = self.own_generators and self.runtime.threads > 1 and len(batches) > 1
        compute = self.in_threads if side_by_side else self.in_turn
        results = compute(seeded, scale / num_targets)
        self.sum_over_ranks()
        gradients = gradient_values(self.model)
        if scale != 1.0:
            torch._foreach_mul_(gradients, 1 / scale)
        sums = {"loss": sum(torch.stack([loss for loss, _ in results]).tolist())}
        keys = dict.fromkeys(key for _, logs in results for key in logs)
        sums |= {key: sum(logs.get(key, 0.0) for _, logs in results) for key in keys}
        totals = self.runtime.sum_numbers(list(sums.values()))
        return {key: total / num_targets for key, total in zip(sums, totals, strict=True)}

    def in_turn(self, batches: list[tuple[Any, int]], factor: float) -> list[tuple[Tensor, dict[str, float]]]:
        """One micro-batch after another, all threads or the GPU on each."""
        results = []
        for batch, seed in batches:
            (seed_dropout if self.own_generators else torch.manual_seed)(seed)
            loss, logs = self.stage.loss(self.model, batch.to(self.runtime.device))
            (loss * factor).backward()
            results.append((loss.detach(), logs))
        return results

    def in_threads(self, batches: list[tuple[Any, int]], factor: float) -> list[tuple[Tensor, dict[str, float]]]:
        """As many micro-batches at a time as there are threads."""

        def one(seeded: tuple[Any, int]) -> tuple[Tensor, dict[str, float], tuple[Tensor | None, ...]]:
            batch, seed = seeded
            seed_dropout(seed)
            loss, logs = self.stage.loss(self.model, batch)
            return loss.detach(), logs, torch.autograd.grad(loss * factor, self.params, allow_unused=True)

        results, threads = [], self.runtime.threads
        for first in range(0, len(batches), threads):  # no more gradients at a time than threads
            for loss, logs, gradients in self.runtime.side_by_side(one, batches[first : first + threads]):
                accumulate(self.params, gradients)
                results.append((loss, logs))
        return results

    def sum_over_ranks(self) -> None:
        """Dense gradients in one message, sparse ones as rows and their numbers."""
        self.runtime.sum_many([p.grad for p in self.params if p.grad is not None and not p.grad.is_sparse])
        for p in self.params:
            if p.grad is not None and p.grad.is_sparse:
                p.grad = self.runtime.sum(p.grad.coalesce())  # each row once, for `gradient_values`


def add_up_rows(gradient: Tensor) -> Tensor:
    """A sparse gradient with each row once. Each micro-batch adds up its own, so that they sum as those of ranks do."""
    return gradient.coalesce() if gradient.is_sparse else gradient


def gradient_values(model: GPT) -> list[Tensor]:
    """The numbers of every gradient, to be changed in place; of a sparse one those of the rows that it has."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return [g.values() if g.is_sparse else g for g in gradients]


def accumulate(params: list[torch.nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    """Add gradients to those already there."""
    for parameter, gradient in zip(params, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def set_rates(optimizer: MuonAdamW, factor: float, step: int) -> None:
    """Learning rates and momentum of a step."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
        if group["kind"] == "muon":
            group["momentum"] = muon_momentum(step)


def clip(model: GPT, largest: float) -> float:
    """Scale the gradient down to norm `largest`; return the norm it had."""
    gradients = gradient_values(model)
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if 0 < largest < norm:
        torch._foreach_mul_(gradients, largest / (norm + 1e-6))
    return norm


def check_bad_steps(bad_steps: int, step: int) -> int:
    """A step without a finite gradient changes nothing; several in a row end the run."""
    if bad_steps >= MAX_BAD_STEPS:
        raise TrainingError(
            f"the gradient has not been finite for {bad_steps} steps up to step {step}. The last checkpoint is good: "
            "resume it with smaller learning rates or --dtype float32."
        )
    return bad_steps


def next_scale(scale: float, step: int, finite: bool) -> float:
    """float16's loss scale: halved when a gradient overflows, doubled every thousand steps."""
    if not finite:
        return max(1.0, scale / 2)
    return scale * 2 if step % 1000 == 999 else scale


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a flag that the loop reads after a step; a second one stops at once."""
    caught: list[int] = []

    def note(number: int, _: object) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    except ValueError:  # not the main thread: signals are someone else's
        pass
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
