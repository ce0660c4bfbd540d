"""`primer pretrain`: a text to a trained model, in a run's folder.

A run is planned once (`dial.resolve`); the plan is printed and saved, and a resumed run reads it back instead of
deciding again.
"""

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from primer.core.config import from_json, to_json
from primer.core.errors import ConfigError, TokenizerError
from primer.core.rundir import RUNS, RunDir
from primer.core.runtime import Runtime, RuntimeConfig, keyed_rng, start_runtime
from primer.engine.engine import Engine
from primer.engine.sampling import SamplingConfig
from primer.evaluate.loss import evaluate_loss
from primer.evaluate.origin import made_by
from primer.model.families import ShapeOverrides
from primer.model.gpt import GPT
from primer.model.optim import MuonAdamW, OptimConfig, build_optimizer
from primer.train.batches import Batch, Order, make_rows, split_rows
from primer.train.checkpoint import Progress
from primer.train.data import Data, check_ids, load_data
from primer.train.dial import Plan, plan_table, resolve
from primer.train.loop import LoopConfig, Step
from primer.train.runner import Course, Findings, Runner, check_run, clear_leftovers, explaining_memory

SAMPLE_TOKENS = 300


@dataclass(frozen=True)
class PretrainConfig:
    """Train a model on raw text. What is left at None is set by the depth, and printed."""

    run: Path | None = None
    """Folder of the run; None: runs/ and the preset's name."""
    resume: bool = False
    """Go on from the newest good checkpoint of the run, exactly as if it had not stopped."""
    data: str = "shakespeare"
    """Text (file, folder, glob, hf:org/name, shakespeare, tinyshakespeare), or a folder or glob of token shards. Of a
    very large text only the beginning is made into tokens, as much as the run reads; `primer prepare` takes all."""
    field: str = "text"
    """The field of a .jsonl, .parquet or hub row that holds its text."""
    broken_utf8: Literal["refuse", "replace"] = "refuse"
    """What to do with bytes that are no UTF-8: stop and name the place, or put U+FFFD in theirs."""
    tokenizer: Path | None = None
    """A tokenizer.json, or a folder that holds one; None: one is trained on the text."""
    kind: Literal["bpe", "char"] = "bpe"
    """Kind of the tokenizer that is trained."""
    vocab_size: int = 4096
    """Tokens of the tokenizer that is trained."""
    order: Order = "auto"
    """packed: whole documents, best fit; windows: pieces of one long stream; auto: by the documents' length."""

    family: Literal["primer", "gpt2", "llama", "qwen3"] = "primer"
    depth: int = 4
    """The dial: layers, and from it width, context, batch and length of the run."""
    shape: ShapeOverrides = dataclasses.field(default_factory=ShapeOverrides)
    context: int | None = None
    """Positions seen at once; None: 256 up to depth 6, 1,024 up to depth 10, then 2,048."""
    window_pattern: str = "L"
    """Attention span layer by layer: L the whole context, S a quarter."""
    ngrams: tuple[int, ...] = (2, 3)
    """Lengths of the hashed n-gram embeddings (primer family)."""
    ngram_buckets: int = 16_384
    repeats: int = 0
    """Tell each token how many of the last ids, up to so many, stood together before (primer family): for
    conversations, where an answer depends on whether two words are the same."""
    neighbours: int = 3
    """Positions before each that attention's input is mixed with (primer family); 0: none."""
    value_embeddings: bool = True
    """A second embedding of the token in the values of every other layer (primer family)."""
    dropout: float = 0.0
    noise: float = 0.0
    """Share of the tokens read that are replaced by any others, anew each time; what follows them stays the target. A
    text that is read many times is then not learned by heart so soon."""

    batch_rows: int | None = None
    """Rows of an optimizer step, over all ranks; None: by the dial."""
    micro_rows: int | None = None
    """Rows that a rank computes at once; None: what memory allows, and one share for each CPU thread."""
    tokens: int | None = None
    """Tokens to train on; None: 12 for each weight in a matrix or the head."""
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)
    loop: LoopConfig = dataclasses.field(default_factory=LoopConfig)
    runtime: RuntimeConfig = dataclasses.field(default_factory=RuntimeConfig)
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile; auto: on a GPU, when the run is long enough to repay the half minute that it costs."""

    eval_every: int | None = None
    """Steps between evaluations; None: a tenth of the run; 0: only at the end."""
    eval_tokens: int = 0
    """Validation tokens to use; 0: all of them."""
    save_every: int | None = None
    """Steps between checkpoints; None: a tenth of the run. Every evaluation saves, too."""
    keep: int = 2
    """Newest checkpoints to keep, beside the best."""
    sample_every: int | None = None
    """Steps between samples; None: with each evaluation; 0: none."""
    prompt: str = ""
    """What the samples continue."""
    tensorboard: bool = True


class PretrainStage:
    """Rows of text, each token the target of those before it."""

    reads_ahead = True

    def __init__(self, plan: Plan, data: "Data", runtime: Runtime) -> None:
        self.plan, self.runtime, self.tokenizer = plan, runtime, data.tokenizer
        self.rows = make_rows(data.train, plan.model.context, plan.loop.seed, data.tokenizer.document_id, plan.order)

    def batches(self, step: int) -> list[Batch]:
        """This rank's share of the step's rows, in micro-batches."""
        share = self.plan.batch_rows // self.runtime.world_size
        first = step * self.plan.batch_rows + self.runtime.rank * share
        ids = self.rows.read(range(first, first + share))
        check_ids(ids, self.tokenizer)
        batch = split_rows(ids)
        if self.plan.noise:
            batch = replace(batch, inputs=self.disturbed(batch.inputs, first))
        pairs = zip(batch.inputs.split(self.plan.micro_rows), batch.targets.split(self.plan.micro_rows), strict=True)
        return [Batch(inputs, targets) for inputs, targets in pairs]

    def disturbed(self, inputs: Tensor, first: int) -> Tensor:
        """Rows (B, T), the first of which has this number, with some tokens replaced by any of the vocabulary."""
        inputs = inputs.clone()
        for number, row in enumerate(inputs.numpy(), first):
            rng = keyed_rng(self.plan.loop.seed, number, "noise")
            places = rng.random(len(row)) < self.plan.noise
            row[places] = rng.integers(self.tokenizer.vocab_size, size=int(places.sum()))
        return inputs

    def loss(self, model: GPT, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The sum of -log p of the next token."""
        return model.token_losses(batch.inputs, batch.targets).sum(), {}


def main(config: PretrainConfig) -> None:
    """Run the command. Raises Interrupted on Ctrl-C, with everything saved."""
    run = RunDir(config.run or RUNS / "base")
    with start_runtime(config.runtime) as runtime, explaining_memory(run):
        if not runtime.is_main:
            pretrain(config, run, runtime)
            return
        with run.locked():
            pretrain(config, run, runtime)


def pretrain(config: PretrainConfig, run: RunDir, runtime: Runtime) -> Progress:
    """Train from the beginning, or from where the run stopped."""
    if runtime.is_main:
        check_run(run, config.resume)
    data = load_data(config, run, runtime)
    plan = begin_or_resume(config, run, data, runtime)
    torch.manual_seed(plan.loop.seed)
    model = GPT(plan.model).to(runtime.device)
    model.compute_dtype = runtime.dtype
    optimizer = build_optimizer(model, plan.optim)
    return Pretraining(config, run, runtime, data, plan, model, optimizer).run_to_end()


def saved_config(run: RunDir) -> PretrainConfig:
    """The options that a run was begun with, to go on with. Raises UserError if it holds no run."""
    return replace(from_json(PretrainConfig, read_saved(run)["config"]), run=run.path, resume=True)


def read_saved(run: RunDir) -> dict[str, Any]:
    """The config.json of a pretraining run. Raises UserError if it is missing, damaged or of another stage."""
    saved = run.read_config()
    if not {"config", "plan", "tokenizer_fingerprint"} <= saved.keys():
        raise ConfigError(f"{run.config_file} is not of a pretraining run. Give the folder of one with --run.")
    return saved


def begin_or_resume(config: PretrainConfig, run: RunDir, data: Data, runtime: Runtime) -> Plan:
    """The plan of a new run, saved; or the saved one. Raises TokenizerError if the run had another tokenizer,
    ConfigError if its rows cannot be shared by the ranks there are now."""
    if config.resume:
        saved = read_saved(run)
        if saved["tokenizer_fingerprint"] != data.tokenizer.fingerprint:
            raise TokenizerError(f"the tokenizer is not the one that {run.path} was trained with. Restore that one.")
        plan = from_json(Plan, saved["plan"])
        if plan.batch_rows % runtime.world_size:
            raise ConfigError(
                f"{plan.batch_rows} rows a step cannot be shared by {runtime.world_size} ranks. Resume with a number "
                "of ranks that divides them."
            )
        return plan
    plan = resolve(config, data.tokenizer.vocab_size, runtime)
    if runtime.is_main:
        data.tokenizer.save(run.path)
        run.write_config({
            "stage": "pretrain", **made_by(), "tokenizer_fingerprint": data.tokenizer.fingerprint,
            "config": to_json(replace(config, run=None)), "plan": to_json(plan),
        })  # fmt: skip
        clear_leftovers(run)
    return plan


class Pretraining:
    """One run: its data and plan, and the runner that it is run by."""

    def __init__(
        self, config: PretrainConfig, run: RunDir, runtime: Runtime, data: Data, plan: Plan, model: GPT,
        optimizer: MuonAdamW,
    ) -> None:  # fmt: skip
        self.config, self.run, self.runtime, self.data, self.plan, self.model = config, run, runtime, data, plan, model
        self.prompt = data.tokenizer.encode(config.prompt) or [data.tokenizer.document_id]
        self.engine = Engine(model, data.tokenizer.vocab_size, banned=data.tokenizer.special_ids.values())
        self.byte_lengths = torch.tensor([len(piece) for piece in data.tokenizer.token_bytes()])
        course = Course(
            plan.loop, plan.eval_every, plan.save_every, plan.sample_every, config.keep, config.tensorboard,
            plan.compile, plan.flops_per_token,
        )  # fmt: skip
        self.runner = Runner("primer pretrain", run, runtime, model, optimizer, course)

    def run_to_end(self) -> Progress:
        """The whole of it."""
        runner = self.runner
        with runner.display:
            runner.display.print(plan_table(self.plan, self.runtime, runner.peak))
            stage = PretrainStage(self.plan, self.data, self.runtime)
            if runner.run_to_end(stage, self.config.resume, self.evaluate, self.sample) and self.runtime.is_main:
                self.report()
        return runner.progress

    def evaluate(self, _: Step) -> Findings:
        """Loss and bits per byte of the validation split."""
        found = evaluate_loss(
            self.model, self.data.validation, self.byte_lengths, self.runtime, self.plan.model.context,
            self.config.eval_tokens,
        )  # fmt: skip
        return Findings(
            {"validation_loss": found.loss, "bits_per_byte": found.bits_per_byte}, found.loss,
            f"validation loss {found.loss:.4f}, {found.bits_per_byte:.4f} bits per byte",
        )  # fmt: skip

    def sample(self, step: Step) -> str:
        """What the model writes now."""
        settings = SamplingConfig(seed=step.progress.step, max_tokens=SAMPLE_TOKENS)
        ids = self.engine.complete([self.prompt], settings)[0]
        return self.config.prompt + self.data.tokenizer.decode(ids)

    def report(self) -> None:
        """loss.png and report.md, and what to type next."""
        plan, data = self.plan, self.data
        facts = {
            "model": f"{plan.model.family}, {plan.num_parameters:,} parameters, {plan.model.num_layers} layers × "
            f"{plan.model.width}",
            "text": f"{data.train.num_tokens:,} training tokens, {data.validation.num_tokens:,} validation tokens",
        }
        self.runner.report(facts, f'primer sample --run {self.run.path} --prompt "…"')
