"""What was measured of a checkpoint, in memory and in its file:

    runs/demo/evaluation/step_000500.json               scores by task and group, intervals, what went wrong
                         step_000500.transcripts.jsonl  every question, answer and verdict (of the first rank)

What was measured before on the same weights stays in the file.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from primer.core.files import read_json, sha256, write_json, write_text
from primer.core.rundir import RunDir
from primer.evaluate.answers import Transcript
from primer.evaluate.core import CoreResult
from primer.evaluate.loss import Validation
from primer.evaluate.origin import made_by
from primer.evaluate.report_data import read_score
from primer.evaluate.score import Score, total
from primer.model.weights import WEIGHTS_FILE

BYTES = "bpb"


@dataclass
class Results:
    """What was measured of one checkpoint."""

    scores: dict[str, list[Score]] = field(default_factory=dict)
    """Task to its groups."""
    transcripts: dict[str, list[Transcript]] = field(default_factory=dict)
    core: CoreResult | None = None
    validation: Validation | None = None
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Task to what it depends on, beside the weights: its name, questions and options."""
    kept: set[str] = field(default_factory=set)
    """Tasks that were not asked again; their transcripts are in the file."""

    def to_json(self) -> dict[str, Any]:
        """Task to what was found of it."""
        tasks: dict[str, Any] = {}
        for name, scores in self.scores.items():
            accuracies = [score.accuracy for score in scores]
            tasks[name] = {
                **total(scores, name).to_json(),
                "mean_of_groups": sum(accuracies) / max(1, len(accuracies)),
                "groups": {score.group: score.to_json() for score in scores},
            }
        if self.core:
            tasks["core"] |= {"core": self.core.core, "centred": self.core.centred, "missing": self.core.missing}
        if self.validation:
            tasks[BYTES] = {"bits_per_byte": self.validation.bits_per_byte, "loss": self.validation.loss,
                            "num_targets": self.validation.num_targets}  # fmt: skip
        for name, asked in self.asked.items():
            tasks[name]["asked"] = asked
        return tasks

    def keep(self, name: str, found: dict[str, Any]) -> None:
        """Take over what `to_json` wrote of a task."""
        self.kept.add(name)
        self.asked[name] = found["asked"]
        if name == BYTES:
            self.validation = Validation(found["loss"], found["bits_per_byte"], found["num_targets"])
            return
        self.scores[name] = [read_score(score) for score in found["groups"].values()]
        if "centred" in found:
            self.core = CoreResult(found["core"], self.scores[name], found["centred"], found["missing"])


def results_file(run: RunDir, weights: Path) -> Path:
    """Where the results of a checkpoint are kept."""
    return run.path / "evaluation" / f"{weights.name}.json"


def measured_before(run: RunDir, weights: Path) -> dict[str, Any]:
    """Task to what was found of these very weights."""
    return read_results(results_file(run, weights), sha256(weights / WEIGHTS_FILE))


def read_results(path: Path, digest: str) -> dict[str, Any]:
    """Task to what was found; nothing where the file is not there, or of other weights."""
    saved = read_json(path) if path.is_file() else {}
    tasks: dict[str, Any] = saved["tasks"] if saved.get("weights_sha256") == digest else {}
    return tasks


def write_results(run: RunDir, weights: Path, results: Results) -> Path:
    """Write what was found so far, beside what was found before of the same weights. The transcripts come first: what
    the other file names as asked is whole."""
    path, digest = results_file(run, weights), sha256(weights / WEIGHTS_FILE)
    before = read_results(path, digest)
    spoken = path.with_suffix(".transcripts.jsonl")
    kept = spoken.read_text(encoding="utf-8").split("\n") if before and spoken.is_file() else []
    asked_now = results.scores.keys() - results.kept
    lines = [line for line in kept if line and json.loads(line)["task"] not in asked_now]
    lines += [
        json.dumps({"task": task, **transcript.to_json()}, ensure_ascii=False)
        for task, transcripts in results.transcripts.items()
        for transcript in transcripts
    ]
    write_text(spoken, "".join(f"{line}\n" for line in lines))
    write_json(path, {
        "run": run.path.name, "step": int(weights.name.removeprefix("step_")), "weights_sha256": digest, **made_by(),
        "tasks": before | results.to_json(),
    })  # fmt: skip
    return path
