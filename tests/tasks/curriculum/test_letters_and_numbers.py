"""The lessons on sums, word problems, letters and wordplay."""

import itertools
import re
from importlib import import_module
from types import ModuleType

import pytest

from primer.engine.calculator import calculate
from primer.tasks.curriculum import problems, sums, words
from primer.tasks.curriculum.checks import NUMBER, InOrder, LastWord
from primer.tasks.curriculum.curriculum import Curriculum, Lesson
from primer.tasks.curriculum.draw import ALTERNATIVES, SMALLEST_DIVIDED, Draw, Phrasings, is_held_out
from primer.tasks.curriculum.lessons import arithmetic, letters, word_problems, wordplay
from primer.tasks.task import Question
from primer.text.chat import assistant

NAMES = ("arithmetic", "letters", "word_problems", "wordplay")
SPLITS = ("train", "validation", "test")
DRAWS = 300
LONGEST = 480
FEWEST_WORDINGS = 30


def module(name: str) -> ModuleType:
    return import_module(f"primer.tasks.curriculum.lessons.{name}")


def questions(name: str, split: str, count: int = DRAWS) -> list[Question]:
    curriculum = Curriculum([name])
    return [curriculum.question(curriculum.lessons[0], split, 5, number) for number in range(count)]  # type: ignore[arg-type]


def expansions(template: str) -> set[str]:
    """Every text that a template stands for."""
    parts = ALTERNATIVES.split(template)
    choices = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
    return {"".join(chosen) for chosen in itertools.product(*choices)}


def plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.replace("{", "_").replace("}", "_")).strip().lower()


def phrasings(name: str) -> list[Phrasings]:
    """Every Phrasings of a lesson's file, wherever it stands."""
    found = [s.told for s in problems.ONE_STEP + problems.TWO_STEPS] if name == "word_problems" else []
    for value in vars(module(name)).values():
        found += [value] if isinstance(value, Phrasings) else []
        found += [v for v in value.values() if isinstance(v, Phrasings)] if isinstance(value, dict) else []
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("split", SPLITS)
def test_answers_pass_and_worse_ones_fail(name: str, split: str) -> None:
    for question in questions(name, split):
        assert question.check(question.answer) == 1.0, question
        assert question.rejected
        assert question.check(question.rejected) == 0.0, question
        assert question.check([assistant("")]) == 0.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("split", SPLITS)
def test_texts_are_short_whole_and_clean(name: str, split: str) -> None:
    for question in questions(name, split):
        texts = [message.content for message in (*question.prompt, *question.answer, *question.rejected)]
        assert sum(len(m.content) for m in (*question.prompt, *question.answer)) <= LONGEST
        for text in texts:
            assert not re.search(r"[{}\[\]|]|  | [,!:;]$| [.;]|[^=] \?| $", text), text


@pytest.mark.parametrize("name", NAMES)
def test_documents_are_short_and_clean(name: str) -> None:
    for text in itertools.islice(Curriculum([name]).documents("train", 0), DRAWS):
        assert 100 <= len(text) <= 400, text
        assert not re.search(r"[{}\[\]|]|  | [?!:]| $", text), text


@pytest.mark.parametrize("name", NAMES)
def test_the_same_key_gives_the_same_question(name: str) -> None:
    assert questions(name, "train", 20) == questions(name, "train", 20)


@pytest.mark.parametrize("name", NAMES)
def test_training_never_shows_what_is_held_out(name: str) -> None:
    open_words = {w.lower() for w in (*words.NAMES, *words.THINGS, *words.ANY_WORDS)}
    told = " ".join(plain(t) for p in phrasings(name) for s in p.seen for t in expansions(s))
    ordinary = {*told.split(), "word", "time", "letter"}  # "box" is a thing, and a word of the stories too
    for question in questions(name, "train"):
        text = " ".join(m.content for m in (*question.prompt, *question.answer))
        copied = re.findall(r"[a-z]+", question.answer[-1].content.lower())
        numbers = [n for n in NUMBER.findall(text) if n.isdigit() and int(n) >= SMALLEST_DIVIDED]
        assert not [n for n in numbers if is_held_out(n)], question
        if name != "wordplay":  # rhymes are a closed list
            held_out = {w for w in copied if w in open_words and is_held_out(w)}
            assert held_out <= ordinary, question


@pytest.mark.parametrize("name", NAMES)
def test_new_phrasings_are_new_and_all_are_many(name: str) -> None:
    seen = {plain(text) for p in phrasings(name) for template in p.seen for text in expansions(template)}
    for p in phrasings(name):
        if p in (arithmetic.BARE, word_problems.LEAD, word_problems.SUPPOSE):
            continue
        assert sum(len(expansions(template)) for template in p.seen) >= FEWEST_WORDINGS, p.seen[0]
        assert len(p.unseen) >= 2
        for template in p.unseen:
            assert not {plain(text) for text in expansions(template)} & seen, template
    assert sum(q.new_phrasing for q in questions(name, "test")) == DRAWS // 3


@pytest.mark.parametrize("name", ["arithmetic", "letters", "word_problems", "wordplay"])
def test_tools_answer_what_the_calculator_does(name: str) -> None:
    for question in questions(name, "train") + questions(name, "test"):
        for messages in (question.answer, question.rejected):
            if messages[0].tool_calls:
                assert calculate(messages[0].tool_calls[0].arguments["expression"]) == messages[1].content


def test_reinforced_lessons() -> None:
    lessons: list[Lesson] = [module(name).LESSON for name in NAMES]
    assert {lesson.name for lesson in lessons if lesson.reinforce} == {"arithmetic", "letters", "word_problems"}


def test_expressions_are_written_in_many_ways() -> None:
    ways = {arithmetic.as_people_write(Draw(str(i)), "(12 * 7) / 2") for i in range(200)}
    assert {"(12 × 7) ÷ 2", "(12*7)/2", "(12 x 7) / 2"} <= ways
    assert "12 times 7" in {arithmetic.as_people_write(Draw(str(i)), "12 * 7") for i in range(200)}


def test_slips_change_the_expression() -> None:
    for i in range(200):
        assert sums.slip(Draw(str(i)), "12 + 7 * 3") != "12 + 7 * 3"


def test_rhymes_stand_in_one_group_only() -> None:
    all_words = [word for group in wordplay.RHYMES for word in group]
    assert len(all_words) == len(set(all_words))


def test_word_problems_lend_nothing_from_below_zero() -> None:
    """No step on the way leaves less than nothing."""
    for question in questions("word_problems", "train"):
        expression = question.answer[0].tool_calls[0].arguments["expression"]
        if "(" not in expression and "*" not in expression and expression.count(" ") == 4:
            assert sums.value(expression.rsplit(" ", 2)[0]) > 0, expression


def test_last_word_and_order() -> None:
    assert LastWord("pots")([assistant("So it is Pots!")]) == 1.0
    assert LastWord("pots")([assistant("pots is stop")]) == LastWord("pots")([]) == 0.0
    order = InOrder(("ant", "bee", "cat"))
    assert order([assistant("ant, bee, cat")]) == 1.0
    assert order([assistant("ant, cat, bee")]) == order([assistant("ant, bee")]) == 0.0


def test_turned_words_are_short() -> None:
    assert letters.turns_well(Draw("a", held_out=True), "stop")
    assert not letters.turns_well(Draw("a", held_out=True), "level")
    assert not letters.turns_well(Draw("a", held_out=True), "elephant")
