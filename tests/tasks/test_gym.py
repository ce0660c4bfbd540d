"""reasoning-gym behind its extra: the package if it is there, and a stand-in of its interface."""

import random
import sys
from types import ModuleType
from typing import Any

import pytest

from primer.core.errors import ConfigError, UserError
from primer.tasks.gym import FIRST, ITEMS, SEEDS, Gym
from primer.text.chat import assistant


class Sums:
    """A generator as reasoning-gym's are: item i is drawn with seed + i."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed

    def __getitem__(self, index: int) -> dict[str, Any]:
        a, b = (random.Random(self.seed + index).randint(0, 9999) for _ in range(2))
        return {"question": f"{a} + {b} = ?", "answer": str(a + b), "metadata": {}}

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return 1.0 if answer == entry["answer"] else 0.01


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    gym, factory = ModuleType("reasoning_gym"), ModuleType("reasoning_gym.factory")
    gym.create_dataset = lambda name, seed, size: Sums(seed, size)  # type: ignore[attr-defined]
    factory.DATASETS = {"sums": Sums}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "reasoning_gym", gym)
    monkeypatch.setitem(sys.modules, "reasoning_gym.factory", factory)


def test_questions(package: None) -> None:
    gym = Gym("sums")
    questions = gym.questions("test", 5)
    assert [q.prompt for q in questions] == [gym.numbered("test", 0, n).prompt for n in range(5)]
    for question in questions:
        [answer] = question.answer
        assert question.check([answer]) == 1.0
        assert question.check([assistant(f"So <answer> {answer.content} </answer>, I think.")]) == 1.0
        assert question.check([assistant("17 million")]) == 0.01
        assert question.check([]) == 0.0


def test_splits_and_seeds_never_meet(package: None) -> None:
    starts = [first + seed * ITEMS for first in FIRST.values() for seed in range(SEEDS)]
    assert all(b - a >= ITEMS for a, b in zip(sorted(starts), sorted(starts)[1:], strict=False))
    assert max(starts) + ITEMS <= 1 << 32
    gym = Gym("sums")
    assert gym.numbered("train", 0, 3).prompt != gym.numbered("test", 0, 3).prompt != gym.numbered("test", 1, 3).prompt


def test_unknown_generator(package: None) -> None:
    with pytest.raises(ConfigError, match="did you mean 'sums'"):
        Gym("sum")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(UserError, match=r"primer-lm\[gym\]"):
        Gym("sums")


def test_the_real_package() -> None:
    pytest.importorskip("reasoning_gym")
    for name in ("spell_backward", "basic_arithmetic"):
        for question in Gym(name).questions("train", 5):
            assert question.check(question.answer) == 1.0
            assert question.check([assistant("no idea")]) < 0.5
