"""What was told some turns ago, told again: names, favorites, places, numbers; the newest, if it was corrected; and
that it was not told, if it was not."""

from primer.tasks.curriculum.checks import All, SaysNone, SaysOne, has_phrase
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw
from primer.tasks.curriculum.exchanges import FACTS, capital, exchanges, how_are_you, thanks
from primer.tasks.curriculum.told import FACTS_TOLD, Told
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, system, user

NOT_TOLD = "You have not told me that yet."


def acknowledged(draw: Draw, told: list[Told]) -> str:
    """What one says to news: now and then by saying it again."""
    if told[0].kind == "name":
        return f"Hello, {told[0].value}! Nice to meet you."
    return f"Okay. {told[-1].answer()}" if draw.chance(0.5) else "Okay."


def question(draw: Draw) -> Question:
    """Facts told, perhaps corrected, other talk, and a question about one of them."""
    kinds = draw.several(tuple(FACTS_TOLD), 4)
    if draw.chance(0.25) and "name" not in kinds:
        kinds[0] = "name"
    num_told = draw.pick((1, 1, 2, 2, 3))
    told = [Told(draw, kind) for kind in kinds[:num_told]]
    asked = draw.pick(told)
    old = ""
    prompt: list[Message] = [system("You are a helpful assistant.")] if draw.chance(0.1) else []
    together = draw.chance(0.4)
    if together:
        prompt += [user(" ".join(each.tell() for each in told)), assistant(acknowledged(draw, told))]
    else:
        for each in told:
            prompt += [user(each.tell()), assistant(acknowledged(draw, [each]))]
    if draw.chance(0.2):
        old = asked.value
        asked.change()
        prompt += [user(asked.correct()), assistant(f"Okay. {asked.answer()}")]
    for exchange in exchanges(draw, draw.pick((0, 0, 1, 1, 2)) if num_told < 3 else 0, (*FACTS, how_are_you, thanks)):
        prompt += [user(exchange.question), assistant(exchange.answer)]
    if draw.chance(0.15 if draw.held_out else 0.3):  # hard to see, so taught more often than it is examined
        return not_told(prompt if draw.chance(0.8) else [], Told(draw, kinds[3]), told)
    if together and len(prompt) == 2 and draw.chance(0.5):
        prompt = [user(f"{prompt[0].content} {capital(asked.ask())}")]
    else:
        prompt.append(user(asked.ask()))
    confused = [each.value for each in told if each is not asked and draw.chance(0.6)]
    wrong = old or (confused[0] if confused else asked.other())
    rejected = asked.answer(wrong) if draw.chance(0.8) else NOT_TOLD
    right = asked.answer()
    others = (old, *(each.value for each in told if each is not asked))
    forbidden = ("have not told", *(other for other in others if other and not has_phrase(right, other)))
    return Question(
        prompt=tuple(prompt),
        check=All((SaysOne((asked.value,)), SaysNone(forbidden))),
        answer=(assistant(right),),
        rejected=(assistant(rejected),),
    )


def not_told(prompt: list[Message], never: Told, told: list[Told]) -> Question:
    """Asked for what nobody said; the worse answer makes something up."""
    while never.value in {each.value for each in told}:
        never.change()
    return Question(
        prompt=(*prompt, user(never.ask())),
        check=SaysOne(("not told", "did not tell", "have not said", "don't know that about you")),
        answer=(assistant(NOT_TOLD),),
        rejected=(assistant(never.answer()),),
    )


def text(draw: Draw) -> str:
    """Facts about somebody, told and told again."""
    name = draw.name()
    told = [Told(draw, kind) for kind in draw.several(tuple(FACTS_TOLD), 2)]
    asked = draw.pick(told)
    said = " ".join(each.tell() for each in told)
    asking = draw.say(asked.fact.ask, **asked.slots)
    return f'{name} said: "{said}" Then {name} asked: "{asking}" The answer was: "{asked.answer()}"'


LESSON = Lesson("recall", question, text, weight=3.2, reinforce=True)
