"""Greetings, thanks, feelings, jokes, and who Primer is."""

from primer.tasks.curriculum.checks import All, Says, SaysNone, SaysOne
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw
from primer.tasks.curriculum.exchanges import FACTS, exchanges
from primer.tasks.curriculum.manners import BAD, GOOD, KINDS, RUDE, VERBS, Kind
from primer.tasks.task import Check, Question
from primer.text.chat import Message, assistant, system, user

ROLES = ("You are a helpful assistant.", "You are Primer, a friendly assistant.", "You are a kind assistant.")


def casual(draw: Draw, said: str) -> str:
    """The way people type: now and then all small, or loud, or without the full stop."""
    if draw.chance(0.12):
        said = said[0].lower() + said[1:]
    if draw.chance(0.1):
        said = said.rstrip(".!?")
    if draw.chance(0.08):
        said = said.rstrip(".!") + ("??" if said.endswith("?") else "!!")
    return said


def slots(draw: Draw) -> dict[str, str]:
    """What may stand in small talk."""
    return {"name": draw.name(), "good": draw.pick(GOOD), "bad": draw.pick(BAD), "verb": draw.pick(VERBS)}


def check(kind: Kind, words: dict[str, str]) -> Check:
    """One of what the kind wants said, all of what it needs, and nothing rude."""
    one = tuple(phrase.format_map(words) for phrase in kind.says)
    every = tuple(phrase.format_map(words) for phrase in kind.also)
    return All((SaysOne(one), Says(every), SaysNone(RUDE)))


def question(draw: Draw) -> Question:
    """Small talk of one kind, now and then after some other."""
    kinds = draw.several(tuple(KINDS.values()), 2)
    words, prompt = slots(draw), list[Message]()
    if draw.chance(0.1):
        prompt.append(system(draw.pick(ROLES)))
    if draw.chance(0.2):
        first, before = kinds[1], slots(draw)
        prompt.append(user(casual(draw, draw.say(first.ask, **before))))
        prompt.append(assistant(draw.pick(first.answers).format_map(before)))
    elif draw.chance(0.1):
        fact = exchanges(draw, 1, FACTS)[0]
        prompt += [user(fact.question), assistant(fact.answer)]
    kind = kinds[0]
    return Question(
        prompt=(*prompt, user(casual(draw, draw.say(kind.ask, **words)))),
        check=check(kind, words),
        answer=(assistant(draw.pick(kind.answers).format_map(words)),),
        rejected=(assistant(draw.pick(kind.worse).format_map(words)),),
    )


def text(draw: Draw) -> str:
    """Somebody talks with Primer."""
    name, kinds = draw.name(), draw.several(tuple(KINDS.values()), 2)
    lines = [f"{name} talked with Primer."]
    for kind in kinds:
        words = slots(draw) | {"name": name}
        said, answer = draw.say(kind.ask, **words), draw.pick(kind.answers).format_map(words)
        lines.append(f'"{said}" said {name}. "{answer}" said Primer.')
    return " ".join(lines)


LESSON = Lesson("small_talk", question, text, weight=1.6)
