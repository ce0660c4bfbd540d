"""`primer dpo`: a chat model learns to prefer the better of two answers (DPO, arXiv 2305.18290).

The reference is the model that the run began with. Its log-probabilities are computed once and kept on disk, so it
costs no second model in memory.

Legend of shapes: P pairs in a micro-batch, T positions of its longest row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from primer.core.errors import ConfigError, CorpusError
from primer.core.files import write_json
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime, RuntimeConfig, start_runtime
from primer.model.dropout import without_dropout
from primer.model.gpt import GPT, IGNORE
from primer.model.optim import OptimConfig
from primer.model.weights import find_weights, load_model
from primer.tasks.task import Split
from primer.text.chat import ChatFormat, Message
from primer.text.conversations import Pair, read_preferences
from primer.train.loop import LoopConfig, Step
from primer.train.memory import Load, rows_side_by_side
from primer.train.mixture import open_mixture
from primer.train.pairs import PairBatch, PairData, Row
from primer.train.runner import Findings
from primer.train.stage import (
    StageConfig,
    Start,
    begin,
    make_runner,
    outlook,
    read_config,
    rows_at_once,
    run_stage,
    write_stage_report,
)

CURRICULUM_PAIRS, VALIDATION_PAIRS, EXAMINED_PAIRS = 2000, 200, 1000
LONGEST_SEARCH = 1000  # questions without a pair, before a lesson is said to have none
LOGGED = ("reward_chosen", "reward_rejected", "margin", "accuracy", "kl")
REFERENCE_FILE = "reference.safetensors"


@dataclass(frozen=True)
class DPOLoss:
    """What makes a pair right."""

    loss: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    """sigmoid: DPO; ipo: a margin of 1/2β and no more (arXiv 2310.12036); hinge: a margin of 1/β (SLiC)."""
    beta: float = 0.1
    """How dear it is to move away from the reference."""
    label_smoothing: float = 0.0
    """Share of the pairs that may be the wrong way round (sigmoid only)."""
    length_normalised: bool = False
    """Compare mean log-probabilities a token, not sums; ipo always does."""
    nll: float = 1.0
    """Weight of the chosen answer's own -log p a token, which keeps it from becoming unlikely (arXiv 2404.19733)."""


@dataclass(frozen=True)
class DPOConfig(StageConfig):
    """Teach a chat model to prefer the better of two answers (direct preference optimisation)."""

    data: tuple[str, ...] = ("curriculum",)
    """Preference pairs: curriculum, curriculum:LESSON,LESSON, files with `chosen` and `rejected`, hf:org/name."""
    on_bad: Literal["refuse", "skip"] = "refuse"
    """What to do with a row that is no pair: stop and say which, or leave it out and count it."""
    pairs: int = 0
    """Pairs to use; 0: all, or 2,000 of the curriculum."""
    epochs: int = 1
    preference: DPOLoss = field(default_factory=DPOLoss)
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(matrix_lr=0.001, embed_lr=0.001, ngram_lr=0.0002, head_lr=0.0001)
    )
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(warmup_steps=5, decay=1.0))


class DPOStage:
    """Pairs in an order that is a function of the seed, epoch after epoch."""

    reads_ahead = True

    def __init__(self, data: PairData, config: DPOConfig, at_once: int, runtime: Runtime) -> None:
        self.data, self.config, self.at_once, self.runtime = data, config, at_once, runtime

    def batches(self, step: int) -> list[PairBatch]:
        """This rank's share of the step's pairs, in micro-batches."""
        share = self.config.batch_rows // self.runtime.world_size
        first = step * self.config.batch_rows + self.runtime.rank * share
        numbers = [self.data.numbered(i, self.config.loop.seed) for i in range(first, first + share)]
        return [self.data.batch(numbers[i : i + self.at_once]) for i in range(0, share, self.at_once)]

    def loss(self, model: GPT, batch: PairBatch) -> tuple[Tensor, dict[str, float]]:
        """The sum over pairs, with rewards, margin, accuracy and KL."""
        losses, logs = pair_losses(model, batch, self.config.preference)
        return losses.sum(), {key: float(value.sum()) for key, value in logs.items()}


def pair_losses(model: GPT, batch: PairBatch, config: DPOLoss) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of each pair (P,), and of each pair what to log."""
    log_p = -model.token_losses(batch.inputs, batch.targets)  # (2P, T), 0 outside the answer
    mask = batch.targets != IGNORE
    lengths = mask.sum(dim=1)
    ratio = log_p - batch.reference
    sums = ratio.sum(dim=1)  # (2P,): log π/π_ref of each answer
    if config.length_normalised or config.loss == "ipo":
        sums = sums / lengths
    chosen, rejected = (config.beta * sums).chunk(2)
    losses = preference_loss(chosen - rejected, config)
    if config.nll:
        losses = losses - config.nll * (log_p.sum(dim=1) / lengths).chunk(2)[0]
    kl = ((-ratio).exp() - 1 + ratio).sum(dim=1).detach() / lengths  # k3: unbiased where tokens are the model's own
    margin, accuracy = (chosen - rejected).detach(), (chosen > rejected).float()
    logged = (chosen.detach(), rejected.detach(), margin, accuracy, torch.stack(kl.chunk(2)).mean(dim=0))
    return losses, dict(zip(LOGGED, logged, strict=True))


def preference_loss(margin: Tensor, config: DPOLoss) -> Tensor:
    """The loss of each pair from its margin: β × (log-ratio of the chosen - log-ratio of the rejected)."""
    if config.loss == "hinge":
        return F.relu(1 - margin)
    if config.loss == "ipo":
        return (margin / config.beta - 1 / (2 * config.beta)).square()
    smoothing = config.label_smoothing
    return -(1 - smoothing) * F.logsigmoid(margin) - smoothing * F.logsigmoid(-margin)


def saved_config(run: RunDir) -> DPOConfig:
    """The options that a run was begun with, to go on with. Raises UserError if it is no run of this stage."""
    return read_config(DPOConfig, "dpo", run)


def main(config: DPOConfig) -> None:
    """Run the command. Raises Interrupted on Ctrl-C, with everything saved."""
    run_stage("dpo", config, dpo)


def dpo(config: DPOConfig, run: RunDir, runtime: Runtime) -> None:
    """Train from the beginning, or from where the run stopped."""
    check_options(config)
    start = begin("dpo", config, run, runtime)
    train_pairs, validation_pairs = load_pairs(config)
    train, dropped = encode_pairs(train_pairs, start)
    validation, _ = encode_pairs(validation_pairs, start)
    at_once = max(1, rows_at_once(config, start) // 2)
    num_steps = config.loop.num_steps or config.epochs * len(train.pairs) // config.batch_rows
    runner = make_runner("dpo", config, start, num_steps)

    def evaluate(_: Step) -> Findings:
        found = measure(start.model, validation, config.preference, at_once, runtime)
        return Findings(
            {f"validation_{key}": value for key, value in found.items()}, found["loss"],
            f"prefers {found['accuracy']:.1%} of {len(validation.pairs)} unseen pairs, margin {found['margin']:.2f}",
        )  # fmt: skip

    with runner.display:
        runner.display.print(
            f"{len(train.pairs):,} pairs to learn from, {len(validation.pairs):,} to measure with; {dropped:,} left "
            f"out as longer than the context; {num_steps:,} steps of {config.batch_rows} pairs"
        )
        read = config.batch_rows * num_steps * train.num_tokens / len(train.pairs)
        runner.display.print(outlook(runner, start, load_of(train, validation, at_once, config, runtime), read))
        reference = run.path / REFERENCE_FILE
        for data, path in ((train, reference), (validation, reference.with_stem("reference_validation"))):
            find_reference(data, path, config.resume, start, at_once)
        if runner.run_to_end(DPOStage(train, config, at_once, runtime), config.resume, evaluate) and runtime.is_main:
            write_stage_report(runner, start, {"data": ", ".join(config.data), "pairs": f"{len(train.pairs):,}"})


def find_reference(data: PairData, path: Path, resume: bool, start: Start, at_once: int) -> None:
    """What the model that the run began with thinks of the pairs: computed and kept, or read back."""
    if resume:
        data.load_reference(path)
        return
    data.ask_reference(start.model, at_once, start.runtime)
    if start.runtime.is_main:
        data.save_reference(path)


def load_of(train: PairData, validation: PairData, at_once: int, config: DPOConfig, runtime: Runtime) -> Load:
    """What is computed at once: two rows a pair, the longest."""
    side_by_side = rows_side_by_side(at_once, config.batch_rows // runtime.world_size, runtime)
    return Load(2 * side_by_side * train.longest, 2 * at_once * max(train.longest, validation.longest))


def check_options(config: DPOConfig) -> None:
    """Raise ConfigError for a number that cannot be."""
    preference = config.preference
    if not preference.beta > 0:
        raise ConfigError(f"--beta is {preference.beta}, and must be above 0.")
    if not 0 <= preference.label_smoothing < 0.5:
        raise ConfigError(f"--label-smoothing is {preference.label_smoothing}: at 0.5 and above no side is better.")
    if preference.nll < 0 or config.pairs < 0 or config.epochs < 1:
        raise ConfigError("--nll and --pairs are 0 or more, and --epochs 1 or more.")


def load_pairs(config: DPOConfig) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on, and pairs to measure with: the curriculum's own, or the last twentieth of what is given."""
    train: list[Pair] = []
    validation: list[Pair] = []
    for name in config.data:
        if is_curriculum(name):
            train += islice(curriculum_pairs(name, "train", config.loop.seed), config.pairs or CURRICULUM_PAIRS)
            validation += islice(curriculum_pairs(name, "validation", config.loop.seed), VALIDATION_PAIRS)
            continue
        pairs = list(read_preferences(name, config.on_bad))[: config.pairs or None]
        if len(pairs) < 2:
            raise CorpusError(f"{name} holds {len(pairs)} pairs; at least two are needed, one of them to measure with.")
        held = min(VALIDATION_PAIRS, max(1, len(pairs) // 20))
        train, validation = train + pairs[:-held], validation + pairs[-held:]
    return train, validation


def is_curriculum(name: str) -> bool:
    """Whether the pairs are made by the built-in lessons."""
    return name.partition(":")[0] == "curriculum"


def curriculum_pairs(name: str, split: Split, seed: int) -> Iterator[Pair]:
    """Pairs of the curriculum's lessons, without end. Other questions than fine-tuning's: another seed.

    Raises ConfigError for lessons that have none.
    """
    without = 0  # questions in a row that have no worse answer
    for question in open_mixture([name]).stream(split, seed + 1):
        if question.rejected and question.rejected != question.answer:
            yield Pair(question.prompt, question.answer, question.rejected)
            without = 0
        elif (without := without + 1) == LONGEST_SEARCH:
            raise ConfigError(f"--data {name}: these lessons have no worse answers to prefer others to. Name more.")


def encode_pairs(pairs: Sequence[Pair], start: Start) -> tuple[PairData, int]:
    """Pairs as rows; those that do not fit the context are left out and counted."""
    rows = [(encode(start.chat, p.prompt, p.chosen), encode(start.chat, p.prompt, p.rejected)) for p in pairs]
    context = start.model.config.context
    fitting = [pair for pair in rows if max(len(row.ids) for row in pair) <= context + 1]
    if not fitting:
        raise CorpusError(f"none of {len(pairs)} pairs fits the model's context of {context} tokens.")
    return PairData(fitting, start.pad_id), len(rows) - len(fitting)


def encode(chat: ChatFormat, prompt: Sequence[Message], answer: Sequence[Message]) -> Row:
    """A prompt and its answer as a row."""
    rendered, head = chat.render((*prompt, *answer)), len(chat.prompt(prompt))
    return Row(tuple(rendered.ids), tuple(t and i >= head for i, t in enumerate(rendered.trained)))


@torch.no_grad()
def measure(model: GPT, data: PairData, config: DPOLoss, at_once: int, runtime: Runtime) -> dict[str, float]:
    """Means over all pairs of loss, accuracy, margin, rewards and KL, dropout off; each rank computes its share."""
    sums = dict.fromkeys(("loss", *LOGGED), 0.0)  # the same on a rank without a pair
    mine = range(runtime.rank, len(data.pairs), runtime.world_size)
    with without_dropout(model):
        for first in range(0, len(mine), at_once):
            losses, logs = pair_losses(model, data.batch(mine[first : first + at_once]).to(runtime.device), config)
            for key, value in {"loss": losses, **logs}.items():
                sums[key] += float(value.sum())
    totals = runtime.sum_numbers([*sums.values(), float(len(mine))])
    return {key: total / totals[-1] for key, total in zip(sums, totals, strict=False)}


def examine(path: Path, runtime_config: RuntimeConfig) -> dict[str, dict[str, float]]:
    """Which answer of held-out pairs a finished run prefers, before and after; kept in its pairs.json.

    `accuracy` is by likelihood, which each model can be asked for by itself; `reward_accuracy` by how the likelihood
    has changed, which is what DPO trains.
    """
    run = RunDir(path)
    config = saved_config(run)
    with start_runtime(runtime_config) as runtime:
        start = begin("dpo", config, run, runtime)
        held_out = [
            pair for name in config.data if is_curriculum(name)
            for pair in islice(curriculum_pairs(name, "test", 0), EXAMINED_PAIRS)
        ]  # fmt: skip
        after, _ = encode_pairs(held_out or load_pairs(config)[1], start)
        before = PairData(after.pairs, after.pad_id)
        at_once = max(1, rows_at_once(config, start) // 2)
        for data, folder in ((before, Path(start.source)), (after, find_weights(path))):
            model = load_model(folder, runtime.device)
            model.compute_dtype = runtime.dtype
            data.ask_reference(model, at_once, runtime)
    margins = [
        torch.tensor([float(chosen.sum() - rejected.sum()) for chosen, rejected in data.reference])
        for data in (before, after)
    ]
    count = len(after.pairs)
    found = {
        when: {"accuracy": float((margin > 0).float().mean()), "count": count}
        for when, margin in zip(("before", "after"), margins, strict=True)
    }
    found["after"]["reward_accuracy"] = float((margins[1] > margins[0]).float().mean())
    write_json(path / "pairs.json", found)
    return found
