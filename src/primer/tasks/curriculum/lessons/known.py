"""The other side of "I don't know": what lies inside the small world is answered, however much it looks otherwise."""

from dataclasses import replace

from primer.tasks.curriculum.checks import All, SaysNone
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw
from primer.tasks.curriculum.lessons import facts, unknown
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user


def question(draw: Draw) -> Question:
    """A fact, at times right after a question that had to be left open."""
    asked = facts.question(draw)
    before: tuple[Message, ...] = ()
    if draw.chance(0.25):
        phrasings, admission, _ = draw.pick(unknown.GROUPS)
        before = (user(draw.say(phrasings, **unknown.elements(draw))), assistant(admission))
    return replace(
        asked,
        prompt=before + asked.prompt,
        check=All((asked.check, SaysNone(unknown.ADMITS))),
        rejected=(assistant(unknown.PLAIN),),
    )


LESSON = Lesson("known", question, facts.text, weight=1.3)
