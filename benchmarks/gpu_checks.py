"""What must hold on a GPU before its timings mean anything. Each check returns what it saw, or raises AssertionError.

They take a `Setting`, and so run on a CPU at a toy's shape, too.
"""

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import torch
import torch.distributed as dist
from contestants import RandomText, Setting, primer_trainer
from torch import Tensor

from primer.core.rundir import RunDir
from primer.core.runtime import Runtime, start_runtime
from primer.engine import windows
from primer.engine.engine import Engine
from primer.engine.sampling import SamplingConfig
from primer.model.families import FAMILIES, ShapeOverrides, shape
from primer.model.gpt import GPT
from primer.model.optim import MuonAdamW, OptimConfig, build_optimizer
from primer.train.batches import split_rows
from primer.train.checkpoint import Progress, load_newest, save_checkpoint
from primer.train.loop import Hook, LoopConfig, train


@contextmanager
def runtime_of(setting: Setting) -> Iterator[Runtime]:
    """The device of a setting."""
    with start_runtime(setting.runtime()) as runtime:
        yield runtime


def make_model(setting: Setting, runtime: Runtime, family: str = "primer") -> GPT:
    """A model whose every matrix is random: as it starts, a primer model is the identity between two tables."""
    overrides = ShapeOverrides(width=setting.width, num_heads=setting.num_heads)
    torch.manual_seed(1)
    model = GPT(shape(family, setting.num_layers, setting.vocab_size, setting.context, overrides))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2 and parameter.size(1) > 2:  # not the (layers, 2) scalars of the mix
                parameter.normal_(std=0.05)
    model.compute_dtype = runtime.dtype
    return model.to(runtime.device)


def one_batch(setting: Setting, runtime: Runtime) -> tuple[Tensor, Tensor]:
    """Inputs and targets, (batch_rows, context) each, on the device."""
    batch = split_rows(setting.rows()[0].numpy()).to(runtime.device)
    return batch.inputs, batch.targets


def learns_compiled(setting: Setting) -> str:
    """Compiled, and in the dtype that the hardware multiplies: the loss on one batch falls."""
    trainer = primer_trainer(replace(setting, num_batches=1), "primer", compiled=True)
    losses = [step.loss for step in trainer.train(15)]
    assert losses[-1] < losses[0] - 0.5, f"15 steps on one batch: {losses[0]:.3f} to {losses[-1]:.3f}"
    return f"{trainer.dtype}: {losses[0]:.3f} to {losses[-1]:.3f} in 15 steps"


def learns_float16(setting: Setting) -> str:
    """With the loss scaled, as on GPUs without bfloat16."""
    trainer = primer_trainer(replace(setting, num_batches=1, dtype="float16"), "primer", compiled=False)
    losses = [step.loss for step in trainer.train(15)]
    assert losses[-1] < losses[0] - 0.5, f"15 steps on one batch: {losses[0]:.3f} to {losses[-1]:.3f}"
    return f"{losses[0]:.3f} to {losses[-1]:.3f} in 15 steps"


def compiled_equals_eager(setting: Setting) -> str:
    """The same loss, and a gradient that points the same way."""
    with runtime_of(setting) as runtime:
        model, batch = make_model(setting, runtime), one_batch(setting, runtime)
        found = []
        for losses in (model.token_losses, torch.compile(model.token_losses)):
            model.zero_grad(set_to_none=True)
            loss = losses(*batch).mean()
            loss.backward()
            gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
            found.append((loss.item(), gradient))
    (eager, eager_gradient), (compiled, compiled_gradient) = found
    cosine = float(torch.cosine_similarity(eager_gradient.double(), compiled_gradient.double(), dim=0))
    assert abs(eager - compiled) < (1e-4 if runtime.dtype == torch.float32 else 2e-2), (eager, compiled)
    assert cosine > 0.99, f"cosine of the gradients {cosine:.4f}"
    return f"{runtime.dtype}: loss {eager:.5f} and {compiled:.5f}, cosine of the gradients {cosine:.6f}"


def families_equal_cpu(setting: Setting) -> str:
    """Logits of every family in float32 as on the CPU, to 1e-3 of their size."""
    worst = 0.0
    with runtime_of(replace(setting, dtype="float32")) as runtime:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")  # no TF32, whose ten bits are another question
        for family in FAMILIES:
            model, (ids, _) = make_model(setting, runtime, family), one_batch(setting, runtime)
            with torch.no_grad():
                there = model(ids[:2]).cpu()
                here = model.cpu()(ids[:2].cpu())
            worst = max(worst, float((there - here).abs().max() / here.abs().max()))
        torch.set_float32_matmul_precision(before)
    assert worst < 1e-3, f"relative difference {worst:.1e}"
    return f"{', '.join(FAMILIES)}: largest difference {worst:.1e}"


def resumes_exactly(setting: Setting) -> str:
    """Six steps at once, and three, a checkpoint and three more: the same weights.

    Two runs at once may differ too, where a kernel adds in no fixed order; a resumed one may differ by no more.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS refuses to be deterministic
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            unbroken, again = train_six(setting, None), train_six(setting, None)
            resumed = train_six(setting, RunDir(Path(folder)))
    finally:
        torch.use_deterministic_algorithms(False)
    noise, difference = furthest(unbroken, again), furthest(unbroken, resumed)
    assert difference <= 4 * noise, f"resumed differs by {difference:.1e}, two runs by {noise:.1e}"
    return "to the last bit" if difference == 0 else f"differs by {difference:.1e}, two runs by {noise:.1e}"


def train_six(setting: Setting, run: RunDir | None) -> list[Tensor]:
    """The weights after six steps; with a run's folder, by way of a checkpoint after the third."""

    def start(runtime: Runtime) -> tuple[GPT, MuonAdamW, Progress]:
        model = make_model(setting, runtime)
        return model, build_optimizer(model, OptimConfig()), Progress()

    with runtime_of(setting) as runtime:
        stage = RandomText(setting, setting.micro_rows or setting.batch_rows)
        loop, parts = LoopConfig(num_steps=6, warmup_steps=2), start(runtime)
        if run:
            stop = Hook(3, lambda _: stop_after_saving(run, *parts), at_end=False)
            try:
                train(stage, parts[0], parts[1], loop, runtime, parts[2], [stop], lambda: None)
            except StopIteration:
                parts = start(runtime)
            parts = parts[0], parts[1], load_newest(run, parts[0], parts[1], print)
            assert parts[2].step == 3
        train(stage, parts[0], parts[1], loop, runtime, parts[2], [], lambda: None)
        return [p.detach().cpu() for p in parts[0].parameters()]


def stop_after_saving(run: RunDir, model: GPT, optimizer: MuonAdamW, progress: Progress) -> None:
    """Save, and leave the loop."""
    save_checkpoint(run, model, optimizer, progress, keep=1)
    raise StopIteration


def furthest(a: list[Tensor], b: list[Tensor]) -> float:
    """The largest difference between two lists of weights."""
    return max(float((x - y).abs().max()) for x, y in zip(a, b, strict=True))


def fsdp_steps(setting: Setting) -> str:
    """FSDP2 (`fully_shard`) on one rank: an AdamW step with the loss and the weights of the plain model."""
    from torch.distributed import HashStore  # type: ignore[attr-defined]
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
    from torch.distributed.tensor import DTensor

    with runtime_of(replace(setting, dtype="float32")) as runtime:
        batch, results = one_batch(setting, runtime), []
        backend = "nccl" if runtime.device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)
        try:
            for sharded in (False, True):
                model = make_model(setting, runtime)
                if sharded:
                    mesh = init_device_mesh(runtime.device.type, (1,))
                    for block in model.blocks:
                        fully_shard(block, mesh=mesh)
                    fully_shard(model, mesh=mesh)
                    register_fsdp_forward_method(model, "token_losses")  # training does not call forward
                optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, eps=1e-3)
                loss = model.token_losses(*batch).mean()
                loss.backward()
                optimizer.step()
                weights = [p.full_tensor() if isinstance(p, DTensor) else p for p in model.parameters()]
                results.append((loss.item(), [w.detach().cpu() for w in weights]))
        finally:
            dist.destroy_process_group()
    (plain_loss, plain), (sharded_loss, shards) = results
    difference = furthest(plain, shards)
    assert abs(plain_loss - sharded_loss) < 1e-4, (plain_loss, sharded_loss)
    assert difference < 1e-3, f"weights differ by {difference:.1e} after a step"
    return f"loss {plain_loss:.5f} and {sharded_loss:.5f}, weights within {difference:.1e}"


def cuda_graphs(setting: Setting) -> str:
    """The engine writes with recorded steps what it writes without, and how much faster."""
    with runtime_of(replace(setting, dtype="float32")) as runtime:
        model, (ids, _) = make_model(setting, runtime).eval(), one_batch(setting, runtime)
        prompts = [row[: 4 + place].tolist() for place, row in enumerate(ids)]
        sampling = SamplingConfig(temperature=0, max_tokens=setting.context // 2)
        texts, seconds = [], []
        for recorded in ((), (runtime.device.type,)):
            with (
                patch.object(windows, "RECORDED_ON", recorded),
                patch.object(windows.Loops, "can_run", lambda _: False),
            ):
                engine = Engine(model, setting.vocab_size)
                engine.complete(prompts, sampling)  # warms up
                began = perf_counter()
                texts.append(engine.complete(prompts, sampling))
                seconds.append(perf_counter() - began)
    same = statistics.mean(a == b for text, other in zip(*texts, strict=True) for a, b in zip(text, other, strict=True))
    # Two equal logits may fall the other way, and everything after them differs.
    assert [text[:8] for text in texts[0]] == [text[:8] for text in texts[1]], "the first tokens differ"
    return f"{same:.0%} of the tokens are the same, {seconds[0] / seconds[1]:.2f} × as fast as step by step"


CHECKS: dict[str, Callable[[Setting], str]] = {
    "families as on the CPU": families_equal_cpu,
    "compiled as eager": compiled_equals_eager,
    "learns, compiled": learns_compiled,
    "learns in float16": learns_float16,
    "resumes exactly": resumes_exactly,
    "FSDP2 on one rank": fsdp_steps,
    "CUDA graphs in decoding": cuda_graphs,
}


def run_checks(setting: Setting) -> dict[str, bool]:
    """Every check, printed as it ends: whether it held."""
    held = {}
    for name, check in CHECKS.items():
        try:
            line, held[name] = check(setting), True
        except Exception as error:  # one that fails must not hide the next
            line, held[name] = f"{type(error).__name__}: {error}", False
        print(f"{'ok    ' if held[name] else 'FAILED'}  {name}: {line}", flush=True)
    return held
