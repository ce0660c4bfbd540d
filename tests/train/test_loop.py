"""The loop: the gradient it computes, the steps it skips, and when hooks run."""

import dataclasses
import math
import os
import signal
import threading
from collections.abc import Callable

import pytest
import tiny
import torch
import torch.nn.functional as F
from torch import Tensor

from primer.core.errors import ConfigError, Interrupted, TrainingError
from primer.core.runtime import Runtime
from primer.model.gpt import GPT, IGNORE
from primer.model.optim import build_optimizer, muon_momentum, trapezoid
from primer.train.batches import Batch
from primer.train.checkpoint import Progress
from primer.train.loop import (
    MAX_BAD_STEPS,
    Gradients,
    Hook,
    LoopConfig,
    Step,
    clip,
    interruptible,
    next_scale,
    train,
)

LOOP = LoopConfig(num_steps=10, warmup_steps=2)


def batch(rows: int, seed: int, masked: float = 0.0) -> Batch:
    """Random ids, a share of the targets masked."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 64, (rows, tiny.CONTEXT + 1), generator=generator)
    targets = ids[:, 1:].clone()
    targets[torch.rand(targets.shape, generator=generator) < masked] = IGNORE
    return Batch(ids[:, :-1], targets)


class Text:
    """A stage with given batches; `spoil` may change the loss of a step."""

    reads_ahead = True

    def __init__(self, *batches: Batch, spoil: Callable[[int, Tensor], Tensor] | None = None) -> None:
        self.given, self.spoil, self.step = list(batches), spoil, 0

    def batches(self, step: int) -> list[Batch]:
        self.step = step
        return self.given

    def loss(self, model: GPT, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        loss = model.token_losses(batch.inputs, batch.targets).sum()
        if self.spoil is not None:
            loss = self.spoil(self.step, loss)
        return loss, {"twos": 2.0 * batch.num_targets}


def run(
    model: GPT, stage: Text, loop: LoopConfig = LOOP, runtime: Runtime = tiny.CPU, hooks: tuple[Hook, ...] = (),
    progress: Progress | None = None, save: Callable[[], None] = lambda: None,
) -> tuple[Progress, list[dict[str, float]]]:  # fmt: skip
    """Train; the metrics of every step."""
    rows: list[dict[str, float]] = []
    keep = Hook(1, lambda step: rows.append(dict(step.metrics)))
    optimizer = build_optimizer(model, tiny.pretrain_config(tiny.Path()).optim)
    return train(stage, model, optimizer, loop, runtime, progress or Progress(), (keep, *hooks), save), rows


def gradients_of(
    model: GPT, batches: list[Batch], runtime: Runtime = tiny.CPU, scale: float = 1.0
) -> dict[str, Tensor]:
    """What the loop computes for these micro-batches."""
    model.zero_grad(set_to_none=True)
    Gradients(Text(), model, runtime, compiled=False).compute(batches, scale)
    return dense_gradients(model)


def dense_gradients(model: GPT) -> dict[str, Tensor]:
    """A copy of every gradient; that of the n-grams is sparse after `Gradients`."""
    return {name: p.grad.to_dense().clone() for name, p in model.named_parameters() if p.grad is not None}


def plain_gradients(model: GPT, batches: list[Batch]) -> tuple[float, dict[str, Tensor]]:
    """PyTorch's mean loss over all targets of one big batch, and its gradient."""
    model.zero_grad(set_to_none=True)
    inputs = torch.cat([b.inputs for b in batches])
    targets = torch.cat([b.targets for b in batches])
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORE)
    loss.backward()
    return float(loss.detach()), dense_gradients(model)


def test_micro_batches_with_unequal_masks_are_one_big_batch() -> None:
    model = tiny.model(zero_init=False)
    batches = [batch(2, 1), batch(3, 2, masked=0.9), batch(1, 3, masked=1.0), batch(4, 4, masked=0.5)]
    loss, expected = plain_gradients(model, batches)
    for runtime in (tiny.CPU, dataclasses.replace(tiny.CPU, threads=2)):
        assert tiny.furthest(gradients_of(model, batches, runtime), expected) < 1e-6
        metrics = Gradients(Text(), model, runtime, False).compute(batches, 1.0)
        assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
        assert metrics["twos"] == 2.0  # what a stage logs is a sum over targets, too


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_threads_change_nothing_and_repeat_exactly(dropout: float) -> None:
    batches = [batch(2, seed, masked=0.3) for seed in range(5)]
    finals = []
    for threads in (1, 2, 2):
        model = tiny.model(dropout=dropout)
        run(model, Text(*batches), runtime=dataclasses.replace(tiny.CPU, threads=threads))
        finals.append(tiny.weights(model))
    assert tiny.furthest(finals[0], finals[1]) < 1e-6
    assert tiny.same(finals[1], finals[2])


def test_one_batch_is_learnt_by_heart() -> None:
    model = tiny.model()
    _, rows = run(model, Text(batch(2, 1), batch(2, 2)), dataclasses.replace(LOOP, num_steps=60))
    assert rows[0]["loss"] == pytest.approx(math.log(64), rel=0.02)  # knows nothing
    assert rows[-1]["loss"] < 0.02


def test_bfloat16_learns_too() -> None:
    model = tiny.model()
    model.compute_dtype = torch.bfloat16
    runtime = dataclasses.replace(tiny.CPU, dtype=torch.bfloat16)
    _, rows = run(model, Text(batch(2, 1)), dataclasses.replace(LOOP, num_steps=30), runtime)
    assert rows[-1]["loss"] < 0.3
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_rates_follow_the_schedules() -> None:
    seen: list[tuple[float, list[float], float]] = []

    def look(step: Step) -> None:
        groups = step.optimizer.param_groups
        seen.append((step.metrics["lr"], [g["lr"] / g["initial_lr"] for g in groups], groups[0]["momentum"]))

    run(tiny.model(), Text(batch(1, 1)), hooks=(Hook(1, look),))
    for step, (factor, ratios, momentum) in enumerate(seen):
        assert factor == trapezoid(step, 10, 2, LOOP.decay, LOOP.final_lr)
        assert ratios == pytest.approx([factor] * len(ratios))
        assert momentum == muon_momentum(step)


@pytest.mark.parametrize("largest", [0.0, 0.01, 1e9])
def test_clipping_is_pytorchs(largest: float) -> None:
    model, batches = tiny.model(zero_init=False), [batch(2, 1)]
    gradients_of(model, batches)
    norm = clip(model, largest)
    clipped = dense_gradients(model)
    plain_gradients(model, batches)
    for p in model.parameters():
        p.grad = None if p.grad is None else p.grad.to_dense()
    expected = torch.nn.utils.clip_grad_norm_(model.parameters(), largest or math.inf)
    assert norm == pytest.approx(float(expected), rel=1e-5)
    for name, p in model.named_parameters():
        assert p.grad is None or torch.allclose(clipped[name], p.grad, rtol=1e-4, atol=1e-7)


def test_the_gradient_of_the_ngrams_has_the_rows_that_were_read() -> None:
    """Of micro-batches and threads together, each row once; and a plain model has a plain gradient."""
    model, batches = tiny.model(zero_init=False, ngram_buckets=4096), [batch(2, 1), batch(2, 2), batch(2, 1)]
    _, expected = plain_gradients(model, batches)
    assert model.ngram_embed is not None
    table = model.ngram_embed.weight
    assert table.grad is not None
    assert not table.grad.is_sparse
    gradients = gradients_of(model, batches, dataclasses.replace(tiny.CPU, threads=2))
    assert table.grad.is_sparse
    read = gradients["ngram_embed.weight"].any(dim=1).nonzero().flatten()
    assert table.grad.indices().tolist() == [read.tolist()]
    assert len(read) < len(table) / 20
    assert tiny.furthest(gradients, expected) < 1e-6


def test_a_compiled_model_has_a_dense_gradient() -> None:
    """torch.compile knows no other; the numbers are the same."""
    model, batches = tiny.model(zero_init=False), [batch(2, 1)]
    sparse = gradients_of(model, batches)
    model.zero_grad(set_to_none=True)
    Gradients(Text(), model, tiny.CPU, compiled=True).compute(batches, 1.0)
    assert all(p.grad is None or not p.grad.is_sparse for p in model.parameters())
    assert tiny.furthest(sparse, dense_gradients(model)) < 1e-6


def test_a_step_without_targets() -> None:
    with pytest.raises(TrainingError, match="without a single target"):
        run(tiny.model(), Text(batch(2, 1, masked=1.0)))


def test_a_run_of_no_steps() -> None:
    with pytest.raises(ConfigError, match="--num-steps"):
        run(tiny.model(), Text(batch(1, 1)), LoopConfig(num_steps=0))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(bad: float) -> None:
    model, before = tiny.model(), {}

    def spoil(step: int, loss: Tensor) -> Tensor:
        return loss * bad if step == 3 else loss

    def look(step: Step) -> None:
        number, now = step.progress.step, tiny.weights(model)
        assert tiny.same(before, now) == (number == 4)
        before.update(now)

    stage = Text(batch(1, 1), spoil=spoil)
    progress, rows = run(model, stage, hooks=(Hook(1, look),))
    assert progress.step == 10
    assert [math.isfinite(row["grad_norm"]) for row in rows] == [number != 3 for number in range(10)]


def test_a_row_of_such_steps_ends_the_run() -> None:
    model = tiny.model()
    start, progress = tiny.weights(model), Progress()
    with pytest.raises(TrainingError, match=f"{MAX_BAD_STEPS} steps.*resume it with smaller") as error:
        run(model, Text(batch(1, 1), spoil=lambda _, loss: loss * math.nan), progress=progress)
    assert error.value.exit_code == 1
    assert progress.step == MAX_BAD_STEPS - 1
    assert tiny.same(tiny.weights(model), start)


def test_the_loss_scale() -> None:
    assert next_scale(1024.0, 5, finite=False) == 512
    assert next_scale(1.0, 5, finite=False) == 1
    assert next_scale(1024.0, 5, finite=True) == 1024
    assert next_scale(1024.0, 999, finite=True) == 2048


def test_float16_scales_the_loss_and_not_the_gradient() -> None:
    half = dataclasses.replace(tiny.CPU, dtype=torch.float16)  # the model computes in float32: only the scale differs
    batches = [batch(2, 1), batch(2, 2, masked=0.5)]
    model = tiny.model(zero_init=False)
    plain = gradients_of(model, batches)
    seen: list[float] = []
    model.head.weight.register_hook(lambda gradient: seen.append(float(gradient.abs().max())))
    assert tiny.furthest(gradients_of(model, batches, half, scale=1024.0), plain) < 1e-7
    plain_peak = float(plain["head.weight"].abs().max())
    assert max(seen) > 100 * plain_peak


def test_float16_lowers_the_scale_when_a_gradient_overflows() -> None:
    half = dataclasses.replace(tiny.CPU, dtype=torch.float16)
    stage = Text(batch(1, 1), spoil=lambda step, loss: loss * math.inf if step < 3 else loss)
    progress, rows = run(tiny.model(), stage, runtime=half)
    assert progress.loss_scale == Progress().loss_scale / 8
    assert sum(not math.isfinite(row["grad_norm"]) for row in rows) == 3


@pytest.mark.parametrize(
    ("every", "at_end", "due"),
    [(1, True, list(range(1, 11))), (4, True, [4, 8, 10]), (4, False, [4, 8]), (0, True, [10]), (0, False, [])],
)
def test_hooks_are_due(every: int, at_end: bool, due: list[int]) -> None:
    seen: list[int] = []
    run(tiny.model(), Text(batch(1, 1)), hooks=(Hook(every, lambda s: seen.append(s.progress.step), at_end),))
    assert seen == due


def test_what_is_counted() -> None:
    progress, rows = run(tiny.model(), Text(batch(2, 1), batch(1, 2)))
    assert progress.tokens == 10 * 3 * tiny.CONTEXT
    assert progress.seconds == pytest.approx(sum(row["step_seconds"] for row in rows))
    for row in rows:
        assert row["tokens_per_second"] == pytest.approx(3 * tiny.CONTEXT / row["step_seconds"])


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_loop_in_two_parts_is_the_same_loop(dropout: float) -> None:
    whole, halves = tiny.model(dropout=dropout), tiny.model(dropout=dropout)
    run(whole, Text(batch(2, 1), batch(2, 2)))
    optimizer = build_optimizer(halves, tiny.pretrain_config(tiny.Path()).optim)
    progress = Progress()

    def stop(step: Step) -> None:
        if step.progress.step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    for hooks in ((Hook(1, stop),), ()):
        torch.rand(7)  # what happens between the parts must not matter
        try:
            train(Text(batch(2, 1), batch(2, 2)), halves, optimizer, LOOP, tiny.CPU, progress, hooks, lambda: None)
        except Interrupted:
            assert progress.step == 4
    assert progress.step == 10
    assert tiny.same(tiny.weights(whole), tiny.weights(halves))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops_after_the_step(number: signal.Signals) -> None:
    saved: list[int] = []
    progress = Progress()
    before = signal.getsignal(number)
    hook = Hook(3, lambda _: os.kill(os.getpid(), number))
    with pytest.raises(Interrupted, match="after step 3; everything is saved"):
        run(tiny.model(), Text(batch(1, 1)), hooks=(hook,), progress=progress, save=lambda: saved.append(progress.step))
    assert saved == [3]
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once() -> None:
    with interruptible() as interrupted:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_signals_are_left_alone_in_other_threads() -> None:
    seen: list[bool] = []

    def look() -> None:
        with interruptible() as interrupted:
            seen.append(interrupted())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [False]
