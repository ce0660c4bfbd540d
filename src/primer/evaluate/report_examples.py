"""What was said in the examinations, for a person to read: chosen by rule, failures included, never by taste."""

import json
from collections.abc import Sequence
from typing import Any

from primer.evaluate.report_data import TITLES, Exchange, SpeedrunFolder, StageRun
from primer.evaluate.report_page import fenced, inline, table

CONVERSATIONS, FAILURES, SAME_QUESTIONS, EXAMPLES_A_LESSON = 10, 3, 3, 2


def shown(messages: Sequence[dict[str, Any]]) -> str:
    """A conversation, a line or more a turn.

    >>> print(shown([{"role": "user", "content": "3 + 4?"}, {"role": "assistant", "content": "",
    ...     "tool_calls": [{"name": "calculator", "arguments": {"expression": "3 + 4"}}]}]))
    user: 3 + 4?
    assistant: → calculator {"expression": "3 + 4"}
    """
    lines = []
    for message in messages:
        calls = [
            f"→ {call['name']} {json.dumps(call['arguments'], ensure_ascii=False)}"
            for call in message.get("tool_calls") or ()
        ]
        said = " ".join(filter(None, [message.get("content", ""), *calls]))
        lines.append(f"{message['role']}: {said}")
    return "\n".join(lines)


def last_said(messages: Sequence[dict[str, Any]], role: str) -> str:
    """The last turn of a role, in words or as a call."""
    turn = next((message for message in reversed(messages) if message["role"] == role), None)
    return "" if turn is None else shown([turn]).removeprefix(f"{role}: ")


def verdict(exchange: Exchange) -> str:
    """In a few words."""
    return "right" if exchange.right else f"**wrong**{f' ({exchange.trouble})' if exchange.trouble else ''}"


def same_questions(folder: SpeedrunFolder) -> list[tuple[Exchange, ...]]:
    """Questions that every examined stage was asked, each with its answers in the order of the stages: of every lesson
    the first that the first stage had wrong and the last right, as far as there are such; else simply the first."""
    by_stage = [{question_key(e): e for e in stage.exchanges} for stage in examined(folder)]
    if len(by_stage) < 2:
        return []
    rows = [tuple(found[key] for found in by_stage) for key in by_stage[-1] if all(key in found for found in by_stage)]
    rows.sort(key=lambda row: (row[0].right, not row[-1].right))  # stable: learned first, in the order asked
    firsts: dict[tuple[str, str], tuple[Exchange, ...]] = {}
    for row in rows:
        firsts.setdefault((row[-1].task, row[-1].group), row)
    return list(firsts.values())[:SAME_QUESTIONS]


def question_key(exchange: Exchange) -> tuple[str, str, str]:
    """What makes two exchanges the same question."""
    return exchange.task, exchange.group, json.dumps(exchange.prompt)


def examined(folder: SpeedrunFolder) -> list[StageRun]:
    """The stages whose words are kept."""
    return [stage for stage in folder.stages.values() if stage.exchanges]


def pick_conversations(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The first failure of each of the lessons with most failures, then the first right answer of each other lesson,
    and round again, failures before right answers, until there are enough."""
    groups = dict.fromkeys((e.task, e.group) for e in exchanges)
    wrong = {group: [e for e in exchanges if (e.task, e.group) == group and not e.right] for group in groups}
    right = {group: [e for e in exchanges if (e.task, e.group) == group and e.right] for group in groups}
    weakest = sorted((group for group in groups if wrong[group]), key=lambda group: -len(wrong[group]))[:FAILURES]
    picked = [wrong[group][0] for group in weakest]
    picked += [right[group][0] for group in groups if right[group] and group not in weakest]
    rest = [e for e in exchanges if not any(e is one for one in picked)]
    rest.sort(key=lambda e: e.right)
    return (picked + rest)[:CONVERSATIONS]


def questions_section(folder: SpeedrunFolder) -> list[str]:
    """The same questions, stage after stage."""
    rows = same_questions(folder)
    if not rows:
        return []
    names = [TITLES[stage.name] for stage in examined(folder)]
    lines = ["## The same question, stage after stage", ""]
    lines += ["Held-out questions, chosen by rule: the first of a lesson that the first stage got wrong and the last "
              "one right.", ""]  # fmt: skip
    for row in rows:
        lines += [f"### {inline(row[-1].group)}", "", *fenced(shown(row[-1].prompt))]
        lines += table(
            ("stage", "", "answer"),
            [
                (name, verdict(exchange), inline(last_said(exchange.reply, "assistant"), 400))
                for name, exchange in zip(names, row, strict=True)
            ],
            left=3,
        )
    return lines


def conversations_section(last: StageRun) -> list[str]:
    """Ten conversations of the last model."""
    picked = pick_conversations(last.exchanges)
    if not picked:
        return []
    lines = [f"## {len(picked)} conversations with the last model", ""]
    lines += ["Chosen by rule, not by taste: the first failure of each of the lessons that fail most, and the first "
              "right answer of the others.", ""]  # fmt: skip
    for number, exchange in enumerate(picked, 1):
        new = ", new phrasing" if exchange.new_phrasing else ""
        lines += [f"**{number}. {inline(exchange.group)}**{new}: {verdict(exchange)}", ""]
        lines += fenced(shown((*exchange.prompt, *exchange.reply)))
    return lines


def failures_section(last: StageRun) -> list[str]:
    """What the last model gets wrong: how often, why, and examples."""
    failing = sorted((s for s in last.scores if s.right < s.count), key=lambda score: score.accuracy)
    lines = ["## What failed", ""]
    if not failing:
        return [*lines, "Nothing of what was asked.", ""]
    troubles = dict.fromkeys(name for score in last.scores for name in score.troubles)
    lines += ["Wrong answers of the last model, by lesson. Part marks count as the part that is missing.", ""]
    lines += table(
        ("lesson", "wrong", "of", *troubles),
        [
            (inline(s.group or s.task), f"{s.count - s.right:,.4g}", f"{s.count:,}",
             *(f"{s.troubles.get(name, 0):,}" for name in troubles))
            for s in failing
        ],
    )  # fmt: skip
    if not troubles:
        lines += ["Every answer ended, every prompt fitted, and no check raised.", ""]
    examples = []
    for score in failing:
        group = [e for e in last.exchanges if (e.task, e.group) == (score.task, score.group) and not e.right]
        examples += group[:EXAMPLES_A_LESSON]
    if examples:
        expected = any(e.expected for e in examples)
        rows = [
            (inline(e.group), inline(last_said(e.prompt, "user")),
             inline(last_said(e.reply, "assistant")) or f"({inline(e.trouble or 'nothing')})",
             *((inline(e.expected),) if expected else ()))
            for e in examples
        ]  # fmt: skip
        head = ("lesson", "question", "answer", *(("expected, for one",) if expected else ()))
        lines += ["Examples, the first of each:", "", *table(head, rows, left=len(head))]
    return lines
