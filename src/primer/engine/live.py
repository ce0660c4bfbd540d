"""An engine in a thread of its own, for callers that live in an event loop."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter

from primer.core.errors import PrimerError
from primer.engine.engine import Engine
from primer.engine.request import Request, Token
from primer.model.dropout import without_dropout

DRAIN_EVERY = 0.02  # seconds between two looks at whether anything still runs
PACE = 0.04  # seconds between two pieces of an answer: 25 a second read as one flow, and each costs the same
MOST_PIECES = 200  # a second, of all answers together: where more than 8 are written, pieces come less often


class EngineClosed(PrimerError):
    """The engine was stopped while the request was under way."""


@dataclass(eq=False)
class Stream:
    """One request, and the way back to who asked for it."""

    request: Request
    loop: asyncio.AbstractEventLoop
    is_seen: Callable[[], bool]
    items: "asyncio.Queue[list[Token] | Exception]" = field(default_factory=asyncio.Queue)
    handle: int = -1
    held: list[Token] = field(default_factory=list)
    """Written, and not given out; the engine's thread's own."""


class LiveEngine:
    """Requests of many coroutines, continued side by side.

    The thread alone touches the engine. What arrives and leaves is noted under a lock, and taken over before each
    step. What is given back costs the event loop time that the model could have had, most of it for every piece and
    little for its tokens; and piece after piece less than here and there one, for which its code and data are out of
    the caches. So tokens go back at a pace at which people can follow, those of all streams together.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.changed = threading.Condition()
        self.arrived: list[Stream] = []
        self.left: list[Stream] = []
        self.is_closed = False
        self.due = 0.0  # when all streams are given what is theirs
        self.streams: dict[int, Stream] = {}  # by the engine's handle; the thread's own
        self.thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.thread.start()

    @property
    def num_waiting(self) -> int:
        """Requests that have no slot yet."""
        with self.changed:
            return len(self.arrived) + self.engine.num_waiting

    @property
    def num_running(self) -> int:
        """Requests that have one."""
        return self.engine.num_running

    async def stream(
        self, request: Request, seconds: float | None = None, is_seen: Callable[[], bool] = lambda: True
    ) -> AsyncGenerator[list[Token], None]:
        """The tokens of a request as they come, those of 40 ms together (of more where many are written), but each at
        once until `is_seen` says that the person sees something of the answer; the engine's thread asks it. Closing
        the iterator cancels the request before the next step.

        Raises ValueError like `Engine.add`, EngineClosed if the engine is closed before the last token, TimeoutError if
        that has not come after so many seconds, and whatever a step raised.
        """
        loop = asyncio.get_running_loop()
        stream = Stream(request, loop, is_seen)
        with self.changed:
            if self.is_closed:
                raise EngineClosed("the engine is closed.")
            self.arrived.append(stream)
            self.changed.notify()
        # One timer an answer: asyncio.timeout around each token was a twelfth of the server's time.
        timer = seconds is not None and loop.call_later(seconds, stream.items.put_nowait, TimeoutError())
        try:
            finished = False
            while not finished:
                item = await stream.items.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                finished = item[-1].finished is not None
        finally:
            if timer:
                timer.cancel()
            with self.changed:
                self.left.append(stream)
                self.changed.notify()

    async def drain(self) -> None:
        """Wait until nothing runs or waits."""
        while self.num_waiting or self.num_running:
            await asyncio.sleep(DRAIN_EVERY)

    def close(self) -> None:
        """Stop the thread, after the step that it is in; requests under way get EngineClosed."""
        with self.changed:
            self.is_closed = True
            self.changed.notify()
        self.thread.join()

    # --- the thread ---

    def _run(self) -> None:
        with without_dropout(self.engine.model):
            while True:
                try:
                    if not self._take_over():
                        break
                    self._give_out(self.engine.step())
                except Exception as error:  # whatever it was, those who come later are to be answered
                    self._end_all(error)
        self._end_all(EngineClosed("the server has stopped the model."))

    def _take_over(self) -> bool:
        """Let requests join and leave; wait while there are none. False when it is time to stop."""
        with self.changed:
            while not (self.arrived or self.left or self.is_closed or self.engine.busy):
                self.changed.wait()
            arrived, left, self.arrived, self.left = self.arrived, self.left, [], []
            for stream in arrived:
                try:
                    stream.handle = self.engine.add(stream.request)
                    self.streams[stream.handle] = stream
                except Exception as error:  # its own fault alone
                    send([(stream, error)])
            for stream in left:
                if self.streams.pop(stream.handle, None):
                    self.engine.cancel(stream.handle)
            return not self.is_closed

    def _give_out(self, tokens: list[Token]) -> None:
        for token in tokens:
            self.streams[token.row].held.append(token)
        now = perf_counter()
        is_due = now >= self.due
        if is_due:
            self.due = now + max(PACE, len(self.streams) / MOST_PIECES)
        given = [
            (stream, stream.held)
            for stream in self.streams.values()
            if stream.held and (is_due or stream.held[-1].finished is not None or not stream.is_seen())
        ]
        send(given)
        for stream, held in given:
            stream.held = []
            if held[-1].finished is not None:
                del self.streams[stream.handle]

    def _end_all(self, error: Exception) -> None:
        send([(stream, stream.held) for stream in self.streams.values() if stream.held])
        send([(stream, error) for stream in self.streams.values()])
        self.streams = {}
        self.engine.clear()


def send(items: Iterable[tuple[Stream, list[Token] | Exception]]) -> None:
    """Give streams what is theirs, with one call into each event loop (a server has one, tests have several)."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Stream, list[Token] | Exception]]] = defaultdict(list)
    for stream, item in items:
        by_loop[stream.loop].append((stream, item))
    for loop, given in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, and nobody listens any more
            loop.call_soon_threadsafe(put, given)


def put(items: Iterable[tuple[Stream, list[Token] | Exception]]) -> None:
    """In the loop: queue each item for its stream."""
    for stream, item in items:
        stream.items.put_nowait(item)
