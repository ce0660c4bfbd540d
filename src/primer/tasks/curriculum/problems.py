"""The stories that word problems are told in: nine of one step, seven of two."""

from dataclasses import dataclass

from primer.tasks.curriculum.draw import Phrasings


@dataclass(frozen=True)
class Story:
    """A kind of problem. `{name}` and `{other}` are people, `{again}` the first one again, `{things}` many of a
    `{thing}`, `{a}` to `{c}` numbers.

    Answers begin with "So": a name has a space before it then, as it has inside the question, and so the same tokens.
    """

    expression: str
    told: Phrasings
    answer: str
    ranges: tuple[tuple[int, int], ...]
    """From and to, of each number."""


SMALL, MIDDLE, LARGE = (2, 20), (2, 100), (20, 999)

GAIN = Story(
    "{a} + {b}",
    Phrasings(
        seen=(
            "{name} [has|owns] {a} {things} and [gets|finds|buys|wins] {b} more. "
            "How many {things} does {name} have [now|in all|altogether]?",
            "{name} has {a} {things}. Then {again} [gets|finds|buys|wins|makes|picks up] {b} more. "
            "How many {things} does {name} have [now|then|in all]?",
            "{name} has {a} {things}. {other} [gives|brings|sends|sells] {name} {b} more. "
            "How many {things} does {name} have [now|then|in all]?",
            "{name} has {a} {things} in [a box|a bag|a basket] and puts in {b} more. "
            "How many {things} does {name} have [now|in all|then]?",
            "{name} [bought|found|made|got] {a} {things} [yesterday|in the morning|last week] and {b} {things} "
            "[today|in the evening|this week]. How many {things} does {name} have [in all|altogether|now]?",
            "How many {things} does {name} have if {name} has {a} and [gets|finds|buys] {b} more?",
            "First {name} [gets|finds|buys] {a} {things}, then {b} more. "
            "How many {things} [is that in all|does {name} have]?",
            "{other} [brings|sends|sells] {b} {things} to {name}, who [had|has] {a}[ already| at first|]. "
            "How many {things} does {name} have [now|then|in all]?",
            "{name} [gets|finds|buys] {b} {things} and already has {a}. "
            "How many {things} does {name} have [now|in all]?",
            "{other} [brings|hands|sends] {name} {b} {things}. [Until then|Before that], {name} had {a}. "
            "How many {things} does {name} have [now|then]?",
            "When {name} has {a} {things} and [gets|finds] {b} more, how many {things} does {name} have?",
        ),
        unseen=(
            "{name} had {a} {things} and then found {b} more {things}. How many {things} does {name} have in all?",
            "{other} gives {name} {b} {things}. {name} had {a} before. How many {things} does {name} have now?",
            "If {name} has {a} {things} and buys {b} more, how many {things} are there altogether?",
        ),
    ),
    "So {name} has {r} {things}.",
    (MIDDLE, MIDDLE),
)
LOSS = Story(
    "{a} - {b}",
    Phrasings(
        seen=(
            "{name} [has|owns] {a} {things} and [loses|gives away|sells|breaks] {b}. "
            "How many {things} does {name} have [left|now]?",
            "{name} has {a} {things}. Then {again} [loses|sells|breaks|gives away|throws away] {b} of them. "
            "How many {things} [are left|does {name} have left|does {name} have now]?",
            "{name} has {a} {things} and gives {b} to {other}. How many {things} [are left|does {name} still have]?",
            "{other} takes {b} of the {a} {things} that {name} has. How many {things} [are left|does {name} have now]?",
            "{name} has {a} {things} in [a box|a bag|a basket] and takes out {b}. How many {things} are left[| in it]?",
            "{name} [bought|made|found] {a} {things} [yesterday|last week|before], but {b} of them are "
            "[lost|gone|broken]. "
            "How many {things} does {name} still have?",
            "How many {things} does {name} have left if {name} has {a} and [loses|sells|gives away] {b}?",
            "{name} [sells|loses|gives away|breaks] {b} {things}, but [owns|has] {a} [at first|to begin with]. "
            "How many {things} [are left|does {name} keep]?",
            "Of {a} {things}, {name} [gives {other}|sells|loses|gives away] {b}. "
            "How many {things} [are left|does {name} keep|does {name} still have]?",
            "{name} [sells|gives|brings] {b} of [the|all the] {a} {things} to {other}. "
            "How many {things} does {name} [have left|keep]?",
            "When {name} has {a} {things} and [loses|gives away|breaks] {b}, how many {things} [are left|remain]?",
        ),
        unseen=(
            "{name} gives {other} {b} of {a} {things}. How many {things} does {name} have left?",
            "{name} had {a} {things} before, but then {name} lost {b}. How many {things} are left now?",
            "If {name} sells {b} of {a} {things}, how many {things} are still there?",
        ),
    ),
    "So {name} has {r} {things} left.",
    (MIDDLE, MIDDLE),
)
TOGETHER = Story(
    "{a} + {b}",
    Phrasings(
        seen=(
            "{name} has {a} {things} and {other} has {b}. How many {things} do they have [together|in all|altogether]?",
            "{name} [finds|buys|makes|counts] {a} {things}, {other} [finds|buys|makes|counts] {b}. "
            "How many {things} [is that together|do the two have|do they have in all]?",
            "{name} has {a} {things}. {other} has {b} {things}. "
            "[How many are there in all?|How many is that together?]",
            "How many {things} do {name} and {other} have together if {name} has {a} and {other} has {b}?",
            "{name} and {other} [put|bring] their {things} together: {a} and {b}. "
            "How many {things} [are there|is that]?",
            "When {name} [brings|puts down] {a} {things} and {other} {b}, how many {things} [are there|is that]?",
            "{name} [with|has] {a} {things}, {other} [with|has] {b}: how many {things} [is that|are there] together?",
        ),
        unseen=(
            "{other} has {b} {things} and {name} has {a} {things}. How many do the two have together?",
            "If {name} has {a} {things} and {other} has {b}, how many {things} do they have?",
            "How many {things} do {name} with {a} and {other} with {b} have together?",
        ),
    ),
    "So they have {r} {things}.",
    (MIDDLE, MIDDLE),
)
MORE = Story(
    "{a} - {b}",
    Phrasings(
        seen=(
            "{name} has {a} {things} and {other} has {b}. How many more {things} does {name} have[ than {other}|]?",
            "{name} [finds|buys|makes|counts] {a} {things}, {other} only {b}. "
            "How many more [does {name} have|is that]?",
            "How many more {things} does {name} have than {other} if {name} has {a} and {other} has {b}?",
            "{other} has {b} {things}, and {name} has more: {a}. How many more [does {name} have|{things} is that]?",
            "{name} has {a} {things}. {other} has [fewer: |only ]{b}. How many more does {name} have?",
            "{name} has {a} {things}, and {other} has {b}. "
            "[What is the difference?|How many more {things} has {name}?]",
            "{name} [finds|buys|makes|wins|gets] {a} {things}. {other} [finds|buys|makes|wins|gets] {b}. "
            "How many more {things} [does {name} have|is that]?",
            "{name} needs {a} {things} and has {b}. How many more {things} does {name} need?",
            "{name} wants {a} {things}, but has only {b}. How many [more {things} does {name} need|are missing]?",
            "{name} [has only|has just|owns] {b} {things} and [wants|wishes for|looks for] {a}. "
            "How many [more does {name} need|{things} does {name} still need]?",
            "{name} [has|owns|found] {b} {things}, but [{other} asked for|it takes|there should be] {a}. "
            "How many [are missing|more are needed]?",
            "When {name} has {a} {things} and {other} {b}, how many more does {name} have?",
        ),
        unseen=(
            "If {name} has {a} {things} and {other} has only {b}, how many more does {name} have?",
            "{name} counts {a} {things} and {other} counts {b}. How many more than {other} does {name} have?",
            "{name} has {b} {things} but needs {a}. How many {things} are missing?",
        ),
    ),
    "So it is {r} {things} more.",
    (MIDDLE, MIDDLE),
)
GROUPS = Story(
    "{a} * {b}",
    Phrasings(
        seen=(
            "{name} has {a} [boxes|bags|baskets] with {b} {things} in each. "
            "How many {things} does {name} have[| in all]?",
            "There are {a} [boxes|bags|rows|baskets]. Each [has|holds] {b} {things}. "
            "How many {things} are there[| in all]?",
            "{name} [fills|packs|buys] {a} [boxes|bags|baskets]. Each [box|bag|basket] holds {b} {things}. "
            "How many {things} [are there|does {name} have|is that in all]?",
            "{name} gives {a} [friends|children|people] {b} {things} each. "
            "How many {things} [is that|does {name} give]?",
            "How many {things} are in {a} [boxes|bags|baskets] if each holds {b}?",
            "For {a} days, {name} [makes|finds|buys] {b} {things} [each day|every day|a day]. "
            "How many {things} [is that|does {name} have] in all?",
            "Each of {a} [friends|children|people] has {b} {things}. How many {things} do they have [together|in all]?",
            "{b} {things} [are|fit] in each of {a} [boxes|bags|baskets]. How many {things} are there[| in all]?",
            "{name} [makes|finds|buys] {b} {things} [each day|every day|a day] for {a} days. "
            "How many {things} is that?",
            "[Each day|Day after day|Each morning], {name} [finds|buys] {b} {things}. "
            "How many {things} [is that|does {name} have] [after|in] {a} days?",
            "{name} [fills|packs] [each|every one] of {a} [boxes|baskets] with {b} {things}. "
            "How many {things} is that?",
            "When there are {a} [boxes|bags|rows] of {b} {things}, how many {things} are there?",
        ),
        unseen=(
            "If {name} has {a} boxes and each box has {b} {things}, how many {things} are there?",
            "{name} puts {b} {things} into each of {a} bags. How many {things} is that?",
            "Every day {name} makes {b} {things}. How many {things} is that in {a} days?",
        ),
    ),
    "So there are {r} {things}.",
    (SMALL, MIDDLE),
)
SHARE = Story(
    "{a} / {b}",
    Phrasings(
        seen=(
            "{name} [shares|divides|splits] {a} {things} among {b} [friends|children|people]. "
            "How many {things} does each [get|have]?",
            "{name} has {a} {things} for {b} [friends|children|people]. How many {things} does each [one|of them] get?",
            "{a} {things} are [shared|divided] by {b} [friends|children|people]. How many {things} does each get?",
            "{name} puts {a} {things} into {b} [boxes|bags|baskets], the same number in each. "
            "How many {things} are in each[| one]?",
            "How many {things} does each get if {name} shares {a} {things} among {b} [friends|children|people]?",
            "{b} [friends|children|people] share {a} {things}. How many {things} does each [get|one have]?",
            "Into {b} [boxes|bags|baskets], {name} puts {a} {things}, the same number in each. How many are in each?",
            "{name} has {b} [friends|children|boxes|baskets] and {a} {things} for them. "
            "How many {things} [go to each|are for each] one?",
            "When {b} [friends|people|neighbors] share {a} {things}, how many {things} does each get?",
        ),
        unseen=(
            "If {b} children share {a} {things}, how many does each of them get?",
            "{name} divides {a} {things} by {b} friends. How many {things} does each one have?",
            "{name} has {b} bags for {a} {things}, the same number in each. How many {things} are in each bag?",
        ),
    ),
    "So it is {r} {things} each.",
    (LARGE, SMALL),
)
COST = Story(
    "{a} * {b}",
    Phrasings(
        seen=(
            "{name} buys {a} {things} for {b} dollars each. "
            "[How much does {name} pay?|How much is that?|What is the cost?]",
            "One {thing} costs {b} dollars. [How much are|How much do you pay for|What do you pay for] {a} {things}?",
            "{name} [wants|buys|needs|gets] {a} {things}. Each costs {b} dollars. "
            "How much [is that|does {name} pay|do they cost]?",
            "{name} buys {a} {things}. [One|Each] costs {b} dollars. "
            "[How much money|How many dollars] does {name} [pay|need]?",
            "{name} [sells|sold] {a} {things} for {b} dollars each. [How much money|How many dollars] does {name} get?",
            "How much does {name} pay for {a} {things} if each costs {b} dollars?",
            "One {thing} is {b} dollars. {name} [wants|buys|takes] {a}. "
            "[How much does {name} pay?|How much do they cost?]",
            "When one {thing} is {b} dollars, [how much are|what do you pay for] {a} {things}?",
            "{name} [needs|buys|wants] {a} {things} at {b} dollars [a piece|for one]. "
            "How much [is that|does {name} pay]?",
        ),
        unseen=(
            "If one {thing} costs {b} dollars, how much are {a} {things}?",
            "{name} takes {a} {things} at {b} dollars each. How much does {name} pay?",
            "What does {name} pay for {a} {things}? Each is {b} dollars.",
        ),
    ),
    "So it costs {r} dollars.",
    (SMALL, MIDDLE),
)
CHANGE = Story(
    "{a} - {b}",
    Phrasings(
        seen=(
            "{name} has {a} dollars and [buys|pays for] one {thing} for {b} dollars. "
            "How [much money|many dollars] does {name} have left?",
            "One {thing} costs {b} dollars. {name} [has|pays with] {a} dollars. "
            "[How much money is|How many dollars are] left?",
            "{name} [had|has] {a} dollars and [spends|pays|loses] {b}. "
            "How [much|much money] [is left|does {name} have now]?",
            "How much money does {name} have left from {a} dollars after [paying|spending] {b}?",
            "From {a} dollars, {name} [pays|spends|gives away] {b}. How [much|many dollars] does {name} still have?",
            "{name} [spends|pays] {b} dollars. [Yesterday|At first|Until then] {name} had {a} dollars. "
            "How [much|much money] is left?",
            "{name} [spends|gives|pays] {b} of {a} dollars for one {thing}. "
            "How [much|many dollars] does {name} [have left|keep]?",
            "{name} [spends|gives] {b} dollars for one {thing} and [began with|started with|first had] {a}. "
            "How much [is left|does {name} have now|does {name} keep]?",
            "When {name} has {a} dollars and [pays|spends] {b}, how much [money is|is] left?",
        ),
        unseen=(
            "If {name} has {a} dollars and spends {b}, how much money is left?",
            "{name} pays {b} dollars for one {thing} and had {a} before. How much does {name} have left?",
        ),
    ),
    "So {name} has {r} dollars left.",
    (MIDDLE, MIDDLE),
)
OLDER = Story(
    "{a} + {b}",
    Phrasings(
        seen=(
            "{other} is {a} years old. {name} is {b} years older. How old is {name}?",
            "{name} is {b} years older than {other}, who is {a}[| years old]. How old is {name}?",
            "{name} is {a}[ years old|] now. How old [will {name} be|is {name}] in {b} years?",
            "How old is {name} if {other} is {a} and {name} is {b} years older?",
            "{name} is {b} years older than {other}. {other} is {a}[| years old]. How old is {name}?",
            "{other} [turns|is] {a} [today|this year], and {name} is {b} years older. [How old|What age] is {name}?",
            "In {b} years, {name} will be older. [Today|Now] {name} is {a}. [How old|What age] will {name} be?",
            "[What age|How old] is {name}, who is {b} years older than {other}, if {other} is {a}?",
            "{name} was {a} [years old {b} years ago|just {b} years ago]. How old is {name} [now|today]?",
            "[Today|Now] {name} is {a}. In {b} years, how old will {name} be?",
            "{other} is {a}, and {name} is {b} years [older|older than that]. [How old is|What is the age of] {name}?",
            "When {other} is {a} and {name} {b} years older, how old is {name}?",
        ),
        unseen=(
            "If {other} is {a} and {name} is {b} years older, how old is {name}?",
            "{other} is {a}. How old is {name}, who is {b} years older?",
        ),
    ),
    "So {name} is {r} years old.",
    (MIDDLE, SMALL),
)
ONE_STEP = (GAIN, LOSS, TOGETHER, MORE, GROUPS, SHARE, COST, CHANGE, OLDER)

GAIN_LOSS = Story(
    "{a} + {b} - {c}",
    Phrasings(
        seen=(
            "{name} has {a} {things}, [gets|finds|buys|wins] {b} more and then [loses|sells|gives away|breaks] {c}. "
            "How many {things} [are left|does {name} have now|does {name} have left]?",
            "{name} has {a} {things}. {other} gives {name} {b} more. Then {again} [loses|sells|breaks] {c}. "
            "How many {things} does {name} have [left|now]?",
            "{name} [buys|makes|finds] {a} {things} [in the morning|today] and {b} [in the evening|later], but "
            "{c} are [lost|broken]. "
            "How many {things} does {name} have left?",
            "How many {things} does {name} have if {name} has {a}, [gets|finds|buys] {b} more and [loses|sells] {c}?",
            "{name} has {a} {things} in a [box|bag|basket], puts in {b} more and [then takes out|gives away] {c}. "
            "How many {things} are left?",
            "When {name} has {a} {things}, [gets|finds] {b} more and [loses|breaks] {c}, how many {things} are left?",
            "[At first|In the beginning] {name} has {a} {things}. [Next|Later], {name} [buys|gets] {b} more. "
            "[In the end|At last], {name} [loses|sells] {c}. How many {things} does {name} have?",
        ),
        unseen=(
            "First {name} has {a} {things}, then finds {b} more, then gives away {c}. How many {things} are left?",
            "If {name} has {a} {things}, buys {b} more and sells {c}, how many {things} does {name} have now?",
        ),
    ),
    "So {name} has {r} {things} left.",
    (MIDDLE, MIDDLE, MIDDLE),
)
LOSS_GAIN = Story(
    "{a} - {b} + {c}",
    Phrasings(
        seen=(
            "{name} has {a} {things}, [loses|sells|gives away|breaks] {b} and then [gets|finds|buys|wins] {c} more. "
            "How many {things} [does {name} have now|does {name} have|does {name} have then]?",
            "{name} has {a} {things} and gives {b} to {other}. Then {again} [gets|finds|buys] {c} more. "
            "How many {things} does {name} have [now|then]?",
            "{other} takes {b} of the {a} {things} that {name} has. Later {name} [gets|finds|buys|makes] {c} more. "
            "How many {things} does {name} have now?",
            "How many {things} does {name} have if {name} has {a}, [loses|sells|gives away] {b} and [finds|buys] "
            "{c} more?",
            "{name} has {a} {things} in a [box|bag|basket], takes out {b} and [then puts in|puts in] {c} more. "
            "How many {things} does {name} have [now|there|then]?",
            "When {name} has {a} {things}, [loses|sells] {b} and [finds|buys] {c} more, how many {things} are there?",
            "[At first|In the beginning] {name} has {a} {things}. [Next|Later], {name} [loses|sells|breaks] {b}. "
            "[In the end|At last], {name} [gets|finds] {c} more. How many {things} does {name} have?",
        ),
        unseen=(
            "First {name} has {a} {things}, then loses {b}, then buys {c} more. How many {things} does {name} have?",
            "If {name} has {a} {things}, gives away {b} and gets {c} more, how many {things} are there now?",
        ),
    ),
    "So {name} has {r} {things}.",
    (MIDDLE, MIDDLE, MIDDLE),
)
TWO_LOSSES = Story(
    "{a} - {b} - {c}",
    Phrasings(
        seen=(
            "{name} has {a} {things}, [loses|sells|breaks] {b} and then [gives away|gives {other}] {c}. "
            "How many {things} [are left|does {name} have left|does {name} have now]?",
            "{name} has {a} {things}, but {again} [loses|sells|gives away] {b} [today|in the morning] and {c} "
            "[later|in the evening]. "
            "How many {things} [are left|does {name} have left]?",
            "From {a} {things}, {name} gives {b} to {other} and [loses|sells|breaks] {c}. "
            "How many {things} [are left|does {name} still have]?",
            "How many {things} are left if {name} has {a}, [loses|sells] {b} and [gives away|breaks] {c}?",
            "There are {a} {things} in a [box|bag|basket]. {name} takes {b}, {other} takes {c}. "
            "How many {things} are left?",
            "{name} takes {b} and {other} takes {c} of {a} {things}. How many {things} [are left|stay behind]?",
            "When {name} has {a} {things}, [sells|breaks] {b} and [loses|gives away] {c}, how many {things} are left?",
            "Of {a} {things}, {name} [takes|gets] {b} and {other} {c}. "
            "How many {things} [are left|are still there|remain]?",
        ),
        unseen=(
            "If {name} has {a} {things}, loses {b} and breaks {c}, how many {things} are left?",
            "{other} takes {b} of {a} {things}, and {name} takes {c}. How many {things} are still there?",
        ),
    ),
    "So {r} {things} are left.",
    (LARGE, MIDDLE, MIDDLE),
)
GROUPS_GAIN = Story(
    "{a} * {b} + {c}",
    Phrasings(
        seen=(
            "{name} has {a} [boxes|bags|baskets] with {b} {things} in each and [gets|finds|buys] {c} more. "
            "How many {things} does {name} have [in all|now|altogether]?",
            "There are {a} [boxes|bags|rows] of {b} {things} and {c} more. "
            "How many {things} [are there in all|is that]?",
            "{name} [fills|packs] {a} [boxes|bags]. Each holds {b} {things}, and {c} {things} are left over. "
            "How many {things} [are there|does {name} have] in all?",
            "How many {things} are in {a} [boxes|bags|baskets] if each holds {b}, and {c} more {things} are outside?",
            "For {a} days, {name} [makes|finds] {b} {things} a day. {other} gives {name} {c} more. "
            "How many {things} does {name} have?",
            "When there are {a} [boxes|bags|baskets] of {b} {things} and {c} more, "
            "how many {things} [are there|is that]?",
            "{name} [takes|gets] {a} [boxes|bags] of {b} {things}. {other} [brings|adds] {c} more. "
            "How many {things} are there?",
        ),
        unseen=(
            "If {name} has {a} bags with {b} {things} in each, and {c} more, how many {things} are there in all?",
            "{name} buys {a} boxes of {b} {things}. {other} gives {name} {c} more. How many {things} is that?",
        ),
    ),
    "So there are {r} {things}.",
    (SMALL, SMALL, MIDDLE),
)
GROUPS_LOSS = Story(
    "{a} * {b} - {c}",
    Phrasings(
        seen=(
            "{name} has {a} [boxes|bags|baskets] with {b} {things} in each and [loses|sells|gives away|breaks] {c}. "
            "How many {things} [are left|does {name} have left|does {name} have now]?",
            "There are {a} [boxes|bags|rows] of {b} {things}. {name} takes {c} {things}. How many {things} are left?",
            "{name} [fills|packs] {a} [boxes|bags]. Each holds {b} {things}. Then {other} takes {c}. "
            "How many {things} are left?",
            "How many {things} are left if {name} has {a} [boxes|bags|baskets] of {b} and [loses|sells] {c} {things}?",
            "For {a} days, {name} [makes|finds] {b} {things} a day, but {c} [are lost|are broken|get lost]. "
            "How many {things} does {name} have left?",
            "When there are {a} [boxes|bags|baskets] of {b} {things} and {name} [takes|sells] {c}, "
            "how many {things} are left?",
            "{name} [takes|gets] {a} [boxes|bags] of {b} {things}, but {other} [takes|breaks|needs] {c}. "
            "How many {things} are left?",
        ),
        unseen=(
            "If {name} has {a} bags with {b} {things} in each and gives away {c}, how many {things} are left?",
            "{name} buys {a} boxes of {b} {things}. {other} takes {c} of them. How many {things} are still there?",
        ),
    ),
    "So {r} {things} are left.",
    (SMALL, SMALL, MIDDLE),
)
SHARE_TOGETHER = Story(
    "({a} + {b}) / {c}",
    Phrasings(
        seen=(
            "{name} has {a} {things} and {other} has {b}. They share them among {c} [friends|children|people]. "
            "How many {things} does each [get|one get]?",
            "{name} [finds|buys|makes] {a} {things}, then {b} more, and shares them all among {c} "
            "[friends|children|people]. "
            "How many {things} does each get?",
            "{name} brings {a} {things}, {other} brings {b}. {c} [friends|children|people] share them all. "
            "How many {things} does each [get|one get]?",
            "{name} has {a} {things} and [gets|finds|buys] {b} more. {c} [friends|children|people] share them. "
            "How many {things} does each [get|one get]?",
            "How many {things} does each of {c} [friends|children|people] get if {name} shares {a} and {b} {things}?",
            "{name} puts {a} {things} and {b} {things} into {c} [boxes|bags], the same number in each. "
            "How many are in each?",
            "{c} [children|people|friends] get the {things} of {name} and {other}: {a} and {b}. "
            "How many {things} does each get?",
            "{name} has {a} {things}, {other} has {b}, and they [give|share] them all [to|among] {c} "
            "[children|people|friends]. How many {things} does each [get|one get]?",
            "When {c} [friends|people] share {a} {things} of {name} and {b} of {other}, how many does each get?",
            "The {a} {things} of {name} and the {b} {things} of {other} are [shared|divided] by {c} "
            "[children|people|friends]. How many {things} does each get?",
        ),
        unseen=(
            "If {name} has {a} {things} and {other} has {b}, and {c} children share them, how many {things} does "
            "each get?",
            "{c} friends share the {a} {things} of {name} and the {b} of {other}. How many {things} does each get?",
        ),
    ),
    "So it is {r} {things} each.",
    (MIDDLE, MIDDLE, (2, 12)),
)
PAY_FOR = Story(
    "{a} - {b} * {c}",
    Phrasings(
        seen=(
            "{name} has {a} dollars and buys {b} {things} for {c} dollars each. "
            "How [much money|many dollars] does {name} have left?",
            "{name} has {a} dollars. [One|Each] {thing} costs {c} dollars, and {name} buys {b}. "
            "How much money is left?",
            "{name} has {a} dollars and [buys|takes|needs] {b} {things}. Each costs {c} dollars. "
            "How [much money will be|much is|much money is|many dollars are] left?",
            "{name} has {a} dollars, and {again} [buys|takes] {b} {things} and pays {c} dollars for each. "
            "How [much money|many dollars] does {name} [still have|have left|have now]?",
            "How much money does {name} have left from {a} dollars after buying {b} {things} for {c} dollars each?",
            "{name} pays with {a} dollars for {b} {things} at {c} dollars each. "
            "[How much money is|How much is|How many dollars are] left?",
            "From {a} dollars, {name} buys {b} {things}. Each costs {c} dollars. How much does {name} have left?",
            "When {name} has {a} dollars and pays {c} dollars each for {b} {things}, how much [money is|is] left?",
            "{name} [needs|gets] {b} {things} at {c} dollars [a piece|each] and [began with|started with|first had] "
            "{a} dollars. How much [is left|does {name} keep]?",
            "{name} [buys|takes] {b} {things} for {c} dollars each. [At first|Until then] {name} had {a} dollars. "
            "How [much|much money] is left?",
        ),
        unseen=(
            "If {name} has {a} dollars and buys {b} {things} for {c} dollars each, how much money is left?",
            "{name} buys {b} {things} at {c} dollars each and had {a} dollars before. How much does {name} have left?",
        ),
    ),
    "So {name} has {r} dollars left.",
    (LARGE, SMALL, SMALL),
)
TWO_STEPS = (GAIN_LOSS, LOSS_GAIN, TWO_LOSSES, GROUPS_GAIN, GROUPS_LOSS, SHARE_TOGETHER, PAY_FOR)
