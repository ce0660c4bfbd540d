"""OpenAI's answers, for the schema at /openapi.json; `replies.py` writes them."""

from typing import Any, Literal

from pydantic import BaseModel

from primer.serve.protocol import FunctionCall


class CallMade(BaseModel):
    """A call that the model wants made."""

    index: int | None = None
    id: str
    type: Literal["function"]
    function: FunctionCall


class ToolActivity(BaseModel):
    """Not OpenAI's: a tool that the server ran for the model."""

    name: str
    arguments: dict[str, Any]
    result: str


class Said(BaseModel):
    """The answer, or a piece of it."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[CallMade] | None = None
    tool_activity: list[ToolActivity] | None = None


class ChatChoice(BaseModel):
    """One of n answers."""

    index: int
    message: Said
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    logprobs: dict[str, Any] | None = None
    safety: list[dict[str, Any]] | None = None
    """Not OpenAI's: what the filters found."""


class Usage(BaseModel):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
    dropped_messages: int | None = None
    """Not OpenAI's: how many of the oldest messages the model did not see."""


class TextChoice(BaseModel):
    """One of n continuations."""

    index: int
    text: str
    finish_reason: Literal["stop", "length", "content_filter"]
    logprobs: dict[str, Any] | None = None
    safety: list[dict[str, Any]] | None = None


class Completion(BaseModel):
    """The continuation of a text."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage


class Model(BaseModel):
    """A model that can be asked."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    stage: str
    """Not OpenAI's: base, sft, dpo or rl."""


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"]
    data: list[Model]


class ErrorDetails(BaseModel):
    """Why a request was not answered."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """An error in OpenAI's shape."""

    error: ErrorDetails
