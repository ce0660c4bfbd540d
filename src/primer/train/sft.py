"""`primer sft`: a base model learns to converse. Only what the assistant says is a target."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from primer.core.errors import ConfigError
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime
from primer.core.workers import computed_ahead
from primer.model.cache import Documents
from primer.model.dropout import without_dropout
from primer.model.gpt import GPT, IGNORE
from primer.tasks.mixture import Mixture
from primer.tasks.task import Split
from primer.text.chat import ChatFormat, Rendered
from primer.text.cuts import Cuts
from primer.train.batches import Batch
from primer.train.conversation_rows import ConversationRows
from primer.train.dial import decide_compile
from primer.train.examination import Examination
from primer.train.loop import LoopConfig, Step
from primer.train.memory import Load, rows_side_by_side
from primer.train.mixture import open_mixture, size_of
from primer.train.runner import Findings
from primer.train.stage import (
    StageConfig,
    Start,
    begin,
    keep_fingerprint,
    make_runner,
    outlook,
    read_config,
    rows_at_once,
    run_stage,
    write_stage_report,
)

DEFAULT_TOKENS = 2_000_000  # where a source has no end and no length is asked for
VALIDATION_TOKENS = 40_000
BLOCK = 100  # conversations that are written at once
TOKENS_OF_ONE = 60  # of one conversation, about
WORTH_FORKING = 10_000  # conversations; on one core they are two seconds


@dataclass(frozen=True)
class SFTConfig(StageConfig):
    """Teach a base model to converse (supervised fine-tuning)."""

    data: tuple[str, ...] = ("curriculum",)
    """What to learn from: curriculum, curriculum:LESSON,LESSON, files of conversations, hf:org/name. `NAME=2` comes
    twice as often."""
    on_bad: Literal["refuse", "skip"] = "refuse"
    """What to do with a row that is no conversation: stop and say which, or leave it out and count it."""
    tokens: int | None = None
    """Tokens to read; None: as many conversations as the sources hold, or 2 million tokens of one without end."""
    cut_words: float = 0.0
    """The share of words that in small letters are several tokens that are cut at a place drawn for the conversation:
    for small models that must copy words which training never shows."""
    eval_tasks: tuple[str, ...] = ()
    """Tasks to be asked with every evaluation, named as `primer eval` does, with spaces between."""
    eval_questions: int = 64
    """Questions of each of them."""
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(warmup_steps=5, decay=0.8))
    compile: Literal["auto", "on", "off"] = "off"


class SFTStage:
    """Packed conversations, the assistant's tokens the targets."""

    reads_ahead = True

    def __init__(
        self, rows: ConversationRows, batch_rows: int, micro_rows: int, runtime: Runtime, document_id: int
    ) -> None:
        self.rows, self.batch_rows, self.micro_rows, self.runtime = rows, batch_rows, micro_rows, runtime
        self.document_id = document_id

    def batches(self, step: int) -> list[Batch]:
        """This rank's share of the step's rows, in micro-batches."""
        share = self.batch_rows // self.runtime.world_size
        first = step * self.batch_rows + self.runtime.rank * share
        return masked_batches(self.rows, range(first, first + share), self.micro_rows)

    def loss(self, model: GPT, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The sum of -log p of what the assistant says next."""
        return conversation_losses(model, batch, self.document_id).sum(), {}


def conversation_losses(model: GPT, batch: Batch, document_id: int) -> Tensor:
    """-log p of each target, (B, T), 0 where there is none; no conversation of a row sees another.

    After as many tokens and as much time 35 % of unseen answers were right where 30 had been (docs/log.md). On a GPU
    they do see each other: its fast kernels of attention take no such mask.
    """
    within = Documents(batch.inputs, document_id) if batch.inputs.device.type == "cpu" else None
    return model.token_losses(batch.inputs, batch.targets, within)


def masked_batches(rows: ConversationRows, numbers: range, micro_rows: int) -> list[Batch]:
    """Rows by number, as micro-batches with the untrained targets ignored."""
    ids, trained = (torch.from_numpy(part) for part in rows.read(numbers))
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].masked_fill(~trained[:, 1:], IGNORE)
    return [Batch(*pair) for pair in zip(inputs.split(micro_rows), targets.split(micro_rows), strict=True)]


def saved_config(run: RunDir) -> SFTConfig:
    """The options that a run was begun with, to go on with. Raises UserError if it is no run of this stage."""
    return read_config(SFTConfig, "sft", run)


def main(config: SFTConfig) -> None:
    """Run the command. Raises Interrupted on Ctrl-C, with everything saved."""
    run_stage("sft", config, sft)


def sft(config: SFTConfig, run: RunDir, runtime: Runtime) -> None:
    """Train from the beginning, or from where the run stopped."""
    start = begin("sft", config, run, runtime)
    context, seed = start.model.config.context, config.loop.seed
    if not 0 <= config.cut_words <= 1:
        raise ConfigError(f"--cut-words is {config.cut_words}, and must be a share, from 0 to 1.")
    examination = Examination(config.eval_tasks, config.eval_questions, start)
    data = open_mixture(config.data, config.on_bad)
    wanted = config.tokens or config.loop.num_steps * config.batch_rows * context
    rows = pack(take(data, "train", seed, start, wanted, config.cut_words), start, seed)
    validation = pack(take(data, "validation", seed, start, VALIDATION_TOKENS), start, 0)
    keep_fingerprint(rows.fingerprint, run, runtime, config.resume)
    num_steps = config.loop.num_steps or rows.num_rows // config.batch_rows
    flops = start.model.flops_per_token() * num_steps * config.batch_rows * context
    runner = make_runner("sft", config, start, num_steps, decide_compile(config.compile, flops, runtime))
    at_once, document_id = rows_at_once(config, start), start.chat.tokenizer.document_id
    side_by_side = rows_side_by_side(at_once, config.batch_rows // runtime.world_size, runtime)
    load = Load(side_by_side * context, at_once * context, examination.num_answers)

    def evaluate(_: Step) -> Findings:
        loss = validation_loss(start.model, validation, at_once, runtime, document_id)
        scores = examination.scores()
        metrics = {f"right_{task}": score.accuracy for task, score in scores.items()}
        said = [f"{task} {score.accuracy:.1%} right of {score.count}" for task, score in scores.items()]
        return Findings({"validation_loss": loss} | metrics, loss, ", ".join([f"validation loss {loss:.4f}", *said]))

    with runner.display:
        runner.display.print(
            f"{rows.num_rows:,} rows of {context} tokens; {rows.num_cut:,} conversations cut to fit, "
            f"{rows.num_dropped:,} left out as too long; {num_steps:,} steps of {config.batch_rows} rows"
        )
        runner.display.print(outlook(runner, start, load, num_steps * config.batch_rows * context))
        stage = SFTStage(rows, config.batch_rows, at_once, runtime, document_id)
        if runner.run_to_end(stage, config.resume, evaluate) and runtime.is_main:
            write_stage_report(runner, start, {"data": ", ".join(config.data)})


def take(
    data: Mixture, split: Split, seed: int, start: Start, tokens: int, cut_words: float = 0.0
) -> Iterator[Rendered]:
    """Rendered conversations, as many as have so many tokens (to train on again and again, to measure with once);
    0: every one once, or DEFAULT_TOKENS without end."""
    size = size_of(data, split)
    end = size if not tokens or split == "validation" else None
    left, room = tokens or DEFAULT_TOKENS, start.model.config.context + 1
    firsts = itertools.count(0, BLOCK) if end is None else range(0, end, BLOCK)
    is_much = min(left // TOKENS_OF_ONE, math.inf if end is None else end) > WORTH_FORKING
    if is_much:
        data.open(split, seed)
    block = partial(render_block, data, split, seed, start.chat, Cuts(start.chat.tokenizer, cut_words), end)
    processes = start.runtime.threads if is_much else 1
    for rendered in itertools.chain.from_iterable(computed_ahead(block, firsts, processes)):
        yield rendered
        left -= min(len(rendered.ids), room)  # the rest of a longer one is not read
        if left <= 0 and (tokens or end is None):
            return


def render_block(
    data: Mixture, split: Split, seed: int, chat: ChatFormat, cuts: Cuts, end: int | None, first: int
) -> list[Rendered]:
    """BLOCK conversations from number `first` on, or up to the `end`."""
    found = []
    for number in range(first, first + BLOCK if end is None else min(first + BLOCK, end)):
        question = data.numbered(split, seed, number)
        said = (*question.prompt, *question.answer)
        found.append(chat.render(said, encode=cuts.drawn(said, seed=seed << 40 | number)))
    return found


def pack(conversations: Iterable[Rendered], start: Start, seed: int) -> ConversationRows:
    """Conversations as rows of the model's context."""
    return ConversationRows(conversations, start.model.config.context, seed, start.pad_id)


@torch.no_grad()
def validation_loss(model: GPT, rows: ConversationRows, at_once: int, runtime: Runtime, document_id: int) -> float:
    """Mean -log p of the assistant's tokens over all rows; each rank computes its share."""
    sums = [0.0, 0.0]
    mine = range(runtime.rank, rows.num_rows, runtime.world_size)
    with without_dropout(model):
        for batch in masked_batches(rows, mine, at_once) if mine else ():
            placed = batch.to(runtime.device)
            sums[0] += float(conversation_losses(model, placed, document_id).sum())
            sums[1] += batch.num_targets
    total, count = runtime.sum_numbers(sums)
    return total / max(1.0, count)
