"""Packed conversations: every one whole and once an epoch, padding masked, a row a function of seed and number."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import CorpusError
from primer.text.chat import ChatFormat, Rendered, assistant, system, user
from primer.text.tokenizer import train_tokenizer
from primer.train.conversation_rows import ConversationRows, pack

PAD = 0
CONTEXT = 16


def conversation(number: int, turns: list[tuple[int, int]], tail: int = 0) -> Rendered:
    """A document id, then turns of (given, trained) ids, then a tail that nobody learns; no id stands in two places."""
    trained = [False]
    for given_ids, trained_ids in turns:
        trained += [False] * given_ids + [True] * trained_ids
    trained += [False] * tail
    return Rendered([1 + 100 * number + i for i in range(len(trained))], trained)


turn = st.tuples(st.integers(1, 5), st.integers(1, 4))
drawn = st.lists(st.tuples(st.lists(turn, max_size=5), st.integers(0, 3)), min_size=1, max_size=25)


def expected(rendered: Rendered) -> tuple[int, ...]:
    """By the book: the longest beginning that fits and ends with a trained id before an untrained one, or the end."""
    ids, trained = rendered.ids, rendered.trained
    for end in range(min(len(ids), CONTEXT + 1), 1, -1):
        if trained[end - 1] and not (end < len(ids) and trained[end]):
            return tuple(ids[:end])
    return ()


@settings(max_examples=80, deadline=None)
@given(drawn=drawn, seed=st.integers(0, 3))
def test_an_epoch_is_every_conversation_once(drawn: list[tuple[list[tuple[int, int]], int]], seed: int) -> None:
    given_ones = [conversation(i, *each) for i, each in enumerate(drawn)]
    wanted = {kept for each in given_ones if (kept := expected(each))}
    if not wanted:
        with pytest.raises(CorpusError, match=r"none of .*larger --context"):
            ConversationRows(given_ones, CONTEXT, seed, PAD)
        return
    is_target = {id for each in given_ones for id, on in zip(each.ids, each.trained, strict=True) if on}
    rows = ConversationRows(given_ones, CONTEXT, seed, PAD)
    assert rows.num_dropped == len(given_ones) - len(wanted)
    shortened = [each for each in given_ones if (kept := expected(each)) and any(each.trained[len(kept) :])]
    assert rows.num_cut == len(shortened)
    for epoch in range(2):
        ids, trained = rows.read(range(epoch * rows.num_rows, (epoch + 1) * rows.num_rows))
        assert ids.shape == trained.shape == (rows.num_rows, CONTEXT + 1)
        assert trained[:, 1:].any(axis=1).all()
        found = []
        for row, mask in zip(ids.tolist(), trained.tolist(), strict=True):
            assert mask == [id in is_target for id in row]  # so padding is masked
            text = [id for id in row if id != PAD]
            assert row == text + [PAD] * (CONTEXT + 1 - len(text))
            starts = [i for i, id in enumerate(text) if id % 100 == 1]
            found += [tuple(text[a:b]) for a, b in zip(starts, [*starts[1:], None], strict=True)]
        assert Counter(found) == Counter(wanted)


def test_a_row_is_its_seed_and_number() -> None:
    given_ones = [conversation(i, [(2, 1 + i % 5)]) for i in range(100)]
    rows = ConversationRows(given_ones, CONTEXT, 3, PAD)
    straight = rows.read(range(3 * rows.num_rows))
    fresh = ConversationRows(iter(given_ones), CONTEXT, 3, PAD)
    backwards = [fresh.read([number]) for number in reversed(range(3 * rows.num_rows))]
    for kind in (0, 1):
        assert np.array_equal(straight[kind], np.concatenate([read[kind] for read in reversed(backwards)]))
    other = ConversationRows(given_ones, CONTEXT, 4, PAD).read(range(rows.num_rows))
    assert not np.array_equal(straight[0][: rows.num_rows], other[0])


def test_epochs_and_neighbours_differ() -> None:
    """Rows come in another order, conversations meet others, and a short one is not always behind a long one."""
    given_ones = [conversation(i, [(1, 1 + i % 9)]) for i in range(100)]
    rows = ConversationRows(given_ones, CONTEXT, 3, PAD)
    first, second = ([tuple(rows.conversations(e * rows.num_rows + i)) for i in range(rows.num_rows)] for e in (0, 1))
    assert {frozenset(row) for row in first} != {frozenset(row) for row in second}
    assert [len(row) for row in first] != [len(row) for row in second]
    lengths = [[1 + i % 9 for i in row] for row in first]
    assert any(row != sorted(row, reverse=True) for row in lengths)
    assert rows.num_conversations == 100


def test_best_fit_fills_rows() -> None:
    """Lengths as they are found in real conversations, against the least rows that their sum allows."""
    lengths = np.random.default_rng(0).integers(10, 500, 3000)
    places, starts = pack(lengths, 1025)
    assert sorted(places) == list(range(3000))
    sums = np.add.reduceat(np.sort(lengths)[places], starts[:-1])
    assert sums.max() <= 1025
    assert len(sums) <= np.ceil(lengths.sum() / 1025) + 1


def test_a_conversation_as_long_as_a_row_is_not_cut() -> None:
    rows = ConversationRows([conversation(0, [(12, 4)], tail=3)], CONTEXT, 0, PAD)
    assert (rows.num_cut, rows.num_dropped, rows.fill) == (0, 0, 1.0)
    with pytest.raises(CorpusError, match="none of 1 conversations"):
        ConversationRows([conversation(0, [(12, 5)])], CONTEXT, 0, PAD)


def test_a_single_target_at_the_beginning_is_none() -> None:
    with pytest.raises(CorpusError, match="none of 2 conversations"):
        ConversationRows([Rendered([5], [True]), Rendered([5, 6], [True, False])], CONTEXT, 0, PAD)


@pytest.mark.parametrize("largest", [200, 60_000, 120_000])
def test_ids_of_any_size(largest: int) -> None:
    rows = ConversationRows([Rendered([1, 2, largest], [False, True, True])], 4, 0, PAD)
    ids, trained = rows.read([0])
    assert ids.dtype == np.int64
    assert ids.tolist() == [[1, 2, largest, PAD, PAD]]
    assert trained.tolist() == [[False, True, True, False, False]]


def test_rendered_conversations_are_cut_after_an_answer() -> None:
    tokenizer = train_tokenizer(["system user assistant tool\n" * 20], 280)
    chat = ChatFormat(tokenizer)
    turns = [system("Be kind."), user("One?"), assistant("Yes, one."), user("Two?"), assistant("Yes, two.")]
    short = chat.render(turns[:3]).ids
    rows = ConversationRows([chat.render(turns)], len(short) + 4, 0, tokenizer.special_ids["<|pad|>"])
    assert rows.num_cut == 1
    ids, trained = rows.read([0])
    text = tokenizer.decode(ids[0].tolist()).rstrip("\n").replace("<|pad|>", "")
    assert text == tokenizer.decode(short).rstrip("\n")
    assert tokenizer.decode(ids[0][trained[0]].tolist()) == "Yes, one.<|im_end|>"
