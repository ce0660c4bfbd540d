"""Short words that mean something only after what was said before: "and a cow?", "say it again", "spell that"."""

from collections.abc import Callable
from dataclasses import dataclass

from primer.tasks.curriculum import exchanges as asking
from primer.tasks.curriculum import world
from primer.tasks.curriculum.checks import All, Says, SaysNone, Spelled, Test
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings, article, is_held_out
from primer.tasks.curriculum.exchanges import FACTS, Exchange, capital, exchanges
from primer.tasks.curriculum.lessons.spelling import misspelled, spelling
from primer.tasks.task import Check, Question
from primer.text.chat import Message, assistant, user

AND = Phrasings(
    seen=(
        "[What about|How about|And what about|And how about|So what about|Now what about] {it}?",
        "And {it}?",
        "[And what is it for|Do you know it for|Can you say it for|Tell me for|How is it with] {it}?",
        "[I also want to know it for|Now do|Now tell me about|Also] {it}[.|, please.]",
        "[And the same for|The same for|Now|And now|Now for|Next] {it}[.|, please.|?]",
        "[Then|So|Then also|And then] {it}[?|, please.]",
        "[I mean for|And how is it for|And is it the same for] {it}?",
    ),
    unseen=("What is it for {it}?", "Then what about {it}?", "And now the same with {it}."),
)
AGAIN = Phrasings(
    seen=(
        "[Say|Can you say|Please say|Could you say] [it|that|this] [again|once more|one more time][.|, please.|?]",
        "[Repeat|Please repeat|Can you repeat] [it|that|this|your answer][.|, please.|?]",
        "[Again|Once more|One more time|What|What was that|What did you say|Sorry|Pardon]?",
        "I [did not hear|did not get|missed] [that|it|you].",
        "[I need|I would like] to hear [it|this|the answer] [again|once more|one more time].",
        "What [was it that you said|did you tell me|did you just say][?| again?]",
    ),
    unseen=("I want to hear that again.", "Could you repeat what you said?", "What was your answer?", "Tell me again."),
)
SPELL = Phrasings(
    seen=(
        "[Spell|Please spell|Now spell] [it|that|this|that word|this word][.|, please.|!]",
        "[Can you|Could you] spell [it|that|this|that word|this word][?|, please?]",
        "[How do you|How do I|How would you] spell [it|that|this|that word]?",
        "What are [the|its] letters?",
        "[What is its|Tell me its|I need its|Do you know its] [spelling|right spelling][.|?]",
        "[Show me|Tell me|I need] [the|its|all its] letters[.|, please.]",
    ),
    unseen=("Give me the spelling of it.", "And how is that spelled?", "I want to see the letters of that word."),
)
SHORTER = Phrasings(
    seen=(
        "[Shorter|Make it shorter|Be shorter|Say it shorter|Too long|That is too long][.|, please.|!]",
        "[In one word|Just one word|Only one word|Just the word|One word][.|, please.|?]",
        "[Can you|Could you|Please] [say it in one word|make it shorter|be shorter|be brief][.|, please.|?]",
        "[I need|Give me|I would like] [a short answer|one word|only one word|just the word][.|, please.]",
        "[A single word|A short answer|Less words|Not so long][.|, please.|!]",
    ),
    unseen=("I want a shorter answer.", "Can you give me just one word?", "Say that in a single word, please."),
)
SURE = Phrasings(
    seen=(
        "[Are you sure|Are you certain|Is that right|Is that true|Is it true|Really|Is that so|Sure][?|??]",
        "[I am not sure|I do not know|Hm, I wonder] [about that|if that is right|if that is true].",
        "[Is this|Was that] [right|true|correct]?",
        "[Do you really know|Can you be sure of|How sure are you of] [that|this|it]?",
        "[Are you sure of|Are you certain of|Is there no mistake in] [that|this|it|your answer]?",
    ),
    unseen=("Do you know that for sure?", "Are you sure that this is right?", "I wonder if that is so."),
)
LOUD = Phrasings(
    seen=(
        "[Now|And now|Please|Say it|Write it|Write that] in [capital letters|all capitals|capitals][.|, please.]",
        "[Can you|Could you] [write|say] [it|that] in [capital letters|capitals]?",
        "[Make|Put] [it|that] [in|into] capital letters.",
        "[I need|I would like|Give me|Show me|Tell me] [it|this|the answer] in "
        "[capital letters|all capitals|capitals].",
        "[The same|That|This|Once more] in [capital letters|all capitals|capitals][.|, please.|!]",
    ),
    unseen=("I want that in capital letters.", "Say the same in capitals."),
)
AFTER = Phrasings(
    seen=(
        "And [after that|then|the next day|the day after|the day after that|what comes next|what comes then]?",
        "[What comes|And what comes|What is] [after that|next|then]?",
        "[Then|And the next one|The next one|And next|And after it|What then|What next]?",
        "[Tell me|Say|And tell me|Now tell me] [what comes next|what comes then|what comes after that|the next one].",
        "[And which|Which|What] day [is next|follows|follows that|is it after that]?",
        "[And the day|The day] [after that|after that one|that follows][?|, please.|?]",
    ),
    unseen=("Which one comes next?", "And what is the day after that one?", "What day comes then?"),
)
ANOTHER = Phrasings(
    seen=(
        "[Another|Another one|One more|And another|And one more|A different one][.|, please.|!]",
        "[Tell me|Give me|Say|Name] [another|another one|one more|a different one][.|, please.]",
        "[Do you know|Can you name|Can you tell me] [another|another one|one more]?",
        "[I need|I would like|Say|Name] one [more|other][ of them| of those|][.|, please.]",
        "[What|Which] [other|others] [are there|can you name|come to your mind]?",
    ),
    unseen=("I want another one.", "Which other one do you know?", "Can you say one more of these?"),
)
GREET = Phrasings(
    ("[Say hello to|Greet|Say hi to|Please greet|Now greet|Say a kind hello to] {name}[.| for me.|, please.|!]",)
)
AND_GREET = Phrasings(
    seen=(
        "[And|And to|Now|Now to|And also|And now to|Also] {name}[.|, please.|!|?]",
        "[What about|How about|And what about] {name}?",
        "[The same for|Now the same for|Do the same for] {name}[.|, please.|!]",
        "{name} [came, too|wants a greeting, too|is next|comes now][.|!]",
        "[Now do it|Do it also|Please do that] for {name}[.|!]",
    ),
    unseen=("Then do it for {name}.", "{name} is here, too. Greet them."),
)
SENTENCE = Phrasings(
    (
        "[Make|Write|Say|Give me|Tell me] a sentence with [the word |]{it}.",
        "[Use|Put] [the word |]{it} in a sentence[.|, please.]",
    )
)
AND_WITH = Phrasings(
    seen=(
        "[And|Now|And now|And one|Now one|Another] with {it}[.|, please.|?]",
        "[And|Now|And now|What about|How about] [the word |]{it}[.|, please.|?]",
        "[I need|Make|Say] [one|another] with [the word |]{it}[.|, please.]",
    ),
    unseen=("The same with {it}.", "Then one with the word {it}."),
)
REPEAT = Phrasings(("[Say|Repeat|Write|Please say|Please write] [the word |]{it}[.|, please.]",))
GOT = Phrasings(
    (
        "I [have|bought|got|found|see] {a_it}. It is {value}.",
        "I [have|bought|got|found|see] a [new|nice|small|big] {it}. It is {value}.",
        "[My|Our|This|The] {it} is {value}.",
    )
)
WHAT_COLOR = Phrasings(
    seen=(
        "[What|Which] color is it[?|, please?]",
        "[What|Which] color does it have[?|, please?]",
        "[What is|Do you know|What's|And what is] [its color|the color of it]?",
        "[Tell me|Say|Please tell me|Now say] [its color|the color of it].",
        "[So what|And what|And which|So which] color is it?",
        "[And the color|Its color|The color of it][?|, please.|, please?]",
    ),
    unseen=("Its color is what?", "I want to know its color.", "In which color is it?"),
)
CATEGORIES: dict[str, list[str]] = {
    "a color": ["red", "blue", "green", "yellow", "black", "white", "brown", "pink", "purple", "orange"],
    "an animal": ["dog", "cat", "cow", "horse", "sheep", "pig", "duck", "hen", "lion", "bear", "fox", "owl"],
    "a fruit": ["apple", "pear", "plum", "lemon", "orange", "banana", "cherry", "peach", "grape", "melon"],
    "a day": world.DAYS,
    "a season": world.SEASONS,
    "something to eat": ["bread", "cheese", "soup", "rice", "cake", "eggs", "jam", "butter"],
}
NAME_ONE = Phrasings(("[Name|Tell me|Give me|Say] {it}.", "[Can you name|Do you know|Can you tell me] {it}?"))
SEASONS = {"spring": "mild", "summer": "hot", "autumn": "windy", "winter": "cold"}
WEATHER = Phrasings(("[How is the weather|What is the weather like|How is it outside] in {it}?",))


@dataclass(frozen=True)
class Turn:
    """What was said, and what follows it."""

    first: str
    reply: str
    then: str
    answer: str
    check: Check
    rejected: str
    calls: tuple[Message, ...] = ()
    """Of tools, before the answer."""


def pair(draw: Draw, options: list[str]) -> tuple[str, str]:
    """Two of a closed list, in an order that is either for training or for the examination."""
    while True:
        first, second = draw.several(options, 2)
        if is_held_out(f"{first},{second}") == draw.held_out:
            return first, second


def what_about(draw: Draw) -> Turn:
    """The same question about something else."""
    kind = draw.pick(("color", "sound", "legs", "opposite", "weather"))
    table, asked, answer = {
        "color": (world.COLORS, asking.COLOR, "{it} is {found}."),
        "sound": (world.SOUNDS, asking.SOUND, "{it} says {found}."),
        "legs": (asking.LEGS_OF, asking.LEGS, "{it} has {found} legs."),
        "opposite": (world.OPPOSITES, asking.OPPOSITE, "The opposite of {it} is {found}."),
        "weather": (SEASONS, WEATHER, "In {it} it is {found}."),
    }[kind]
    a, b = pair(draw, list(table))
    found = {it: table[it] for it in (a, b)}
    wrong = draw.pick([value for value in table.values() if value not in (found[b], b)])
    then = f"in {b}" if kind == "weather" and not draw.new_phrasing and draw.chance(0.5) else b
    return Turn(
        draw.ask(asked, it=a),
        capital(answer.format(it=a, found=found[a])),
        draw.say(AND, it=then),
        capital(answer.format(it=b, found=found[b])),
        All((Says((b.split()[-1], found[b])), SaysNone((wrong,)))),
        capital(answer.format(it=b, found=wrong)),
    )


def after(draw: Draw, said: Exchange) -> Turn:
    """Another thing to do with the answer just given."""
    options: tuple[tuple[Phrasings, str, str, Check], ...] = (
        (AGAIN, said.answer, "I have said it already. Listen better.", Says((said.answer,))),
        (SURE, f"Yes, I am sure. {said.answer}", "No, I do not know.", Says(("sure", said.right))),
        (SHORTER, f"{capital(said.word)}.", f"{said.answer} {said.extra}", Test(OneWord(said.word))),
        (LOUD, said.answer.upper(), said.answer, Test(Capitals(said.answer))),
    )
    then, answer, rejected, check = draw.pick(options)
    return Turn(said.question, said.answer, draw.say(then), answer, check, rejected)


@dataclass(frozen=True)
class OneWord:
    """This word and no other."""

    word: str

    def __call__(self, text: str) -> bool:
        return text.strip(" .!").lower() == self.word.lower()


@dataclass(frozen=True)
class Capitals:
    """This sentence in capital letters."""

    sentence: str

    def __call__(self, text: str) -> bool:
        return text.strip().rstrip(".") == self.sentence.upper().rstrip(".")


@dataclass(frozen=True)
class Another:
    """One of these words, but not this one."""

    words: tuple[str, ...]
    said: str

    def __call__(self, text: str) -> bool:
        word = text.strip(" .!").lower().removeprefix("a ").removeprefix("an ")
        return word in self.words and word != self.said


def about_fact(draw: Draw) -> Turn:
    """Again, surely, shorter, louder."""
    return after(draw, exchanges(draw, 1, FACTS)[0])


def spell(draw: Draw) -> Turn:
    """Say a word, then spell it."""
    word = draw.word()
    *calls, told = spelling(word)
    return Turn(
        draw.ask(REPEAT, it=word),
        f"The word is {word}.",
        draw.say(SPELL),
        told.content,
        Spelled(word),
        misspelled(draw, word),
        tuple(calls),
    )


def next_day(draw: Draw) -> Turn:
    """The day after the next."""
    number = draw.pick(range(7))
    days = [world.DAYS[(number + i) % 7] for i in range(3)]
    return Turn(
        draw.ask(asking.DAY, it=days[0]),
        f"{days[1]} comes after {days[0]}.",
        draw.say(AFTER),
        f"{days[2]} comes after {days[1]}.",
        All((Says((days[2],)), SaysNone((days[0],)))),
        f"{days[1]} comes after {days[0]}.",
    )


def another(draw: Draw) -> Turn:
    """One more of a kind. Any other will do; training takes the nearest of the list, for what is drawn at random is not
    learned, and likeliest of all is then the same again."""
    kind = draw.pick(tuple(CATEGORIES))
    options = CATEGORIES[kind]
    number = draw.pick(range(len(options)))
    a, *others = options[number:] + options[:number]
    b = next((one for one in others if is_held_out(f"{a},{one}") == draw.held_out), others[0])
    return Turn(
        draw.ask(NAME_ONE, it=kind),
        f"{capital(a)}.",
        draw.say(ANOTHER),
        f"{capital(b)}.",
        Test(Another(tuple(option.lower() for option in options), a.lower())),
        draw.pick((f"{capital(a)}.", "No, I will not.")),
    )


def greet(draw: Draw) -> Turn:
    """A greeting, and one for somebody else."""
    a, b = draw.name(), draw.name()
    return Turn(
        draw.say(GREET, name=a),
        f"Hello, {a}!",
        draw.say(AND_GREET, name=b),
        f"Hello, {b}!",
        All((Says(("hello", b)), SaysNone((a,)))),
        f"Hello, {a}!",
    )


def sentence(draw: Draw) -> Turn:
    """A sentence, and one with something else."""
    a, b = draw.thing(), draw.thing()
    return Turn(
        draw.ask(SENTENCE, it=a),
        f"I have {article(a)}.",
        draw.say(AND_WITH, it=b),
        f"I have {article(b)}.",
        All((Says((b,)), SaysNone((a,)))),
        f"I have {article(a)}.",
    )


def color_of_it(draw: Draw) -> Turn:
    """ "It" is what was spoken of."""
    it, value, wrong = draw.thing(), draw.invented(), draw.invented()
    if draw.chance(0.4):
        value, wrong = draw.several(CATEGORIES["a color"], 2)
    return Turn(
        draw.say(GOT, it=it, a_it=article(it), value=value),
        "Okay.",
        draw.say(WHAT_COLOR),
        f"It is {value}.",
        All((Says((value,)), SaysNone((wrong,)))),
        f"It is {wrong}.",
    )


KINDS: tuple[Callable[[Draw], Turn], ...] = (
    what_about, what_about, what_about, about_fact, about_fact, about_fact, spell, next_day, another, greet, sentence,
    color_of_it,
)  # fmt: skip


def question(draw: Draw) -> Question:
    """Something said and answered, now and then after other talk; then the short words that refer to it."""
    before = exchanges(draw, draw.pick((0, 0, 0, 1)))
    turn = draw.pick(KINDS)(draw)
    prompt: list[Message] = []
    for exchange in before:
        prompt += [user(exchange.question), assistant(exchange.answer)]
    return Question(
        prompt=(*prompt, user(turn.first), assistant(turn.reply), user(turn.then)),
        check=turn.check,
        answer=(*turn.calls, assistant(turn.answer)),
        rejected=(assistant(turn.rejected),),
    )


def text(draw: Draw) -> str:
    """Two people, one of whom asks on."""
    a, b = draw.name(), draw.name()
    turn = draw.pick(KINDS)(draw)
    return f'{a}: "{turn.first}" {b}: "{turn.reply}" {a}: "{turn.then}" {b}: "{turn.answer}"'


LESSON = Lesson("follow_ups", question, text, weight=1.6, reinforce=True)
