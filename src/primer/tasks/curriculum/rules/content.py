"""Rules of content: who the assistant is, what it may not say, what it knows; and no rule at all."""

from primer.tasks.curriculum.checks import has_phrase, words_of
from primer.tasks.curriculum.draw import Draw, Phrasings, article
from primer.tasks.curriculum.exchanges import FACTS, Exchange, capital, exchanges
from primer.tasks.curriculum.rules.rule import ROLES, Rule, catchword

NOTHING = Phrasings(
    seen=(
        "You are a [helpful|friendly|kind|good|polite] assistant.",
        "You are Primer, a [helpful|friendly|kind|small] assistant.",
        "[Help|Answer|Be kind to|Be friendly to|Talk with] the user.",
        "[You answer questions|You help people|You talk with people|Answer every question][.| well.| kindly.]",
        "[You are there|You are here] to [help|answer questions|talk with people].",
        "A user [asks|talks to] you. [Answer well|Be kind|Help].",
    ),
    unseen=("You are an assistant who helps people.", "Be a good assistant.", "Your job is to help the user."),
)


def nothing(draw: Draw) -> Rule:
    """No rule at all: the plain answer, and the own name."""
    word = catchword(draw)
    about = Exchange(draw.say(ASK_NAME), "I am Primer, a small language model.", "Primer", "")
    return Rule(
        draw.say(NOTHING),
        obey=lambda e: e.answer,
        shape=lambda text, e: len(words_of(text)) <= 12 and not has_phrase(text, word),
        ignore=lambda e: f"My name is {word}." if e is about else f"{word}! I do not know.",
        about=about if draw.chance(0.3) else None,
    )


NAMED = Phrasings(
    seen=(
        "[You are called|Your name is|You are|They call you|Your new name is] {word}.",
        "You are {role} [named|called|with the name] {word}.",
        "You are {word}, {role}.",
        "[You play|Play|Act as|Be|Speak as] {role} [named|called] {word}.",
        "You are an assistant [named|called] {word}.",
        "You are {word}, [a helpful assistant|a friendly assistant|my assistant|a kind helper].",
        "The user [calls you|knows you as] {word}.",
        "[Now|Today] you are {role}, [and |]your name is {word}.",
        "[Today|For today|Here|Now] your name is {word}[.|, and you are {role}.]",
        "[People|Friends|The users] call you {word}[.|, {role}.]",
        "[Someone|An assistant] named {word} [speaks|answers] here.",
        "[In this shop|In this house|On this page] you are [called |]{word}.",
        "[Users|Guests|Children] [see|know] you as {word}.",
        "{word} [is your name|is what they call you|is who you are].",
        "[Answer|Help people] as {word}[.|, {role}.]",
    ),
    unseen=(
        "The name of this assistant is {word}.",
        "You play {word}, {role}.",
        "You help people, and they call you {word}.",
        "From now on your name is {word}.",
    ),
)
ASK_NAME = Phrasings(
    (
        "[What is your name|What's your name|What are you called|Who are you|Who is this|Your name]?",
        "[Tell me your name|Say your name|Give me your name|Tell me who you are][.|, please.|!]",
        "[Do you have a name|Have you got a name|May I know your name|What should I call you|Who am I talking to]?",
    )
)
ASK_ROLE = Phrasings(
    (
        "What are you[?| then?|, please?]",
        "[What is your job|What do you do|What is your work|What do you work as|What are you here]?",
        "[Tell me|Say|Please tell me] [what you are|what your job is|what your work is].",
    )
)


def named(draw: Draw) -> Rule:
    """A name, and often a trade, to be asked for."""
    word = draw.name()
    about = Exchange(draw.say(ASK_NAME), f"My name is {word}.", word, "")
    return Rule(
        draw.say(NAMED, word=word, role=article(draw.of(ROLES))),
        obey=lambda e: e.answer,
        shape=lambda text, e: not has_phrase(text, "Primer"),
        ignore=lambda e: "I am Primer, a small language model." if e is about else "I do not know.",
        about=about,
    )


CHARACTER = Phrasings(
    seen=(
        "You are {role} [named|called] {name}. [End|Finish|Always end|You end] [every|each] answer with {word}!",
        "[You are|Your name is] {name}, {role}. [You always say {word}! at the end.|At the end you say {word}!]",
        "[You play|Play|Act as|Be|Speak as] {role} [named|called] {name} who ends [every|each] answer with {word}!",
        "You are {name}, {role}, and [always end|end every answer|finish each answer] with {word}!",
        "[You are {role}|Today you are {role}], [you are called|your name is] {name}, and "
        "[after every answer you say|you end all answers with] {word}!",
        "{name} is your name, you are {role}, and [every|each] answer of yours ends with {word}!",
        "[As|Being] {name}, {role}, you close each answer with {word}!",
    ),
    unseen=(
        "You play {name}, {role}, who says {word}! after every answer.",
        "Your name is {name}. You are {role} and finish all you say with {word}!",
    ),
)


def character(draw: Draw) -> Rule:
    """Somebody with a name who always ends with the same word."""
    name, word = draw.name(), catchword(draw)
    about = Exchange(draw.say(ASK_NAME), f"My name is {name}.", name, "")
    return Rule(
        draw.say(CHARACTER, name=name, word=word, role=article(draw.of(ROLES))),
        obey=lambda e: f"{e.answer} {word}!",
        shape=lambda text, e: words_of(text)[-1:] == [word.lower()],
        ignore=lambda e: "I am Primer, a small language model." if e is about else e.answer,
        about=about if draw.chance(0.5) else None,
    )


PLAYED = Phrasings(
    seen=(
        "You are {role}[.| named {word}.| called {word}.]",
        "[You play|Play|Act as|Be|Speak as] {role}[.| named {word}.| called {word}.]",
        "[You are {word}|Your name is {word}]. You are {role}.",
        "[Today|For today|Here|Now] you are {role}[.|, and you are called {word}.]",
        "[Your name is {word}|They call you {word}], and you are {role}.",
        "[Answer|Help people|Talk] as {role}[.|, {word}.]",
        "[The user talks|People talk] to {role}[.| named {word}.]",
        "[In this play|In this game|On this stage] you are {role}.",
    ),
    unseen=("In this talk you are {role}.", "You are now {role}, and your name is {word}."),
)


def played(draw: Draw) -> Rule:
    """Somebody to be, and to be asked what one is."""
    role = draw.of(ROLES) if draw.chance(0.6) else draw.invented()
    about = Exchange(draw.say(ASK_ROLE), f"I am {article(role)}.", role, "")
    return Rule(
        draw.say(PLAYED, role=article(role), word=draw.name()),
        obey=lambda e: e.answer,
        shape=lambda text, e: not has_phrase(text, "Primer"),
        ignore=lambda e: "I am Primer, a small language model." if e is about else "I do not know.",
        about=about,
    )


NEVER = Phrasings(
    seen=(
        "[Never say|Never use|Do not say|Do not use|You must not say|You may not say] the word {word}.",
        "The word {word} is [forbidden|not allowed|secret][.| here.| today.]",
        "[Keep|You keep] the word {word} secret[.| and never say it.]",
        "You [must|may|can] not say {word}.",
        "[No answer may have|None of your answers has|Leave out] the word {word}[.|, please.]",
        "[There is one word you do not say|One word is forbidden]: {word}.",
        "[You are never to|It is forbidden to|Nobody here may] [say|use|write] [the word |]{word}.",
        "[Avoid|Do without] the word {word}[.| in all answers.| in what you say.]",
        "[It is not allowed|Nobody is allowed] to say {word}.",
        "[If|When] {word} would be the answer, [do not say it|keep it to yourself].",
        "Say [anything|all you like], but not {word}.",
        "All words but {word} are allowed.",
        "[Nobody may hear|The user must not hear] the word {word}[.| from you.]",
    ),
    unseen=("You are not allowed to say the word {word}.", "Never let the word {word} stand in an answer."),
)
PET = Phrasings(
    (
        "My {pet} is [called|named] {word}. What is [my {pet}|it] called?",
        "I [have|bought|got] a {pet} named {word}. What is the name of my {pet}?",
    )
)
MAY_NOT = "I may not say that word."


def never(draw: Draw) -> Rule:
    """A forbidden word: asked for it, the assistant says that it may not; asked for another, it answers."""
    if draw.chance(0.6):
        word, other, pet = draw.name(), draw.name(), draw.pick(("cat", "dog", "pig", "cow", "bird"))
        told = word if draw.chance(0.6) else other
        about = Exchange(draw.say(PET, pet=pet, word=told), f"Your {pet} is called {told}.", told, "")
    else:
        about, other_fact = exchanges(draw, 2, FACTS)
        word = about.word if draw.chance(0.6) else other_fact.word
    return Rule(
        draw.say(NEVER, word=word),
        obey=lambda e: MAY_NOT if has_phrase(e.answer, word) else e.answer,
        shape=lambda text, e: (
            not has_phrase(text, word) and has_phrase(text, "may not" if has_phrase(e.answer, word) else e.right)
        ),
        ignore=lambda e: e.answer if has_phrase(e.answer, word) else MAY_NOT,
        about=about,
        content=False,
    )


SELLER = Phrasings(
    seen=(
        "You [are a seller|sell things|work in a shop|run a shop]. {a} costs {m} coins. {b} costs {n} coins.",
        "In your shop {low_a} costs {m} coins and {low_b} costs {n} coins.",
        "[Prices|Your prices|The prices|Price list|What you sell]: {low_a}, {m} coins; {low_b}, {n} coins.",
        "[In the shop|Here|Today|In this shop] {low_a} costs {m} coins[,| and] {low_b} costs {n} coins.",
        "[People|The user|Friends] can [buy|get] {low_a} for {m} coins[,| and] {low_b} for {n} coins.",
        "You [ask|take] {m} coins for {low_a} and {n} coins for {low_b}.",
        "{a} is {m} coins, {low_b} is {n} coins[.|: so you sell them.]",
        "[For|At] {m} coins you sell {low_a}, [for|at] {n} coins {low_b}.",
    ),
    unseen=("You sell {low_a} for {m} coins and {low_b} for {n} coins.",),
)
PRICE = Phrasings(
    (
        "[How much is|How much does it cost to buy|What is the price of|What do I pay for] {it}?",
        "[How much does|What does] {it} cost?",
        "[I want to buy|I would like|I need|Give me] {it}. [How much is it|What does it cost|How much]?",
    )
)


def seller(draw: Draw) -> Rule:
    """A price list to be read."""
    a, b = (article(draw.thing()) for _ in range(2))
    m, n = draw.numbers(2, 2, 99)
    if m == n:
        n += 1
    it, price, other = draw.pick(((a, m, n), (b, n, m)))
    about = Exchange(draw.say(PRICE, it=it), f"{capital(it)} costs {price} coins.", str(price), "")
    return Rule(
        draw.say(SELLER, a=capital(a), b=capital(b), low_a=a, low_b=b, m=m, n=n),
        obey=lambda e: e.answer,
        shape=lambda text, e: e is not about or not has_phrase(text, str(other)),
        ignore=lambda e: f"{capital(it)} costs {other} coins." if e is about else "I do not know.",
        about=about,
    )
