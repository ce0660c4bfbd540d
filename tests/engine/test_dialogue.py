"""Conversations with a model that has learned four of them by heart: real tool calls, real results, real turns."""

import gc
import weakref
from collections.abc import Sequence
from functools import cache
from threading import Event

import learned
import pytest
from learned import by_heart, calculate

from primer.engine.dialogue import (
    WORTH_FORKING,
    Answered,
    AnswerOptions,
    Called,
    Dialogue,
    Finished,
    Reply,
    Said,
    chat_engine,
    deal,
    show,
)
from primer.engine.engine import Engine
from primer.engine.request import Token
from primer.engine.sampling import SamplingConfig
from primer.engine.tools import CALCULATOR, Tool
from primer.engine.turns import TurnText
from primer.text.chat import ChatFormat, ConversationError, Message, ToolCall, assistant, system, tool, user
from primer.text.tokenizer import train_tokenizer

GREEDY = SamplingConfig(temperature=0, max_tokens=150)
CONTEXT = 192


LEARNED: list[list[Message]] = [
    *learned.LEARNED[:3],
    [
        user("more"),
        assistant("", calculate("1+1")),
        tool("2"),
        assistant("", calculate("2+1")),
        tool("3"),
        assistant("3!"),
    ],
]


@cache
def chat() -> ChatFormat:
    text = "Hello, good day! It is 7. Both: 4 and 8. user assistant tool calculator expression name arguments " * 4
    return ChatFormat(train_tokenizer([text], 330))


@cache
def learned_engine() -> Engine:
    """A model that has the conversations by heart."""
    model = by_heart([chat().render(messages) for messages in LEARNED], CONTEXT)
    return chat_engine(model.eval(), chat(), num_slots=3)


def dialogue(*tools: Tool, max_calls: int = 4) -> Dialogue:
    return Dialogue(learned_engine(), chat(), tools or (CALCULATOR,), max_calls)


# --- answers ---


def test_answers_side_by_side_with_their_tools() -> None:
    """More conversations than slots, and each ends as it was learned."""
    replies = dialogue().reply([messages[:1] for messages in LEARNED] * 2, GREEDY)
    for messages, reply in zip(LEARNED * 2, replies, strict=True):
        assert list(reply.messages) == messages[1:]
        assert reply.finished == "stop"


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_answers_are_the_same_whatever_number_of_processes_writes_them(temperature: float) -> None:
    """Each draws as it would alone, and calls tools of its own."""
    conversations = [LEARNED[i % len(LEARNED)][:1] for i in range(3 * WORTH_FORKING)]
    sampling = SamplingConfig(temperature=temperature, max_tokens=60, seed=3)
    alone = dialogue().reply(conversations, sampling)
    told: list[int] = []
    shared = Dialogue(learned_engine(), chat(), (CALCULATOR,), processes=3).reply(conversations, sampling, told.append)
    assert shared == alone
    assert sum(told) == len(conversations)
    assert any(message.role == "tool" for reply in shared for message in reply.messages)
    assert dialogue().reply(conversations[:4], sampling) == alone[:4]  # this process's engine is as it was


def test_samples_of_one_prompt_are_written_by_one_process() -> None:
    """But for many of one, which all share."""
    one, other = (dialogue().open(messages[:1], GREEDY) for messages in LEARNED[:2])
    assert deal([one] * 3 + [other] * 2 + [one], 2) == [[0, 1, 2, 5], [3, 4]]
    assert [len(share) for share in deal([one] * 4 * WORTH_FORKING, 2)] == [2 * WORTH_FORKING] * 2


def test_ids_and_who_chose_them_are_what_training_sees() -> None:
    """The rendered conversation, but for the line end after the last turn, is the prompt and the ids of the reply."""
    for messages, reply in zip(LEARNED, dialogue().reply([m[:1] for m in LEARNED], GREEDY), strict=True):
        rendered, prompt = chat().render(messages), chat().prompt(messages[:1])
        assert prompt + reply.ids == rendered.ids[: len(prompt) + len(reply.ids)]
        assert reply.generated == rendered.trained[len(prompt) :][: len(reply.ids)]


def test_the_stream_tells_the_same_story() -> None:
    events = list(dialogue().stream(LEARNED[2][:1], GREEDY))
    said = "".join(event.text for event in events if isinstance(event, Said))
    assert said == "Both:4 and 8."
    told = [event for event in events if isinstance(event, Called | Answered)]
    assert told == [Called(calculate("2*2")), Called(calculate("9-1")), Answered("4"), Answered("8")]
    assert isinstance(events[-1], Finished)
    assert events[-1].reply == dialogue().reply([LEARNED[2][:1]], GREEDY)[0]
    hello = [event.text for event in dialogue().stream(LEARNED[0][:1], GREEDY) if isinstance(event, Said)]
    assert "".join(hello) == "Hello, good day! 你好é"
    assert not any("\ufffd" in text for text in hello)  # characters of several tokens come whole


def test_a_stream_can_be_closed() -> None:
    stream = dialogue().stream(LEARNED[0][:1], GREEDY)
    assert isinstance(next(stream), Said)
    stream.close()
    assert not learned_engine().busy


def test_closing_does_not_wait_for_a_tool() -> None:
    released = Event()
    slow = Tool("calculator", "Thinks.", CALCULATOR.parameters, lambda arguments: str(released.wait(20)))
    stream = dialogue(slow).stream(LEARNED[1][:1], GREEDY)
    assert next(stream) == Called(calculate("3+4"))
    stream.close()
    assert not learned_engine().busy
    released.set()


# --- ends ---


def test_at_most_so_many_calls() -> None:
    reply = dialogue(max_calls=1).reply([LEARNED[3][:1]], GREEDY)[0]
    assert list(reply.messages) == LEARNED[3][1:4]
    assert reply.finished == "calls"
    reply = dialogue(max_calls=1).reply([LEARNED[2][:1]], GREEDY)[0]  # two at once
    assert list(reply.messages) == LEARNED[2][1:2]
    assert reply.finished == "calls"


def test_without_tools_a_call_is_the_answer() -> None:
    reply = Dialogue(learned_engine(), chat()).reply([LEARNED[1][:1]], GREEDY)[0]
    assert list(reply.messages) == LEARNED[1][1:2]
    assert reply.finished == "stop"


def test_max_tokens_count_what_the_model_writes() -> None:
    whole = dialogue().reply([LEARNED[1][:1]], GREEDY)[0]
    own = sum(whole.generated)
    assert own < len(whole.ids)
    for max_tokens, finished in ((own, "stop"), (own - 1, "length"), (3, "length")):
        reply = dialogue().reply([LEARNED[1][:1]], SamplingConfig(temperature=0, max_tokens=max_tokens))[0]
        assert (sum(reply.generated), reply.finished) == (max_tokens, finished)
        assert reply.ids == whole.ids[: len(reply.ids)]
    first_turn = whole.generated.index(False)
    reply = dialogue().reply([LEARNED[1][:1]], SamplingConfig(temperature=0, max_tokens=first_turn))[0]
    assert (list(reply.messages), reply.finished) == (LEARNED[1][1:2], "length")  # the call was never run


def filling(room: int) -> list[Message]:
    """A conversation that begins with other words and leaves this much room."""
    missing = CONTEXT - room - len(chat().prompt([system("~"), LEARNED[1][0]]))
    return [system("~" * (1 + missing)), LEARNED[1][0]]


@pytest.mark.parametrize("room", [1, 2, 30, 60])
def test_the_contexts_end_ends_the_answer(room: int) -> None:
    """Before the call, in it, in the result, after it: whatever the model does there, nothing is longer."""
    messages = filling(room)
    prompt = chat().prompt(messages)
    assert len(prompt) == CONTEXT - room
    reply = dialogue().reply([messages], SamplingConfig(temperature=1.0, max_tokens=500))[0]
    assert len(reply.ids) <= room + 1
    assert reply.finished == "length" or reply.ids[-1] == chat().end_id


def test_a_result_that_does_not_fit_ends_the_answer() -> None:
    endless = Tool("calculator", "Talks.", CALCULATOR.parameters, lambda arguments: "7" * 500)
    reply = dialogue(endless).reply([LEARNED[1][:1]], GREEDY)[0]
    assert reply.finished == "length"
    assert list(reply.messages) == [LEARNED[1][1], tool("7" * 500)]
    assert len(chat().prompt(LEARNED[1][:1])) + len(reply.ids) == CONTEXT + 1


# --- too long ---


def test_a_conversation_that_fills_the_context_is_refused() -> None:
    with pytest.raises(ConversationError, match=r"has 192 tokens, and with 1 for the answer .* the model's 192"):
        dialogue().reply([filling(0)], GREEDY)
    with pytest.raises(ConversationError, match="192 tokens"):
        next(dialogue().stream(filling(0), GREEDY))
    with pytest.raises(ConversationError, match="empty"):
        dialogue().reply([[]], GREEDY)
    assert not learned_engine().busy


def exchanges(count: int) -> list[Message]:
    return [m for i in range(count) for m in (user(f"{i}?"), assistant("", calculate("1")), tool("1"), assistant("1."))]


@pytest.mark.parametrize("head", [[], [system("Be kind.")]])
def test_the_oldest_exchanges_are_dropped(head: Sequence[Message]) -> None:
    talk = Dialogue(learned_engine(), chat())
    messages = [*head, *exchanges(30), user("last")]
    kept, num_dropped = talk.fit(messages, room=20)
    assert kept[: len(head)] == list(head)
    assert kept[len(head) :] == messages[len(head) + num_dropped :]
    assert num_dropped % 4 == 0
    assert len(chat().prompt(kept)) + 20 <= CONTEXT
    one_more = [*head, *messages[len(head) + num_dropped - 4 :]]
    assert len(chat().prompt(one_more)) + 20 > CONTEXT
    assert talk.fit(kept, room=20) == (kept, 0)
    with pytest.raises(ConversationError, match="with 20 for the answer"):
        talk.fit([*head, user("~" * 300)], room=20)


# --- options ---


def test_a_stop_string_ends_the_answer_before_it() -> None:
    *said, last = dialogue().stream(LEARNED[0][:1], GREEDY, AnswerOptions(stop=("od d", "never")))
    assert "".join(event.text for event in said if isinstance(event, Said)) == "Hello, go"
    assert isinstance(last, Finished)
    assert (last.reply.messages, last.reply.finished) == ((assistant("Hello, go"),), "stop")
    assert not learned_engine().busy
    *_, last = dialogue().stream(LEARNED[2][:1], GREEDY, AnswerOptions(stop=("and",)))
    assert isinstance(last, Finished)
    assert list(last.reply.messages) == [*LEARNED[2][1:-1], assistant("4")]


def test_pushing_may_lag_behind_the_engine() -> None:
    """As from the engine's own thread: a tool has run before the turn that calls it is pushed."""
    answer = dialogue().open(LEARNED[3][:1], GREEDY)
    tokens = list(learned_engine().run([answer.request]))
    events = [event for token in tokens for event in answer.push(token)] + answer.finish()
    assert events == list(dialogue().stream(LEARNED[3][:1], GREEDY))


def test_what_an_answer_held_is_free_with_it() -> None:
    """And not only when Python's collector has found it, which halts all that is written."""
    gc.disable()
    try:
        answer = dialogue().open(LEARNED[3][:1], GREEDY)
        tokens = list(learned_engine().run([answer.request]))
        assert [event for token in tokens for event in answer.push(token)] + answer.finish()
        is_there = weakref.ref(answer)
        del answer
        assert is_there() is None
    finally:
        gc.enable()


def test_tools_of_the_caller_are_described_and_not_run() -> None:
    answer = dialogue().open(LEARNED[1][:1], GREEDY, AnswerOptions(top_logprobs=2))
    described = dialogue().prompt([user("hi")], tools=[Tool("f", "F.", {}, str)])
    assert "F." in chat().tokenizer.decode(described)
    answer.options = AnswerOptions(tools=(CALCULATOR,))  # unseen by the prompt, which the model does not know
    tokens = list(learned_engine().run([answer.request]))
    events = [event for token in tokens for event in answer.push(token)] + answer.finish()
    assert events[0] == Called(calculate("3+4"))
    assert isinstance(events[-1], Finished)
    assert (list(events[-1].reply.messages), events[-1].reply.finished) == (LEARNED[1][1:2], "calls")


def test_calls_can_be_ruled_out_and_logprobs_asked_for() -> None:
    options = AnswerOptions(may_call=False, top_logprobs=2)
    events = list(dialogue().stream(LEARNED[1][:1], GREEDY, options))
    assert not any(isinstance(event, Called) for event in events)
    tokens = [token for event in events if isinstance(event, Said) for token in event.tokens]
    assert tokens
    assert all(token.logprob is not None and len(token.top) == 2 for token in tokens)


# --- what is shown ---


def shown(text: str) -> list[Said | Called]:
    """Of a turn whose marks are special tokens, pushed id by id."""
    ids: list[int] = []
    for piece in text.replace("<", "\n<").replace(">", ">\n").split("\n"):
        special = chat().tokenizer.special_ids.get(piece)
        ids += chat().tokenizer.encode(piece) if special is None else [special]
    turn = TurnText(chat())
    found = [found for id in ids for found in turn.push(Token(0, id))] + turn.finish()
    return [show(each) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab", "ab"),
        ('a<tool_call>{"name": "x"}</tool_call>b', ["a", Called(ToolCall("x")), "b"]),
        ("a<tool_call>{oops}</tool_call>b", "a<tool_call>{oops}</tool_call>b"),
        ("a<tool_call>{oops", "a<tool_call>{oops"),
        ("a</tool_call>b", "a</tool_call>b"),
        ("<tool_call>{oops<|im_end|>", "<tool_call>{oops"),
        ('<tool_call>{oops<tool_call>{"name": "x"}</tool_call>', ["<tool_call>{oops", Called(ToolCall("x"))]),
    ],
)
def test_calls_and_what_only_looks_like_one(text: str, expected: str | list[object]) -> None:
    events = shown(text)
    joined: list[object] = []
    for event in events:
        if isinstance(event, Said) and joined and isinstance(joined[-1], str):
            joined[-1] += event.text
        else:
            joined.append(event.text if isinstance(event, Said) else event)
    assert joined == ([expected] if isinstance(expected, str) else expected)


def test_a_reply_is_a_value() -> None:
    assert Reply((), [], [], "stop") == Reply((), [], [], "stop")


def test_each_answer_is_told_once() -> None:
    told: list[int] = []
    dialogue().reply([messages[:1] for messages in LEARNED] * 2, GREEDY, told.append)
    assert told == [1] * (2 * len(LEARNED))
