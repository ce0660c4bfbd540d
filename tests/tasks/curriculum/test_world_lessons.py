"""The lessons about the small world and about what to leave unanswered, all held to the same rules."""

import itertools
import re
from collections.abc import Iterator

import pytest

from primer.tasks.curriculum import world
from primer.tasks.curriculum.checks import has_phrase, words_of
from primer.tasks.curriculum.curriculum import Curriculum, Lesson
from primer.tasks.curriculum.draw import ALTERNATIVES, Draw, Phrasings
from primer.tasks.curriculum.howto import HOW_TO
from primer.tasks.curriculum.lessons import facts, harmless, known, refusals, unknown
from primer.tasks.task import Question, Split
from primer.text.chat import assistant

LESSONS = [module.LESSON for module in (facts, known, unknown, refusals, harmless)]
EVERY_LESSON = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
PHRASINGS = {
    **{f"{number}-{kind.states}": kind.ask for number, kind in enumerate(facts.KINDS)},
    **{f"{number}-{kind.states}-back": kind.back for number, kind in enumerate(facts.KINDS) if kind.back.seen},
    **{f"{number}-{kind.states}-whether": kind.whether_ways() for number, kind in enumerate(facts.KINDS)},
    **{f"unknown-{number}": group[0] for number, group in enumerate(unknown.GROUPS)},
    "can": facts.CAN_IT, "who can": facts.WHO_CAN, "wish": refusals.ASK, "care": refusals.ASK_CARE,
}  # fmt: skip


def questions(lesson: Lesson, split: Split, count: int = 300) -> Iterator[Question]:
    curriculum = Curriculum(["facts"])
    return (curriculum.question(lesson, split, 0, number) for number in range(count))


def wordings(templates: tuple[str, ...]) -> set[str]:
    """All that the templates can say, slots unfilled, small letters, without marks at the end."""
    found = set()
    for template in templates:
        parts = ALTERNATIVES.split(template)  # every second part is what stood in brackets
        choices = [part.split("|") if number % 2 else [part] for number, part in enumerate(parts)]
        found |= {"".join(choice).lower().rstrip(".?! ") for choice in itertools.product(*choices)}
    return found


@EVERY_LESSON
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_answer_passes_and_rejected_fails(lesson: Lesson, split: Split) -> None:
    for question in questions(lesson, split):
        assert question.check(question.answer) == 1.0, question
        assert question.rejected
        assert question.check(question.rejected) == 0.0, question
        assert question.check((assistant(""),)) == 0.0


@EVERY_LESSON
@pytest.mark.parametrize("split", ["train", "test"])
def test_short_and_filled_in(lesson: Lesson, split: Split) -> None:
    for question in questions(lesson, split):
        said = [message.content for message in question.prompt + question.answer]
        assert sum(map(len, said)) <= 480
        assert not any(re.search(r"[{}\[\]|]", text) for text in said), said
        assert all(text.strip() == text and "  " not in text for text in said), said
        assert question.prompt[-1].role == "user"


@EVERY_LESSON
def test_documents(lesson: Lesson) -> None:
    texts = [lesson.text(Draw(f"document {number}")) for number in range(200)]
    assert all(40 <= len(text) <= 500 and not re.search(r"[{}\[\]|]", text) for text in texts)
    assert len(set(texts)) > 190


@EVERY_LESSON
def test_same_key_same_question(lesson: Lesson) -> None:
    assert list(questions(lesson, "test", 20)) == list(questions(lesson, "test", 20))


@EVERY_LESSON
def test_a_third_of_the_test_is_worded_anew(lesson: Lesson) -> None:
    assert sum(question.new_phrasing for question in questions(lesson, "test")) >= 95
    assert not any(question.new_phrasing for question in questions(lesson, "train"))


@pytest.mark.parametrize("name", PHRASINGS)
def test_unseen_phrasings_are_not_seen(name: str) -> None:
    phrasings: Phrasings = PHRASINGS[name]
    assert len(phrasings.unseen) >= 3
    assert not wordings(phrasings.seen) & wordings(phrasings.unseen)
    fewest = 10 if name == "who can" else 35
    assert len(wordings(phrasings.seen)) >= fewest


@pytest.mark.parametrize("lesson", [unknown.LESSON, refusals.LESSON], ids=lambda lesson: lesson.name)
def test_most_examined_questions_are_never_trained(lesson: Lesson) -> None:
    """Not all can be new: "What time is it?" and "I want to die." have no element that could be held out."""
    trained = {question.prompt[-1].content.lower() for question in questions(lesson, "train", 2000)}
    examined = [question.prompt[-1].content.lower() for question in questions(lesson, "test")]
    assert sum(text in trained for text in examined) / len(examined) < 0.2


def test_invented_creatures_and_names_are_apart() -> None:
    trained = {unknown.elements(Draw(f"a {n}"))[slot] for n in range(500) for slot in ("s", "last", "place", "topic")}
    examined = {
        unknown.elements(Draw(f"b {n}", held_out=True))[slot]
        for n in range(200)
        for slot in ("s", "last", "place", "topic")
    }
    assert not trained & examined


def test_invented_creatures_are_not_in_the_world() -> None:
    inside = {facts.bare(subject) for subject in world.SOUNDS | world.HOMES | world.BABIES | world.DIETS | world.GROUPS}
    assert not inside & set(unknown.STRANGE_ANIMALS)


def test_the_world_does_not_contradict_itself() -> None:
    stated = [facts.stated(kind, subject) for kind, subject in facts.FACTS]
    assert len(set(stated)) == len(stated)
    for ability in world.CAN:
        assert not set(world.CAN[ability].split()) & set(world.CANNOT[ability].split())
    subjects = {subject for _, subject in facts.FACTS}
    values = {kind.facts[subject] for kind, subject in facts.FACTS}
    for subject, also in world.ALSO_TRUE.items():
        assert subject in subjects
        assert set(also.split("; ")) <= values


def test_what_is_true_besides_is_never_called_false() -> None:
    """An owl is a bird; that it is an animal must not be denied."""
    for kind, subject in facts.FACTS:
        false = {facts.another(Draw(f"{number}"), kind, subject) for number in range(60)}
        assert kind.facts[subject] not in false
        assert not false & set(world.ALSO_TRUE.get(subject, "").split("; "))


def test_yes_and_no_are_equally_often_right() -> None:
    whether = [facts.ask_whether(Draw(f"{number}"), *facts.FACTS[number % len(facts.FACTS)]) for number in range(600)]
    share = sum(question.answer[0].content.endswith("yes.") for question in whether) / len(whether)
    assert 0.42 < share < 0.58


@pytest.mark.parametrize(
    ("kind", "subject", "reply", "right"),
    [
        ("{a} says {y}", "a cow", "moo", 1),
        ("{a} says {y}", "a cow", "A cow says moo or woof.", 0),
        ("{a} has {y} {u}", "a spider of legs", "It has 8 legs.", 1),
        ("{a} has {y} {u}", "a spider of legs", "It has 8 legs, not six.", 0),
        ("{a} lives {y}", "a bee", "Bees live in a hive!", 1),
        ("{a} lives {y}", "a bee", "", 0),
    ],
)
def test_other_wordings_of_an_answer(kind: str, subject: str, reply: str, right: int) -> None:
    asked = next(each for each in facts.KINDS if each.states == kind and subject in each.facts)
    assert facts.ask_value(Draw("any"), asked, subject).check((assistant(reply),)) == right


@EVERY_LESSON
def test_refusing_is_right_only_where_it_is(lesson: Lesson) -> None:
    refused, admitted = (assistant("I'm sorry, I can't help with that."),), (assistant(unknown.PLAIN),)
    for question in questions(lesson, "test", 100):
        care = question.answer[0].content == refusals.CARE
        assert question.check(refused) == float(lesson.name == "refusals" and not care)
        assert question.check(admitted) == float(lesson.name == "unknown")


def test_wishes_without_open_words_are_divided_as_a_whole() -> None:
    def wishes(held_out: bool) -> set[str]:
        draws = (Draw(f"{number}", held_out) for number in range(400))
        return {str(refusals.filled(draw, draw.pick(refusals.HARMS))["wish"]) for draw in draws}

    assert not wishes(False) & wishes(True)


def test_advice_names_its_key_words() -> None:
    assert len(HOW_TO) >= 60
    for wish, advice, key in HOW_TO:
        assert all(has_phrase(advice, word) for word in key), wish
        assert 3 <= len(words_of(advice)) <= 14
