"""The plots of the story grammar. Slots are filled by `telling.tell`; [a|b] is one of these."""

from primer.tasks.curriculum.story import Beat, Fact, Plot, feel, what, where, where_did, who, why

IS_A = Fact("kind", {"name": "{hero}"}, "{hero} was {a_kind}.", ("{kind}",))
NAMED = Fact("name", {"kind": "{kind}"}, "The {kind} was named {hero}.", ("{hero}",))

OPENINGS = (
    Beat(
        (
            "[Once upon a time|Once|Long ago|Once upon a time,] there was {a_kind} named {hero} who lived {place}.",
            "{Place} lived {a_kind} named {hero}.",
            "[Once|Long ago] {a_kind} named {hero} lived {place}.",
            "There once was {a_kind} named {hero} who lived {place}.",
        ),
        (IS_A, NAMED, where_did("live", "lived"), who("lived {place}")),
    ),
    Beat(
        (
            "[One day|One morning|One evening|One sunny day|One cold day], {a_kind} named {hero} was {place}.",
            "It was a [sunny|warm|quiet|windy|cold] [day|morning|evening], and {a_kind} named {hero} was {place}.",
        ),
        (IS_A, NAMED, where(), who("was {place}")),
    ),
)

FEELING = Beat(
    (
        "{hero} felt {feeling}.",
        "{hero} felt very {feeling}.",
        "Now {hero} felt {feeling}.",
        "How {feeling} {hero} felt!",
        "After that {hero} felt {feeling}.",
    ),
    (feel(), who("felt {feeling}")),
    optional=True,
)

ENDING = Beat(
    (
        "In the end {hero} and {helper} {ending}.",
        "In the end {helper} and {hero} {ending}.",
        "In the end they {ending}.",
    ),
    (Fact("end", {}, "In the end they {ending}.", ("{ending}",)),),
    optional=True,
)

LOST = Plot(
    "lost and found",
    "to find {his} {thing}",
    (
        Beat(
            (
                "[One day|One morning|But now|Today] {he} was {bad} because {he} had lost {his} {thing}.",
                "{hero} was {bad} because {he} had lost {his} {thing}.",
                "{He} had lost {his} {thing}, so {he} was {bad}.",
            ),
            (
                why("{hero}", "was", "{bad}", "{he} had lost {his} {thing}", ("lost", "{thing}")),
                what("lose", "lost", "{his} {thing}"),
                who("was {bad}"),
                feel(feeling="{bad}", when=" at first"),
            ),
        ),
        Beat(
            (
                "{He} looked {spot}, but the {thing} was not there.",
                "{He} looked {spot}, but saw only [dust|a spider|leaves].",
                "{hero} looked {spot} and [called|sighed].",
            ),
            (where_did("look", "looked", at="{spot}", right="{spot}"),),
            optional=True,
        ),
        Beat(
            (
                "[Then|Soon|At last|Luckily,] {friend} found the {thing}.",
                "[Then|At last] {friend} came and found the {thing}.",
            ),
            (
                who("found the {thing}", "{helper}"),
                what("find", "found", "the {thing}", "{helper}"),
                who("helped {hero}", "{helper}"),
            ),
        ),
    ),
)

RACE = Plot(
    "a race",
    "to win the race",
    (
        Beat(
            (
                "{hero} wanted to win [the|a] race against {friend}.",
                "There was a race, and {hero} wanted to win the race against {friend}.",
            ),
            (what("want", "wanted", "to win the race", right=("win",)),),
        ),
        Beat(
            (
                "The prize was {a_thing}.",
                "The [winner|best] would get {a_thing}.",
                "The prize for the winner was {a_thing}.",
            ),
            (Fact("thing", {"about": "the prize"}, "The prize was {a_thing}.", ("{thing}",)),),
        ),
        Beat(
            (
                "{hero} fell because {he} ran too fast.",
                "But {hero} fell because there was a [stone|root|hole] in the way.",
            ),
            (who("fell"),),
            optional=True,
        ),
        Beat(
            ("{helper} stopped and helped {hero} up.", "Then {helper} turned back and helped {hero}."),
            (who("helped {hero}", "{helper}"),),
        ),
        Beat(
            (
                "{helper} won, but gave the {thing} to {hero}.",
                "They reached the [goal|finish] side by side and shared the {thing}.",
            ),
            optional=True,
        ),
    ),
)

GIFT = Plot(
    "a gift",
    "to give {helper} a gift",
    (
        Beat(
            (
                "{hero} wanted to give {friend} a gift, but {he} had no money.",
                "{He} wanted to give {friend} a gift, but the shop was [closed|far away].",
            ),
            (what("want", "wanted", "to give {helper} a gift", right=("gift",)), who("wanted to give {helper} a gift")),
        ),
        Beat(
            (
                "So {hero} made {a_thing} [out of paper|out of wood|with great care|all alone].",
                "So {he} made {a_thing} [at home|out of old paper|in one night|with care].",
            ),
            (what("make", "made", "{a_thing}"), who("made {a_thing}")),
        ),
        Beat(
            (
                "{helper} loved the {thing} because {hero} had made it.",
                "{helper} smiled because the {thing} was so [lovely|nice|fine].",
            ),
            (who("got the {thing}", "{helper}"),),
        ),
    ),
)

STORM = Plot(
    "a storm",
    "to be safe from the storm",
    (
        Beat(
            (
                "Then a storm came, and {hero} was {bad} because the wind took {his} {thing}.",
                "A [big|dark|wild] storm came. {hero} was {bad} because the wind took {his} {thing}.",
            ),
            (
                why("{hero}", "was", "{bad}", "the wind took {his} {thing}", ("wind", "took", "{thing}")),
                who("was {bad}"),
                feel(feeling="{bad}", when=" at first"),
                Fact("thing", {"about": "the thing that the wind took"}, "The wind took {his} {thing}.", ("{thing}",)),
            ),
        ),
        Beat(
            ("{He} hid {spot} and waited.", "{hero} hid {spot}, cold and wet."),
            (where_did("hide", "hid", at="{spot}", right="{spot}"),),
            optional=True,
        ),
        Beat(
            ("{friend} opened the door and let {him} in.", "Then {friend} called {him} into a warm house."),
            (who("helped {hero}", "{helper}"),),
        ),
        Beat(
            ("After the storm {helper} found the {thing}.", "When the sun came back, {helper} found the {thing}."),
            (who("found the {thing}", "{helper}"),),
            optional=True,
        ),
    ),
    moods=("afraid", "worried", "upset", "sad", "angry"),
)

STUCK = Plot(
    "a stuck friend",
    "to help {helper}",
    (
        Beat(
            ("{He} saw {friend}, who was stuck {spot}.", "There {hero} saw {friend}, who was stuck {spot}."),
            (who("was stuck {spot}", "{helper}"), where("{helper}", "stuck {spot}", "{spot}")),
        ),
        Beat(
            (
                "{hero} wanted to help {helper}, but {he} was too [small|weak].",
                "{hero} wanted to help {helper} and pulled hard, but nothing moved.",
            ),
            (what("want", "wanted", "to help {helper}", right=("help",)), who("wanted to help {helper}")),
        ),
        Beat(
            (
                "So {hero} took {a_thing} and set {helper} free.",
                "Then {hero} took {a_thing} and pulled {helper} out with it.",
            ),
            (what("take", "took", "{a_thing}"), who("took {a_thing}"), who("helped {helper}")),
        ),
    ),
)

BROKEN = Plot(
    "a broken thing mended",
    "to mend the {thing}",
    (
        Beat(
            (
                "{hero} was {bad} because {his} {thing} was broken.",
                "[One day|Today] {he} was {bad} because {his} {thing} was broken.",
                "{His} {thing} was broken, so {hero} was {bad}.",
            ),
            (
                why("{hero}", "was", "{bad}", "{his} {thing} was broken", ("{thing}", "broken")),
                who("was {bad}"),
                feel(feeling="{bad}", when=" at first"),
            ),
        ),
        Beat(
            (
                "{He} wanted to mend the {thing} with [glue|a rope|a nail|tape], but it fell apart.",
                "{hero} wanted to mend the {thing}, but did not know how.",
            ),
            (what("want", "wanted", "to mend the {thing}", right=("mend", "{thing}")),),
            optional=True,
        ),
        Beat(
            ("[Then|Soon|So] {friend} mended the {thing}.", "[Then|Luckily,] {friend} came and mended the {thing}."),
            (
                who("mended the {thing}", "{helper}"),
                what("mend", "mended", "the {thing}", "{helper}"),
                who("helped {hero}", "{helper}"),
            ),
        ),
    ),
)

SECRET = Plot(
    "a secret",
    "to tell {helper} a secret",
    (
        Beat(
            ("{hero} had a secret. {He} hid {a_thing} {spot}.", "{He} had a secret: {he} hid {a_thing} {spot}."),
            (
                what("hide", "hid", "{a_thing}"),
                who("hid {a_thing}"),
                who("had a secret"),
                where_did("hide", "hid", at="{spot}", right="{spot}", rest=" the {thing}"),
            ),
        ),
        Beat(
            (
                "{hero} was {bad} because {he} could not tell anyone.",
                "{He} was {bad} because {he} could not tell anyone.",
            ),
            (
                why("{hero}", "was", "{bad}", "{he} could not tell anyone", ("not", "tell")),
                feel(feeling="{bad}", when=" at first"),
            ),
            optional=True,
        ),
        Beat(
            (
                "[Then|At last] {he} told {friend}, who [kept the secret|only smiled|was kind].",
                "[Then|One night] {hero} told {friend}, who [kept it well|only smiled].",
            ),
            (who("told the secret"),),
        ),
    ),
    moods=("nervous", "unhappy", "lonely", "sad"),
)

NEIGHBOR = Plot(
    "a new neighbor",
    "to have a friend",
    (
        Beat(
            ("{hero} was {bad} because {he} had no friend.", "But {he} was {bad} because {he} had no friend."),
            (
                why("{hero}", "was", "{bad}", "{he} had no friend", ("no", "friend")),
                feel(feeling="{bad}", when=" at first"),
            ),
        ),
        Beat(
            ("[Then|One day] {newcomer} moved in next door.", "[Then|One day] {newcomer} came to live next door."),
            (who("was the new neighbor", "{helper}"),),
        ),
        Beat(
            ("{hero} brought {helper} {a_thing} and said hello.", "So {hero} brought {helper} {a_thing}."),
            (what("bring", "brought", "{a_thing}"), who("brought {a_thing}"), who("got {a_thing}", "{helper}")),
        ),
    ),
    moods=("lonely", "sad", "unhappy", "nervous"),
)

MEAL = Plot(
    "a shared meal",
    "to eat",
    (
        Beat(
            ("{hero} was {bad} because {he} had nothing to eat.", "{He} was {bad} because {he} had nothing to eat."),
            (
                why("{hero}", "was", "{bad}", "{he} had nothing to eat", ("nothing", "eat")),
                feel(feeling="{bad}", when=" at first"),
            ),
        ),
        Beat(
            ("{He} had only {a_thing} in {his} pocket.", "In {his} pocket {he} had only {a_thing}."),
            (what("have", "had", "only {a_thing}", right=("{thing}",)), who("had only {a_thing}")),
        ),
        Beat(
            (
                "[Then|Soon] {friend} came with [bread|soup|rice|cheese|a big pie].",
                "[Then|Soon] {friend} brought [bread|soup|rice|cheese|a big pie].",
            ),
            (who("helped {hero}", "{helper}"),),
        ),
        Beat(
            (
                "They shared it, and {helper} got the {thing} as thanks.",
                "They ate all of it, and {hero} gave {helper} the {thing}.",
            ),
            (who("got the {thing}", "{helper}"),),
            optional=True,
        ),
    ),
    moods=("sad", "unhappy", "tired", "worried"),
)

SKILL = Plot(
    "learning a skill",
    "to learn to {skill}",
    (
        Beat(
            (
                "{hero} wanted to learn to {skill}.",
                "{He} wanted to learn to {skill}, but {he} was [afraid to try|too shy to ask].",
            ),
            (what("want", "wanted", "to learn to {skill}", right=("{skill}",)), who("wanted to learn to {skill}")),
        ),
        Beat(
            (
                "{He} tried and tried, but it was [hard|too hard|not easy].",
                "At first {he} was [slow|bad at it|not good at it].",
            ),
            (),
            optional=True,
        ),
        Beat(
            ("So {friend} taught {him}.", "[Then|Each day] {friend} taught {hero}."),
            (who("taught {hero}", "{helper}"), who("helped {hero}", "{helper}")),
        ),
        Beat(
            (
                "When {hero} could {skill}, {helper} gave {him} {a_thing}.",
                "Soon {hero} could {skill}, and {helper} gave {him} {a_thing}.",
            ),
            (
                what("give", "gave", "{hero} {a_thing}", "{helper}"),
                who("gave {hero} {a_thing}", "{helper}"),
                who("got {a_thing}"),
            ),
        ),
    ),
)

QUARREL = Plot(
    "a quarrel",
    "to have the {thing}",
    (
        Beat(
            (
                "There {he} found {a_thing}, and {friend} wanted it too.",
                "{hero} found {a_thing}, but {friend} wanted it too.",
            ),
            (what("find", "found", "{a_thing}"), who("found {a_thing}"), who("wanted the {thing} too", "{helper}")),
        ),
        Beat(
            ("They pulled at the {thing} and were both {bad}.", "They shouted, and both were {bad}."),
            (),
            optional=True,
        ),
        Beat(
            ("Then {hero} gave the {thing} to {helper} for a day.", "Then {hero} gave {helper} the {thing} first."),
            (
                who("gave the {thing} away"),
                who("got the {thing}", "{helper}"),
                what("give", "gave", "{helper} the {thing}"),
            ),
        ),
    ),
)

NOISE = Plot(
    "a noise at night",
    "to sleep",
    (
        Beat(
            (
                "{hero} was {bad} because there was a noise outside.",
                "One night {he} was {bad} because there was a noise outside.",
            ),
            (
                why("{hero}", "was", "{bad}", "there was a noise outside", ("noise",)),
                who("was {bad}"),
                feel(feeling="{bad}", when=" at first"),
            ),
        ),
        Beat(
            ("{He} hid {spot}.", "So {hero} hid {spot} and listened."),
            (where_did("hide", "hid", at="{spot}", right="{spot}"),),
            optional=True,
        ),
        Beat(
            (
                "But it was only {friend}, who had dropped {a_thing}.",
                "It was only {friend}, who had dropped {a_thing}.",
            ),
            (
                who("dropped {a_thing}", "{helper}"),
                what("drop", "dropped", "{a_thing}", "{helper}"),
                who("made the noise", "{helper}"),
            ),
        ),
    ),
    moods=("afraid", "worried", "nervous", "upset", "angry"),
)

WAY = Plot(
    "the way home",
    "to go home",
    (
        Beat(
            ("{hero} wanted to go home, but it was dark.", "{He} wanted to go home, but {he} did not know the way."),
            (what("want", "wanted", "to go home", right=("home",)), who("wanted to go home")),
        ),
        Beat(
            (
                "[Then|Soon] {he} met {friend}, who had {a_thing}.",
                "[There|Soon] {hero} met {friend}, who had {a_thing}.",
            ),
            (
                who("had {a_thing}", "{helper}"),
                what("have", "had", "{a_thing}", "{helper}"),
                Fact("met", {"name": "{hero}"}, "{hero} met {helper}.", ("{helper}",)),
            ),
        ),
        Beat(
            ("{helper} showed {him} the way.", "{helper} showed {hero} the way [home|through the dark]."),
            (who("showed {hero} the way", "{helper}"), who("helped {hero}", "{helper}")),
        ),
    ),
)

PLOTS = (LOST, RACE, GIFT, STORM, STUCK, BROKEN, SECRET, NEIGHBOR, MEAL, SKILL, QUARREL, NOISE, WAY)
SKILLS = tuple(
    """swim sing dance read write draw cook ski whistle juggle skate paint bake climb
    ride row""".split()
)
