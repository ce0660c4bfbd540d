"""How the small world is asked about: each kind of fact in one sentence, and the very many ways to ask for it.

A kind says its question directly ("What does a cow say?"), as a clause ("what a cow says") and as a noun ("the sound
of a cow"); clauses and nouns are then put in frames that all kinds share ("Do you know …?", "I forgot …."), so that
a frame learned with cows serves for Mondays. Slots: {a} the subject, {s} and {p} the subject without article and its
plural, {u} what is counted, {y} the value; {A} and {Y} with a capital.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from primer.tasks.curriculum import world
from primer.tasks.curriculum.draw import Phrasings

CLAUSE = Phrasings(
    seen=(
        "[Tell me|Please tell me|Say|Please say|Just tell me|Now tell me|Let me know|Remind me] {}.",
        "[Can|Could|Will] you [tell me|say|explain|teach me|help me find out] {}?",
        "[Do you know|Do you happen to know|Any idea|Can you guess|Have you learned] {}?",
        "I [want|need|have|wish|am trying] to [know|learn|find out|remember] {}.",
        "I [wonder|forgot|don't know|cannot remember|must find out] {}.",
        "[My friend|My sister|A child|My son|Someone] [asked me|asks|wants to know] {}.",
    ),
    unseen=(
        "Would you tell me {}?",
        "I would like to know {}.",
        "Do you remember {}?",
        "My brother asks {}.",
        "Please help me remember {}.",
    ),
)
NOUN = Phrasings(
    seen=(
        "[What is|What's|Which is|Now what is] {}?",
        "[Tell me|Name|Give me|Say|Write|Please name|Please give me|Please tell me] {}.",
        "[Can|Could|Will] you [tell me|name|give me|say] {}?",
        "[Do you know|Do you remember|Have you learned] {}?",
        "I [need|want|forgot|am looking for|want to know|cannot remember] {}[.|. What is it?]",
        "{}[?|, what is it?|, do you know it?]",
    ),
    unseen=("I would like to know {}.", "What do you think is {}?", "Please help me remember {}.", "Let me know {}."),
)
STATEMENT = Phrasings(
    seen=(
        "Is it [true|right|correct|so] that {}?",
        "[True or false|Right or wrong|Yes or no|True or not]: {}[?|.]",
        "{}[, right?|, is that right?|, true or false?|. Is that true?|. Is that right?|. True?|, yes?]",
        "[I think|I believe|Someone said|My friend says|I heard|I read] {}. [Is that true?|Is that right?|Right?]",
        "[Do you think|Would you say|Do you believe] [that |]{}?",
        "[Do you agree|Would you agree|Would it be fair to say|Can one say] that {}?",
        "[My book says|A man told me|They say|One hears] [that |]{}. [Do you agree?|Is it so?|Really?|True or false?]",
        "{}[: fact or not?|. Do you agree?|. Really?|, correct?|, I suppose?|, isn't it so?]",
        "[Tell me|Say] if it is [true|so|right] that {}.",
        "[Please check|Check|Look at] this: {}.",
        "{}[, no?|, or not?|. Is it so?|: is it so?|. Or am I mistaken?|. Can that be?]",
        "[I suppose|I guess|I would say|You would say|It seems] [that |]{}. [Yes or no?|Or not?|True?|Yes?]",
        "[Can you confirm|Can it be|Could it be|Is it known|Is it a fact] that {}?",
        "[Answer yes or no|Say yes or no|Yes or no, please|A yes or a no]: {}.",
    ),
    unseen=("Am I right that {}?", "My sister says {}. Is that right?", "I think {}, is that true?", "{}, yes or no?"),
)


def capital(template: str) -> str:
    """A sentence begins with a capital, also where a slot stands first."""
    if template[0] == "{":
        return "{" + template[1].upper() + template[2:]
    return template if template[0] == "[" else template[0].upper() + template[1:]


def framed(frames: Sequence[str], fillings: Sequence[str]) -> tuple[str, ...]:
    """Every filling in every frame."""
    return tuple(capital(frame.replace("{}", filling)) for filling in fillings for frame in frames)


def ways(
    direct: Sequence[str], clauses: Sequence[str] = (), nouns: Sequence[str] = (), unseen: Sequence[str] = ()
) -> Phrasings:
    """All ways to ask. The direct ones stand three times, because people mostly ask so."""
    return Phrasings(
        seen=tuple(direct) * 3 + framed(CLAUSE.seen, clauses) + framed(NOUN.seen, nouns),
        unseen=tuple(unseen) * 2 + framed(CLAUSE.unseen, clauses[:1]) + framed(NOUN.unseen, nouns[:1]),
    )


@dataclass(frozen=True)
class Kind:
    """One table, the sentence that states a row of it, and the questions that this sentence answers."""

    facts: Mapping[str, str]
    states: str
    ask: Phrasings
    """For the value."""
    back: Phrasings = field(default_factory=lambda: Phrasings(()))
    """For the subject, given the value."""
    whether: Phrasings = field(default_factory=lambda: Phrasings(()))
    """Whether it is this value."""

    def whether_ways(self) -> Phrasings:
        """With a statement in frames that all kinds share, and the kind's own yes-or-no questions."""
        return Phrasings(
            seen=self.whether.seen * 3 + framed(STATEMENT.seen, (self.states,)),
            unseen=self.whether.unseen * 2 + framed(STATEMENT.unseen, (self.states,)),
        )


KINDS = (
    Kind(
        world.SOUNDS,
        "{a} says {y}",
        ways(
            (
                "What does {a} say?", "[What|Which] [sound|noise] does {a} make?", "How does {a} sound?",
                "What do you hear from {a}?", "{A} makes [what|which] sound?", "What do {p} say?",
                "If {a} could talk, what would it say?", "Make [the sound of {a}|a sound like {a}].",
                "[What|Which] [sound|noise] comes from {a}?", "Which sound belongs to {a}?",
                "I hear {a}. What does it say?", "{A} goes what?",
            ),
            ("what {a} says", "[what|which] sound {a} makes", "how {a} sounds"),
            ("the [sound|noise] of {a}", "the [sound|noise] [that |]{a} makes"),
            ("What is it that {a} says?", "Which sound do you hear from {a}?", "What can you hear {a} say?"),
        ),
        ways(
            (
                "[Which|What] animal says {y}?", "Who says {y}?", "[Which|What] animal makes the sound {y}?",
                "[I hear {y}.|I hear {y}!] [Which|What] animal is it?", "What kind of animal goes {y}?",
                "{Y}! Who [says|said] that?", "{Y}: which animal is that?", "Which animal is it if I hear {y}?",
            ),
            ("[which|what] animal says {y}", "who says {y}"),
            ("the animal that says {y}",),
            ("Which animal do I hear if it says {y}?", "It says {y}. Which animal is it?",
             "What animal is it that says {y}?"),
        ),
        Phrasings(("Does {a} say {y}?", "[Would|Can] {a} say {y}?", "Is {y} [what {a} says|the sound of {a}]?",
                   "Is it {a} that says {y}?", "Do I hear {y} from {a}?"),
                  ("Is {y} the sound that {a} makes?", "Will {a} say {y}?")),
    ),
    Kind(
        world.BABIES,
        "a baby {s} is called {y}",
        ways(
            (
                "What is a baby {s} called?", "What do [you|we|people] call a baby {s}?",
                "What is the [name|word] for a baby {s}?", "What is the [baby|young|child] of {a} called?",
                "How do you call a young {s}?", "{A} has a baby. What is it called?", "A baby {s} is called what?",
                "{A} and its baby: what is the baby?", "There is a baby {s}. What do we call it?",
                "What would you call a [little|very young] {s}?",
            ),
            ("what a baby {s} is called", "[what|how] [you|we] call [a baby {s}|the baby of {a}]"),
            ("the [name|word] for [a baby {s}|a young {s}|the baby of {a}]", "the baby of {a}"),
            ("What name has a baby {s}?", "What do you call the young of {a}?", "What is a young {s} called?"),
        ),
        ways(
            (
                "[Which|What] animal has {y}?", "Whose baby is {y}?", "{Y} is the baby of which animal?",
                "What is {y}?", "What [will|does] {y} grow up to be?",
                "Which animal is the [mother|parent] of {y}?", "What does {y} become when it is big?",
                "{Y}: whose child is it?", "A mother has {y}. Which animal is she?",
            ),
            ("[which|what] animal has {y}", "whose baby is {y}", "what {y} is"),
            ("the [mother|parent] of {y}",),
            ("{Y} is whose baby?", "What animal is {y}?", "{Y} is a baby of what animal?"),
        ),
        Phrasings(("Is a baby {s} [called |]{y}?", "Do you call a baby {s} {y}?", "Is the baby of {a} {y}?",
                   "Is {y} [what a baby {s} is called|the baby of {a}]?", "Would you say {y} for a baby {s}?"),
                  ("Is a young {s} called {y}?", "Is {y} a baby {s}?")),
    ),
    Kind(
        world.HOMES,
        "{a} lives {y}",
        ways(
            (
                "Where does {a} live?", "Where is the home of {a}?", "Where [can I|do you|would you] find {a}?",
                "Where do {p} [live|sleep]?", "In what place does {a} live?", "{A} lives where?",
                "What is the home of {a}?", "Where does {a} [sleep|have its home|stay]?",
                "{A} goes home. Where to?", "Where is it that {a} lives?", "Where would {a} have its bed?",
            ),
            ("where {a} lives", "where [to find|I can find] {a}", "where {a} [sleeps|stays]"),
            ("the home of {a}", "the place where {a} lives"),
            ("Where has {a} its home?", "In which place can I find {a}?", "What place is home to {a}?"),
        ),
        ways(
            (
                "[Which|What] animal lives {y}?", "Who lives {y}?", "[Which|What] animal [can I|do you] find {y}?",
                "[Which|What] animal has its home {y}?", "What lives {y}?", "[Which|What] animal is found {y}?",
                "There is an animal {y}. Which one?",
            ),
            ("[which|what] animal lives {y}", "who lives {y}"),
            ("[an|the] animal that lives {y}",),
            ("What animal is at home {y}?", "Which animal sleeps {y}?"),
        ),
        Phrasings(("Does {a} live {y}?", "[Can|Do] you find {a} {y}?", "Is the home of {a} {y}?", "Would {a} live {y}?",
                   "Is it {y} that {a} lives?"),
                  ("Can I find {a} {y}?", "Does {a} have its home {y}?")),
    ),
    Kind(
        world.DIETS,
        "{a} eats {y}",
        ways(
            (
                "What does {a} eat?", "What do {p} [eat|like to eat]?", "What is the [favorite |]food of {a}?",
                "What [should I|can I|do you] [give|feed] {a}?", "[What|Which] food does {a} [like|eat|need]?",
                "{A} eats what?", "{A} is hungry. What does it [eat|want|need]?", "What is good food for {a}?",
                "What does {a} have for dinner?", "What do I put out for {a}?",
            ),
            ("what {a} eats", "what {a} likes to eat", "what to feed {a}"),
            ("the [favorite |]food of {a}", "the food that {a} [eats|likes]"),
            ("What would {a} like to eat?", "What food can I give {a}?", "{A} likes to eat what?"),
        ),
        ways(
            ("[Which|What] animal eats {y}?", "Who [eats|likes to eat] {y}?", "[Which|What] animal likes {y}?",
             "[Which|What] animal can I feed {y}?", "Who has {y} for dinner?",
             "[Which|What] animal would you give {y}?"),
            ("[which|what] animal eats {y}", "who eats {y}"),
            ("an animal that [eats|likes] {y}",),
            ("Which animal likes to eat {y}?", "Who would eat {y}?"),
        ),
        Phrasings(("Does {a} [eat|like] {y}?", "Do {p} eat {y}?", "Can {a} eat {y}?", "Would {a} eat {y}?",
                   "Does {a} have {y} for dinner?", "Should I give {a} {y}?"),
                  ("Does {a} like to eat {y}?", "Will {a} eat {y}?")),
    ),
    Kind(
        world.COLORS,
        "{a} is {y}",
        ways(
            (
                "[What|Which] [color|colour] is {a}?", "What is the [color|colour] of {a}?",
                "[What|Which] [color|colour] does {a} have?", "{A} [is|has] [what|which] [color|colour]?",
                "I [want to|will] [paint|draw] {a}. [What|Which] [color|colour] [do I need|should I use]?",
                "How would you color {a}?", "I see {a}. What color do I see?",
                "Think of {a}. [What|Which] color is it?", "{A}: [what|which] color?",
                "[What|Which] crayon do I take for {a}?",
            ),
            ("[what|which] [color|colour] {a} [is|has]",),
            ("the [color|colour] of {a}", "the [color|colour] that {a} has"),
            ("What color would you paint {a}?", "In what color should I draw {a}?", "Of which color is {a}?"),
        ),
        whether=Phrasings(("Is {a} {y}?", "Is the color of {a} {y}?", "Should I [paint|draw] {a} {y}?",
                           "{A}: is it {y}?", "Do I need {y} to [paint|draw] {a}?"),
                          ("Would you paint {a} {y}?", "Does {a} have the color {y}?")),
    ),
    Kind(
        world.TASTES,
        "{a} tastes {y}",
        ways(
            (
                "How does {a} taste?", "What does {a} taste like?", "What taste does {a} have?", "{A} tastes how?",
                "What is {a} like [to eat|on your tongue]?", "What do you taste when you [try|have] {a}?",
                "Does {a} taste [sweet or sour|sour or sweet|salty or sweet|sweet, sour, salty, hot or bitter]?",
                "Describe the taste of {a}.", "I have {a} in my mouth. What do I taste?",
                "{A}: sweet, sour, or what else?",
            ),
            ("how {a} tastes", "what {a} tastes like", "[what|which] taste {a} has"),
            ("the taste of {a}", "the taste that {a} has"),
            ("Which taste has {a}?", "If I eat {a}, how does it taste?", "What is it like to taste {a}?"),
        ),
        whether=Phrasings(("Does {a} taste {y}?", "Is {a} {y} [to taste|to eat]?", "Is the taste of {a} {y}?",
                           "{A}: does it taste {y}?"),
                          ("Will {a} taste {y}?", "Does {a} have a {y} taste?")),
    ),
    Kind(
        world.OPPOSITES,
        "the opposite of {a} is {y}",
        ways(
            (
                "What is the opposite of {a}?", "What's the opposite of {a}?",
                "What is the opposite word [for|to|of] {a}?",
                "[Which|What] word is the opposite of {a}?", "If [it|something] is not {a}, what is it?",
                "{A} is the opposite of what?", "{A} and its opposite: what is it?", "Not {a}, but what?",
                "What do you call the opposite of {a}?", "{A}. Opposite?", "The opposite of {a} is?",
                "I say {a}, you say the opposite.", "Find the opposite: {a}.", "What is the contrary of {a}?",
                "[Which|What] word stands against {a}?", "Turn {a} into its opposite.",
            ),
            ("what the opposite of {a} is", "[which|what] word is the opposite of {a}"),
            ("the opposite of {a}", "the opposite of the word {a}", "[a|the] word that is the opposite of {a}"),
            ("What is opposite to {a}?", "Which is the opposite word of {a}?", "Opposite of {a}: what is it?"),
        ),
        whether=Phrasings(("Is {y} the opposite of {a}?", "Is the opposite of {a} {y}?", "Are {a} and {y} opposites?",
                           "{A} and {y}: are these opposites?", "Are {a} and {y} a pair of opposites?"),
                          ("Is the word {y} the opposite of {a}?", "Are {y} and {a} opposite words?")),
    ),
    Kind(
        world.PLURALS,
        "the plural of {a} is {y}",
        ways(
            (
                "What is the plural of {a}?", "What's the plural of {a}?", "How do you say {a} in the plural?",
                "[What|Which] word is the plural of {a}?", "One {a}, two what?", "What is the plural form of {a}?",
                "One {a} and one more {a}: two what?", "How do you say more than one {a}?", "{A}. Plural?",
                "What do you call two of them, if one is [called |]{a}?", "What do you call more than one {a}?",
                "Write {a} as a plural.", "There is not one {a} but three. Three what?", "Make a plural of {a}.",
            ),
            ("what the plural of {a} is", "how to say {a} in the plural", "how you say more than one {a}"),
            ("the plural of {a}", "the plural [form |]of the word {a}", "the word for more than one {a}"),
            ("What is {a} in the plural?", "One {a}, many what?", "What do you say for more than one {a}?"),
        ),
        whether=Phrasings(("Is {y} the plural of {a}?", "Is the plural of {a} {y}?", "One {a}, two {y}: right?",
                           "Is it {y} if there is more than one {a}?"),
                          ("Do you say {y} for more than one {a}?", "Is the word {y} the plural of {a}?")),
    ),
    Kind(
        world.RELATIVES,
        "your {a} is your {y}",
        ways(
            (
                "Who is my {a}?", "What [is|do I call] my {a}?", "What do you call your {a}?", "My {a} is my what?",
                "My {a} is called what?", "What is my {a} to me?", "My {a}: who is [that|it]?",
                "What is the [word|name] for my {a}?", "How am I to call my {a}?", "How is my {a} called?",
                "I visit my {a}. Whom do I visit?", "Say what my {a} is.",
            ),
            ("who my {a} is", "what I [call|should call] my {a}", "what my {a} is to me"),
            ("the [word|name] for my {a}", "the [word|name] for your {a}"),
            ("What should I call my {a}?", "How should I call my {a}?", "My {a}, who is that to me?"),
        ),
        whether=Phrasings(("Is my {a} my {y}?", "Do I call my {a} my {y}?", "Is {y} the [word|name] for my {a}?",
                           "Is my {a} called my {y}?", "Would my {a} be my {y}?"),
                          ("Should I call my {a} my {y}?", "Am I to call my {a} my {y}?")),
    ),
    Kind(
        world.JOBS,
        "{a} {y}",
        ways(
            (
                "What does {a} do?", "What is the [job|work] of {a}?", "What does {a} do [at work|all day|every day]?",
                "What kind of work does {a} do?", "{A} does what?", "What do {p} do?", "What is {a} [for|good at]?",
                "I want to be {a}. What would I do?", "How does {a} spend the day?", "Describe the work of {a}.",
            ),
            ("what {a} does", "what {a} does at work", "what the work of {a} is"),
            ("the [job|work] of {a}",),
            ("What work does {a} do every day?", "What is it that {a} does?", "At work, what does {a} do?"),
        ),
        ways(
            ("Who {y}?", "Whose [job|work] is it? This person {y}.", "[Which|What] person {y}?",
             "Someone {y}. [Who is it?|Who is that?|What is this person?]", "What do you call someone who {y}?",
             "My [uncle|aunt|friend] {y}. What is the name of this job?", "[Which|What] job is it if someone {y}?",
             "Name the one who {y}."),
            ("who {y}", "what you call someone who {y}"),
            ("the [name|word] for someone who {y}", "the person who {y}"),
            ("This person {y}. Who is it?", "Who is it that {y}?", "What is someone who {y}?"),
        ),
    ),
    Kind(
        world.WORKPLACES,
        "{a} works {y}",
        ways(
            (
                "Where does {a} work?", "Where is {a} at work?", "In [what|which] place does {a} work?",
                "Where do {p} work?", "{A} works where?", "Where does {a} [do the work|go to work]?",
                "What is the workplace of {a}?", "Where does {a} spend the [day|work day]?",
                "Where must {a} be to work?", "Where would I see {a} at work?",
            ),
            ("where {a} works", "where {a} [does the work|goes to work]", "in [what|which] place {a} works"),
            ("the workplace of {a}", "the place where {a} works"),
            ("What place does {a} work in?", "At which place does {a} work?", "Where is the work of {a}?"),
        ),
        ways(
            ("Who works {y}?", "Someone works {y}. Who is it?", "[Which|What] person works {y}?",
             "I am {y}. Who works here?"),
            ("who works {y}",),
            ("someone who works {y}",),
            ("Who goes to work {y}?", "Who is at work {y}?"),
        ),
        Phrasings(("Does {a} work {y}?", "Do {p} work {y}?", "Is {a} at work {y}?",
                   "Can I see {a} at work {y}?", "Is it {y} that {a} works?"),
                  ("Does {a} go to work {y}?", "Will {a} work {y}?")),
    ),
    Kind(
        world.USES,
        "you use {a} to {y}",
        ways(
            (
                "What is {a} for?", "What do [you|we|people] use {a} for?", "What is {a} used for?",
                "What can [I|you] do with {a}?", "Why do [people|we] [have|need|use] {a}?",
                "What does {a} help you do?",
                "I have {a}. What can I do with it?", "What is the use of {a}?",
                "I found {a}. What is it good for?", "{A} is good for what?", "Why would I take {a}?",
            ),
            ("what {a} is for", "what [you|we] use {a} for", "what I can do with {a}", "what {a} is used for"),
            ("the use of {a}",),
            ("What would you do with {a}?", "What do you need {a} for?", "For what do people use {a}?"),
        ),
        ways(
            ("What do [you|I|we] [use|need] to {y}?", "What can I use to {y}?",
             "I [want|need|have] to {y}. What do I [need|use]?",
             "With what do you {y}?", "[Which|What] thing do you use to {y}?", "What helps me to {y}?",
             "What is used to {y}?", "How do I {y}? With what?"),
            ("what I [use|need] to {y}", "what [people|you] use to {y}"),
            ("[a|the] thing that you use to {y}",),
            ("What should I use to {y}?", "If I want to {y}, what do I need?", "What do people need to {y}?"),
        ),
        Phrasings(("Do you use {a} to {y}?", "Can I {y} with {a}?", "Is {a} used to {y}?", "Do I need {a} to {y}?",
                   "Is {a} good to {y}?", "Would I take {a} to {y}?"),
                  ("Should I use {a} to {y}?", "Do people use {a} to {y}?")),
    ),
    Kind(
        world.FOUND,
        "you find {a} {y}",
        ways(
            (
                "Where [can I|do you|can you|do I] find {a}?", "Where are there {a}?",
                "Where [should|must|do] I look for {a}?",
                "Where do I [go|have to go] to [find|see|get] {a}?",
                "I am looking for {a}. Where [can I go|should I look]?",
                "{A} can be found where?", "In [what|which] place [can I|do you] find {a}?",
                "Where would you look for {a}?", "I want to see {a}. Where do I go?", "To find {a}, where do I go?",
            ),
            ("where [I can|you|to] find {a}", "where there are {a}", "where to look for {a}"),
            ("[a|the] place where [you|I can] find {a}", "a place with {a}"),
            ("Where would I find {a}?", "Where should I go to find {a}?", "What place has {a}?"),
        ),
        ways(
            ("What [can I|do you|can you|do I] find {y}?", "What is there {y}?", "What [can I|do you] see {y}?",
             "I am {y}. What can I [find|see] here?", "Name something you find {y}.", "What might I find {y}?"),
            ("what [I can|you] find {y}", "what there is {y}"),
            (),
            ("What would I find {y}?", "What can be found {y}?"),
        ),
        Phrasings(("[Can I|Do you|Can you] find {a} {y}?", "Are there {a} {y}?", "Do I find {a} {y}?",
                   "Does one find {a} {y}?", "Is it {y} that I find {a}?"),
                  ("Would I find {a} {y}?", "Should I look for {a} {y}?")),
    ),
)  # fmt: skip
