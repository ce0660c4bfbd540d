"""Telling a story with the elements asked for: a name, a kind of animal or person, a place, a thing.

A title says again what was asked for: what stands a line above is not forgotten as easily as what the user said. It
does not count: the elements have to come in the story.
"""

import re
from dataclasses import dataclass

from primer.tasks.curriculum import words
from primer.tasks.curriculum.checks import All, Length, Test, has_phrase
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings, article
from primer.tasks.curriculum.plots import PLOTS
from primer.tasks.curriculum.story import Story, draw_character, draw_kind, draw_place
from primer.tasks.curriculum.telling import tell
from primer.tasks.task import Question
from primer.text.chat import assistant, user

REQUEST = Phrasings(
    seen=(
        "[Tell|Tell me|Please tell me|Write|Write me] a [story|short story|little story] about {about}.",
        "[Please write|Give me|Make up|Please make up|Invent] a [story|short story|little story] about {about}.",
        "[Can|Could|Would|Will] you [please tell me|tell me|tell us] a [story|little story|short story] about {about}?",
        "[Can|Could|Would|Will] you [write|make up|write me] a [story|little story|short story] about {about}?",
        "[I want|I would like|I'd like|I need|We want] a [story|short story|bedtime story] about {about}.",
        "[I want|I would like|I'd like] to [hear|read] a [story|little story] about {about}.",
        "[I want|I would like] you to tell me a story about {about}.",
        "[A story|One story|A short story|Story time! A story] about {about}[, please.|.|!]",
        "[Do you know|Have you got] a [story|good story|nice story] about {about}?",
        "[Tell|Read] me [something|a tale|a fairy tale|a bedtime story] about {about}.",
        "[Let's hear|Let me hear|May I have|Can I have|Can we have] a story about {about}[.|, please.]",
        "[My child|My son|My daughter|My little sister] [wants|would like] a story about {about}.",
        "[The story should be|It should be a story|Make it a story|Think of a story] about {about}.",
        "[It is bedtime|I am bored|I can't sleep|It is raining]. [Tell|Please tell|Write] me a story about {about}.",
        "[Tonight|Today|Now|This time] [I want|we want|I need] a story about {about}.",
        "[For my class|For the children|For my friends], [tell|write|make up] a story about {about}.",
        "[I feel like|I would enjoy|I love|Nothing is better than] a [story|good story] about {about}.",
        "[Before bed|Before I sleep|At bedtime|In the evening] I like to hear a story about {about}.",
        "[About|On] {about}: [tell me a story|a story, please|write me a story|do you know a story?]",
        "[Is there|Do you have] [any story|some tale|a tale] about {about}?",
        "[Say|Tell me|Write] something [nice|funny|good] about {about}, as a story.",
        "[Think about|Remember|Imagine] {about}. [Now tell me a story|Make a story of it|What is the story?]",
        "[Let me hear|I want to hear|Tell me|Write] of {about}, in [a tale|a fairy tale|a short story].",
        "[Something|Anything] about {about}[ as a story| as a tale|, told as a tale|, in the form of a story], please.",
        "[Of|About] {about} [I want|we want|I'd like|she wants] [to hear a tale|a story|to read a story].",
        "[What|Which] [tale|adventure|fairy tale] [do you know|can you think of|comes to mind] about {about}?",
        "[What happens|What could happen|Who comes] in a story about {about}?",
        "[Why not tell|Let us have|It is time for|Now for] a [story|tale|funny story] about {about}[.|!|, please.]",
        "[Another one|One more|The next story], [this time |please |]about {about}[.|!]",
        "[Can you make|Have you|Do you remember] a [tale|story|fairy tale] [of|about] {about}[?| for me?]",
        "[Tell|Write|Make up] a [tale|story|short story] about {about} for [my daughter|my friends|the class|a child].",
        "[I am|We are] [ready|waiting] for a [story|tale] about {about}.",
        "[Let|May] a [story|tale] about {about} begin[.|!]",
        "[I have time|There is time|I am in bed], so tell me a story about {about}.",
        "[A girl|A boy|Somebody] in the [house|room|garden] wants a story about {about}.",
    ),
    unseen=(
        "Once more, a little tale about {about}, please.",
        "I am in the mood for a story about {about}.",
        "How about a story about {about}?",
        "Write down a nice little story about {about} for my son.",
        "What story can you tell me about {about}?",
        "We would love to hear about {about} in a story.",
    ),
)
LIST_REQUEST = Phrasings(
    seen=(
        "[Tell me|Write|Make up|Give me] a [story|short story] with {list}.",
        "[Tell me|Write|Make up] a [story|short story] with {list} in it.",
        "[Use|Please use] {list} in a [story|short story].",
        "[Can|Could] you [tell|write|make up] a story with {list}[?| in it?]",
        "[I want|I would like|I'd like|We want] a story with {list}[.| in it.]",
        "[Tell me|Write|Give me] a story. [It should have|Put in] {list}.",
        "A [story|short story] with {list}[.|, please.]",
        "[Make|Create|Build] a [story|short story|little story] out of {list}.",
        "[With|Using] {list}, [tell|write|make up|please tell] a story.",
        "[I have|I see|There is|Take] {list}. [Make a story of that|Tell me a story with it|Write a story.]",
        "[A story|Tell me a story|I want a story] in which there is {list}[.|, please.]",
        "[May|Can] {list} come in [a story|your story]? [Tell it|Tell it to me|Write it], please.",
        "[Write|Tell me|Give me|Invent] something [with|about|that has] {list}[.|, please.| as a tale.| as a story.]",
        "[A tale|A fairy tale|A little tale] [with|that has] {list}[.|, please.|!]",
        "[Let|Have] {list} [come|appear|be] in a [tale|story].",
        "[Take|Use] {list} and [tell|write|make up] something[.| nice.| funny.]",
        "[What|Which] [tale|adventure] [do you know|can you think of] with {list}[?| in it?]",
        "[Why not tell|Let us have|It is time for|Now for] a [story|tale] with {list}[.|!|, please.]",
        "[Write|Tell|Make up] a [tale|story] with {list} for [my daughter|my friends|the class|a child].",
        "[Mix|Put] {list} [together|into one tale|into a tale][.|, please.]",
    ),
    unseen=(
        "Put {list} in a story for me.",
        "Make up something short with {list} in it.",
        "I would like to read a story that has {list} in it.",
        "Could there be a story with {list}?",
    ),
)
MAX_STORY = 340  # characters: with title and request some 200 tokens of 256
TITLE = re.compile(r"^A story (about|with) .*\n+")
ELEMENTS = ("name", "kind", "place", "thing")


def request(draw: Draw, asked: dict[str, str]) -> tuple[str, str]:
    """The words that ask for these elements (name, kind, place as "in the barn", thing), and a title that has them."""
    name, kind, place = asked.get("name", ""), asked.get("kind", ""), asked.get("place", "")
    who = name
    if kind:
        who = article(kind)
    if name and kind:
        who = draw.pick((f"{article(kind)} named {name}", f"{article(kind)} called {name}", f"{name} the {kind}"))
    thing = article(asked["thing"]) if "thing" in asked else ""
    if who and thing and draw.chance(0.4):
        about = f"{who} {draw.pick(('with', 'who finds', 'who has', 'who wants', 'who loses', 'and'))} {thing}"
        return about_it(draw, f"{about} {place}".strip())
    # "A boud and a plir": which of two new words is somebody, only their order can tell; a name tells it anywhere.
    parts = [part for part in (draw.shuffled((who, thing)) if name else (who, thing)) if part]
    if parts and draw.chance(0.4):
        parts += [place.split(" ", 1)[1]] if place else []
        together = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        return draw.ask(LIST_REQUEST, list=together), f"A story with {together}."
    if not parts:
        return about_it(draw, place.split(" ", 1)[1])
    return about_it(draw, f"{' and '.join(parts)} {place}".strip())


def about_it(draw: Draw, about: str) -> tuple[str, str]:
    """A request for a story about it, and the title."""
    return draw.ask(REQUEST, about=about), f"A story about {about}."


def titled(title: str, story: str) -> str:
    """A story below its title."""
    return f"{title}\n\n{story}"


def story_and_request(draw: Draw, short: bool = False) -> tuple[str, str, Story, tuple[str, ...]]:
    """A request, the title of a story that fulfils it, the story, and the phrases that must stand in it.

    Training asks for more than the examination does: who is who among several is what has to be learned.
    What is asked for is of an open class. What the story adds by itself is of the plain lists: words that nobody could
    guess would teach to babble.
    """
    wanted = draw.several(ELEMENTS, draw.pick((1, 1, 2, 2, 2, 3, 3) if draw.held_out else (1, 2, 2, 2, 3, 3, 3)))
    kind = draw_kind(draw, open_class="kind" in wanted)
    hero = draw_character(draw, kind, open_class="name" in wanted)
    place = draw_place(draw, open_class="place" in wanted)
    thing = draw.thing() if "thing" in wanted else draw.of(words.THINGS)
    helper = draw_character(draw, open_class=False)
    story = tell(draw, draw.pick(PLOTS), hero, helper, place, thing, short)
    while len(story.text) > MAX_STORY:
        story = tell(draw, draw.pick(PLOTS), hero, helper, place, thing, short)
    phrases = {"name": hero.name, "kind": hero.kind, "place": place.at, "thing": thing}
    keys = {**phrases, "place": place.key}
    asked = {element: phrases[element] for element in wanted}
    return *request(draw, asked), story, tuple(keys[element] for element in wanted)


def below_title(text: str) -> str:
    """A story without its title.

    >>> below_title("A story about a kite.\\n\\nOnce there was an owl."), below_title("Once there was an owl.")
    ('Once there was an owl.', 'Once there was an owl.')
    """
    return TITLE.sub("", text)


@dataclass(frozen=True)
class Holds:
    """All of these phrases stand in the story, below its title."""

    all: tuple[str, ...]

    def __call__(self, text: str) -> bool:
        return all(has_phrase(below_title(text), phrase) for phrase in self.all)


def ends_well(text: str) -> bool:
    """Whether a text comes to a full stop."""
    return re.search(r"[.!?][\"']?$", text.strip()) is not None


def question(draw: Draw) -> Question:
    """Tell a story with one to three elements."""
    asked, title, story, needed = story_and_request(draw)
    without = [sentence for sentence in story.sentences if needed[0] not in sentence]
    cut = story.text[: len(story.text) * 2 // 3].rsplit(" ", 1)[0].rstrip(".,:!")
    worse = draw.pick((cut, " ".join(without[:2]) or cut, story.sentences[0]))
    bad = "I do not feel like telling a story now." if draw.chance(0.25) else titled(title, worse)
    return Question(
        prompt=(user(asked),),
        check=All((Test(Holds(needed)), Length(words=(30, 150), sentences=(4, 20)), Test(ends_well))),
        answer=(assistant(titled(title, story.text)),),
        rejected=(assistant(bad),),
        samples=5 if draw.held_out else 1,
    )


def text(draw: Draw) -> str:
    """A story."""
    _, title, story, _ = story_and_request(draw)
    return titled(title, story.text)


LESSON = Lesson("stories", question, text, weight=0.8)
