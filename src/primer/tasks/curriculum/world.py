"""A small world in which everything is settled: what a cow says, what comes after Monday, what a key is for.

Tables only: how they are asked about is in `kinds.py`. All of it is taught; what an examination holds back are the
ways to ask.
"""


def table(text: str) -> dict[str, str]:
    """A table from "subject: value, subject: value".

    >>> table("a cow: moo, a dog: woof")
    {'a cow': 'moo', 'a dog': 'woof'}
    """
    pairs = (entry.split(":") for entry in " ".join(text.split()).split(","))
    return {subject.strip(): value.strip() for subject, value in pairs}


SOUNDS = table(
    """a cow: moo, a dog: woof, a cat: meow, a duck: quack, a sheep: baa, a pig: oink, a hen: cluck, a horse: neigh,
    a lion: roar, a frog: croak, a bee: buzz, a snake: hiss, a mouse: squeak, an owl: hoot, a wolf: howl,
    a donkey: hee-haw, a bird: tweet, a goose: honk, a crow: caw"""
)
BABIES = table(
    """a cow: a calf, a dog: a puppy, a cat: a kitten, a horse: a foal, a sheep: a lamb, a hen: a chick,
    a duck: a duckling, a pig: a piglet, a goat: a kid, a bear: a cub, a frog: a tadpole, a goose: a gosling,
    a kangaroo: a joey, a deer: a fawn, an owl: an owlet, a rabbit: a bunny"""
)
HOMES = table(
    """a bee: in a hive, a bird: in a nest, a dog: in a kennel, a horse: in a stable, a cow: in a barn, a pig: in a sty,
    a fox: in a den, a rabbit: in a burrow, a spider: in a web, a frog: in a pond, a shark: in the sea,
    a whale: in the sea, a camel: in the desert, a penguin: on the ice, a bear: in a cave, a hen: in a coop,
    an owl: in a tree, a monkey: in the jungle, a deer: in the forest"""
)
DIETS = table(
    """a cow: grass, a rabbit: carrots, a mouse: cheese, a monkey: bananas, a bear: honey, a dog: bones,
    a squirrel: nuts, a lion: meat, a bird: seeds, a horse: hay, a frog: flies, a hen: corn, a penguin: fish,
    a goat: leaves, a panda: bamboo, a cat: mice"""
)
COLORS = table(
    """a banana: yellow, grass: green, the sky: blue, snow: white, coal: black, a tomato: red, a carrot: orange,
    a frog: green, a lemon: yellow, blood: red, chocolate: brown, an elephant: gray, milk: white, the sun: yellow,
    a strawberry: red, a plum: purple, a pig: pink, a leaf: green, a crow: black, an orange: orange, a pea: green,
    a mouse: gray, the sea: blue, wood: brown, a pumpkin: orange, a swan: white"""
)
TASTES = table(
    """a lemon: sour, sugar: sweet, salt: salty, honey: sweet, a chili: hot, coffee: bitter, vinegar: sour,
    candy: sweet, sea water: salty, pepper: hot, cake: sweet, strong tea: bitter"""
)
OPPOSITE_PAIRS = """hot cold, big small, up down, day night, happy sad, fast slow, old young, good bad, open closed,
    wet dry, light dark, hard soft, loud quiet, rich poor, full empty, early late, near far, left right, long short,
    high low, clean dirty, strong weak, inside outside, first last, push pull, start stop, true false, thick thin,
    win lose,
    give take"""
OPPOSITES = {one: other for pair in OPPOSITE_PAIRS.split(",") for one, other in (pair.split(), reversed(pair.split()))}
PLURALS = table(
    """mouse: mice, goose: geese, child: children, man: men, woman: women, foot: feet, tooth: teeth, sheep: sheep,
    leaf: leaves, wolf: wolves, knife: knives, potato: potatoes, tomato: tomatoes, box: boxes, baby: babies, dog: dogs,
    cat: cats, bus: buses, city: cities, berry: berries, person: people, book: books, fox: foxes, house: houses"""
)
RELATIVES = table(
    """mother's mother: grandmother, mother's father: grandfather, father's mother: grandmother,
    father's father: grandfather, mother's brother: uncle, father's brother: uncle, mother's sister: aunt,
    father's sister: aunt, uncle's child: cousin, aunt's child: cousin, brother's son: nephew, sister's son: nephew,
    brother's daughter: niece, sister's daughter: niece"""
)
JOBS = table(
    """a baker: bakes bread, a teacher: teaches children, a doctor: helps sick people, a farmer: grows food,
    a cook: makes meals, a pilot: flies planes, a driver: drives cars, a sailor: sails ships,
    a painter: paints pictures, a writer: writes books, a singer: sings songs, a dancer: dances,
    a firefighter: puts out fires,
    a gardener: plants flowers, a tailor: makes clothes, a hunter: hunts animals, a builder: builds houses,
    a postman: brings letters, a dentist: cleans teeth, a shepherd: watches sheep"""
)
WORKPLACES = table(
    """a doctor: in a hospital, a teacher: in a school, a baker: in a bakery, a farmer: on a farm, a cook: in a kitchen,
    a pilot: in a plane, a sailor: on a ship, a gardener: in a garden, a nurse: in a hospital, a judge: in a court,
    a waiter: in a restaurant, a clown: in a circus, a miller: in a mill, a miner: in a mine"""
)
USES = table(
    """a knife: cut, a pen: write, a broom: sweep, an oven: bake, a bed: sleep, a key: open a door, a needle: sew,
    a cup: drink, a clock: tell the time, a spoon: eat soup, a hammer: hit nails, a ladder: climb, a phone: call people,
    a lamp: make light, a towel: get dry, a saw: cut wood, a brush: paint, a camera: take photos"""
)
FOUND = table(
    """books: in a library, bread: in a bakery, stars: in the sky, animals: in a zoo, sand: on a beach,
    trees: in a forest, flowers: in a garden, pupils: in a school, trains: at a station, planes: at an airport,
    boats: in a harbor, old things: in a museum, pots: in a kitchen, money: in a bank"""
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
SEASONS = "spring summer autumn winter".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
DAY_AFTER = dict(zip(DAYS, DAYS[1:] + DAYS[:1], strict=True))
DAY_BEFORE = {later: earlier for earlier, later in DAY_AFTER.items()}
MONTH_AFTER = dict(zip(MONTHS, MONTHS[1:] + MONTHS[:1], strict=True))
SEASON_AFTER = dict(zip(SEASONS, SEASONS[1:] + SEASONS[:1], strict=True))
MONTH_NUMBER = dict(zip(ORDINALS, MONTHS, strict=True))
MONTH_SEASON = dict(zip(MONTHS, [SEASONS[(number - 2) // 3 % 4] for number in range(12)], strict=True))
COUNTS = table(
    """a week of days: seven, a year of months: twelve, a day of hours: twenty-four, an hour of minutes: sixty,
    a minute of seconds: sixty, a year of seasons: four, a car of wheels: four, a bike of wheels: two,
    a hand of fingers: five, a person of eyes: two, a person of ears: two, a person of toes: ten,
    a butterfly of wings: four, a triangle of sides: three, a square of sides: four, a weekend of days: two,
    a tricycle of wheels: three,
    a dog of legs: four, a bird of legs: two, a spider of legs: eight, an ant of legs: six, a snake of legs: no,
    a fish of legs: no, a horse of legs: four, a cow of legs: four, a bee of legs: six, a hen of legs: two,
    a cat of legs: four, a frog of legs: four, a person of legs: two, a chair of legs: four, a bird of wings: two,
    a rainbow of colors: seven"""
)
SHAPES = table(
    """a coin: a circle, a wheel: a circle, a plate: a circle, an egg: an oval, a door: a rectangle,
    a book: a rectangle, a pizza slice: a triangle, a sail: a triangle, a chessboard: a square, the moon: a circle"""
)
SENSES = table(
    """see: your eyes, hear: your ears, smell: your nose, taste: your tongue, walk: your feet, bite: your teeth,
    think: your brain, touch: your hands, kiss: your lips, wave: your hand"""
)
WORN = table(
    """a hat: your head, a glove: your hand, a sock: your foot, a shoe: your foot, a ring: your finger,
    a scarf: your neck, a belt: your waist, a watch: your wrist, a mask: your face"""
)
TIMES = table(
    """you eat breakfast: in the morning, you eat lunch: at noon, you eat dinner: in the evening, you sleep: at night,
    the sun rises: in the morning, the sun sets: in the evening, the stars shine: at night,
    you wake up: in the morning"""
)
MATERIALS = table(
    """bread: flour, cheese: milk, butter: milk, wine: grapes, paper: wood, a window: glass, a book: paper,
    ketchup: tomatoes, a sweater: wool, a coin: metal, a table: wood, ice: water, a brick: clay, chips: potatoes,
    an omelet: eggs, jam: fruit"""
)
SOURCES = table(
    """milk: a cow, an egg: a hen, honey: a bee, wool: a sheep, a web: a spider, light: the sun, rain: the clouds,
    an apple: a tree"""
)
GROUPS = table(
    """an apple: a fruit, a banana: a fruit, a pear: a fruit, a carrot: a vegetable, a potato: a vegetable,
    an onion: a vegetable, a dog: an animal, a horse: an animal, a rabbit: an animal, a robin: a bird, an owl: a bird,
    red: a color, blue: a color, green: a color, a chair: furniture, a table: furniture, a car: a vehicle,
    a bus: a vehicle, a rose: a flower, a tulip: a flower, Monday: a day, Sunday: a day, May: a month, June: a month,
    a piano: an instrument, a drum: an instrument, a hammer: a tool, a saw: a tool, a shirt: clothing, a coat: clothing,
    an ant: an insect, a fly: an insect, the sun: a star, an oak: a tree, milk: a drink, juice: a drink, bread: food"""
)
NEEDS = table(
    """it rains: an umbrella, it snows: warm boots, it is sunny: a sun hat, it is cold: a warm coat, it is dark: a lamp,
    you are hungry: some food, you are thirsty: some water, you are tired: some sleep, you are sick: a doctor,
    your hands are dirty: soap, it is windy: a scarf, the door is locked: a key"""
)
ALSO_TRUE = table(
    """an owl: an animal, a robin: an animal, an ant: an animal, a fly: an animal, an apple: food, a banana: food,
    a pear: food, a carrot: food, a potato: food, an onion: food, milk: food, a monkey: in a tree; in the forest,
    a bear: in the forest; fish; meat, a fox: in the forest; in a cave, an owl: in the forest; in a barn; in a nest,
    a penguin: in the sea, a rabbit: in a den; grass; leaves, a horse: in a barn; grass, a hen: in a barn; seeds,
    a pig: in a barn, a spider: in a tree; in a cave, a bee: in a tree; in a nest, a dog: meat, a cat: fish; meat,
    a mouse: seeds; corn; nuts, a bird: in a tree; nuts; flies; corn; fish, a goat: grass; hay, a cow: hay; corn,
    a squirrel: seeds; corn, a panda: leaves, a lion: bones, a deer: in a den, a cook: bakes bread,
    a baker: makes meals, a farmer: plants flowers; watches sheep, a gardener: grows food, a spoon: drink,
    a knife: cut wood, a pen: paint,
    a saw: cut, a phone: tell the time; take photos; make light; write, flowers: in a forest; in a museum,
    trees: in a garden; in a zoo, animals: in a forest; on a beach; in a garden; in the sky, books: in a school;
    in a museum, stars: in a museum, planes: in the sky; in a museum, pupils: in a library; in a museum,
    boats: on a beach; in a museum, old things: in a library, it snows: a warm coat; a scarf; an umbrella,
    it rains: warm boots, it is cold: a scarf; warm boots, it is windy: a warm coat, you are sick: some sleep,
    you are tired: some food; some water, you are hungry: some water, a table: metal; glass, a book: wood,
    the sky: white, wood: black, a leaf: yellow; red, a plum: yellow; red, blood: brown, the sea: green,
    an elephant: brown, a mouse: brown; white, a frog: brown, candy: sour, coffee: sweet, cake: salty,
    a door: an oval, a window: wood, ice: glass, touch: your feet; your lips; your hand; your tongue, wave: your hands,
    taste: your lips, kiss: your nose, a scarf: your head"""
)
"""Other values that are true or nearly so, parted by semicolons: never to be called false."""
CAN = {
    "fly": "bird bee owl duck goose bat fly crow",
    "swim": "fish duck frog shark whale penguin goose dog",
    "climb trees": "cat monkey squirrel bear",
    "jump": "frog rabbit kangaroo cat horse dog",
    "talk": "parrot person",
    "lay eggs": "hen bird duck snake turtle frog",
}
CANNOT = {
    "fly": "dog cat cow horse fish pig mouse snake penguin elephant",
    "swim": "hen bee ant fly",
    "climb trees": "cow fish horse pig whale elephant",
    "jump": "elephant snake snail turtle",
    "talk": "cow fish tree stone table snail",
    "lay eggs": "dog cat cow horse pig sheep",
}
