"""Answers while they are written: from the engine's tokens, through the filters, to pieces for the client."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

from primer.engine.continuation import Continuation
from primer.engine.dialogue import Answer, Answered, Called, Event, Finished, Said
from primer.engine.live import LiveEngine
from primer.engine.request import Token
from primer.serve.errors import ApiError
from primer.serve.metrics import Metrics
from primer.serve.safety import Finding, Shown
from primer.serve.screening import Record, Screen
from primer.text.chat import ToolCall

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass
class Piece:
    """What is new of one answer."""

    index: int
    """Of n answers, which."""
    text: str = ""
    tokens: list[Token] = field(default_factory=list)
    """Those that the text came from."""
    activity: list[tuple[ToolCall, str]] = field(default_factory=list)
    """Tools that were run, and their results."""
    calls: list[ToolCall] = field(default_factory=list)
    """Tools that the client is to run."""
    findings: list[Finding] = field(default_factory=list)
    finish_reason: FinishReason | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.tokens or self.activity or self.findings or self.finish_reason)


class Outlet:
    """What may leave of one answer. Filters hold its last characters back until it is clear what they begin."""

    def __init__(self, index: int, screen: Screen | None) -> None:
        self.index, self.screen = index, screen
        self.open_calls: list[ToolCall] = []  # without a result so far
        self.held: list[tuple[int, Token]] = []  # with the number of characters up to its end
        self.num_said = self.num_shown = 0  # characters
        self.is_altered = False  # by the filters: from there on no log-probabilities, which would tell what was there
        self.begins_turn = False  # a tool has answered
        self.ended = False

    def take(self, events: Sequence[Event]) -> Piece:
        """What these events give to show."""
        piece, said = Piece(self.index), list[Said]()
        for event in events:
            if isinstance(event, Said):
                said.append(event)
            else:
                self._say(said, piece)
                said = []
                if not self.ended:
                    self._take_one(event, piece)
        self._say(said, piece)
        return piece

    def _say(self, said: Sequence[Said], piece: Piece) -> None:
        """Several tokens' words at once, which take the filters little more time than one's."""
        if self.ended or not said:
            return
        text = "\n" if self.begins_turn and self.num_said else ""  # turns before and after a tool are one text
        self.begins_turn = False
        for one in said:
            text += one.text
            end = self.num_said + len(text)
            self.held += [(end, token) for token in one.tokens]
        self.num_said += len(text)
        self._show(self.screen.push(text) if self.screen else Shown(text), piece)

    def _take_one(self, event: Event, piece: Piece) -> None:
        match event:
            case Called(call):
                self.open_calls.append(call)
            case Answered(result):
                call, self.begins_turn = self.open_calls.pop(0), True
                if self._may_leave(call, result, piece):
                    piece.activity.append((call, result))
            case Finished(reply):
                self._finish("tool_calls" if reply.finished == "calls" else reply.finished, piece)

    def _show(self, shown: Shown, piece: Piece) -> None:
        piece.text += shown.text
        piece.findings += shown.findings
        self.num_shown += len(shown.text)
        if any(finding.action in ("redact", "block") for finding in shown.findings):
            self.is_altered = True
        if not self.is_altered:
            piece.tokens += [token for end, token in self.held if end <= self.num_shown]
        self.held = [(end, token) for end, token in self.held if end > self.num_shown]
        if shown.blocked:
            self._block(shown.message, piece)

    def _may_leave(self, call: ToolCall, result: str, piece: Piece) -> bool:
        """Whether the filters let a call pass, and what came of it."""
        if self.screen is None:
            return True
        verdict = self.screen.check(f"{call.to_json()} {result}", "output")
        piece.findings += verdict.findings
        if verdict.action == "block":
            self._block(verdict.message, piece)
        return verdict.action != "block"

    def _block(self, message: str, piece: Piece) -> None:
        """End the answer with what the policy says instead."""
        piece.text += f"\n\n{message}" if self.num_shown else message
        piece.finish_reason, self.ended = "content_filter", True

    def _finish(self, reason: FinishReason, piece: Piece) -> None:
        if self.screen is not None:
            self._show(self.screen.finish(), piece)
        for call in self.open_calls if reason != "length" else ():  # else the server's own, and no token left
            if not self.ended and self._may_leave(call, "", piece):
                piece.calls.append(call)
        if not self.ended:
            piece.finish_reason, self.ended = "tool_calls" if piece.calls else reason, True


class Writing:
    """The n answers to one request, side by side."""

    def __init__(
        self,
        live: LiveEngine,
        answers: Sequence[Answer | Continuation],
        record: Record | None,
        metrics: Metrics,
        model: str,
        num_prompt: int,
        seconds: float,
    ) -> None:
        """`num_prompt`: tokens read. `seconds`: how long it may take."""
        self.live, self.answers, self.metrics, self.model = live, answers, metrics, model
        self.thread = record.thread if record else None
        self.outlets = [Outlet(index, Screen(record, model) if record else None) for index in range(len(answers))]
        self.num_prompt = num_prompt
        self.began, self.seconds = time.perf_counter(), seconds
        self.first_seconds: float | None = None  # to the first token
        self.is_seen = False  # whether any text was let out
        self.num_tokens = 0
        """Written by the model; what tools have fed to it does not count."""

    async def pieces(self) -> AsyncGenerator[Piece]:
        """What is new, as it comes. Closing the generator stops the answers.

        Raises ApiError (504) if it takes too long.
        """
        ways = [self._write(answer, outlet) for answer, outlet in zip(self.answers, self.outlets, strict=True)]
        try:
            async with aclosing(ways[0] if len(ways) == 1 else merged(ways)) as stream:
                async for piece in stream:
                    if piece.text and not self.is_seen:
                        self.is_seen = True
                        self.metrics.first_text(time.perf_counter() - self.began, self.model)
                    yield piece
            self._measure()
        except TimeoutError as error:
            message = f"the answer was not ready after {self.seconds:g} s; ask for fewer tokens"
            headers = {"x-should-retry": "false"}  # heeded by OpenAI's client
            raise ApiError(504, "timeout", message, kind="server_error", headers=headers) from error
        finally:  # also of answers that took too long, or that nobody waited for
            if self.num_tokens:  # else the prompt has not been read
                self.metrics.tokens(self.num_prompt, "prompt", self.model)
                self.metrics.tokens(self.num_tokens, "completion", self.model)

    async def _write(self, answer: Answer | Continuation, outlet: Outlet) -> AsyncGenerator[Piece]:
        """One answer."""
        async with aclosing(self.live.stream(answer.request, self.seconds, lambda: outlet.num_shown > 0)) as stream:
            async for tokens in stream:
                events: list[Event] = []
                for token in tokens:
                    self._count(token)
                    events += answer.push(token)
                    if answer.done:
                        break
                if not (piece := await self._take(outlet, events)).is_empty:
                    yield piece
                if answer.done or outlet.ended:
                    break
        if not (piece := await self._take(outlet, answer.finish())).is_empty:
            yield piece

    async def _take(self, outlet: Outlet, events: Sequence[Event]) -> Piece:
        """As the outlet takes them, but classifiers do not stop everybody."""
        if self.thread is None:
            return outlet.take(events)
        return await asyncio.get_running_loop().run_in_executor(self.thread, outlet.take, events)

    def _count(self, token: Token) -> None:
        self.num_tokens += not token.forced
        if self.first_seconds is None:
            self.first_seconds = time.perf_counter() - self.began

    def _measure(self) -> None:
        """Note the pace of an answer that came to its end."""
        if self.first_seconds is not None and self.num_tokens > len(self.answers):
            seconds = time.perf_counter() - self.began - self.first_seconds
            steps = self.num_tokens / len(self.answers) - 1
            self.metrics.token_time(seconds / steps, self.model)


async def merged(streams: Sequence[AsyncGenerator[Piece]]) -> AsyncGenerator[Piece]:
    """The pieces of all streams as they come; the first error ends them all."""
    queue: asyncio.Queue[Piece | BaseException | None] = asyncio.Queue()

    async def pump(stream: AsyncGenerator[Piece]) -> None:
        try:
            async with aclosing(stream):
                async for piece in stream:
                    queue.put_nowait(piece)
            queue.put_nowait(None)
        except Exception as error:
            queue.put_nowait(error)

    tasks = [asyncio.create_task(pump(stream)) for stream in streams]
    try:
        num_open = len(tasks)
        while num_open:
            item = await queue.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                num_open -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
