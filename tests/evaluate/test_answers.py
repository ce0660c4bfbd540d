"""Questions judged, with a stand-in for the model that says what it is told to."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from primer.core.runtime import Runtime
from primer.engine.dialogue import Reply
from primer.engine.sampling import SamplingConfig
from primer.evaluate import answers
from primer.evaluate.answers import CHECK_RAISED, NEVER_ENDED, TOO_LONG, Transcript, score_questions
from primer.evaluate.score import Score, wilson
from primer.tasks.curriculum.checks import Says
from primer.tasks.task import Question
from primer.text.chat import ConversationError, Message, assistant, user

GREEDY = SamplingConfig(temperature=0)


@dataclass
class Parrot:
    """A dialogue that answers each conversation by a rule."""

    rule: Callable[[str, int], str] = lambda text, _: text
    never_ends: str = "?"
    """A prompt with this in it is answered without an end."""
    longest: int = 1000
    seen: list[tuple[int, SamplingConfig]] = field(default_factory=list)

    def fit(self, messages: Sequence[Message], room: int) -> tuple[list[Message], int]:
        if len(messages[-1].content) > self.longest:
            raise ConversationError("too long")
        return list(messages), 0

    def reply(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: SamplingConfig,
        tell: Callable[[int], None] | None = None,
    ) -> list[Reply]:
        self.seen.append((len(conversations), sampling))
        replies = []
        for row, messages in enumerate(conversations):
            text = self.rule(messages[-1].content, row)
            finished: Literal["stop", "length"] = "length" if self.never_ends in messages[-1].content else "stop"
            replies.append(Reply((assistant(text),), [1], [True], finished))
            if tell:
                tell(1)
        return replies


def question(text: str, wanted: str, group: str = "", **fields: Any) -> Question:
    return Question((user(text),), Says((wanted,)), group=group, **fields)


def run(parrot: Parrot, questions: Sequence[Question], **options: Any) -> tuple[list[Score], list[Transcript]]:
    return score_questions(parrot, questions, options.pop("sampling", GREEDY), **options)  # type: ignore[arg-type]


def test_groups_in_their_order_with_intervals() -> None:
    questions = [
        question("red", "red", "colour"), question("five", "six", "number"), question("six", "six", "number"),
        question("blue", "blue", "colour", new_phrasing=True), question("green", "blue", "colour", new_phrasing=True),
    ]  # fmt: skip
    scores, transcripts = run(Parrot(), questions, task="demo")
    assert scores == [
        Score("demo", "colour", 2, 3, *wilson(2, 3), 1, 2),
        Score("demo", "number", 1, 2, *wilson(1, 2)),
    ]
    assert [t.value for t in transcripts] == [1, 0, 1, 1, 0]
    assert [t.replies[0][0].content for t in transcripts] == ["red", "five", "six", "blue", "green"]


def test_part_marks_add_up() -> None:
    half = Question((user("a"),), lambda _: 0.5)
    [score], _ = run(Parrot(), [half, half, half])
    assert (score.right, score.accuracy) == (1.5, 0.5)


def test_what_goes_wrong_counts_as_wrong_and_is_counted() -> None:
    def raises(reply: Sequence[Message]) -> float:
        raise KeyError("no such field")

    questions = [
        question("red?", "red"), question("x" * 99, "x" * 99), Question((user("a"),), raises), question("red", "red")
    ]  # fmt: skip
    [score], transcripts = run(Parrot(longest=50), questions)
    assert (score.right, score.count) == (1, 4)
    assert score.troubles == {NEVER_ENDED: 1, TOO_LONG: 1, CHECK_RAISED: 1}
    assert [t.trouble for t in transcripts] == [NEVER_ENDED, TOO_LONG, CHECK_RAISED, ""]
    assert transcripts[2].detail == "KeyError: 'no such field'"
    assert transcripts[1].replies == ()


def test_several_samples_give_the_mean_and_pass_at_k() -> None:
    right_twice = question("a", "yes")  # of the four samples of each question, rows 0 to 3 and 4 to 7
    never = question("b", "yes")
    parrot = Parrot(lambda text, row: "yes" if text == "a" and row % 4 < 2 else "no")
    [score], transcripts = run(parrot, [right_twice, never], samples=4, sampling=SamplingConfig(temperature=1))
    assert score.right == 0.5
    assert transcripts[0].values == (1, 1, 0, 0)
    assert score.pass_at == {1: 0.25, 2: pytest.approx((1 - 1 / 6) / 2), 4: 0.5}


def test_answers_that_are_to_differ() -> None:
    story = question("tell", "once", samples=3)
    rules: dict[str, Callable[[str, int], str]] = {
        "different": lambda _, row: f"once {row}",
        "alike": lambda _, row: f"once {row % 2}",
        "one wrong": lambda _, row: f"{'once' if row else 'never'} {row}",
    }
    values = {name: run(Parrot(rule), [story])[1][0].value for name, rule in rules.items()}
    assert values == {"different": 1.0, "alike": 0.0, "one wrong": 0.0}


def test_greedy_questions_stay_greedy_beside_those_that_vary() -> None:
    parrot = Parrot()
    run(parrot, [question("a", "a"), question("b", "b", samples=2), question("c", "c")])
    [(greedy_rows, greedy), (varied_rows, varied)] = parrot.seen
    assert (greedy_rows, greedy.temperature) == (2, 0)
    assert varied_rows == 2
    assert varied.temperature > 0


def test_calls_never_draw_the_same_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "AT_ONCE", 4)
    parrot = Parrot()
    questions = [question(str(n), str(n)) for n in range(10)]
    [score], _ = run(parrot, questions, sampling=SamplingConfig(temperature=1, seed=7))
    assert score.right == 10
    assert [rows for rows, _ in parrot.seen] == [4, 4, 2]
    assert len({sampling.seed for _, sampling in parrot.seen}) == 3


def test_answers_are_told_one_by_one() -> None:
    told: list[int] = []
    questions = [question(str(n), str(n)) for n in range(10)]
    [score], _ = run(Parrot(), [*questions, question("b", "b", samples=2)], progress=told.append)
    assert score.right == 10
    assert told == [1] * 12


def test_ranks_share_the_questions_and_sum() -> None:
    questions = [question(str(n), str(n % 4), f"g{n % 3}") for n in range(11)]
    whole, _ = run(Parrot(), questions)
    sums: list[list[float]] = []

    class Rank(Runtime):
        def sum_numbers(self, numbers: list[float]) -> list[float]:
            sums.append(numbers)
            return [sum(column) for column in zip(*sums, strict=True)]

    import torch

    for rank in range(2):
        runtime = Rank(torch.device("cpu"), torch.float32, "test", rank, 2)
        found, transcripts = run(Parrot(), questions, runtime=runtime)
        assert len(transcripts) == (6, 5)[rank]
    assert found == whole


def test_transcripts_are_json() -> None:
    _, [transcript] = run(Parrot(), [question("red", "red", "colour", new_phrasing=True)])
    saved = json.loads(json.dumps(transcript.to_json()))
    assert saved["prompt"] == [{"role": "user", "content": "red", "tool_calls": []}]
    assert saved["replies"][0][0]["content"] == "red"
    assert (saved["group"], saved["new_phrasing"], saved["value"], saved["trouble"]) == ("colour", True, 1.0, "")


def test_no_questions() -> None:
    assert run(Parrot(), []) == ([], [])
