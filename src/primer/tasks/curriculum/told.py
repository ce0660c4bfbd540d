"""What a person may tell about themselves: how it is told, asked for, and told again."""

from collections.abc import Sequence
from dataclasses import dataclass

from primer.tasks.curriculum.draw import Draw, Phrasings, article
from primer.tasks.curriculum.kinds import framed
from primer.tasks.curriculum.words import ANIMALS, PLACES

HUES = tuple(
    """amber apricot aqua azure beige black blue bronze brown coral cream crimson gold gray green indigo ivory
    jade khaki lavender lemon lilac lime maroon mint navy olive orange peach pink plum purple red rose ruby
    rust scarlet silver tan teal turquoise violet white yellow""".split()
)
FOODS = tuple(
    """almonds apples apricots avocados bacon bagels bananas beans beets berries biscuits blackberries bread broccoli
    buns butter cabbage cake candy carrots celery cereal cheese cherries chicken chocolate coconuts cookies
    corn crackers cream cucumbers curry custard dates donuts dumplings eggs figs fish garlic grapes gravy ham
    herring honey jam jelly ketchup leeks lemons lentils lettuce limes lobster mangoes melons milk muffins
    mushrooms mussels mustard noodles nuts oatmeal olives omelets onions oranges pancakes papaya parsnips
    pasta pastries peaches pears peas peppers pickles pie pizza plums popcorn porridge potatoes pretzels
    prunes pudding pumpkin radishes raisins ravioli rice salad salmon salt sauce sausages scones shrimp soup
    spaghetti spinach steak stew strawberries sweets syrup tea toast tofu tomatoes trifle tuna turnips waffles
    walnuts yams yogurt""".split()
)
TOWNS = tuple(
    """Aarhus Adelaide Ankara Athens Atlanta Austin Baku Bangkok Basel Beirut Belfast Bergen Berlin Bern Bogota
    Bombay Bonn Boston Boulder Brighton Bristol Brussels Bucharest Budapest Cairo Calgary Cambridge Canberra
    Cardiff Chicago Cologne Cork Dakar Dallas Darwin Delhi Denver Detroit Dresden Dubai Dublin Durban Exeter
    Florence Frankfurt Geneva Genoa Ghent Glasgow Granada Hamburg Hanoi Harlem Havana Helsinki Honolulu
    Houston Istanbul Jakarta Kabul Kiev Kingston Kyoto Lagos Lahore Lancaster Leeds Leipzig Lima Lisbon
    Liverpool London Lucerne Lyon Madrid Malaga Manchester Manila Marseille Melbourne Mexico Miami Milan Minsk
    Mombasa Montreal Moscow Mumbai Munich Nairobi Naples Nashville Newport Orlando Osaka Oslo Ottawa Oxford
    Palermo Paris Perth Phoenix Portland Porto Prague Quebec Quito Riga Rome Rotterdam Salzburg Santiago
    Seattle Seoul Seville Shanghai Sheffield Sofia Stockholm Stuttgart Sydney Tallinn Tampa Tokyo Toronto
    Tunis Turin Utrecht Valencia Vancouver Venice Verona Vienna Vilnius Warsaw Windsor York Zagreb Zurich""".split()
)
JOBS = tuple(
    """actor architect artist astronaut baker barber beekeeper blacksmith bookseller brewer builder butcher captain
    carpenter cashier chef chemist clown coach cobbler conductor cook cowboy cyclist dancer decorator dentist
    designer detective diver doctor driver drummer editor electrician engineer explorer farmer fiddler
    firefighter fisher florist gamekeeper gardener glazier goldsmith grocer guard guide hairdresser hunter
    inventor jeweler judge juggler knitter lawyer librarian lifeguard locksmith magician maid manager mason
    mechanic merchant miller miner model musician notary nurse optician organist painter pianist pilot plumber
    poet potter printer professor ranger reporter saddler sailor sculptor secretary shepherd singer soldier
    surgeon surveyor tailor teacher tinker trader trainer translator typist umpire usher vet violinist waiter
    watchmaker weaver welder woodcutter writer zookeeper""".split()
)


CLAUSES = (
    "[Tell me|Please tell me|Say|Please say|Now say|Remind me|Let me hear|Let me know] {}[.|.|!| again.]",
    "[Do you know|Do you remember|Can you tell me|Can you say|Do you still know|Could you repeat] {}?",
    "[I told you|I said|You know|You heard] {}. [What was it?|What did I say?|Do you still know it?|Say it, please.]",
    "[Did I tell you|Have I told you|Did I mention|Did I say|Did you hear] {}?",
    "I [wonder|ask myself|am not sure|would like to hear] if you [know|remember] {}.",
    "[What did I tell you about|What do you know about] {}?",
    "[I forgot|I have forgotten|I want to hear|Let us see if you know] {}.",
)
NOUNS = (
    "[What is|What's|What was|Now what is|So what is|And what is] {}?",
    "[Tell me|Please tell me|Say|Please say|Repeat|Give me|Remind me of] {}[.|.|!| again.]",
    "[Do you know|Do you remember|Can you tell me|Can you say|Do you still know|Could you repeat] {}?",
    "{}: [what is it|do you know it|what was it|which one was it|what did I say|can you say it]?",
    "[I told you|I said|You know|You heard] {}. [What is it?|What was it?|Which one is it?|Say it again.]",
    "[Did I tell you|Have I told you|Did I mention|Did I name|Did you hear] {}?",
    "[If you remember it|If you know it|If I told you]: {}, please.",
    "What did I [tell you about|say about|name as|give as|mention as] {}?",
    "[What do you know about|What have you heard about|What have I said about] {}?",
    "{}[, please.|, again.|, if you know it.|?]",
)


@dataclass(frozen=True)
class Fact:
    """Something that a person can tell about: how it is told, asked for, and told again."""

    tell: Phrasings
    ask: Phrasings
    answer: str


def asked(direct: Sequence[str], clauses: Sequence[str], nouns: Sequence[str], unseen: Sequence[str]) -> Phrasings:
    """Ways to ask, as `kinds.ways` makes them for facts of the world: directly, and as a clause ("what my job is") or a
    noun ("my job") in frames that all kinds share. The direct ones stand twice."""
    return Phrasings((*direct, *direct, *framed(CLAUSES, clauses), *framed(NOUNS, nouns)), tuple(unseen))


FACTS_TOLD: dict[str, Fact] = {
    "name": Fact(
        Phrasings(
            (
                "My name is {value}.",
                "[I am|I'm|They call me|You can call me|Call me|People call me|I am called] {value}.",
                "[Hello|Hi|Hey|Good morning], [my name is|I am|I'm] {value}[.|!]",
            ),
        ),
        asked(
            (
                "Who am I?",
                "[What am I called|How am I called|What do people call me|What do they call me]?",
                "[Who is talking to you|Who are you talking to|Who is it that you talk to|With whom do you talk]?",
                "[And|So|Now], [what is my name|who am I|what am I called]?",
                "[Which|What] name [do I go by|did I say|did I give you|belongs to me|should you call me]?",
            ),
            ("who I am", "what I am called", "[what|how] [people|they] call me"),
            ("my name", "my name", "the name I [go by|gave you|told you]"),
            (
                "What name did I tell you?",
                "Who is this talking to you?",
                "Which name do I have?",
                "I want to know if you remember my name.",
                "My name is what?",
            ),
        ),
        "Your name is {value}.",
    ),
    "color": Fact(
        Phrasings(
            (
                "My favorite color is {value}.",
                "The color I [like|love] [most|best] is {value}.",
                "[I like|I love] the color {value} [most|best].",
                "[I think|I must say] {value} is my favorite color.",
                "[Of all colors I like|To me the best color is] {value}[.|!]",
            )
        ),
        asked(
            (
                "[What|Which] color [do I like most|do I love|do I like best|is my favorite|is best to me]?",
                "[What|Which] color did I [name|call my favorite|say I love|speak of]?",
                "Of all colors, which [one do I like|one do I love|is my favorite]?",
            ),
            ("[what|which] color I [like|love|like most|like best]",),
            ("my favorite color", "the color [I like most|I love|I like best]"),
            (
                "What did I say is my favorite color?",
                "My favorite color is which one?",
                "Which color did I tell you that I like?",
            ),
        ),
        "Your favorite color is {value}.",
    ),
    "food": Fact(
        Phrasings(
            (
                "My favorite food is {value}.",
                "[I like to eat|I love to eat|I most like to eat|The best food is] {value}.",
                "The food I [like|love] [most|best] is {value}.",
                "[I think|I must say] {value} is my favorite food.",
            )
        ),
        asked(
            (
                "[What|Which food] [do I like to eat|do I love to eat|do I like best|do I like most]?",
                "[What|Which] food did I [call my favorite|say is the best|name|speak of]?",
                "If I [am hungry|could eat one thing], what [do I like|would I eat|would I like]?",
            ),
            ("[what|which food] I [like|love] [to eat|most|best]", "what I like to eat"),
            ("my favorite food", "the food [I like most|I love|I like best]"),
            ("What did I say I like to eat?", "Which food is my favorite?", "My favorite food is what?"),
        ),
        "Your favorite food is {value}.",
    ),
    "animal": Fact(
        Phrasings(
            (
                "My favorite animal is {a_value}.",
                "The animal I [like|love] [most|best] is {a_value}.",
                "[Of all animals I like|My best-loved animal is|I think the best animal is] {a_value}.",
            )
        ),
        asked(
            (
                "[What|Which] animal [do I like most|do I love|do I like best|is my favorite|is best to me]?",
                "[What|Which] animal did I [name|call my favorite|say I love|speak of]?",
                "Of all animals, which [one do I like|one do I love|is my favorite]?",
            ),
            ("[what|which] animal I [like|love|like most|like best]",),
            ("my favorite animal", "the animal [I like most|I love|I like best]"),
            (
                "What did I say is my favorite animal?",
                "Which animal did I tell you that I like?",
                "My favorite animal is which one?",
            ),
        ),
        "Your favorite animal is {a_value}.",
    ),
    "town": Fact(
        Phrasings(
            (
                "I live in {value}.",
                "I [live in the town of|have a house in|have lived for years in|have a home in] {value}.",
                "My [home|house] is in [the town of |]{value}.",
            )
        ),
        asked(
            (
                "Where [do I live|is my home|is my house|do I have my home]?",
                "[What|Which] town [do I live in|is my home|is my house in|do I come from]?",
                "[What place|Which place|What town] [did I name as my home|do I call home|do I call my home]?",
                "[Where|In what place] [can you find|would you find|do people find] [me|my house|my home]?",
            ),
            ("where [I live|my home is|my house is]", "[what|which] town I live in"),
            ("my home", "my home town", "the [town|place] [where|in which] I live"),
            ("In which town do I live?", "Where did I say that I live?", "My home is where?"),
        ),
        "You live in {value}.",
    ),
    "age": Fact(
        Phrasings(
            (
                "I am {value}.",
                "I am {value}[ years old| years of age].",
                "[My age is|I am now|I'm] {value}.",
                "I turned {value} this week.",
            )
        ),
        asked(
            (
                "How old am I[| now| today]?",
                "[Of what age am I|How many years have I lived|How many years do I count|How old have I become]?",
                "[And|So|Now], how old am I?",
            ),
            ("how old I am[| now]", "how many years I have lived"),
            ("my age", "my age", "the age I [told you|gave you]"),
            ("What age am I?", "How old did I say I am?", "How many years old am I?"),
        ),
        "You are {value} years old.",
    ),
    "job": Fact(
        Phrasings(("I am {a_value}.", "[I work as|By trade I am|I earn my money as|I have a job as] {a_value}.")),
        asked(
            (
                "[What do I do|What do I work as|What is my trade|What work do I do|What am I by trade]?",
                "[What|Which] [job|work|trade] [did I name|do I do|is mine]?",
                "[How|With what work] do I earn my money?",
            ),
            ("what [my job is|my work is|I work as|I do]", "what I am by trade"),
            ("my job", "my work", "my trade"),
            ("Which job do I have?", "What did I say my job is?", "My job is what?"),
        ),
        "You are {a_value}.",
    ),
    "pet": Fact(
        Phrasings(
            (
                "My {pet} is called {value}.",
                "My {pet} is named {value}.",
                "I have a {pet} [called|named] {value}.",
                "[The name of my {pet} is|I call my {pet}|We named our {pet}] {value}.",
            )
        ),
        asked(
            (
                "What is my {pet} [called|named]?",
                "[How|What] do I call my {pet}?",
                "[And|So|Now], what is my {pet} called?",
                "[What|Which] name [did I give my {pet}|does my {pet} go by|do we call my {pet}]?",
            ),
            ("what [my {pet} is called|I call my {pet}]", "how [my {pet} is called|I call my {pet}]"),
            ("the name of my {pet}", "my {pet}'s name"),
            ("Which name does my {pet} have?", "What did I call my {pet}?", "My {pet} is called what?"),
        ),
        "Your {pet} is called {value}.",
    ),
    "friend": Fact(
        Phrasings(
            (
                "My {kin} is called {value}.",
                "My {kin} is named {value}.",
                "I have a {kin} [called|named] {value}.",
                "[The name of my {kin} is|My {kin}'s name is] {value}.",
            )
        ),
        asked(
            (
                "What is my {kin} [called|named]?",
                "[Who is my {kin}|What name does my {kin} have|How is my {kin} called]?",
                "[So|And|Now|Tell me], [who is my {kin}|what is my {kin} called]?",
                "[What|Which] name [does my {kin} go by|belongs to my {kin}|did I say my {kin} has]?",
            ),
            ("[what|how] my {kin} is called", "what name my {kin} has"),
            ("the name of my {kin}", "my {kin}'s name"),
            ("Do you know who my {kin} is?", "What did I say my {kin} is called?", "My {kin} is called what?"),
        ),
        "Your {kin} is called {value}.",
    ),
    "bought": Fact(
        Phrasings(
            (
                "I bought {a_value}.",
                "I [bought|got] {a_value}[.| today.| yesterday.| in the shop.]",
                "[Today|Yesterday|This morning] I bought {a_value}.",
                "I went to the shop and bought {a_value}.",
            )
        ),
        asked(
            (
                "What did I [buy|get][| in the shop| today| yesterday]?",
                "What [was it that I bought|have I bought|did I find in the shop]?",
                "I bought something[: what is it|: what was it|. What is it|. Which thing is it]?",
                "What [thing did I bring home|did I come home with|did I pay for]?",
            ),
            ("what I [bought|got|bought in the shop]", "[what|which] thing I [bought|brought home]"),
            ("the thing [I bought|that I bought|I got|I paid for]",),
            ("Which thing did I buy?", "What did I say that I bought?", "I bought what?"),
        ),
        "You bought {a_value}.",
    ),
    "place": Fact(
        Phrasings(
            (
                "My {thing} is in the {value}.",
                "[I put|I left|I have put] my {thing} in the {value}.",
                "The {value} is where my {thing} is.",
            )
        ),
        asked(
            (
                "Where [is my {thing}|did I put my {thing}|did I leave my {thing}|can I find my {thing}]?",
                "I [want|need|look for|am looking for] my {thing}. Where is it?",
                "[So|And|Now|Please], where [is my {thing}|did I leave my {thing}|did I put my {thing}]?",
                "My {thing}: [where is it|do you know where it is|where can it be]?",
                "[In what place|Where] [do I find|can one find|have I left|must I look for] my {thing}?",
            ),
            ("where my {thing} is", "where [I put|I left|to find] my {thing}"),
            ("the place [of my {thing}|where my {thing} is]",),
            ("In which place is my {thing}?", "Where did I say my {thing} is?", "My {thing} is where?"),
        ),
        "Your {thing} is in the {value}.",
    ),
}
CORRECT = Phrasings(
    (
        "[No|Sorry|No, sorry|Wait|No, wait|Oh no], {low_tell}",
        "[That was wrong|I made a mistake|I was wrong|That is not right]. {tell}",
    )
)


def value_of(draw: Draw, kind: str) -> str:
    """Something to tell; half of it invented, so that it is the copying that is learned."""
    if kind in ("name", "friend", "pet"):
        return draw.name()
    if kind == "age":
        return str(draw.number(20, 99))
    if kind == "bought":
        return draw.thing()
    invented = draw.chance(0.5)
    if kind == "town":
        return draw.invented().capitalize() if invented else draw.of(TOWNS)
    lists = {"color": HUES, "food": FOODS, "animal": ANIMALS, "job": JOBS, "place": PLACES}
    return draw.invented() if invented else draw.of(lists[kind])


class Told:
    """One fact about one person, with its words chosen."""

    def __init__(self, draw: Draw, kind: str) -> None:
        """A new value for a kind of fact."""
        self.draw, self.fact, self.kind = draw, FACTS_TOLD[kind], kind
        self.slots = {
            "pet": draw.pick(("cat", "dog", "bird", "rabbit", "horse", "fish")),
            "kin": draw.pick(("friend", "teacher", "neighbor", "cousin", "doctor", "boss")),
            "thing": draw.thing(),
        }
        self.change()

    def change(self) -> None:
        """Another value."""
        self.value = self.other()
        self.slots |= slots_of(self.value)

    def other(self) -> str:
        """A value that this is not."""
        while True:
            value = value_of(self.draw, self.kind)
            if value != self.slots.get("value"):
                return value

    def tell(self) -> str:
        """The fact, as the user says it."""
        return self.draw.say(self.fact.tell, **self.slots)

    def correct(self) -> str:
        """The fact in its plainest words, as the user puts it right."""
        tell = self.fact.tell.seen[0].format_map(self.slots)
        low_tell = tell if tell.startswith("I ") else tell[0].lower() + tell[1:]
        return self.draw.say(CORRECT, tell=tell, low_tell=low_tell)

    def ask(self) -> str:
        """The question for it, as people type."""
        return self.draw.ask(self.fact.ask, **self.slots)

    def answer(self, value: str = "") -> str:
        """The fact, as the assistant says it; or with another value, a mistake."""
        return self.fact.answer.format_map(self.slots | (slots_of(value) if value else {}))


def slots_of(value: str) -> dict[str, str]:
    """The value, bare and with its article."""
    return {"value": value, "a_value": article(value)}
