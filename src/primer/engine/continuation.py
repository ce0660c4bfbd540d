"""Raw text that goes on, token by token, with the same interface as a dialogue's `Answer`."""

from collections.abc import Collection, Sequence

from primer.engine.dialogue import AnswerOptions, Event, Finished, Reply, Said
from primer.engine.request import Finished as End
from primer.engine.request import Request, Token
from primer.engine.sampling import SamplingConfig
from primer.engine.stops import TokenText, shown
from primer.text.tokenizer import Tokenizer


class Continuation:
    """What a model writes after some ids. It runs nothing itself: send `request` to an engine, and push its tokens."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        ids: Sequence[int],
        sampling: SamplingConfig,
        options: AnswerOptions,
        stop_ids: Collection[int],
    ) -> None:
        """Options about tools mean nothing here."""
        self.request: Request = options.request(ids, sampling, stop_ids)
        self.stop_ids = stop_ids
        self.text = TokenText(tokenizer, options.stop)
        self.ids: list[int] = []
        self.finished: End = "length"

    @property
    def done(self) -> bool:
        """Whether a stop string was met: cancel the request."""
        return self.text.stop.is_met

    def push(self, token: Token) -> list[Event]:
        """What this token completes; nothing after a stop string."""
        if self.done:
            return []
        self.ids.append(token.id)
        self.finished = token.finished or self.finished
        return [] if token.id in self.stop_ids else [Said(*piece) for piece in shown(self.text.push(token))]

    def finish(self) -> list[Event]:
        """The rest of the text, and the end. There are no messages: the text is what was said."""
        last = [Said(*piece) for piece in shown(self.text.finish())]
        finished = "stop" if self.done else self.finished
        return [*last, Finished(Reply((), self.ids, [True] * len(self.ids), finished))]
