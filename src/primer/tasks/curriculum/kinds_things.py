"""More kinds of facts of the small world: days and months, numbers, shapes, the body, what things are and come from."""

from primer.tasks.curriculum import world
from primer.tasks.curriculum.draw import Phrasings
from primer.tasks.curriculum.kinds import Kind, ways

KINDS = (
    Kind(
        world.DAY_AFTER,
        "after {a} comes {y}",
        ways(
            (
                "[What|Which] day comes after {a}?", "What comes after {a}?", "[What|Which] day follows {a}?",
                "Today is {a}. What [day is|is] tomorrow?", "If today is {a}, [what|which] day is tomorrow?",
                "[What|Which] is the [next day|day] after {a}?", "It is {a}. [What|Which] day comes next?",
                "{A}, and then?",
                "Yesterday was {a}. What day is [today|it now]?",
            ),
            ("[what|which] day comes after {a}", "[what|which] day follows {a}", "what comes after {a}"),
            ("the [next |]day after {a}", "the day that [follows|comes after] {a}"),
            ("{A} is over. What day is it now?", "When {a} is over, which day comes?",
             "Which is the next day if it is {a}?"),
        ),
        whether=Phrasings(("Does {y} [come after|follow] {a}?", "Is {y} the day after {a}?",
        "Is the day after {a} {y}?"),
                          ("Is {y} the next day after {a}?", "Today is {a}. Is tomorrow {y}?")),
    ),
    Kind(
        world.DAY_BEFORE,
        "before {a} comes {y}",
        ways(
            (
                "[What|Which] day comes before {a}?", "What comes before {a}?", "[What|Which] day is before {a}?",
                "Today is {a}. What [day was|was] yesterday?", "If today is {a}, [what|which] day was yesterday?",
                "[What|Which] is the day before {a}?", "Tomorrow is {a}. What day is today?",
            ),
            ("[what|which] day comes before {a}", "[what|which] day is before {a}", "what comes before {a}"),
            ("the day before {a}", "the day that comes before {a}"),
            ("It is {a}. What day was yesterday?", "Which is the last day before {a}?",
             "If tomorrow is {a}, what day is today?"),
        ),
        whether=Phrasings(("Does {y} come before {a}?", "Is {y} the day before {a}?", "Is the day before {a} {y}?"),
                          ("Is {y} the last day before {a}?", "Today is {a}. Was yesterday {y}?")),
    ),
    Kind(
        world.MONTH_AFTER,
        "after {a} comes {y}",
        ways(
            (
                "[What|Which] month comes after {a}?", "What comes after {a}?", "[What|Which] month follows {a}?",
                "It is {a} now. [What|Which] month comes next?", "[What|Which] is the [next |]month after {a}?",
                "{A}, and then?", "If this month is {a}, what is next month?", "{A} is over. What month is it now?",
            ),
            ("[what|which] month comes after {a}", "[what|which] month follows {a}", "what comes after {a}"),
            ("the [next |]month after {a}", "the month that [follows|comes after] {a}"),
            ("When {a} is over, which month comes?", "Which is the next month if it is {a}?",
             "It is {a}. What is next month?"),
        ),
        whether=Phrasings(("Does {y} [come after|follow] {a}?", "Is {y} the month after {a}?"),
                          ("Is {y} the next month after {a}?", "Is the month after {a} {y}?")),
    ),
    Kind(
        world.SEASON_AFTER,
        "after {a} comes {y}",
        ways(
            (
                "[What|Which] season comes after {a}?", "What comes after {a}?", "[What|Which] season follows {a}?",
                "It is {a} now. [What|Which] season comes next?", "[What|Which] is the [next |]season after {a}?",
                "{A} is over. What season is it now?",
            ),
            ("[what|which] season comes after {a}", "[what|which] season follows {a}"),
            ("the [next |]season after {a}", "the season that [follows|comes after] {a}"),
            ("When {a} is over, which season comes?", "Which is the next season if it is {a}?",
             "It is {a}. What is next season?"),
        ),
    ),
    Kind(
        world.MONTH_NUMBER,
        "the {a} month of the year is {y}",
        ways(
            (
                "[What|Which] month is the {a} [of the year|one]?", "What is the {a} month [of|in] the year?",
                "[What|Which] is the {a} month?", "[What|Which] month comes {a} in the year?",
                "The {a} month is called what?",
                "The {a} month of the year is?",
            ),
            ("[what|which] month is the {a} of the year", "what the {a} month is"),
            ("the {a} month of the year", "the {a} month [in|of] a year"),
            ("In a year, which month is the {a}?", "Which month of the year is the {a} one?",
             "What is month number {a}?"),
        ),
        whether=Phrasings(("Is {y} the {a} month of the year?", "Is the {a} month {y}?"),
        ("Is {y} month number {a}?",)),
    ),
    Kind(
        world.MONTH_SEASON,
        "{a} is in {y}",
        ways(
            (
                "[What|Which] season is {a} in?", "In [what|which] season is {a}?", "[What|Which] season is it in {a}?",
                "{A} is in [what|which] season?", "[What|Which] season does {a} belong to?",
                "It is {a}. What season is it?",
            ),
            ("[what|which] season {a} is in", "in [what|which] season {a} is", "[what|which] season it is in {a}"),
            ("the season of {a}", "the season that {a} [is in|belongs to]"),
            ("If it is {a}, what season is it?", "To which season does {a} belong?", "What season do we have in {a}?"),
        ),
        whether=Phrasings(("Is {a} in {y}?", "Is it {y} in {a}?", "Does {a} belong to {y}?"),
                          ("Is {a} a month in {y}?", "Do we have {y} in {a}?")),
    ),
    Kind(
        world.COUNTS,
        "{a} has {y} {u}",
        ways(
            (
                "How many {u} does {a} have?", "How many {u} are there in {a}?", "How many {u} has {a}?",
                "{A} has how many {u}?", "How many {u} [do you count|can you count|would you find|do you see] on {a}?",
                "What number of {u} does {a} have?", "How many {u} [make|are in|are on|belong to] {a}?",
                "Count the {u} of {a}.", "I [see|have] {a}. How many {u} does it have?",
            ),
            ("how many {u} {a} has", "how many {u} there are in {a}", "how many {u} belong to {a}"),
            ("the number of {u} [of|in|on] {a}", "the number of {u} that {a} has"),
            ("What is the count of {u} on {a}?", "How many {u} would {a} have?",
             "If I count the {u} of {a}, how many are there?"),
        ),
        whether=Phrasings(("Does {a} have {y} {u}?", "Are there {y} {u} in {a}?", "Has {a} {y} {u}?"),
                          ("Would {a} have {y} {u}?", "Can I count {y} {u} on {a}?")),
    ),
    Kind(
        world.SHAPES,
        "the shape of {a} is {y}",
        ways(
            (
                "[What|Which] shape [is|has] {a}?", "What is the shape of {a}?", "[What|Which] shape does {a} have?",
                "{A} [has|is] [what|which] shape?", "I want to draw {a}. [What|Which] shape do I [draw|need]?",
                "What does {a} look like: a circle, a square, a triangle, a rectangle or an oval?",
            ),
            ("[what|which] shape {a} [has|is]",),
            ("the shape of {a}", "the shape that {a} has"),
            ("In what shape should I draw {a}?", "What shape would you draw for {a}?", "Of what shape is {a}?"),
        ),
        whether=Phrasings(("Is the shape of {a} {y}?", "Does {a} have the shape of {y}?", "Is {a} {y} in shape?"),
                          ("Should I draw {a} as {y}?", "Would you say {a} has the shape of {y}?")),
    ),
    Kind(
        world.SENSES,
        "you {a} with {y}",
        ways(
            (
                "What do [you|I|we|people] {a} with?", "With what do [you|I|we|people] {a}?",
                "What do [you|we|I] use to {a}?",
                "[Which|What] part of the body do you {a} with?", "[Which|What] part of my body do I use to {a}?",
                "What do I need to {a}?", "How do people {a}?",
            ),
            ("what [you|we|I] {a} with", "[which|what] part of the body you {a} with", "how people {a}"),
            ("the part of the body that you {a} with",),
            ("What helps me to {a}?", "With which part of the body do people {a}?", "What part of me do I {a} with?"),
        ),
        whether=Phrasings(("Do [you|I|we] {a} with {y}?", "Do people {a} with {y}?"), ("Can you {a} with {y}?",)),
    ),
    Kind(
        world.WORN,
        "you wear {a} on {y}",
        ways(
            (
                "Where do [you|I|we|people] wear {a}?", "Where [do I put|does one wear|should I put|can I wear] {a}?",
                "[Which|What] part of the body is {a} for?", "On [which|what] part of the body do you wear {a}?",
                "I have [got |]{a}. Where do I [wear|put] it?", "Where does {a} go?",
            ),
            ("where [you|I|to] wear {a}", "[which|what] part of the body {a} is for", "where {a} goes"),
            ("the part of the body that {a} is for",),
            ("On what do people wear {a}?", "Where should I wear {a}?", "What part of me is {a} for?"),
        ),
        whether=Phrasings(("Do [you|I|we] wear {a} on {y}?", "Is {a} for {y}?"), ("Should I wear {a} on {y}?",)),
    ),
    Kind(
        world.TIMES,
        "{a} {y}",
        ways(
            (
                "[At what|What] time is it when {a}?", "When is it that {a}?", "{A} at what time [of day|of the day]?",
                "{A}: when is that?", "{A} when?", "At what time of day is it that {a}?",
                "What is the time of day when {a}?",
            ),
            ("when {a}", "at what time of day {a}"),
            ("the time [of day |]when {a}",),
            ("What time of day is it if {a}?", "If {a}, what time is it?", "{A}: at what time is that?"),
        ),
    ),
    Kind(
        world.MATERIALS,
        "{a} is made of {y}",
        ways(
            (
                "What is {a} made of?", "What is {a} made from?", "Of what is {a} made?",
                "What do [you|people|we] make {a} of?",
                "What do [I|you] need to make {a}?", "What do you [use|take] to make {a}?", "{A} is made of what?",
                "How is {a} made? What do I need?",
            ),
            ("what {a} is made of", "what [you|I] need to make {a}", "what people make {a} [of|from]"),
            ("the [stuff|thing] that {a} is made of",),
            ("What should I use to make {a}?", "From what do people make {a}?", "To make {a}, what do I need?"),
        ),
        whether=Phrasings(("Is {a} made [of|from] {y}?", "Do [you|I] need {y} to make {a}?",
        "Do people make {a} [of|from] {y}?"),
                          ("Should I use {y} to make {a}?", "Can I make {a} from {y}?")),
    ),
    Kind(
        world.SOURCES,
        "{a} comes from {y}",
        ways(
            (
                "Where does {a} come from?", "What does {a} come from?", "What gives us {a}?",
                "From what do we get {a}?",
                "Where do [we|people] get {a}?", "{A} comes from where?", "Who [makes|gives us] {a}?",
            ),
            ("where {a} comes from", "where we get {a}", "what gives us {a}"),
            ("the thing that gives us {a}",),
            ("From where do people get {a}?", "From what does {a} come?", "What do people get {a} from?"),
        ),
        whether=Phrasings(("Does {a} come from {y}?", "Do we get {a} from {y}?"), ("Do people get {a} from {y}?",)),
    ),
    Kind(
        world.GROUPS,
        "{a} is {y}",
        ways(
            (
                "What [kind|sort] of thing is {a}?", "What is {a}?", "[What|Which] group does {a} belong to?",
                "{A} is what [kind|sort] of thing?", "What [do you|would you|do we] call things like {a}?",
                "{A}: what is it?",
                "Is {a} [an animal or a tool|a tool or a fruit|a fruit or an animal|a day or a color], or what else?",
                "What is {a}, an animal, a plant or a thing?",
            ),
            ("what {a} is", "what [kind|sort] of thing {a} is", "[what|which] group {a} belongs to"),
            ("the group that {a} belongs to", "the group of {a}"),
            ("To which group does {a} belong?", "What sort of thing would you call {a}?",
             "If you see {a}, what is it?"),
        ),
        whether=Phrasings(("Is {a} {y}?", "Is {a} [really |]{y}?", "Does {a} belong to this group: {y}?"),
                          ("Would you call {a} {y}?", "Is {a} a sort of thing we call {y}?")),
    ),
    Kind(
        world.NEEDS,
        "when {a}, you need {y}",
        ways(
            (
                "What do [you|I|we] need when {a}?", "What should I [take|use|get] when {a}?",
                "When {a}, what do [you|I] need?",
                "What helps when {a}?", "If {a}, what do [you|I] need?", "What do [I|you] do if {a}? What do I need?",
                "What is good to have when {a}?",
            ),
            ("what [you|I] need when {a}", "what helps when {a}", "what I should [take|get] when {a}"),
            ("the thing that helps when {a}", "the thing that you need when {a}"),
            ("If {a}, what would help?", "What would you get when {a}?", "When {a}, what is it good to have?"),
        ),
        whether=Phrasings(("Do [you|I] need {y} when {a}?", "When {a}, do I need {y}?", "Does {y} help when {a}?"),
                          ("If {a}, should I take {y}?", "Would {y} help if {a}?")),
    ),
)  # fmt: skip
