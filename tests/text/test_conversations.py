"""Every published shape gives the same messages; rows that do not fit are named, and refused or counted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import CorpusError
from primer.text.chat import ConversationError, ToolCall, assistant, system, tool, user
from primer.text.conversations import Pair, conversation_of, pair_of, read_conversations, read_preferences
from primer.text.rows import BadRows

HELLO = (user("Hi"), assistant("Hello."))
CALL = ToolCall("calculator", {"expression": "3 × 4"})
WITH_TOOL = (user("3 × 4?"), assistant("", CALL), tool("12"), assistant("12."))


def turns(*pairs: tuple[str, Any], **extra: Any) -> list[dict[str, Any]]:
    return [{"role": role, "content": content, **extra} for role, content in pairs]


def with_tool(call: dict[str, Any]) -> dict[str, Any]:
    """The conversation with a tool, its call spelled so."""
    asked, answered = turns(("user", "3 × 4?"), ("assistant", None)), turns(("tool", "12"), ("assistant", "12."))
    asked[1]["tool_calls"] = [call]
    return {"messages": asked + answered}


HERMES = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "3 × 4"}}\n</tool_call>'


class TestShapes:
    @pytest.mark.parametrize(
        ("row", "messages"),
        [
            ({"messages": turns(("user", " Hi\n"), ("assistant", "Hello.")), "source": "x"}, HELLO),
            ({"messages": turns(("developer", "Be kind."), ("human", "Hi"), ("model", "Hello."))},
             (system("Be kind."), *HELLO)),
            ({"messages": turns(("user", [{"type": "text", "text": "Hi"}]), ("assistant", "Hello."))}, HELLO),
            ({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}, HELLO),
            ({"instruction": "Hi", "input": "", "output": "Hello."}, HELLO),
            ({"instruction": "Hi", "output": "Hello."}, HELLO),
            ({"instruction": "Translate.", "input": "Hund", "output": "dog"},
             (user("Translate.\n\nHund"), assistant("dog"))),
        ],
    )  # fmt: skip
    def test_conversations(self, row: dict[str, Any], messages: object) -> None:
        assert conversation_of(row) == messages

    @pytest.mark.parametrize(
        "row",
        [
            with_tool({"type": "function", "function": {"name": "calculator", "arguments": CALL.arguments}}),
            with_tool({"type": "function", "function": {"name": "calculator", "arguments": '{"expression":"3 × 4"}'}}),
            with_tool({"name": "calculator", "arguments": CALL.arguments}),
            {"conversations": [
                {"from": "human", "value": "3 × 4?"}, {"from": "gpt", "value": HERMES},
                {"from": "tool", "value": "<tool_response>\n12\n</tool_response>"}, {"from": "gpt", "value": "12."},
            ]},
        ],
    )  # fmt: skip
    def test_tool_calls(self, row: dict[str, Any]) -> None:
        assert conversation_of(row) == WITH_TOOL

    def test_calls_in_the_text(self) -> None:
        def said(text: str) -> object:
            return conversation_of({"messages": turns(("user", "?"), ("assistant", text))})[1]

        assert said(f"Let me see. {HERMES}{HERMES}") == assistant("Let me see.", CALL, CALL)
        assert said("<tool_call>3 × 4</tool_call>") == assistant("<tool_call>3 × 4</tool_call>")

    def test_what_weighs_nothing_is_read_and_not_learned(self) -> None:
        row = with_tool({"name": "calculator", "arguments": CALL.arguments})
        row["messages"][1]["weight"], row["messages"][3]["weight"] = 0, 1
        asked, called, *answered = WITH_TOOL
        assert conversation_of(row) == (asked, replace(called, trained=False), *answered)

    prompt = (user("Hi"),)
    better, worse = (assistant("Hello."),), (assistant("What?"),)

    @pytest.mark.parametrize(
        "row",
        [
            {"prompt": "Hi", "chosen": turns(("user", "Hi"), ("assistant", "Hello.")),
             "rejected": turns(("user", "Hi"), ("assistant", "What?")), "score_chosen": 9.0},  # UltraFeedback
            {"chosen": turns(("user", "Hi"), ("assistant", "Hello.")),
             "rejected": turns(("user", "Hi"), ("assistant", "What?"))},
            {"prompt": turns(("user", "Hi")), "chosen": turns(("assistant", "Hello.")),
             "rejected": turns(("assistant", "What?"))},
            {"prompt": "Hi", "chosen": "Hello.", "rejected": "What?"},
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello.", "rejected": "\n\nHuman: Hi\n\nAssistant: What?\n"},
            {"prompt": "\n\nHuman: Hi\n\nAssistant:", "chosen": " Hello.", "rejected": " What?"},
        ],
    )  # fmt: skip
    def test_pairs(self, row: dict[str, Any]) -> None:
        assert pair_of(row) == Pair(self.prompt, self.better, self.worse)

    def test_a_long_pair_parts_where_the_sides_differ(self) -> None:
        common = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Who wrote\n\nFaust?\n\nAssistant:"
        pair = pair_of({"chosen": f"{common} Goethe.\n\nNot Schiller.", "rejected": f"{common} Schiller."})
        assert pair.prompt == (*HELLO, user("Who wrote\n\nFaust?"))
        assert (pair.chosen, pair.rejected) == ((assistant("Goethe.\n\nNot Schiller."),), (assistant("Schiller."),))

    def test_sides_may_use_tools(self) -> None:
        chosen, rejected = with_tool({"name": "calculator", "arguments": CALL.arguments})["messages"], "13."
        pair = pair_of({"chosen": chosen, "rejected": turns(("user", "3 × 4?"), ("assistant", rejected))})
        assert pair == Pair(WITH_TOOL[:1], WITH_TOOL[1:], (assistant("13."),))


class TestBadRows:
    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"text": "Hi"}, r"not of a known shape \(messages, .*its fields are text"),
            (["Hi"], "it is no object"),
            ({"messages": "Hi"}, "its messages are str, not a list"),
            ({"messages": []}, "conversation is empty"),
            ({"messages": ["Hi"]}, r"message 1 has no role \(or from\)"),
            ({"messages": turns(("usr", "Hi"))}, "message 1 is of the unknown role 'usr': did you mean 'user'"),
            ({"messages": turns(("assistant", "Hi"))}, "assistant speaks first"),
            ({"messages": turns(("user", "Hi"), ("tool", "7"))}, "message 2 is the result of a tool that no"),
            ({"messages": turns(("user", "Hi"))}, "the assistant says nothing"),
            ({"messages": turns(("user", "Hi"), ("assistant", " \n"))}, "message of the assistant is empty"),
            ({"messages": turns(("user", 3), ("assistant", "Hi"))}, "holds int, not text"),
            ({"messages": turns(("user", [{"type": "image"}]), ("assistant", "Hi"))}, "holds list, not text"),
            ({"messages": turns(("user", "\ud83d"), ("assistant", "Hi"))}, "half a character"),
            ({"messages": turns(("user", "a"), ("assistant", ""), tool_calls=3)}, "tool_calls are int"),
            (with_tool({"name": "calculator", "arguments": "3 × 4"}), "message 2: a tool call needs a name, and"),
            (with_tool({"function": {"arguments": {}}}), "message 2: a tool call needs a name, and"),
            ({"instruction": "Hi", "output": None}, "message of the assistant is empty"),
            ({"messages": turns(("user", "Hi"), ("assistant", "Hi"), weight=0)}, "has the weight 0"),
            ({"messages": turns(("user", "Hi"), ("assistant", "Hi"), weight=0.5)}, "message 1: its weight is 0.5, and"),
        ],
    )
    def test_conversations(self, row: object, reason: str) -> None:
        with pytest.raises(ConversationError, match=reason):
            conversation_of(row)

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"prompt": "Hi"}, r"not of a known shape \(chosen and rejected"),
            ({"prompt": "Hi", "chosen": "Hello.", "rejected": "Hello. "}, "are equal"),
            ({"prompt": "Hi", "chosen": "Hello.", "rejected": turns(("assistant", "What?"), weight=0)}, "the weight 0"),
            ({"prompt": "Hi", "chosen": "Hello.", "rejected": ""}, "is empty"),
            ({"chosen": "Hello.", "rejected": "What?"}, "assistant speaks first"),
            (
                {"chosen": "\n\nHuman: A\n\nAssistant: B", "rejected": "\n\nHuman: C\n\nAssistant: B"},
                "part at message 1, which is not an answer",
            ),
            ({"chosen": turns(("user", "Hi"), ("assistant", "A")), "rejected": turns(("user", "Hi"))}, "at message 2"),
        ],
    )
    def test_pairs(self, row: object, reason: str) -> None:
        with pytest.raises(ConversationError, match=reason):
            pair_of(row)

    json_values = st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["messages", "role", "content", "from", "tool_calls", "function", "name", "arguments"]),
                inner | st.sampled_from(["user", "assistant", "tool"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    )

    @settings(max_examples=150, deadline=None)
    @given(value=json_values)
    def test_nothing_but_a_reason_comes_of_nonsense(self, value: object) -> None:
        for row in ({"messages": value}, {"chosen": value, "rejected": [value], "prompt": value}, value):
            for convert in (conversation_of, pair_of):
                try:
                    convert(row)
                except ConversationError:
                    continue


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Four rows, the second and third of which do not fit."""
    rows = [
        {"instruction": "Hi", "output": "Hello."},
        {"instruction": "Hi", "output": ""},
        {"text": "no"},
        {"messages": turns(("user", "Hi"), ("assistant", "Hello."))},
    ]
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class TestReading:
    def test_refused_with_place_and_reason(self, mixed: Path) -> None:
        with pytest.raises(CorpusError, match=r"mixed\.jsonl, line 2: a message of the assistant is empty.*--on-bad"):
            list(read_conversations(str(mixed)))

    def test_skipped_and_counted(self, mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert list(read_conversations(str(mixed), "skip")) == [HELLO, HELLO]
        told = capsys.readouterr().err
        assert "2 rows that do not fit were passed over" in told
        assert "line 2: a message of the assistant is empty" in told
        bad = BadRows("skip")
        assert len(list(read_conversations(str(mixed), bad))) == 2
        assert (bad.count, capsys.readouterr().err) == (2, "")

    def test_nothing_to_learn_from(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text('{"text": "no"}\n')
        with pytest.raises(CorpusError, match=r"holds nothing to learn from\. 1 rows.*line 1"):
            list(read_conversations(str(path), "skip"))
        path.write_text("")
        with pytest.raises(CorpusError, match=r"holds nothing to learn from\. Give"):
            list(read_preferences(str(path)))

    def test_parquet(self, tmp_path: Path) -> None:
        """SmolTalk's shape, and calls in a table, where every struct has the fields of all."""
        rows = [with_tool({"name": "calculator", "arguments": CALL.arguments})["messages"]]
        rows += [turns(("user", "Hi"), ("assistant", "Hello."))]
        pq.write_table(pa.table({"messages": rows, "source": ["a", "b"]}), tmp_path / "train.parquet")
        assert list(read_conversations(str(tmp_path))) == [WITH_TOOL, HELLO]

    def test_preferences(self, tmp_path: Path) -> None:
        row = {"prompt": "Hi", "chosen": "Hello.", "rejected": "What?"}
        same = row | {"rejected": "Hello."}
        (tmp_path / "pairs.json").write_text(json.dumps([row, same]))
        with pytest.raises(CorpusError, match=r"pairs\.json, row 2: chosen and rejected are equal"):
            list(read_preferences(str(tmp_path / "pairs.json")))
        assert list(read_preferences(str(tmp_path / "pairs.json"), "skip")) == [
            Pair((user("Hi"),), (assistant("Hello."),), (assistant("What?"),))
        ]
