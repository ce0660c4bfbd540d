"""Rules that a system prompt can give: how they are worded, how they are obeyed, and how one sees that they are."""

from primer.tasks.curriculum.rules.content import character, named, never, nothing, played, seller
from primer.tasks.curriculum.rules.form import (
    begin,
    capitals,
    end,
    few_words,
    listed,
    one_word,
    only,
    quoted,
    register,
    signed,
    title,
    two_sentences,
)

ALL = (
    nothing, begin, begin, end, character, title, title, signed, named, named, played, capitals, one_word,
    one_word, few_words, two_sentences, quoted, listed, register, only, never, never, seller,
)  # fmt: skip
"""All rules; those that people use most stand twice."""
TAUGHT = (*ALL, never, never, seller, only, end, character, signed)
"""The same with the hard ones once more: what has to be read in the prompt and not only obeyed by habit."""
