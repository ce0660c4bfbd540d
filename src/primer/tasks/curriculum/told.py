"""What a person may tell about themselves: how it is told, asked for, and told again."""

from dataclasses import dataclass

from primer.tasks.curriculum.draw import Draw, Phrasings, article
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


@dataclass(frozen=True)
class Fact:
    """Something that a person can tell about: how it is told, asked for, and told again."""

    tell: Phrasings
    ask: Phrasings
    answer: str
    wrong: str = ""
    """What corrects it: "No, my name is {value}."."""


FACTS_TOLD: dict[str, Fact] = {
    "name": Fact(
        Phrasings(
            (
                "My name is {value}.",
                "[I am|I'm|They call me|You can call me|Call me|People call me|I am called] {value}.",
                "[Hello|Hi|Hey|Good morning], [my name is|I am|I'm] {value}[.|!]",
            ),
        ),
        Phrasings(
            seen=(
                "[What is|What's|What was|Do you know|Can you tell me|Do you remember] my name?",
                "[Tell me|Please tell me|Say|Please say|Repeat] my name[.|!| again.]",
                "[Who am I|What am I called|How am I called|What do people call me|Who is talking to you]?",
                "[Do you know|Do you remember|Can you tell me] [who I am|what I am called|what my name is]?",
                "[Tell me|Say|Please tell me] [who I am|what I am called|what my name is].",
                "[And|So|Now], [what is my name|who am I|what am I called]?",
                "My name: [what is it|do you know it|can you say it]?",
                "[I told you my name|I said my name|You know my name]. [What is it|Which one is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] [my name|what I am called|who I am]?",
                "[If you remember it|If you know it]: my name, please.",
            ),
            unseen=(
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
        Phrasings(
            seen=(
                "[What is|What's|What was|Do you know|Do you remember] my favorite color?",
                "[Tell me|Please tell me|Say|Please say] my favorite color[.| again.]",
                "[What|Which] color [do I like most|do I love|do I like best|is my favorite]?",
                "[Do you know|Do you remember|Can you tell me] [what|which] color I [like|love|like most]?",
                "My favorite color: [what is it|do you know it|which one is it]?",
                "[I told you|I said|You know] my favorite color. [What is it|Which one is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] my favorite color?",
                "[If you remember it|If you know it]: my favorite color, please.",
            ),
            unseen=(
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
        Phrasings(
            seen=(
                "[What is|What's|What was|Do you know|Do you remember] my favorite food?",
                "[Tell me|Please tell me|Say|Please say] my favorite food[.| again.]",
                "[What|Which food] [do I like to eat|do I love to eat|do I like best|do I like most]?",
                "[Do you know|Do you remember|Can you tell me] [what|which food] I [like|love] [to eat|most]?",
                "My favorite food: [what is it|do you know it|which one is it]?",
                "[I told you|I said|You know] [my favorite food|what I like to eat]. [What is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] [my favorite food|what I like to eat]?",
                "[If you remember it|If you know it]: my favorite food, please.",
            ),
            unseen=("What did I say I like to eat?", "Which food is my favorite?", "My favorite food is what?"),
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
        Phrasings(
            seen=(
                "[What is|What's|What was|Do you know|Do you remember] my favorite animal?",
                "[Tell me|Please tell me|Say|Please say] my favorite animal[.| again.]",
                "[What|Which] animal [do I like most|do I love|do I like best|is my favorite]?",
                "[Do you know|Do you remember|Can you tell me] [what|which] animal I [like|love|like most]?",
                "My favorite animal: [what is it|do you know it|which one is it]?",
                "[I told you|I said|You know] my favorite animal. [What is it|Which one is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] my favorite animal?",
                "[If you remember it|If you know it]: my favorite animal, please.",
            ),
            unseen=(
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
        Phrasings(
            seen=(
                "Where [do I live|is my home|is my house|do I have my home]?",
                "[What|Which] town [do I live in|is my home|is my house in]?",
                "[Do you know|Do you remember|Can you tell me] where [I live|my home is|my house is]?",
                "[Tell me|Say|Please tell me] where [I live|my home is|my house is].",
                "My home: [where is it|do you know where it is|in which town is it]?",
                "[I told you|I said|You know] where I live. [Where is it|Which town is it|Where was it]?",
                "[Did I tell you|Have I told you|Did I mention] where I live?",
                "[What place|Which place|What town] [did I name as my home|do I call home|do I call my home]?",
            ),
            unseen=("In which town do I live?", "Where did I say that I live?", "My home is where?"),
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
        Phrasings(
            seen=(
                "How old am I[| now| today]?",
                "[What is|What's|Do you know|Do you remember|Can you tell me] my age?",
                "[Do you know|Do you remember|Can you tell me] how old I am[| now]?",
                "[Tell me|Say|Please tell me|Please say] [my age|how old I am].",
                "My age: [what is it|do you know it|how old am I]?",
                "[I told you|I said|You know] [my age|how old I am]. [How old am I|What is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] [my age|how old I am]?",
                "[If you remember it|If you know it]: my age, please.",
            ),
            unseen=("What age am I?", "How old did I say I am?", "How many years old am I?"),
        ),
        "You are {value} years old.",
    ),
    "job": Fact(
        Phrasings(("I am {a_value}.", "[I work as|By trade I am|I earn my money as|I have a job as] {a_value}.")),
        Phrasings(
            seen=(
                "[What is|What's|What was|Do you know|Do you remember|Can you tell me] my job?",
                "[What do I do|What do I work as|What is my work|What work do I do|What am I by trade]?",
                "[Do you know|Do you remember|Can you tell me] what [my job is|my work is|I work as]?",
                "[Tell me|Say|Please tell me] what [my job is|my work is|I work as].",
                "My [job|work]: [what is it|do you know it|which one is it]?",
                "[I told you|I said|You know] [my job|what I work as]. [What is it|Which one is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] [my job|what I work as|what my work is]?",
                "[If you remember it|If you know it]: my job, please.",
            ),
            unseen=("Which job do I have?", "What did I say my job is?", "My job is what?"),
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
        Phrasings(
            seen=(
                "What is [my {pet} called|my {pet} named|the name of my {pet}]?",
                "[What's|Do you know|Can you tell me|Do you remember] [the name of my {pet}|my {pet}'s name]?",
                "[Tell me|Say|Please tell me] [the name of my {pet}|my {pet}'s name].",
                "[How|What] do I call my {pet}?",
                "[And|So|Now], what is my {pet} called?",
                "[What|Which] name [did I give my {pet}|does my {pet} go by|do we call my {pet}]?",
                "My {pet}: what is [its name|it called|the name]?",
                "[I told you|I said|You know] the name of my {pet}. [What is it|Which one is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] [the name of my {pet}|my {pet}'s name]?",
                "[If you remember it|If you know it]: the name of my {pet}, please.",
            ),
            unseen=("Which name does my {pet} have?", "What did I call my {pet}?", "My {pet} is called what?"),
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
        Phrasings(
            seen=(
                "What is [my {kin} called|my {kin} named|the name of my {kin}|my {kin}'s name]?",
                "[Do you know|Can you tell me|Do you remember] [the name of my {kin}|my {kin}'s name]?",
                "[Tell me|Say|Please tell me] [the name of my {kin}|my {kin}'s name].",
                "[So|And|Now|Tell me], [who is my {kin}|what is my {kin} called]?",
                "[Who is my {kin}|What name does my {kin} have]?",
                "My {kin}: [who is it|what is the name|do you know the name]?",
                "[I told you|I said|You know] the name of my {kin}. [What is it|Which one is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] [the name of my {kin}|my {kin}'s name]?",
                "[If you remember it|If you know it]: the name of my {kin}, please.",
            ),
            unseen=("Do you know who my {kin} is?", "What did I say my {kin} is called?", "My {kin} is called what?"),
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
        Phrasings(
            seen=(
                "What did I [buy|get][| in the shop| today| yesterday]?",
                "What [was it that I bought|have I bought|is the thing I bought]?",
                "[Do you know|Do you remember|Can you tell me] what I [bought|got]?",
                "[Tell me|Say|Please tell me] what I [bought|got].",
                "I bought something[: what is it|: what was it|. What is it|. Which thing is it]?",
                "[I told you|I said|You know] what I bought. [What is it|What thing is it|What was it]?",
                "[Did I tell you|Have I told you|Did I mention] what I [bought|got]?",
                "What [thing did I bring home|did I come home with|did I pay for]?",
            ),
            unseen=("Which thing did I buy?", "What did I say that I bought?", "I bought what?"),
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
        Phrasings(
            seen=(
                "Where [is my {thing}|did I put my {thing}|did I leave my {thing}|can I find my {thing}]?",
                "[Do you know|Do you remember|Can you tell me] where my {thing} is?",
                "[Tell me|Say|Please tell me] where my {thing} is.",
                "I [want|need|look for] my {thing}. Where is it?",
                "[So|And|Now|Please], where [is my {thing}|did I leave my {thing}|did I put my {thing}]?",
                "My {thing}: [where is it|do you know where it is|where can it be]?",
                "[I told you|I said|You know] where my {thing} is. [Where is it|Which place is it|Where was it]?",
                "[Did I tell you|Have I told you|Did I mention] where my {thing} is?",
                "[If you remember it|If you know it]: where is my {thing}?",
            ),
            unseen=("In which place is my {thing}?", "Where did I say my {thing} is?", "My {thing} is where?"),
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
