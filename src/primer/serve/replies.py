"""Pieces of answers as OpenAI's protocol writes them: chunks of a stream, or one body."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from primer.serve.safety import Finding
from primer.serve.writing import Piece
from primer.text.chat import ToolCall
from primer.text.tokenizer import Tokenizer

ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
DONE = b"data: [DONE]\n\n"
Json = dict[str, Any]


def event(data: Mapping[str, Any]) -> bytes:
    """One event of a stream (server-sent events)."""
    return f"data: {ENCODER.encode(data)}\n\n".encode()


def usage(num_prompt: int, num_completion: int) -> dict[str, int]:
    """What was read and written, in tokens."""
    total = num_prompt + num_completion
    return {"prompt_tokens": num_prompt, "completion_tokens": num_completion, "total_tokens": total}


def joined(index: int, pieces: Sequence[Piece]) -> Piece:
    """All pieces of one answer in one."""
    whole = Piece(index)
    for piece in pieces:
        if piece.index == index:
            whole.text += piece.text
            whole.tokens += piece.tokens
            whole.activity += piece.activity
            whole.calls += piece.calls
            whole.findings += piece.findings
            whole.finish_reason = piece.finish_reason or whole.finish_reason
    return whole


@dataclass
class Envelope:
    """What all parts of an answer have in common."""

    model: str
    tokenizer: Tokenizer
    kind: str
    """"chat.completion" or "text_completion"."""
    with_logprobs: bool = False
    findings: Sequence[Finding] = ()
    """In what came in."""
    dropped: int = 0
    """Messages that did not fit into the context."""
    created: int = field(default_factory=lambda: int(time.time()))
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    @property
    def notes(self) -> Json:
        """What the client is told once."""
        return {"dropped_messages": self.dropped} if self.dropped else {}

    def around(self, choices: Sequence[Json], **more: Any) -> Json:
        """A chunk or a body."""
        head = {"id": self.id, "object": self.kind, "created": self.created, "model": self.model}
        return {**head, "choices": choices, **more}


def choice(index: int, finish_reason: str | None, findings: Sequence[Finding]) -> Json:
    """What one of n answers has in every form."""
    safety = {"safety": [finding.to_json() for finding in findings]} if findings else {}
    return {"index": index, "finish_reason": finish_reason, **safety}


class Reply(Protocol):
    """One of the two forms."""

    envelope: Envelope

    def opening(self, num_choices: int) -> Sequence[Json]:
        """Chunks to begin a stream with."""
        ...

    def chunk(self, piece: Piece) -> Json:
        """A chunk of a stream."""
        ...

    def choice(self, piece: Piece) -> Json:
        """An answer, whole."""
        ...

    def closing(self, usage: Json) -> Json:
        """The chunk after the last, which says what it took."""
        ...


class ChatReply:
    """Answers to POST /v1/chat/completions."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope

    def opening(self, num_choices: int) -> list[Json]:
        """Each answer's role, and what the filters found in the question."""
        heads = [choice(index, None, self.envelope.findings) for index in range(num_choices)]
        delta = {"role": "assistant", "content": ""}
        chunks = [self._chunk([head | {"delta": delta, "logprobs": None}]) for head in heads]
        return [chunks[0] | self.envelope.notes, *chunks[1:]]

    def chunk(self, piece: Piece) -> Json:
        delta: Json = {"content": piece.text} if piece.text or piece.tokens else {}
        if piece.calls:
            delta["tool_calls"] = [{"index": i} | call for i, call in enumerate(map(tool_call, piece.calls))]
        found = choice(piece.index, piece.finish_reason, piece.findings)
        return self._chunk([found | {"delta": delta | activity(piece), "logprobs": self._logprobs(piece)}])

    def choice(self, piece: Piece) -> Json:
        message: Json = {"role": "assistant", "content": piece.text or (None if piece.calls else "")} | activity(piece)
        if piece.calls:
            message["tool_calls"] = [tool_call(call) for call in piece.calls]
        found = choice(piece.index, piece.finish_reason, [*self.envelope.findings, *piece.findings])
        return found | {"message": message, "logprobs": self._logprobs(piece)}

    def closing(self, usage: Json) -> Json:
        return self._chunk([], usage=usage)

    def _chunk(self, choices: Sequence[Json], **more: Any) -> Json:
        return self.envelope.around(choices, **more) | {"object": "chat.completion.chunk"}

    def _logprobs(self, piece: Piece) -> Json | None:
        if not self.envelope.with_logprobs:
            return None
        entries = [
            self._likely(token.id, token.logprob) | {"top_logprobs": [self._likely(*each) for each in token.top]}
            for token in piece.tokens
        ]
        return {"content": entries, "refusal": None}

    def _likely(self, id: int, logprob: float | None) -> Json:
        spelled = self.envelope.tokenizer.decode_bytes([id])
        return {"token": spelled.decode(errors="replace"), "logprob": logprob, "bytes": list(spelled)}


class TextReply:
    """Answers to POST /v1/completions."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.num_written: dict[int, int] = {}  # characters of each answer's tokens

    def opening(self, num_choices: int) -> list[Json]:
        """What the filters found in the text, if anything."""
        findings = self.envelope.findings
        heads = [choice(index, None, findings) for index in range(num_choices if findings else 0)]
        return [self.envelope.around([head | {"text": "", "logprobs": None}]) for head in heads]

    def chunk(self, piece: Piece) -> Json:
        return self.envelope.around([self._choice(piece, piece.findings)])

    def choice(self, piece: Piece) -> Json:
        return self._choice(piece, [*self.envelope.findings, *piece.findings])

    def closing(self, usage: Json) -> Json:
        return self.envelope.around([], usage=usage)

    def _choice(self, piece: Piece, findings: Sequence[Finding]) -> Json:
        found = choice(piece.index, piece.finish_reason, findings)
        return found | {"text": piece.text, "logprobs": self._logprobs(piece)}

    def _logprobs(self, piece: Piece) -> Json | None:
        if not self.envelope.with_logprobs:
            return None
        found: Json = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for token in piece.tokens:
            offset = self.num_written.get(piece.index, 0)
            found["tokens"].append(self._spell(token.id))
            found["token_logprobs"].append(token.logprob)
            found["top_logprobs"].append({self._spell(id): logprob for id, logprob in token.top})
            found["text_offset"].append(offset)
            self.num_written[piece.index] = offset + len(self.envelope.tokenizer.decode([token.id]))
        return found

    def _spell(self, id: int) -> str:
        """A token's text, or, as OpenAI writes it, its bytes if they are a piece of a character."""
        spelled = self.envelope.tokenizer.decode_bytes([id])
        try:
            return spelled.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in spelled)


def tool_call(call: ToolCall) -> Json:
    """A call for the client to make."""
    function = {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
    return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}


def activity(piece: Piece) -> Json:
    """Tools that the server ran for the model."""
    ran = [asdict(call) | {"result": result} for call, result in piece.activity]
    return {"tool_activity": ran} if ran else {}
