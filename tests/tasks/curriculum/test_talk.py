"""The lessons of conversation: small talk, personas, recall and follow-ups."""

import itertools
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from primer.tasks.curriculum import exchanges, manners, rules, told
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import ALTERNATIVES, Draw, Phrasings, is_held_out
from primer.tasks.curriculum.lessons import follow_ups, personas, recall, small_talk
from primer.tasks.task import Question

LESSONS = [module.LESSON for module in (follow_ups, personas, recall, small_talk)]
by_name = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
PLACEHOLDER = re.compile(r"[{}\[\]|]|  ")


def draws(lesson: Lesson, split: str, count: int = 300) -> Iterator[tuple[Draw, Question]]:
    """Questions as the curriculum makes them, with the source of their chance."""
    for number in range(count):
        test = split == "test"
        draw = Draw(f"{split}/{lesson.name}/{number}", held_out=test, new_phrasing=test and number % 3 == 0)
        yield draw, lesson.question(draw)


def phrasings() -> list[tuple[str, Phrasings]]:
    """Every `Phrasings` of these lessons, by where it stands."""
    modules: tuple[ModuleType, ...] = (exchanges, follow_ups, rules.form, rules.content, told)
    found = [
        (name, value) for module in modules for name, value in vars(module).items() if isinstance(value, Phrasings)
    ]
    found += [(f"ask for {name}", fact.ask) for name, fact in told.FACTS_TOLD.items()]
    return found + [(name, kind.ask) for name, kind in manners.KINDS.items()]


def expansions(template: str) -> set[str]:
    """All that a template can say, its slots unfilled, without case and closing marks."""
    parts = ALTERNATIVES.split(template)
    options = [part.split("|") if number % 2 else [part] for number, part in enumerate(parts)]
    return {"".join(chosen).lower().rstrip(".?! ") for chosen in itertools.product(*options)}


@by_name
@pytest.mark.parametrize("split", ["train", "test"])
def test_check_takes_the_answer_and_refuses_the_worse_one(lesson: Lesson, split: str) -> None:
    for _, question in draws(lesson, split):
        assert question.check(question.answer) == 1, question
        assert question.check(question.rejected) == 0, question
        assert question.check(()) == 0


@by_name
def test_conversations_are_short_whole_and_well_ordered(lesson: Lesson) -> None:
    for _, question in draws(lesson, "train"):
        turns = [*question.prompt, *question.answer]
        assert sum(len(turn.content) for turn in turns) <= 420
        assert not any(PLACEHOLDER.search(turn.content) for turn in (*turns, *question.rejected)), question
        calls = 2 if question.answer[0].tool_calls else 0  # of the calculator, and its result
        roles = [turn.role for turn in (*question.prompt, *question.answer[calls:]) if turn.role != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2)


@by_name
def test_open_classes_are_divided(lesson: Lesson) -> None:
    for split in ("train", "test"):
        for draw, _ in draws(lesson, split):
            assert all(is_held_out(given) == (split == "test") for given in draw._given)


@by_name
def test_the_key_decides_everything(lesson: Lesson) -> None:
    first, second = ([question for _, question in draws(lesson, "test", 40)] for _ in range(2))
    assert [(q.prompt, q.answer, q.rejected) for q in first] == [(q.prompt, q.answer, q.rejected) for q in second]


@by_name
def test_texts_are_short_prose(lesson: Lesson) -> None:
    for number in range(300):
        text = lesson.text(Draw(f"text/{number}"))
        assert 40 <= len(text) <= 400, text
        assert not PLACEHOLDER.search(text), text


@by_name
def test_new_phrasings_are_used(lesson: Lesson) -> None:
    used = [draw.used_unseen for draw, _ in draws(lesson, "test")]
    assert sum(used[::3]) >= 80
    assert not any(used[1::3])


@pytest.mark.parametrize(("name", "said"), phrasings(), ids=lambda value: value if isinstance(value, str) else "")
def test_new_phrasings_are_new(name: str, said: Phrasings) -> None:
    seen = set().union(*map(expansions, said.seen))
    for template in said.unseen:
        assert not expansions(template) & seen, name


def test_every_kind_of_question_has_many_wordings() -> None:
    few = {name for name, said in phrasings() if said.unseen and sum(map(len, map(expansions, said.seen))) < 20}
    assert not few


def test_most_examinations_of_personas_are_in_the_third_turn() -> None:
    turns = [sum(turn.role == "user" for turn in q.prompt) for _, q in draws(personas.LESSON, "test", 600)]
    assert 0.6 < turns.count(3) / len(turns) < 0.75


def test_the_newest_value_is_the_one_recalled() -> None:
    draw = Draw("correction")
    name = told.Told(draw, "name")
    old = name.value
    name.change()
    assert name.value != old
    assert name.answer() == f"Your name is {name.value}."
    assert name.answer(old) == f"Your name is {old}."


def test_forbidden_word_is_read() -> None:
    """A forbidden word is only refused where it would be said."""
    answers = {
        rules.content.never(Draw(str(n))).obey(exchanges.Exchange("?", "Grass is green.", "green", ""))
        for n in range(200)
    }
    assert answers == {rules.content.MAY_NOT, "Grass is green."}
