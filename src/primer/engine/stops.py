"""Tokens to text that people may see: whole characters, and never the beginning of a stop string.

>>> text = StopText(["END"])
>>> [text.push(Piece(piece)).text for piece in ("on", "e E", "N", "ough")], text.finish().text
(['on', 'e ', '', 'ENough'], '')
>>> text.push(Piece("two END three")).text, text.is_met
('two ', True)
"""

from collections.abc import Sequence
from typing import NamedTuple

from primer.engine.request import Token
from primer.text.tokenizer import StreamDecoder, Tokenizer


class Piece(NamedTuple):
    """Text, and the tokens that it comes from. A token whose text comes out bit by bit is with the first bit."""

    text: str
    tokens: tuple[Token, ...] = ()


class StopText:
    """Holds text back for as long as it may become a stop string; drops such a string, and all after it."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.stops = stops
        self.held: list[Piece] = []
        self.is_met = False

    def push(self, piece: Piece) -> Piece:
        """What can be shown, now that this has come; nothing after a stop string."""
        if self.is_met:
            return Piece("")
        if not self.stops:
            return piece
        self.held.append(piece)
        text = "".join(piece.text for piece in self.held)
        found = [place for stop in self.stops if (place := text.find(stop)) >= 0]
        if found:
            self.is_met = True
            shown = self._take(min(found))
            self.held = []
            return shown
        return self._take(len(text) - max((overlap(text, stop) for stop in self.stops), default=0))

    def finish(self) -> Piece:
        """What is left when no more text comes."""
        return self._take(sum(len(piece.text) for piece in self.held))

    def _take(self, length: int) -> Piece:
        """The first characters of what is held, with the tokens that any of them comes from."""
        text, tokens = Piece("")
        while self.held and len(text) < length:
            piece = self.held.pop(0)
            missing = length - len(text)
            text, tokens = text + piece.text[:missing], tokens + piece.tokens
            if len(piece.text) > missing:
                self.held.insert(0, Piece(piece.text[missing:]))
        return Piece(text, tokens)


def overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text the stop string begins with.

    >>> overlap("abcab", "abd")
    2
    """
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


class TokenText:
    """The text of tokens that come one at a time, without half characters and stop strings."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self.decoder, self.stop = StreamDecoder(tokenizer), StopText(stops)
        self.tokens: tuple[Token, ...] = ()  # of a character that is not whole yet

    def push(self, token: Token) -> Piece:
        """What can be shown, now that this token has come."""
        self.tokens += (token,)
        text = self.decoder.push(token.id)
        return self._pass_on(text) if text else Piece("")

    def finish(self) -> Piece:
        """What is left when no more tokens come; U+FFFD for half a character."""
        last, rest = self._pass_on(self.decoder.finish()), self.stop.finish()
        return Piece(last.text + rest.text, last.tokens + rest.tokens)

    def _pass_on(self, text: str) -> Piece:
        tokens, self.tokens = self.tokens, ()
        return self.stop.push(Piece(text, tokens))


def shown(piece: Piece) -> list[Piece]:
    """The piece, if there is anything in it."""
    return [piece] if piece.text else []
