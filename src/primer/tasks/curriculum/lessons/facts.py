"""Facts of the small world, asked for in very many ways: the value, the subject, and whether it is so."""

from dataclasses import replace
from functools import cache

from primer.tasks.curriculum import world
from primer.tasks.curriculum.checks import All, SaysNone, SaysOne, has_phrase
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings, article, plural
from primer.tasks.curriculum.kinds import KINDS as LIVING_KINDS
from primer.tasks.curriculum.kinds import Kind
from primer.tasks.curriculum.kinds_things import KINDS as THING_KINDS
from primer.tasks.task import Question
from primer.text.chat import assistant, user

KINDS = LIVING_KINDS + THING_KINDS
FACTS = tuple((kind, subject) for kind in KINDS for subject in kind.facts)
LITTLE_WORDS = ("a ", "an ", "the ", "in ", "on ", "at ", "your ", "some ")
DIGITS = {
    "no": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "ten": "10", "twelve": "12", "twenty-four": "24", "sixty": "60",
}  # fmt: skip
ABILITIES = tuple(
    (ability, animal, can)
    for can, animals in ((True, world.CAN), (False, world.CANNOT))
    for ability in animals
    for animal in animals[ability].split()
)
CAN_IT = Phrasings(
    seen=(
        "Can {a} {y}?", "Can {p} [{y}|really {y}]?", "Is {a} able to {y}?", "{A} can {y}, [right|true|yes]?",
        "Do you think {a} can {y}?",
        "[Tell me|Do you know|I wonder|I ask myself|Say|Let me know|Find out] [if|whether] {a} can {y}.",
        "Is it true that {a} can {y}?",
        "[I think|I heard|I believe|My friend says] {a} can {y}. [Is that right?|Is that true?|Right?]",
        "Yes or no: can {a} {y}?",
        "True or false: {a} can {y}.", "Have you seen {a} {y}?", "Could {a} {y}?", "{A}: can it {y}?",
        "Do {p} [{y}|really {y}]?", "[Is it right|Can one say|Could it be] that {a} can {y}?",
        "[Answer yes or no|Say yes or no|A yes or a no]: can {a} {y}?", "{A} can {y}[, no?|. Yes or no?|, or not?]",
        "Did you ever see {a} {y}?", "I doubt that {a} can {y}. Can it?", "Is {a} one that can {y}?",
        "When you see {a}, can it {y}?",
    ),
    unseen=(
        "Would you say {a} can {y}?", "Can it be true that {a} can {y}?", "I want to know if {a} can {y}.",
        "Can you tell me whether {a} can {y}?", "Are {p} able to {y}?",
    ),
)  # fmt: skip
WHO_CAN = Phrasings(
    seen=(
        "[Which|What] animal can {y}?", "Who can {y}?", "Name an animal that can {y}.", "Which animals can {y}?",
        "Tell me an animal that can {y}.", "Do you know an animal that can {y}?", "What can {y}?",
        "Give me an animal that can {y}.", "Who is able to {y}?", "An animal that can {y}[?|, please.]",
        "[Please name|Please tell me|Now name|Say|Think of] [one|an] animal that can {y}.",
        "I know an animal that can {y}. You?", "To {y}: which animal can do that?", "Some animals can {y}. Name one.",
        "I am looking for an animal that can {y}.",
    ),
    unseen=("Can you name an animal that can {y}?", "Which animal is able to {y}?", "I need an animal that can {y}."),
)  # fmt: skip


@cache
def bare(value: str) -> str:
    """The words of a value that matter, without articles and the like.

    >>> bare("in a hive"), bare("your ears")
    ('hive', 'ears')
    """
    for word in LITTLE_WORDS * 2:
        value = value.removeprefix(word)
    return value


def slots(subject: str, value: str) -> dict[str, str]:
    """What the phrasings of a kind are filled with; a subject may name what is counted: "a week of days"."""
    a, _, counted = subject.partition(" of ")
    return {
        "a": a, "s": bare(a), "p": plural(bare(a)),
        "u": counted, "y": value, "A": a[0].upper() + a[1:], "Y": value[0].upper() + value[1:],
    }  # fmt: skip


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[0].upper() + text[1:] + "."


def stated(kind: Kind, subject: str) -> str:
    """The fact as a clause: "a cow says moo"."""
    return kind.states.format_map(slots(subject, kind.facts[subject]))


def written(value: str) -> tuple[str, ...]:
    """A value as it may be written: numbers in digits, too."""
    return (bare(value), *([DIGITS[value]] if value in DIGITS else []))


def another(draw: Draw, kind: Kind, subject: str) -> str:
    """Another value of the same kind, one that is false of the subject."""
    true = {kind.facts[subject], *world.ALSO_TRUE.get(subject, "").split("; ")}
    return draw.pick(sorted(set(kind.facts.values()) - true))


def ask_value(draw: Draw, kind: Kind, subject: str) -> Question:
    """What does a cow say? The answer has the right value and no other one."""
    value, right = kind.facts[subject], stated(kind, subject)
    wrong = another(draw, kind, subject)
    others = {bare(other) for other in kind.facts.values()} - {bare(value)}
    return Question(
        prompt=(user(draw.ask(kind.ask, **slots(subject, value))),),
        check=All((SaysOne(written(value)), SaysNone(tuple(o for o in sorted(others) if not has_phrase(right, o))))),
        answer=(assistant(sentence(right)),),
        rejected=(assistant(sentence(kind.states.format_map(slots(subject, wrong)))),),
    )


def ask_subject(draw: Draw, kind: Kind, subject: str) -> Question:
    """Which animal says moo? Any that does is right; the first of the table is taught."""
    value = kind.facts[subject]
    fitting = [other for other in kind.facts if kind.facts[other] == value]
    unfit = draw.pick([
        other for other in kind.facts if value not in (kind.facts[other], *world.ALSO_TRUE.get(other, "").split("; "))
    ])  # fmt: skip
    return Question(
        prompt=(user(draw.ask(kind.back, **slots(subject, value))),),
        check=SaysOne(tuple(bare(other) for other in fitting)),
        answer=(assistant(sentence(stated(kind, fitting[0]))),),
        rejected=(assistant(sentence(kind.states.format_map(slots(unfit, value)))),),
    )


def ask_whether(draw: Draw, kind: Kind, subject: str) -> Question:
    """Does a cow say moo? The fact comes first and the yes or no follows from it: so it is easier to get right."""
    value, right = kind.facts[subject], stated(kind, subject)
    is_so = draw.chance(0.5)
    asked = value if is_so else another(draw, kind, subject)
    verdict, opposite = ("yes", "no") if is_so else ("no", "yes")
    verdict_check = SaysOne(("yes",)) if is_so else All((SaysOne(("no", "not", "false")), SaysNone(("yes",))))
    false = kind.states.format_map(slots(subject, asked if not is_so else another(draw, kind, subject)))
    question = draw.ask(kind.whether_ways(), **slots(subject, asked))
    return Question(
        prompt=(user(question[0].upper() + question[1:]),),
        check=All((SaysOne(written(value)), verdict_check)),
        answer=(assistant(sentence(f"{right}, so {verdict}")),),
        rejected=(assistant(sentence(f"{false}, so {opposite}")),),
    )


def ask_ability(draw: Draw) -> Question:
    """Can a fish fly? Which animal can?"""
    ability, animal, can = draw.pick(ABILITIES)
    able, unable = world.CAN[ability].split(), world.CANNOT[ability].split()
    if draw.chance(0.2):
        return Question(
            prompt=(user(draw.ask(WHO_CAN, y=ability)),),
            check=All((SaysOne(tuple(able)), SaysNone(tuple(unable)))),
            answer=(assistant(f"{article(able[0]).capitalize()} can {ability}."),),
            rejected=(assistant(f"{article(draw.pick(unable)).capitalize()} can {ability}."),),
        )
    yes, no = f"Yes, {article(animal)} can {ability}.", f"No, {article(animal)} cannot {ability}."
    negative = ("no", "cannot", "can't", "not")
    return Question(
        prompt=(
            user(draw.ask(CAN_IT, a=article(animal), A=article(animal).capitalize(), p=plural(animal), y=ability)),
        ),
        check=All((SaysOne(("yes",)), SaysNone(negative)))
        if can
        else All((SaysOne(negative), SaysNone(("yes", "sorry")))),
        answer=(assistant(yes if can else no),),
        rejected=(assistant(no if can else yes),),
    )


def question(draw: Draw) -> Question:
    """A fact; at times it is the second question of a conversation."""
    first, asked = (one_question(draw) if draw.chance(0.08) else None), one_question(draw)
    return replace(asked, prompt=first.prompt + first.answer + asked.prompt) if first else asked


def one_question(draw: Draw) -> Question:
    """Each fact as often as any other; an ability now and then."""
    if draw.chance(len(ABILITIES) / (len(FACTS) + len(ABILITIES))):
        return ask_ability(draw)
    kind, subject = draw.pick(FACTS)
    form = draw.random.random()
    if kind.back.seen and form < 0.2:
        return ask_subject(draw, kind, subject)
    if form > 0.7:
        return ask_whether(draw, kind, subject)
    return ask_value(draw, kind, subject)


def text(draw: Draw) -> str:
    """A handful of facts in plain sentences: of one kind, or of all."""
    kind = draw.pick(FACTS)[0]
    of_one_kind = [(kind, subject) for subject in draw.several(sorted(kind.facts), min(4, len(kind.facts)))]
    chosen = of_one_kind if draw.chance(0.5) else draw.several(FACTS, 5)
    facts = [sentence(stated(kind, subject)) for kind, subject in chosen]
    if draw.chance(0.5):
        ability, animal, can = draw.pick(ABILITIES)
        facts.append(f"{article(animal).capitalize()} {'can' if can else 'cannot'} {ability}.")
    return " ".join(facts)


LESSON = Lesson("facts", question, text, weight=4.1, reinforce=True)
