"""The dial: from a depth to every number of a run.

`resolve` decides once what the options left open; the plan that it returns is printed, saved, and all that training
looks at. What it rests on is measured and noted in docs/log.md.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from primer.core.errors import ConfigError
from primer.core.runtime import Runtime
from primer.evaluate.loss import TOKENS_AT_ONCE
from primer.model.families import round_up, shape
from primer.model.gpt import GPT, GPTConfig
from primer.model.optim import OptimConfig
from primer.train.batches import Order
from primer.train.loop import LoopConfig
from primer.train.memory import Load, activation_bytes, in_gib, memory_needed, rows_side_by_side

if TYPE_CHECKING:
    from rich.table import Table

    from primer.train.pretrain import PretrainConfig

TOKENS_PER_WEIGHT = 12  # of the matrices and the head: nanochat's measured optimum for models of this kind
REFERENCE_DEPTH, REFERENCE_BATCH = 12, 2**19  # the batch that suits depth 12; others follow from their tokens
# From here on a run repays half a minute. On a CPU none does: a compiled loss is computed by all threads together, not
# by each on a micro-batch of its own, and its n-gram gradients are dense (docs/log.md).
COMPILE_FLOPS = {"cpu": math.inf, "cuda": 1e15, "mps": math.inf}
ACTIVATION_BYTES = {"cpu": 2**29, "mps": 2**31}  # for one micro-batch; a GPU gives half of its free memory


@dataclass(frozen=True)
class Plan:
    """Every number of a run."""

    model: GPTConfig
    optim: OptimConfig
    loop: LoopConfig
    order: Order
    batch_rows: int
    """Of an optimizer step, over all ranks."""
    micro_rows: int
    """Of one forward pass."""
    compile: bool
    eval_every: int
    save_every: int
    sample_every: int
    num_parameters: int
    flops_per_token: int
    noise: float = 0.0
    """Share of the tokens read that are replaced."""

    @property
    def step_tokens(self) -> int:
        """Tokens of an optimizer step."""
        return self.batch_rows * self.model.context

    @property
    def total_tokens(self) -> int:
        """Tokens of the run."""
        return self.loop.num_steps * self.step_tokens


def resolve(config: "PretrainConfig", vocab_size: int, runtime: Runtime) -> Plan:
    """Every number of a run, from the options and, where they are open, the depth; `vocab_size` is the tokenizer's.
    Raises ConfigError for what cannot work."""
    check_numbers(config)
    context = config.context or (256 if config.depth <= 6 else 1024 if config.depth <= 10 else 2048)
    extras = {
        "ngrams": config.ngrams,
        "ngram_buckets": config.ngram_buckets,
        "repeats": config.repeats,
        "neighbours": config.neighbours,
        "value_embeddings": config.value_embeddings,
    }
    try:
        model = shape(
            config.family, config.depth, vocab_size, context, config.shape, dropout=config.dropout,
            window_pattern=config.window_pattern, **(extras if config.family == "primer" else {}),
        )  # fmt: skip
    except ValueError as error:
        raise ConfigError(f"no model has this shape: {error}.") from error
    with torch.device("meta"):
        skeleton = GPT(model)
    weights = sum(p.numel() for _, p, _ in skeleton.matrices()) + skeleton.head.weight.numel()
    tokens = config.tokens or TOKENS_PER_WEIGHT * weights
    batch_rows = config.batch_rows or max(1, batch_tokens(tokens) // context)
    if batch_rows % runtime.world_size:
        batch_rows = round_up(batch_rows, runtime.world_size)
        if config.batch_rows:
            raise ConfigError(
                f"--batch-rows {config.batch_rows} cannot be shared by {runtime.world_size} ranks; {batch_rows} can."
            )
    num_steps = config.loop.num_steps or max(1, tokens // (batch_rows * context))
    loop = replace(config.loop, num_steps=num_steps, warmup_steps=min(config.loop.warmup_steps, num_steps // 2))
    flops = skeleton.flops_per_token()
    tenth = max(1, num_steps // 10)
    eval_every = tenth if config.eval_every is None else config.eval_every
    return Plan(
        model=model,
        optim=config.optim,
        loop=loop,
        order=config.order,
        batch_rows=batch_rows,
        micro_rows=config.micro_rows or micro_rows(model, batch_rows // runtime.world_size, runtime),
        compile=decide_compile(config.compile, flops * num_steps * batch_rows * context, runtime),
        eval_every=eval_every,
        save_every=tenth if config.save_every is None else config.save_every,
        sample_every=eval_every if config.sample_every is None else config.sample_every,
        num_parameters=sum(p.numel() for p in skeleton.parameters()),
        flops_per_token=flops,
        noise=config.noise,
    )


def check_numbers(config: "PretrainConfig") -> None:
    """Raise ConfigError for a number that no run can have."""
    check_least([
        (config, 1, ("depth", "context", "batch_rows", "micro_rows", "tokens", "ngram_buckets", "keep")),
        (config, 0, ("dropout", "noise", "repeats", "neighbours")),
        (config, 0, ("eval_every", "eval_tokens", "save_every", "sample_every")),
        (config.loop, 0, ("num_steps", "warmup_steps", "decay", "final_lr", "clip", "seed")),
        (config.shape, 1, tuple(vars(config.shape))),
    ])  # fmt: skip
    if config.ngrams and min(config.ngrams) < 2:
        raise ConfigError(f"--ngrams {min(config.ngrams)}: an n-gram has 2 tokens or more.")


def check_least(least: Sequence[tuple[object, float, tuple[str, ...]]]) -> None:
    """Raise ConfigError if an option is smaller than it can be, or a share above 1. Each item names a config, the
    smallest value, and fields."""
    shares = ("dropout", "noise", "decay", "final_lr", "merge")
    for part, smallest, names in least:
        for name in names:
            value, option = getattr(part, name), name.replace("_", "-")
            if value is not None and not value >= smallest:
                raise ConfigError(f"--{option} is {value}, and must be {smallest} or more.")
            if value is not None and name in shares and value > 1:
                raise ConfigError(f"--{option} is {value}, and must be a share between 0 and 1.")


def batch_tokens(tokens: int) -> int:
    """Tokens of a step: a power of two that grows with the run's tokens to the 0.383 (nanochat's fit; the critical
    batch size of arXiv 2505.13738 has the same exponent).

    >>> batch_tokens(1_300_000_000), batch_tokens(50_000_000)
    (524288, 131072)
    """
    at_reference = TOKENS_PER_WEIGHT * (12 * REFERENCE_DEPTH * 768**2 + 32768 * 768)  # tokens at depth 12
    return int(2 ** round(math.log2(REFERENCE_BATCH * (tokens / at_reference) ** 0.383)))


def micro_rows(model: GPTConfig, rows: int, runtime: Runtime) -> int:
    """Rows of one forward pass: as many as memory allows, and on a CPU a share for each thread."""
    if runtime.device.type == "cuda":
        room = torch.cuda.mem_get_info(runtime.device)[0] // 2
    else:
        room = ACTIVATION_BYTES[runtime.device.type]
    shares = runtime.threads if runtime.device.type == "cpu" else 1
    fitting = max(1, room // activation_bytes(model, model.context, runtime.dtype))
    return min(fitting, -(-rows // shares))


def decide_compile(choice: str, total_flops: float, runtime: Runtime) -> bool:
    """Whether to compile: as asked, or by the length of the run."""
    return choice == "on" or (choice == "auto" and total_flops > COMPILE_FLOPS[runtime.device.type])


def measured_flops(runtime: Runtime, seconds: float = 0.2) -> float:
    """FLOP/s of a large product in the run's dtype, measured now: the peak of this machine, whatever it is called."""
    a = torch.randn(1024, 1024, device=runtime.device).to(runtime.dtype)
    best = math.inf
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        runtime.synchronize()
        started = time.perf_counter()
        a @ a
        runtime.synchronize()
        best = min(best, time.perf_counter() - started)
    return float(2 * 1024**3 / best)


def in_minutes(flops: float, peak: float) -> str:
    """The time that so many floating-point operations take, about, where the peak is so many a second."""
    return f"{2 * flops / peak / 60:.1f} min (half of the {peak / 1e9:,.0f} GFLOP/s measured here)"


def plan_table(plan: Plan, runtime: Runtime, peak: float) -> "Table":
    """The plan, as it is printed before training."""
    from rich.table import Table

    model, flops, share = plan.model, plan.flops_per_token * plan.total_tokens, plan.batch_rows // runtime.world_size
    load = Load(rows_side_by_side(plan.micro_rows, share, runtime) * model.context, max(TOKENS_AT_ONCE, model.context))
    table = Table(show_header=False, title="the run")
    rows = {
        "model": f"{model.family}: {model.num_layers} layers × {model.width} wide, {model.num_heads} heads "
        f"({model.num_kv_heads} key-value), MLP {model.mlp_width}, context {model.context}, "
        f"vocabulary {model.vocab_size:,}",
        "parameters": f"{plan.num_parameters:,}",
        "step": f"{plan.batch_rows} rows = {plan.step_tokens:,} tokens, {plan.micro_rows} rows at once",
        "run": f"{plan.loop.num_steps:,} steps = {plan.total_tokens:,} tokens, {plan.loop.schedule}",
        "FLOPs": f"{plan.flops_per_token:,} per token, {flops:.3g} in all",
        "device": runtime.describe() + (", compiled" if plan.compile else ""),
        "memory, about": in_gib(memory_needed(model, plan.num_parameters, load, runtime)),
        "time, about": in_minutes(flops / runtime.world_size, peak),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
