"""Rhymes, words in the order of the alphabet, and numbers by size: what the calculator can put in order, it does."""

from primer.tasks.curriculum import sums
from primer.tasks.curriculum.checks import InOrder, LastNumber, SaysNone, SaysOne
from primer.tasks.curriculum.curriculum import Lesson
from primer.tasks.curriculum.draw import Draw, Phrasings
from primer.tasks.task import Question
from primer.text.chat import Message, assistant, user

RHYMES = tuple(
    tuple(group.split())
    for group in (
        "cat hat bat rat mat", "dog fog log frog", "sun fun run", "car star far jar", "tree bee sea knee free",
        "moon spoon soon noon", "night light bright kite white", "cake lake snake make", "house mouse",
        "bear chair hair pear", "ring king sing wing spring", "ball wall tall fall small", "boat coat goat",
        "rain train plane", "book cook look hook", "red bed bread head", "day play say way gray", "snow go slow",
        "mice rice ice nice", "blue two shoe zoo new", "hen pen ten men", "box fox", "duck truck luck",
        "fish dish wish", "clock rock sock", "ship lip trip", "hand sand land band", "nose rose those",
        "sheep sleep deep keep", "door floor four more", "hill mill still", "sky fly dry high pie", "pig big dig wig",
        "green queen bean", "town brown clown crown", "hot pot dot", "heart smart cart", "name game same",
        "bell well tell shell", "best nest west", "round ground found", "dream team cream", "stone bone phone",
        "feet sweet meet street", "face race place", "cold gold old", "mother brother other", "money honey funny",
        "better letter", "table able",
    )
)  # fmt: skip

RHYME = Phrasings(
    seen=(
        "[What|Which word|And what|What word] rhymes with {word}?",
        "[What|Which] words rhyme with {word}?",
        "What [is|would be] a [rhyme|good rhyme|nice rhyme] [for|with|to] {word}?",
        "[Give me|Tell me|Say|Find|Find me|Name] a [word|word for me] that rhymes with {word}.",
        "[Give me|Tell me|Find|Find me|I need|I want|Do you have] a rhyme [for|with|to] {word}.",
        "[Can|Could|Will] you [give me|tell me|find|find me|name] a word that rhymes with {word}?",
        "[Do you know|Can you think of|Is there|Do you have] a [word that rhymes with|rhyme for] {word}?",
        "[I need|I am looking for|I want|Please find|Please tell me] a word that rhymes with {word}.",
        "[I am writing|I write] a [poem|song|rhyme]. "
        "[What rhymes with|What can I rhyme with|Which word rhymes with] {word}?",
        "[Rhyme|Please rhyme|I want to rhyme] [with |the word |]{word}.",
        "[What|Which word] [sounds like|ends like|sounds the same at the end as] {word}?",
        "{word}: [what rhymes with it?|find a rhyme.]",
        "My [poem|song|line] ends in {word}. [What rhymes with that?|What rhymes with it?|I need a rhyme.]",
    ),
    unseen=(
        "Please give me a good rhyme for {word}.",
        "Is there a word that sounds like {word} at the end?",
        "Which word could I rhyme with {word}?",
        "I want to rhyme the word {word}. What can I say?",
        "In my poem I need a word that rhymes with {word}.",
    ),
)
PAIR = Phrasings(
    seen=(
        "[Do|Would] {word} and {other} rhyme?",
        "[Does|Would] {word} rhyme with {other}?",
        "[Is|Would] {word} [be a|a] [rhyme|good rhyme] [for|with] {other}?",
        "[Can|Could] I rhyme {word} with {other}?",
        "[Tell me|I wonder|Please tell me] if {word} [and {other} rhyme|rhymes with {other}].",
        "[Can you tell me|Do you know] if {word} [and {other} rhyme|rhymes with {other}]?",
        "{word} and {other}: [do they rhyme?|is that a rhyme?|is this a rhyme?]",
        "[Do the words|Are the words] {word} and {other} [rhyme|a rhyme]?",
        "[Is it true|Is it right] that {word} [rhymes with {other}|and {other} rhyme]?",
        "I [think|say|believe] {word} rhymes with {other}. [Is that right?|Am I right?|Is it true?]",
    ),
    unseen=(
        "Is it a rhyme if I say {word} and {other}?",
        "Do you think {word} rhymes with {other}?",
        "Are {word} and {other} words that rhyme?",
        "Would you say that {word} and {other} rhyme?",
    ),
)
ALPHABET = Phrasings(
    seen=(
        "[Sort|Please sort|Order|Arrange][ these words| the words|]: {list}.",
        "[Sort|Order|Arrange|Please sort|Please order][ these words| the words|] [by the "
        "alphabet|alphabetically|from a to z]: {list}.",
        "[Can|Could|Will] you [sort|order|arrange] [these words|the words|by the alphabet|alphabetically]: {list}?",
        "[Put|Please put|Bring|Write] [these words|the words] [in order|in alphabetical order|in the order of "
        "the alphabet]: {list}.",
        "[Put|Bring|Please put] {list} [in order|in alphabetical order|in the order of the alphabet].",
        "[Tell me|Give me|Show me] the [alphabetical order|order by the alphabet|right order] of {list}.",
        "What is the [alphabetical order|order by the alphabet] of {list}?",
        "[I have|Here are] the words {list}. [Sort them.|Put them in order.|Can you sort them?|Order them, please.]",
        "[I want|I need|I would like] [to sort these words|these words in order|these words sorted]: {list}.",
        "How [do|would] you [sort|order] [the words |]{list}?",
        "In [which|what] order [are|do] [the words |]{list} [come|stand] in [the alphabet|a dictionary]?",
        "[Which|What] comes first in the alphabet, and what next: {list}?",
        "[Help me|Please help me] [sort|order] [the words |]{list}.",
        "[I want|I need|I wish] [to have |]{list} "
        "[in the order of the alphabet|in alphabetical order|sorted|in order].",
        "{list}: [sort them|put them in order|sort these words|what is their order][.|, please.]",
        "[From a to z|Sorted|In order|By the alphabet], [please|what are|how do I write]: {list}.",
    ),
    unseen=(
        "Could you put these words in alphabetical order: {list}?",
        "My words are {list}. Please put them in the order of the alphabet.",
        "I would like to have {list} sorted alphabetically.",
        "Sort for me from a to z: {list}.",
        "What is the right order of the words {list}?",
    ),
)
BY_SIZE = {
    "up": Phrasings(
        seen=(
            "[Sort|Please sort|Order|Arrange][ these numbers| the numbers|]: {list}.",
            "[Sort|Please sort|Order|Arrange][ these numbers| the numbers|] [by size|from small to big|from "
            "smallest to biggest|from low to high]: {list}.",
            "[Put|Please put|Bring|Write] {list} [in order|in order by size|in the right order].",
            "[Can|Could|Will] you [sort|order|arrange] [the numbers|these numbers|from small to big|by size]: {list}?",
            "[I have|Here are] the numbers {list}. "
            "[Sort them.|Put them in order.|Start with the smallest.|Sort them by size.]",
            "[Tell me|Give me|Show me] the right order of [the numbers |]{list}.",
            "What is the right order of [the numbers |]{list}?",
            "[Sort|Order|Write] {list}, [the smallest first|beginning with the smallest|smallest first].",
            "[I need|I want] {list} [in order|sorted|from small to big|sorted by size].",
            "[Can you sort|How would you sort|How do you sort] {list}?",
            "{list}: [sort them|put them in order|from small to big][.|, please.]",
            "How [do I write|do you order|are] {list} [by size|in order|from small to big]?",
        ),
        unseen=(
            "Please put the numbers {list} in order from smallest to biggest.",
            "My numbers are {list}. Can you sort them by size?",
            "Could you write these in order, the smallest first: {list}?",
            "What are {list} from low to high?",
        ),
    ),
    "down": Phrasings(
        seen=(
            "[Sort|Please sort|Order|Arrange][ these numbers| the numbers|] [from big to small|from biggest to "
            "smallest|from high to low]: {list}.",
            "[Put|Please put|Bring|Write] {list} in order [from big to small|from high to low|from biggest to "
            "smallest].",
            "[Can|Could|Will] you [sort|order|arrange] [from big to small|from high to low|from biggest to "
            "smallest]: {list}?",
            "[I have|Here are] the numbers {list}. "
            "[Start with the biggest.|Sort them from big to small.|Biggest first, please.]",
            "[Sort|Order|Write] {list}, [the biggest first|beginning with the biggest|biggest first].",
            "[I need|I want] {list} [from big to small|from high to low|sorted from big to small].",
            "[Count down:|Help me sort from big to small:] {list}.",
        ),
        unseen=(
            "Please put the numbers {list} in order from biggest to smallest.",
            "My numbers are {list}. Sort them with the biggest first.",
            "Could you write these in order, the biggest first: {list}?",
        ),
    ),
}
EXTREME = {
    "biggest": Phrasings(
        seen=(
            "[Which|What][ number|] is the [biggest|largest|greatest]: {list}?",
            "[Which|What] is the [biggest|largest|greatest][ number| one|] of {list}?",
            "[Which|What] number is the [biggest|largest|greatest], {list}?",
            "[Tell me|Find|Give me|Say|Name] the [biggest|largest|greatest] [number |]of {list}.",
            "[I have|Here are] {list}. [Which is the biggest?|What is the biggest number?|Which one is the largest?]",
            "[Can|Could] you [find|tell me|name] the [biggest|largest] of {list}?",
            "Of {list}, which is the [biggest|largest|greatest]?",
            "[Here are|These are] [my|some|the] numbers: {list}. [Find|Tell me|Name] the [biggest|largest][.| one.]",
        ),
        unseen=(
            "Of the numbers {list}, what is the largest one?",
            "Please tell me which number is the biggest: {list}.",
            "My numbers are {list}. Find the biggest.",
        ),
    ),
    "smallest": Phrasings(
        seen=(
            "[Which|What][ number|] is the [smallest|lowest|least]: {list}?",
            "[Which|What] is the [smallest|lowest|least][ number| one|] of {list}?",
            "[Which|What] number is the [smallest|lowest|least], {list}?",
            "[Tell me|Find|Give me|Say|Name] the [smallest|lowest|least] [number |]of {list}.",
            "[I have|Here are] {list}. [Which is the smallest?|What is the smallest number?|Which one is the lowest?]",
            "[Can|Could] you [find|tell me|name] the [smallest|lowest] of {list}?",
            "Of {list}, which is the [smallest|lowest|least]?",
            "[Here are|These are] [my|some|the] numbers: {list}. [Find|Tell me|Name] the [smallest|lowest][.| one.]",
        ),
        unseen=(
            "Of the numbers {list}, what is the smallest one?",
            "Please tell me which number is the smallest: {list}.",
            "My numbers are {list}. Find the smallest.",
        ),
    ),
}
COMPARE = {
    "biggest": Phrasings(
        seen=(
            "[Which|What][ number|] is [bigger|larger|more|greater][:|,] {a} or {b}?",
            "[Here are|I have|Take] {a} and {b}. [Which|What] is [bigger|larger|more|greater]?",
            "[Which|What] is the [bigger|larger|greater][ number| one|], {a} or {b}?",
            "[Tell me|Please tell me|I wonder|I want to know] [what|which][ number|] is [bigger|larger|more], "
            "{a} or {b}.",
            "[Which|What] is [bigger|more|larger|greater] of {a} and {b}?",
        ),
        unseen=("Do you know which is bigger, {a} or {b}?", "Of {a} and {b}, which number is larger?"),
    ),
    "smallest": Phrasings(
        seen=(
            "[Which|What][ number|] is [smaller|lower|less][:|,] {a} or {b}?",
            "[Here are|I have|Take] {a} and {b}. [Which|What] is [smaller|lower|less]?",
            "[Which|What] is the [smaller|lower][ number| one|], {a} or {b}?",
            "[Tell me|Please tell me|I wonder|I want to know] [what|which][ number|] is [smaller|less|lower], "
            "{a} or {b}.",
            "[Which|What] is [smaller|less|lower] of {a} and {b}?",
        ),
        unseen=("Do you know which is smaller, {a} or {b}?", "Of {a} and {b}, which number is lower?"),
    ),
}


def listed(draw: Draw, items: list[str]) -> str:
    """The items as people write them: "a, b, c" or "a, b and c"."""
    return ", ".join(items) if draw.chance(0.6) else ", ".join(items[:-1]) + " and " + items[-1]


def rhyme(draw: Draw) -> Question:
    """A word that rhymes: the first of its group, so that there is one answer to learn, and for that one the second."""
    group = draw.pick(RHYMES)
    word = draw.pick(group)
    answer = group[word == group[0]]
    wrong = draw.pick([w for other in RHYMES if other is not group for w in other])
    return Question(
        prompt=(user(draw.ask(RHYME, word=word)),),
        check=SaysOne(tuple(w for w in group if w != word)),
        answer=(assistant(f"A rhyme for {word} is {answer}."),),
        rejected=(assistant(f"A rhyme for {word} is {draw.pick((wrong, wrong, word))}."),),
    )


def rhyming_pair(draw: Draw) -> Question:
    """Whether two words rhyme: what each sounds like, the first of its group, and whether that is the same."""
    group, another = draw.several(RHYMES, 2)
    word, rhyming = draw.several(group, 2)
    yes = draw.chance(0.5)
    other = rhyming if yes else draw.pick(another)
    right, wrong = (group[0], another[0]) if yes else (another[0], group[0])
    denies = SaysOne(("no", "not", "don't", "doesn't"))
    return Question(
        prompt=(user(draw.ask(PAIR, word=word, other=other)),),
        check=SaysNone(denies.any) if yes else denies,
        answer=(assistant(compared(word, group[0], other, right)),),
        rejected=(assistant(compared(word, group[0], other, wrong)),),
    )


def compared(word: str, sound: str, other: str, other_sound: str) -> str:
    """What two words sound like, and what follows."""
    follows = "so yes, they rhyme" if sound == other_sound else "so no, they do not rhyme"
    return f"The word {word} sounds like {sound}, and {other} sounds like {other_sound}, {follows}."


def sort_words(draw: Draw) -> Question:
    """Three or four words in the order of the alphabet; one list in eight has two that begin alike."""
    count, alike = draw.pick((3, 3, 4)), draw.chance(0.12)
    words: list[str] = []
    while len(words) < count:
        word = draw.word()
        same = [w for w in words if w[0] == word[0]]
        if not same or (
            alike and len(same) == 1 and same[0][1] != word[1] and len({w[0] for w in words}) == len(words)
        ):
            words.append(word)
    if words == sorted(words):
        words = words[1:] + words[:1]
    in_order = sorted(words)
    wrong = draw.pick([w for w in (words, in_order[::-1], [in_order[1], in_order[0], *in_order[2:]]) if w != in_order])
    return Question(
        prompt=(user(draw.ask(ALPHABET, list=listed(draw, words))),),
        check=InOrder(tuple(in_order)),
        answer=ordered("ascending", words, in_order),
        rejected=(assistant(f"In order: {', '.join(wrong)}."),),
    )


def ordered(order: str, items: list[str], result: list[str]) -> tuple[Message, ...]:
    """The calculator asked to put them in order, and what it found."""
    found = ", ".join(result)
    return sums.told_by_calculator(order, ", ".join(items), found, f"In order: {found}.")


def different_numbers(draw: Draw, count: int) -> list[int]:
    """Some numbers, each another."""
    high = draw.pick((100, 100, 1000))
    while True:
        found = draw.numbers(count, 2, high)
        if len(set(found)) == count:
            return found


def sort_numbers(draw: Draw) -> Question:
    """Three or four numbers by size, up or down."""
    numbers = different_numbers(draw, draw.pick((3, 3, 4)))
    way = draw.pick(("up", "up", "down"))
    right = [str(n) for n in sorted(numbers, reverse=way == "down")]
    given = [str(n) for n in numbers]
    return Question(
        prompt=(user(draw.ask(BY_SIZE[way], list=listed(draw, given))),),
        check=InOrder(tuple(right)),
        answer=ordered("descending" if way == "down" else "ascending", given, right),
        rejected=ordered("ascending" if way == "down" else "descending", given, right[::-1]),
    )


def extreme(draw: Draw) -> Question:
    """The biggest or smallest of two to four numbers."""
    numbers = different_numbers(draw, draw.pick((2, 2, 3, 3, 4)))
    which = draw.pick(("biggest", "smallest"))
    smallest, biggest = str(min(numbers)), str(max(numbers))
    named, given = which, [str(n) for n in numbers]
    if len(numbers) == 2:
        named = "bigger" if which == "biggest" else "smaller"
        asked = draw.ask(COMPARE[which], a=numbers[0], b=numbers[1])
    else:
        asked = draw.ask(EXTREME[which], list=listed(draw, given))
    by_max, by_min = (
        sums.calculated(f"{function}({', '.join(given)})", found, f"The {named} number is {found}.")
        for function, found in (("max", biggest), ("min", smallest))
    )
    return Question(
        prompt=(user(asked),),
        check=LastNumber(max(numbers) if which == "biggest" else min(numbers)),
        answer=by_max if which == "biggest" else by_min,
        rejected=by_min if which == "biggest" else by_max,
    )


def question(draw: Draw) -> Question:
    """One of the kinds."""
    kinds = (rhyme, rhyme, rhyming_pair, sort_words, sort_words, sort_numbers, extreme)
    return draw.pick(kinds if draw.held_out else (*kinds, rhyme, rhyming_pair))(draw)  # by heart takes longest


def text(draw: Draw) -> str:
    """Rhyming words, and a row in order."""
    lines = []
    for group in draw.several(RHYMES, 2):
        one, other = draw.several(group, 2)
        lines.append(
            f"The words {', '.join(group[:-1])} and {group[-1]} rhyme. {one.capitalize()} rhymes with {other}, for "
            f"both sound like {group[0]}."
        )
    words = sorted((draw.word() for _ in range(3)), reverse=True)
    numbers = different_numbers(draw, 3)
    return (
        f"{' '.join(lines)} In the order of the alphabet, {listed(draw, words)} are {', '.join(sorted(words))}. "
        f"By size, {', '.join(map(str, numbers))} are {', '.join(map(str, sorted(numbers)))}."
    )


LESSON = Lesson("wordplay", question, text, weight=1.1)
