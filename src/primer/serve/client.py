"""The page's way to a server: OpenAI's protocol through the `openai` client, and what Primer's server adds to it.

Any server of that protocol will do. Primer's own is known by its answer to GET /primer/safety; only it is sent fields
that OpenAI's protocol does not have.
"""

import json
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import openai
from openai.types.chat import ChatCompletionChunk

from primer.core.errors import PrimerError

DEFAULT_API = "http://127.0.0.1:8000/v1"
CONNECT_SECONDS = 3.0
SILENT_SECONDS = 120.0  # a small computer may read a long prompt for a minute before the first token


class ServerAway(PrimerError):
    """The server cannot be reached, or went away."""


class ServerRefused(PrimerError):
    """The server answered with an error."""


@dataclass(frozen=True)
class Settings:
    """How an answer is drawn."""

    temperature: float = 0.3  # as in `primer chat` and at the server: small models ramble at more
    """0: always the likeliest token. 1: as the model was trained."""
    top_p: float = 1.0
    """Only the likeliest tokens that together have this probability; 1: all."""
    top_k: int = 0
    """Only so many of the likeliest tokens; 0: all. Sent to Primer's server only."""
    max_tokens: int = 256
    """Length of an answer, at most."""


@dataclass(frozen=True)
class Piece:
    """Words of the answer."""

    text: str


@dataclass(frozen=True)
class ToolUse:
    """A tool: one that the server ran, with its result, or one that the model asks the caller for, without."""

    name: str
    arguments: str
    result: str | None = None


@dataclass(frozen=True)
class Notices:
    """What the safety filters of Primer's server found: their findings, as JSON."""

    findings: list[dict[str, Any]]


@dataclass(frozen=True)
class Dropped:
    """So many of the oldest messages were left out: the conversation is longer than the model's context."""

    num_messages: int


@dataclass(frozen=True)
class Counted:
    """The server's count of the answer's tokens."""

    num_tokens: int


@dataclass(frozen=True)
class Ended:
    """The answer is complete, and why: stop, length, tool_calls, content_filter."""

    reason: str


Event = Piece | ToolUse | Notices | Dropped | Counted | Ended


@dataclass(frozen=True)
class ServedModel:
    """A model that the server offers."""

    name: str
    chats: bool = True
    """False: a base model, which continues the text that it is given."""


@dataclass(frozen=True)
class Server:
    """A server at a base address that ends in /v1. Safe to use from several threads."""

    url: str = DEFAULT_API
    key: str = field(default="", repr=False)

    @cached_property
    def client(self) -> openai.OpenAI:
        """One pool of connections. Nothing is asked twice: what failed is shown, with a button to try again."""
        timeout = openai.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
        return openai.OpenAI(base_url=self.url, api_key=self.key or "none", timeout=timeout, max_retries=0)

    def models(self) -> list[ServedModel]:
        """What the server offers. Raises ServerAway, ServerRefused."""
        with self._explained():
            found = self.client.with_options(timeout=CONNECT_SECONDS).models.list()
            return [ServedModel(model.id, (model.model_extra or {}).get("stage") != "base") for model in found]

    def safety(self) -> dict[str, Any] | None:
        """Policy, totals and recent verdicts of the filters; None if the server is not Primer's.

        Raises ServerAway, ServerRefused.
        """
        root = self.client.with_options(base_url=self.url.rstrip("/").removesuffix("/v1"), timeout=CONNECT_SECONDS)
        try:
            with self._explained():
                found = root.get("/primer/safety", cast_to=object)
        except ServerRefused as error:
            if getattr(error.__cause__, "status_code", 0) in (404, 405):
                return None
            raise
        return found if isinstance(found, dict) else None  # some servers answer every address with a page

    def stream(
        self, messages: Sequence[dict[str, str]], model: ServedModel, settings: Settings, seed: int
    ) -> Generator[Event, None, None]:
        """The answer as it comes; closing the generator hangs up. A base model continues the last message.

        Raises ServerAway (also in the midst of an answer), ServerRefused.
        """
        asked: dict[str, Any] = {
            "model": model.name,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_tokens,
            "seed": seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        with self._explained():
            if settings.top_k and self.safety() is not None:
                asked["extra_body"] = {"top_k": settings.top_k}
            create: Any = self.client.completions.create
            if model.chats:
                create = self.client.chat.completions.create
                asked["messages"] = list(messages)
            else:
                asked["prompt"] = messages[-1]["content"]
            chunks = create(**asked)
            has_ended = False
            with chunks:
                for event in (event for chunk in chunks for event in events_of(chunk)):
                    has_ended |= isinstance(event, Ended)
                    yield event
        if not has_ended:
            raise ServerAway("The server hung up before the answer was complete.")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except openai.APITimeoutError as error:
            raise ServerAway(f"The server at {self.url} does not answer.") from error
        except openai.APIConnectionError as error:
            raise ServerAway(f"The server at {self.url} cannot be reached.") from error
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise ServerRefused(
                f"The server wants an API key: put it into the environment variable PRIMER_API_KEY. ({said_by(error)})"
            ) from error
        except openai.APIError as error:
            raise ServerRefused(f"The server could not answer: {said_by(error)}") from error


def server_of_environment() -> Server:
    """The server that PRIMER_API and PRIMER_API_KEY name."""
    return Server(os.environ.get("PRIMER_API") or DEFAULT_API, os.environ.get("PRIMER_API_KEY", ""))


def said_by(error: openai.APIError) -> str:
    """The server's own words, without the client's wrapping of them."""
    body = error.body
    return str(body["message"]) if isinstance(body, dict) and body.get("message") else error.message


def events_of(chunk: Any) -> Iterator[Event]:
    """What a chunk of a stream says. Fields beyond OpenAI's may be on the chunk, its choice or the choice's delta."""
    choice = chunk.choices[0] if chunk.choices else None
    if dropped := extra(chunk, "dropped_messages"):
        yield Dropped(int(dropped))
    if findings := extra(chunk, "safety") or extra(choice, "safety"):
        yield Notices(list(findings))
    if choice is not None:
        delta = choice.delta if isinstance(chunk, ChatCompletionChunk) else choice
        yield from tools_of(chunk, delta)
        if text := getattr(delta, "content", None) or getattr(delta, "text", None):
            yield Piece(text)
        if choice.finish_reason:
            yield Ended(choice.finish_reason)
    if chunk.usage is not None:
        yield Counted(chunk.usage.completion_tokens)


def tools_of(chunk: Any, delta: Any) -> Iterator[ToolUse]:
    """The tools that ran, and those that the caller is asked to run."""
    for used in extra(delta, "tool_activity") or extra(chunk, "tool_activity") or ():
        given = used["arguments"]
        arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        yield ToolUse(used["name"], arguments, used.get("result"))
    for call in getattr(delta, "tool_calls", None) or ():
        if call.function is not None and call.function.name:
            yield ToolUse(call.function.name, call.function.arguments or "")


def extra(part: Any, name: str) -> Any:
    """A field that OpenAI's protocol does not have."""
    return (getattr(part, "model_extra", None) or {}).get(name)
