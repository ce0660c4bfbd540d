"""Rules that a system prompt can give: how they are worded, how they are obeyed, and how one sees that they are."""

from collections.abc import Callable
from dataclasses import dataclass

from primer.tasks.curriculum.checks import has_phrase
from primer.tasks.curriculum.draw import Draw, Phrasings
from primer.tasks.curriculum.exchanges import Exchange, capital

MARKERS = tuple(
    """Aha Ahoy Arrr Beep Bingo Boom Bravo Cheers Ding Eureka Gosh Hooray Hurrah Indeed Jolly Okay Oops
    Pardon Presto Right Splash Sure Super Tada Ting Voila Whoosh Wow Yay Yes Yippee Zap Zoom""".split()
)
TITLES = tuple(
    """Admiral Baron Boss Captain Chef Chief Coach Colonel Count Doctor Duchess Duke Friend General Judge King
    Lady Lord Madam Major Master Mayor Pilot President Prince Princess Professor Queen Sailor Sergeant Sir
    Sire Teacher""".split()
)
ROLES = tuple(
    """acrobat actor admiral archer artist astronaut baker bard baron beekeeper blacksmith builder butler captain
    carpenter chef chemist clown cobbler cook count cowboy dancer detective diver doctor dragon driver drummer
    duchess duke dwarf elf emperor engineer explorer fairy farmer fiddler fox frog gardener general genie
    ghost giant gnome goblin goose guard guide hermit hunter inventor jester judge juggler king knight lawyer
    librarian lion magician merchant mermaid miller minstrel monk monkey ninja nun nurse ogre owl painter
    parrot parson peasant penguin phantom philosopher pianist pilot pirate poet potter priest prince princess
    professor puppet queen rabbit ranger reporter robot sailor scholar scout sculptor shepherd singer snowman
    soldier sphinx spy squire surgeon tailor teacher tiger troll turtle unicorn vampire viking violinist
    waiter warrior weaver witch wizard wolf""".split()
)


@dataclass(frozen=True)
class Rule:
    """One rule, worded in a system prompt."""

    prompt: str
    obey: Callable[[Exchange], str]
    """The answer that follows it."""
    shape: Callable[[str, Exchange], bool]
    """Whether a text follows it, as an answer to this."""
    ignore: Callable[[Exchange], str] = lambda e: e.answer
    """The answer that does not."""
    about: Exchange | None = None
    """A question that the rule calls for; without one, any will do."""
    facts_only: bool = False
    """Greetings do not go with it."""
    content: bool = True
    """Whether the answer has to be right as well; otherwise `shape` judges all of it."""

    def holds(self, text: str, exchange: Exchange) -> bool:
        """Whether a text follows the rule and answers the question."""
        right = not self.content or has_phrase(text, exchange.right)
        return bool(text) and right and self.shape(text, exchange)


def long(exchange: Exchange) -> str:
    """The answer and more than was asked for."""
    return f"{exchange.answer} {exchange.extra}"


def catchword(draw: Draw) -> str:
    """A word to begin or end with; half of them invented."""
    return capital(draw.invented()) if draw.chance(0.5) else draw.of(MARKERS)


HELPFUL = Phrasings(
    (
        "",
        "",
        "",
        "You are a [helpful|friendly|kind] assistant. ",
        "You help [people|the user]. ",
    )
)


def worded(draw: Draw, phrasings: Phrasings, **slots: object) -> str:
    """The rule, now and then with a word of introduction."""
    return draw.say(HELPFUL) + draw.say(phrasings, **slots)
