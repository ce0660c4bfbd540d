"""Conversations through the engine: the assistant writes, its tools are run, and it goes on with their results.

The terminal, the server, evaluation and RL rollouts all talk through a `Dialogue`.
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import InitVar, dataclass, field
from functools import partial
from typing import Literal

from primer.engine.engine import Engine
from primer.engine.request import Fed, Request, Token
from primer.engine.sampling import SamplingConfig
from primer.engine.tools import Tool, run_call
from primer.model.gpt import GPT
from primer.text.chat import ChatFormat, ConversationError, Message, ToolCall, tool
from primer.text.tokenizer import StreamDecoder

End = Literal["stop", "length", "calls"]

TOOL_THREADS = 4  # they mostly wait for the sandbox's processes


@dataclass(frozen=True)
class Reply:
    """An answer, tool calls and all."""

    messages: tuple[Message, ...]
    """What to add to the conversation: the assistant's turns, and in between those of the tools."""
    ids: list[int]
    """All that follows the prompt."""
    generated: list[bool]
    """Of each id, whether the model chose it; the others were fed to it by a tool."""
    finished: End
    """stop: the assistant has ended its turn. length: max_tokens or the context were full before. calls: it wanted
    more tool calls than it may; its last ones were not run."""


@dataclass(frozen=True)
class Said:
    """A piece of what the assistant says, in whole characters."""

    text: str


@dataclass(frozen=True)
class Called:
    """The assistant calls a tool."""

    call: ToolCall


@dataclass(frozen=True)
class Answered:
    """A tool answers."""

    result: str


@dataclass(frozen=True)
class Finished:
    """The answer is complete."""

    reply: Reply


Event = Said | Called | Answered | Finished


def chat_engine(model: GPT, chat: ChatFormat, num_slots: int = 64) -> Engine:
    """An engine that writes no special tokens but those of an assistant's turn: its end, and calls."""
    special_ids = chat.tokenizer.special_ids
    written = {special_ids[mark] for mark in ("<|im_end|>", "<tool_call>", "</tool_call>")}
    return Engine(model, chat.tokenizer.vocab_size, set(special_ids.values()) - written, num_slots)


class Dialogue:
    """An assistant: a chat model, the tools that it may use, and how often.

    Tools run in threads, and other answers go on meanwhile. One engine serves one `reply` or `stream` at a time.
    """

    def __init__(
        self,
        engine: Engine,
        chat: ChatFormat,
        tools: Sequence[Tool] = (),
        max_calls: int = 4,
        describe_tools: bool = False,
    ) -> None:
        """At most `max_calls` tool calls are run in one answer. Without tools, a call ends the answer unrun.

        `describe_tools` puts them into the prompt, for models that learned to read about tools: the calculator alone
        costs 200 tokens of a small vocabulary. One that was trained with its tools knows them.
        """
        self.engine, self.chat, self.tools, self.max_calls = engine, chat, tools, max_calls
        self.described = tools if describe_tools else ()

    def prompt(self, messages: Sequence[Message], room: int = 1) -> list[int]:
        """The ids that the answer goes on from.

        Raises ConversationError for a conversation that `check_conversation` refuses, or one that leaves less than
        `room` ids of the context for the answer.
        """
        ids = self.chat.prompt(messages, self.described)
        if len(ids) + room > self.engine.context:
            raise ConversationError(
                f"the conversation has {len(ids):,} tokens, and with {room:,} for the answer it does not fit into the "
                f"model's {self.engine.context:,}. Shorten it: leave out its oldest turns, or what the system says."
            )
        return ids

    def reply(self, conversations: Sequence[Sequence[Message]], sampling: SamplingConfig) -> list[Reply]:
        """The answer to each conversation, all of them side by side. For several samples give one several times.

        Raises ConversationError like `prompt`, before anything is written.
        """
        answers = [Answer(self, messages) for messages in conversations]
        for _ in self._tokens(answers, sampling):
            pass
        return [answer.reply() for answer in answers]

    def stream(self, messages: Sequence[Message], sampling: SamplingConfig) -> Generator[Event, None, None]:
        """The answer as it comes; closing the iterator stops it. A call that cannot be understood is shown as text.

        Raises like `reply`.
        """
        answer, text = Answer(self, messages), TurnText(self.chat)
        with closing(self._tokens([answer], sampling)) as tokens:
            for token in tokens:
                if token.forced:
                    yield from answer.take_results()
                else:
                    yield from text.push(token.id)
        yield from text.finish()
        yield Finished(answer.reply())

    def fit(self, messages: Sequence[Message], room: int = 64) -> tuple[list[Message], int]:
        """The conversation with `room` ids left for the answer, and how many messages had to be dropped for that.

        The oldest exchanges go first; what the system says stays.

        Raises ConversationError if even the last exchange is too long.
        """
        kept = list(messages)
        first = 1 if kept and kept[0].role == "system" else 0
        later = [place for place, message in enumerate(kept) if message.role == "user" and place > first]
        for place in [first, *later]:
            kept = [*messages[:first], *messages[place:]]
            if len(self.chat.prompt(kept, self.described)) + room <= self.engine.context:
                break
        self.prompt(kept, room)
        return kept, len(messages) - len(kept)

    def _tokens(self, answers: "list[Answer]", sampling: SamplingConfig) -> Generator[Token, None, None]:
        """The tokens of all answers as they come, already noted there."""
        with self._threads() as threads:
            requests = [
                Request(
                    answer.prompt,
                    sampling,
                    (self.chat.end_id,),
                    sample,
                    partial(answer.on_stop, threads),
                    on_full="stop",
                )
                for sample, answer in enumerate(answers)
            ]
            with closing(self.engine.run(requests)) as tokens:
                for token in tokens:
                    answers[token.row].push(token)
                    yield token

    @contextmanager
    def _threads(self) -> Iterator[ThreadPoolExecutor]:
        """Where tools run. An answer that is stopped does not wait for them."""
        threads = ThreadPoolExecutor(TOOL_THREADS)
        try:
            yield threads
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


@dataclass(eq=False)
class Answer:
    """One answer while it is written: a turn of the assistant, results of its tools, another turn, and so on."""

    dialogue: Dialogue
    conversation: InitVar[Sequence[Message]]
    messages: list[Message] = field(default_factory=list)  # of the turns that are over
    num_over: int = 0  # ids of these turns
    num_calls: int = 0
    num_shown: int = 0  # results that `stream` has given out
    ids: list[int] = field(default_factory=list)
    generated: list[bool] = field(default_factory=list)
    finished: Literal["stop", "length"] = "length"

    def __post_init__(self, conversation: Sequence[Message]) -> None:
        self.prompt = self.dialogue.prompt(conversation)

    def on_stop(self, threads: ThreadPoolExecutor, new_ids: Sequence[int]) -> "Future[Fed] | None":
        """At the end of a turn: what its calls give, as ids to go on from; None if none are to be run."""
        turn = self.dialogue.chat.parse_reply(new_ids[self.num_over :])
        if not turn.tool_calls or not self.dialogue.tools or self._too_many(turn):
            return None
        self.num_calls += len(turn.tool_calls)
        return threads.submit(self._run, turn, len(new_ids))

    def _run(self, turn: Message, num_ids: int) -> list[int]:
        """Run the calls of a turn. Nothing else touches the answer meanwhile: its row waits for this."""
        results = [run_call(self.dialogue.tools, call) for call in turn.tool_calls]
        self.messages += [turn, *map(tool, results)]
        fed = self.dialogue.chat.tool_turn(results)
        self.num_over = num_ids + len(fed)
        return fed

    def push(self, token: Token) -> None:
        """Note a token that the engine gave out."""
        self.ids.append(token.id)
        self.generated.append(not token.forced)
        self.finished = token.finished or self.finished

    def take_results(self) -> Iterator[Answered]:
        """Results that have come since the last call."""
        results = [message.content for message in self.messages if message.role == "tool"]
        yield from map(Answered, results[self.num_shown :])
        self.num_shown = len(results)

    def reply(self) -> Reply:
        """What it has come to."""
        messages = tuple(self.messages)
        finished: End = self.finished
        if len(self.ids) > self.num_over:  # else the context was full with the results
            last = self.dialogue.chat.parse_reply(self.ids[self.num_over :])
            messages = (*messages, last)
            if self.dialogue.tools and last.tool_calls and self.finished == "stop":
                finished = "calls" if self._too_many(last) else "length"
        return Reply(messages, self.ids, self.generated, finished)

    def _too_many(self, turn: Message) -> bool:
        return self.num_calls + len(turn.tool_calls) > self.dialogue.max_calls


class TurnText:
    """The ids of the assistant's turns, one at a time, to what a person is shown of them."""

    def __init__(self, chat: ChatFormat) -> None:
        self.chat = chat
        special_ids = chat.tokenizer.special_ids
        self.begin, self.end = special_ids["<tool_call>"], special_ids["</tool_call>"]
        self.call: list[int] = []  # as far as it is written
        self.decoder = StreamDecoder(chat.tokenizer)

    def push(self, id: int) -> Iterator[Said | Called]:
        """What this id completes: characters, or a call; in the midst of one nothing."""
        if id == self.chat.end_id:
            yield from self.finish()
        elif id == self.begin or self.call:
            self.call.append(id)
            if id == self.end:
                calls = self.chat.parse_reply(self.call).tool_calls
                if calls:
                    self.call = []
                    yield from map(Called, calls)
                else:
                    yield from self.finish()
        else:
            yield from self._say(self.decoder.push(id))

    def finish(self) -> Iterator[Said]:
        """What is left at the end of a turn: half a call, half a character."""
        ids, self.call = self.call, []
        yield from self._say(self.chat.tokenizer.decode(ids) + self.decoder.finish())

    def _say(self, text: str) -> Iterator[Said]:
        if text:
            yield Said(text)
