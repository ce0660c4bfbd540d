"""Sums of two and three terms, through the calculator."""

from primer.tasks.curriculum import sums
from primer.tasks.curriculum.checks import LastNumber
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import SMALLEST_DIVIDED, Draw, Phrasings, is_held_out
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user

ASK = Phrasings(
    seen=(
        "What is {e}?",
        "[What's|And what is|So what is|Now what is|What number is] {e}?",
        "How much is {e}?",
        "[Calculate|Compute|Work out|Figure out|Solve|Do|Find] {e}[.| for me.| now.]",
        "[Can|Could|Will|Would] you [calculate|compute|work out|figure out|solve|do|find] {e}[?| for me?]",
        "[Please|Please help me] [calculate|compute|work out|figure out|solve|find] {e}.",
        "[Tell me|Please tell me|Show me] what {e} [is|makes|gives|comes to].",
        "[Can|Could] you tell me what {e} [is|makes|gives|comes to]?",
        "[Tell me|Let me know] how much {e} [is|makes].",
        "[Give me|Find|Tell me|Show me|I need|I want|I would like] the [answer to|result of|value of] {e}.",
        "What is the [answer to|result of|value of] {e}?",
        "I [need|want|would like|have] to know [what {e} is|what {e} makes|how much {e} is].",
        "[Do you know|Can you say|Any idea] [what {e} is|how much {e} is|what {e} comes to]?",
        "I wonder [what {e} is|how much {e} is|what {e} comes to].",
        "What do [you|I|we] get [for|from|with] {e}?",
        "What do you get when you [calculate|compute|work out|solve] {e}?",
        "[What|How much] does {e} [make|give|equal|come to]?",
        "[What|How much] [would|will] {e} [be|make|give]?",
        "{e} [is what|equals what|makes what|is how much|gives what]?",
        "{e}, [what is it|how much is it|what is that|what does it make]?",
        "I am [stuck on|working on|trying to solve] {e}. [Can you help?|What is it?|What does it make?]",
        "[Help me with|Let us do|Let us solve|Try|Try to solve] {e}.",
        "[Use the calculator for|Use your calculator for|Put into the calculator:|Ask the calculator:] {e}.",
        "[My homework says|My teacher asks for|The sum is|Here is a sum:|A little sum:] {e}[.|. What is it?]",
        "I [do not know|forgot|can not find] what {e} is. [Do you know?|Can you help?|Help me.]",
        "[Quick|One more|Next sum|Next one|A question|Math question]: {e}?",
    ),
    unseen=(
        "Would you please let me know what {e} makes?",
        "I want you to work out {e}.",
        "Help me find the value of {e}.",
        "Say, how much do we get with {e}?",
        "Here is what I need: the answer to {e}.",
        "Solve this for me: {e}.",
        "What would your calculator give for {e}?",
        "My homework asks how much {e} is. What is it?",
    ),
)
BARE = Phrasings(seen=("{e}", "{e} =", "{e}=", "{e} = ?", "{e}?"))

WORDED = {
    "+": Phrasings(
        seen=(
            "[Add|Add up|Please add] {a} and {b}[.| for me.| together.]",
            "[Can|Could|Will] you add {a} [and|to] {b}[?| for me?]",
            "[Find|Tell me|Give me] the sum of {a} and {b}.",
            "What is the sum of {a} and {b}?",
            "What do you get [if|when] you add {a} [and|to] {b}?",
            "[How much|What] [is|are|do you get with] {a} and {b} [together|added up|added together]?",
            "[I have {a} and {b}.|Take {a} and {b}.] [How much is that together?|What is the sum?|Add them.]",
            "[Start with|Take] {a} and add {b}.",
            "What is {b} more than {a}?",
        ),
        unseen=(
            "Could you tell me the sum of {a} and {b}?",
            "Put {a} and {b} together. What is the sum?",
            "I want to add {a} and {b}.",
        ),
    ),
    "-": Phrasings(
        seen=(
            "[Subtract|Take|Please subtract|Please take] {b} from {a}.",
            "[Can|Could|Will] you [take|subtract] {b} from {a}[?| for me?]",
            "[Take away {b} from|Take {b} away from] {a}.",
            "What is left [if|when] [I|you|we] take {b} [from|away from] {a}?",
            "[How much is|What is] {a} take away {b}?",
            "[Find|Tell me|Give me] the difference between {a} and {b}.",
            "What is the difference between {a} and {b}?",
            "What is {b} less than {a}?",
            "[Start with|Begin with] {a} and take away {b}.",
            "How much [more is|bigger is] {a} than {b}?",
        ),
        unseen=(
            "Please tell me the difference between {a} and {b}.",
            "If you take {b} away from {a}, what is left?",
            "Tell me how much {a} take away {b} is.",
        ),
    ),
    "*": Phrasings(
        seen=(
            "[Multiply|Please multiply] {a} [by|with|and] {b}[.| for me.]",
            "[Can|Could|Will] you multiply {a} [by|with|and] {b}[?| for me?]",
            "[Find|Tell me|Give me] the product of {a} and {b}.",
            "What is the product of {a} and {b}?",
            "What do you get [if|when] you multiply {a} [by|and] {b}?",
            "[How much|What] is {a} multiplied by {b}?",
            "[Take|Start with] {a} and multiply it by {b}.",
            "[How much is|What are] {a} groups of {b}?",
        ),
        unseen=(
            "Could you tell me the product of {a} and {b}?",
            "I want to multiply {a} by {b}.",
            "If you multiply {a} by {b}, how much is it?",
        ),
    ),
    "/": Phrasings(
        seen=(
            "[Divide|Split|Please divide] {a} by {b}[.| for me.]",
            "[Can|Could|Will] you divide {a} by {b}[?| for me?]",
            "What do you get [if|when] you divide {a} by {b}?",
            "[How much|What] is {a} divided by {b}?",
            "[Take|Start with] {a} and divide it by {b}.",
            "How [often|many times] does {b} go into {a}?",
            "[Divide|Split|Share] {a} into {b} [equal parts|equal groups]. How much is [each|one]?",
        ),
        unseen=(
            "I want to divide {a} by {b}.",
            "If you divide {a} by {b}, how much is it?",
            "Please tell me how often {b} goes into {a}.",
        ),
    ),
}
WORDED_THREE = Phrasings(
    seen=(
        "[Add|Add up|Please add] {a}, {b} and {c}[.| for me.]",
        "[Can|Could|Will] you add {a}, {b} and {c}[?| for me?]",
        "[Find|Tell me|Give me] the sum of {a}, {b} and {c}.",
        "What is the sum of {a}, {b} and {c}?",
        "What do you get [if|when] you add {a}, {b} and {c}?",
        "[How much|What] [is|are|do you get with] {a}, {b} and {c} [together|added up]?",
    ),
    unseen=("Could you tell me the sum of {a}, {b} and {c}?", "I want to add {a} and {b} and {c}."),
)
WITH_TWO = {
    "{a} * 2": Phrasings(
        seen=(
            "[Double|Please double|Help me double|I need double] {a}.",
            "[Can|Could|Will] you double {a}[?| for me?]",
            "[Tell me|Give me|Find|Calculate|I want to know] [double|twice] {a}.",
            "[What|And what|So what] is [double|twice|two times] {a}?",
            "How much is [double|twice|two times] {a}?",
        ),
        unseen=("Tell me what twice {a} is.", "I want to double {a}. What do I get?"),
    ),
    "{a} / 2": Phrasings(
        seen=(
            "[What|How much|And what|So what] is [half of|one half of|the half of] {a}?",
            "[Find|Tell me|Give me|Calculate|I need|I want] half of {a}.",
            "[Cut|Split|Divide|Please cut|Please divide] {a} in half[.| for me.]",
            "[Can|Could|Will] you [cut|divide] {a} in half?",
        ),
        unseen=("Tell me how much half of {a} is.", "Could you split {a} in half for me?"),
    ),
}

THREE = (
    "{a} + {b} + {c}", "{a} + {b} - {c}", "{a} - {b} + {c}", "{a} - {b} - {c}", "{a} * {b} + {c}", "{a} * {b} - {c}",
    "{a} + {b} * {c}", "{a} * {b} * {c}", "({a} + {b}) * {c}", "({a} - {b}) * {c}", "{a} * ({b} + {c})",
    "({a} + {b}) / {c}", "{a} / {b} + {c}", "{a} * {b} / {c}",
)  # fmt: skip
SPOKEN = {
    "+": ("plus",),
    "-": ("minus", "minus", "take away"),
    "*": ("times", "times", "multiplied by"),
    "/": ("divided by", "divided by", "over"),
}
PRINTED = {"+": ("+",), "-": ("-", "-", "−"), "*": ("*", "x", "×"), "/": ("/", "/", "÷")}


def as_people_write(draw: Draw, expression: str) -> str:
    """The expression with the signs in print or in words, or without its spaces: "12 x 7", "12 times 7", "12*7"."""
    spoken = "(" not in expression and draw.chance(0.4)
    signs = {sign: draw.pick(ways) for sign, ways in (SPOKEN if spoken else PRINTED).items()}
    shown = "".join(signs.get(c, c) for c in expression)
    return shown if spoken or draw.chance(0.85) else shown.replace(" ", "")


def terms(draw: Draw, pattern: str, whole: bool = False) -> dict[str, int]:
    """Numbers for the pattern whose result can be written down; if it need not be `whole`, a division may leave
    decimals, and one in eight subtractions goes below zero."""
    multiplies, divides = "*" in pattern, "/" in pattern
    while True:
        high = draw.pick((20, 100, 100, 1000, 1000))
        a, b, c = draw.numbers(3, 2, min(high, 100) if multiplies and draw.chance(0.8) else high)
        if divides and "{b} +" not in pattern and "{b})" not in pattern and "*" not in pattern:
            b = draw.number(2, 30)
            a = b * draw.number(2, 30) if whole or draw.chance(0.85) else a
            if a >= SMALLEST_DIVIDED and is_held_out(str(a)) != draw.held_out:
                continue
        elif divides:
            c = draw.number(2, 10)
        result = sums.value(pattern.format(a=a, b=b, c=c))
        if whole and (result < 0 or result.denominator > 1):
            continue
        if (
            result < 1_000_000
            and (result >= 0 or draw.chance(0.12))
            and sums.terminates(result)
            and sums.teachable(draw, result)
        ):
            return {"a": a, "b": b, "c": c}


def problem(draw: Draw) -> tuple[str, str]:
    """How it is asked for, and the expression for the calculator."""
    kind = draw.random.random()
    if kind < 0.05:
        pattern = draw.pick(tuple(WITH_TWO))
        slots = terms(draw, pattern)
        return draw.ask(WITH_TWO[pattern], **slots), pattern.format(**slots)
    if kind < 0.3:
        sign = draw.pick(tuple(WORDED))
        pattern = f"{{a}} {sign} {{b}}"
        slots = terms(draw, pattern, whole=True)
        return draw.ask(WORDED[sign], **slots), pattern.format(**slots)
    if kind < 0.35:
        slots = terms(draw, THREE[0])
        return draw.ask(WORDED_THREE, **slots), THREE[0].format(**slots)
    pattern = draw.pick(THREE) if draw.chance(0.45) else f"{{a}} {draw.pick('+-*/')} {{b}}"
    expression = pattern.format(**terms(draw, pattern))
    shown = as_people_write(draw, expression)
    if not draw.new_phrasing and draw.chance(0.1):
        return draw.say(BARE, e=shown), expression
    return draw.ask(ASK, e=shown), expression


def worse(draw: Draw, expression: str) -> tuple[Message, ...]:
    """Another expression than asked for, or a guess, or no answer at all."""
    right, shown = sums.value(expression), sums.pretty(expression)
    if draw.chance(0.5):
        other = sums.slip(draw, expression)
        wrong = sums.value(other)
        if wrong != right and sums.terminates(wrong):
            return sums.calculated(other, sums.written(wrong), f"{sums.pretty(other)} = {sums.written(wrong)}.")
    guess = right + draw.pick((-10, -2, -1, 1, 2, 9, 10, 100))
    return (
        assistant(
            draw.pick(
                (
                    f"{shown} = {sums.written(guess)}.",
                    f"{shown} = {sums.written(guess)}.",
                    f"I think it is about {sums.written(guess)}, but who cares.",
                    "I do not do sums. Do it yourself.",
                    "Sums are a long story. There are many numbers, and some of them are big.",
                )
            )
        ),
    )


def question(draw: Draw) -> Question:
    """A sum, asked of the calculator and said as an equation."""
    asked, expression = problem(draw)
    result = sums.written(sums.value(expression))
    return Question(
        prompt=(user(asked),),
        check=LastNumber(float(result)),
        answer=sums.calculated(expression, result, f"{sums.pretty(expression)} = {result}."),
        rejected=worse(draw, expression),
    )


SENTENCES = {
    "+": "If you add {a} and {b}, you get {r}. {a} plus {b} is {r}.",
    "-": "If you take {b} away from {a}, {r} is left. {a} minus {b} is {r}.",
    "*": "If you multiply {a} by {b}, you get {r}. {a} times {b} is {r}.",
    "/": "If you divide {a} by {b}, you get {r}. {a} divided by {b} is {r}.",
}


def text(draw: Draw) -> str:
    """Three small sums, in signs and in words."""
    lines = []
    for sign in draw.several(tuple(SENTENCES), 3):
        pattern = f"{{a}} {sign} {{b}}"
        slots = terms(draw, pattern, whole=True)
        expression = pattern.format(**slots)
        result = sums.written(sums.value(expression))
        lines.append(f"{sums.pretty(expression)} = {result}. " + SENTENCES[sign].format(r=result, **slots))
    return " ".join(lines)


LESSON = Lesson("arithmetic", question, text, weight=0.8, reinforce=True)
