"""Who races in training: Primer, nanoGPT and nanochat, each taking steps as its own training script takes them.

The others are read from a checkout that the person names; nothing of theirs is here. All are given one shape and the
same batches. A contestant runs in a process of its own (`Side`), so that its threads, its dtype and its compiled code
stay its own; it sleeps while another runs.
"""

import contextlib
import gc
import importlib.util
import io
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, Literal, NamedTuple, cast

import torch
from common import synchronize
from torch import Tensor, nn

from primer.core.runtime import Dtype, RuntimeConfig, start_runtime
from primer.model.families import ShapeOverrides, shape
from primer.model.gpt import GPT
from primer.model.optim import OptimConfig, build_optimizer
from primer.train.batches import Batch, split_rows
from primer.train.checkpoint import Progress
from primer.train.dial import micro_rows
from primer.train.loop import Hook, LoopConfig, train


@dataclass(frozen=True)
class Setting:
    """One shape for everyone. The ids are random: speed does not depend on what they say."""

    num_layers: int = 6
    num_heads: int = 6
    width: int = 384
    vocab_size: int = 4096
    context: int = 256
    batch_rows: int = 16
    micro_rows: int | None = None
    """Rows of one forward pass; None: Primer's own choice, and for the others the whole batch."""
    device: str = "cpu"
    threads: int = 0
    """Primer's; 0: all cores, as the others have."""
    dtype: Dtype = "auto"
    """Primer's; the others compute in what they choose, or are forced to."""
    num_batches: int = 4
    """Different batches, gone through again and again."""

    @property
    def step_tokens(self) -> int:
        """Tokens of an optimizer step."""
        return self.batch_rows * self.context

    def runtime(self) -> RuntimeConfig:
        """Where Primer computes."""
        return RuntimeConfig(device=self.device, dtype=self.dtype, threads=self.threads)

    def rows(self) -> list[Tensor]:
        """The batches, each (batch_rows, context + 1)."""
        generator = torch.Generator().manual_seed(0)
        size = (self.batch_rows, self.context + 1)
        return [torch.randint(self.vocab_size, size, generator=generator) for _ in range(self.num_batches)]


class StepDone(NamedTuple):
    """One optimizer step."""

    seconds: float
    loss: float


@dataclass(frozen=True)
class Trainer:
    """A model ready to train."""

    train: Callable[[int], list[StepDone]]
    """Take so many optimizer steps, going on from where the last call ended."""
    flops_per_token: int
    dtype: str


class RandomText:
    """A stage of Primer's loop on a setting's batches."""

    reads_ahead = True

    def __init__(self, setting: Setting, rows_at_once: int) -> None:
        self.rows, self.rows_at_once = setting.rows(), rows_at_once

    def batches(self, step: int) -> list[Batch]:
        """The micro-batches of a step."""
        pieces = self.rows[step % len(self.rows)].split(self.rows_at_once)
        return [split_rows(piece.numpy()) for piece in pieces]

    def loss(self, model: GPT, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The sum over the next tokens, as in pretraining."""
        return model.token_losses(batch.inputs, batch.targets).sum(), {}


def primer_trainer(setting: Setting, family: str, compiled: bool, window_pattern: str = "L") -> Trainer:
    """Primer's own loop, optimizer and choice of micro-batches."""
    overrides = ShapeOverrides(width=setting.width, num_heads=setting.num_heads)
    config = shape(
        family, setting.num_layers, setting.vocab_size, setting.context, overrides, window_pattern=window_pattern
    )
    with start_runtime(setting.runtime()) as runtime:
        torch.manual_seed(1)
        model = GPT(config).to(runtime.device)
        model.compute_dtype = runtime.dtype
        optimizer, progress = build_optimizer(model, OptimConfig()), Progress()
        stage = RandomText(setting, setting.micro_rows or micro_rows(config, setting.batch_rows, runtime))
        if compiled:
            model.token_losses = torch.compile(model.token_losses)  # type: ignore[method-assign]

    def take(num_steps: int) -> list[StepDone]:
        done: list[StepDone] = []
        note = Hook(1, lambda step: done.append(StepDone(step.metrics["step_seconds"], step.metrics["loss"])))
        loop = LoopConfig(num_steps=progress.step + num_steps)
        train(stage, model, optimizer, loop, runtime, progress, [note], lambda: None, compiled)
        return done

    return Trainer(take, model.flops_per_token(), str(runtime.dtype).removeprefix("torch."))


def nanogpt_trainer(checkout: Path, setting: Setting, compiled: bool) -> Trainer:
    """nanoGPT's model and AdamW, in the step of its train.py: float32 on a CPU, bfloat16 autocast on a GPU."""
    module, device = load_module("nanogpt_model", checkout / "model.py"), torch.device(setting.device)
    on_gpu = device.type == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of its parameters
        model = module.GPT(module.GPTConfig(
            block_size=setting.context, vocab_size=setting.vocab_size, n_layer=setting.num_layers,
            n_head=setting.num_heads, n_embd=setting.width, dropout=0.0, bias=False,
        )).to(device)  # fmt: skip
        optimizer = model.configure_optimizers(0.1, 6e-4, (0.9, 0.95), device.type)
    forward = torch.compile(model) if compiled else model
    context = partial(torch.autocast, "cuda", torch.bfloat16) if on_gpu else contextlib.nullcontext

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        with context():
            _, loss = forward(x, y)
            return cast(Tensor, loss)

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    steps = rival_steps(setting, loss_of, update)
    return Trainer(steps, flops_per_token(model, setting), "bfloat16" if on_gpu else "float32")


def nanochat_trainer(checkout: Path, setting: Setting, dtype: str | None) -> Trainer:
    """nanochat's model and Muon + AdamW, compiled as in its base_train.py. It computes in float32 on a CPU and in
    bfloat16 on a GPU, unless `dtype` says otherwise."""
    if dtype:
        os.environ["NANOCHAT_DTYPE"] = dtype  # read when its first module is imported
    sys.path.insert(0, str(checkout))
    nanochat, device = importlib.import_module("nanochat.gpt"), torch.device(setting.device)
    torch.set_float32_matmul_precision("high")
    with torch.device("meta"), contextlib.redirect_stdout(io.StringIO()):
        model = nanochat.GPT(nanochat.GPTConfig(
            sequence_len=setting.context, vocab_size=setting.vocab_size, n_layer=setting.num_layers,
            n_head=setting.num_heads, n_kv_head=setting.num_heads, n_embd=setting.width, window_pattern="L",
        ))  # fmt: skip
    model.to_empty(device=device)
    model.init_weights()
    with contextlib.redirect_stdout(io.StringIO()):
        optimizer = model.setup_optimizer()
    forward = torch.compile(model, dynamic=False)

    def update() -> None:
        optimizer.step()
        model.zero_grad(set_to_none=True)

    gc.collect()
    gc.freeze()
    gc.disable()  # as it does, after its first step
    chosen = str(nanochat.COMPUTE_DTYPE).removeprefix("torch.")
    return Trainer(rival_steps(setting, forward, update), flops_per_token(model, setting), chosen)


def rival_steps(
    setting: Setting, loss_of: Callable[[Tensor, Tensor], Tensor], update: Callable[[], None]
) -> Callable[[int], list[StepDone]]:
    """The step that nanoGPT and nanochat share: mean loss of each micro-batch, accumulated, then an update."""
    device = torch.device(setting.device)
    batches = [rows.to(device).split(setting.micro_rows or len(rows)) for rows in setting.rows()]
    shifted = [[(piece[:, :-1].contiguous(), piece[:, 1:].contiguous()) for piece in pieces] for pieces in batches]
    steps = cycle(shifted)

    def take(num_steps: int) -> list[StepDone]:
        done = []
        for _ in range(num_steps):
            micro_batches = next(steps)
            synchronize(device)
            started = perf_counter()
            losses = []
            for x, y in micro_batches:
                loss = loss_of(x, y) / len(micro_batches)
                loss.backward()
                losses.append(loss.detach())
            update()
            value = float(torch.stack(losses).sum())
            synchronize(device)
            done.append(StepDone(perf_counter() - started, value))
        return done

    return take


def flops_per_token(model: nn.Module, setting: Setting) -> int:
    """Of training, counted as Primer counts its own: 6 a weight of a linear map, 12 × width × context a layer."""
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear))
    return 6 * weights + 12 * setting.width * setting.context * setting.num_layers


def load_module(name: str, path: Path) -> ModuleType:
    """Import one file under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        sys.exit(f"{path} does not exist: is {path.parent} the right checkout?")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Side:
    """A contestant in a process of its own."""

    def __init__(self, name: str, build: Callable[[], Trainer]) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, build))
        self.process.start()
        theirs.close()
        self.flops_per_token, self.dtype = self._receive()

    def train(self, num_steps: int) -> list[StepDone]:
        """Take so many steps; the call returns when they are done."""
        self.pipe.send(num_steps)
        done: list[StepDone] = self._receive()
        return done

    def close(self) -> None:
        """Let the process end."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(0)
        self.process.join()

    def _receive(self) -> Any:
        kind, value = self.pipe.recv()
        if kind == "error":
            raise RuntimeError(f"{self.name} failed:\n{value}")
        return value


def serve(pipe: Connection, build: Callable[[], Trainer]) -> None:
    """The other process: build the trainer, then train as often as asked, until asked for 0 steps."""
    kind: Literal["ok", "error"] = "ok"
    try:
        trainer = build()
        pipe.send((kind, (trainer.flops_per_token, trainer.dtype)))
        while num_steps := pipe.recv():
            pipe.send((kind, trainer.train(num_steps)))
    except Exception:  # whatever it is, the asking process tells it
        pipe.send(("error", traceback.format_exc()))


@contextlib.contextmanager
def open_sides(builders: dict[str, Callable[[], Trainer]], warmup: int) -> Iterator[list[Side]]:
    """Start every contestant, one after the other, and let it warm up: what it compiles, it compiles now."""
    sides: list[Side] = []
    try:
        for name, build in builders.items():
            started = perf_counter()
            sides.append(Side(name, build))
            sides[-1].train(warmup)
            print(f"{name} is ready after {perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        yield sides
    finally:
        for side in sides:
            side.close()


def race(
    sides: Sequence[Side], rounds: int, steps: int, between: Callable[[], None] = lambda: None
) -> dict[str, list[float]]:
    """Seconds of every step by contestant. They alternate, so that a busy minute of the machine hits them all."""
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        between()
        for side in sides:
            seconds[side.name] += [step.seconds for step in side.train(steps)]
    return seconds
