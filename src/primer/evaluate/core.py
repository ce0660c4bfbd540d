"""CORE: accuracy on each task of the bundle, centred, and the mean of that."""

from dataclasses import dataclass

from primer.core.runtime import Runtime
from primer.core.workers import Tell
from primer.engine.engine import Engine
from primer.evaluate.choice import score_choices
from primer.evaluate.score import Score
from primer.tasks.core import Core
from primer.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class CoreResult:
    """What the measure found."""

    core: float
    """The mean of the centred accuracies: 0 is guessing, 1 is all right."""
    scores: list[Score]
    """One a task, the group its label."""
    centred: dict[str, float]
    missing: list[str]
    """Tasks of the measure whose rows were not there; `core` is the mean over the others."""


def evaluate_core(
    engine: Engine, tokenizer: Tokenizer, core: Core, runtime: Runtime | None = None, limit: int = 0,
    progress: Tell | None = None,
) -> CoreResult:  # fmt: skip
    """Ask all tasks at hand; `limit` > 0: so many questions of each at most."""
    scores = []
    for task in core.tasks:  # one at a time: with ten examples before each question all together are 60 MB of text
        scores += score_choices(
            engine, tokenizer, core.choices(task, limit), core.name, runtime=runtime, progress=progress
        )
    centred = {score.group: core.centred(score.group, score.accuracy) for score in scores}
    return CoreResult(sum(centred.values()) / len(centred), scores, centred, core.missing)
