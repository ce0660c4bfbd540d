"""What the files of a speedrun say: its ledger, and of each stage the metrics, the examination and the model. Runs that
began with one another say as much.

A stage that is not there is left out; nothing here fails because a run is half done.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from primer.core.errors import UserError
from primer.core.files import read_json
from primer.core.rundir import LEDGER, RunDir
from primer.evaluate.score import Score, total

TITLES = {"base": "base", "sft": "SFT", "dpo": "DPO", "rl": "RL"}  # the stages of training, in their order
USUAL_PRICES = {"H100": 3.0}  # dollars an hour of one GPU: what nanochat reckons with, 24 for a machine of eight
LESSONS = "curriculum"
MEASURES = {"bits_per_byte": "bits per byte", "core": "CORE"}


@dataclass(frozen=True)
class Exchange:
    """A question of the examination, and what was answered."""

    task: str
    group: str
    new_phrasing: bool
    value: float
    """What it counts, from 0 to 1."""
    trouble: str
    """Why it counts nothing, if not for what was said; else empty."""
    prompt: tuple[dict[str, Any], ...]
    """Messages: role, content, tool_calls."""
    reply: tuple[dict[str, Any], ...]
    """The first, where several were asked for; empty if none was given."""
    expected: str
    """A right answer, where the file says it."""

    @property
    def question(self) -> tuple[str, str, str]:
        """What tells it from others: its task, its group, and what was said."""
        return self.task, self.group, json.dumps(self.prompt)

    @property
    def right(self) -> bool:
        """Whether it counts as answered."""
        return self.value > 0.5


@dataclass(frozen=True)
class ModelFacts:
    """The model of a checkpoint."""

    family: str
    parameters: int
    num_layers: int
    width: int
    context: int
    vocab_size: int
    flops_per_token: int
    """Of training; see `GPT.flops_per_token`."""


@dataclass(frozen=True)
class StageRun:
    """A stage of training that has begun."""

    name: str
    run: RunDir
    metrics: list[dict[str, Any]]
    model: ModelFacts | None
    scores: tuple[Score, ...]
    """One a task and group; empty if it was not examined."""
    measures: dict[str, float]
    """Figures that are no share of questions: bits per byte, CORE."""
    exchanges: tuple[Exchange, ...]

    @property
    def tokens(self) -> int:
        """Trained on."""
        return int(max((row.get("tokens", 0) for row in self.metrics), default=0))

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return int(max((row.get("step", 0) for row in self.metrics), default=0))

    @property
    def seconds(self) -> float:
        """Of training."""
        return float(max((row.get("seconds", 0.0) for row in self.metrics), default=0.0))

    @property
    def flops(self) -> int | None:
        """Of training; sampling, the reference's and evaluation's forward passes are not counted."""
        return self.tokens * self.model.flops_per_token if self.model else None

    def tasks(self) -> dict[str, list[Score]]:
        """The scores by task."""
        found: dict[str, list[Score]] = {}
        for score in self.scores:
            found.setdefault(score.task, []).append(score)
        return found

    def score(self, group: str, task: str = LESSONS) -> Score | None:
        """The score of a group; of several, as in `letters+spelling`, that of all together."""
        parts = [s for name in group.split("+") for s in self.scores if (s.task, s.group) == (task, name)]
        if len(parts) != len(group.split("+")):
            return None
        return parts[0] if len(parts) == 1 else total(parts, task)


@dataclass(frozen=True)
class SpeedrunFolder:
    """All of it."""

    root: Path
    ledger: dict[str, Any]
    """What was kept of the beginning, and by stage what it took."""
    stages: dict[str, StageRun]
    """Those of training, in their order."""
    pairs: dict[str, dict[str, float]]
    """before and after DPO: accuracy and count over unseen pairs."""
    price: float | None
    """Dollars an hour."""

    @property
    def preset(self) -> str:
        """The recipe."""
        return str(self.ledger.get("preset", ""))

    @property
    def last(self) -> StageRun | None:
        """The last stage that was examined."""
        return next((stage for stage in reversed(self.stages.values()) if stage.scores), None)

    @property
    def model(self) -> ModelFacts | None:
        """The model, which keeps its shape from stage to stage."""
        return next((stage.model for stage in reversed(self.stages.values()) if stage.model), None)

    @property
    def seconds(self) -> dict[str, float]:
        """By stage, as long as each took on the clock, those included that do not train."""
        return {name: float(stage.get("seconds", 0.0)) for name, stage in self.ledger.get("stages", {}).items()}

    @property
    def memory(self) -> dict[str, tuple[int, bool]]:
        """By stage the most bytes that its process held, and whether that is of all stages so far: where the system
        cannot count anew."""
        kept = self.ledger.get("stages", {})
        return {
            name: (int(stage["peak_memory_bytes"]), bool(stage["peak_memory_so_far"]))
            for name, stage in kept.items()
            if stage.get("peak_memory_bytes")
        }

    @property
    def missing(self) -> list[str]:
        """What this report has to do without."""
        examined = [name for name, stage in self.stages.items() if not stage.scores]
        found = [f"{title} has not been trained" for name, title in TITLES.items() if name not in self.stages]
        found += [f"{TITLES[name]} has not been examined" for name in examined]
        return found + ([] if self.pairs or "dpo" not in self.stages else ["the pairs of DPO have not been measured"])

    def dollars(self, seconds: float) -> float | None:
        """What so long costs; None where no price is known."""
        return None if self.price is None else seconds / 3600 * self.price


def read_speedrun(root: Path, price: float | None = None) -> SpeedrunFolder:
    """Read what is there. `price` goes before the ledger's. Raises UserError if a file is damaged."""
    ledger = read_json(root / LEDGER)
    if not isinstance(ledger, dict):
        raise UserError(f"{root / LEDGER} is damaged: it holds no stages. Restore it, or start another speedrun.")
    stages = {name: read_stage(name, RunDir(root / name)) for name in TITLES if (root / name / "config.json").is_file()}
    return SpeedrunFolder(root, ledger, stages, read_pairs(stages.get("dpo")), price_of(ledger, price))


def read_chain(run: RunDir, price: float | None = None) -> SpeedrunFolder:
    """A run after those that it came from, as if they were one speedrun: back to the first, or to one that is not there
    any more, or to a second one of a stage. Raises UserError if a file is damaged."""
    last, stages = run, dict[str, StageRun]()
    before: RunDir | None = run
    while before and (name := stage_name(config := before.read_config())) not in stages:
        stages = {name: read_stage(name, before)} | stages
        before = source_of(before, config)
    ledger = last.read_config()
    ledger["stages"] = {name: {"seconds": stage.seconds} for name, stage in stages.items()}
    return SpeedrunFolder(last.path, ledger, stages, {}, price_of(ledger, price))


def source_of(run: RunDir, config: dict[str, Any]) -> RunDir | None:
    """The run that a run began with, where it was then or, if both were moved, beside this one; None if it is gone."""
    source = Path(config.get("source", ""))  # runs/sft/checkpoints/step_000200
    if len(source.parts) < 3:
        return None
    places = (source.parents[1], run.path.absolute().parent / source.parts[-3])
    return next((RunDir(place) for place in places if (place / "config.json").is_file()), None)


def stage_name(config: dict[str, Any]) -> str:
    """The stage that a run's config is of, as a speedrun calls it."""
    name = str(config.get("stage"))
    return name if name in TITLES else "base"


def price_of(ledger: dict[str, Any], price: float | None) -> float | None:
    """Dollars an hour: as given now, as given when it began, as usual for the machine; None where nobody knows."""
    given = ledger.get("price") if price is None else price
    return usual_price(str(ledger.get("machine", "")), int(ledger.get("gpus", 1))) if given is None else given


def usual_price(machine: str, num_gpus: int = 1) -> float | None:
    """Dollars an hour of a machine; None where nobody knows."""
    return next((price * num_gpus for name, price in USUAL_PRICES.items() if name in machine), None)


def read_stage(name: str, run: RunDir) -> StageRun:
    """A stage's folder. Raises UserError if its evaluation is damaged."""
    path = newest_evaluation(run)
    found = read_evaluation(path) if path else ((), {}, ())
    return StageRun(name, run, run.metrics(), read_model(run), *found)


def newest_evaluation(run: RunDir) -> Path | None:
    """What `primer eval` wrote of the latest step that it was asked about."""
    return max((run.path / "evaluation").glob("step_*.json"), default=None)


def read_evaluation(path: Path) -> tuple[tuple[Score, ...], dict[str, float], tuple[Exchange, ...]]:
    """Scores by task and group, figures that are no share of questions, and what was said.

    Raises UserError if the file is none of `primer eval`'s.
    """
    try:
        tasks: dict[str, dict[str, Any]] = read_json(path)["tasks"]
        scores = tuple(read_score(score) for task in tasks.values() for score in task.get("groups", {}).values())
        found = {(name, key): task[key] for name, task in tasks.items() for key in MEASURES if key in task}
        spoken = path.with_suffix(".transcripts.jsonl")
        # Not splitlines: JSON leaves U+2028 and its like as they are, and a model may write one.
        lines = spoken.read_text(encoding="utf-8").split("\n") if spoken.is_file() else []
        exchanges = tuple(read_exchange(json.loads(line)) for line in lines if line)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error!r}. Run `primer eval` again.") from error
    return scores, {MEASURES[key]: float(value) for (_, key), value in found.items()}, exchanges


def read_score(values: dict[str, Any]) -> Score:
    """Undo `Score.to_json`."""
    fields = {name: value for name, value in values.items() if name != "accuracy"}
    return Score(**fields | {"pass_at": {int(k): value for k, value in values.get("pass_at", {}).items()}})


def read_exchange(values: dict[str, Any]) -> Exchange:
    """Undo `Transcript.to_json`."""
    replies = values["replies"] or [[]]
    expected = values.get("answer") or [{}]
    return Exchange(
        values.get("task", ""), values["group"], bool(values.get("new_phrasing")), float(values["value"]),
        values.get("trouble", ""), tuple(values["prompt"]), tuple(replies[0]), expected[-1].get("content", ""),
    )  # fmt: skip


def read_pairs(stage: StageRun | None) -> dict[str, dict[str, float]]:
    """Accuracy over unseen pairs: pairs.json, or, after training only, what the run measured last."""
    if stage is None:
        return {}
    path = stage.run.path / "pairs.json"
    if path.is_file():
        found: dict[str, dict[str, float]] = read_json(path)
        return found
    measured = [row["validation_accuracy"] for row in stage.metrics if "validation_accuracy" in row]
    return {"after": {"accuracy": measured[-1]}} if measured else {}


def read_model(run: RunDir) -> ModelFacts | None:
    """The model of the newest checkpoint; None before there is one."""
    files = sorted(run.checkpoints.glob("step_*/model.json"))
    return measure_model(files[-1].read_text(encoding="utf-8"), files[-1].parent) if files else None


@cache
def measure_model(text: str, folder: Path) -> ModelFacts:
    """Build the model without its weights (on the `meta` device) and count."""
    import torch

    from primer.model.gpt import GPT
    from primer.model.weights import config_from_json

    config = config_from_json(json.loads(text), folder)
    with torch.device("meta"):
        model = GPT(config)
    return ModelFacts(
        config.family, sum(p.numel() for p in model.parameters()), config.num_layers, config.width, config.context,
        config.vocab_size, model.flops_per_token(),
    )  # fmt: skip


def mean_accuracy(scores: Sequence[Score]) -> float:
    """The mean over groups, each counting alike, from 0 to 1."""
    return sum(score.accuracy for score in scores) / max(1, len(scores))
