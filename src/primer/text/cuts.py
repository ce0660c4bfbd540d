"""Words in other pieces than the tokenizer's, so that a model learns to copy pieces and not which one follows which.

BPE writes a word the same way each time. A token that training has in few words is then always followed by the same
one: a model that is to copy "Howard" goes on after "How" as in "How can I help you?". Subword regularisation (Kudo
2018, arXiv 1804.10959; BPE-dropout, arXiv 1910.13267) draws other pieces now and then. Here a word has the same ones
wherever it stands in a conversation, for what the assistant copies is what it reads.
"""

import random
import re
from collections.abc import Sequence
from functools import lru_cache, partial

from primer.text.chat import Encode, Message
from primer.text.tokenizer import Tokenizer

WORD = re.compile(r"[^\W\d_]{3,}")


class Cuts:
    """Cuts words in two, anywhere, before a tokenizer cuts the halves."""

    def __init__(self, tokenizer: Tokenizer, share: float) -> None:
        """`share`: of the words that can be cut, how many are."""
        self.tokenizer, self.share = tokenizer, share
        self._can_be_cut = lru_cache(maxsize=1 << 16)(lambda word: len(tokenizer.encode(f" {word}")) > 1)

    def drawn(self, messages: Sequence[Message], seed: int) -> Encode:
        """How one conversation is to be encoded. The ids of a text are other ones; what they spell is the text.

        Words are drawn from what others than the assistant say, of those that in small letters are several tokens
        anyway. The assistant writes them as they were said and all others as always, so that there is nothing to guess.

        >>> from primer.text.chat import user
        >>> from primer.text.tokenizer import train_tokenizer
        >>> tokenizer = train_tokenizer(["inn ink " * 9], vocab_size=273)
        >>> encode = Cuts(tokenizer, share=1.0).drawn([user("inn?")], seed=1)
        >>> [tokenizer.decode([id]) for id in tokenizer.encode("inn")], [tokenizer.decode([id]) for id in encode("inn")]
        (['in', 'n'], ['i', 'n', 'n'])
        """
        if not self.share:
            return self.tokenizer.encode
        rng = random.Random(seed)
        said = " ".join(message.content for message in messages if message.role != "assistant").lower()
        places = {
            word: rng.randrange(1, len(word))
            for word in dict.fromkeys(WORD.findall(said))
            if self._can_be_cut(word) and rng.random() < self.share
        }
        return partial(self._encode, places) if places else self.tokenizer.encode

    def _encode(self, places: dict[str, int], text: str) -> list[int]:
        ids: list[int] = []
        begin = 0
        for word in WORD.finditer(text):
            if place := places.get(word[0].lower()):
                end = word.start() + place
                ids += self.tokenizer.encode(text[begin:end])
                begin = end
        return [*ids, *self.tokenizer.encode(text[begin:])]
