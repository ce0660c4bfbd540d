"""Questions answered in words: asked in batches, judged by their checks, counted with an interval.

An answer that never ends, a prompt that does not fit into the model, and a check that raises count as wrong, and each
is counted apart, so that a table can say it aloud.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from primer.core.runtime import Runtime
from primer.core.workers import Tell
from primer.engine.dialogue import Dialogue, Reply
from primer.engine.sampling import SamplingConfig
from primer.evaluate.score import Score, pass_at, wilson
from primer.tasks.task import Question
from primer.text.chat import ConversationError, Message

AT_ONCE = 8192  # answers opened at once: each takes six kilobytes, and 128 samples of a task can be 200,000
ROOM = 8  # tokens: the shortest answers have fewer
TEMPERATURE = 0.3  # as in `primer chat`, of questions that are asked several times where greedy answers were wanted

NEVER_ENDED, TOO_LONG, CHECK_RAISED = "never ended", "prompt too long", "check raised"


@dataclass(frozen=True)
class Transcript:
    """A question, what was answered, and what came of it."""

    question: Question
    replies: tuple[tuple[Message, ...], ...]
    values: tuple[float, ...]
    """What the check gives each reply."""
    value: float
    """What the question counts."""
    trouble: str = ""
    """NEVER_ENDED, TOO_LONG or CHECK_RAISED."""
    detail: str = ""
    """What the check raised."""

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {
            "group": self.question.group,
            "new_phrasing": self.question.new_phrasing,
            "value": self.value,
            "trouble": self.trouble,
            "detail": self.detail,
            "prompt": as_plain(self.question.prompt),
            "answer": as_plain(self.question.answer),
            "replies": [as_plain(reply) for reply in self.replies],
        }


def as_plain(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Who says what, and calls what."""
    return [
        {"role": each.role, "content": each.content, "tool_calls": [asdict(call) for call in each.tool_calls]}
        for each in messages
    ]


def score_questions(
    dialogue: Dialogue, questions: Sequence[Question], sampling: SamplingConfig, task: str = "",
    samples: int = 1, runtime: Runtime | None = None, progress: Tell | None = None,
) -> tuple[list[Score], list[Transcript]]:  # fmt: skip
    """Ask every question `samples` times (or as often as it says itself), and count by group, in order of appearance.

    Every rank asks its share; all get the scores, and each the transcripts of its own.
    """
    rank, world_size = (runtime.rank, runtime.world_size) if runtime else (0, 1)
    mine = range(rank, len(questions), world_size)
    transcripts = ask(dialogue, [questions[i] for i in mine], sampling, samples, progress)
    groups = list(dict.fromkeys(question.group for question in questions))
    ks = [k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k <= samples] if samples > 1 else []
    sums = [tally(transcripts, group, ks) for group in groups]
    flat = [number for numbers in sums for number in numbers]
    if runtime:
        flat = runtime.sum_numbers(flat)
    size = len(flat) // max(1, len(groups))
    return [make_score(task, group, flat[i * size : (i + 1) * size], ks) for i, group in enumerate(groups)], transcripts


def tally(transcripts: Sequence[Transcript], group: str, ks: Sequence[int]) -> list[float]:
    """The sums of a group, as numbers that ranks can add."""
    of_group = [transcript for transcript in transcripts if transcript.question.group == group]
    new = [transcript.value for transcript in of_group if transcript.question.new_phrasing]
    sampled = [t for t in of_group if ks and t.question.samples == 1 and t.values]
    troubles = [sum(t.trouble == name for t in of_group) for name in (NEVER_ENDED, TOO_LONG, CHECK_RAISED)]
    passes = [sum(pass_at(k, len(t.values), sum(value > 0.5 for value in t.values)) for t in sampled) for k in ks]
    return [sum(t.value for t in of_group), len(of_group), sum(new), len(new), *troubles, *passes, len(sampled)]


def make_score(task: str, group: str, sums: Sequence[float], ks: Sequence[int]) -> Score:
    """A score of what `tally` found."""
    right, count, new_right, new_count, *rest = sums
    troubles = {name: int(n) for name, n in zip((NEVER_ENDED, TOO_LONG, CHECK_RAISED), rest, strict=False) if n}
    passes = {k: value / rest[-1] for k, value in zip(ks, rest[3:-1], strict=True) if rest[-1]}
    return Score(
        task, group, right, int(count), *wilson(right, int(count)), new_right, int(new_count), troubles, passes
    )


def ask(
    dialogue: Dialogue, questions: Sequence[Question], sampling: SamplingConfig, samples: int = 1,
    progress: Tell | None = None,
) -> list[Transcript]:  # fmt: skip
    """Ask and judge, in the order of the questions. `progress` is told how many answers have come."""
    found: dict[int, list[Reply]] = {i: [] for i, question in enumerate(questions) if fits(dialogue, question)}
    greedy = [i for i in found if questions[i].samples == 1]
    several = [i for i in found if questions[i].samples > 1]
    varied = replace(sampling, temperature=sampling.temperature or TEMPERATURE)
    for numbers, config in ((greedy, sampling), (several, varied)):
        jobs = [i for i in numbers for _ in range(max(samples, questions[i].samples))]
        for first in range(0, len(jobs), AT_ONCE):
            some = jobs[first : first + AT_ONCE]
            # Rows of one call draw from generators of their own; the next call must not draw the same again.
            seeded = replace(config, seed=config.seed + first)
            replies = dialogue.reply([questions[i].prompt for i in some], seeded, progress)
            for i, reply in zip(some, replies, strict=True):
                found[i].append(reply)
    return [judge(question, found.get(i)) for i, question in enumerate(questions)]


def fits(dialogue: Dialogue, question: Question) -> bool:
    """Whether the model can see the prompt whole, and has room for an answer."""
    try:
        _, num_dropped = dialogue.fit(question.prompt, room=ROOM)
    except ConversationError:
        return False
    return num_dropped == 0


def judge(question: Question, replies: Sequence[Reply] | None) -> Transcript:
    """What a question counts: the mean over its replies; where it asks for several, 1 only if all are right and no
    two alike. None: it was not asked, for it did not fit."""
    if replies is None:
        return Transcript(question, (), (), 0.0, TOO_LONG)
    values, trouble, detail = [], "", ""
    for reply in replies:
        if reply.finished != "stop":
            trouble = trouble or NEVER_ENDED
            values.append(0.0)
            continue
        try:
            values.append(float(question.check(reply.messages)))
        except Exception as error:  # a check is anyone's code, and one bad check is not to cost the evaluation
            trouble, detail = CHECK_RAISED, f"{type(error).__name__}: {error}"
            values.append(0.0)
    messages = tuple(reply.messages for reply in replies)
    if question.samples > 1:
        value = float(min(values) > 0.5 and len(set(map(repr, messages))) == len(messages))
    else:
        value = sum(values) / len(values)
    return Transcript(question, messages, tuple(values), value, trouble, detail)
