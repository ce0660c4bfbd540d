"""Honest "I don't know": what nobody could know, and what lies outside the small world.

Many of these look like questions that have an answer ("What does a plimor say?" beside "What does a cow say?"): only
the word that means nothing tells them apart. The lesson `known` asks the others.
"""

from primer.tasks.curriculum import words
from primer.tasks.curriculum.checks import SaysOne
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings, article, plural
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user

ADMITS = ("don't know", "do not know", "cannot know", "can't know")
PLAIN = "I'm sorry, I don't know that."
ABOUT_YOU = "I'm sorry, I don't know that about you."
ABOUT_NOW = "I'm sorry, I don't know that. I cannot see the world outside."

COUNTRIES = tuple(
    """Albania Algeria Angola Argentina Armenia Austria Belgium Bolivia Brazil Bulgaria Canada Chad Chile China Colombia
    Croatia Cuba Cyprus Denmark Egypt Estonia Finland France Georgia Germany Ghana Greece Hungary Iceland India Iran
    Iraq Ireland Israel Italy Jamaica Japan Jordan Kenya Laos Latvia Libya Malta Mexico Morocco Nepal Norway Oman Peru
    Poland Portugal Romania Russia Senegal Serbia Spain Sudan Sweden Syria Togo Turkey Uganda Ukraine Vietnam Yemen
    Zambia""".split()
)
STRANGE_ANIMALS = tuple(
    """llama walrus otter beaver badger hamster ferret lizard lobster octopus peacock pelican pigeon puma raccoon salmon
    seal skunk sloth stork swallow tuna vulture weasel yak moose lynx jackal hyena hippo gorilla gazelle falcon dingo
    coyote cobra cheetah buffalo baboon armadillo alligator antelope bison""".split()
)
SCIENCE = tuple(
    """gravity electricity magnetism energy plasma oxygen helium hydrogen nitrogen uranium algebra calculus geometry
    arithmetic chemistry biology physics psychology philosophy economics politics evolution radiation relativity
    inflation democracy astronomy geology sociology genetics photosynthesis probability logic metabolism friction
    entropy""".split()
)

PERSON = Phrasings(
    seen=(
        "Who [is|was] {name} {last}?", "[Do you know|Have you heard of] {name} {last}?",
        "Where does {name} {last} live?",
        "[Tell me|Please tell me] [about|something about|who is] {name} {last}.",
        "What [is|was] {name} {last} known for?",
        "How old is {name} {last}?", "When was {name} {last} born?", "What does {name} {last} do?",
        "Where is {name} {last}?",
        "[Tell me|Do you know|I want to know] [how old {name} {last} is|where {name} {last} lives].",
        "Is {name} {last} [married|rich|famous|a doctor|a teacher]?",
        "What is the [job|age|phone number] of {name} {last}?",
        "I [met|know] {name} {last}. [How old is she|How old is he|Where was he born|What is her job]?",
        "What did {name} {last} [write|paint|invent|say|win]?", "What is {name} {last} [thinking|doing] [now|today]?",
        "[Is|Was] {name} {last} [tall|old|kind|alive|a king]?", "Has {name} {last} [a dog|a wife|children|a car]?",
        "[Describe|Explain to me who is] {name} {last}.", "[Why|How|When] did {name} {last} become [famous|rich]?",
        "[My teacher|My friend|Someone] [spoke of|likes] {name} {last}. [Who is that?|Why?|Where is that from?]",
        "I [read|heard] about {name} {last}. [Who is it|When was that|Where was it]?",
        "[Which|What] [town|school|family|team] does {name} {last} come from?",
        "{name} {last}[?|: do you know her?|, what do you know of him?|. Where from?]",
        "[Can|Could|Will] you [say|explain|find out] [who {name} {last} was|where {name} {last} lives]?",
        "[Give me|I need|Find] the [age|address|job|story] of {name} {last}.",
    ),
    unseen=(
        "Can you tell me who {name} {last} is?", "I want to know about {name} {last}.",
        "What do you know about {name} {last}?",
        "In which year was {name} {last} born?", "Where can I find {name} {last}?", "{name} {last}: who is that?",
    ),
)  # fmt: skip
PLACE = Phrasings(
    seen=(
        "What is the capital of {place}?", "Where is {place}?", "How many people live in {place}?",
        "Who is the [king|queen|president] of {place}?",
        "How big is {place}?", "What language do people [speak|use] in {place}?", "How [far|long] is it to {place}?",
        "[Tell me|Do you know|I want to know|Say] [where {place} is|how big {place} is|the capital of {place}].",
        "What is the weather [like |]in {place}?", "What do people eat in {place}?",
        "Have you been to {place}? [Where is it|How big is it]?",
        "Tell me [about|something about|a fact about] {place}.", "What money do people use in {place}?",
        "How old is {place}?",
        "What is the [biggest city|highest mountain|longest river] in {place}?", "When did {place} become a country?",
        "Is {place} [big|far away|cold|near here|a city]?", "[Which|What] [flag|sea|river|food] has {place}?",
        "[Why|When] should I [go to|visit|see] {place}?", "I [go|fly|will go] to {place}. [What is there|Is it far]?",
        "[Describe|Show me] {place}.", "[Give me|I need|Name] the [capital|king|language|money] of {place}.",
        "Who lives in {place}?", "My friend is from {place}. [Where is that|How big is that|How far is it]?",
    ),
    unseen=(
        "Which city is the capital of {place}?", "What do you know about {place}?", "Where can I find {place}?",
        "How do people live in {place}?",
        "Can you tell me how many people live in {place}?", "Who is king in {place}?",
    ),
)  # fmt: skip
CREATURE = Phrasings(
    seen=(
        "What does {a} say?", "What does {a} eat?", "Where does {a} live?", "How many legs does {a} have?",
        "What color is {a}?",
        "[What|Which] sound does {a} make?", "What is a baby {s} called?", "Can {a} [fly|swim|jump|talk|climb trees]?",
        "What is {a}?",
        "What do {p} eat?", "Where can I find {a}?", "How does {a} sound?", "What is the color of {a}?",
        "Does {a} lay eggs?",
        "[Tell me|Do you know|I wonder|Can you tell me] [what {a} says|what {a} eats|where {a} lives|what {a} is].",
        "What is the [opposite|shape|taste] of {s}?", "What is {a} [for|made of|used for]?", "How does {a} taste?",
        "Tell me about {p}.", "How [old|big|heavy|fast] is {a}?",
        "[I have|I saw|I bought] {a}. [What does it eat|What does it say|How old is it|Where does it live|What is it]?",
        "[What|Which] animal is {a}?", "Do {p} [swim|fly|bite|sing|jump|lay eggs]?", "How many legs has {a}?",
        "[Give me|Name|Say] the [sound|food|home|color] of {a}.", "[Where|How|When] do {p} [sleep|live|grow]?",
        "[What|Which] [food|home|noise] does {a} [like|have|need]?", "Is {a} [big|small|red|a bird|a tool|a fish]?",
        "[Describe|Explain] {a}[| to me].", "My [sister|friend] has {a}. [What does it eat|Can it fly|Is it big]?",
        "[Is {a}|Would {a} be|Are all {p}] able to [swim|jump|sing|climb]?",
        "[How|What] do people call [{a}|a young {s}|the child of {a}]?",
        "[What is the name|What is the word|Is there a word] for [a young {s}|a baby {s}|the baby of {a}]?",
        "[I would like|I need|I have] to know [what|which] [sound|color|food] {a} [has|likes|needs].",
    ),
    unseen=(
        "What would {a} like to eat?", "What is the home of {a}?", "I want to know what sound {a} makes.",
        "What do you know about {p}?",
        "What do you call a baby {s}?", "Are {p} able to fly?", "Which color does {a} have?",
    ),
)  # fmt: skip
PRIVATE = Phrasings(
    seen=(
        "What is my [age|name|favorite {y}|phone number|address|last name|job|middle name]?", "How old am I?",
        "Where do I [live|work|come from|go to school]?",
        "When is my birthday?",
        "What did I [eat|do|dream|say|buy|read] [yesterday|last night|this morning|today|last week]?",
        "Where [is|did I put|did I leave] my {thing}?",
        "What am I [thinking|thinking of|doing|wearing|holding][ now| right now|]?",
        "What is the name of my [mother|father|teacher|dog|cat|boss|school|street|best friend]?",
        "How many {things} do I have?",
        "What color is my {thing}?", "Who gave me my {thing}?",
        "Do you know [where my {thing} is|how old I am|where I live|my birthday]?",
        "[Tell me|Guess|Say] [my age|where I live|what I ate today|who my best friend is|what I have in my hand].",
        "How much money do I have?", "Who is my [best friend|teacher|boss|neighbor]?", "What will I [eat|do] tonight?",
        "What is in my [pocket|bag|room|house]?", "How much did my {thing} cost?",
        "[Why|When] did I [lose|sell|paint|break] my {thing}?", "Is my {thing} [red|old|at home|broken|lost]?",
        "[Who|What] did I [meet|see|call] [yesterday|last week]?", "Do I have [many {things}|a dog|a sister]?",
        "[Say|Name] my [age|street|best friend|sister].", "How [tall|old|rich|heavy] am I?",
        "I lost my {thing}. Where [must|can|shall] I look?", "[Find|Describe] my {thing}.",
        "[What|Which] [sort|size|color] of {thing} [have I|is mine]?",
        "[Can|Could|Will] you [guess|find out|say] "
        "[where my {thing} is|my age|what I did today|what I bought last week]?",
    ),
    unseen=(
        "Can you tell me where my {thing} is?", "Do you remember what I ate today?",
        "I forgot where I put my {thing}. Where is it?",
        "What kind of {thing} do I have?", "Can you guess how old I am?", "When did I buy my {thing}?",
    ),
)  # fmt: skip
NOW = Phrasings(
    seen=(
        "What [time|day] is it [now|today|right now]?",
        "What is [the date|the date today|today's date|the weather today|the time]?",
        "What is the weather [like|like today|like now|like here|like outside]?",
        "Is it [raining|snowing|sunny|cold|warm|dark] [now|today|outside|here]?",
        "What is [in the news|the news today|new in the world]?",
        "Who won the [game|match|race|vote] [yesterday|last night|today]?",
        "What happened [today|yesterday|in the world today|in the news|in {place}]?",
        "What is on TV [tonight|today|now]?",
        "Do I need an umbrella today?", "What year is it[ now|]?", "What month is it[ now|]?",
        "Who is the president now?", "What day is today?",
        "[Tell me|Do you know|Can you tell me] [the time|the date|the news|what day it is|today's weather].",
        "How much does a {thing} cost [today|now|in the shop]?", "Is the shop open [now|today]?",
        "When does the [bus|train|shop] [come|leave|open]?",
        "Does the sun shine [now|today|here]?", "[Say|Give me|I need] the [time|date|news|weather].",
        "[Who|What] is [at the door|outside|in the street][ now|]?", "How [late|cold|warm] is it[ now| today| here|]?",
        "Are the shops [open|closed] [now|today]?", "What did people do [today|this morning|last night]?",
        "[Can you see|Do you see|Look at|Have a look at] [the weather|the sky|the street|the world] "
        "[outside|out there|now].",
        "[I need|I would like|I have] to know [the time|the date|the news|what day it is|if it rains].",
        "[Look out of|Go to] the window. [Is it raining|How is the weather|What do you see]?",
    ),
    unseen=(
        "Can you look outside and tell me the weather?", "I want to know what time it is.",
        "How is the weather today?", "Which day is it today?",
        "Is it warm outside today?", "What is new today?", "Tell me today's date.",
    ),
)  # fmt: skip
RECORD = Phrasings(
    seen=(
        "Who invented the {thing}?", "When was the [first |]{thing} [made|invented|built|sold]?",
        "Who is the [fastest|tallest|oldest|richest] [man|woman|person]?",
        "What is the [record|world record] for {doing}?", "Who won the [cup|gold medal|prize] in {year}?",
        "What happened in [the year |]{year}?",
        "Who was [king|queen|president] in {year}?", "Who wrote the book {title}?",
        "When did the [war|great war|fire of {place}] [begin|end]?",
        "[Tell me|Do you know] [who invented the {thing}|what happened in {year}|who won in {year}].",
        "Who sang the song {title}?",
        "How [high|old|far away|heavy] is the [highest mountain|oldest tree|sun|moon|biggest ship]?",
        "What is the story of the film {title}?",
        "How many {things} [are made|are sold|are lost] [in a year|every day|every year]?",
        "How many people were born in {year}?",
        "[Why|Where|How] did the [war|race] of {year} [begin|end]?", "Who [made|built|sold] the first {thing}?",
        "[Which|What] [team|man|woman|land] won in {year}?", "I [read|heard] about {year}. What happened?",
        "[Give me|Name|Say] the [winner|king|president] of {year}.", "Who [painted|made|sang] {title}?",
        "Is {title} a [book|song|film]? Who made it?", "How was the {thing} invented?",
        "[What|Which] [year|day] was it when "
        "[the {thing} was invented|someone made the first {thing}|{place} won the cup]?",
        "[Can|Could|Will] you [say|explain|find out] [who made the first {thing}|who won the prize in {year}]?",
    ),
    unseen=(
        "Can you tell me who invented the {thing}?", "In which year was the first {thing} made?",
        "Can you say what happened in {year}?",
        "Who is the writer of the book {title}?", "What was in the news in {year}?",
        "Which person won the prize in {year}?",
    ),
)  # fmt: skip
DEEP = Phrasings(
    seen=(
        "How does {topic} work?", "What is {topic}?", "What does {topic} mean?",
        "[Explain|Teach me|Tell me about|Describe] {topic}.", "What are the [laws|rules|parts|secrets] of {topic}?",
        "Who [discovered|found|studied] {topic} first?", "Why [is there|do we need|do people study] {topic}?",
        "What do you know about {topic}?",
        "Can you [explain|teach me|tell me about] {topic}?",
        "I have a test about {topic}. [Can you explain it|What should I know]?",
        "What is the theory of {topic}?",
        "[I want to|I have to|I need to|Help me to] [learn|know|read] about {topic}.", "Why is {topic} so hard?",
        "Where does {topic} come from?",
        "[Is|Was] {topic} [useful|old|dangerous|easy]?", "[Give me|I need] [a lesson|a fact|a page] about {topic}.",
        "My [teacher|brother] [asks|talks] about {topic}. What is it?", "When did people find out about {topic}?",
        "[Say|Write] [something|two words|a sentence] about {topic}.", "[Which|What] is the use of {topic}?",
        "[Can|Could|Would|Will] you [explain|describe] [to me |][how {topic} works|what {topic} is]?",
        "[Do you|Does anyone] [know|understand] [how {topic} works|what {topic} is]?",
        "I don't understand {topic}.",
    ),
    unseen=(
        "How would you explain {topic}?", "Help me learn about {topic}.", "What should I know about {topic}?",
        "Tell me how {topic} works.",
        "Do you know anything about {topic}?",
    ),
)  # fmt: skip
COUNTLESS = Phrasings(
    seen=(
        "How many {many} are there [in the world|in {place}|in all|on earth|today]?",
        "How many {many} [does|did] {name} [have|see|find|count]?",
        "How many {many} will there be [next year|tomorrow|in ten years]?",
        "[Tell me|Do you know|Guess|Say] how many {many} there are [in the world|in {place}|on earth].",
        "What is the number of {many} [in the world|in {place}|on earth]?",
        "[Count|Please count] [all |]the {many} [in the world|in {place}|on earth].",
        "How many {many} [live|are born|are lost|are found] [every day|each year|every hour]?",
        "How many {many} did people see [today|yesterday|last year]?",
        "[Give me|I need|Say] the number of {many} [in the world|in {place}|on earth].",
        "Are there more {many} [now|today|in {place}] than [before|last year|in the sea]?",
        "[Who|Which man] counted [all |]the {many}?",
    ),
    unseen=(
        "Can you tell me how many {many} there are in the world?", "Can you count the {many} in {place}?",
        "How many {many} can I find in {place}?",
        "The world has how many {many}?",
    ),
)  # fmt: skip
FUTURE = Phrasings(
    seen=(
        "Will [I|{name}|my sister] [win|be happy|pass the test|find the {thing}|marry][ tomorrow| one day| soon|]?",
        "What will [happen|I do|the weather be|{name} do|people eat] [tomorrow|next year|in ten years|next week]?",
        "Who will win [tomorrow|the game|the race|next year]?",
        "Will it [rain|snow|be sunny|be cold|be warm] [tomorrow|next week|on Sunday|tonight]?",
        "When will [I|{name}] [marry|move away|find the {thing}|come back|be rich]?",
        "[Tell me|Do you know|Guess] what will happen [tomorrow|next year|in ten years].",
        "[Tell me|Do you know] if it will rain tomorrow.",
        "What number will win [tomorrow|the lottery|next week]?", "What will a {thing} cost [next year|in ten years]?",
        "How old will {name} get?",
        "[Tell me|Say] [my future|the future|the future of {name}].",
        "Who will be the next [king|president|queen][ of {place}|]?",
    ),
    unseen=(
        "Can you tell me what tomorrow will be like?", "Can you see my future?",
        "I want to know if {name} will win tomorrow.", "Is it going to rain tomorrow?",
        "How will the weather be next week?", "Do you know when {name} will come back?",
    ),
)  # fmt: skip
MANY = tuple(
    """stars trees ants books cats birds clouds rivers roads cars houses shoes boats bees dreams songs words stones
    leaves fish windows doors flowers apples dogs schools shops bridges buttons candles cups teeth hats kites lamps
    letters mice planes pencils rooms ships snakes spoons towers trains wheels""".split()
)
DOING = ("running", "jumping", "swimming", "eating cakes", "singing", "sleeping", "walking", "climbing", "reading")
LIKED = ("color", "food", "book", "song", "game", "animal", "drink", "day", "film")
GROUPS = (
    (PERSON, PLAIN, ("{name} {last} is a famous doctor.", "{name} {last} lives in {place}.",
     "{name} {last} is {n} years old.")),
    (PLACE, PLAIN, ("The capital is {x}.", "About {n} people live in {place}.", "{place} is near {x}.",
     "Yes, I was in {place} last year.")),
    (CREATURE, PLAIN, ("{A} says moo.", "{A} eats grass.", "{A} lives in a barn.", "{A} is red.", "{A} has four legs.",
     "{A} is an animal.")),
    (CREATURE, PLAIN, ("{A} says quack.", "{A} eats {things}.", "{A} lives in a nest.", "Yes, {a} can fly.",
     "{A} is a tool.")),
    (PRIVATE, ABOUT_YOU, ("It is {name}.", "You have {n}.", "It is green.", "Your {thing} is under the bed.",
     "You ate bread.")),
    (NOW, ABOUT_NOW, ("It is sunny and warm.", "It is Monday.", "It is {n}.", "It is nine in the morning.",
     "It rains in {place}.")),
    (RECORD, PLAIN, ("It was {name} {last}.", "It was in {year}.", "It is {n}.", "{name} {last} from {place} did it.")),
    (DEEP, PLAIN, ("Yes, {topic} is made of {things}.", "{name} {last} found {topic} in {year}.",
     "{topic} comes from {place}.")),
    (COUNTLESS, PLAIN, ("There are {n} {many}.", "About {n}, I think.", "It is {n}.")),
    (FUTURE, PLAIN, ("Yes, I am sure of it.", "No, never.", "It will be {name}.", "It will happen in {year}.",
     "It will be sunny.")),
)  # fmt: skip
"""What is asked, what is answered, and what someone would say who makes answers up."""


def elements(draw: Draw) -> dict[str, object]:
    """What the phrasings are about; all of it from open classes, so that the model cannot know it."""
    creature = draw.invented((1, 2)) if draw.chance(0.6) else draw.of(STRANGE_ANIMALS)
    thing = draw.thing()
    return {
        "name": draw.name(),
        "last": draw.invented((2, 2)).capitalize(),
        "place": draw.of(COUNTRIES) if draw.chance(0.5) else draw.invented((2, 3)).capitalize(),
        "a": article(creature),
        "s": creature,
        "A": article(creature).capitalize(),
        "p": plural(creature),
        "thing": thing,
        "things": plural(thing),
        "many": draw.of(MANY),
        "topic": draw.of(SCIENCE),
        "year": draw.number(1000, 2090),
        "title": f'"The {draw.of(words.ANY_WORDS).capitalize()} {draw.of(words.THINGS).capitalize()}"',
        "n": draw.number(20, 900),
        "x": draw.invented((2, 2)).capitalize(),
        "doing": draw.pick(DOING),
        "y": draw.pick(LIKED),
    }


def question(draw: Draw) -> Question:
    """Something to admit not to know."""
    phrasings, admission, inventions = draw.pick(GROUPS)
    slots = elements(draw)
    asked = draw.ask(phrasings, **slots)
    invention = draw.pick(inventions).format_map(slots)
    before: tuple[Message, ...] = ()
    if draw.chance(0.1):
        other, admitted, _ = draw.pick(GROUPS)
        before = (user(draw.ask(other, **elements(draw))), assistant(admitted))
    return Question(
        prompt=(*before, user(asked)),
        check=SaysOne(ADMITS),
        answer=(assistant(admission),),
        rejected=(assistant(invention[0].upper() + invention[1:]),),
    )


def text(draw: Draw) -> str:
    """Someone asks, and is told honestly."""
    phrasings, admission, _ = draw.pick(GROUPS)
    name, asked = draw.name(), draw.say(phrasings, **elements(draw))
    asked = asked[0].upper() + asked[1:]
    return draw.pick((
        f'{name} asked: "{asked}" Nobody knew. Primer said: "{admission}" It is good to be honest.',
        f'"{asked}" asked {name}. Primer said: "{admission}" That is better than to make up an answer.',
    ))  # fmt: skip


LESSON = Lesson("unknown", question, text, weight=1.8, reinforce=True)
