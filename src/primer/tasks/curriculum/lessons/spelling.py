"""Spelling a word letter by letter."""

from primer.tasks.curriculum.checks import Spelled
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings
from primer.tasks.task import Question
from primer.text.chat import assistant, user

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
        "{word}: [spell it.|what are its letters?|letter by letter, please.]",
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


def question(draw: Draw) -> Question:
    """Spell a word."""
    word = draw.word()
    wrong = draw.shuffled(word)
    return Question(
        prompt=(user(draw.ask(ASK, word=word)),),
        check=Spelled(word),
        answer=(assistant(f"It is spelled {spelled(word)}."),),
        rejected=(assistant(f"It is spelled {spelled(''.join(wrong))}."),),
    )


def text(draw: Draw) -> str:
    """Words and their letters."""
    return " ".join(f"The word {word} is spelled {spelled(word)}." for word in (draw.word() for _ in range(3)))


LESSON = Lesson("spelling", question, text, weight=1.6)
