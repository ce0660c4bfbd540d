"""The smallest things that train: a text of random words, a model of one layer, a run of seconds."""

import dataclasses
import json
import random
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from primer.core.rundir import RunDir
from primer.core.runtime import Runtime, RuntimeConfig
from primer.model.families import ShapeOverrides, shape
from primer.model.gpt import GPT, GPTConfig
from primer.model.optim import OptimConfig, build_optimizer
from primer.model.weights import find_weights, load_model, load_tensors
from primer.tasks.curriculum.curriculum import Curriculum
from primer.text.chat import ChatFormat, Message
from primer.text.shards import Shards, write_shard
from primer.text.tokenizer import Tokenizer, train_tokenizer
from primer.train.checkpoint import Progress, save_checkpoint, saved_steps, step_folder
from primer.train.loop import LoopConfig
from primer.train.pretrain import PretrainConfig, pretrain
from primer.train.stage import StageConfig, Start

CPU = Runtime(torch.device("cpu"), torch.float32, "for a test", threads=1)
CONTEXT = 16
CHAT_CONTEXT = 160
Stage = TypeVar("Stage", bound=StageConfig)
WORDS = ("the", "of", "king", "queen", "and", "lord", "thou", "sword", "shall", "be", "not", "what", "night", "day")


def words(count: int, seed: int = 0) -> str:
    """Random words, eight a line."""
    rng = random.Random(seed)
    return "\n".join(" ".join(rng.choice(WORDS) for _ in range(8)) for _ in range(count // 8)) + "\n"


def model_config(family: str = "primer", **fields: Any) -> GPTConfig:
    """One layer, 32 wide, 64 tokens."""
    tables = {"ngram_buckets": 64} if family == "primer" else {}
    return shape(family, 1, 64, CONTEXT, ShapeOverrides(width=32, num_heads=2), **tables | fields)


def model(seed: int = 0, family: str = "primer", **fields: Any) -> GPT:
    """A model that depends on its seed alone."""
    torch.manual_seed(seed)
    return GPT(model_config(family, **fields))


def weights(model: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of every weight."""
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether two sets of weights are equal to the last bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def furthest(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """The largest difference between two sets of weights."""
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def shards(folder: Path, *files: NDArray[Any] | list[int]) -> Shards:
    """Token files without a manifest, as others make them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"x_train_{i:06d}.bin" for i in range(len(files))]
    for path, ids in zip(paths, files, strict=True):
        write_shard(path, [np.asarray(ids, dtype=np.uint16)])
    return Shards(paths)


def pretrain_config(data: Path, **changes: Any) -> PretrainConfig:
    """Twelve steps of four rows."""
    config = PretrainConfig(
        data=str(data), kind="char", depth=1, shape=ShapeOverrides(width=32, num_heads=2), context=CONTEXT,
        ngram_buckets=64, batch_rows=4, micro_rows=2, loop=LoopConfig(num_steps=12, warmup_steps=2), save_every=3,
        eval_every=6, sample_every=0, eval_tokens=500, compile="off", tensorboard=False,
        runtime=RuntimeConfig(device="cpu", dtype="float32", threads=1),
    )  # fmt: skip
    return dataclasses.replace(config, **changes)


def options(data: Path, run: Path, **changes: Any) -> list[str]:
    """`pretrain_config` as a command line."""
    values: dict[str, Any] = {
        "data": data, "run": run, "kind": "char", "depth": 1, "width": 32, "num-heads": 2, "context": CONTEXT,
        "ngram-buckets": 64, "batch-rows": 4, "micro-rows": 2, "num-steps": 12, "warmup-steps": 2, "save-every": 3,
        "eval-every": 6, "sample-every": 0, "eval-tokens": 500, "compile": "off", "device": "cpu", "dtype": "float32",
        "threads": 1,
    }  # fmt: skip
    values |= {key.replace("_", "-"): value for key, value in changes.items()}
    pairs = [[f"--{key}", str(value)] for key, value in values.items() if value is not None]
    return ["pretrain", "--no-tensorboard", *(word for pair in pairs for word in pair)]


def train_run(config: PretrainConfig, run: Path, runtime: Runtime = CPU) -> dict[str, Tensor]:
    """Train in this process; the final weights."""
    torch.set_num_threads(runtime.threads)
    pretrain(config, RunDir(run), runtime)
    return final_weights(run)


def final_weights(run: Path, step: int | None = None) -> dict[str, Tensor]:
    """The weights of a run's checkpoint: of its last step, or of another."""
    folder = RunDir(run)
    return load_tensors(step_folder(folder, saved_steps(folder)[-1] if step is None else step) / "model.safetensors")


def chat_base(folder: Path) -> Path:
    """A run to fine-tune: a BPE tokenizer of the curriculum's prose, and a model that has learned nothing."""
    tokenizer = train_tokenizer(islice(Curriculum().documents("train", 0), 60), 300)
    size = shape(
        "primer", 1, tokenizer.vocab_size, CHAT_CONTEXT, ShapeOverrides(width=32, num_heads=2), ngram_buckets=64
    )
    return save_run(folder, tokenizer, size)


def save_run(folder: Path, tokenizer: Tokenizer, size: GPTConfig) -> Path:
    """The folder of a run that is at its beginning."""
    torch.manual_seed(0)
    network, run = GPT(size), RunDir(folder)
    tokenizer.save(folder)
    run.write_config({"stage": "pretrain", "tokenizer_fingerprint": tokenizer.fingerprint})
    save_checkpoint(run, network, build_optimizer(network, OptimConfig()), Progress(), keep=1)
    return folder


def start(folder: Path) -> Start:
    """What a stage begins with that comes from a run."""
    tokenizer, source = Tokenizer.load(folder), find_weights(folder)
    network = load_model(source)
    optimizer = build_optimizer(network, OptimConfig())
    return Start(RunDir(folder), CPU, tokenizer, ChatFormat(tokenizer), network, optimizer, str(source))


def stage_config(kind: type[Stage], source: Path, run: Path, **changes: Any) -> Stage:
    """Twelve steps of four rows."""
    config = kind(
        source=source, run=run, batch_rows=4, micro_rows=2, save_every=3, eval_every=6, tensorboard=False,
        loop=dataclasses.replace(kind().loop, num_steps=12, warmup_steps=2),
        runtime=RuntimeConfig(device="cpu", dtype="float32", threads=1),
    )  # fmt: skip
    return dataclasses.replace(config, **changes)


def stage_options(stage: str, source: Path, run: Path, **changes: Any) -> list[str]:
    """`stage_config` as a command line."""
    values: dict[str, Any] = {
        "from": source, "run": run, "batch-rows": 4, "micro-rows": 2, "save-every": 3, "eval-every": 6, "num-steps": 12,
        "warmup-steps": 2, "device": "cpu", "dtype": "float32", "threads": 1,
    }  # fmt: skip
    values |= {key.replace("_", "-"): value for key, value in changes.items()}
    return [stage, "--no-tensorboard", *(word for key, value in values.items() for word in (f"--{key}", str(value)))]


def jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A file of rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_row(messages: Sequence[Message]) -> dict[str, Any]:
    """A conversation as a row, in OpenAI's spelling."""
    turns = []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            turn["tool_calls"] = [{"type": "function", "function": dataclasses.asdict(c)} for c in message.tool_calls]
        turns.append(turn)
    return {"messages": turns}


def sums(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Questions and answers, short ones."""
    rng = random.Random(seed)
    pairs = [(rng.randrange(10), rng.randrange(10)) for _ in range(count)]
    return [(f"{a} and {b}?", f"{a + b}") for a, b in pairs]


def metric(run: Path, key: str) -> list[float]:
    """What a run has logged under a name, in order."""
    return [row[key] for row in RunDir(run).metrics() if key in row]
