"""Small stories that end in a question of how many: one step or two, through the calculator."""

from fractions import Fraction

from primer.tasks.curriculum import sums
from primer.tasks.curriculum.checks import LastNumber
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings, plural
from primer.tasks.curriculum.problems import LARGE, MIDDLE, ONE_STEP, TWO_STEPS, Story
from primer.tasks.curriculum.words import NAMES
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user

LEAD = Phrasings(
    seen=("[Please solve this|Here is a problem|A problem for you|Can you help me with this|My homework|A story]: ",)
)
SUPPOSE = Phrasings(
    seen=("[Suppose|Suppose that|Imagine|Imagine that|Let us say|Say that|I heard that|You know that] ",)
)


def numbers(draw: Draw, story: Story) -> dict[str, int]:
    """Numbers that fit the story: the result whole, above one, and one that may be shown."""
    while True:
        ranges = [LARGE if bounds == MIDDLE and draw.chance(0.15) else bounds for bounds in story.ranges]
        found = {slot: draw.number(*bounds) for slot, bounds in zip("abc", ranges, strict=False)}
        if "- {b} +" in story.expression and found["a"] <= found["b"]:
            continue  # nobody loses what they do not have
        result = sums.value(story.expression.format(**found))
        if result > 1 and result.denominator == 1 and sums.teachable(draw, result):
            return found


def people_and_things(draw: Draw) -> dict[str, str]:
    """Who the story is about, and what they count. `again` may be a pronoun, where no one knows it better."""
    thing = draw.thing()
    name = draw.name()
    again = name if name in NAMES or draw.chance(0.5) else draw.pick(("he", "she"))
    return {"name": name, "again": again, "other": draw.name(), "thing": thing, "things": plural(thing)}


def worse(draw: Draw, story: Story, slots: dict[str, object], right: Fraction) -> tuple[Message, ...]:
    """The wrong sum, a guess, or no answer."""
    if draw.chance(0.6):
        expression = sums.slip(draw, story.expression.format(**slots))
        wrong = sums.value(expression)
        if wrong != right and sums.terminates(wrong):
            result = sums.written(wrong)
            return sums.calculated(expression, result, story.answer.format(r=result, **slots))
    guess = story.answer.format(r=right + draw.pick((-2, -1, 1, 2, 10)), **slots)
    return (
        assistant(draw.pick((guess, guess, "Who cares? Count them yourself.", "I do not like stories with numbers."))),
    )


def question(draw: Draw) -> Question:
    """A story, its sum asked of the calculator, and the answer in one sentence."""
    story = draw.pick(ONE_STEP if draw.chance(0.55) else TWO_STEPS)
    slots: dict[str, object] = {**people_and_things(draw), **numbers(draw, story)}
    expression = story.expression.format(**slots)
    right = sums.value(expression)
    result = sums.written(right)
    told = draw.say(story.told, **slots)
    if not draw.new_phrasing and draw.chance(0.2):
        told = draw.say(SUPPOSE if told.startswith(str(slots["name"])) and draw.chance(0.6) else LEAD) + told
    return Question(
        prompt=(user(told),),
        check=LastNumber(float(right)),
        answer=sums.calculated(expression, result, story.answer.format(r=result, **slots)),
        rejected=worse(draw, story, slots, right),
    )


def text(draw: Draw) -> str:
    """Two stories, each with its sum and its answer."""
    return " ".join(solved(draw, draw.pick(stories)) for stories in (ONE_STEP, TWO_STEPS))


def solved(draw: Draw, story: Story) -> str:
    """A story with its sum and its answer, as a book prints them."""
    slots: dict[str, object] = {**people_and_things(draw), **numbers(draw, story)}
    expression = story.expression.format(**slots)
    result = sums.written(sums.value(expression))
    told = draw.say(story.told, **slots)
    return f"{told} {sums.pretty(expression)} = {result}. {story.answer.format(r=result, **slots)}"


LESSON = Lesson("word_problems", question, text, weight=1.4, reinforce=True)
