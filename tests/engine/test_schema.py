"""A model that has learned nothing, kept to JSON."""

import json
from typing import Any

import jsonschema
import pytest

from primer.engine.dialogue import AnswerOptions, Dialogue, Finished, chat_engine
from primer.engine.sampling import SamplingConfig
from primer.engine.schema import SchemaError, call_constraint, json_constraint
from primer.engine.tools import Tool
from primer.text.chat import user
from tests import tiny

pytest.importorskip("xgrammar")

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "ü"]}, "maxItems": 3},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
CHOICE = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@pytest.fixture(scope="module")
def dialogue(tmp_path_factory: pytest.TempPathFactory) -> Dialogue:
    start = tiny.start(tiny.chat_base(tmp_path_factory.mktemp("run") / "run"))
    return Dialogue(chat_engine(start.model, start.chat), start.chat)


@pytest.mark.parametrize("schema", [PERSON, CHOICE, None])
def test_every_answer_keeps_to_it_or_is_cut(dialogue: Dialogue, schema: dict[str, Any] | None) -> None:
    sampling = SamplingConfig(temperature=1.0, max_tokens=100)
    tokenizer = dialogue.chat.tokenizer
    answers = [
        dialogue.open([user("hi")], sampling, AnswerOptions(sample=i, constraint=json_constraint(tokenizer, schema)))
        for i in range(24)
    ]
    for token in dialogue.engine.run([answer.request for answer in answers]):
        answers[token.row].push(token)
    whole = [answer.reply() for answer in answers if answer.reply().finished == "stop"]
    for reply in whole:
        jsonschema.validate(json.loads(reply.messages[-1].content), schema or {"type": "object"})
        assert reply.ids[-1] == dialogue.chat.end_id
    assert whole
    assert all(answer.reply().ids[0] in tokenizer.encode("{") + tokenizer.encode('{"') for answer in answers)


def test_max_tokens_cut_it(dialogue: Dialogue) -> None:
    options = AnswerOptions(constraint=json_constraint(dialogue.chat.tokenizer, PERSON))
    *_, last = dialogue.stream([user("hi")], SamplingConfig(max_tokens=4), options)
    assert isinstance(last, Finished)
    assert last.reply.finished == "length"


@pytest.mark.parametrize("schema", [{"type": "foo"}, {"type": "string", "pattern": "((("}, {"enum": ["x" * 60_000]}])
def test_schemas_that_are_none(dialogue: Dialogue, schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="JSON schema"):
        json_constraint(dialogue.chat.tokenizer, schema)


@pytest.mark.parametrize("names", [["weigh"], ["weigh", "name"]])
def test_a_forced_call_is_one_of_the_tools_with_arguments_after_its_schema(
    dialogue: Dialogue, names: list[str]
) -> None:
    schemas = {"weigh": {"type": "object", "properties": {"grams": {"type": "integer", "minimum": 0, "maximum": 99}},
                         "required": ["grams"], "additionalProperties": False},
               "name": {"type": "object", "properties": {"what": {"enum": ["cat", "dog"]}}, "required": ["what"],
                        "additionalProperties": False}}  # fmt: skip
    tools = tuple(Tool(name, "", schemas[name], lambda _: "") for name in names)
    tokenizer, sampling = dialogue.chat.tokenizer, SamplingConfig(temperature=1.0, max_tokens=100)
    for sample in range(8):
        options = AnswerOptions(sample=sample, constraint=call_constraint(tokenizer, tools))
        *_, last = dialogue.stream([user("hi")], sampling, options)
        assert isinstance(last, Finished)
        assert last.reply.finished == "stop"
        (message,) = last.reply.messages
        (call,) = message.tool_calls
        assert message.content == ""
        assert call.name in names
        jsonschema.validate(call.arguments, schemas[call.name])
