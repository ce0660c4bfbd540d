"""Stories told, and questions about them: the truth kept, the answers accepted, the held out never trained."""

import itertools
import re

import pytest

from primer.tasks.curriculum import words
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import ALTERNATIVES, Draw, Phrasings, is_held_out
from primer.tasks.curriculum.lessons import stories, story_questions
from primer.tasks.curriculum.plots import PLOTS
from primer.tasks.curriculum.story import draw_character, draw_place
from primer.tasks.curriculum.telling import SMALL, plot_story, small_story, tell
from primer.tasks.task import Question
from primer.text.chat import assistant

LESSONS = [stories.LESSON, story_questions.LESSON]
ASKED = {**story_questions.ASK, "story": stories.REQUEST, "story with a list": stories.LIST_REQUEST}


def draws(count: int, held_out: bool = False) -> list[Draw]:
    return [Draw(f"test/{n}", held_out=held_out, new_phrasing=held_out and n % 3 == 0) for n in range(count)]


def all_text(question: Question) -> str:
    return "\n".join(message.content for message in (*question.prompt, *question.answer))


def expansions(template: str) -> set[str]:
    """Every text that a template stands for, slots unfilled."""
    parts = ALTERNATIVES.split(template)  # plain text, alternatives, plain text, …
    choices = [part.split("|") if number % 2 else [part] for number, part in enumerate(parts)]
    return {"".join(choice) for choice in itertools.product(*choices)}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
@pytest.mark.parametrize("held_out", [False, True])
def test_the_answer_passes_and_the_rejected_does_not(lesson: Lesson, held_out: bool) -> None:
    for draw in draws(400, held_out):
        question = lesson.question(draw)
        assert question.check(question.answer) == 1, all_text(question)
        assert question.rejected
        assert question.check(question.rejected) == 0, all_text(question) + str(question.rejected)
        assert question.check((assistant(""),)) == 0


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_texts_are_finished_and_not_too_long(lesson: Lesson) -> None:
    for train, test in zip(draws(400), draws(400, held_out=True), strict=True):
        for found in (all_text(lesson.question(train)), all_text(lesson.question(test)), lesson.text(train)):
            assert not re.search(r"[{}\[\]|()]|  | [.,?]", found), found
            assert len(found) <= 500, found


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_the_same_draw_gives_the_same_question(lesson: Lesson) -> None:
    assert lesson.question(Draw("k")) == lesson.question(Draw("k"))
    assert lesson.text(Draw("k")) == lesson.text(Draw("k"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_training_never_shows_what_is_held_out(lesson: Lesson) -> None:
    kept = {one for one in (*words.NAMES, *words.THINGS) if is_held_out(one)}
    for draw in draws(300):
        found = set(re.findall(r"[A-Za-z]+", all_text(lesson.question(draw)) + " " + lesson.text(draw)))
        assert sorted(found & kept) == []


@pytest.mark.parametrize("kind", ASKED)
def test_phrasings(kind: str) -> None:
    phrasings: Phrasings = ASKED[kind]
    seen = set().union(*map(expansions, phrasings.seen))
    unseen = set().union(*map(expansions, phrasings.unseen))
    assert len(seen) >= 40
    assert len(phrasings.unseen) >= 4
    assert not {text.lower().strip(".?!") for text in seen} & {text.lower().strip(".?!") for text in unseen}


def test_stories_are_asked_five_times_in_the_examination_only() -> None:
    assert stories.question(Draw("k", held_out=True)).samples == 5
    assert stories.question(Draw("k")).samples == 1


def test_a_story_that_stops_midway_or_forgets_an_element_is_not_right() -> None:
    for draw in draws(100):
        _, title, story, needed = stories.story_and_request(draw)
        check = stories.question(Draw(draw.random.random().hex())).check
        assert check((assistant("Once upon a time."),)) == 0
        assert all(re.search(rf"\b{needed_one}\b", story.text) for needed_one in needed)
        assert all(needed_one in title for needed_one in needed)


def test_the_title_of_a_story_does_not_count() -> None:
    holds = stories.Holds(("kite", "owl"))
    assert holds("A story about a kite and an owl.\n\nOnce an owl had a kite.")
    assert holds("Once an owl had a kite.")
    assert not holds("A story about a kite and an owl.\n\nOnce an owl had a boat.")


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_every_plot_holds_its_elements_and_its_truth(plot) -> None:  # type: ignore[no-untyped-def]
    for draw in draws(60):
        hero, helper, place, thing = draw_character(draw), draw_character(draw), draw_place(draw), draw.thing()
        story = tell(draw, plot, hero, helper, place, thing, short=False)
        for element in (hero.name, hero.kind, helper.name, place.at.split(" ", 1)[1], thing):
            assert element in story.text
        assert 5 <= len(story.sentences) <= 9
        assert len(story.text) >= 150
        assert story.wish
        assert story.plot == plot.name
        assert story.feeling in story.text
        assert story.ending in story.text


def test_facts_stand_in_the_story() -> None:
    for draw in draws(300):
        for story in (plot_story(draw, short=True), small_story(draw)):
            assert story.facts
            for fact in story.facts:
                for phrase in fact.right:
                    assert phrase.lower() in story.text.lower() or fact.kind == "what", (fact, story.text)


def test_no_question_has_two_answers() -> None:
    for draw in draws(400):
        story = small_story(draw) if draw.chance(0.5) else plot_story(draw, short=True)
        answers: dict[tuple[str, ...], str] = {}
        for fact in story.facts:
            asked = (fact.kind, *fact.slots.values())
            assert answers.setdefault(asked, fact.answer) == fact.answer, story.text


def test_the_examination_asks_about_three_sentences_and_more() -> None:
    for draw in draws(150, held_out=True):
        first = story_questions.question(draw).prompt
        assert sum(message.content.count(".") for message in first) >= 3


def test_another_name_of_the_story_is_not_right() -> None:
    for draw in draws(300):
        story = small_story(draw)
        for fact in story.facts:
            for name in story.names:
                if fact.kind == "who" and name not in fact.right:
                    assert story_questions.check_of(story, fact)((assistant(f"It was {name}."),)) == 0


def test_there_are_small_stories_of_many_shapes() -> None:
    assert len(set(SMALL)) >= 6
    assert len({small_story(draw).text for draw in draws(200)}) == 200
