"""Choices, answered by what the model finds likeliest.

A text is encoded whole, context and option together, as it would stand in training, and cut apart where the ways
begin to differ (of several options), begin to agree for good (of several contexts), or the context ends (of one text).
So does nanochat, with whose figures these are to compare: what all ways share says nothing of their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from primer.core.runtime import Runtime
from primer.core.workers import Tell
from primer.engine.engine import Engine
from primer.evaluate.score import Score, wilson
from primer.tasks.task import Choice
from primer.text.chat import ChatFormat, user
from primer.text.tokenizer import Tokenizer

BATCH = 64  # choices at once; each has two to twenty ways
CROPPED = "cropped to the context"


@dataclass(frozen=True)
class Ways:
    """The ways to read a choice, in ids: what stands before, and what is scored."""

    prompts: list[list[int]]
    targets: list[list[int]]


def score_choices(
    engine: Engine, tokenizer: Tokenizer, choices: Sequence[Choice], task: str = "", chat: ChatFormat | None = None,
    runtime: Runtime | None = None, batch: int = BATCH, progress: Tell | None = None,
) -> list[Score]:  # fmt: skip
    """The share right by group. With `chat` the context is a user's turn and the option the assistant's.

    A way longer than the model's context loses its beginning; how many choices that happened to is counted.
    """
    rank, world_size = (runtime.rank, runtime.world_size) if runtime else (0, 1)
    mine = choices[rank::world_size]
    groups = {group: number for number, group in enumerate(dict.fromkeys(choice.group for choice in choices))}
    sums = [0.0] * (3 * len(groups))
    for first in range(0, len(mine), batch):
        chunk = mine[first : first + batch]
        ways = [chat_ways(choice, tokenizer, chat) if chat else plain_ways(choice, tokenizer) for choice in chunk]
        for choice, way, is_right in zip(chunk, ways, are_right(engine, chunk, ways), strict=True):
            place = 3 * groups[choice.group]
            sums[place] += is_right
            sums[place + 1] += 1
            sums[place + 2] += is_cropped(way, engine.context)
        if progress:
            progress(len(chunk))
    if runtime:
        sums = runtime.sum_numbers(sums)
    scores = []
    for group, number in groups.items():
        right, count, cropped = sums[3 * number : 3 * number + 3]
        troubles = {CROPPED: int(cropped)} if cropped else {}
        scores.append(Score(task, group, right, int(count), *wilson(right, int(count)), troubles=troubles))
    return scores


def are_right(engine: Engine, choices: Sequence[Choice], ways: Sequence[Ways]) -> list[bool]:
    """Whether the right way is the likeliest of each; the first of equals is chosen."""
    prompts = [prompt for way in ways for prompt in way.prompts]
    targets = [target[-engine.context :] for way in ways for target in way.targets]
    scores = iter(engine.score(prompts, targets))
    found = []
    for choice, way in zip(choices, ways, strict=True):
        of_choice = [next(scores) for _ in way.targets]
        if len(of_choice) == 1:
            found.append(of_choice[0].is_greedy)
            continue
        options = choice.options if len(choice.options) > 1 else choice.options * len(of_choice)
        sizes = {
            "tokens": [score.num_tokens for score in of_choice],
            "bytes": [max(1, len(option.encode())) for option in options],
            "none": [1] * len(of_choice),
        }[choice.normalize]
        values = [score.logprob / size for score, size in zip(of_choice, sizes, strict=True)]
        found.append(values.index(max(values)) == choice.right)
    return found


def is_cropped(ways: Ways, context: int) -> bool:
    """Whether a way is too long to be seen whole. Its last id is only ever a target."""
    return any(
        len(prompt) + len(target) - 1 > context for prompt, target in zip(ways.prompts, ways.targets, strict=True)
    )


def plain_ways(choice: Choice, tokenizer: Tokenizer) -> Ways:
    """The ways as documents of their own."""
    texts = [context + option for context in choice.contexts for option in choice.options]
    ids = [[tokenizer.document_id, *tokenizer.encode(text)] for text in texts]
    shortest = min(map(len, ids))
    if len(choice.options) > 1:
        cuts = [min(common_prefix(ids), shortest - 1)] * len(ids)
    elif len(choice.contexts) > 1:
        shared = min(common_prefix([way[::-1] for way in ids]), shortest - 1)
        cuts = [len(way) - max(1, shared) for way in ids]
    else:
        context = [tokenizer.document_id, *tokenizer.encode(choice.contexts[0])]
        cuts = [min(common_prefix([context, ids[0]]), shortest - 1)]
    return Ways(
        [way[:cut] for way, cut in zip(ids, cuts, strict=True)], [w[cut:] for w, cut in zip(ids, cuts, strict=True)]
    )


def chat_ways(choice: Choice, tokenizer: Tokenizer, chat: ChatFormat) -> Ways:
    """The ways as exchanges: the context asked, the option answered."""
    pairs = [(context, option) for context in choice.contexts for option in choice.options]
    prompts = [chat.prompt([user(context)]) for context, _ in pairs]
    return Ways(prompts, [tokenizer.encode(option.strip()) for _, option in pairs])


def common_prefix(rows: Sequence[Sequence[int]]) -> int:
    """How many ids all rows begin with in common.

    >>> common_prefix([[1, 2, 3], [1, 2, 4, 5]])
    2
    """
    for place, ids in enumerate(zip(*rows, strict=False)):
        if len(set(ids)) > 1:
            return place
    return min(map(len, rows))
