"""Word lists that several lessons share. Open lists: four fifths are for training, the rest for the examination."""

NAMES = tuple(
    """Ada Adam Alice Amir Amy Ana Andy Ann Anton Asha Ben Bella Beth Bill Bob Boris Brian Carl Carla Cathy Chloe Clara
    Colin Cora Dan Dana David Dean Diana Dora Doris Dylan Ed Eddie Elena Eli Ella Ellen Elsa Emil Emma Eric Erin Esther
    Eva Evan Fay Felix Fiona Flora Frank Fred Gabe Gail Gemma George Gina Grace Greg Greta Gus Hana Hank Hanna Harry
    Hazel Heidi Helen Henry Hugo Ian Ida Ilya Ines Ingrid Iris Isaac Ivan Ivy Jack Jacob Jade James Jan Jane Jean Jenny
    Jill Jim Joan Joe Joel John Jonas Josh Joy Judy Julia June Kai Karen Karl Kate Ken Kim Kira Kurt Lara Laura Lea Leah
    Lena Leo Lewis Lia Lily Linda Lisa Liz Lola Lou Lucas Lucy Luis Luke Luna Mae Maria Marc Mark Marta Mary Matt Max
    May Maya Meg Mia Mike Mila Milo Mina Molly Mona Nadia Nan Nate Ned Nell Nick Nina Noah Nora Olga Olive Oscar Otto
    Owen Pam Pat Paul Penny Pete Phil Pia Polly Rae Ralph Ray Rita Rob Robin Rolf Roy Rosa Rose Ruby Ruth Ryan Sally Sam
    Sandy Sara Sean Simon Sofia Sonia Stan Steve Sue Tara Ted Tess Theo Tim Tina Toby Todd Tom Toni Tony Uma Vera Vic
    Viola Wade Walt Wanda Wendy Will Yara Yuri Zack Zara Zoe""".split()
)

THINGS = tuple(
    """apple badge bag ball balloon banana basket bead bell belt berry book bottle bowl box bracelet brick brush bucket
    button cake candle cap card carrot chair coin comb cookie crayon crown cup cushion dice dish doll drum eraser
    feather flag flower flute fork gem glove grape hammer hat helmet jar jewel key kite knife ladder lamp leaf lemon
    letter magnet map marble mask medal melon mirror mitten mug muffin nail needle notebook nut onion orange paddle
    pancake pear pebble pen pencil pie pillow pin pipe plate plum pot potato puppet purse puzzle ribbon ring rock rope
    ruler sandwich scarf seed shell shirt shoe sock spoon stamp stick sticker stone stool string sweet sword tent
    ticket tile tomato top towel toy tray trumpet umbrella vase wagon wallet whistle""".split()
)

PLURALS = {
    "leaf": "leaves", "knife": "knives", "mouse": "mice", "goose": "geese", "child": "children", "man": "men",
    "woman": "women", "foot": "feet", "tooth": "teeth", "sheep": "sheep", "fish": "fish", "wolf": "wolves",
    "dice": "dice", "potato": "potatoes", "tomato": "tomatoes", "calf": "calves", "shelf": "shelves",
}  # fmt: skip

ANIMALS = tuple(
    """ant bat bear bee bird camel cat chicken cow crab deer dog donkey duck eagle elephant fish fox frog giraffe goat
    goose hen horse kangaroo lion monkey mouse owl parrot penguin pig rabbit shark sheep snake spider squirrel tiger
    turtle whale wolf zebra""".split()
)

COLORS = tuple("red blue green yellow black white brown pink purple orange gray gold silver".split())

PLACES = tuple(
    """attic bakery barn beach bridge castle cave church cellar farm field forest garden harbor hill island kitchen lake
    library market meadow mill mountain museum orchard park pond river school shed shop square stable station tower
    town valley village well woods zoo""".split()
)

ANY_WORDS = tuple(sorted({
    *THINGS, *ANIMALS, *PLACES, *COLORS,
    *"""able about above across after again agree alarm alone among angry answer arrive autumn awake baby basic begin
    behind believe better beyond blanket bloom brave bread break breath bright bring brother build busy butter calm
    candy carry catch change cheese circle city clean clever climb clock cloud coat cold color come cool copy corner
    count cousin cover crowd curious dance dark daughter dinner doctor door double dozen dream dress drink drive early
    earth easy eight empty engine enjoy enough evening every family famous farmer father fast fever finger finish fire
    first floor follow forget free fresh friend front fruit full funny future gentle giant girl give glad glass good
    grass great ground group grow happy hard harvest head heart heavy help high honest honey hope hotel hour house
    hungry idea island jacket job juice jump kind king kitten knee know large late laugh learn leave lesson light
    listen little long lost loud love lucky lunch magic make many master meet middle milk minute money month moon
    morning mother mouth music nature near never night noise north number ocean often open other outside paint paper
    parent party peace people person picture plane plant play point polite pretty prince problem proud quick quiet rain
    ready repeat rich right road roof room round royal sand save season second secret shape sharp short shout silent
    simple sister sleep slow small smart smile snow soft song soon sour south speak spring star start storm story
    strange street strong student sugar summer sunny sweet swim table taste teacher thank thick thin think thirsty
    thunder time tiny tired today travel tree trip true trust truth under uncle useful visit voice wait walk wall warm
    wash water weather week west wild wind window winter wise wish wonder wood word work world write wrong year yellow
    young zero""".split(),
}))  # fmt: skip
