"""Where and how to compute: device, dtype, threads, ranks. One value, made once and passed in."""

import ctypes
import gc
import os
import platform
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from primer.core.errors import ConfigError

T = TypeVar("T")
R = TypeVar("R")
Dtype = Literal["auto", "float32", "bfloat16", "float16"]

# bfloat16 products need an instruction to be faster than float32: with it 800 against 200 GFLOP/s on two cores,
# without it (AVX2) 1 against 120.
BF16_CPU_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")  # the last is ARM's

PATIENCE = timedelta(days=2)  # with the first rank, while it makes tokens of a large text

# Dense bfloat16 peak in FLOP/s, from the makers' data sheets.
PEAK_FLOPS = {
    "H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "GH200": 989e12, "B200": 2250e12, "A100": 312e12,
    "A10G": 70e12, "L40S": 362e12, "L4": 121e12, "V100": 125e12, "T4": 65e12,
    "RTX 5090": 209.5e12, "RTX 4090": 165.2e12, "RTX 3090": 71e12,
}  # fmt: skip


@dataclass(frozen=True)
class RuntimeConfig:
    """Where and how to compute."""

    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:N or mps."""
    dtype: Dtype = "auto"
    """Activations; weights stay in float32. auto: bfloat16 where the hardware multiplies it, else float32."""
    threads: int = 0
    """CPU threads of each process; 0: the cores of the machine shared among its ranks."""


@dataclass(frozen=True)
class Runtime:
    """What `RuntimeConfig` came to on this machine."""

    device: torch.device
    dtype: torch.dtype
    reason: str
    """Why this dtype, for the person."""
    rank: int = 0
    world_size: int = 1
    threads: int = 1
    patient: Callable[[], Any] = lambda: None
    """Gives the group of ranks that `barrier` waits in. Sums wait as long as PyTorch does, minutes: there nobody has
    work of its own, and a rank that does not come has failed."""

    @property
    def is_main(self) -> bool:
        """Whether this rank prints and writes."""
        return self.rank == 0

    @property
    def processes(self) -> int:
        """How many forks of this process have a core each (`core/workers.py`): one where a GPU computes."""
        return self.threads if self.device.type == "cpu" else 1

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads)

    def side_by_side(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """function of each item, in their order: on a CPU as many at a time as there are threads, each on one core.
        Threads that never wait for each other do more than those that share every small product."""
        if self.device.type != "cpu" or self.threads == 1:
            return [function(item) for item in items]

        def alone(item: T) -> R:
            torch.set_num_threads(1)
            return function(item)

        try:
            return list(self._pool.map(alone, items))
        finally:
            torch.set_num_threads(self.threads)

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the ranks, in place."""
        if self.world_size > 1:
            dist.all_reduce(tensor)
        return tensor

    def sum_numbers(self, numbers: list[float]) -> list[float]:
        """Sum plain numbers over the ranks, in float64 (which MPS does not have: there they stay on the host)."""
        device = self.device if self.device.type == "cuda" else torch.device("cpu")
        total: list[float] = self.sum(torch.tensor(numbers, dtype=torch.float64, device=device)).tolist()
        return total

    def sum_many(self, tensors: list[Tensor]) -> None:
        """Sum many tensors over the ranks in place, packed into one message for each dtype."""
        if self.world_size == 1:
            return
        for dtype in dict.fromkeys(t.dtype for t in tensors):  # every rank in the same order
            group = [t for t in tensors if t.dtype == dtype]
            flat = self.sum(torch.cat([t.flatten() for t in group]))
            for tensor, part in zip(group, flat.split([t.numel() for t in group]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def barrier(self) -> None:
        """Wait for every rank, however long the first has work that the others need."""
        if self.world_size > 1:
            dist.barrier(self.patient())

    def synchronize(self) -> None:
        """Wait for the device, so that a clock reads true."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def peak_flops(self) -> float | None:
        """Dense bfloat16 FLOP/s of the device by its data sheet; None where unknown."""
        if self.device.type != "cuda":
            return None
        name = torch.cuda.get_device_name(self.device)
        return next((flops for key, flops in PEAK_FLOPS.items() if key in name), None)

    def describe(self) -> str:
        """One line for the person: device, dtype and why, ranks."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        ranks = f", {self.world_size} ranks" if self.world_size > 1 else ""
        threads = f", {self.threads} threads" if self.device.type == "cpu" else ""
        return f"{name}{threads}{ranks}, {str(self.dtype).removeprefix('torch.')} ({self.reason})"


def cpu_flags() -> set[str]:
    """Instruction sets of this processor, as the kernel names them; empty where it does not say."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return set()
    lines = (line for line in info.read_text().splitlines() if line.lower().startswith(("flags", "features")))
    return set(next(lines, "").split(":", 1)[-1].split())


def choose_dtype(device: torch.device, flags: set[str]) -> tuple[torch.dtype, str]:
    """The activations' dtype for a device, and the reason in words."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        if major >= 8:
            return torch.bfloat16, f"compute capability {major}.{minor} multiplies it"
        return torch.float16, f"compute capability {major}.{minor} has no bfloat16; the loss is scaled"
    if device.type == "mps":
        return torch.float32, "the safe choice on MPS"
    found = [flag for flag in BF16_CPU_FLAGS if flag in flags]
    if found:
        return torch.bfloat16, f"the processor has {found[0]}"
    return torch.float32, "the processor has no bfloat16 instructions"


def choose_device(name: str, local_rank: int) -> torch.device:
    """The device of a name. Raises ConfigError if it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name} is not a device. Use auto, cpu, cuda, cuda:N or mps.") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"--device {name} is none that Primer computes on. Use auto, cpu, cuda, cuda:N or mps.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"--device {name}, but this PyTorch finds no CUDA device. Use --device cpu, or auto.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("--device mps, but this PyTorch finds no MPS device. Use --device cpu, or auto.")
    if name == "cuda":
        device = torch.device("cuda", local_rank)
    if device.type == "cuda" and device.index >= torch.cuda.device_count():
        raise ConfigError(f"--device {device}, but there are {torch.cuda.device_count()} CUDA devices, counted from 0.")
    return device


@contextmanager
def start_runtime(config: RuntimeConfig) -> Iterator[Runtime]:
    """Set up threads and, under torchrun, the ranks; take the ranks down at the end.

    Raises ConfigError for a device that is not there, or a number of threads below 0.
    """
    if config.threads < 0:
        raise ConfigError(f"--threads {config.threads}: give 1 or more, or 0 for all cores.")
    rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local_rank, local_size = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    device = choose_device(config.device, local_rank)
    dtype, reason = choose_dtype(device, cpu_flags())
    if config.dtype != "auto":
        dtype, reason = getattr(torch, config.dtype), "as asked"
    threads = config.threads or max(1, usable_cores() // local_size)
    torch.set_num_threads(threads)
    if device.type == "cpu":
        keep_freed_memory()
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    if world_size == 1:
        yield Runtime(device, dtype, reason, threads=threads)
        return
    # A gloo group's threads end with the last reference to it. One that outlives the interpreter may still hold a
    # tensor, and aborts the process. So PyTorch's module of collectives, whose default arguments are whatever group
    # there is when it is imported (by torch._dynamo, say), is imported before there is one, and ours is held weakly.
    import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    patient = weakref.ref(dist.new_group(backend="gloo", timeout=PATIENCE))
    try:
        yield Runtime(device, dtype, reason, rank, world_size, threads, patient)
    finally:
        dist.destroy_process_group()


def keep_freed_memory() -> None:
    """Ask glibc to reuse large blocks instead of returning them to the system after each use.

    Every step allocates the same activations. Handed back and forth, each page is faulted in and zeroed anew: without
    this a training step on a CPU takes 1.4 times as long, and elementwise operations up to 9 times. Elsewhere than on
    glibc it does nothing.
    """
    mmap_threshold, trim_threshold, arena_max = -3, -1, -8  # <malloc.h>
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(mmap_threshold, 2**30)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(arena_max, 1)  # a thread's own arena holds 64 MB at most, and dies with it


def release_freed_memory() -> None:
    """Return to the system, once, what is kept for reuse: what the last stage of a speedrun needed would count for the
    next, and be copied piece by piece by its forks."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def usable_cores() -> int:
    """Cores this process may run on (a container may allow fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keyed_rng(*key: int | str) -> np.random.Generator:
    """A generator that depends on its key alone, such as (seed, step, "windows").

    >>> bool(keyed_rng(1, "windows").integers(1000) == keyed_rng(1, "windows").integers(1000))
    True
    """
    words = [part if isinstance(part, int) else int.from_bytes(part.encode()) for part in key]
    return np.random.default_rng(np.random.SeedSequence(words))


def step_seed(seed: int, step: int, rank: int, part: int = 0) -> int:
    """The seed of what is drawn in one step (dropout) by one rank and micro-batch, so that a resumed run draws what
    an unbroken one does."""
    return int(keyed_rng(seed, step, rank, part, "torch").integers(2**62))


def machine() -> str:
    """Processor, cores and PyTorch in a few words, for reports."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = (line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line)
        model = next(names, model)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{model} × {usable_cores()}{gpu}, torch {torch.__version__}"


@contextmanager
def one_core() -> Iterator[None]:
    """PyTorch's operations on one core. After one that takes more, OpenMP's threads look for the next for milliseconds,
    and keep those cores from everybody else: from `model/team.py`, whose turn it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
