"""The report of a speedrun: report.json with every figure, report.md to read, report.html the same in one file.

runs/laptop/  speedrun.json  base/  sft/  dpo/  rl/          read, whatever of it is there
              report.json  report.md  report.html  curves/   written
"""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from primer.core.files import write_json, write_text
from primer.evaluate.report_claims import (
    GOALS,
    LEAST_ITEMS,
    Claim,
    Reached,
    check_claims,
    goal_of,
    percent,
    reached_goals,
)
from primer.evaluate.report_cost import NONE, all_stages, cost_section, most_memory, scientific
from primer.evaluate.report_curves import draw_stage
from primer.evaluate.report_data import (
    LESSONS,
    TITLES,
    SpeedrunFolder,
    StageRun,
    mean_accuracy,
    read_speedrun,
)
from primer.evaluate.report_examples import conversations_section, failures_section, questions_section
from primer.evaluate.report_page import code, fenced, html_page, inline, table
from primer.evaluate.score import Score

CURVES = "curves"


@dataclasses.dataclass(frozen=True)
class Findings:
    """A speedrun's folder, and what follows from it."""

    folder: SpeedrunFolder
    goals: list[Reached]
    claims: list[Claim]
    date: str


def write_speedrun_report(root: Path, price: float | None = None) -> Path:
    """Write the report of what is there, and return report.md. `price` is in dollars an hour.

    Raises UserError if a file that the report needs is damaged, or the disk is full.
    """
    folder = read_speedrun(root, price)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    found = Findings(folder, reached_goals(folder), check_claims(folder), date)
    for stage in folder.stages.values():
        draw_stage(stage.name, TITLES[stage.name], stage.metrics, root / CURVES / f"{stage.name}.png")
    markdown = to_markdown(found)
    write_json(root / "report.json", to_json(found))
    write_text(root / "report.md", markdown)
    write_text(root / "report.html", html_page(markdown, root))
    return root / "report.md"


def to_json(found: Findings) -> dict[str, Any]:
    """All figures."""
    folder = found.folder
    seconds = sum(folder.seconds.values())
    scores = {
        name: {task: {s.group: score_json(s) for s in group} for task, group in stage.tasks().items()}
        for name, stage in folder.stages.items()
        if stage.scores
    }
    goals = [
        {**dataclasses.asdict(r.goal), "accuracy": r.accuracy, "count": r.count, "met": r.met} for r in found.goals
    ]
    return {
        "preset": folder.preset, "command": folder.ledger.get("command"), "machine": folder.ledger.get("machine"),
        "commit": folder.ledger.get("commit"), "date": found.date, "seconds": seconds, "price_per_hour": folder.price,
        "dollars": folder.dollars(seconds), "peak_memory_bytes": most_memory(folder),
        "model": dataclasses.asdict(folder.model) if folder.model else None,
        "stages": {name: stage_json(name, folder) for name in all_stages(folder)}, "scores": scores,
        "measures": {name: stage.measures for name, stage in folder.stages.items() if stage.measures},
        "rl": passes(folder.stages.get("rl")), "pairs": folder.pairs, "goals": goals,
        "claims": [claim.to_json() for claim in found.claims], "missing": folder.missing,
    }  # fmt: skip


def stage_json(name: str, folder: SpeedrunFolder) -> dict[str, Any]:
    """What a stage has cost."""
    found: dict[str, Any] = {"seconds": folder.seconds.get(name)}
    if name in folder.seconds:
        found["dollars"] = folder.dollars(folder.seconds[name])
    if name in folder.memory:
        found["peak_memory_bytes"], found["peak_memory_so_far"] = folder.memory[name]
    if stage := folder.stages.get(name):
        found |= {"tokens": stage.tokens, "steps": stage.steps, "flops": stage.flops}
        found["parameters"] = stage.model.parameters if stage.model else None
    return found


def score_json(score: Score) -> dict[str, Any]:
    """A group's line."""
    return {
        "right": score.right, "count": score.count, "accuracy": score.accuracy, "low": score.low, "high": score.high,
        "new_accuracy": score.new_right / score.new_count if score.new_count else None, "new_count": score.new_count,
        "troubles": score.troubles, "pass_at": score.pass_at,
    }  # fmt: skip


def passes(rl: StageRun | None) -> dict[str, list[list[float]]]:
    """pass@1 and pass@k as RL's evaluations found them: [step, share] each."""
    rows = rl.metrics if rl else []
    keys = dict.fromkeys(key for row in rows for key in row if key.startswith("pass@"))
    return {key: [[row["step"], row[key]] for row in rows if key in row] for key in keys}


def to_markdown(found: Findings) -> str:
    """The report to read."""
    folder = found.folder
    lines = [f"# Speedrun {inline(folder.preset)}", "", *summary(found)]
    if folder.missing:
        lines += [f"**Not in this report:** {'; '.join(folder.missing)}.", ""]
    lines += cost_section(folder) + model_section(folder) + lessons_section(folder) + goals_section(found.goals)
    lines += claims_section(found.claims) + curves_section(folder) + samples_section(folder)
    lines += questions_section(folder)
    if folder.last:
        lines += conversations_section(folder.last) + failures_section(folder.last)
    return "\n".join(lines).rstrip() + "\n"


def summary(found: Findings) -> list[str]:
    """The first lines: how long, on what, how good."""
    folder = found.folder
    seconds = sum(folder.seconds.values())
    dollars = folder.dollars(seconds)
    cost = f", for ${dollars:.2f}" if dollars is not None else ""
    lines = [f"Raw text to an assistant in {seconds / 60:.1f} minutes{cost}."]
    scores = folder.last.tasks().get(LESSONS, []) if folder.last else []
    if folder.last and scores:
        lines += [
            f"After {TITLES[folder.last.name]} it answers {percent(mean_accuracy(scores))} % of held-out questions "
            f"rightly, as a mean over {len(scores)} lessons."
        ]
    met = sum(reached.met for reached in found.goals)
    if found.goals:
        lines += [f"{met} of {len(found.goals)} figures to reach are reached."]
    facts = [
        ("command", code(str(folder.ledger.get("command", "")))),
        ("machine", inline(str(folder.ledger.get("machine", "unknown")))),
        ("commit", inline(str(folder.ledger.get("commit", "unknown")))), ("report written", found.date),
    ]  # fmt: skip
    return [" ".join(lines), "", *table(("", ""), facts, left=2)]


def model_section(folder: SpeedrunFolder) -> list[str]:
    """The shape of the model."""
    model = folder.model
    if model is None:
        return []
    return [
        "## The model", "",
        f"{model.parameters:,} parameters ({inline(model.family)}): {model.num_layers} layers × {model.width}, "
        f"a context of {model.context:,} tokens, {model.vocab_size:,} tokens in the vocabulary; "
        f"{scientific(model.flops_per_token)} FLOPs to train on one token.", "",
    ]  # fmt: skip


def lessons_section(folder: SpeedrunFolder) -> list[str]:
    """Accuracy by task and lesson, stage by stage."""
    stages = [stage for stage in folder.stages.values() if stage.scores]
    kinds = dict.fromkeys(kind for stage in folder.stages.values() for kind in stage.measures)
    lines = ["## What it learned", ""]
    if stages:
        lines += [
            "Per cent right of held-out questions: names, numbers, words and story elements that training never shows. "
            "The interval (95 %), the items and new phrasings (questions worded as no training text is) are of "
            f"{TITLES[stages[-1].name]}.", "",
        ]  # fmt: skip
    elif not kinds:
        lines += ["No stage has been examined: `primer eval --run` does it.", ""]
    for task in dict.fromkeys(task for stage in stages for task in stage.tasks()):
        rows = list(task_rows(task, stages))
        head = [inline(task), *(TITLES[s.name] for s in stages), "95 %", "items", "new phrasings"]
        if task == LESSONS and folder.preset in GOALS:
            head.append("to reach")
            names = [*task_groups(task, stages), ""]  # the last line is the mean
            rows = [(*row, goal_of(folder.preset, name)) for row, name in zip(rows, names, strict=False)]
        lines += table(head, rows)
    measured = [(kind, *(measure(stage, kind) for stage in folder.stages.values())) for kind in kinds]
    if measured:
        lines += table(("", *(TITLES[name] for name in folder.stages)), measured)
    return lines


def measure(stage: StageRun, kind: str) -> str:
    """A figure that is no share of questions."""
    return f"{stage.measures[kind]:.4f}" if kind in stage.measures else NONE


def task_rows(task: str, stages: list[StageRun]) -> Iterable[tuple[str, ...]]:
    """A line a lesson, and their mean."""
    by_stage = [{score.group: score for score in stage.tasks().get(task, ())} for stage in stages]
    for group in task_groups(task, stages):
        cells = [percent(scores[group].accuracy) if group in scores else NONE for scores in by_stage]
        last = by_stage[-1].get(group)
        interval = f"{percent(last.low)} to {percent(last.high)}" if last else NONE
        new = percent(last.new_right / last.new_count) if last and last.new_count else NONE
        yield inline(group or task), *cells, interval, f"{last.count:,}" if last else NONE, new
    if len(by_stage[-1]) > 1:
        means = [percent(mean_accuracy(list(scores.values()))) if scores else NONE for scores in by_stage]
        last_scores = list(by_stage[-1].values())
        shares = [s.new_right / s.new_count for s in last_scores if s.new_count]
        new = percent(sum(shares) / len(shares)) if shares else NONE
        yield "**mean**", *(f"**{mean}**" for mean in means), "", f"{sum(s.count for s in last_scores):,}", new


def task_groups(task: str, stages: list[StageRun]) -> list[str]:
    """The groups of a task, as the last stage was asked them; then those that only earlier ones were."""
    return list(dict.fromkeys(score.group for stage in reversed(stages) for score in stage.tasks().get(task, ())))


def goals_section(goals: list[Reached]) -> list[str]:
    """The figures to reach, and whether they are."""
    if not goals:
        return []
    rows = [
        (r.goal.label, f"{r.goal.percent:g}", percent(r.accuracy),
         "" if r.low is None or r.high is None else f"{percent(r.low)} to {percent(r.high)}", f"{r.count:,}",
         "reached" if r.met else "**not reached**")
        for r in goals
    ]  # fmt: skip
    lines = ["## Figures to reach", "", *table(("", "to reach, %", "right, %", "95 %", "items", ""), rows)]
    few = [r.goal.label for r in goals if r.count < LEAST_ITEMS and r.goal.phrasing == "all"]
    if few:
        lines += [f"Fewer than {LEAST_ITEMS} items, so not sharply measured: {', '.join(few)}.", ""]
    return lines


def claims_section(claims: list[Claim]) -> list[str]:
    """Whether each stage does what it is there for."""
    if not claims:
        return []
    rows = [(c.claim, "yes" if c.met else "**no**", inline(c.figure, 1000)) for c in claims]
    lines = ["## Does each stage earn its place?", "", *table(("", "", ""), rows, left=3)]
    falls = [(c, fall) for c in claims for fall in c.falls]
    if falls:
        lines += [
            "Before and after are of the same questions, as many as both were asked. A fall with intervals that "
            "overlap may be the luck of the items; one with intervals apart is not.",
            "",
        ]
    return lines


def curves_section(folder: SpeedrunFolder) -> list[str]:
    """The pictures."""
    if not folder.stages:
        return []
    pictures = [line for name in folder.stages for line in (f"![{TITLES[name]}]({CURVES}/{name}.png)", "")]
    return ["## Curves", "", *pictures]


def samples_section(folder: SpeedrunFolder) -> list[str]:
    """What the base model writes of itself."""
    base = folder.stages.get("base")
    samples = sorted(base.run.samples.glob("step_*.txt")) if base else []
    if not samples:
        return []
    step = int(samples[-1].stem.removeprefix("step_"))
    text = samples[-1].read_text(encoding="utf-8", errors="replace")
    return [f"## What the base model writes, after step {step:,}", "", *fenced(text)]
