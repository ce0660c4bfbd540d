"""Choices scored by the engine, against the model asked naively."""

import functools

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from primer.engine.engine import Engine
from primer.evaluate.choice import CROPPED, common_prefix, plain_ways, score_choices
from primer.model.families import ShapeOverrides, shape
from primer.model.gpt import GPT
from primer.tasks.task import Choice
from primer.text.chat import ChatFormat, user
from primer.text.tokenizer import Tokenizer, train_tokenizer

CONTEXT = 48


@functools.cache
def tokenizer() -> Tokenizer:
    return train_tokenizer([tiny.words(2000)], 300)


@functools.cache
def model() -> GPT:
    """Weights large enough that its opinions differ."""
    torch.manual_seed(3)
    config = shape(
        "primer", 1, tokenizer().vocab_size, CONTEXT, ShapeOverrides(width=32, num_heads=2), ngram_buckets=64
    )
    gpt = GPT(config).eval()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return gpt


def engine() -> Engine:
    return Engine(model(), tokenizer().vocab_size)


def log_p(ids: list[int]) -> Tensor:
    """Of each id but the first, given all before it."""
    with torch.no_grad():
        logits = model()(torch.tensor([ids]))[0, :-1].float()
    return logits.log_softmax(-1)[torch.arange(len(ids) - 1), torch.tensor(ids[1:])]


def score(choice: Choice, **options: object) -> bool:
    [found] = score_choices(engine(), tokenizer(), [choice], **options)  # type: ignore[arg-type]
    assert found.count == 1
    return found.right == 1.0


def texts(choice: Choice) -> list[list[int]]:
    encode = tokenizer().encode
    return [[tokenizer().document_id, *encode(c + o)] for c in choice.contexts for o in choice.options]


WORDS = st.lists(st.sampled_from(tiny.WORDS), min_size=1, max_size=4).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(WORDS, st.lists(WORDS, min_size=2, max_size=4, unique=True), st.sampled_from(["tokens", "bytes", "none"]))
def test_the_likeliest_option(context: str, words: list[str], normalize: str) -> None:
    options = tuple(f" {word}" for word in words)
    ids = texts(Choice((context,), options, 0))
    start = min(common_prefix(ids), min(map(len, ids)) - 1)  # what all options share decides nothing
    sums = [float(log_p(way)[start - 1 :].sum()) for way in ids]
    sizes = {"tokens": [len(w) - start for w in ids], "bytes": [len(o) for o in options], "none": [1] * len(ids)}
    values = [value / size for value, size in zip(sums, sizes[normalize], strict=True)]
    best = values.index(max(values))
    for right in range(len(options)):
        assert score(Choice((context,), options, right, normalize=normalize)) == (right == best)  # type: ignore[arg-type]


@settings(max_examples=15, deadline=None)
@given(st.lists(WORDS, min_size=2, max_size=3, unique=True), WORDS)
def test_the_context_that_makes_the_rest_likeliest(contexts: list[str], words: str) -> None:
    choice = Choice(tuple(contexts), (f" {words}",), 0)
    size = len(tokenizer().encode(f" {words}"))
    sums = [float(log_p(way)[-size:].sum()) for way in texts(choice)]
    ends = {tuple(way[-size - 1 :]) for way in texts(choice)}
    if len(ends) == len(contexts):  # where contexts end alike, a longer end is compared
        assert score(Choice(choice.contexts, choice.options, sums.index(max(sums))))


def test_one_text_is_right_if_the_model_would_write_it() -> None:
    context = "the king"
    ids = [tokenizer().document_id, *tokenizer().encode(context)]
    with torch.no_grad():
        order = model()(torch.tensor([ids]))[0, -1, :256].argsort(descending=True).tolist()
    pieces = [tokenizer().decode([id]) for id in order]
    followers = [p for p in pieces if tokenizer().encode(context + p)[:-1] == ids[1:] and "\ufffd" not in p]
    rows = {p: log_p([*ids, tokenizer().encode(context + p)[-1]])[-1] for p in followers}
    with torch.no_grad():
        best = model()(torch.tensor([ids]))[0, -1].float().log_softmax(-1).max()
    for piece, value in list(rows.items())[:20]:
        assert score(Choice((context,), (piece,), 0)) == bool(torch.isclose(value, best))


def test_ways_are_whole_texts_cut_in_two() -> None:
    choice = Choice(("the king", "the queen"), (" shall be",), 0)
    for way, ids in zip(zip(*vars(plain_ways(choice, tokenizer())).values(), strict=True), texts(choice), strict=True):
        assert way[0] + way[1] == ids
        assert tokenizer().decode(way[1]).endswith(" shall be")


def test_an_option_that_begins_another_still_has_something_to_score() -> None:
    ways = plain_ways(Choice(("the",), (" king", " king and queen"), 0), tokenizer())
    assert all(ways.targets)


def test_too_long_for_the_context_is_cropped_and_counted() -> None:
    long = Choice(("the king and the queen " * 40,), (" lord", " sword"), 0, "long")
    short = Choice(("the",), (" lord", " sword"), 0, "short")
    a, b = score_choices(engine(), tokenizer(), [long, short])
    assert (a.group, a.troubles) == ("long", {CROPPED: 1})
    assert (b.group, b.troubles) == ("short", {})
    huge = Choice(("the",), (" king" * 90, " queen" * 90), 0)
    assert score_choices(engine(), tokenizer(), [huge])[0].troubles == {CROPPED: 1}


def test_groups_and_batches() -> None:
    choices = [Choice(("the",), (" lord", " sword"), right, f"g{i % 3}") for i in range(10) for right in (0, 1)]
    scores = score_choices(engine(), tokenizer(), choices, "t", batch=3)
    assert [(s.task, s.group, s.count, s.right) for s in scores] == [
        ("t", "g0", 8, 4.0), ("t", "g1", 6, 3.0), ("t", "g2", 6, 3.0)
    ]  # fmt: skip


def test_as_chat_the_option_is_the_assistants() -> None:
    chat = ChatFormat(tokenizer())
    choice = Choice(("the king",), (" lord", " sword"), 0)
    prompt = chat.prompt([user("the king")])
    values = []
    for word in ("lord", "sword"):
        target = tokenizer().encode(word)
        values.append(float(log_p(prompt + target)[len(prompt) - 1 :].mean()))
    assert score(choice, chat=chat) == (values[0] > values[1])


@pytest.mark.parametrize(("rows", "length"), [([[1], [1]], 1), ([[1, 2], [3]], 0), ([[1, 2], [1]], 1)])
def test_common_prefix(rows: list[list[int]], length: int) -> None:
    assert common_prefix(rows) == length
