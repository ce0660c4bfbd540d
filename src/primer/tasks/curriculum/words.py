"""Word lists that several lessons share. Open lists: four fifths are for training, the rest for the examination."""

NAMES = tuple(
    """Aaron Abby Abel Abigail Ada Adam Adele Agatha Agnes Alan Alba Albert Alex Alexa Alfie Ali Alice Alma Amanda
    Amelia Amir Amy Ana Andrea Andrew Andy Angela Angus Anita Ann Annika Anton Arthur Asha Audrey Aurora Austin
    Ava Barry Beatrice Becky Bella Ben Benny Bernard Bertha Beth Beverly Bianca Bill Bob Bonnie Boris Brad
    Brenda Brian Bridget Bruce Bruno Caleb Calvin Camilla Carl Carla Carmen Carol Caroline Casper Cathy Cecilia
    Cedric Celia Charlie Chloe Chris Cindy Claire Clara Claude Claudia Clive Colin Connie Connor Cora Craig
    Damon Dan Dana Daniel Daphne Darren David Dean Deborah Delia Denise Dennis Derek Desmond Dexter Diana Diego
    Dominic Donald Dora Doreen Doris Dorothy Douglas Duncan Dylan Ed Eddie Edgar Edith Edmund Edward Edwin
    Eileen Elaine Eleanor Elena Eli Elias Elise Eliza Ella Ellen Elliot Elsa Emil Emily Emma Eric Erica Erin
    Ernest Estelle Esther Ethan Eugene Eunice Eva Evan Evelyn Fabian Fatima Fay Felicity Felipe Felix Finn Fiona
    Flora Frances Francis Frank Franklin Fred Freya Gabe Gail Gareth Gavin Gemma George Gerald Gertrude Gilbert
    Gina Gloria Gordon Grace Graham Greg Gregory Greta Gus Gwen Hamish Hana Hank Hanna Harold Harry Hazel Hector
    Heidi Helen Helga Henry Herbert Herman Hilda Howard Hubert Hugo Ian Ida Igor Ilya Imogen Ines Ingrid Irene
    Iris Irving Isaac Isabel Ivan Ivana Ivy Jack Jackie Jacob Jade James Jan Jane Janet Janice Jasmine Jason
    Jasper Javier Jean Jenny Jeremy Jerome Jesse Jessica Jill Jim Joan Joanna Jocelyn Joe Joel John Jonas Joseph
    Josh Josie Joy Judy Julia Julian Juliet June Justin Kai Karen Karl Kate Katie Keith Ken Kenneth Kevin Kim
    Kira Kirsten Kurt Lara Larry Laura Layla Lea Leah Leila Lena Leo Leon Leona Leonard Lewis Lia Liam Lillian
    Lily Linda Lionel Lisa Liz Logan Lola Lorna Lou Louis Louise Lucas Lucinda Lucy Luis Luke Luna Lydia Mabel
    Madeleine Mae Maggie Magnus Malcolm Manuel Marc Marcus Margaret Maria Marina Mario Marion Mark Marta Martha
    Martin Marvin Mary Matilda Matt Maureen Max May Maya Meg Megan Melanie Melissa Melvin Mia Michael Michelle
    Miguel Mike Mila Mildred Millie Milo Mina Minnie Miranda Miriam Mitchell Molly Mona Monica Morris Muriel
    Mustafa Nadia Nan Nancy Naomi Natalie Nate Ned Neil Nell Nelson Nick Nicole Nina Noah Noelle Nora Norma
    Norman Octavia Olga Olive Oliver Olivia Omar Orlando Oscar Oswald Otto Owen Paige Pam Pamela Pat Patricia
    Patrick Paul Paula Pedro Penny Percy Pete Peter Petra Phil Philip Phoebe Pia Polly Priya Quentin Rachel Rae
    Rafael Ralph Ramona Randall Ray Raymond Rebecca Regina Reuben Richard Rita Rob Roberta Robin Rodney Roger
    Roland Rolf Ronald Rosa Rosalind Rose Rowena Roy Ruby Rupert Russell Ruth Ryan Sabrina Sally Sam Samantha
    Samuel Sandra Sandy Sara Sarah Scott Sean Selma Seth Shane Shirley Sidney Sienna Silvia Simon Sofia Sonia
    Sophie Stan Stefan Stella Steve Stuart Sue Susan Sylvia Tabitha Tamara Tanya Tara Ted Teresa Tess Thelma
    Theo Thomas Tiffany Tim Timothy Tina Toby Todd Tom Toni Tony Travis Trevor Tristan Trudy Tyler Uma Ursula
    Valerie Vanessa Vera Verity Vernon Veronica Vic Victor Victoria Vincent Viola Vivian Wade Wallace Walt
    Walter Wanda Warren Wendy Wesley Wilbur Will William Wilma Winifred Winston Xavier Yara Yasmin Yolanda Yuri
    Yvonne Zack Zara Zoe""".split()
)

THINGS = tuple(
    """anchor apple apron arrow backpack badge bag ball balloon banana bandage banjo basin basket bead beaker bean bell
    belt berry biscuit blanket blossom book boot bottle bow bowl box bracelet brick broom brush bucket bulb button
    cabbage cake camera candle cap cape card carrot chain chair cherry chest chisel cloak clock coat coin comb
    compass cookie cork cracker cradle crayon crown cube cup cushion desk diamond dice dish doll drawer drill drum
    egg envelope eraser fan feather fiddle flag flask flower flute fork fossil funnel garland gem glass globe glove
    goblet grape guitar hammer harp hat helmet hook horn iron jacket jar jewel jug kettle key kite knife lace ladder
    lamp lantern leaf lemon letter lever lid lock locket log magnet map marble mask mat medal melon mirror mitten
    mop muffin mug nail necklace needle net notebook nut oar onion orange paddle painting pan pancake parcel peach
    peanut pear pebble pen pencil pepper picture pie pillow pin pipe pitcher plate plum pot potato pumpkin puppet
    purse puzzle quilt racket rake razor reel ribbon ring robe rock rocket rod rope rug ruler saddle sail sandwich
    saucer scarf screw seed shelf shell shirt shoe shovel skate sled slipper sock sponge spoon spring stamp
    stick sticker stocking stone stool straw string suitcase sweet swing sword tablet tambourine telescope tent
    ticket tie tile tomato toolbox top torch towel toy tray trumpet tube tulip turnip umbrella vase veil vest violin
    waffle wagon wallet watch wheel whistle wig wrench zipper""".split()
)

PLURALS = {
    "leaf": "leaves", "knife": "knives", "mouse": "mice", "goose": "geese", "child": "children", "man": "men",
    "woman": "women", "foot": "feet", "tooth": "teeth", "sheep": "sheep", "fish": "fish", "wolf": "wolves",
    "dice": "dice", "potato": "potatoes", "tomato": "tomatoes", "calf": "calves", "shelf": "shelves",
}  # fmt: skip

ANIMALS = tuple(
    """ant ape bat bear bee beetle bird butterfly calf camel cat caterpillar chicken cow crab crane cricket crow deer
    dog dolphin donkey dove dragonfly duck eagle eel elephant fish flamingo fox frog giraffe gnat goat goose
    hawk hedgehog hen heron horse jellyfish kangaroo koala ladybug leopard lion magpie mole monkey mosquito
    moth mouse mule newt ostrich owl ox panda panther parrot penguin pheasant pig pony porcupine quail rabbit
    ram rat raven reindeer rhino rooster seagull shark sheep snail snake sparrow spider squirrel starfish swan
    termite tiger toad toucan trout turtle wasp weevil whale wolf woodpecker worm zebra""".split()
)

COLORS = tuple("red blue green yellow black white brown pink purple orange gray gold silver".split())

PLACES = tuple(
    """airport arena attic bakery balcony bank barn basement bay beach bookshop bridge camp canyon castle cathedral
    cave cellar church circus clinic coast college corner cottage courtyard desert dock factory fair farm
    field forest fort fountain gallery garage garden gate greenhouse gym hall harbor hill hospital hotel hut
    inn island jungle kitchen lake laundry library lighthouse lodge mansion market meadow mill mine monastery
    mountain museum nursery oasis office orchard palace park pasture playground pond port prairie quarry
    restaurant river roof school shed shop square stable stadium station studio swamp temple theater tower
    town tunnel valley village vineyard warehouse waterfall well windmill woods workshop yard zoo""".split()
)

ANY_WORDS = tuple(sorted({
    *THINGS, *ANIMALS, *PLACES, *COLORS,
    *"""able about above accept across act active actor add address adult advice afford afraid after again age agent ago
    agree air airport alarm allow almost alone already also always among amount angry ankle announce annual another
    answer anyone apart appear apply area arm armor army arrive arrow art artist ash ask asleep aunt author autumn
    avoid awake away baby back bad badly bake balance bamboo bank bare bark barrel base basic bath battle bay beak
    beam bean beard beat beauty because become bed beetle before beg begin behave behind believe bench bend beside
    bet better beyond bicycle bike birth bite bitter blade blame blanket blind blink block blood bloom blow board
    boat body boil bold bone boot border bored borrow boss both bottom bounce bow brain branch brand brass brave
    bread break breath breeze bright bring broad broken broom brother bubble bud bug build bulb bull bump bunch burn
    burst bus bush business busy but butter buy buzz cabbage cabin cable cage calendar call calm camera camp candy
    cannon canoe canvas captain care career careful carpet carry cart cash cast catch cause ceiling cell center
    century cereal certain chain chalk chance change chapter charge charm chart chase cheap check cheek cheer cheese
    cherry chess chest chew chief child chimney chin chop cider cinema circle citizen city claim class claw clay
    clean clear clerk clever cliff climb clock close cloth cloud cloudy clue coach coal coast coat cobweb coffee
    cold collar collect college color column combine come comfort common company compare complete compose concert
    contain contest continue control cool copy corn corner correct cost cottage cotton cough could count country
    couple courage course court cousin cover crack cradle craft crane crash crawl cream creek crew cricket crisp
    crop cross crowd cruel crumb crush cry crystal cube curious curl current curtain curve custom cut cute cycle
    daily dairy daisy damage damp dance danger dare dark dash date daughter dawn day deal dear debt decide deck deep
    deliver dentist depend desert design desk detail dial diamond diary differ dig dinner dinosaur direct dirt dirty
    discover distance dive divide dock doctor door dot double doubt dozen drag dragon drain draw drawer dream dress
    drift drink drip drive drop drown dry dull dust duty eager ear early earn earth ease east easy eat echo edge
    educate effort egg eight either elbow elder elect else employ empty end enemy energy engine enjoy enough enter
    entire envelope equal error escape even evening event ever every exact example excited exercise exist exit
    expect explain explore express extra eye face fact factory fade fail faint fair fairy faith fall false family
    famous fancy far fare farmer fashion fast father fault favor fear feast feed feel fence fern ferry fever few
    fiction fifteen fifty fight figure fill film final find fine finger finish fire firm first fist fit five fix
    flame flash flat flavor flight float flock flood floor flour flow fly foam fog fold folk follow food foot force
    foreign forever forget forgive form fortune forty forward fountain frame free freeze fresh friend front frost
    frozen fruit fry fuel full funny fur furniture future game gap garage garlic gate gather general gentle ghost
    giant gift giggle ginger girl give glad glance glass globe glory glue goal golden good goodbye govern grab grain
    grand grass grave gravity great greedy greet grin grip grocery ground group grow guard guess guest guide guitar
    gum guy habit hair half hall hand handle handy hang happen happy hard hardly harm harvest have hay head heal
    health hear heart heat heaven heavy heel height hello help herb here hero hide high hire history hit hobby hold
    hole holiday hollow home honest honey hook hope horn hospital host hotel hour house hug huge human humble hungry
    hurry hurt husband hut ice icicle idea ideal ill image include indeed indoors inform injure ink insect inside
    instead invent invite iron island item ivory jacket jam jaw jelly job join joke journey judge juice juicy jump
    jungle junior just keen keep kettle kick kid kind king kiss kitten knee knit knock knot know label labor lack
    lady land lane language lantern lap large last late laugh laundry law lawn lawyer layer lazy lead league lean
    leap learn least leather leave left leg legal lend length less lesson let level lick lid lie life lift light
    like likely limb limit line link lip liquid list listen little live lizard load loaf loan lobby local lock log
    logic lonely long look loose lord lose loss lost lot loud love low loyal lucky lump lunch machine magazine magic
    maid mail main major make male mammal manage manner mansion many maple march marry mass master mat match matter
    meal mean measure meat meet member memory mend mention menu merry mess message metal meter middle might mild
    mile milk mind mine minor minus minute miss mist mix model modern moment money monster month mood moon more
    morning moss most moth mother motor mount mouth move much mud multiply muscle music must myself mystery name
    narrow nasty nation native nature naughty navy near neat neck need neighbor nephew nerve nest net never new news
    next nice niece night nine nobody nod noise none noodle normal north nose note nothing notice now nowhere numb
    number nurse oak oar oats obey object obvious occur ocean odd offer office often oil old omit once one onto open
    opera opinion orbit order organ other our outside oven over owe own owner oyster pack page pain paint pair
    palace pale palm pan panda panic panther paper parade pardon parent part party pass past pasta paste pasture
    path patient pattern pause pay pea peace peach peak peel peg people pepper perfect perform perhaps permit person
    pet phone photo piano pick pickle picture piece pile pillar pilot pinch pine pint pit pitch pity place plain
    plan plane planet plant plastic play plead pleasant please plenty plot plow plug plus pocket poem poet point
    pole police polite pony pop popular porch pork port possible post pour powder power practice praise pray prefer
    prepare present president press pretty prevent price pride prince print prize problem produce promise proof
    proper protect proud prove public pull pulse pump pumpkin punish pupil puppy pure purpose push put pyramid
    quarrel quarter queen question queue quick quiet quilt quite quiz quote race radio raft rail rain rainbow raise
    rake ranch range rare rate rather raw razor reach react read ready real reason receive recipe record recover
    refuse regret rely remain remember remind remove rent repeat reply report rescue reserve rest result return
    reward rhyme rice rich ride ridge right rise risk road roar roast robot rocket rod roll roof room root rot
    rotten rough round route row royal rub rubber rude rug ruin rule run runner rush rust sack sad saddle safe sail
    salad salary salt same sample sand satin sauce sausage save saw say scale scare scatter scene scent science
    scissors score scout scratch scream screen screw sea seal search season seat second secret see seem seize select
    self sell send senior sense sentence serious serve settle seven several shade shadow shake shallow shame shape
    share sharp shave sheet shelf shelter shepherd shield shine shiny ship shock shoot shore short shoulder shout
    shovel show shower shrink shut shy sick side sigh sign signal silent silk silly simple since sing sink sir
    sister sit six size skate skill skin skip skirt skull sky slam sled sleep sleeve slice slide slip slope slow
    small smart smash smell smile smoke smooth snack snail sneak sneeze snow soap soccer sofa soft soil soldier
    solid solve some song soon sore sort soul sound soup sour south space spade spare spark speak special speech
    speed spell spend spill spin spirit splash split spoil sponge sport spot spray spread spring squash squeak
    squeeze stack staff stage stair stale stand star stare start state statue stay steady steal steam steel steep
    steer stem step stew stiff still sting stir stock stomach stop store storm story stove straight strange straw
    stream street stretch strict strike strip stripe strong struggle stubborn student study stuff style subject such
    sudden suffer sugar suggest suit sum summer sunny super supper supply support suppose sure surface surprise
    surround swallow swamp swan swap sweat sweep sweet swell swift swim swing switch symbol system table tail tailor
    take tale talent talk tall tame tank tap tape target task taste tax tea teach teacher team tear tease tell
    temper temple ten tennis term test text than thank that theater theirs then there thick thief thin thing think
    third thirsty thirty thorn thought thread three throat throne through throw thumb thunder thus tide tidy tie
    tight timber time tin tiny tip tired tissue toad toast today toe together toilet tomb tone tongue tool tooth
    topic torch toss total touch tough tour trace track trade traffic trail train trap trash travel treasure treat
    tree tremble trial tribe trick trip trouble trousers trout truck true trunk trust truth try tube tulip tunnel
    turkey turn twelve twenty twice twig twin twist two type ugly unable uncle under unhappy uniform union unit
    unite unless until upon upset urge use useful usual value van vanish variety vast vegetable velvet verb verse
    very vest victory view violin visit voice volcano volume vote voyage wag wage waist wait wake walk wall want
    warm warn warrior wash wasp waste watch water wave wax weak wealth wear weather weave web wedding weed week
    weigh weight west wet wheat wheel when where which while whip whisper who whole why wide widow wife wild win
    wind window windy wine wing wink winter wipe wire wisdom wise wish witch with without wizard woman wonder wood
    wool word work world worm worry worse worth would wound wrap wreck wrestle wrist write wrong yard yarn yawn year
    yell yellow yes yet yolk young your youth zero zigzag zip""".split(),
}))  # fmt: skip
