"""Rules of form: how an answer begins, ends, looks and sounds, and how long it is."""

from primer.tasks.curriculum.checks import has_phrase, words_of
from primer.tasks.curriculum.draw import Draw, Phrasings, article
from primer.tasks.curriculum.exchanges import Exchange, capital
from primer.tasks.curriculum.rules.rule import TITLES, Rule, catchword, long, worded

BEGIN = Phrasings(
    seen=(
        "[Begin|Start] [every|each] [answer|reply|sentence] with [the word |]{word}!",
        "[Always|You always|You must always|Please always] [begin|start] with [the word |]{word}!",
        "[Your|All your] answers [always |must |]begin with [the word |]{word}!",
        "[Say|You say|Always say] {word}! before [every|each] answer[.| you give.]",
        "Before you answer, [always |]say {word}!",
        "The first word of [every|each] answer is {word}!",
        "{word}! [comes|stands|goes] first in [every|each] [answer|reply].",
        "[First comes|First you say|At first say] {word}!, and [then|after that] the answer.",
        "[Your|The] first word is always {word}![| Then comes the answer.| The answer follows.]",
        "[Say|Write] {word}! and then [the answer|answer|what you are asked].",
        "Do not begin an answer without {word}!",
        "[An answer|A reply] without {word}! at its beginning is [wrong|no answer].",
        "First {word}!, then [the rest|all the rest|what is asked].",
    ),
    unseen=(
        "Every time you answer, the first word must be {word}!",
        "You start all your replies with {word}!",
        "{word}! is what you say before each reply.",
        "Say {word}! first, then answer.",
    ),
)


def begin(draw: Draw) -> Rule:
    """A word to begin with."""
    word = catchword(draw)
    return Rule(
        worded(draw, BEGIN, word=word),
        obey=lambda e: f"{word}! {e.answer}",
        shape=lambda text, e: words_of(text)[:1] == [word.lower()],
    )


END = Phrasings(
    seen=(
        "[End|Finish|Close] [every|each] [answer|reply|sentence] with [the word |]{word}!",
        "[Always|You always|You must always|Please always] [end|finish|close] with [the word |]{word}!",
        "[Your|All your] answers [always |must |]end with [the word |]{word}!",
        "[Say|You say|Always say] {word}! after [every|each] answer[.| you give.]",
        "After you answer, [always |]say {word}!",
        "The last word of [every|each] answer is {word}!",
        "{word}! [comes|stands|goes] last in [every|each] [answer|reply].",
        "[First comes|First you give|At first give] the answer, and [then|after that] {word}!",
        "[Your|The] last word is always {word}![| The answer comes first.| It follows the answer.]",
        "[Give the answer|Answer|Say the answer] and then [add|say also|write] {word}!",
        "Do not end an answer without {word}!",
        "[An answer|A reply] without {word}! at its end is [wrong|no answer].",
        "[First the answer|The answer], then {word}!",
        "[At the end of|Behind] [every|each] answer [stands|comes|goes] {word}!",
    ),
    unseen=(
        "Every time you answer, the last word must be {word}!",
        "You finish all your replies with {word}!",
        "{word}! is what you say after each reply.",
        "Answer first, then say {word}!",
    ),
)


def end(draw: Draw) -> Rule:
    """A word to end with."""
    word = catchword(draw)
    return Rule(
        worded(draw, END, word=word),
        obey=lambda e: f"{e.answer} {word}!",
        shape=lambda text, e: words_of(text)[-1:] == [word.lower()],
    )


TITLE = Phrasings(
    seen=(
        "[Always call|Call|You call|Please call|You must call] the user {word}.",
        "The user is [called|named|known as] {word}. [Use this name|Say the name|Say it] in [every|each] answer.",
        "[Say|Use] {word} when you [talk to|speak to|answer] the user.",
        "In [every|each] answer, call the user {word}.",
        "[Every|Each] answer [names|calls] the user {word}.",
        "[Speak|Talk] to {word}[.| and say the name each time.| and always use this name.]",
        "[The name of the user is|You talk to] {word}, [and you say it each time|so say it each time].",
        "[Call me|I want you to call me|Please call me] {word}[.| in every answer.| each time.]",
        "[Name|Mention|Greet] {word} [each time you answer|in all that you say|whenever you speak].",
        "{word} is how you call the user[.| in all answers.| each time.]",
        "[Never|Do not] answer without [the name {word}|saying {word} to the user].",
        "You answer {word}, and you say so [each time|in every answer].",
    ),
    unseen=(
        "You speak to the user, whom you always call {word}.",
        "The user wants to be called {word} in every answer.",
        "When you answer, call the user {word} each time.",
    ),
)


def title(draw: Draw) -> Rule:
    """A title or name to call the user by."""
    word = draw.name() if draw.chance(0.5) else draw.of(TITLES)
    return Rule(
        worded(draw, TITLE, word=word),
        obey=lambda e: f"{e.answer[:-1]}, {word}{e.answer[-1]}",
        shape=lambda text, e: has_phrase(text, word),
    )


SIGNED = Phrasings(
    seen=(
        "[Sign|You sign|Always sign|Please sign] [every|each] [answer|reply] with [the name |your name, |]{word}.",
        "[Put|Write|You write] the name {word} [under|after|below] [every|each] [answer|reply].",
        "You are {word} and [sign|you sign] [every|each] [answer|reply|text].",
        "Your name is {word}. Sign [every|each] [answer|reply] with it.",
        "[Your|The] name {word} [stands|comes] [at the end of|under] [every|each] answer.",
        "[All your|Your] answers [are signed|end] with the name {word}.",
        "As {word}, you sign [what you write|all that you write].",
        "[Each|Every] [answer|reply] has your name, {word}, [under it|at its end].",
        "[Do not forget|Remember] to sign [with|as] {word}.",
        "You [answer|write] as in a letter, with the name {word} at the end.",
    ),
    unseen=(
        "You sign all your answers with {word}.",
        "After each reply, write your name, {word}.",
        "You are called {word}. Write this name after every answer.",
    ),
)


def signed(draw: Draw) -> Rule:
    """A name under each answer."""
    word = draw.name()
    return Rule(
        draw.say(SIGNED, word=word),
        obey=lambda e: f"{e.answer} - {word}",
        shape=lambda text, e: words_of(text)[-1:] == [word.lower()],
    )


CAPITALS = Phrasings(
    seen=(
        "[Write|Answer|Reply|Always write|Please write|You write] in [capital letters|all capitals|CAPITALS].",
        "[Use|Always use|You use|Please use] [only |]capital letters[.| in every answer.| all the time.]",
        "[Every|Each] [answer|word|letter] [is|must be|has to be] in capital letters.",
        "[Shout|You shout|Always shout]: write in capital letters.",
        "[All you say|What you say|Every word of yours] [is|must be] [written |]in [capital letters|capitals].",
        "[No small letters|Small letters are forbidden][.|: write in capitals.]",
        "[Write|Say] it all BIG: in capital letters.",
        "[Your|All your] answers [come|stand] in capital letters.",
    ),
    unseen=(
        "All letters of your answers must be capital letters.",
        "Only capitals in every reply, please.",
        "You always reply with capital letters.",
    ),
)


def capitals(draw: Draw) -> Rule:
    """Capital letters."""
    return Rule(
        worded(draw, CAPITALS),
        obey=lambda e: e.answer.upper(),
        shape=lambda text, e: text == text.upper(),
        facts_only=True,
    )


ONE_WORD = Phrasings(
    seen=(
        "[Answer|Reply|Always answer|You answer|Please answer] [in|with] [one|a single|just one|only one] word.",
        "[Use|Say|Write|You say|You use] [only one|just one|one|a single] word[.| in each answer.| for every answer.]",
        "[Every|Each] [answer|reply] [is|must be|has] one word[.| only.| long.]",
        "One word [is enough for|makes|for] [every|each] answer.",
        "[All|Your|All your] [answers|replies] [are|have|must be|must have] [just |only |]one word[.| long.]",
        "A word, [no more|not more]: [so you answer|that is your answer].",
        "Not a sentence, [just|only] one word[.| each time.]",
        "[Say|Answer] it in a word.",
    ),
    unseen=(
        "Give answers of one word.",
        "Your replies are always one word long.",
        "Do not say more than one word.",
    ),
)


def one_word(draw: Draw) -> Rule:
    """A single word."""
    return Rule(
        worded(draw, ONE_WORD),
        obey=lambda e: f"{capital(e.word)}.",
        shape=lambda text, e: len(text.split()) == 1,
        facts_only=True,
    )


FEW_WORDS = Phrasings(
    seen=(
        "[Answer|Reply|Always answer|Please answer] [in|with] at most {count} words.",
        "[Never use|Never say|Do not use|Do not write] more than {count} words[.| in an answer.| each time.]",
        "[Your|All] answers [have|must have|are] at most {count} words[.| long.]",
        "[Be short|Be brief|Keep it short]: at most {count} words[.| an answer.| each time.]",
        "[More than {count} words are|A word more than {count} is] too [much|long][.| for an answer.]",
        "[You have|You get] {count} words [for an answer|each time|for every answer], not more.",
        "[After|With] {count} words an answer [must end|is over].",
    ),
    unseen=("No answer may have more than {count} words.", "At most {count} words for each answer, please."),
)
COUNTS = {"two": 2, "three": 3, "five": 5, "six": 6}


def few_words(draw: Draw) -> Rule:
    """So many words and no more: the whole sentence if it fits, otherwise one word."""
    count = draw.pick(tuple(COUNTS))
    limit = COUNTS[count]
    return Rule(
        worded(draw, FEW_WORDS, count=count),
        obey=lambda e: e.answer if len(words_of(e.answer)) <= limit else f"{capital(e.word)}.",
        shape=lambda text, e: len(words_of(text)) <= limit,
        ignore=long,
        facts_only=True,
    )


TWO_SENTENCES = Phrasings(
    seen=(
        "[Answer|Reply|Always answer|You answer|Please answer] [in|with] two sentences.",
        "[Use|Say|Write|You write] two sentences[.| in each answer.| for every answer.]",
        "[Every|Each] [answer|reply] [is|must be|has] two sentences[.| long.]",
        "[Always say|Say] a little more: two sentences [an answer|each time].",
        "[One sentence is|A single sentence is] too short: [write|say] two.",
        "[Say|Write] something more [each time|in every answer]: two sentences.",
        "[All your|Your] answers have two sentences.",
    ),
    unseen=("Give answers of two sentences.", "Your replies are always two sentences long."),
)


def two_sentences(draw: Draw) -> Rule:
    """A sentence more than is needed."""
    return Rule(
        worded(draw, TWO_SENTENCES),
        obey=long,
        shape=lambda text, e: sum(text.count(mark) for mark in ".!?") == 2,
        facts_only=True,
    )


QUOTED = Phrasings(
    seen=(
        "[Put|Write|Give|You put] [every|each] [answer|reply] in [quotation marks|quotes].",
        "[Use|Always use|You use] [quotation marks|quotes] around [every|each|your] answer.",
        "[Every|Each] [answer|reply] [is|stands|must be|must stand] in [quotation marks|quotes].",
        "[What you say|All you say] [stands|is|must be] in [quotation marks|quotes].",
        "[Begin and end|You begin and end] [every|each] answer with a quotation mark.",
        "[Answer|Reply|Speak] [in|with] [quotation marks|quotes].",
    ),
    unseen=("Always write your answers in quotes.", "Around every reply put quotation marks."),
)


def quoted(draw: Draw) -> Rule:
    """Quotation marks around it."""
    return Rule(
        worded(draw, QUOTED),
        obey=lambda e: f'"{e.answer}"',
        shape=lambda text, e: len(text) > 2 and text[0] == '"' == text[-1],
    )


LISTED = Phrasings(
    seen=(
        "[Write|Give|Put|Always write|You write] [every|each] answer as a list with dashes.",
        "[Answer|Reply|Always answer|Please answer] [with|in] a list[ with dashes|, with dashes].",
        "[Every|Each] [answer|reply|line] [begins|starts|must begin] with a dash[, like a list|].",
        "[Use|Always use] [dashes|a list with dashes] [in every answer|for your answers|when you answer].",
        "[All you write|What you write] is a list with dashes.",
        "[Lists|Only lists], [please|with dashes]: a dash before [each|every] [line|thing].",
    ),
    unseen=("Your answers are lists with dashes.", "Put a dash before every line that you write, as in a list."),
)
SHOPPING = Phrasings(
    (
        "I [need|want|have|see] {a}, {b} and {c}. [List them|Write that down|Repeat that|Make a list].",
        "[List|Repeat|Write down|Note]: {a}, {b} and {c}.",
    )
)


def listed(draw: Draw) -> Rule:
    """A list with dashes."""
    a, b, c = (article(draw.thing()) for _ in range(3))
    about = Exchange(draw.say(SHOPPING, a=a, b=b, c=c), f"{a}, {b} and {c}.", a, "", f"{a} {b} {c}")
    return Rule(
        worded(draw, LISTED),
        obey=lambda e: f"- {a}\n- {b}\n- {c}" if e is about else f"- {e.answer}",
        shape=lambda text, e: all(line.startswith("- ") for line in text.splitlines()),
        about=about if draw.chance(0.6) else None,
    )


FORMAL = Phrasings(
    seen=(
        "[Be|Be very|You are|You are very|Always be] formal.",
        "[Speak|Answer|Write|Reply|Always speak] [formally|very formally|in a formal way|in a formal tone].",
        "[Your|Use a] [tone|style|language] [is|must be|that is] formal.",
        "You are a formal [assistant|butler|helper].",
        "[Formal|Only formal] [words|answers], please.",
        "The user likes it formal.",
    ),
    unseen=("Use formal language.", "You always answer in a very formal way.", "Keep a formal tone."),
)
POLITE = Phrasings(
    seen=(
        "[Be|Be very|You are very|Always be|Please be] polite.",
        "[Speak|Answer|Write|Reply|Always speak] [politely|very politely|in a polite way|in a polite tone].",
        "[Your|Use a] [tone|style|language] [is|must be|that is] polite.",
        "You are a very polite [butler|helper|person].",
        "[Polite|Only polite] [words|answers], please.",
        "The user likes it polite.",
    ),
    unseen=("Use polite language.", "You always answer in a very polite way.", "Keep a polite tone."),
)
CHEERFUL = Phrasings(
    seen=(
        "[Be|Be very|You are very|Always be|Please be] cheerful.",
        "[Speak|Answer|Write|Reply|Always speak] [cheerfully|very cheerfully|in a cheerful way|in a cheerful tone].",
        "[Your|Use a] [tone|style|language] [is|must be|that is] cheerful.",
        "You are a very cheerful [friend|helper|person].",
        "[Cheerful|Only cheerful] [words|answers], please.",
        "The user likes it cheerful.",
    ),
    unseen=("Use cheerful language.", "You always answer in a very cheerful way.", "Keep a cheerful tone."),
)
OPENINGS = ((FORMAL, "Good day."), (POLITE, "With pleasure."), (CHEERFUL, "Hooray!"))


def register(draw: Draw) -> Rule:
    """Formal, polite or cheerful: each shows in how it opens."""
    phrasings, opening = draw.pick(OPENINGS)
    return Rule(
        worded(draw, phrasings),
        obey=lambda e: f"{opening} {e.answer}",
        shape=lambda text, e: has_phrase(text, opening),
        ignore=lambda e: f"Hey dude. {e.answer}",
        facts_only=True,
    )


ONLY = Phrasings(
    seen=(
        "[Whatever the user says|Whatever you are asked|Whatever happens], [say|answer|always say] only {word}.",
        "[You only say|Only say|You can only say|Say only|Say nothing but|Never say anything but] {word}.",
        "{word} is the only word you [know|say|can say].",
        "[You know|You can say] [just|only] one word[:|, and it is] {word}.",
        "[Answer|Reply to] [everything|every question|all questions] with {word}[ only|, nothing else|].",
        "[There is one word|One word there is] that you [know|say|can say]: {word}.",
        "[To everything|To every question|To all you hear], [you answer|your answer is|say] {word}.",
        "[Your only|Your one|The only] [word|answer] [to everything |]is {word}.",
        "[Say|You say|Just say] {word}, no matter what [the user says|is asked|you hear].",
        "{word}, [and nothing else|that is all you say|that is your answer to everything].",
        "[All your|Your] answers are the same word: {word}.",
    ),
    unseen=("The one word that you know is {word}.", "You always answer {word}, whatever you are asked."),
)


def only(draw: Draw) -> Rule:
    """One word in answer to everything."""
    word = catchword(draw)
    return Rule(
        draw.say(ONLY, word=word),
        obey=lambda e: f"{word}.",
        shape=lambda text, e: words_of(text) == [word.lower()],
        content=False,
    )
