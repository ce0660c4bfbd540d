"""A finished speedrun's folder, made without training: what its stages would have written."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import tiny

from primer.core.files import write_json, write_text
from primer.core.rundir import RunDir
from primer.evaluate.answers import NEVER_ENDED, Transcript
from primer.evaluate.results import Results
from primer.evaluate.score import Score, wilson
from primer.tasks.task import Question
from primer.text.chat import ToolCall, assistant, tool, user

ITEMS = 200
# Per cent right by lesson, stage by stage: base, SFT, DPO, RL.
RIGHT: dict[str, tuple[int, int, int, int]] = {
    "arithmetic": (2, 90, 90, 98), "word_problems": (0, 80, 81, 96), "letters": (5, 85, 86, 95),
    "spelling": (4, 80, 80, 80), "facts": (10, 94, 96, 96), "stories": (0, 88, 88, 91),
    "story_questions": (3, 70, 69, 76), "personas": (8, 84, 92, 92), "recall": (2, 95, 95, 90),
    "refusals": (20, 97, 99, 99), "harmless": (20, 98, 98, 98), "unknown": (10, 80, 86, 86),
    "known": (50, 97, 97, 97), "small_talk": (10, 96, 96, 96), "follow_ups": (5, 90, 90, 93),
    "wordplay": (1, 50, 50, 55),
}  # fmt: skip
HOSTILE = "</code><script>alert('x')</script> ![](http://evil.example/x.png) | ```\n# not a heading \x1b[31m\u2028\x85"


def make_speedrun(root: Path, preset: str = "laptop", stages: tuple[str, ...] = ("base", "sft", "dpo", "rl")) -> Path:
    """The whole folder, or one that has come only so far."""
    ledger = {
        "preset": preset, "command": f"primer speedrun --preset {preset}", "machine": "a processor × 2, torch 2.13.0",
        "stages": {name: {"seconds": 60.0, "done": True} for name in ("text", *stages, "evaluation")},
    }  # fmt: skip
    write_json(root / "speedrun.json", ledger)
    for place, name in enumerate(("base", "sft", "dpo", "rl")):
        if name in stages:
            make_stage(RunDir(root / name), name, place)
    if "dpo" in stages:
        pairs = {"before": {"accuracy": 0.7, "count": 200}, "after": {"accuracy": 0.96, "count": 200}}
        write_json(root / "dpo" / "pairs.json", pairs)
    return root


def make_stage(run: RunDir, name: str, place: int) -> None:
    """The folder of one stage: config, metrics, a checkpoint's model.json, a sample, the examination."""
    run.path.mkdir(parents=True)
    command = "pretrain" if name == "base" else name
    run.write_config({"stage": command, "command": f"primer {command}", "machine": "a processor × 2",
                      "config": {"tasks": ["curriculum"]} if name == "rl" else {}})  # fmt: skip
    for step in range(1, 21):
        run.log({"step": step, "tokens": 1000 * step, "seconds": 2.0 * step} | step_metrics(name, step))
    write_json(run.checkpoints / "step_000020" / "model.json", dataclasses.asdict(tiny.model_config()))
    write_text(run.samples / "step_000020.txt", f"A fox sat by the sea. {HOSTILE}\n")
    scores = [make_score(lesson, percents[place]) for lesson, percents in RIGHT.items()]
    transcripts = [make_transcript(lesson, n, percents[place]) for lesson, percents in RIGHT.items() for n in range(20)]
    write_examination(run, Results({"curriculum": scores}, {"curriculum": transcripts}))


def step_metrics(name: str, step: int) -> dict[str, float]:
    """What a stage logs of a step."""
    logged = {"loss": 3 / math.sqrt(step)}
    if name == "dpo":
        logged |= {"margin": 0.1 * step, "accuracy": 1 - 0.5 / step}
    if name == "rl":
        logged |= {"reward": 0.5 + 0.01 * step}
    return logged


def write_examination(run: RunDir, results: Results) -> None:
    """As `primer eval` writes it."""
    tasks: dict[str, Any] = results.to_json() | {"bpb": {"bits_per_byte": 1.25, "loss": 2.0, "num_targets": 1000}}
    write_json(run.path / "evaluation" / "step_000020.json", {"step": 20, "tasks": tasks})
    lines = [
        json.dumps({"task": "curriculum", **t.to_json()}, ensure_ascii=False) for t in results.transcripts["curriculum"]
    ]
    write_text(run.path / "evaluation" / "step_000020.transcripts.jsonl", "\n".join(lines) + "\n")


def make_score(lesson: str, percent: int, count: int = ITEMS) -> Score:
    """So many right; a third of the items in new phrasing, as good as the others."""
    right = percent / 100 * count
    troubles = {NEVER_ENDED: 3} if percent < 60 else {}
    return Score("curriculum", lesson, right, count, *wilson(right, count), right / 4, count // 4, troubles)


def make_transcript(lesson: str, number: int, percent: int) -> Transcript:
    """Question `number` of a lesson: the first so many of twenty are right, the others wrong, in a hostile way."""
    right = number < percent / 5
    prompt = (user(f"Question {number} of {lesson}?"),)
    reply = (
        assistant("", ToolCall("calculator", {"expression": f"{number} + 1"})), tool(str(number + 1)),
        assistant(f"It is {number + 1}." if right else HOSTILE),
    )  # fmt: skip
    question = Question(prompt, lambda _: 1.0, answer=(assistant(f"{number + 1}"),), group=lesson,
                        new_phrasing=number % 3 == 0)  # fmt: skip
    return Transcript(question, (reply,), (float(right),), float(right))
