"""Conversations through the engine: the assistant writes, its tools are run, and it goes on with their results.

The terminal, the server, evaluation and RL rollouts all talk through a `Dialogue`.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

import torch

from primer.core.workers import CAN_FORK, Tell, in_shares
from primer.engine.engine import Engine
from primer.engine.request import Constraint, Fed, OnStop, Request, Token
from primer.engine.sampling import SamplingConfig
from primer.engine.stops import Piece
from primer.engine.tools import Tool, run_call
from primer.engine.turns import TurnText
from primer.model.gpt import GPT
from primer.model.prepared import loops_in_common
from primer.text.chat import ChatFormat, ConversationError, Message, ToolCall, ToolDescription, assistant, tool

End = Literal["stop", "length", "calls"]

WORTH_FORKING = 16  # conversations for each process
SMALL = 30_000_000  # weights of the products; of larger models most of the time is theirs, and all cores read them once
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
    """stop: the assistant has ended its turn, or written a stop string. length: max_tokens or the context were full
    before. calls: its last calls were not run, for they are the caller's, or more than it may make."""


@dataclass(frozen=True)
class Said:
    """A piece of what the assistant says, in whole characters."""

    text: str
    tokens: tuple[Token, ...] = ()
    """Those that the text comes from; one whose text comes in two pieces is with the first."""


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


@dataclass(frozen=True)
class AnswerOptions:
    """What may be asked of one answer, beside how its tokens are chosen."""

    stop: tuple[str, ...] = ()
    """The answer ends before the first of these."""
    tools: tuple[ToolDescription, ...] = ()
    """The caller's: described in the prompt, and never run. A call of one ends the answer."""
    may_call: bool = True
    """Whether calls can be written at all, of whomever's tools."""
    sample: int = 0
    """Which of several answers of one seed."""
    top_logprobs: int | None = None
    """How many of the likeliest come with each token; None: no log-probabilities at all."""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    """As in `Request`."""
    constraint: Constraint | None = None
    """As in `Request`; one for each answer."""

    def request(
        self,
        prompt: Sequence[int],
        sampling: SamplingConfig,
        stop_ids: Collection[int],
        on_stop: OnStop | None = None,
    ) -> Request:
        """What to ask the engine for. It ends where the context is full: what slid out would be missed."""
        return Request(
            prompt,
            sampling,
            stop_ids,
            self.sample,
            on_stop,
            on_full="stop",
            logprobs=self.top_logprobs is not None,
            top_logprobs=self.top_logprobs or 0,
            logit_bias=self.logit_bias,
            constraint=self.constraint,
        )


def chat_engine(model: GPT, chat: ChatFormat, num_slots: int = 64) -> Engine:
    """An engine that writes no special tokens but those of an assistant's turn: its end, and calls."""
    special_ids = chat.tokenizer.special_ids
    written = {special_ids[mark] for mark in ("<|im_end|>", "<tool_call>", "</tool_call>")}
    return Engine(model, chat.tokenizer.vocab_size, set(special_ids.values()) - written, num_slots)


def num_weights(model: GPT) -> int:
    """Of the products."""
    return sum(parameter.numel() for _, parameter, _ in model.matrices())


def deal(answers: Sequence["Answer"], processes: int) -> list[list[int]]:
    """Numbers of answers for each process. Up to WORTH_FORKING neighbours with one prompt, which is read once for all
    of them, stay together."""
    shares: list[list[int]] = [[] for _ in range(processes)]
    turn = run = 0
    for i, answer in enumerate(answers):
        run += 1
        if i and (answer.prompt != answers[i - 1].prompt or run > WORTH_FORKING):
            turn, run = turn + 1, 1
        shares[turn % processes].append(i)
    return shares


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
        processes: int = 1,
    ) -> None:
        """At most `max_calls` tool calls are run in one answer. Without tools, a call ends the answer unrun.

        `describe_tools` puts them into the prompt, for models that learned to read about tools: the calculator alone
        costs 200 tokens of a small vocabulary. One that was trained with its tools knows them.

        Replies to many conversations are shared out to as many `processes`, each with one core and its part of the
        engine's slots, where the model is small: on a CPU half of what it takes is Python. The answers are the same.
        """
        self.engine, self.chat, self.tools, self.max_calls = engine, chat, tools, max_calls
        self.processes = processes if processes > 1 and CAN_FORK and num_weights(engine.model) < SMALL else 1
        self.has_forked = False
        self.described = tuple(tools) if describe_tools else ()
        self.threads = ThreadPoolExecutor(TOOL_THREADS, "tools")  # starts them when they are needed

    def prompt(self, messages: Sequence[Message], room: int = 1, tools: Sequence[ToolDescription] = ()) -> list[int]:
        """The ids that the answer goes on from, with more `tools` described there.

        Raises ConversationError for a conversation that `check_conversation` refuses, or one that leaves less than
        `room` ids of the context for the answer.
        """
        ids = self.chat.prompt(messages, (*self.described, *tools))
        if len(ids) + room > self.engine.context:
            raise ConversationError(
                f"the conversation has {len(ids):,} tokens, and with {room:,} for the answer it does not fit into the "
                f"model's {self.engine.context:,}. Shorten it: leave out its oldest turns, or what the system says."
            )
        return ids

    def open(
        self, messages: Sequence[Message], sampling: SamplingConfig, options: AnswerOptions | None = None
    ) -> "Answer":
        """An answer for the caller to drive: send its `request` to the engine, and push the tokens that come.

        Raises ConversationError like `prompt`.
        """
        return Answer(self, messages, sampling, options or AnswerOptions())

    def reply(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: SamplingConfig,
        tell: Tell | None = None,
    ) -> list[Reply]:
        """The answer to each conversation, side by side. For several samples give one several times. `tell` is told of
        each that is complete.

        Raises ConversationError like `prompt`, before anything is written.
        """
        answers = [
            self.open(messages, sampling, AnswerOptions(sample=sample)) for sample, messages in enumerate(conversations)
        ]
        processes = min(self.processes, self.engine.rows.num_slots, len(answers) // WORTH_FORKING)
        if processes < 2:
            return self._write(answers, tell)
        if not self.has_forked:  # compiled loops are loaded here, or each fork would load them
            self._write([self.open(conversations[0], sampling)], None)
            self.has_forked = True
        shares = deal(answers, processes)

        def write_share(share: int, tell: Tell) -> list[Reply]:
            torch.set_num_threads(1)
            self.threads = ThreadPoolExecutor(TOOL_THREADS, "tools")  # the parent's do not exist here
            self.engine.rows.num_slots //= processes
            return self._write([answers[i] for i in shares[share]], tell)

        with loops_in_common(self.engine.model):
            written = in_shares(write_share, processes, tell)
        found = dict(zip(chain(*shares), chain(*written), strict=True))
        return [found[i] for i in range(len(answers))]

    def _write(self, answers: Sequence["Answer"], tell: Tell | None) -> list[Reply]:
        """The answers, side by side."""
        for token in self.engine.run([answer.request for answer in answers]):
            answers[token.row].push(token)
            if tell and token.finished:
                tell(1)
        return [answer.reply() for answer in answers]

    def stream(
        self, messages: Sequence[Message], sampling: SamplingConfig, options: AnswerOptions | None = None
    ) -> Generator[Event, None, None]:
        """The answer as it comes; closing the iterator stops it. A call that cannot be understood is shown as text.

        Raises like `reply`.
        """
        answer = self.open(messages, sampling, options)
        with closing(self.engine.run([answer.request])) as tokens:
            for token in tokens:
                yield from answer.push(token)
                if answer.done:
                    break
        yield from answer.finish()

    def fit(
        self, messages: Sequence[Message], room: int = 64, tools: Sequence[ToolDescription] = ()
    ) -> tuple[list[Message], int]:
        """The conversation with `room` ids left for the answer, and how many messages had to be dropped for that.

        The oldest exchanges go first; what the system says stays.

        Raises ConversationError if even the last exchange is too long.
        """
        first = 1 if messages and messages[0].role == "system" else 0
        starts = [first, *(i for i, message in enumerate(messages) if message.role == "user" and i > first)]

        def fits(start: int) -> bool:
            prompt = self.chat.prompt([*messages[:first], *messages[start:]], (*self.described, *tools))
            return len(prompt) + room <= self.engine.context

        # By halves: one by one, a thousand short exchanges would be cut into tokens a thousand times.
        place = min(bisect_left(starts, True, key=fits), len(starts) - 1)
        kept = [*messages[:first], *messages[starts[place] :]]
        self.prompt(kept, room, tools)
        return kept, len(messages) - len(kept)


class Answer:
    """One answer while it is written: a turn of the assistant, results of its tools, another turn, and so on.

    It does nothing by itself but run tools: whoever opened it sends `request` to an engine, in this thread or another,
    and pushes the tokens that come. The engine may be far ahead of them, so that what it calls shares nothing with
    what is pushed but `rounds`.
    """

    def __init__(
        self, dialogue: Dialogue, conversation: Sequence[Message], sampling: SamplingConfig, options: AnswerOptions
    ) -> None:
        chat = dialogue.chat
        if not options.may_call:
            never = {chat.tokenizer.special_ids["<tool_call>"]: -math.inf}
            options = replace(options, logit_bias={**options.logit_bias, **never})
        self.dialogue, self.options = dialogue, options
        self.sampling, self.prompt = sampling, dialogue.prompt(conversation, tools=options.tools)
        # Of the engine and the threads of tools:
        self.num_read = 0  # ids of the turns whose calls have been run
        self.num_calls = 0
        self.rounds: deque[tuple[Message, list[str]]] = deque()  # turns and what their calls gave, not pushed yet
        # Of those who push:
        self.text = TurnText(chat, options.stop)
        self.shown: list[Said | Called] = []  # of the turn that is being written
        self.messages: list[Message] = []  # of the turns before it
        self.num_over = 0  # ids of these
        self.ids: list[int] = []
        self.generated: list[bool] = []
        self.finished: Literal["stop", "length"] = "length"

    @property
    def request(self) -> Request:
        """For the engine. It points back here, so it is not kept: two that hold each other hold all their tokens, until
        Python's collector halts everyone to find them."""
        return self.options.request(self.prompt, self.sampling, (self.dialogue.chat.end_id,), self._on_stop)

    @property
    def done(self) -> bool:
        """Whether a stop string was met: cancel the request."""
        return self.text.is_met

    def push(self, token: Token) -> list[Event]:
        """What this token completes; nothing after a stop string."""
        if self.done:
            return []
        events: list[Event] = []
        if not token.forced:
            shown = [show(found) for found in self.text.push(token)]
            self.shown += shown
            events += shown
        elif self.generated[-1]:  # the first id of results: a turn is over
            turn, results = self.rounds.popleft()
            self.messages += [turn, *map(tool, results)]
            self.shown = []
            events += map(Answered, results)
        self.ids.append(token.id)
        self.generated.append(not token.forced)
        self.num_over = len(self.ids) if token.forced else self.num_over
        self.finished = token.finished or self.finished
        return events

    def finish(self) -> list[Event]:
        """What is left when no more tokens come, and the end."""
        shown = [show(found) for found in self.text.finish()]
        self.shown += shown
        return [*shown, Finished(self.reply())]

    def reply(self) -> Reply:
        """What it has come to."""
        if self.done:
            said = "".join(event.text for event in self.shown if isinstance(event, Said))
            last = assistant(said.strip(), *(event.call for event in self.shown if isinstance(event, Called)))
            return Reply((*self.messages, last), self.ids, self.generated, "stop")
        if len(self.ids) == self.num_over:  # the context was full with the results
            return Reply(tuple(self.messages), self.ids, self.generated, self.finished)
        last = self.dialogue.chat.parse_reply(self.ids[self.num_over :])
        finished: End = self.finished
        if last.tool_calls and finished == "stop" and (self.dialogue.tools or self.options.tools):
            finished = "length" if self._are_run(last) else "calls"
        return Reply((*self.messages, last), self.ids, self.generated, finished)

    # --- tools ---

    def _on_stop(self, new_ids: Sequence[int]) -> "Future[Fed] | None":
        """At the end of a turn: what its calls give, as ids to go on from; None if none are to be run."""
        turn = self.dialogue.chat.parse_reply(new_ids[self.num_read :])
        if not turn.tool_calls or not self._are_run(turn):
            return None
        self.num_calls += len(turn.tool_calls)
        return self.dialogue.threads.submit(self._run, turn, len(new_ids))

    def _run(self, turn: Message, num_ids: int) -> list[int]:
        """Run the calls of a turn. The engine asks nothing meanwhile: the row waits for this."""
        results = [run_call(self.dialogue.tools, call) for call in turn.tool_calls]
        fed = self.dialogue.chat.tool_turn(results)
        self.num_read = num_ids + len(fed)
        self.rounds.append((turn, results))
        return fed

    def _are_run(self, turn: Message) -> bool:
        """Whether the calls of a turn are run, if there is a token left to go on with."""
        of_caller = {tool.name for tool in self.options.tools}
        return (
            bool(self.dialogue.tools)
            and not any(call.name in of_caller for call in turn.tool_calls)
            and self.num_calls + len(turn.tool_calls) <= self.dialogue.max_calls
        )


def show(found: Piece | ToolCall) -> Said | Called:
    """What was read, as an event."""
    return Called(found) if isinstance(found, ToolCall) else Said(*found)
