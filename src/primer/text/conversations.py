"""Conversations and preference pairs out of the shapes in which they are published.

| shape | a row |
| --- | --- |
| messages (OpenAI, SmolTalk) | `{"messages": [{"role": "user", "content": "Hi"}, …]}` |
| ShareGPT | `{"conversations": [{"from": "human", "value": "Hi"}, …]}` |
| Alpaca | `{"instruction": "Translate.", "input": "Hund", "output": "dog"}` |
| pairs (UltraFeedback, TRL) | `{"prompt": "Hi", "chosen": …, "rejected": …}`, the sides as messages or text |
| pairs (hh-rlhf) | `{"chosen": "\\n\\nHuman: Hi\\n\\nAssistant: Hello.", "rejected": …}` |

Calls come as OpenAI's `tool_calls`, or in the text between `<tool_call>` and `</tool_call>`, as Hermes writes them. A
message of the assistant with `"weight": 0` is read and not learned, as in OpenAI's fine-tuning.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from primer.core.errors import CorpusError, suggest
from primer.text.chat import (
    ConversationError,
    Message,
    Role,
    ToolCall,
    assistant,
    check_conversation,
    parse_call,
    user,
)
from primer.text.rows import BadRows, OnBad, read_rows

Conversation = tuple[Message, ...]
T = TypeVar("T")

ROLES: dict[str, Role] = {
    **{"system": "system", "developer": "system"},
    **{"user": "user", "human": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant"},
    **{"tool": "tool", "function": "tool", "observation": "tool"},
}
HUMAN_OR_ASSISTANT = re.compile(r"\n\n(Human|Assistant):")
CALL_IN_TEXT = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
RESULT_IN_TEXT = re.compile(r"<tool_response>\s*(.*?)\s*</tool_response>", re.DOTALL)


@dataclass(frozen=True)
class Pair:
    """Two ways to go on after the same prompt, one better than the other."""

    prompt: Conversation
    chosen: Conversation
    rejected: Conversation


def read_conversations(source: str, on_bad: OnBad | BadRows = "refuse") -> Iterator[Conversation]:
    """The conversations of a file, folder, glob or hub dataset (hf:org/name), each with something to learn in it.

    A row that does not fit raises CorpusError with its place and the reason ("refuse"), or is passed over ("skip"), and
    their number is told at the end; who hands in `BadRows` reads it there instead. Raises CorpusError also where there
    is no conversation at all.
    """
    yield from _read(source, on_bad, conversation_of)


def read_preferences(source: str, on_bad: OnBad | BadRows = "refuse") -> Iterator[Pair]:
    """The preference pairs of a source; as `read_conversations` otherwise."""
    yield from _read(source, on_bad, pair_of)


def _read(source: str, on_bad: OnBad | BadRows, convert: Callable[[Any], T]) -> Iterator[T]:
    bad = on_bad if isinstance(on_bad, BadRows) else BadRows(on_bad)
    is_empty = True
    for place, row in read_rows(source, bad):
        try:
            converted = convert(row)
        except ConversationError as error:
            bad.meet(place, str(error))
        else:
            is_empty = False
            yield converted
    if is_empty:
        raise CorpusError(f"{source} holds nothing to learn from. {bad.summary() or 'Give a file with rows in it.'}")
    if bad is not on_bad and bad.count:
        print(f"{source}: {bad.summary()}", file=sys.stderr)


def conversation_of(row: Any) -> Conversation:
    """The conversation that a row spells. Raises ConversationError if it is of no known shape, or cannot be."""
    match row:
        case {"messages": turns} | {"conversations": turns}:
            messages = messages_of(turns)
        case {"instruction": instruction, "output": output}:
            asked = [text_of(instruction), text_of(row.get("input"))]
            messages = (user("\n\n".join(filter(None, asked))), assistant(text_of(output)))
        case _:
            raise ConversationError(unknown_shape(row, "messages, conversations, or instruction and output"))
    check_example(messages)
    return messages


def pair_of(row: Any) -> Pair:
    """The pair that a row spells. Raises ConversationError as `conversation_of`, and for sides that are equal.

    What both sides begin with belongs to the prompt, whether the row says so or not.
    """
    match row:
        case {"chosen": chosen, "rejected": rejected}:
            prompt = side_of(row["prompt"], user) if row.get("prompt") else ()
            if prompt[-1:] == (assistant(),):  # hh-rlhf's prompts end with "Assistant:"
                prompt = prompt[:-1]
        case _:
            raise ConversationError(unknown_shape(row, "chosen and rejected, with or without prompt"))
    whole = [continued(prompt, side_of(side, assistant)) for side in (chosen, rejected)]
    if whole[0] == whole[1]:
        raise ConversationError("chosen and rejected are equal, so that neither is better.")
    pairs = list(zip(*whole, strict=False))
    num_common = next((i for i, (better, worse) in enumerate(pairs) if better != worse), len(pairs))
    sides = [messages[num_common:] for messages in whole]
    if not all(side and side[0].role == "assistant" for side in sides):
        raise ConversationError(
            f"chosen and rejected part at message {num_common + 1}, which is not an answer of the assistant in both."
        )
    for messages in whole:
        check_example(messages)
    if not all(any(message.trained for message in side) for side in sides):
        raise ConversationError("every message that chosen or rejected adds has the weight 0: nothing to prefer.")
    return Pair(whole[0][:num_common], sides[0], sides[1])


def continued(prompt: Conversation, side: Conversation) -> Conversation:
    """The prompt and what one side says after it. Many sides repeat the prompt, so it is not put before those."""
    return side if side and side[0].role in ("user", "system") else (*prompt, *side)


def side_of(value: Any, text_as: Callable[[str], Message]) -> Conversation:
    """Messages out of a list of them, out of hh-rlhf's "\\n\\nHuman: … \\n\\nAssistant: …", or of one plain text."""
    if not isinstance(value, str):
        return messages_of(value)
    text = "\n\n" + value.lstrip()
    if not text.startswith("\n\nHuman:"):
        return (text_as(text_of(value)),)
    _, *parts = HUMAN_OR_ASSISTANT.split(text)
    turns = zip(parts[::2], parts[1::2], strict=True)
    return tuple(user(said.strip()) if who == "Human" else assistant(said.strip()) for who, said in turns)


def messages_of(turns: Any) -> Conversation:
    """Messages in OpenAI's or ShareGPT's spelling."""
    if not isinstance(turns, list):
        raise ConversationError(f"its messages are {type(turns).__name__}, not a list.")
    return tuple(message_of(number, turn) for number, turn in enumerate(turns, start=1))


def message_of(number: int, turn: Any) -> Message:
    """One message."""
    message = spoken(number, turn)
    match turn.get("weight", 1):
        case None | 1:
            return message
        case 0:
            return replace(message, trained=False)
    raise ConversationError(f"message {number}: its weight is {turn['weight']!r}, and can be 0 (not learned) or 1.")


def spoken(number: int, turn: Any) -> Message:
    """What a message says and who says it."""
    match turn:
        case {"role": str(name)} | {"from": str(name)}:
            said, calls = turn.get("content", turn.get("value")), turn.get("tool_calls") or []
        case _:
            raise ConversationError(f"message {number} has no role (or from).")
    role = ROLES.get(name)
    if role is None:
        raise ConversationError(f"message {number} is of the unknown role {name!r}: {suggest(name, ROLES)}")
    if not isinstance(calls, list):
        raise ConversationError(f"message {number}: its tool_calls are {type(calls).__name__}, not a list.")
    text = text_of(said)
    if role == "assistant" and not calls:
        return said_with_calls(text)
    if role == "tool" and (result := RESULT_IN_TEXT.fullmatch(text)):
        text = result[1]
    return Message(role, text, tuple(call_of(number, call) for call in calls))


def call_of(number: int, call: Any) -> ToolCall:
    """A call in OpenAI's spelling, with or without its wrapper; arguments as an object, or as JSON in a string."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if isinstance(function, dict):
        arguments = function.get("arguments") or {}
        written = arguments if isinstance(arguments, str) else json.dumps(arguments)
        if parsed := parse_call(f'{{"name": {json.dumps(function.get("name"))}, "arguments": {written}}}'):
            return parsed
    raise ConversationError(f"message {number}: a tool call needs a name, and arguments that are a JSON object.")


def said_with_calls(text: str) -> Message:
    """An assistant's message whose calls, if it makes any, stand in its text. One that is no JSON stays text."""
    calls = [parse_call(written) for written in CALL_IN_TEXT.findall(text)]
    if None in calls:
        return assistant(text)
    return assistant(CALL_IN_TEXT.sub("", text).strip(), *filter(None, calls))


def text_of(content: Any) -> str:
    """The text of a message, stripped; OpenAI's lists of parts are joined, if all are text."""
    match content:
        case None:
            return ""
        case str():
            return content.strip()
        case [*parts] if all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
            return "".join(part["text"] for part in parts).strip()
    raise ConversationError(f"a message holds {type(content).__name__}, not text; only text can be learned.")


def check_example(messages: Conversation) -> None:
    """Raise ConversationError unless a conversation can be, and every turn of the assistant says or does something."""
    check_conversation(messages)
    answers = [message for message in messages if message.role == "assistant"]
    if not answers:
        raise ConversationError("the assistant says nothing in it, so that there is nothing to learn.")
    if any(not message.content and not message.tool_calls for message in answers):
        raise ConversationError("a message of the assistant is empty.")
    if not any(message.trained for message in answers):
        raise ConversationError("every message of the assistant has the weight 0, so that there is nothing to learn.")
    try:
        for message in messages:
            message.content.encode()
    except UnicodeEncodeError:
        raise ConversationError("a message holds half a character (a lone surrogate).") from None


def unknown_shape(row: Any, shapes: str) -> str:
    """What to say of a row that has none of the fields that are looked for."""
    fields = f"its fields are {', '.join(map(str, row)) or 'none'}" if isinstance(row, dict) else "it is no object"
    return f"this is not of a known shape ({shapes}): {fields}."
