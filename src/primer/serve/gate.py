"""Who may ask, how much and how often: keys, sizes, rate, queue. It stands in front of the application.

    app.add_middleware(GateMiddleware, gate=gate, metrics=metrics)      # and CORS, where it is open, outside of it

| path | who may ask |
| --- | --- |
| /health | everybody; 503 while the server closes, so that a balancer sends nobody any more |
| anything else, /metrics too | who has a key, if there are keys |

That somebody comes from this machine is no key: behind a proxy everybody does.

What is asked by POST makes work, so that counts: against the key's rate, the queue and the size of a body.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from primer.core.config import check_options
from primer.serve.errors import ApiError

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from primer.serve.metrics import Metrics

HEALTH = "/health"
QUEUE_RETRY_SECONDS = 2
BODY_SECONDS = 30.0  # for the whole body to arrive, so that nobody holds a place by sending a byte a minute
DISCARDED = 64  # times the limit: so much of a body too large is read away, for a client that is cut off while it
# still sends sees a broken connection and not the answer


@dataclass(frozen=True)
class Limits:
    """What one server, and one key, may use."""

    max_waiting: int = 64
    """Requests that may wait for a slot; those that come then are told to come again."""
    requests_per_minute: int = 600
    """Of one key, and as many at once after a pause; 0: no limit."""
    max_body_mb: float = 1.0
    """Size of a request."""
    max_tokens: int = 4096
    """Tokens that one answer may have."""
    timeout_seconds: float = 120.0
    """For one answer."""

    def __post_init__(self) -> None:
        check_options(
            self,
            max_waiting=(self.max_waiting >= 0, "0 or more"),
            requests_per_minute=(self.requests_per_minute >= 0, "0 (no limit) or more"),
            max_body_mb=(self.max_body_mb > 0, "above 0"),
            max_tokens=(self.max_tokens >= 1, "1 or more"),
            timeout_seconds=(self.timeout_seconds > 0, "above 0"),
        )


class Bucket:
    """A token bucket: so many requests a minute, and after a pause as many at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self.per_minute, self.clock = per_minute, clock
        self.level, self.filled = float(per_minute), clock()

    def take(self) -> float:
        """Take one: 0, or if there is none the seconds until there is."""
        now = self.clock()
        self.level = min(self.per_minute, self.level + (now - self.filled) * self.per_minute / 60)
        self.filled = now
        if self.level < 1:
            return (1 - self.level) * 60 / self.per_minute
        self.level -= 1
        return 0.0


class Gate:
    """Decides what comes in. It knows HTTP's headers, and nothing of models."""

    def __init__(
        self,
        keys: Sequence[str] = (),
        limits: Limits | None = None,
        num_slots: int = 16,
        origins: Collection[str] = (),
        local_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """At most `num_slots` + `limits.max_waiting` requests are under way at a time.

        `local_only` is for a server on this machine without keys: programs of this machine may ask it, and the pages
        of `origins`. Any other page that a browser here shows may not, whichever address it claims for itself.
        """
        self.limits = limits or Limits()
        # Of the same length whatever the key's, for compare_digest takes as long as what it compares is.
        self.digests = [hashlib.sha256(key.encode()).digest() for key in keys]
        self.capacity = num_slots + self.limits.max_waiting
        self.origins, self.local_only = frozenset(origins), local_only
        self.buckets = [Bucket(self.limits.requests_per_minute, clock) for _ in keys or [""]]
        self.num_under_way = 0
        self.closing = False
        """Set it, and what is under way goes on while new requests are refused."""

    @contextmanager
    def admit(self, method: str, path: str, headers: "Headers") -> Iterator[None]:
        """Around the handling of a request.

        Raises ApiError: 401 without a valid key, 403 for a page of a stranger's, 429 for too many, 503 when closing.
        """
        works = method == "POST"
        if self.closing and (works or path == HEALTH):
            raise refusal(503, "shutting_down", "the server is shutting down; ask again in a moment", 5)
        caller = 0 if path == HEALTH else self.identify(headers)
        if not works:
            yield
            return
        self._check_rate(caller)
        if self.num_under_way >= self.capacity:
            message = f"the server has {self.num_under_way} requests under way already; ask again in a moment"
            raise refusal(429, "queue_full", message, QUEUE_RETRY_SECONDS)
        self.num_under_way += 1
        try:
            yield
        finally:
            self.num_under_way -= 1

    def identify(self, headers: "Headers") -> int:
        """Which of the keys a request has; 0 if none are needed. Raises ApiError: 401, 403."""
        if self.local_only:
            self._check_page(headers)
        if not self.digests:
            return 0
        scheme, _, given = headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(given.strip().encode()).digest()
        matches = [hmac.compare_digest(digest, each) for each in self.digests]  # with all, so that time says nothing
        if scheme.lower() != "bearer" or not any(matches):
            message = (
                "this API key is not one of the server's" if given else "send an API key: Authorization: Bearer KEY"
            )
            raise ApiError(401, "invalid_api_key", message, headers={"WWW-Authenticate": "Bearer"})
        return matches.index(True)

    def _check_page(self, headers: "Headers") -> None:
        """Refuse pages of strangers. A page may send what it likes to any address, and a name of its own that leads
        to this machine (DNS rebinding) lets it read the answers, too; both show in these headers."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_loopback(urlsplit(f"//{host}").hostname or ""):
            message = f"this server answers on this machine only, and not as {host!r}"
            raise ApiError(403, "host_not_allowed", message)
        if origin is not None and origin not in self.origins:
            message = f"pages of {origin!r} may not ask; start the server with --cors {origin}"
            raise ApiError(403, "origin_not_allowed", message)

    def _check_rate(self, caller: int) -> None:
        if self.limits.requests_per_minute and (seconds := self.buckets[caller].take()):
            message = f"more than {self.limits.requests_per_minute} requests a minute; ask again in {seconds:.1f} s"
            raise refusal(429, "rate_limit_exceeded", message, math.ceil(seconds))

    async def read_body(self, receive: "Receive") -> "Receive":
        """Read a body, and return what gives it out again.

        Raises ApiError: 413 for one that is too large, whatever its header says, 408 for one that does not come, 400
        for one whose sender hangs up.
        """
        limit = int(self.limits.max_body_mb * 1e6)
        body, size, more = bytearray(), 0, True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more and size <= DISCARDED * limit:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "incomplete_body", "the request ended before its body did")
                    piece, more = message.get("body", b""), message.get("more_body", False)
                    size += len(piece)
                    if size <= limit:
                        body += piece
        except TimeoutError as error:
            reason = f"the body of the request did not arrive within {BODY_SECONDS:.0f} s"
            raise ApiError(408, "body_timeout", reason, headers={"Connection": "close"}) from error
        if size > limit:
            reason = f"the request is larger than the {self.limits.max_body_mb:g} MB that are allowed"
            raise ApiError(413, "request_too_large", reason, headers={"Connection": "close"} if more else {})
        return replay(bytes(body), receive)


def refusal(status: int, code: str, message: str, seconds: int) -> ApiError:
    """For now: the same request may be answered in so many seconds."""
    kind = "server_error" if status >= 500 else "rate_limit_error"
    return ApiError(status, code, message, kind=kind, headers={"Retry-After": str(seconds)})


def replay(body: bytes, receive: "Receive") -> "Receive":
    """A `receive` that gives the body in one piece, and after it what comes next: that the client hangs up."""
    given = False

    async def again() -> "Message":
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address, or means itself by a name.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class GateMiddleware:
    """The gate in front of an ASGI application, in pure ASGI: a place is held until the last byte of a stream."""

    def __init__(self, app: "ASGIApp", gate: Gate, metrics: "Metrics") -> None:
        self.app, self.gate, self.metrics = app, gate, metrics

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handle a request: refuse it, or pass it on and count how it ended.

        The application may say which model a request was for: `request.state.model = name`.
        """
        from starlette.datastructures import Headers
        from starlette.responses import JSONResponse

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # what the client sees if the application raises

        async def noted(message: "Message") -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            with self.gate.admit(scope["method"], scope["path"], Headers(scope=scope)):
                if scope["method"] == "POST":
                    receive = await self.gate.read_body(receive)
                await self.app(scope, receive, noted)
        except ApiError as error:
            await JSONResponse(error.to_json(), error.status, error.headers)(scope, receive, noted)
        finally:
            self.metrics.request(scope["path"], scope.get("state", {}).get("model", ""), status)
