"""`primer rl`: a chat model tries, is told how well it did, and does more of what went better.

Group-relative policy gradient on rewards that code can check (GRPO, arXiv 2402.03300): several answers to each prompt,
each judged against the others of its group. The corrections of Dr. GRPO (arXiv 2503.20783) and DAPO (arXiv 2503.14476)
are options, and mostly the defaults: no division by the group's standard deviation, sums over tokens rather than means
of means, a wider clip upwards, groups in which all answers are equal dropped and replaced.

What is rewarded grows, and what is not asked for may be lost meanwhile. So a few rows of conversations can be shown
with every step (`replay`), in which the assistant's words are to stay as likely as they were when the run began (as
dark experience replay does with logits, arXiv 2004.07211). Their ordinary loss held less: it pulls from the first step
on, where this pulls only at what has moved.

A round is: sample, judge, then `minibatches` optimizer steps on what was found. If they are several, rounds are kept
on disk as long as a checkpoint may lie in the middle of one, so that a run killed there goes on exactly.

Legend of shapes: B answers in a micro-batch, T positions of the longest.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from primer.core.errors import ConfigError
from primer.core.files import atomic_folder, write_json
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime, keyed_rng
from primer.model.gpt import GPT, IGNORE
from primer.model.optim import OptimConfig
from primer.model.weights import load_model, save_model
from primer.train.batches import Batch, pad_rows, target_log_p
from primer.train.checkpoint import saved_steps
from primer.train.loop import LoopConfig, Step
from primer.train.memory import Load, rows_side_by_side
from primer.train.mixture import open_mixture
from primer.train.rollouts import Answer, Round, Sampler, is_right, read_round, round_file, to_plain
from primer.train.runner import Findings
from primer.train.sft import SFTStage, conversation_losses, pack, take
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


@dataclass(frozen=True)
class PolicyLoss:
    """How a reward becomes a gradient."""

    normalise: Literal["tokens", "answers", "constant"] = "tokens"
    """What the sum over tokens is divided by: all tokens (DAPO), each answer's own length (GRPO, which favours short
    right and long wrong answers), or the most tokens that there could be (Dr. GRPO)."""
    divide_by_std: bool = False
    """Divide advantages by the group's standard deviation (GRPO); it gives very easy and very hard prompts more say."""
    clip_low: float = 0.2
    clip_high: float = 0.28
    """How far a token's probability may move in a round, down and up."""
    kl: float = 0.0
    """Weight of the KL divergence from the model that the run began with, in the answers that are rewarded."""


@dataclass(frozen=True)
class RLConfig(StageConfig):
    """Improve a chat model by trial and reward (reinforcement learning)."""

    tasks: tuple[str, ...] = ("curriculum",)
    """Where prompts and rewards come from: curriculum (its sharp lessons), curriculum:LESSON,LESSON, svamp:PATH,
    humaneval:PATH (whose programs run in the sandbox), …"""
    prompts: int = 8
    """Prompts of a round."""
    samples: int = 8
    """Answers to each prompt."""
    minibatches: int = 1
    """Optimizer steps on the answers of one round."""
    temperature: float = 1.0
    max_tokens: int = 96
    """Tokens of an answer at most; one that does not end is worth nothing."""
    tools: str = "calculator"
    """Tools that the model may call, with commas between: calculator, python, or none."""
    max_calls: int = 4
    """Tool calls in an answer at most."""
    format_reward: float = 0.1
    """Of an answer that ends and whose tool calls, if any, all succeed; added to the task's own reward."""
    resample: int = 2
    """How often groups whose answers are all worth the same are replaced by other prompts."""
    replay: tuple[str, ...] = ()
    """Conversations, named as SFT's --data, in which what the assistant says is to stay as likely as it was. Leave out
    what is rewarded, or it is held as well."""
    on_bad: Literal["refuse", "skip"] = "refuse"
    """What to do with a row of them that is no conversation: stop and say which, or leave it out and count it."""
    replay_rows: int = 8
    """Rows of them with every optimizer step."""
    replay_weight: float = 4.0
    """Weight of half the mean square by which their tokens' log-probabilities have moved, beside the policy loss."""
    eval_prompts: int = 64
    """Prompts of the validation split on which pass@1 and pass@k (k: samples) are measured."""
    policy: PolicyLoss = field(default_factory=PolicyLoss)
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(matrix_lr=0.002, embed_lr=0.005, ngram_lr=0.001, head_lr=0.0003)
    )
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(num_steps=20, warmup_steps=2, decay=0.5))


@dataclass(frozen=True)
class AnswerBatch:
    """Answers of one micro-batch."""

    inputs: Tensor  # (B, T)
    targets: Tensor  # (B, T), IGNORE where the model did not choose
    advantages: Tensor  # (B,)
    log_p: Tensor  # (B, T) when written; NaN where it is not kept
    scale: Tensor  # (B,) weight of a token of each answer
    num_targets: int

    def to(self, device: torch.device) -> "AnswerBatch":
        """The same on a device."""
        tensors = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return AnswerBatch(**tensors, num_targets=self.num_targets)


@dataclass(frozen=True)
class ReplayBatch:
    """Rows of conversations that are shown beside a step's answers."""

    rows: Batch
    weight: float
    """Of each target, so that the loop's division by the answers' tokens leaves their weighted mean."""
    num_targets: int = 0

    @property
    def inputs(self) -> Tensor:
        """What the model reads, (B, T)."""
        return self.rows.inputs

    def to(self, device: torch.device) -> "ReplayBatch":
        """The same on a device."""
        return replace(self, rows=self.rows.to(device))


class RLStage:
    """Rounds of sampling, each followed by its optimizer steps."""

    reads_ahead = False  # an answer must be of the model as it is

    def __init__(
        self, config: RLConfig, start: Start, sampler: Sampler, at_once: int, replay: SFTStage | None = None
    ) -> None:
        self.config, self.start, self.sampler, self.at_once, self.replay = config, start, sampler, at_once, replay
        needs_reference = replay is not None or config.policy.kl
        self.reference = reference_model(start, config.resume) if needs_reference else None
        self.current: tuple[int, Round] | None = None

    @property
    def load(self) -> Load:
        """What is computed at once: of this rank's answers and replayed rows as many as threads take, each as long as
        the context; and the answers that the engine writes side by side."""
        config, world_size, replay = self.config, self.start.runtime.world_size, self.replay
        share = -(-config.prompts // world_size) * config.samples + (replay.batch_rows if replay else 0)
        at_once = max(self.at_once, replay.micro_rows if replay else 0)
        tokens = rows_side_by_side(at_once, share, self.start.runtime) * self.start.model.config.context
        asked = -(-max(config.prompts, config.eval_prompts) // world_size) * config.samples
        return Load(tokens, tokens, min(asked, self.sampler.dialogue.engine.rows.num_slots), 2 if self.reference else 1)

    def batches(self, step: int) -> list[AnswerBatch | ReplayBatch]:
        """A share of the round's answers, and rows to replay; the first step of a round samples its answers."""
        number, part = divmod(step, self.config.minibatches)
        found = self.round(number, begun=part > 0)
        order = keyed_rng(self.config.loop.seed, number, "answers").permutation(len(found.answers)).tolist()
        mine = [found.answers[i] for i in order[part :: self.config.minibatches]] or [found.answers[0]]
        mine.sort(key=lambda answer: len(answer.ids))  # rows of like length waste least
        answers = [self.batch(mine[i : i + self.at_once]) for i in range(0, len(mine), self.at_once)]
        return [*answers, *self.replayed(step, sum(batch.num_targets for batch in answers))]

    def replayed(self, step: int, num_targets: int) -> list[ReplayBatch]:
        """The step's rows of conversations, to weigh as much as so many targets of answers."""
        rows = [] if self.replay is None else self.replay.batches(step)
        count = sum(batch.num_targets for batch in rows)
        weight = self.config.replay_weight * num_targets / max(1, count)
        return [ReplayBatch(batch, weight) for batch in rows]

    def loss(self, model: GPT, batch: AnswerBatch | ReplayBatch) -> tuple[Tensor, dict[str, float]]:
        """The clipped policy gradient, summed, and the round's metrics; of replayed rows what has moved, weighted."""
        if isinstance(batch, ReplayBatch):
            assert self.reference is not None
            document_id = self.start.chat.tokenizer.document_id
            with torch.no_grad():
                at_first = conversation_losses(self.reference, batch.rows, document_id)
            moved = conversation_losses(model, batch.rows, document_id) - at_first
            loss = batch.weight / 2 * moved.square().sum()
            return loss, {"replay_loss": float(loss.detach())}
        assert self.current is not None
        log_p = -model.token_losses(batch.inputs, batch.targets)  # (B, T)
        mask = batch.targets != IGNORE
        before = torch.where(batch.log_p.isnan(), log_p.detach(), batch.log_p)
        losses = policy_losses(log_p, before, batch.advantages[:, None], self.config.policy)
        logs = {key: value * batch.num_targets for key, value in self.current[1].metrics.items()}
        if self.config.policy.kl:
            assert self.reference is not None
            with torch.no_grad():
                reference = -self.reference.token_losses(batch.inputs, batch.targets)
            gap = reference - log_p
            kl = gap.exp() - 1 - gap  # k3, never negative
            losses = losses + self.config.policy.kl * kl
            logs["kl"] = float((kl.detach() * mask * batch.scale[:, None]).sum())
        return (losses * mask * batch.scale[:, None]).sum(), logs

    def batch(self, answers: Sequence[Answer]) -> AnswerBatch:
        """Answers side by side, padded."""
        inputs, targets = pad_rows([(answer.ids, answer.written) for answer in answers], self.start.pad_id)
        log_p = torch.full(targets.shape, torch.nan)
        if kept := [p for answer in answers for p in answer.log_p]:
            log_p[targets != IGNORE] = torch.tensor(kept)
        lengths = (targets != IGNORE).sum(dim=1)
        by = self.config.policy.normalise
        scale = 1 / lengths.clamp(min=1) if by == "answers" else torch.ones(len(answers))
        num_targets = {
            "tokens": int(lengths.sum()),
            "answers": len(answers),
            "constant": len(answers) * self.config.max_tokens,
        }[by]
        advantages = torch.tensor([answer.advantage for answer in answers])
        return AnswerBatch(inputs, targets, advantages, log_p, scale, num_targets)

    def round(self, number: int, begun: bool) -> Round:
        """The answers of a round: in memory, on disk if the run was stopped after some of its steps, or sampled now."""
        if self.current is None or self.current[0] != number:
            path, runtime = round_file(self.start, number), self.start.runtime
            on_disk = begun and runtime.sum_numbers([float(path.is_file())])[0] == runtime.world_size
            found = read_round(path) if on_disk else self.sampler.round(number)
            if self.config.minibatches > 1 and not on_disk:
                found = replace(found, answers=tuple(self.with_log_p(found.answers)))
                write_json(path, to_plain(found))
                self.drop_rounds()
            self.current = number, found
        return self.current[1]

    def drop_rounds(self) -> None:
        """Remove this rank's rounds that no checkpoint was saved in the middle of, nor will be."""
        run = self.start.run
        oldest = min(saved_steps(run)[-self.config.keep :], default=0) // self.config.minibatches
        for number in range(oldest - 1, -1, -1):
            path = round_file(self.start, number)
            if not path.is_file():
                break
            path.unlink()

    def with_log_p(self, answers: Sequence[Answer]) -> list[Answer]:
        """The answers with what the model, as it is now, thinks of each written id."""
        found: list[Answer] = []
        for first in range(0, len(answers), self.at_once):
            some = answers[first : first + self.at_once]
            batch = self.batch(some).to(self.start.runtime.device)
            rows = target_log_p(self.start.model, batch.inputs, batch.targets)
            found += [replace(answer, log_p=tuple(row.tolist())) for answer, row in zip(some, rows, strict=True)]
        return found


def policy_losses(log_p: Tensor, before: Tensor, advantages: Tensor, config: PolicyLoss) -> Tensor:
    """PPO's clipped loss of each token (arXiv 1707.06347), with a bound of its own for each direction (DAPO)."""
    ratio = (log_p - before).exp()
    clipped = ratio.clamp(1 - config.clip_low, 1 + config.clip_high)
    return -torch.minimum(ratio * advantages, clipped * advantages)


def reference_model(start: Start, resume: bool) -> GPT:
    """The model that the run began with, kept in the run's folder: where it came from, it may go."""
    folder, runtime = start.run.path / "reference", start.runtime
    if runtime.is_main and not resume:
        with atomic_folder(folder) as temporary:
            save_model(temporary, start.model)
    runtime.barrier()
    model = load_model(folder, runtime.device)
    model.compute_dtype = runtime.dtype
    return model.requires_grad_(False).eval()


def replayed_rows(config: RLConfig, start: Start) -> SFTStage | None:
    """The conversations in which nothing is to change."""
    if not config.replay:
        return None
    if config.replay_rows % start.runtime.world_size:
        raise ConfigError(f"--replay-rows {config.replay_rows} cannot be shared by {start.runtime.world_size} ranks.")
    wanted = config.loop.num_steps * config.replay_rows * start.model.config.context
    data = open_mixture(config.replay, config.on_bad)
    rows = pack(take(data, "train", config.loop.seed, start, wanted), start, config.loop.seed)
    at_once = rows_at_once(config, start, config.replay_rows)
    return SFTStage(rows, config.replay_rows, at_once, start.runtime, start.chat.tokenizer.document_id)


def saved_config(run: RunDir) -> RLConfig:
    """The options that a run was begun with, to go on with. Raises UserError if it is no run of this stage."""
    return read_config(RLConfig, "rl", run)


def main(config: RLConfig) -> None:
    """Run the command. Raises Interrupted on Ctrl-C, with everything saved."""
    run_stage("rl", config, rl)


def rl(config: RLConfig, run: RunDir, runtime: Runtime) -> None:
    """Train from the beginning, or from where the run stopped."""
    check_options(config)
    start = begin("rl", config, run, runtime)
    at_once = rows_at_once(config, start)
    sampler = Sampler(config, start)
    validation = sampler.questions_of("validation")
    replay = replayed_rows(config, start)
    if replay is not None:
        keep_fingerprint(replay.rows.fingerprint, run, runtime, config.resume)
    stage = RLStage(config, start, sampler, at_once, replay)
    runner = make_runner("rl", config, start, config.loop.num_steps)

    def evaluate(_: Step) -> Findings:
        mine = range(runtime.rank, config.eval_prompts, runtime.world_size)
        questions = [validation.numbered(number) for number in mine]
        right = [
            [is_right(question, reply) for reply in replies]
            for question, replies in zip(questions, sampler.answer(questions, config.loop.seed), strict=True)
        ]
        sums = [sum(map(sum, right)) / config.samples, float(sum(map(any, right))), float(len(right))]
        pass_1, pass_k, count = runtime.sum_numbers(sums)
        pass_1, pass_k = pass_1 / count, pass_k / count
        return Findings(
            {"validation_loss": 1 - pass_1, "pass@1": pass_1, f"pass@{config.samples}": pass_k}, 1 - pass_1,
            f"pass@1 {pass_1:.1%}, pass@{config.samples} {pass_k:.1%} of {int(count)} prompts",
        )  # fmt: skip

    with runner.display:
        runner.display.print(
            f"rounds of {config.prompts} prompts × {config.samples} answers, {config.loop.num_steps:,} steps"
        )
        runner.display.print(outlook(runner, start, stage.load))
        if not config.resume:  # what the first steps are compared with
            began = time.perf_counter()
            before = evaluate(Step(runner.progress, start.model, start.optimizer, {}, last=False))
            if runtime.is_main:
                runner.write_metrics(before.metrics)
                runner.display.print(f"before: {before.summary}")
                num_rounds = -(-config.loop.num_steps // config.minibatches)
                minutes = num_rounds * config.prompts / config.eval_prompts * (time.perf_counter() - began) / 60
                runner.display.print(f"time, about {minutes:.1f} min of answers, written and judged as fast as these")
        if runner.run_to_end(stage, config.resume, evaluate) and runtime.is_main:
            write_stage_report(runner, start, {"tasks": ", ".join(config.tasks)})


def check_options(config: RLConfig) -> None:
    """Raise ConfigError for a number that cannot be."""
    if config.samples < 2:
        raise ConfigError(f"--samples is {config.samples}: an answer is judged against others, so 2 or more.")
    if min(config.prompts, config.minibatches, config.max_tokens, config.eval_prompts, config.loop.num_steps) < 1:
        raise ConfigError("--num-steps, --prompts, --minibatches, --max-tokens and --eval-prompts are 1 or more.")
    if not config.temperature > 0:
        raise ConfigError(f"--temperature is {config.temperature}: at 0 all answers to a prompt are the same.")
    if min(config.policy.clip_low, config.policy.clip_high, config.policy.kl, config.resample) < 0:
        raise ConfigError("--clip-low, --clip-high, --kl and --resample are 0 or more.")
    if config.replay_rows < 1 or config.replay_weight < 0:
        raise ConfigError("--replay-rows is 1 or more, and --replay-weight 0 or more.")
