"""The measure's arithmetic, over choices whose answers are known."""

from pathlib import Path

import pytest

from primer.core.runtime import Runtime
from primer.evaluate import core as core_module
from primer.evaluate.core import evaluate_core
from primer.evaluate.score import Score, wilson
from primer.tasks.core import Core, CoreTask


def test_the_mean_of_centred_accuracies(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Core.__new__(Core)
    bundle.folder = Path("nowhere")
    bundle.tasks = [CoreTask(name, "", "schema", 0) for name in ("guessed", "half", "worse")]
    bundle.baselines = {"guessed": 0.25, "half": 0.5, "worse": 0.5}
    bundle.missing = ["absent"]
    right = {"guessed": 1, "half": 3, "worse": 1}
    asked: list[int] = []

    def choices(task: CoreTask, limit: int) -> str:
        asked.append(limit)
        return task.label

    def score(
        engine: object, tokenizer: object, label: str, task: str, runtime: Runtime, progress: object
    ) -> list[Score]:
        return [Score(task, label, right[label], 4, *wilson(right[label], 4))]

    monkeypatch.setattr(bundle, "choices", choices)
    monkeypatch.setattr(core_module, "score_choices", score)
    result = evaluate_core(None, None, bundle, limit=4)  # type: ignore[arg-type]
    assert result.centred == {"guessed": 0.0, "half": 0.5, "worse": -0.5}
    assert result.core == 0.0
    assert result.missing == ["absent"]
    assert [found.task for found in result.scores] == ["core"] * 3
    assert asked == [4, 4, 4]
