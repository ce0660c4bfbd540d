"""Questions about a story that was just told: who, what, where, why, how did they feel, what came next?"""

from collections.abc import Callable
from itertools import pairwise

from primer.tasks.curriculum.checks import All, Length, Says, SaysNone
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings
from primer.tasks.curriculum.lessons.stories import story_and_request, titled
from primer.tasks.curriculum.story import FEELINGS, Fact, Story, draw_place
from primer.tasks.curriculum.telling import plot_story, small_story
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user

MAX_STORY, MAX_CHARACTERS = 300, 370  # of a story, and with questions and answers: 170 tokens of 256, and some frame
MAX_ANSWER_WORDS = 20


NOWHERE: dict[str, Callable[[Draw], str]] = {
    "who": Draw.name,
    "name": Draw.name,
    "met": Draw.name,
    "where": lambda draw: draw_place(draw).key,
    "feel": lambda draw: draw.pick(("bored", "hungry", "cold", "shy")),
    "end": lambda draw: draw.pick(("went away", "said goodbye")),
}
"""Elements that do not stand in the story."""


def asking(direct: tuple[str, ...], indirect: str, unseen: tuple[str, ...] = ()) -> Phrasings:
    """Ways to ask: direct questions, and a clause ("who had the kite") after all that may stand before one."""
    before = (
        "[Tell me|Please tell me|Say|Now tell me|Now say|Next, tell me]",
        "[I want to know|I would like to know|I wonder|I'd like to know|I need to know]",
        "[I forgot|I have forgotten|I am not sure|Help me, I forgot]",
        "[Remind me|Please remind me|Please say|Next, please tell me]",
        "[Let me know|Please let me know|So tell me|So say|In a few words, tell me]",
    )
    asks = (
        "[Can you tell me|Could you tell me|Do you know|Can you say|Will you tell me|Do you remember|Can you remind me]"
    )
    commands = [f"{frame} {indirect}." for frame in before]
    return Phrasings(
        seen=(*direct, *direct, *commands, f"{asks} {indirect}?"),
        unseen=(*unseen, f"I do not remember {indirect}.", f"It would be nice to know {indirect}."),
    )


ASK = {
    "who": asking(
        (
            "Who {did}?",
            "[So who|And who|Now who] {did}?",
            "Who was it that {did}?",
            "[Which one|Who of them] {did}?",
            "Who {did} in [the|this] story?",
            "[In the story|In this story|Here], who {did}?",
            "Who is the one who {did}?",
            "What is the name of the one who {did}?",
        ),
        "who {did}",
        ("Give me the name of the one who {did}.", "One of them {did}. Who?", "Who was the one that {did}?"),
    ),
    "what": asking(
        (
            "What did {name} {base}?",
            "[So what|And what|Now what] did {name} {base}?",
            "What was it that {name} {past}?",
            "What did {name} {base} in [the|this] story?",
            "[In the story|In this story|Here], what did {name} {base}?",
            "What is the thing that {name} {past}?",
        ),
        "what {name} {past}",
        (
            "What exactly did {name} {base}?",
            "There is something that {name} {past}. What?",
            "What was the thing {name} {past}?",
        ),
    ),
    "where": asking(
        (
            "Where was {name}?",
            "[So where|And where|Now where] was {name}?",
            "In [which|what] place was {name}?",
            "Where was {name} in [the|this] story?",
            "[In the story|In this story|Here], where was {name}?",
            "Where could we find {name}?",
        ),
        "where {name} was",
        ("In the story {name} was somewhere. Where?", "What place was {name} in?", "Where in the story was {name}?"),
    ),
    "where_did": asking(
        (
            "Where did {name} {base}?",
            "[So where|And where|Now where] did {name} {base}?",
            "In [which|what] place did {name} {base}?",
            "Where was it that {name} {past}?",
            "Where did {name} {base} in [the|this] story?",
            "[In the story|In this story|Here], where did {name} {base}?",
        ),
        "where {name} {past}",
        (
            "What is the place where {name} {past}?",
            "Where exactly did {name} {base}?",
            "And the place where {name} {past}?",
        ),
    ),
    "why": asking(
        (
            "Why {verb} {name} {rest}?",
            "[So why|And why|Now why] {verb} {name} {rest}?",
            "Why was it that {name} {verb} {rest}?",
            "Why {verb} {name} {rest} in [the|this] story?",
            "[In the story|In this story|Here], why {verb} {name} {rest}?",
            "What made {name} {rest}?",
        ),
        "why {name} {verb} {rest}",
        (
            "What was it that made {name} {rest}?",
            "In the story {name} {verb} {rest}. Why?",
            "Why {verb} {name} so {rest}?",
        ),
    ),
    "feel": asking(
        (
            "How did {name} feel{when}?",
            "[So how|And how|Now how] did {name} feel{when}?",
            "How was {name}{when}?",
            "What did {name} feel{when}?",
            "How did {name} feel{when} in [the|this] story?",
            "[In the story|In this story|Here], how did {name} feel{when}?",
        ),
        "how {name} felt{when}",
        (
            "What was it that {name} felt{when}?",
            "How exactly did {name} feel{when}?",
            "How was it that {name} felt{when}?",
        ),
    ),
    "next": asking(
        (
            "What happened after {before}?",
            "What [came|was|happened] next, after {before}?",
            "[So what|And what|Now what] happened after {before}?",
            "What happened then, after {before}?",
            "What came after {before}?",
            "What happened in the story after {before}?",
        ),
        "what happened after {before}",
        ("After {before}, what came next?", "And after {before}?", "After {before}, what happened?"),
    ),
    "end": asking(
        (
            "What happened [in|at] the end?",
            "What did they do [in|at] the end?",
            "How did the story end?",
            "How does [the|this] story end?",
            "[So what|And what|Now what] happened [in|at] the end?",
            "What happened at the end of [the|this] story?",
            "What was the end of [the|this] story?",
        ),
        "what happened [in|at] the end",
        ("In the end, what happened?", "What was it that they did in the end?", "And in the end?"),
    ),
    "kind": asking(
        (
            "What was {name}?",
            "[So what|And what|Now what] was {name}?",
            "What kind of [animal or person|character] was {name}?",
            "Who or what was {name}?",
            "What was {name} in [the|this] story?",
            "[In the story|In this story|Here], what was {name}?",
        ),
        "what {name} was",
        ("What exactly was {name}?", "What kind of animal or person is {name}?", "What is {name} in the story?"),
    ),
    "name": asking(
        (
            "What was the name of the {kind}?",
            "What was the {kind} [named|called]?",
            "How was the {kind} [named|called]?",
            "Who was the {kind}?",
            "[So what|And what|Now what] was the name of the {kind}?",
            "[In the story|In this story|Here], what was the name of the {kind}?",
            "What name did the {kind} have?",
        ),
        "[what the {kind} was called|the name of the {kind}|who the {kind} was]",
        ("And the {kind}, what was the name?", "The {kind} has a name. What is it?", "Which name did the {kind} have?"),
    ),
    "order": asking(
        (
            "What did {name} do {when}?",
            "[So what|And what|Now what] did {name} do {when}?",
            "What was it that {name} did {when}?",
            "What did {name} do {when} in [the|this] story?",
            "[In the story|In this story|Here], what did {name} do {when}?",
        ),
        "what {name} did {when}",
        ("What was the thing {name} did {when}?", "What exactly did {name} do {when}?"),
    ),
    "thing": asking(
        (
            "What was {about}?",
            "[So what|And what|Now what] was {about}?",
            "What was {about} in [the|this] story?",
            "[In the story|In this story|Here], what was {about}?",
        ),
        "what {about} was",
        ("What exactly was {about}?", "What kind of thing was {about}?"),
    ),
    "met": asking(
        (
            "Who did {name} meet?",
            "[So who|And who|Now who] did {name} meet?",
            "Who was it that {name} met?",
            "Who did {name} meet in [the|this] story?",
            "[In the story|In this story|Here], who did {name} meet?",
        ),
        "who {name} met",
        ("Which one did {name} meet?", "There is someone that {name} met. Who?"),
    ),
}
"""How each kind of fact is asked for."""
FRAME = Phrasings(
    (
        "{story} {question}", "{story} {question}", "{story}\n{question}", "{story}\n\n{question}",
        "[Here is a story|Here is a short story|A story|Story|This is a story]: {story} {question}",
        "[Read this story|Read this|Listen to this]: {story} {question}",
        "[Here is a story|Story|Read this]: {story}\n[Question|My question|Now the question]: {question}",
        "[Here is a story|A story]: {story} [Question|My question]: {question}",
        "[I have a story for you.|I read a story.|Listen to this.|I wrote a story.] {story} {question}",
    )
)  # fmt: skip
HERE = Phrasings(
    (
        "[Here is a story|Here is a short story|A story for you|Listen|Read this]: {story}",
        "[I have a story for you.|I wrote a story.|Listen to this story.] {story}",
        "[Here is a story. I will ask you about it.|Read this. I have a question about it.] {story}",
    )
)
HEARD = ("Thank you for the story.", "What a nice story! Ask me about it.", "I have read it. What is your question?")


def check_of(story: Story, fact: Fact) -> All:
    """What the answer must say, and what would be another answer: the other elements of its kind."""
    elements = {
        "who": story.names, "name": story.names, "met": [],
        "what": story.things, "thing": story.things, "order": story.things, "next": story.things,
        "where": story.places, "where_did": story.places, "feel": FEELINGS, "kind": story.kinds,
    }  # fmt: skip
    spoken = fact.answer.lower()
    wrong = tuple(one for one in elements.get(fact.kind, ()) if one.lower() not in spoken)
    brief = Length(words=(1, MAX_ANSWER_WORDS), sentences=(0, 1))
    return All((Says(fact.right), SaysNone(wrong), brief))


def worse(draw: Draw, story: Story, fact: Fact) -> str:
    """Another element of the same story or one from nowhere, a rambling answer, or none."""
    check = check_of(story, fact)
    others = [other.answer for other in story.facts if other.kind == fact.kind] + story.sentences
    if fact.kind in ("who", "name") and draw.chance(0.6):
        others = [fact.answer.replace(fact.right[0], name) for name in story.names if name not in fact.right]
    others = [other for other in others if not check((assistant(other),))]
    if others and draw.chance(0.5):
        return draw.pick(others)
    if fact.kind in NOWHERE and draw.chance(0.6):
        return fact.answer.replace(fact.right[-1], NOWHERE[fact.kind](draw))
    if draw.chance(0.7):
        return " ".join([fact.answer, *draw.several(story.sentences, min(2, len(story.sentences)))])
    return draw.pick(("I do not know.", "I don't know that.", "The story does not say it.", "Yes."))


def facts_to_ask(draw: Draw, story: Story, count: int) -> list[Fact]:
    """Different facts, all kinds alike likely: there is more to say of who than of why."""
    left = draw.shuffled(story.facts)
    found: list[Fact] = []
    while left and len(found) < count:
        kind = draw.pick(sorted({fact.kind for fact in left}))
        found.append(next(fact for fact in left if fact.kind == kind))
        left.remove(found[-1])
    return found


def question(draw: Draw) -> Question:
    """A story, now and then some questions that are answered already, and a question."""
    told = draw.chance(0.12)
    if told:
        asked, title, story, _ = story_and_request(draw, short=True)
        while len(asked + title + story.text) > MAX_CHARACTERS:
            asked, title, story, _ = story_and_request(draw, short=True)
    else:
        # Very small stories are most of the training, because many stories teach to read better than long ones;
        # the examination asks about three sentences and more.
        small = draw.chance(0.5 if draw.held_out else 0.68)
        story = small_story(draw) if small else plot_story(draw, short=True)
        while (draw.held_out and len(story.sentences) < 3) or len(story.text) > MAX_STORY:
            story = small_story(draw) if small else plot_story(draw, short=True)
    facts = facts_to_ask(draw, story, draw.pick((1, 1, 2, 3)))
    turns = [(draw.ask(ASK[fact.kind], **fact.slots), fact) for fact in facts]
    around = len(asked + title) if told else 0
    while len(turns) > 1 and around + len(story.text) + sum(len(q) + len(f.answer) for q, f in turns) > MAX_CHARACTERS:
        turns.pop(0)
    first = turns[0][0]
    if told:
        opening = [user(asked), assistant(titled(title, story.text)), user(first)]
    elif draw.chance(0.12):
        opening = [user(draw.say(HERE, story=story.text)), assistant(draw.pick(HEARD)), user(first)]
    else:
        opening = [user(draw.say(FRAME, story=story.text, question=first))]
    prompt: list[Message] = opening
    for (_, fact), (later, _) in pairwise(turns):
        prompt += [assistant(fact.answer), user(later)]
    fact = turns[-1][1]
    return Question(
        prompt=tuple(prompt),
        check=check_of(story, fact),
        answer=(assistant(fact.answer),),
        rejected=(assistant(worse(draw, story, fact)),),
    )


def text(draw: Draw) -> str:
    """A story, and questions about it with their answers."""
    story = small_story(draw) if draw.chance(0.65) else plot_story(draw, short=True)
    facts = facts_to_ask(draw, story, 3 if len(story.text) < 200 else 1)
    pairs = [f"{draw.say(ASK[fact.kind], **fact.slots)} {fact.answer}" for fact in facts]
    return f"{story.text} {' '.join(pairs)}"


LESSON = Lesson("story_questions", question, text, weight=1.4, reinforce=True)
