"""Rounds of trial for reinforcement learning: ask, let the model answer, judge, and weigh."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from primer.core.errors import ConfigError, CorpusError, TrainingError
from primer.core.files import read_json
from primer.core.runtime import step_seed
from primer.engine.dialogue import Dialogue, Reply, chat_engine
from primer.engine.sampling import SamplingConfig
from primer.engine.tools import named_tools
from primer.tasks.conversations import Conversations
from primer.tasks.curriculum.curriculum import all_lessons
from primer.tasks.task import Question, Split
from primer.text.chat import ConversationError
from primer.train.mixture import open_mixture
from primer.train.stage import Start

if TYPE_CHECKING:
    from primer.train.rl import RLConfig

ROOM = 32  # tokens that a prompt must leave for its answer


@dataclass(frozen=True)
class Answer:
    """One answer of a round: what was read and written, and what it was worth."""

    ids: tuple[int, ...]
    written: tuple[bool, ...]
    """The ids that the model chose: neither the prompt nor what a tool said."""
    advantage: float
    log_p: tuple[float, ...] = ()
    """Of each written id when it was written; empty where a round is a single step, and the ratio 1."""


@dataclass(frozen=True)
class Round:
    """What was found by sampling."""

    answers: tuple[Answer, ...]
    metrics: dict[str, float]


class Sampler:
    """Asks the model as it is now, and judges what it answers."""

    def __init__(self, config: "RLConfig", start: Start) -> None:
        """Raises ConfigError or CorpusError for tasks that cannot be asked, or tools that there are not."""
        self.config, self.start = config, start
        engine = chat_engine(start.model, start.chat)
        tools, processes = named_tools(config.tools), start.runtime.processes
        self.dialogue = Dialogue(engine, start.chat, tools, config.max_calls, processes=processes)
        self.questions = self.questions_of("train")

    def questions_of(self, split: Split) -> "Questions":
        """The prompts of a split."""
        return Questions(self.config.tasks, split, self.dialogue, self.config.loop.seed)

    def round(self, number: int) -> Round:
        """Ask, judge, and weigh each answer against its group."""
        config, runtime = self.config, self.start.runtime
        share = -(-config.prompts // runtime.world_size)
        groups: list[list[tuple[Reply, list[int], float]]] = []
        dull = asked = judged = 0
        failures: list[str] = []
        rewards: list[float] = []
        lengths: list[int] = []
        for attempt in range(1 + config.resample):
            first = ((number * (1 + config.resample) + attempt) * runtime.world_size + runtime.rank) * share
            questions = [self.questions.numbered(first + i) for i in range(share - len(groups))]
            seed = step_seed(config.loop.seed, number, runtime.rank, attempt) % 2**31
            for question, replies in zip(questions, self.answer(questions, seed), strict=True):
                found = [judge(question, reply, config.format_reward) for reply in replies]
                failures += [worth for worth in found if isinstance(worth, str)]
                group_rewards = [0.0 if isinstance(worth, str) else worth for worth in found]
                judged += sum(reply.finished == "stop" for reply in replies)
                asked += 1
                rewards += group_rewards
                lengths += [sum(reply.generated) for reply in replies]
                prompt = self.dialogue.prompt(question.prompt)
                group = [(reply, prompt, reward) for reply, reward in zip(replies, group_rewards, strict=True)]
                if max(group_rewards) - min(group_rewards) < 1e-9:
                    dull += 1
                else:
                    groups.append(group)
            if len(groups) >= share:
                break
        total_failed, total_judged = runtime.sum_numbers([float(len(failures)), float(judged)])
        if total_judged and total_failed == total_judged:  # on every rank, or none
            raise TrainingError(
                f"no answer of round {number + 1} could be judged: {failures[-1] if failures else 'see other ranks'}. "
                "What was trained is saved. Mend the task's check, and go on with --resume."
            )
        answers = [answer for group in groups for answer in self.weigh(group)]
        if not answers:  # nothing to learn from in this round: a step that changes nothing but the momentum
            answers = [self.as_answer(reply, prompt, 0.0) for reply, prompt, _ in group]
        metrics = {
            "reward": sum(rewards) / len(rewards), "answer_tokens": sum(lengths) / len(lengths),
            "groups_dropped": dull / asked, "rewards_failed": float(len(failures)),
        }  # fmt: skip
        return Round(tuple(answers), metrics)

    def answer(self, questions: Sequence[Question], seed: int) -> list[list[Reply]]:
        """`samples` answers to each question."""
        k = self.config.samples
        prompts = [question.prompt for question in questions for _ in range(k)]
        sampling = SamplingConfig(self.config.temperature, max_tokens=self.config.max_tokens, seed=seed)
        replies = self.dialogue.reply(prompts, sampling)
        return [replies[i : i + k] for i in range(0, len(replies), k)]

    def weigh(self, group: Sequence[tuple[Reply, list[int], float]]) -> list[Answer]:
        """Advantages: each reward less the group's mean."""
        rewards = torch.tensor([reward for *_, reward in group])
        advantages = rewards - rewards.mean()
        if self.config.policy.divide_by_std:
            advantages = advantages / (rewards.std() + 1e-4)
        return [
            self.as_answer(reply, prompt, float(a)) for (reply, prompt, _), a in zip(group, advantages, strict=True)
        ]

    def as_answer(self, reply: Reply, prompt: list[int], advantage: float) -> Answer:
        """A reply as ids to learn from."""
        written = (False,) * len(prompt) + tuple(reply.generated)
        return Answer((*prompt, *reply.ids), written, advantage)


def judge(question: Question, reply: Reply, format_reward: float) -> float | str:
    """The reward of an answer, or what went wrong with its check. An answer that does not end is worth nothing."""
    if reply.finished != "stop":
        return 0.0
    tools_fine = not any(m.role == "tool" and m.content.startswith("error") for m in reply.messages)
    try:
        worth = float(question.check(reply.messages))
    except Exception as error:  # a task is anyone's code: its failure must not end the run
        return f"the check raised {type(error).__name__}: {error}"
    return worth + format_reward * tools_fine if math.isfinite(worth) else f"the check said {worth}"


def is_right(question: Question, reply: Reply) -> bool:
    """Whether the answer is all that was asked for."""
    worth = judge(question, reply, 0.0)
    return not isinstance(worth, str) and worth >= 1


class Questions:
    """Prompts without end, those left out that leave no room for an answer."""

    def __init__(self, names: Sequence[str], split: Split, dialogue: Dialogue, seed: int) -> None:
        """Raises ConfigError or CorpusError for a task that does not exist or has nothing to judge answers by."""
        self.dialogue = dialogue
        sharp = "curriculum:" + "+".join(lesson.name for lesson in all_lessons() if lesson.reinforce)
        self.mixture = open_mixture([re.sub("^curriculum(?=$|=)", sharp, name) for name in names])
        for task, _ in self.mixture.parts:
            if isinstance(task, Conversations):
                raise ConfigError(
                    f"--tasks {task.name} holds conversations, and nothing says which other answers are right. Give a "
                    "task: curriculum, svamp, or a file of questions with their answers as custom:PATH."
                )
        self.split, self.seed = split, seed + 2  # other questions than fine-tuning's

    def numbered(self, number: int) -> Question:
        """Question `number`, or the first one after it that fits."""
        for attempt in range(100):
            question = self.mixture.numbered(self.split, self.seed, number + 1_000_003 * attempt)
            with suppress(ConversationError):
                self.dialogue.prompt(question.prompt, ROOM)
                return question
        raise CorpusError(
            f"of 100 questions none leaves {ROOM} tokens for its answer in the model's context of "
            f"{self.dialogue.engine.context}. Give tasks with shorter ones, or a model with a larger context."
        )


def round_file(start: Start, number: int) -> Path:
    """Where this rank's answers of a round lie."""
    return start.run.path / "rounds" / f"round_{number:06d}_rank_{start.runtime.rank}.json"


def to_plain(found: Round) -> dict[str, Any]:
    """A round as JSON."""
    answers = [[list(a.ids), [int(w) for w in a.written], a.advantage, list(a.log_p)] for a in found.answers]
    return {"metrics": found.metrics, "answers": answers}


def read_round(path: Path) -> Round:
    """Undo `to_plain`."""
    saved = read_json(path)
    answers = (Answer(tuple(ids), tuple(map(bool, w)), a, tuple(p)) for ids, w, a, p in saved["answers"])
    return Round(tuple(answers), saved["metrics"])
