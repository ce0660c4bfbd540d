"""Plain questions with plain answers, to fill the turns of lessons that are about something else.

Their content is easy on purpose: where a lesson asks whether a rule is obeyed in the third turn, or a name remembered
after two others, nothing else should go wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from primer.tasks.curriculum import world
from primer.tasks.curriculum.draw import Draw, Phrasings

LEGS_OF = {
    subject.removesuffix(" of legs"): number
    for subject, number in world.COUNTS.items()
    if subject.endswith(" of legs") and subject not in ("a chair of legs", "a person of legs")
}

COLOR = Phrasings(
    ("[What|Which] color is {it}?", "[What is|Do you know|What's] the color of {it}?", "Tell me the color of {it}.")
)
SOUND = Phrasings(("What does {it} say?", "[What|Which] sound does {it} make?", "Tell me what {it} says."))
LEGS = Phrasings(("How many legs does {it} have?", "Tell me how many legs {it} has.", "How many legs has {it}?"))
OPPOSITE = Phrasings(
    ("What is the opposite of {it}?", "Tell me the opposite of {it}.", "[What|Which word] means not {it}?")
)
DAY = Phrasings(
    ("[What|Which] day comes after {it}?", "[What|Which] day is the day after {it}?", "What comes after {it}?")
)


@dataclass(frozen=True)
class Exchange:
    """A question, what one answers plainly, the same in a single word, and what a talkative person would add."""

    question: str
    answer: str
    word: str
    extra: str
    key: str = ""
    """What an answer must say to be right, however it is worded; the word, if nothing else is given."""

    @property
    def right(self) -> str:
        """What a right answer says."""
        return self.key or self.word


def color(draw: Draw) -> Exchange:
    """The color of a well-known thing."""
    it, found = draw.pick(list(world.COLORS.items()))
    return Exchange(draw.say(COLOR, it=it), f"{capital(it)} is {found}.", found, f"{capital(found)} is a nice color.")


def sound(draw: Draw) -> Exchange:
    """What an animal says."""
    it, found = draw.pick(list(world.SOUNDS.items()))
    return Exchange(draw.say(SOUND, it=it), f"{capital(it)} says {found}.", found, f"{capital(it)} is an animal.")


def legs(draw: Draw) -> Exchange:
    """How many legs an animal has."""
    it, found = draw.pick(list(LEGS_OF.items()))
    return Exchange(draw.say(LEGS, it=it), f"{capital(it)} has {found} legs.", found, f"{capital(it)} is an animal.")


def opposite(draw: Draw) -> Exchange:
    """The opposite of an adjective."""
    it, found = draw.pick(list(world.OPPOSITES.items()))
    return Exchange(
        draw.say(OPPOSITE, it=it), f"The opposite of {it} is {found}.", found, f"{capital(it)} is not {found}."
    )


def day(draw: Draw) -> Exchange:
    """The next day of the week."""
    it, found = draw.pick(list(world.DAY_AFTER.items()))
    return Exchange(draw.say(DAY, it=it), f"{found} comes after {it}.", found, "A week has seven days.")


HELLO = Phrasings(("[Hello|Hi|Hey|Good morning|Hello there|Hi there][!|.|]",))
THANKS = Phrasings(("[Thank you|Thanks|Thank you very much|Thanks a lot|Many thanks][!|.|]",))
HOW_ARE_YOU = Phrasings(("[How are you|How are you today|How do you do|How is it going|Are you well]?",))
INTRODUCTION = Phrasings(
    ("[Hello|Hi|Hey], [I am|my name is|I'm] {name}[.|!]", "[I am|My name is|I'm|They call me] {name}[.|!]")
)


def hello(draw: Draw) -> Exchange:
    """A greeting."""
    return Exchange(draw.say(HELLO), "Hello! How can I help you?", "hello", "I am happy to see you today.")


def thanks(draw: Draw) -> Exchange:
    """Thanks."""
    return Exchange(draw.say(THANKS), "You're welcome!", "welcome", "I am happy that I could help you.")


def how_are_you(draw: Draw) -> Exchange:
    """A polite question."""
    return Exchange(draw.say(HOW_ARE_YOU), "I am well, thank you!", "well", "It is a good day to talk with you.")


def introduction(draw: Draw) -> Exchange:
    """A person says a name."""
    name = draw.name()
    return Exchange(
        draw.say(INTRODUCTION, name=name), f"Hello, {name}! Nice to meet you.", "hello", "You have a good name.", name
    )


FACTS: tuple[Callable[[Draw], Exchange], ...] = (color, sound, legs, opposite, day)
SMALL_TALK: tuple[Callable[[Draw], Exchange], ...] = (hello, thanks, how_are_you)


def exchanges(draw: Draw, count: int, kinds: Sequence[Callable[[Draw], Exchange]] = FACTS) -> list[Exchange]:
    """Some exchanges, each about something else."""
    return [kind(draw) for kind in draw.several(kinds, count)]


def capital(text: str) -> str:
    """The text with a capital at its beginning.

    >>> capital("the sky")
    'The sky'
    """
    return text[:1].upper() + text[1:]
