"""The tokens of an assistant's turns to what a person is shown of them."""

from collections.abc import Sequence

from primer.engine.request import Token
from primer.engine.stops import Piece, TokenText, shown
from primer.text.chat import ChatFormat, ToolCall


class TurnText:
    """Turns, a token at a time, to pieces of text and to calls."""

    def __init__(self, chat: ChatFormat, stops: Sequence[str] = ()) -> None:
        self.chat = chat
        special_ids = chat.tokenizer.special_ids
        self.begin, self.end = special_ids["<tool_call>"], special_ids["</tool_call>"]
        self.call: list[Token] = []  # as far as it is written
        self.text = TokenText(chat.tokenizer, stops)

    @property
    def is_met(self) -> bool:
        """Whether a stop string was met."""
        return self.text.stop.is_met

    def push(self, token: Token) -> list[Piece | ToolCall]:
        """What this token completes: characters, or a call; in the midst of one nothing."""
        if token.id == self.chat.end_id:
            return self.finish()
        if token.id == self.begin:  # what was begun before was no call
            found, self.call = self._as_text(self.call), [token]
            return found
        if not self.call:
            return self._as_text([token])
        self.call.append(token)
        return self._end_call() if token.id == self.end else []

    def finish(self) -> list[Piece | ToolCall]:
        """What is left at the end of a turn: half a call, half a character, what might have become a stop string."""
        begun, self.call = self.call, []
        return [*self._as_text(begun), *shown(self.text.finish())]

    def _end_call(self) -> list[Piece | ToolCall]:
        written, self.call = self.call, []
        calls = self.chat.parse_reply([token.id for token in written]).tool_calls
        return [*shown(self.text.finish()), *calls] if calls else self._as_text(written)

    def _as_text(self, tokens: Sequence[Token]) -> list[Piece | ToolCall]:
        return [piece for token in tokens for piece in shown(self.text.push(token))]
