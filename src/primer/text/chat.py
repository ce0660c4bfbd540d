"""Messages to ids and loss mask, and back: ChatML, with tool calls in Hermes form.

A conversation is one document. In angle brackets stands one token each, a turn's header one with its role and its line
end; the rest is ordinary text:

    <|document|><|im_start|>system
    You are a patient teacher.<|im_end|>
    <|im_start|>user
    What is 3 + 4?<|im_end|>
    <|im_start|>assistant
    <tool_call>{"name": "calculator", "arguments": {"expression": "3 + 4"}}</tool_call><|im_end|>
    <|im_start|>tool
    <tool_response>7</tool_response><|im_end|>
    <|im_start|>assistant
    3 + 4 is 7.<|im_end|>

Loss is on what the assistant writes and on nothing else: its words, its calls and the <|im_end|> with which it stops;
but for a message of its own that says it is not to be learned (`Message.trained`).
Its header is given to it, and the line end after <|im_end|> belongs to the next turn.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

from primer.core.errors import TokenizerError, UserError, suggest

if TYPE_CHECKING:
    from primer.text.tokenizer import Tokenizer

Role = Literal["system", "user", "assistant", "tool"]
Encode: TypeAlias = Callable[[str], Iterable[int]]
"""Text to ids."""

HEADERS: dict[Role, str] = {role: f"<|im_start|>{role}\n" for role in get_args(Role)}
MARKS = ("<|pad|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
TOOLS_INTRODUCTION = "You may call these tools:"

# The same layout for transformers, vLLM and others, written to tokenizer_config.json by `Tokenizer.save`.
CHAT_TEMPLATE = """\
{{- bos_token }}
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {%- if messages[0].content | trim %}{{- messages[0].content | trim ~ '\\n\\n' }}{%- endif %}
        {%- set messages = messages[1:] %}
    {%- endif %}
    {{- 'INTRODUCTION\\n<tools>\\n' }}
    {%- for tool in tools %}{{- tool | tojson ~ '\\n' }}{%- endfor %}
    {{- '</tools><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' }}
    {%- if message.role == 'tool' %}
        {{- '<tool_response>' ~ message.content ~ '</tool_response>' }}
    {%- else %}
        {{- (message.content or '') | trim }}
        {%- for call in message.tool_calls or [] %}
            {%- set call = call.function or call %}
            {{- '<tool_call>' ~ {'name': call.name, 'arguments': call.arguments} | tojson ~ '</tool_call>' }}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
""".replace("INTRODUCTION", TOOLS_INTRODUCTION)


class ConversationError(UserError):
    """A conversation that cannot be: empty, begun by the assistant, with a result that nobody asked for."""


@dataclass(frozen=True)
class ToolCall:
    """What the assistant asks a tool to do."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """As it stands between <tool_call> and </tool_call>.

        >>> ToolCall("calculator", {"expression": "6 × 7"}).to_json()
        '{"name": "calculator", "arguments": {"expression": "6 × 7"}}'
        """
        return json.dumps({"name": self.name, "arguments": self.arguments}, ensure_ascii=False)


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; only the assistant's have tool calls."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    trained: bool = True
    """Of the assistant's: whether it is something to learn to write. A mistake that is put right afterwards is not."""


def system(text: str) -> Message:
    """What the assistant is to be."""
    return Message("system", text)


def user(text: str) -> Message:
    """What a person says."""
    return Message("user", text)


def assistant(text: str = "", *tool_calls: ToolCall) -> Message:
    """What the assistant says, and then asks of its tools."""
    return Message("assistant", text, tool_calls)


def tool(result: str) -> Message:
    """What a tool answers."""
    return Message("tool", result)


class ToolDescription(Protocol):
    """What the model is told of a tool."""

    @property
    def name(self) -> str:
        """What it is called by."""
        ...

    @property
    def description(self) -> str:
        """What it does, in a sentence."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its arguments, as a JSON schema."""
        ...


def tool_schema(tool: ToolDescription) -> dict[str, Any]:
    """A tool as OpenAI's protocol and transformers' `tools=` write it."""
    described = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": described}


@dataclass(frozen=True)
class Rendered:
    """A conversation in ids."""

    ids: list[int]
    trained: list[bool]
    """Of each id, whether it is something to learn to write."""


class ChatFormat:
    """How conversations are written with one tokenizer.

    The white space around what is said is dropped, in every role but the tool's (as Llama 3's template does). A turn's
    header is one token, line end and all, so what a model is prompted with is what it was trained after, however the
    text begins; and short talk, three tokens of ten of which are marks, has room for more of it.

    The ids are those of transformers' `apply_chat_template` but in one case: text that holds the name of a special
    token. Here it is ordinary text, whoever wrote it; transformers makes the special token of it, so that a user can
    end the assistant's turn by typing.
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        """Raises TokenizerError if the tokenizer has no tokens for turns and calls."""
        missing = [mark for mark in (*MARKS, *HEADERS.values()) if mark not in tokenizer.special_ids]
        if missing:
            raise TokenizerError(
                f"this tokenizer ({tokenizer.kind}, {tokenizer.vocab_size:,} tokens) has no token {missing[0]!r}: it "
                "belongs to a base model with another chat format. Start from a model that Primer has pretrained with "
                "a tokenizer of kind bpe (`primer pretrain`); its vocabulary has the chat's tokens from the start."
            )
        self.tokenizer = tokenizer
        self.pad_id, self.end_id, *others = (tokenizer.special_ids[mark] for mark in MARKS)
        self._call_id, self._call_end_id, self._result_id, self._result_end_id = others
        self._headers = {role: tokenizer.special_ids[header] for role, header in HEADERS.items()}
        self._line_end = tokenizer.encode("\n")

    def render(
        self, messages: Sequence[Message], tools: Sequence[ToolDescription] = (), encode: Encode | None = None
    ) -> Rendered:
        """The whole conversation, the assistant's turns trained unless they say otherwise.

        `tools` are described to the model in the system's turn. `encode` writes what is said, in place of the
        tokenizer (`Cuts.drawn`). Raises ConversationError for a conversation that is none.
        """
        check_conversation(messages)
        ids = [self.tokenizer.document_id]
        trained = [False]
        for message in with_tools(messages, tools):
            said = [*self._said(message, encode), self.end_id]
            is_trained = message.role == "assistant" and message.trained
            ids += [self._headers[message.role], *said, *self._line_end]
            trained += [False, *[is_trained] * len(said), *[False] * len(self._line_end)]
        return Rendered(ids, trained)

    def prompt(self, messages: Sequence[Message], tools: Sequence[ToolDescription] = ()) -> list[int]:
        """The conversation so far and the header of the assistant's turn, for the model to go on."""
        return [*self.render(messages, tools).ids, self._headers["assistant"]]

    def tool_turn(self, results: Sequence[str]) -> list[int]:
        """What follows the <|im_end|> of an assistant who called tools: a turn for each result, and its next header."""
        ids = list(self._line_end)
        for result in results:
            ids += [self._headers["tool"], *self._said(tool(result)), self.end_id, *self._line_end]
        return [*ids, self._headers["assistant"]]

    def parse_reply(self, ids: Sequence[int]) -> Message:
        """The message that the model wrote, up to its <|im_end|> or to where it was stopped.

        A call that is no JSON, names no tool or was not finished stays in the text, marks and all: never raises.
        """
        reply = list(ids)
        if self.end_id in reply:
            reply = reply[: reply.index(self.end_id)]
        text: list[int] = []
        calls: list[ToolCall] = []
        while self._call_end_id in reply:
            end = reply.index(self._call_end_id)
            piece, reply = reply[: end + 1], reply[end + 1 :]
            start = max((i for i, id in enumerate(piece) if id == self._call_id), default=None)
            call = None if start is None else parse_call(self.tokenizer.decode(piece[start + 1 : end]))
            if call is not None:
                calls.append(call)
                piece = piece[:start]
            text += piece
        return assistant(self.tokenizer.decode(text + reply).strip(), *calls)

    def _said(self, message: Message, encode: Encode | None = None) -> Iterable[int]:
        """The ids between header and <|im_end|>."""
        encode = encode or self.tokenizer.encode
        if message.role == "tool":
            return [self._result_id, *encode(message.content), self._result_end_id]
        ids = [*encode(message.content.strip())]
        for call in message.tool_calls:
            ids += [self._call_id, *encode(call.to_json()), self._call_end_id]
        return ids


def with_tools(messages: Sequence[Message], tools: Sequence[ToolDescription]) -> Sequence[Message]:
    """The messages, the tools described at the end of the first system turn (one more turn if there is none)."""
    if not tools:
        return messages
    has_system = messages[0].role == "system"
    schemas = "".join(json.dumps(tool_schema(tool), ensure_ascii=False) + "\n" for tool in tools)
    described = f"{TOOLS_INTRODUCTION}\n<tools>\n{schemas}</tools>"
    said = messages[0].content.strip() if has_system else ""
    return [system(f"{said}\n\n{described}" if said else described), *messages[has_system:]]


def parse_call(text: str) -> ToolCall | None:
    """The call that the text spells in JSON, or None if it spells none.

    >>> parse_call('{"name": "calculator", "arguments": {"expression": "1 + 1"}}')
    ToolCall(name='calculator', arguments={'expression': '1 + 1'})
    >>> parse_call('{"name": "calculator", "arguments": "1 + 1"}')
    """
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # "\ud800" is JSON, but no text: nothing could be done with it
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = value.get("arguments", {})
    return ToolCall(value["name"], arguments) if isinstance(arguments, dict) else None


def check_conversation(messages: Sequence[Message]) -> None:
    """Raise ConversationError, saying what to do, for a conversation that cannot be.

    Several turns of one speaker in a row are in order (people do write twice), and so is a conversation that waits for
    an answer or a result.
    """
    if not messages:
        raise ConversationError("the conversation is empty. Give at least one message of a user.")
    is_begun = False
    num_open_calls = 0  # of the last assistant's turn, not yet answered
    for number, message in enumerate(messages, start=1):
        if message.role not in get_args(Role):
            raise ConversationError(
                f"message {number} is of the role {message.role!r}, which there is not: "
                f"{suggest(message.role, get_args(Role))}"
            )
        if message.role == "assistant" and not is_begun:
            raise ConversationError(
                "the assistant speaks first. Put a user's message before it, or leave its greeting out."
            )
        if message.tool_calls and message.role != "assistant":
            raise ConversationError(
                f"message {number}, of the {message.role}, calls a tool, and only the assistant can. Move the call to "
                "an assistant's message."
            )
        if message.role == "tool":
            num_open_calls -= 1
            if num_open_calls < 0:
                raise ConversationError(
                    f"message {number} is the result of a tool that no assistant called. Put a message of the "
                    "assistant before it that makes the call, or leave the result out."
                )
        else:
            num_open_calls = len(message.tool_calls)
        is_begun |= message.role == "user"
