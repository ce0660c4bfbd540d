"""Rounds of trial: what answers are worth, how they are weighed, and which are dropped."""

import dataclasses
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import toys

from primer.core.errors import ConfigError, CorpusError, TrainingError
from primer.core.files import write_json
from primer.engine.dialogue import Reply
from primer.engine.tools import CALCULATOR, Tool
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, tool, user
from primer.train import rollouts
from primer.train.rl import PolicyLoss, RLConfig
from primer.train.rollouts import ROOM, Answer, Round, Sampler, is_right, judge, read_round, to_plain
from primer.train.stage import Start


def config(**changes: Any) -> RLConfig:
    """Two prompts, six answers to each."""
    return dataclasses.replace(RLConfig(tasks=("toy",), prompts=2, samples=6, max_tokens=8, resample=2), **changes)


@pytest.fixture
def begun(toy_chat: Path) -> Start:
    """A model that says a or b."""
    return tiny.start(toy_chat)


def reply(*messages: Message, finished: Any = "stop") -> Reply:
    """An answer of three ids."""
    return Reply(messages, [1, 2, 3], [True] * 3, finished)


def question(check: Any) -> Question:
    """Something to be judged by this."""
    return Question((user("Say a or b."),), check)


def test_what_an_answer_is_worth() -> None:
    half = question(lambda messages: 0.5)
    assert judge(half, reply(assistant("a")), 0.1) == pytest.approx(0.6)
    assert judge(half, reply(assistant("a"), tool("7"), assistant("b")), 0.1) == pytest.approx(0.6)
    assert judge(half, reply(assistant("a"), tool("error: no"), assistant("b")), 0.1) == 0.5
    for finished in ("length", "calls"):
        assert judge(half, reply(assistant("a"), finished=finished), 0.1) == 0.0
    assert not is_right(half, reply(assistant("a")))
    right = question(lambda messages: 1.0)
    assert is_right(right, reply(assistant("a")))
    assert not is_right(right, reply(assistant("a"), finished="length"))


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (lambda messages: 1 / 0, "the check raised ZeroDivisionError: division by zero"),
        (lambda messages: None, "the check raised TypeError"),
        (lambda messages: math.nan, "the check said nan"),
        (lambda messages: math.inf, "the check said inf"),
    ],
)
def test_checks_that_fail(check: Callable[[Sequence[Message]], Any], said: str) -> None:
    found = judge(question(check), reply(assistant("a")), 0.1)
    assert isinstance(found, str)
    assert found.startswith(said)
    assert not is_right(question(check), reply(assistant("a")))


def test_advantages(begun: Start, toy: toys.Toy) -> None:
    rewards = [1.1, 0.1, 0.0, 0.1]
    mean = sum(rewards) / 4
    std = math.sqrt(sum((reward - mean) ** 2 for reward in rewards) / 3)
    group = [(reply(assistant("a")), [7, 8], reward) for reward in rewards]
    plain = Sampler(config(), begun).weigh(group)
    assert [answer.advantage for answer in plain] == pytest.approx([reward - mean for reward in rewards], abs=1e-6)
    by_std = Sampler(config(policy=PolicyLoss(divide_by_std=True)), begun).weigh(group)
    wanted = [(reward - mean) / (std + 1e-4) for reward in rewards]
    assert [answer.advantage for answer in by_std] == pytest.approx(wanted, abs=1e-5)
    assert plain[0].ids == (7, 8, 1, 2, 3)
    assert plain[0].written == (False, False, True, True, True)


def test_the_ids_are_what_the_model_read(begun: Start, toy: toys.Toy) -> None:
    """At almost no temperature each written id is the likeliest one after those before it."""
    sampler = Sampler(config(temperature=1e-4, resample=0), begun)
    begun.model.eval()
    for answer in sampler.round(0).answers:
        ids = torch.tensor([answer.ids])
        with torch.no_grad():
            likeliest = begun.model.logits(begun.model.hidden(ids[:, :-1]))[0].argmax(dim=-1).tolist()
        written = [i for i, by_model in enumerate(answer.written) if by_model]
        assert written
        assert [likeliest[i - 1] for i in written] == [answer.ids[i] for i in written]


def test_groups_whose_answers_are_all_worth_the_same_are_replaced(begun: Start, toy: toys.Toy) -> None:
    """Every other prompt is judged alike whatever is said; those are in no round."""
    toy.check = lambda number, messages: 1.0 if number % 2 else toys.says_a(messages)
    found = Sampler(config(prompts=4, samples=12), begun).round(0)
    assert found.metrics["groups_dropped"] > 0
    prompts = {begun.tokenizer.decode(answer.ids) for answer in found.answers}
    numbers = [int(number) for prompt in prompts for number in re.findall(r"Say a or b\. (\d+)", prompt)]
    assert numbers
    assert all(number % 2 == 0 for number in numbers)
    assert len(found.answers) % 12 == 0
    for first in range(0, len(found.answers), 12):
        advantages = [answer.advantage for answer in found.answers[first : first + 12]]
        assert sum(advantages) == pytest.approx(0, abs=1e-5)
        assert max(advantages) > 0


def test_a_round_with_nothing_to_learn(begun: Start, toy: toys.Toy) -> None:
    toy.check = lambda number, messages: 1.0
    found = Sampler(config(format_reward=0.0), begun).round(0)
    assert found.metrics["groups_dropped"] == 1.0
    assert {answer.advantage for answer in found.answers} == {0.0}
    assert toy.asked == {*range(2), *range(2, 4), *range(4, 6)}  # it has looked for others, and given up


def test_a_check_that_raises_is_worth_nothing_and_told(begun: Start, toy: toys.Toy) -> None:
    def check(number: int, messages: Sequence[Message]) -> float:
        return 1.0 if toys.says_a(messages) else 1 / 0

    toy.check = check
    found = Sampler(config(), begun).round(0)
    assert found.metrics["rewards_failed"] > 0
    assert 0 < found.metrics["reward"] < 1.1


def test_checks_that_all_raise_end_the_run(begun: Start, toy: toys.Toy) -> None:
    toy.check = lambda number, messages: 1 / 0
    with pytest.raises(
        TrainingError, match=r"no answer of round 8 could be judged: the check raised ZeroDivisionError"
    ):
        Sampler(config(), begun).round(7)


def test_answers_that_never_end(chat_base: Path, toy: toys.Toy) -> None:
    toy.check = lambda number, messages: 1.0
    begun = tiny.start(chat_base)  # it has learned nothing, and rambles
    found = Sampler(config(max_tokens=4), begun).round(0)
    assert found.metrics["reward"] < 0.2
    assert found.metrics["answer_tokens"] > 3.5
    assert max(len(answer.ids) for answer in found.answers) <= begun.model.config.context + 1


def test_answers_end_where_the_context_does(chat_base: Path, toy: toys.Toy) -> None:
    begun = tiny.start(chat_base)
    toy.words = "a " * (begun.model.config.context - ROOM - len(begun.chat.prompt((user("Say a or b. 9"),))) - 8)
    found = Sampler(config(max_tokens=500), begun).round(0)
    longest = max(len(answer.ids) for answer in found.answers)
    assert longest == begun.model.config.context + 1  # one more than is read: it is a target only


def test_prompts_that_leave_no_room(begun: Start, toy: toys.Toy) -> None:
    toy.words = "word " * 200
    with pytest.raises(CorpusError, match="of 100 questions none leaves 32 tokens for its answer"):
        Sampler(config(), begun).round(0)


def test_tools_run_and_their_results_are_not_learned(
    calling_chat: Path, toy: toys.Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tiny.start(calling_chat)
    toy.check = lambda number, messages: toys.says_a(messages)
    found = Sampler(config(max_tokens=120, temperature=0.01, resample=0), begun).round(0)
    assert found.metrics["reward"] == pytest.approx(1.1)
    answer = found.answers[0]
    both = zip(answer.ids, answer.written, strict=True)
    written = begun.tokenizer.decode([id for id, by_model in both if by_model])
    assert written.count("<|im_end|>") == 2
    assert "<tool_response>" not in written
    assert "<tool_response>42</tool_response>" in begun.tokenizer.decode(answer.ids)

    def hang(arguments: dict[str, Any]) -> str:
        time.sleep(60)
        return "late"

    slow = Tool("calculator", "", CALCULATOR.parameters, hang, seconds=0.02)
    monkeypatch.setattr(rollouts, "named_tools", lambda _: (slow,))
    found = Sampler(config(prompts=1, max_tokens=120, temperature=0.01, resample=0), begun).round(0)
    assert "did not answer within" in begun.tokenizer.decode(found.answers[0].ids)
    assert found.metrics["reward"] <= 1.0  # no reward for its form


@pytest.mark.parametrize(
    ("tools", "names"), [("calculator", ["calculator"]), ("calculator,python", ["calculator", "python"]), ("none", [])]
)
def test_the_tools_that_are_named(begun: Start, toy: toys.Toy, tools: str, names: list[str]) -> None:
    assert [tool.name for tool in Sampler(config(tools=tools), begun).dialogue.tools] == names


def test_a_round_on_disk(tmp_path: Path) -> None:
    answers = (Answer((1, 2, 3), (False, True, True), 0.25, (-0.1, -1e-9)), Answer((4, 5), (False, True), -1 / 3))
    found = Round(answers, {"reward": 1 / 3})
    path = tmp_path / "round.json"
    write_json(path, to_plain(found))
    assert read_round(path) == found


def test_tasks_that_cannot_be_asked(begun: Start, conversations: Path) -> None:
    with pytest.raises(ConfigError, match="holds conversations, and nothing says which other answers are right"):
        Sampler(config(tasks=(str(conversations),)), begun)
    with pytest.raises(ConfigError, match="did you mean 'curriculum'"):
        Sampler(config(tasks=("curiculum",)), begun)


def test_of_the_curriculum_the_lessons_with_sharp_checks(begun: Start) -> None:
    mixture = Sampler(config(tasks=("curriculum=2", "curriculum:spelling")), begun).questions.mixture
    (sharp, two), (spelling, one) = mixture.parts
    assert (two, one) == (2.0, 1.0)
    names = {lesson.name for lesson in sharp.lessons}  # type: ignore[attr-defined]
    assert {"arithmetic", "recall"} <= names
    assert not {"stories", "small_talk"} & names
    assert [lesson.name for lesson in spelling.lessons] == ["spelling"]  # type: ignore[attr-defined]


def test_other_prompts_each_round_and_the_same_again(begun: Start, toy: toys.Toy) -> None:
    sampler = Sampler(config(), begun)
    rounds = [sampler.round(number) for number in (0, 1, 0)]
    assert rounds[0] == rounds[2]
    assert {answer.ids for answer in rounds[0].answers} != {answer.ids for answer in rounds[1].answers}
