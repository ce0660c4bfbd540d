"""OpenAI's requests, as far as this server knows them. Source: https://platform.openai.com/docs/api-reference

Wrong types and ranges are refused; null is as good as leaving a field out, for many clients send their defaults so.
Fields that are not here are ignored, as OpenAI's own older models and most servers do: clients send what is new
(metadata, store, service_tier …) to whatever they talk to. The few that would change the answer are refused.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

MAX_CHOICES = 16  # answers to one request, which counts once for the limits
SEEDS = 2**63

UNKNOWN_HERE = {
    "audio": "the models write text only",
    "functions": "the protocol's newer field is `tools`",
    "function_call": "the protocol's newer field is `tool_choice`",
    "web_search_options": "the models search no web",
    "suffix": "the models write on at the end only",
    "echo": "put the prompt before the answer yourself",
}


class Parsed(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


def joined_text(content: Any) -> Any:
    """The text of a message that is given in parts."""
    if not isinstance(content, list):
        return content
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise PydanticCustomError(
                "content_part", 'the models read text only: parts are {"type": "text", "text": …}'
            )
    return "".join(part["text"] for part in content)


def as_list(value: Any) -> Any:
    """One string stands for a list of it."""
    return [value] if isinstance(value, str) else value


TEXT_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}
TEXT_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": TEXT_PART}]}
Text = Annotated[str, BeforeValidator(joined_text), WithJsonSchema(TEXT_SCHEMA)]
StopText = Annotated[str, Field(min_length=1, max_length=1000)]
StopList = Annotated[list[StopText], Field(max_length=4)]
Stops = Annotated[StopList, BeforeValidator(as_list, json_schema_input_type=StopText | StopList)]
SOME = Field(min_length=1, max_length=1_000_000)
Ids = Annotated[list[int], SOME]
PromptList = Annotated[list[str], SOME] | Ids | Annotated[list[Ids], SOME]
Prompt = Annotated[PromptList, BeforeValidator(as_list, json_schema_input_type=str | PromptList)]


class FunctionCall(Parsed):
    """What an assistant asked for."""

    name: str
    arguments: str
    """JSON, in a string."""


class CallGiven(Parsed):
    """A call that an assistant made earlier, as the client got it."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class MessageGiven(Parsed):
    """A turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | None = None
    tool_calls: list[CallGiven] | None = None
    tool_call_id: str | None = None


class Function(Parsed):
    """A function of the client's."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = ""
    parameters: dict[str, JsonValue] | None = None


class ToolGiven(Parsed):
    """Something that the client offers to do for the model."""

    type: Literal["function"]
    function: Function


class Named(Parsed):
    """A name."""

    name: str


class NamedTool(Parsed):
    """The one tool to be called."""

    type: Literal["function"]
    function: Named


class JsonSchema(Parsed):
    """The schema that an answer must follow."""

    name: str = "answer"
    schema_: dict[str, JsonValue] = Field(alias="schema")


class ResponseFormat(Parsed):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise PydanticCustomError("schema_missing", "the type json_schema needs the field json_schema")
        return self


class StreamOptions(Parsed):
    """What a stream has beside the answer."""

    include_usage: bool | None = False


class CommonRequest(Parsed):
    """What both ways of asking share."""

    model: str = "primer"
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    """Answers to write, side by side."""
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=0)
    """Not OpenAI's: choose among the k likeliest tokens only; 0: among all."""
    min_p: float | None = Field(None, ge=0, le=1)
    """Not OpenAI's: choose among tokens at least this share as likely as the likeliest."""
    repetition_penalty: float | None = Field(None, gt=0, le=10)
    """Not OpenAI's: divides the odds of what has been said; 1: nothing."""
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    seed: int | None = Field(None, ge=-SEEDS, lt=SEEDS)
    stop: Stops | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, values: Any) -> Any:
        for name, why in UNKNOWN_HERE.items():
            if isinstance(values, dict) and values.get(name):
                raise PydanticCustomError(
                    "unsupported", "the field {name} is not supported: {why}", {"name": name, "why": why}
                )
        return values


class ChatRequest(CommonRequest):
    """POST /v1/chat/completions."""

    messages: list[MessageGiven] = Field(min_length=1, max_length=2048)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = False
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[ToolGiven] | None = Field(None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    response_format: ResponseFormat | None = None
    fit: Literal["drop", "refuse"] | None = "drop"
    """Not OpenAI's: when the conversation is too long, drop its oldest turns, or refuse it."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise PydanticCustomError("top_logprobs", "top_logprobs needs logprobs: true")
        if self.tool_choice not in (None, "none", "auto") and not self.tools:
            raise PydanticCustomError("tool_choice", "tool_choice needs tools to choose from")
        return self


class CompletionRequest(CommonRequest):
    """POST /v1/completions."""

    prompt: Prompt
    """A text, several, or their ids."""
    logprobs: int | None = Field(None, ge=0, le=5)
    best_of: int | None = Field(None, ge=1)
    echo: bool | None = False
    suffix: str | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.best_of not in (None, self.n or 1):
            raise PydanticCustomError("best_of", "best_of other than n is not supported: ask for n and choose")
        if len(self.prompts) * (self.n or 1) > MAX_CHOICES:
            raise PydanticCustomError("too_many", f"prompts × n is at most {MAX_CHOICES}")
        return self

    @property
    def prompts(self) -> Sequence[str | Sequence[int]]:
        """Each text or its ids."""
        if isinstance(self.prompt[0], int):
            return [self.prompt]
        return self.prompt
