"""Stories told: whole plots, and very small ones of two to four sentences about several characters, in which only
reading helps: who had which of two things?"""

from collections.abc import Callable

from primer.tasks.curriculum import story as grammar
from primer.tasks.curriculum.draw import Draw, Phrasings, article
from primer.tasks.curriculum.plots import ENDING, FEELING, OPENINGS, PLOTS, SKILLS
from primer.tasks.curriculum.story import Beat, Character, Fact, Place, Plot, Story, draw_character, draw_place

OWNING = (
    ("have", "had"), ("find", "found"), ("want", "wanted"), ("buy", "bought"), ("make", "made"), ("lose", "lost"),
    ("see", "saw"), ("hide", "hid"), ("carry", "carried"), ("wash", "washed"), ("draw", "drew"), ("bring", "brought"),
    ("sell", "sold"), ("drop", "dropped"), ("like", "liked"), ("take", "took"), ("hold", "held"), ("paint", "painted"),
)  # fmt: skip
"""What one may do with a thing."""
DOING = tuple(verb for verb in OWNING if verb[0] not in ("have", "want", "like", "hold", "lose"))
"""What one does and then does something else."""
STAYING = (
    ("live", "lived"), ("play", "played"), ("sleep", "slept"), ("wait", "waited"), ("sit", "sat"), ("work", "worked"),
    ("sing", "sang"), ("hide", "hid"), ("walk", "walked"), ("rest", "rested"),
)  # fmt: skip
"""What one may do somewhere."""
REASONS = (
    ("he had lost {his} {thing}", ("lost",)), ("he had broken {his} {thing}", ("broken",)),
    ("he could not find {his} {thing}", ("find",)), ("the {thing} was gone", ("gone",)),
    ("{his} {thing} was dirty", ("dirty",)), ("{his} {thing} was wet", ("wet",)),
    ("he had found {a_thing}", ("found",)), ("he had won {a_thing}", ("won",)), ("he got {a_thing}", ("got",)),
    ("{his} {thing} was new", ("new",)), ("he saw {a_thing}", ("saw",)), ("he had made {a_thing}", ("made",)),
)  # fmt: skip
"""Why one is sad (the first half) or happy; "he" stands for either pronoun."""


def tell(draw: Draw, plot: Plot, hero: Character, helper: Character, place: Place, thing: str, short: bool) -> Story:
    """The plot with these elements: five to eight sentences, or about four if `short`: some beats are left out."""
    slots = {
        "hero": hero.name, "kind": hero.kind, "a_kind": article(hero.kind), "he": hero.he, "He": hero.he.capitalize(),
        "his": hero.his, "His": hero.his.capitalize(), "him": hero.him, "helper": helper.name,
        "friend": _introduced(draw, helper, hero), "newcomer": _introduced(draw, helper), "skill": draw.pick(SKILLS),
        "place": place.at, "Place": place.at[0].upper() + place.at[1:], "place_key": place.key, "thing": thing,
        "a_thing": article(thing), "spot": draw.pick(grammar.SPOTS), "feeling": draw.pick(grammar.GOOD_FEELINGS),
        "bad": draw.pick(plot.moods), "ending": draw.pick(grammar.ENDINGS),
    }  # fmt: skip
    story = Story(
        names=[hero.name, helper.name], things=[thing], places=[place.key], kinds=[hero.kind, helper.kind],
        plot=plot.name, wish=plot.wish.format_map(slots), hero=hero, helper=helper, feeling=slots["feeling"],
        ending=slots["ending"],
    )  # fmt: skip
    for beat in (draw.pick(OPENINGS), *plot.beats, FEELING, ENDING):
        left_out = 0.65 if short else 0.35 * (beat in plot.beats)
        if not (beat.optional and draw.chance(left_out)):
            _add(story, draw, beat, slots)
    return story


def _introduced(draw: Draw, someone: Character, friend_of: Character | None = None) -> str:
    """How someone comes in: "an owl named Mina"."""
    ways = [f"{article(someone.kind)} named {someone.name}", f"{someone.name} the {someone.kind}"]
    return draw.pick([*ways, f"{friend_of.his} friend {someone.name}"] if friend_of else ways)


def _add(story: Story, draw: Draw, beat: Beat, slots: dict[str, str]) -> None:
    """One more sentence, and what is true by it."""
    sentence = draw.say(Phrasings(beat.ways), **slots)
    story.sentences.append(sentence[0].upper() + sentence[1:])
    story.facts += [fact.filled(slots) for fact in beat.facts]


def plot_story(draw: Draw, short: bool) -> Story:
    """Any plot, its elements open classes."""
    hero, helper = draw_character(draw), draw_character(draw)
    return tell(draw, draw.pick(PLOTS), hero, helper, draw_place(draw), draw.thing(), short)


def _cast(draw: Draw, story: Story, count: int) -> list[Character]:
    """Some characters of whom only the names will be told."""
    found = [draw_character(draw, kind="") for _ in range(count)]
    story.names += [someone.name for someone in found]
    return found


def _owners(draw: Draw, story: Story) -> None:
    """Two or three with a thing each: who had which?"""
    verbs = draw.several(OWNING, 3) if draw.chance(0.4) else [draw.pick(OWNING)] * 3
    for someone, (base, past) in zip(_cast(draw, story, 3 if draw.chance(0.25) else 2), verbs, strict=False):
        _own(draw, story, someone, base, past)


def _own(draw: Draw, story: Story, someone: Character, base: str, past: str, subject: str = "") -> None:
    """ "Ann found a kite." """
    thing = draw.thing()
    story.things.append(thing)
    story.sentences.append(f"{subject or someone.name} {past} {article(thing)}.")
    story.facts.append(grammar.what(base, past, article(thing), someone.name, (thing,)))
    story.facts.append(grammar.who(f"{past} {article(thing) if draw.chance(0.3) else 'the ' + thing}", someone.name))


def _places(draw: Draw, story: Story) -> None:
    """Two, or rarely three, each in another place: who was where?"""
    verbs = [draw.pick(STAYING) if draw.chance(0.5) else ("be", "was")] * 3
    if draw.chance(0.3):
        verbs = draw.several(STAYING, 3)
    for someone, (base, past) in zip(_cast(draw, story, 3 if draw.chance(0.2) else 2), verbs, strict=False):
        _stay(draw, story, someone, base, past)


def _stay(draw: Draw, story: Story, someone: Character, base: str, past: str, subject: str = "") -> None:
    """ "Ann played in the barn." """
    place = draw_place(draw)
    story.places.append(place.key)
    story.sentences.append(f"{subject or someone.name} {past} {place.at}.")
    story.facts.append(grammar.who(f"{past} {place.at}", someone.name))
    if past == "was":
        story.facts.append(grammar.where(someone.name, place.at, place.key))
    else:
        story.facts.append(grammar.where_did(base, past, someone.name, place.at, place.key))


def _moods(draw: Draw, story: Story) -> None:
    """One or two with a feeling and its reason."""
    used: list[str] = []
    for someone in _cast(draw, story, 2 if draw.chance(0.7) else 1):
        number = draw.random.randrange(len(REASONS))
        reason, right = REASONS[number]
        feelings = grammar.LOSS if number < len(REASONS) // 2 else grammar.GOOD_FEELINGS
        feeling = draw.pick([one for one in feelings if one not in used])
        used.append(feeling)
        thing = draw.thing()
        story.things.append(thing)
        because = reason.format(his=someone.his, thing=thing, a_thing=article(thing))
        because = someone.he + because[2:] if because.startswith("he ") else because
        verb = draw.pick(("was", "felt"))
        if draw.chance(0.2):
            story.sentences.append(f"{someone.name} {verb} {feeling}, because {because}.")
        else:
            story.sentences.append(f"{someone.name} {verb} {feeling} because {because}.")
        story.facts.append(grammar.why(someone.name, verb, feeling, because, (*right, thing)))
        story.facts.append(grammar.feel(someone.name, feeling, ""))
        story.facts.append(grammar.who(f"{verb} {feeling}", someone.name))


def _days(draw: Draw, story: Story) -> None:
    """First this, then that, last something else: what came next?"""
    (someone,) = _cast(draw, story, 1)
    done = []
    for marker, (base, past) in zip(("First", "Then", "Last"), draw.several(DOING, 3), strict=True):
        _own(draw, story, someone, base, past, subject=f"{marker} {someone.name}")
        thing = story.things[-1]
        done.append(f"{someone.name} {past} {article(thing)}")
        slots = {"name": someone.name, "when": marker.lower()}
        story.facts.append(Fact("order", slots, f"{marker} {done[-1]}.", (thing,)))
    for before, after, thing in zip(done, done[1:], story.things[-2:], strict=False):
        story.facts.append(grammar.then(before, f"{after}.", (thing,)))


def _gifts(draw: Draw, story: Story) -> None:
    """A gift from one to the other: who gave, who got, and what?"""
    giver, taker = _cast(draw, story, 2)
    thing = draw.thing()
    story.things.append(thing)
    base, past = draw.pick(
        (("give", "gave"), ("bring", "brought"), ("send", "sent"), ("show", "showed"), ("sell", "sold"))
    )
    if draw.chance(0.5):
        _stay(draw, story, giver, "be", "was")
    story.sentences.append(f"{giver.name} {past} {taker.name} {article(thing)}.")
    story.facts.append(grammar.what(base, past, f"{taker.name} {article(thing)}", giver.name, (thing,)))
    story.facts.append(grammar.who(f"{past} {taker.name} {article(thing)}", giver.name))
    feeling = draw.pick(grammar.GOOD_FEELINGS)
    story.sentences.append(f"{taker.name} was {feeling}.")
    story.facts.append(grammar.feel(taker.name, feeling, ""))
    story.facts.append(grammar.who(f"was {feeling}", taker.name))


def _kinds(draw: Draw, story: Story) -> None:
    """Two, each of another kind, and one thing that one of them did."""
    first, second = draw_character(draw), draw_character(draw)
    story.names += [first.name, second.name]
    for someone in (first, second):
        story.kinds.append(someone.kind)
        form = "{name} was {a_kind}." if draw.chance(0.5) else "There was {a_kind} named {name}."
        story.sentences.append(form.format(name=someone.name, a_kind=article(someone.kind)))
        story.facts.append(
            Fact("kind", {"name": someone.name}, f"{someone.name} was {article(someone.kind)}.", (someone.kind,))
        )
        story.facts.append(
            Fact("name", {"kind": someone.kind}, f"The {someone.kind} was named {someone.name}.", (someone.name,))
        )
    if draw.chance(0.5):
        _own(draw, story, draw.pick((first, second)), *draw.pick(OWNING))


def _help(draw: Draw, story: Story) -> None:
    """Trouble, and a helper."""
    one, helper = _cast(draw, story, 2)
    if draw.chance(0.5):
        _stay(draw, story, helper, *draw.pick((*STAYING, ("be", "was"))))
    _own(draw, story, one, "lose", "lost")
    thing = story.things[-1]
    act, did = draw.pick((("found", f"found the {thing}"), ("helped", f"helped {one.name}")))
    story.sentences.append(f"{draw.pick(('Then ', 'Soon ', ''))}{helper.name} {did}.")
    story.facts.append(grammar.who(did, helper.name))
    story.facts.append(grammar.then(f"{one.name} lost {article(thing)}", f"{helper.name} {did}.", (helper.name, act)))
    ending = draw.pick(grammar.ENDINGS)
    if draw.chance(0.5):
        story.sentences.append(f"In the end they {ending}.")
        story.facts.append(Fact("end", {}, f"In the end they {ending}.", (ending,)))


SMALL: tuple[Callable[[Draw, Story], None], ...] = (
    _owners, _owners, _places, _moods, _moods, _days, _gifts, _kinds, _help,
)  # fmt: skip


def small_story(draw: Draw) -> Story:
    """Two to four sentences; one more now and then, about a character known already."""
    story = Story()
    draw.pick(SMALL)(draw, story)
    if draw.chance(0.25) and len(story.sentences) < 4 and not story.places:
        someone = Character(draw.pick(story.names), "", "")
        _stay(draw, story, someone, *draw.pick((*STAYING, ("be", "was"))))
    return story
