"""The letters of a word: how many, which first and last, the word backwards, and the word that letters make. All of it
the calculator's, as in `spelling`."""

from primer.tasks.curriculum import sums
from primer.tasks.curriculum.checks import All, LastNumber, LastWord, Says
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import UNFORTUNATE, Draw, Phrasings, is_held_out
from primer.tasks.curriculum.lessons.spelling import spelled, spelling
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
LONGEST_TURNED = 7  # letters of a word to be turned round: each one more is one more to go wrong

COUNT = Phrasings(
    seen=(
        "How many {x}'s [are|are there|do you see|do you find|stand] in [the word |]{word}?",
        "How [often|many times] does the letter {x} [come|stand|appear] in [the word |]{word}?",
        "How [often|many times] is [the letter |]{x} in [the word |]{word}?",
        "How [often|many times] does {word} [have|contain|use] [the letter |]{x}?",
        "How many [letters|of the letters] in [the word |]{word} are {x}?",
        "How many {x}'s does [the word |]{word} [have|contain]?",
        "[Count|Please count|Count for me|Help me count] the {x}'s in [the word |]{word}.",
        "[Count|Please count] [how often|how many times] {x} [comes|stands|appears] in [the word |]{word}.",
        "[Can|Could|Will] you count the {x}'s in [the word |]{word}[?| for me?]",
        "[Can|Could] you tell me how many {x}'s are in {word}?",
        "[Tell me|Find out|Let me know|I want to know] how [many times|often] [the letter |]{x} is in {word}.",
        "[Tell me|I want to know|Please tell me|I wonder] how many {x}'s are in [the word |]{word}.",
        "What is the number of {x}'s in [the word |]{word}?",
        "[Give me|Tell me|Find|I need] the number of {x}'s in [the word |]{word}.",
        "[Look at|Take|Here is] the word {word}. How many {x}'s [are there|does it have|are in it|can you count]?",
        "[Look at|Take|Here is] the word {word}. How [often|many times] is [the letter |]{x} in it?",
        "[Use|Take] the calculator to count the {x}'s in {word}.",
        "[Count|Please count|Find] [all|each of|all of] the {x}'s [of|in] [the word |]{word}[.|, please.]",
        "[Count|Find|Please find] [each|each letter|all letters] {x} [of|in] [the word |]{word}.",
        "[Is there|Do you see] {x} in [the word |]{word}? How [often|many times]?",
    ),
    unseen=(
        "In the word {word}, how many {x}'s do we have?",
        "Could you find out how often the letter {x} is in {word}?",
        "I need to know how many times {x} appears in {word}.",
        "How many times do you see {x} in {word}?",
        "Please count every {x} in the word {word}.",
        "Do you know the number of {x}'s in {word}?",
    ),
)
LENGTH = Phrasings(
    seen=(
        "How many letters [are in|are there in|does it take to write|do you need for|has] [the word |]{word}?",
        "How many letters does [the word |]{word} have?",
        "How long is [the word |the name |]{word}?",
        "[What is|What would be] the length of [the word |]{word}?",
        "[Count|Please count|Count up|Help me count] the letters [of|in] [the word |]{word}[.| for me.]",
        "[Can|Could|Will] you count the letters [of|in] [the word |]{word}[?| for me?]",
        "[Tell me|Find|Give me|I need] the [length of|number of letters in] [the word |]{word}.",
        "[Tell me|Let me know|I want to know|I wonder|Find out] how long [the word |]{word} is.",
        "[Tell me|I want to know|Please tell me] how many letters [are in|you find in] [the word |]{word}.",
        "[Look at|Take|Here is] the word {word}. How [long is it|many letters does it have|many letters are in it]?",
        "[Use the calculator to find|Find out] the length of {word}.",
        "[Is the word|Is] {word} long? How many letters [are in it|does it have]?",
        "[I want to|I have to|I will] write {word}. How many letters [is that|are that|does that take]?",
    ),
    unseen=(
        "Do you know how long the word {word} is?",
        "What is the number of letters in {word}?",
        "How many letters do I need to write {word}?",
        "Could you find the length of {word} for me?",
        "In {word}, how many letters are there?",
    ),
)
TURN = Phrasings(
    seen=(
        "[Reverse|Please reverse|Turn round|Turn around|Flip] [the word |]{word}[.| for me.| now.]",
        "[Can|Could|Will|Would] you [reverse|turn round|turn around|flip] [the word |]{word}[?| for me?]",
        "[What is|What would be|How do you write|How do I write] [the word |]{word} backwards?",
        "[Write|Say|Spell|Read] [the word |]{word} backwards[.| for me.]",
        "[Give me|Show me|Tell me] [the word |]{word} [backwards|in reverse|turned round].",
        "[Can|Could|Will|Would] you [write|say|spell|read] [the word |]{word} backwards[?| for me?]",
        "[What|Which] word do [you|I|we] get [if|when] [you|I|we] [reverse|turn round|flip] {word}?",
        "What does [the word |]{word} [look like|become|say] [backwards|in reverse|turned round]?",
        "[Write|Say|Read|Spell] [the word |]{word} [in reverse|from back to front|from the end to the beginning].",
        "[Put|Write] the letters of [the word |]{word} [in reverse|the other way round|backwards].",
        "[I want|I need|I would like] [the word |]{word} [backwards|in reverse|turned round|written backwards].",
        "How does [the word |]{word} [look|read|go] [backwards|in reverse|turned round|the other way round]?",
        "Take the word {word} and [turn it round|reverse it|say it backwards|flip it].",
        "[Here is|Look at] the word {word}. [Turn it round|Reverse it|Say it backwards|Flip it].",
        "Which word is {word} [backwards|in reverse|turned round]?",
        "[Can|Could|Will] you [show|tell|write|say to] me [the word |]{word} [backwards|in reverse|turned round]?",
        "[Read|Take|Write] the letters of [the word |]{word} [from the last to the first|in the other order].",
        "[Reverse|Flip|Please reverse] [all |]the letters [of|in] [the word |]{word}.",
        "[Please |]turn [the word |]{word} [round|around|the other way round][.| for me.]",
        "[What|Which word] is it if [I|you] [turn|flip] [the word |]{word} [round|around]?",
    ),
    unseen=(
        "If you read {word} from back to front, what do you get?",
        "Please write the word {word} the other way round.",
        "I want you to reverse the word {word}.",
        "Tell me what the word {word} is in reverse.",
        "Could you give me {word} backwards?",
        "Turn the letters of {word} round.",
    ),
)
END = Phrasings(
    seen=(
        "[What|Which] is the {which} letter [of|in] [the word |]{word}?",
        "[What|Which] letter [is|comes|stands] {which} in [the word |]{word}?",
        "[Which|What] letter of [the word |]{word} is the {which} one?",
        "[Tell me|Give me|Find|Name|Show me|Say|I need] the {which} letter [of|in] [the word |]{word}.",
        "[Can|Could|Will] you [tell me|find|name|give me] the {which} letter [of|in] [the word |]{word}?",
        "[Do you know|Do you see] the {which} letter [of|in] [the word |]{word}?",
        "[Take|Look at|Here is] the word {word}. What is [its|the] {which} letter?",
        "[I want|I would like] to know the {which} letter of [the word |]{word}.",
        "[With which|With what] letter does [the word |]{word} {verb}?",
        "[Which|What] letter does [the word |]{word} {verb} with?",
        "[Tell me|Say|I want to know] [what|which] letter [is|comes|stands] {which} in [the word |]{word}.",
        "[The|And the] {which} letter [of|in] [the word |]{word}[?|, please.|: which is it?]",
    ),
    unseen=(
        "In the word {word}, what is the {which} letter?",
        "Please find the {which} letter in {word}.",
        "I need to know which letter is {which} in {word}.",
        "Tell me which letter {word} has {which}.",
    ),
)
JOIN = Phrasings(
    seen=(
        "[What|Which] word [do the letters|is spelled|is this:|has the letters] {letters}?",
        "[What|Which] word do the letters {letters} [make|spell|give]?",
        "[What|Which] word is [spelled|written] {letters}?",
        "[What|How] do you read {letters}?",
        "[Read|Put together|Say as a word:|Write as one word:|Join|Join the letters] {letters}[.| for me.]",
        "[Can|Could|Will] you [read|join|put together] [the letters |]{letters}?",
        "Tell me [which|what] word is spelled {letters}.",
        "Do you know [which|what] word is spelled {letters}?",
        "What [does|do] {letters} [spell|make|say]?",
        "I spell a word: {letters}. [Which word is it?|What is the word?|Can you read it?|What did I spell?]",
        "[Here are|These are] the letters of a word: {letters}. [What is the word?|Which word is it?|Read it.]",
        "[Put|Bring] together {letters}[.|, please.| as a word.]",
        "[Join|Bring|Write] the letters {letters} [to a word|into a word|as a word][.|, please.]",
        "[I have|Here are|Take] the letters {letters}. [Join them.|Make a word of them.|Read them as a word.]",
    ),
    unseen=(
        "Please tell me what {letters} spells.",
        "If I spell {letters}, which word is it?",
        "I have the letters {letters}. What word do they make?",
        "Put the letters {letters} together as one word.",
    ),
)


def shown(draw: Draw, word: str) -> str:
    """The word as people write it: now and then in quotes."""
    return f'"{word}"' if draw.chance(0.05) else word


def wrong_number(draw: Draw, right: int) -> int:
    """A number near the right one."""
    return draw.pick([n for n in range(max(0, right - 2), right + 3) if n != right])


def careless(word: str, draw: Draw) -> str:
    """The letters with two neighbours changed, one doubled or one left out; always another word."""
    while True:
        at = draw.random.randrange(len(word) - 1)
        new = draw.pick(
            (word[:at] + word[at + 1] + word[at] + word[at + 2 :], word[:at] + word[at] + word[at:], word[1:])
        )
        if new != word:
            return new


def counted(word: str, x: str, times: int) -> str:
    """The sentence for a count."""
    return f"The word {word} has the letter {x} {times} time{'' if times == 1 else 's'}."


def count_letter(draw: Draw) -> Question:
    """How often a letter stands in a word; one in eight does not."""
    word = draw.word()
    repeated = [c for c in set(word) if word.count(c) > 1]
    if draw.chance(0.12):
        x = draw.pick([c for c in ALPHABET if c not in word])
    else:
        x = draw.pick(sorted(repeated) if repeated and draw.chance(0.5) else word)
    times = word.count(x)
    wrong = counted(word, x, wrong_number(draw, times))
    return Question(
        prompt=(user(draw.ask(COUNT, x=x, word=shown(draw, word))),),
        check=All((LastNumber(times), Says((word,)))),  # of no other word
        answer=sums.calculated(f"count({x}, {word})", str(times), counted(word, x, times)),
        rejected=(assistant(draw.pick((wrong, wrong, "I have no time to count letters."))),),
    )


def count_letters(draw: Draw) -> Question:
    """How long a word is. The space in "length( tree)" is there to copy by: it makes " tree" the same tokens as in
    the question, where "(tree" would be others."""
    word = draw.word()
    wrong = f"The word {word} has {wrong_number(draw, len(word))} letters."
    other = careless(word, draw)
    rejected: tuple[Message, ...] = (assistant(draw.pick((wrong, "Many letters. Count them yourself."))),)
    if len(other) != len(word) and draw.chance(0.5):
        sentence = f"The word {other} has {len(other)} letters."
        rejected = sums.calculated(f"length( {other})", str(len(other)), sentence)
    return Question(
        prompt=(user(draw.ask(LENGTH, word=shown(draw, word))),),
        check=All((LastNumber(len(word)), Says((word,)))),
        answer=sums.calculated(f"length( {word})", str(len(word)), f"The word {word} has {len(word)} letters."),
        rejected=rejected,
    )


def turns_well(draw: Draw, word: str) -> bool:
    """Whether a word is short, and backwards another, decent one that is not kept for the examination."""
    back = word[::-1]
    return (
        len(word) <= LONGEST_TURNED
        and word != back
        and not UNFORTUNATE.search(back)
        and (draw.held_out or not is_held_out(back))
    )


def turn(draw: Draw) -> Question:
    """A word backwards."""
    word = draw.word()
    while not turns_well(draw, word):
        word = draw.word()
    wrong = careless(word[::-1], draw)
    other = careless(word, draw)
    return Question(
        prompt=(user(draw.ask(TURN, word=shown(draw, word))),),
        check=LastWord(word[::-1]),
        answer=turned(word),
        rejected=draw.pick(
            (turned(other), (assistant(f"Turned round it is {wrong}."),), (assistant(f"It is {word}."),))
        ),
    )


def turned(word: str) -> tuple[Message, ...]:
    """The calculator asked for the word backwards, and the answer."""
    return sums.told_by_calculator("reverse", word, word[::-1], f"Turned round it is {word[::-1]}.")


def first_or_last(draw: Draw) -> Question:
    """The letter that a word begins or ends with, after its spelling."""
    word = draw.word()
    while word[0] == word[-1]:
        word = draw.word()
    at, which = draw.pick(((0, "first"), (-1, "last")))
    verb = draw.pick(("begin", "start") if at == 0 else ("end", "stop"))
    *calls, spelling_told = spelling(word)
    sentence = f"{spelling_told.content} The {which} letter is"
    return Question(
        prompt=(user(draw.ask(END, which=which, verb=verb, word=shown(draw, word))),),
        check=LastWord(word[at]),
        answer=(*calls, assistant(f"{sentence} {word[at]}.")),
        rejected=(*calls, assistant(f"{sentence} {word[-1 - at]}.")),
    )


def join(draw: Draw) -> Question:
    """The word that letters make: spelling the other way round."""
    word = draw.word()
    wrong = careless(word, draw)
    return Question(
        prompt=(user(draw.ask(JOIN, letters=spelled(word))),),
        check=LastWord(word),
        answer=joined(word),
        rejected=draw.pick((joined(wrong), (assistant(f"The letters make the word {wrong}."),))),
    )


def joined(word: str) -> tuple[Message, ...]:
    """The calculator asked for the word that letters make, and the answer."""
    return sums.told_by_calculator("join", spelled(word), word, f"The letters make the word {word}.")


def question(draw: Draw) -> Question:
    """One of the kinds; turning round is the hardest and comes most."""
    kinds = (count_letter, count_letter, count_letters, turn, turn, turn, first_or_last, join)
    return draw.pick(kinds)(draw)


def text(draw: Draw) -> str:
    """Words, their letters, and the words backwards."""
    lines = []
    for _ in range(2):
        word = draw.word()
        lines.append(
            f"The word {word} is spelled {spelled(word)}. It has {len(word)} letters. The first letter is {word[0]}, "
            f"and the last letter is {word[-1]}. Turned round, the letters are {spelled(word[::-1])}."
        )
    return " ".join(lines)


LESSON = Lesson("letters", question, text, weight=1.4, reinforce=True)
