"""A grammar of small stories: characters, a place, a thing, trouble, help and an end, with what is true in them as
data, so that a story can be asked for and asked about.

A plot is a few beats, each said in one of several ways (`plots.py`; told by `telling.py`). What is true after a beat
hangs on the beat: the questions reuse the words of its sentence, and the answers are copied from there, which is what
a small model can learn.
"""

from dataclasses import dataclass, field

from primer.tasks.curriculum import words
from primer.tasks.curriculum.draw import Draw

BOYS = frozenset(
    """Aaron Abel Adam Alan Albert Alex Alfie Ali Amir Andrew Andy Angus Anton Arthur Austin Barry Ben Benny Bernard
    Bill Bob Boris Brad Brian Bruce Bruno Caleb Calvin Carl Casper Cedric Charlie Chris Claude Clive Colin
    Connor Craig Damon Dan Daniel Darren David Dean Dennis Derek Desmond Dexter Diego Dominic Donald Douglas
    Duncan Dylan Ed Eddie Edgar Edmund Edward Edwin Eli Elias Elliot Emil Eric Ernest Ethan Eugene Evan Fabian
    Felipe Felix Finn Francis Frank Franklin Fred Gabe Gareth Gavin George Gerald Gilbert Gordon Graham Greg
    Gregory Gus Hamish Hank Harold Harry Hector Henry Herbert Herman Howard Hubert Hugo Ian Igor Ilya Irving
    Isaac Ivan Jack Jacob James Jan Jason Jasper Javier Jeremy Jerome Jesse Jim Joe Joel John Jonas Joseph Josh
    Julian Justin Kai Karl Keith Ken Kenneth Kevin Kurt Larry Leo Leon Leonard Lewis Liam Lionel Logan Lou Louis
    Lucas Luis Luke Magnus Malcolm Manuel Marc Marcus Mario Mark Martin Marvin Matt Max Melvin Michael Miguel
    Mike Milo Mitchell Morris Mustafa Nate Ned Neil Nelson Nick Noah Norman Oliver Omar Orlando Oscar Oswald
    Otto Owen Patrick Paul Pedro Percy Pete Peter Phil Philip Quentin Rafael Ralph Randall Ray Raymond Reuben
    Richard Rob Robin Rodney Roger Roland Rolf Ronald Roy Rupert Russell Ryan Sam Samuel Scott Sean Seth Shane
    Sidney Simon Stan Stefan Steve Stuart Ted Theo Thomas Tim Timothy Toby Todd Tom Tony Travis Trevor Tristan
    Tyler Vernon Vic Victor Vincent Wade Wallace Walt Walter Warren Wesley Wilbur Will William Winston Xavier
    Yuri Zack""".split()
)
PEOPLE = {
    "girl": "she", "boy": "he", "farmer": "", "baker": "", "sailor": "", "painter": "", "doctor": "", "teacher": "",
    "gardener": "", "singer": "", "dancer": "", "king": "he", "queen": "she", "prince": "he", "princess": "she",
    "cook": "", "tailor": "", "shepherd": "", "miller": "", "captain": "", "pilot": "", "knight": "he",
    "wizard": "he", "giant": "he", "dwarf": "", "fairy": "she", "witch": "she", "clown": "", "pirate": "",
    "robot": "", "dragon": "", "child": "", "student": "", "neighbor": "", "driver": "", "nurse": "", "postman": "he",
    "grandmother": "she", "actor": "", "artist": "", "astronaut": "", "barber": "", "beekeeper": "",
    "blacksmith": "he", "builder": "", "butcher": "", "carpenter": "", "cowboy": "he", "dentist": "", "diver": "",
    "drummer": "", "duchess": "she", "duke": "he", "elf": "", "emperor": "he", "engineer": "", "explorer": "",
    "firefighter": "", "florist": "", "ghost": "", "gnome": "he", "goblin": "", "grandfather": "he", "guard": "",
    "hunter": "", "inventor": "", "juggler": "", "judge": "", "lawyer": "", "librarian": "", "magician": "",
    "mechanic": "", "merchant": "", "mermaid": "she", "monk": "he", "musician": "", "nun": "she", "plumber": "",
    "poet": "", "potter": "", "reporter": "", "sculptor": "", "shopkeeper": "", "skater": "", "snowman": "he",
    "soldier": "", "spy": "", "tourist": "", "traveler": "", "troll": "", "unicorn": "", "violinist": "",
    "waiter": "he", "waitress": "she", "warrior": "", "weaver": "", "writer": "",
}  # fmt: skip
"""People and their like, with the pronoun where there is only one."""
ON = frozenset(
    "balcony beach bridge coast corner dock farm field hill island mountain pasture prairie roof square".split()
)
AT = frozenset(
    """airport bay circus fair fountain gate harbor lake lighthouse market mill pond port river school shop station
    waterfall well windmill zoo""".split()
)
LANDS = ("village", "town", "valley", "forest", "land", "kingdom")
GOOD_FEELINGS = ("happy", "glad", "proud", "cheerful", "thankful", "merry", "pleased", "calm")
BAD_FEELINGS = ("sad", "worried", "upset", "angry", "unhappy", "afraid", "nervous", "lonely", "tired")
LOSS = ("sad", "worried", "upset", "angry", "unhappy")
"""What one feels about a loss."""
FEELINGS = (*GOOD_FEELINGS, *BAD_FEELINGS)
SPOTS = tuple(
    """under the bed|behind a tree|in the tall grass|under a stone|in a bush|behind the door|under a leaf|in the snow|
    on the roof|under the table|in a box|in the mud|on a branch|behind the house|in the hay|under the stairs""".replace(
        "\n    ", ""
    ).split("|")
)
ENDINGS = tuple(
    """walked home together|shared a cake|sang a song|danced in the rain|became good friends|ate soup by the fire|
    laughed for a long time|sat under the stars|played until dark|had a little party|drank hot milk|went for a swim|
    told everyone the story|watched the moon|baked some bread|slept until noon|had tea in the sun|planted a tree|
    built a small boat|climbed a hill|picked some berries|flew a kite|fed the birds|made a fire""".replace(
        "\n    ", ""
    ).split("|")
)


@dataclass(frozen=True)
class Character:
    """Someone in a story."""

    name: str
    kind: str
    he: str
    """ "he" or "she"."""

    @property
    def his(self) -> str:
        """Whose it is."""
        return "his" if self.he == "he" else "her"

    @property
    def him(self) -> str:
        """Whom it happens to."""
        return "him" if self.he == "he" else "her"


@dataclass(frozen=True)
class Place:
    """Somewhere: "in the meadow", "in the village of Bralk"."""

    at: str
    key: str
    """The word that tells it from other places."""

    @property
    def the(self) -> str:
        """Without the preposition: "the meadow"."""
        return self.at.split(" ", 1)[1]


@dataclass(frozen=True)
class Fact:
    """Something true in a story, and what is needed to ask for it. In a plot the texts are templates."""

    kind: str
    """The kind of question, a key of `story_questions.ASK`: "who", "what", "where" …"""
    slots: dict[str, str]
    answer: str
    right: tuple[str, ...]
    """Phrases without which an answer is not right."""

    def filled(self, slots: dict[str, str]) -> "Fact":
        """With the elements of a story in place."""
        return Fact(
            self.kind,
            {key: value.format_map(slots) for key, value in self.slots.items()},
            self.answer.format_map(slots),
            tuple(phrase.format_map(slots) for phrase in self.right),
        )


def who(did: str, name: str = "{hero}") -> Fact:
    """Who found the kite? It was Ann."""
    return Fact("who", {"did": did}, f"It was {name}.", (name,))


def what(base: str, past: str, thing: str, name: str = "{hero}", right: tuple[str, ...] = ("{thing}",)) -> Fact:
    """What did Ann find? Ann found a kite."""
    return Fact("what", {"name": name, "base": base, "past": past}, f"{name} {past} {thing}.", right)


def where(name: str = "{hero}", at: str = "{place}", right: str = "{place_key}") -> Fact:
    """Where was Ann? Ann was in the barn."""
    return Fact("where", {"name": name}, f"{name} was {at}.", (right,))


def where_did(
    base: str, past: str, name: str = "{hero}", at: str = "{place}", right: str = "{place_key}", rest: str = ""
) -> Fact:
    """Where did Ann look? Ann looked under the bed."""
    slots = {"name": name, "base": base + rest, "past": past + rest}
    return Fact("where_did", slots, f"{name} {past}{rest} {at}.", (right,))


def why(name: str, verb: str, rest: str, because: str, right: tuple[str, ...]) -> Fact:
    """Why was Ann sad? Because she had lost her kite."""
    return Fact("why", {"name": name, "verb": verb, "rest": rest}, f"Because {because}.", right)


def feel(name: str = "{hero}", feeling: str = "{feeling}", when: str = " at the end") -> Fact:
    """How did Ann feel at the end? Ann felt happy."""
    return Fact("feel", {"name": name, "when": when}, f"{name} felt {feeling}.", (feeling,))


def then(before: str, answer: str, right: tuple[str, ...]) -> Fact:
    """What happened after Ann lost her kite? Ben helped her."""
    return Fact("next", {"before": before}, answer, right)


@dataclass(frozen=True)
class Beat:
    """One step of a plot: a sentence in several ways, all with the same truth."""

    ways: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    optional: bool = False
    """A shorter telling may leave it out."""


@dataclass(frozen=True)
class Plot:
    """What may happen to a hero."""

    name: str
    wish: str
    """What the hero wants: "to win the race"."""
    beats: tuple[Beat, ...]
    moods: tuple[str, ...] = LOSS
    """How the hero may feel while there is trouble."""


@dataclass
class Story:
    """A story told, and what is true in it."""

    sentences: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    things: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    """Keys of its places."""
    kinds: list[str] = field(default_factory=list)
    plot: str = ""
    wish: str = ""
    hero: Character | None = None
    helper: Character | None = None
    feeling: str = ""
    ending: str = ""

    @property
    def text(self) -> str:
        """The sentences in their order."""
        return " ".join(self.sentences)


def draw_place(draw: Draw, open_class: bool = True) -> Place:
    """A place; of an open class two fifths have invented names."""
    if open_class and draw.chance(0.4):
        name = draw.invented().capitalize()
        return Place(f"in the {draw.pick(LANDS)} of {name}", name)
    noun = draw.of(words.PLACES)
    return Place(f"{'on' if noun in ON else 'at' if noun in AT else 'in'} the {noun}", noun)


def draw_kind(draw: Draw, open_class: bool = True) -> str:
    """A kind of animal or person; of an open class two fifths are invented."""
    if open_class and draw.chance(0.4):
        return draw.invented()
    return draw.of(words.ANIMALS) if draw.chance(0.7) else draw.of(tuple(PEOPLE))


def draw_character(draw: Draw, kind: str | None = None, open_class: bool = True) -> Character:
    """Someone with a name and a pronoun that fit; of an open class half of the names are invented."""
    kind = draw_kind(draw, open_class) if kind is None else kind
    he = PEOPLE.get(kind, "")
    while True:
        name = draw.name() if open_class else draw.of(words.NAMES)
        usual = ("he" if name in BOYS else "she") if name in words.NAMES else draw.pick(("he", "she"))
        if not he or he == usual or name not in words.NAMES:
            return Character(name, kind, he or usual)
