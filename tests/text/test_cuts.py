"""Words in other pieces: the same text, the same pieces for a word wherever it stands, nothing new to guess."""

import pytest

from primer.speedrun import as_text
from primer.tasks.curriculum.curriculum import Curriculum
from primer.text.chat import ChatFormat, assistant, user
from primer.text.cuts import Cuts
from primer.text.tokenizer import Tokenizer, train_tokenizer


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    """Of a tokenizer that knows the lessons' words."""
    questions = (Curriculum().numbered("train", 1, number) for number in range(1000))
    return ChatFormat(train_tokenizer((as_text(m) for q in questions for m in (*q.prompt, *q.answer)), 900))


def pieces(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    """Each id's text."""
    return [tokenizer.decode([id]) for id in ids]


def test_the_text_is_the_same_and_some_pieces_are_others(chat: ChatFormat) -> None:
    curriculum, cuts, changed = Curriculum(), Cuts(chat.tokenizer, 0.5), 0
    for number in range(300):
        question = curriculum.numbered("train", 0, number)
        said = (*question.prompt, *question.answer)
        plain = chat.render(said)
        cut = chat.render(said, encode=cuts.drawn(said, number))
        assert chat.tokenizer.decode(cut.ids) == chat.tokenizer.decode(plain.ids)
        learned = [
            chat.tokenizer.decode([id for id, is_target in zip(one.ids, one.trained, strict=True) if is_target])
            for one in (plain, cut)
        ]
        assert learned[0] == learned[1]
        changed += cut.ids != plain.ids
    assert 150 < changed < 300


def test_a_word_has_the_same_pieces_wherever_it_stands(chat: ChatFormat) -> None:
    said = [user("Is Wrimpany 318? WRIMPANY!"), assistant("Wrimpany is 318, says Wrimpany, not Blorkish.")]
    seen = set()
    for seed in range(40):
        encode = Cuts(chat.tokenizer, 1.0).drawn(said, seed)
        ids = list(encode(" Wrimpany"))
        seen.add(tuple(ids))
        whole = pieces(chat.tokenizer, list(encode(said[1].content)))
        assert whole.count(pieces(chat.tokenizer, ids)[-1]) >= 1
        text = list(encode(" Wrimpany and Wrimpany"))
        assert text[: len(ids)] == ids == text[-len(ids) :]
        assert list(encode(" Blorkish")) == chat.tokenizer.encode(" Blorkish")  # nobody but the assistant says it
    assert len(seen) > 2


def test_words_are_cut_between_any_two_letters() -> None:
    tokenizer = train_tokenizer(["ab bc " * 20], 274)
    cuts = Cuts(tokenizer, 1.0)
    found = {tuple(pieces(tokenizer, list(cuts.drawn([user("abc")], seed)("abc")))) for seed in range(40)}
    assert found == {("ab", "c"), ("a", "bc")}


def test_what_is_one_token_stays_one(chat: ChatFormat) -> None:
    word = next(w for w in ("the", "and", "that", "you", "what") if len(chat.tokenizer.encode(f" {w}")) == 1)
    encode = Cuts(chat.tokenizer, 1.0).drawn([user(f"say {word}")], 0)
    assert list(encode(f" {word}")) == chat.tokenizer.encode(f" {word}")


def test_a_share_of_none_is_the_tokenizer(chat: ChatFormat) -> None:
    text = "Wrimpany has 318 spoons."
    assert list(Cuts(chat.tokenizer, 0.0).drawn([user(text)], 0)(text)) == chat.tokenizer.encode(text)
