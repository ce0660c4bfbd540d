"""Spelling a word letter by letter.

The letters are the calculator's to tell: to a model with tokens for parts of words they are nowhere to be seen. What
it learns is to ask, and to copy what it is told.
"""

from primer.tasks.curriculum import sums
from primer.tasks.curriculum.checks import Spelled
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user

ASK = Phrasings(
    seen=(
        "[How do you|How do I|How would you|How can I|How should I] spell [the word |]{word}?",
        "[Can|Could|Would|Will] you [please |]spell [the word |]{word}[| for me]?",
        "[Please spell|Spell|Now spell|Just spell] [the word |]{word}[.| for me.| letter by letter.| slowly.| out.]",
        "[What are|Tell me|Give me|Show me|Say|List|Write] [the|all the] letters [of|in] [the word |]{word}.",
        "[I want to|I need to|I have to|Help me] [spell|write] {word}[.| letter by letter.| with its letters.]",
        "[Say|Read|Write|Give me] {word} [letter by letter|one letter at a time].",
        "How is [the word |]{word} [spelled|written]?",
        "[I do not know|Do you know|Tell me|Can you tell me] how to spell {word}.",
        "Which letters [are in|make] [the word |]{word}?",
        "[What is|Tell me|Show me|Give me|I want] the [right |correct |]way to [spell|write] {word}.",
        "[I need|I want|I would like] [the letters of|to see the letters of|to know the letters of] {word}.",
        "[Here is|Look at|Take] the word {word}. [Spell it.|What are its letters?|Say its letters.|How is it spelled?]",
        "{word}: [spell it.|what are its letters?|letter by letter, please.]",
        "[What is|Tell me|Do you know|Show me] the [right |correct |]spelling of [the word |]{word}?",
        "[What|Which] letters [do I write for|belong to|do I find in] [the word |]{word}?",
        "[I want|I need|I would like] {word} [spelled|spelled out|letter by letter].",
    ),
    unseen=(
        "[Give me|I want] the spelling of {word}.",
        "I need {word} written out letter by letter.",
        "[How would I|Could I hear how to] write the word {word} with its letters?",
        "The word is {word}. Spell it [for me|out].",
        "What letters do I need [to write|for] {word}?",
    ),
)


def spelled(word: str) -> str:
    """The letters one by one, each a token of its own: "c-a-t"."""
    return "-".join(word)


def spelling(word: str) -> tuple[Message, ...]:
    """The calculator asked for the letters, and the answer."""
    return sums.told_by_calculator("spell", word, spelled(word), f"It is spelled {spelled(word)}.")


def misspelled(draw: Draw, word: str) -> str:
    """The answer with the letters in another order."""
    letters = list(word)
    while letters == list(word):
        letters = draw.shuffled(word)
    return f"It is spelled {'-'.join(letters)}."


def question(draw: Draw) -> Question:
    """Spell a word."""
    word = draw.word()
    return Question(
        prompt=(user(draw.ask(ASK, word=word)),),
        check=Spelled(word),
        answer=spelling(word),
        rejected=(assistant(misspelled(draw, word)),),
    )


def text(draw: Draw) -> str:
    """Words and their letters."""
    return " ".join(f"The word {word} is spelled {spelled(word)}." for word in (draw.word() for _ in range(3)))


LESSON = Lesson("spelling", question, text, weight=0.7)
