"""System prompts that are obeyed, and still obeyed in the third turn.

What they ask for is made of open classes (invented names, titles and catchwords), so that reading the prompt is the
only way to the answer; and some ask for nothing, so that a rule is read and not guessed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from primer.tasks.curriculum import rules
from primer.tasks.curriculum.checks import Test
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw
from primer.tasks.curriculum.exchanges import FACTS, SMALL_TALK, Exchange, exchanges, introduction
from primer.tasks.curriculum.rules.rule import Rule
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, system, user


@dataclass(frozen=True)
class Obeys:
    """The rule holds in the answer, and the answer is right."""

    rule: Rule
    exchange: Exchange

    def __call__(self, text: str) -> bool:
        return self.rule.holds(text.strip(), self.exchange)


def turns(draw: Draw, rule: Rule) -> list[Exchange]:
    """One to three exchanges under a rule; the last of them is examined, two times in three the third."""
    count = draw.pick((1, 2, 3, 3, 3, 3)) if draw.held_out else draw.pick((1, 1, 2, 3, 3))
    kinds: tuple[Callable[[Draw], Exchange], ...] = FACTS if rule.facts_only else (*FACTS, *SMALL_TALK, introduction)
    found = exchanges(draw, count, kinds)
    if rule.about is not None:
        while any(exchange.answer == rule.about.answer for exchange in found):
            found = exchanges(draw, count, kinds)
        place = count - 1 if draw.held_out or draw.chance(0.7) else draw.pick(range(count))
        found[place] = rule.about
    return found


def question(draw: Draw) -> Question:
    """A system prompt and a few turns, all of which obey it."""
    rule = draw.pick(rules.ALL if draw.held_out else rules.TAUGHT)(draw)
    *before, last = turns(draw, rule)
    prompt: list[Message] = [system(rule.prompt)]
    for exchange in before:
        prompt += [user(exchange.question), assistant(rule.obey(exchange))]
    return Question(
        prompt=(*prompt, user(last.question)),
        check=Test(Obeys(rule, last)),
        answer=(assistant(rule.obey(last)),),
        rejected=(assistant(rule.ignore(last)),),
    )


def text(draw: Draw) -> str:
    """How somebody was told to speak, and did."""
    name, rule = draw.name(), draw.pick(rules.ALL)(draw)
    spoken = [f"{exchange.question} {rule.obey(exchange)}" for exchange in turns(draw, rule)[-2:]]
    return "\n".join((f"{name} was told: {rule.prompt}", *spoken))


LESSON = Lesson("personas", question, text, weight=3.1, reinforce=True)
