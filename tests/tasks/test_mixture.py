"""A mixture is a pure function of (seed, number), keeps its weights, and covers finite tasks evenly."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from task_files import numbers, write

from primer.core.errors import ConfigError
from primer.tasks.choices import cloze
from primer.tasks.mixture import BLOCK, Mixture, share_out
from primer.tasks.rows import Rows, RowTask
from primer.tasks.task import Question, Split
from primer.text.chat import assistant, user


class Numbers:
    """An endless task."""

    name = "numbers"

    def numbered(self, split: Split, seed: int, number: int) -> Question:
        return Question((user(f"{split}/{seed}/{number}"),), lambda _: 1.0, group="endless")

    def questions(self, split: Split, limit: int = 0, seed: int = 0) -> list[Question]:
        return [self.numbered(split, seed, number) for number in range(limit)]


@pytest.fixture
def mixture(tmp_path: Path) -> Mixture:
    rows = Rows(str(write(tmp_path / "mine.jsonl", numbers(0, 7))))
    finite = RowTask("finite", rows, lambda row: Question((user(str(row.get("n"))),), lambda _: 1.0, group="finite"))
    letters = RowTask("letters", rows, lambda row: cloze(f"Q{row.get('n')}", ["a", "b"], 1, "letters"))
    return Mixture([(Numbers(), 3), (finite, 1), (letters, 1)])


def texts(mixture: Mixture, first: int, count: int, seed: int = 0) -> list[str]:
    return [mixture.numbered("test", seed, n).prompt[0].content for n in range(first, first + count)]


def test_pure(mixture: Mixture) -> None:
    backwards = [mixture.numbered("test", 0, n).prompt[0].content for n in reversed(range(300))]
    assert texts(mixture, 0, 300) == backwards[::-1]
    assert texts(mixture, 0, 50) != texts(mixture, 0, 50, seed=1)
    stream = mixture.stream("test", 0, first=995)
    assert [next(stream).prompt[0].content for _ in range(10)] == texts(mixture, 995, 10)


def test_weights_and_passes(mixture: Mixture) -> None:
    questions = mixture.questions("test", 2 * BLOCK)
    assert Counter(question.group for question in questions) == {"endless": 1200, "finite": 400, "letters": 400}
    finite = [question.prompt[0].content for question in questions if question.group == "finite"]
    for first in range(0, 392, 7):  # seven rows: every pass has each once
        assert sorted(finite[first : first + 7]) == list("0123456")
    endless = [question.prompt[0].content for question in questions if question.group == "endless"]
    assert endless == [f"test/0/{n}" for n in range(1200)]


def test_choices_become_questions(mixture: Mixture) -> None:
    question = next(question for question in mixture.stream("test", 0) if question.group == "letters")
    assert question.check([assistant("B")]) == 1.0


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=20))
def test_shares_add_up(weights: list[float]) -> None:
    shares = [weight / sum(weights) for weight in weights]
    counts = share_out(BLOCK, shares)
    assert sum(counts) == BLOCK
    assert min(counts) >= 1
    assert all(abs(count - BLOCK * share) <= max(1, len(weights)) for count, share in zip(counts, shares, strict=True))


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_bad_weights(weight: float) -> None:
    with pytest.raises(ConfigError, match="weight of numbers"):
        Mixture([(Numbers(), weight)])
    with pytest.raises(ConfigError, match="no tasks"):
        Mixture([])
