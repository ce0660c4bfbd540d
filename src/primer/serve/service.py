"""From a request that is in order to the answers that are written to it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from primer.core.errors import UserError
from primer.engine.continuation import Continuation
from primer.engine.dialogue import Answer, AnswerOptions, Dialogue
from primer.engine.schema import call_constraint, json_constraint
from primer.serve.errors import bad_request
from primer.serve.gate import Limits
from primer.serve.metrics import Metrics
from primer.serve.models import Models, ServedModel
from primer.serve.protocol import ChatRequest, CompletionRequest, NamedTool
from primer.serve.replies import ChatReply, Envelope, Json, Reply, TextReply, joined, usage
from primer.serve.screening import Record, Screen, Screened
from primer.serve.translate import biases, conversation, offered, sampling
from primer.serve.writing import Piece, Writing
from primer.text.chat import ConversationError, Message, check_conversation

log = logging.getLogger(__name__)

CHAT_TEMPERATURE = 0.3  # as in `primer chat`: small models ramble at OpenAI's 1
TEXT_TEMPERATURE = 0.8  # as in `primer sample`


class Refusal:
    """Answers that no model is asked for."""

    num_prompt = num_tokens = 0

    def __init__(self, message: str, num_answers: int) -> None:
        self.message, self.num_answers = message, num_answers

    async def pieces(self) -> AsyncGenerator[Piece]:
        """What the policy says instead."""
        for index in range(self.num_answers):
            yield Piece(index, self.message, finish_reason="content_filter")


@dataclass(frozen=True)
class Job:
    """Answers that are about to be written, and the form that the client wants them in."""

    reply: Reply
    writing: Writing | Refusal
    num_answers: int
    logs_text: bool = False

    async def body(self) -> Json:
        """All of them, when they are complete."""
        async with aclosing(self.writing.pieces()) as stream:
            answers = self._whole([piece async for piece in stream])
        self._log(answers)
        choices = [self.reply.choice(answer) for answer in answers]
        return self.reply.envelope.around(choices, usage=self._usage()) | self.reply.envelope.notes

    async def chunks(self, with_usage: bool) -> AsyncGenerator[Json]:
        """All of them as they come."""
        no_usage = {"usage": None} if with_usage else {}
        for chunk in self.reply.opening(self.num_answers):
            yield chunk | no_usage
        pieces: list[Piece] = []
        async with aclosing(self.writing.pieces()) as stream:
            async for piece in stream:
                if self.logs_text:
                    pieces.append(piece)
                yield self.reply.chunk(piece) | no_usage
        self._log(self._whole(pieces))
        if with_usage:
            yield self.reply.closing(self._usage())

    def _whole(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Each answer in one piece."""
        return [joined(index, pieces) for index in range(self.num_answers)]

    def _log(self, answers: Sequence[Piece]) -> None:
        for answer in answers if self.logs_text else ():
            log.info("%s answers: %r", self.reply.envelope.model, answer.text)

    def _usage(self) -> Json:
        return usage(self.writing.num_prompt, self.writing.num_tokens)


class Service:
    """What the routes need."""

    def __init__(
        self, models: Models, limits: Limits, metrics: Metrics, record: Record | None, logs_text: bool = False
    ) -> None:
        self.models, self.limits, self.metrics, self.record = models, limits, metrics, record
        self.logs_text = logs_text

    async def chat(self, asked: ChatRequest) -> Job:
        """Answers to a conversation. Raises ApiError for one that cannot be answered, and for an unknown model."""
        model = await self.models.get(asked.model)
        if model.dialogue is None:
            message = f"{model.name} was not trained to chat: POST /v1/completions, or choose another model"
            raise bad_request(message, "model", "unsupported_model")
        messages = conversation(asked.messages)
        try:
            check_conversation(messages)
        except ConversationError as error:
            raise bad_request(str(error), "messages") from error
        # In threads: a megabyte of text takes a while to cut into tokens, and a schema to work out. What is too long is
        # dropped or refused first, so that the filters read no more than the model.
        messages, dropped = await asyncio.to_thread(self._fit, asked, model, model.dialogue, messages)
        last_answer = max((i for i, each in enumerate(messages) if each.role == "assistant"), default=-1)
        checked = [i for i, each in enumerate(messages) if each.role != "assistant"]
        is_new = [i > last_answer or messages[i].role == "system" for i in checked]
        screened = await self._screen(model, [messages[i].content for i in checked], is_new)
        for i, text in zip(checked, screened.texts, strict=True):
            messages[i] = replace(messages[i], content=text)
        wants_logprobs, found = bool(asked.logprobs), screened.findings
        envelope = Envelope(model.name, model.tokenizer, "chat.completion", wants_logprobs, found, dropped)
        if screened.refusal is not None:
            return refused(ChatReply(envelope), screened.refusal, asked.n or 1)
        answers = await asyncio.to_thread(self._open, asked, model, model.dialogue, messages)
        return self._job(model, ChatReply(envelope), answers, asked.n or 1)

    async def complete(self, asked: CompletionRequest) -> Job:
        """Continuations of texts. Raises like `chat`."""
        model = await self.models.get(asked.model)
        tokenizer = model.tokenizer
        prompts = await asyncio.to_thread(lambda: [read_prompt(model, prompt) for prompt in asked.prompts])
        texts = [tokenizer.decode(ids) for ids in prompts]
        screened = await self._screen(model, texts, [True] * len(texts))
        envelope = Envelope(model.name, tokenizer, "text_completion", asked.logprobs is not None, screened.findings)
        if screened.refusal is not None:
            return refused(TextReply(envelope), screened.refusal, len(texts) * (asked.n or 1))
        prompts = [
            ids if checked == text else read_prompt(model, checked)
            for ids, text, checked in zip(prompts, texts, screened.texts, strict=True)
        ]
        answers = self._continue(asked, model, prompts)
        return self._job(model, TextReply(envelope), answers, asked.n or 1)

    # --- what both are made of ---

    async def _screen(self, model: ServedModel, texts: Sequence[str], is_new: Sequence[bool]) -> Screened:
        if self.logs_text:
            log.info("%s is asked: %r", model.name, texts)
        if self.record is None:
            return Screened(list(texts), (), None)
        return await Screen(self.record, model.name).screen(texts, is_new)

    def _job(self, model: ServedModel, reply: Reply, answers: Sequence[Answer | Continuation], num_samples: int) -> Job:
        num_prompt = sum(len(answer.request.prompt) for answer in answers) // num_samples
        seconds = self.limits.timeout_seconds
        writing = Writing(model.live, answers, self.record, self.metrics, model.name, num_prompt, seconds)
        return Job(reply, writing, len(answers), self.logs_text)

    def _max_tokens(self, given: int | None) -> int:
        return min(given or self.limits.max_tokens, self.limits.max_tokens)

    def _max_chat_tokens(self, asked: ChatRequest) -> int:
        return self._max_tokens(asked.max_completion_tokens or asked.max_tokens)

    def _fit(
        self, asked: ChatRequest, model: ServedModel, dialogue: Dialogue, messages: list[Message]
    ) -> tuple[list[Message], int]:
        """What of a conversation the model can see, and how many messages were dropped for that."""
        tools = chat_options(asked, model).tools
        with too_long():
            if asked.fit == "refuse":
                dialogue.prompt(messages, tools=tools)
                return messages, 0
            room = min(self._max_chat_tokens(asked), model.context // 4)
            return dialogue.fit(messages, room, tools)

    def _open(
        self, asked: ChatRequest, model: ServedModel, dialogue: Dialogue, messages: list[Message]
    ) -> list[Answer]:
        """The answers, n of them."""
        how = sampling(asked, CHAT_TEMPERATURE, self._max_chat_tokens(asked))
        options = chat_options(asked, model)
        samples = [replace(options, sample=i) for i in range(asked.n or 1)]
        with too_long():
            return [dialogue.open(messages, how, with_format(each, asked, model)) for each in samples]

    def _continue(
        self, asked: CompletionRequest, model: ServedModel, prompts: Sequence[Sequence[int]]
    ) -> list[Continuation]:
        """The continuations, n of each prompt."""
        how = sampling(asked, TEXT_TEMPERATURE, self._max_tokens(asked.max_tokens))
        options = AnswerOptions(
            stop=tuple(asked.stop or ()),
            top_logprobs=asked.logprobs,
            logit_bias=biases(asked, model.tokenizer.vocab_size),
        )
        tokenizer = model.tokenizer
        answers: list[Continuation] = []
        stop_ids = {tokenizer.document_id, tokenizer.special_ids.get("<|im_end|>", tokenizer.document_id)}
        for ids in prompts:
            for _ in range(asked.n or 1):
                each = replace(options, sample=len(answers))
                answers.append(Continuation(tokenizer, ids, how, each, stop_ids))
        return answers


def read_prompt(model: ServedModel, prompt: str | Sequence[int]) -> Sequence[int]:
    """The ids to go on from; for an empty text those of a new document. Raises ApiError for what cannot be read."""
    ids = model.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    size = model.tokenizer.vocab_size
    if any(not 0 <= id < size for id in ids):
        wrong = next(id for id in ids if not 0 <= id < size)
        raise bad_request(f"{wrong} is no token of this model, which has 0 to {size - 1}", "prompt")
    if len(ids) >= model.context:
        message = f"the prompt has {len(ids):,} tokens, and the model sees {model.context:,} with the answer"
        raise bad_request(message, "prompt", "context_length_exceeded")
    return ids or [model.tokenizer.document_id]


@contextmanager
def too_long() -> Iterator[None]:
    """What a conversation that does not fit into the context is told."""
    try:
        yield
    except ConversationError as error:
        raise bad_request(str(error), "messages", "context_length_exceeded") from error


def refused(reply: Reply, message: str, num_answers: int) -> Job:
    """The filters let nothing through."""
    return Job(reply, Refusal(message, num_answers), num_answers)


def chat_options(asked: ChatRequest, model: ServedModel) -> AnswerOptions:
    """What is asked of an answer beside its sampling."""
    return AnswerOptions(
        stop=tuple(asked.stop or ()),
        tools=offered(asked.tools or ()) if asked.tool_choice != "none" else (),
        may_call=asked.tool_choice != "none",
        top_logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        logit_bias=biases(asked, model.tokenizer.vocab_size),
    )


def with_format(options: AnswerOptions, asked: ChatRequest, model: ServedModel) -> AnswerOptions:
    """The options with a constraint of their own, if the answer must be a call, or JSON. Raises ApiError for a tool
    that was not offered, and for an unfit schema."""
    wanted, choice = asked.response_format, asked.tool_choice
    must_call = choice == "required" or isinstance(choice, NamedTool)
    try:
        if must_call:
            named = [
                each for each in options.tools if not isinstance(choice, NamedTool) or each.name == choice.function.name
            ]
            if not named:
                raise bad_request("tool_choice asks for a tool that is not among tools", "tool_choice")
            return replace(options, constraint=call_constraint(model.tokenizer, named))
        if wanted is None or wanted.type == "text":
            return options
        schema: dict[str, Any] | None = wanted.json_schema.schema_ if wanted.json_schema else None
        return replace(options, constraint=json_constraint(model.tokenizer, schema))
    except UserError as error:
        raise bad_request(str(error), "tools" if must_call else "response_format") from error
