"""Answers in JSON, as a schema wants them: before every token, which ones can still lead there.

xgrammar makes a pushdown automaton of the schema, so that objects nest as deep as they like. It takes 1 to 10 ms to
make, and 0.1 ms a token to ask. (outlines-core makes a finite one, and tries long: 11 s for objects in objects in
objects at 512 tokens, more than 25 s for a string of at most 20 characters.)
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from primer.core.errors import ConfigError
from primer.text.chat import ChatFormat, ToolDescription
from primer.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from xgrammar import CompiledGrammar, GrammarCompiler

ANY_OBJECT = {"type": "object"}
MAX_SCHEMA = 50_000  # characters; a schema comes from whoever asks a server


class SchemaError(ConfigError):
    """A JSON schema that answers cannot be kept to."""


class JsonConstraint:
    """Keeps one request to a grammar; where that may end, and only there, the end id is allowed."""

    def __init__(self, grammar: "CompiledGrammar", token_bytes: list[bytes]) -> None:
        from xgrammar import GrammarMatcher, allocate_token_bitmask

        self.matcher, self.token_bytes = GrammarMatcher(grammar), token_bytes
        self.bitmask = allocate_token_bitmask(1, len(token_bytes))
        self.last = b""

    def allowed(self) -> NDArray[np.bool_]:
        """Which ids may come next, (V,)."""
        self.matcher.fill_next_token_bitmask(self.bitmask)
        bits = np.unpackbits(self.bitmask.numpy().view(np.uint8), bitorder="little")
        allowed = bits[: len(self.token_bytes)].astype(np.bool_)
        if self.last.endswith(b"\xed"):  # with a byte from A0 on it is half a character, which xgrammar lets pass
            allowed &= np.array([token[:1] < b"\xa0" for token in self.token_bytes])
        return allowed

    def advance(self, id: int) -> None:
        """This id was written."""
        self.matcher.accept_token(id)
        self.last = self.token_bytes[id]


class CallConstraint:
    """Makes one answer a single tool call: <tool_call>, JSON that is kept to a grammar, </tool_call>, the end."""

    def __init__(self, json: JsonConstraint, tokenizer: Tokenizer) -> None:
        self.json, self.end_id = json, ChatFormat(tokenizer).end_id
        self.begin, self.close = (tokenizer.special_ids[mark] for mark in ("<tool_call>", "</tool_call>"))
        self.only: int | None = self.begin  # the one id that may come next; None: as the grammar says

    def allowed(self) -> NDArray[np.bool_]:
        """Which ids may come next, (V,)."""
        if self.only is not None:
            return np.array([id == self.only for id in range(len(self.json.token_bytes))])
        allowed = self.json.allowed()
        allowed[self.close], allowed[self.end_id] = allowed[self.end_id], False
        return allowed

    def advance(self, id: int) -> None:
        """This id was written."""
        if id in (self.begin, self.close):
            self.only = None if id == self.begin else self.end_id
        elif self.only is None:
            self.json.advance(id)


def call_constraint(tokenizer: Tokenizer, tools: Sequence[ToolDescription]) -> CallConstraint:
    """What makes one answer a call of one of these tools, with arguments after its schema. Raises like
    `json_constraint`."""
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": dict(tool.parameters)},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    return CallConstraint(json_constraint(tokenizer, {"anyOf": calls}), tokenizer)


def json_constraint(tokenizer: Tokenizer, schema: dict[str, Any] | None) -> JsonConstraint:
    """What keeps one answer to a JSON schema; None: to any JSON object. Special tokens are never allowed but the end.

    Raises ConfigError if xgrammar is not installed, SchemaError for a schema that is none.
    """
    text = json.dumps(ANY_OBJECT if schema is None else schema)
    if len(text) > MAX_SCHEMA:
        raise SchemaError(f"the JSON schema has {len(text):,} characters, and may have {MAX_SCHEMA:,}. Shorten it.")
    compiler = grammar_compiler(tokenizer)
    try:
        grammar = compiler.compile_json_schema(text, any_whitespace=False)  # else it may write blanks without end
    except RuntimeError as error:
        raise SchemaError(f"answers cannot be kept to this JSON schema: {error}") from error
    return JsonConstraint(grammar, tokenizer.token_bytes())


@lru_cache(maxsize=8)  # it remembers the grammars that it made
def grammar_compiler(tokenizer: Tokenizer) -> "GrammarCompiler":
    """Makes grammars for a vocabulary. Raises ConfigError if xgrammar is not installed."""
    try:
        from xgrammar import GrammarCompiler, TokenizerInfo
    except ImportError as error:
        raise ConfigError(
            "answers in JSON need the package xgrammar, which is not installed: pip install 'primer-lm[schema]'."
        ) from error
    end_id = ChatFormat(tokenizer).end_id
    # JSON has no bare control characters, but xgrammar 0.2.8 lets them into strings with a maxLength.
    usable = [b"" if any(byte < 0x20 for byte in token) else token for token in tokenizer.token_bytes()]
    vocabulary = TokenizerInfo(usable, vocab_size=tokenizer.vocab_size, stop_token_ids=[end_id])
    return GrammarCompiler(vocabulary, max_threads=1, cache_limit_bytes=64 << 20)
