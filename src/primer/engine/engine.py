"""Token ids in, token ids out: requests join and leave a running batch at any step.

The engine knows no text. Tokenizer, stop rules, tools and display belong to those who call it.

Legend of shapes: B rows that run, N ids read in a pass, T of one row, C width, V vocabulary.
"""

import concurrent.futures
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from primer.core.runtime import one_core
from primer.engine.request import Fed, Finished, Request, Row, Score, Token
from primer.engine.sampling import SamplingConfig, penalize, pick
from primer.engine.scheduler import Scheduler
from primer.model.dropout import without_dropout
from primer.model.gpt import GPT

PATIENCE = 0.05  # seconds for which a step waits for tools when there is nothing else to do


class Engine:
    """Continues any number of requests with one model, as many at a time as there are slots.

    A step reads a piece of the prompts that are waiting to be read, and writes one token for each row whose prompt
    has been. A prompt that begins like one already read takes over its keys and values: for several samples of one
    prompt add it several times. Rows leave when they finish, and those that wait take their slots.

    A row's tokens do not depend on the others, but for the rounding of sums in another order, which matters only where
    two tokens are that close: 1e-6 of a logit in float32, and on a CPU in every precision; on a GPU in bfloat16 1 %.

    Past the context: the model sees a window of at most `context` ids. A longer prompt keeps its end. When the
    window is full, it goes on from the last half of it, read anew. (nanoGPT drops one id a token instead, which moves
    every position and so makes a cache worthless.) That costs half a context of reading every half a context of
    tokens. A request can choose to end there instead.
    """

    def __init__(
        self, model: GPT, num_ids: int, banned: Iterable[int] = (), num_slots: int = 64, chunk_tokens: int = 1024
    ) -> None:
        """`num_ids`: the tokenizer's vocabulary. Rows of the embedding table beyond it are padding, and are never
        sampled; nor are the `banned` ids. At most `num_slots` rows run at a time, and a step reads at most
        `chunk_tokens` ids of prompts, so that a long one does not stall those who write.

        Raises ValueError if `num_ids` does not fit the model.
        """
        if not 0 < num_ids <= model.config.vocab_size:
            raise ValueError(f"{num_ids} ids do not fit a model with {model.config.vocab_size}")
        self.model, self.num_ids, self.context = model, num_ids, model.config.context
        self.rows = Scheduler(model, num_slots, chunk_tokens)
        self.allowed = torch.zeros(model.config.vocab_size)  # added to the logits
        self.allowed[num_ids:] = -torch.inf
        self.allowed[list(banned)] = -torch.inf

    # --- one request at a time ---

    @property
    def busy(self) -> bool:
        """Whether any request waits or runs."""
        return self.rows.busy

    @property
    def num_waiting(self) -> int:
        """Requests that have no slot yet."""
        return len(self.rows.waiting)

    @property
    def num_running(self) -> int:
        """Requests that have one."""
        return sum(row is not None for row in self.rows.slots)

    def add(self, request: Request) -> int:
        """Queue a request; returns the handle that its tokens will carry.

        Raises ValueError for an empty prompt, an id outside the vocabulary (in the prompt or `logit_bias`), or a prompt
        longer than the context if the request is to stop there.
        """
        self._check_ids(request.prompt)
        if request.logit_bias:
            self._check_ids([*request.logit_bias])
        if request.on_full == "stop" and len(request.prompt) > self.context:
            raise ValueError(f"a prompt of {len(request.prompt)} ids does not fit into a context of {self.context}")
        return self.rows.queue(request).handle

    def cancel(self, handle: int) -> bool:
        """Forget a request, at once; False if it is not there any more."""
        row = self.rows.find(handle)
        if row is None:
            return False
        self.rows.leave(row)
        return True

    @torch.inference_mode()
    def step(self) -> list[Token]:
        """One pass: at most one sampled token a row, and what was fed to it. The model must be in eval mode.

        Returns an empty list while prompts are only being read, and, after 50 ms, when all rows wait for their tools.
        """
        tokens = self._resume()
        self.rows.admit()
        ready: list[Row] = []
        logits: list[Tensor] = []
        windows = self.rows.windows
        for slots, counts in self.rows.passes():
            scored, wanted, end = list[tuple[Row, int, int]](), list[int](), 0
            for slot, count in zip(slots, counts.tolist(), strict=True):
                row, end = self.rows.slots[slot], end + count
                if row is None or not count:
                    continue
                if row.targets:
                    scored.append((row, end - count, end))
                elif windows.num_unread(slot) == count:
                    ready.append(row)
                    wanted.append(end - 1)
            hidden, found = windows.read(slots, counts, wanted)  # (N, C), (wanted, V)
            logits.append(found)
            for row, start, end in scored:
                self._score(row, hidden[start:end])
        if ready:
            with one_core() if windows.has_loops else nullcontext():
                sampled = self._sample(ready, logits[0] if len(logits) == 1 else torch.cat(logits))
            for row, token in zip(ready, sampled, strict=True):
                tokens += self._write(row, token)
        return tokens

    def clear(self) -> None:
        """Forget all requests, and all keys and values. Do it when weights change; `run` and `score` end with it."""
        self.rows.clear()

    # --- many requests at once ---

    def run(self, requests: Sequence[Request]) -> Generator[Token, None, None]:
        """The tokens of these requests as they come; a token's `row` is the place of its request.

        Raises ValueError like `add`, and RuntimeError if the engine is busy with others.
        """
        places: dict[int, int] = {}
        with self._alone():
            # The longest first: prompts of like length are read together, and the last batch is not one long straggler.
            for place in sorted(range(len(requests)), key=lambda place: -len(requests[place].prompt)):
                places[self.add(requests[place])] = place
            while self.busy:
                for token in self.step():
                    yield token._replace(row=places[token.row])

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: SamplingConfig, stop_ids: Collection[int] = ()
    ) -> Generator[Token, None, None]:
        """Continue every prompt until a stop id or `sampling.max_tokens`, yielding tokens as they come.

        Row i draws from the generator of (seed, i): for several samples give one prompt several times. Raises like
        `run`.
        """
        yield from self.run([Request(prompt, sampling, stop_ids, row) for row, prompt in enumerate(prompts)])

    def complete(
        self, prompts: Sequence[Sequence[int]], sampling: SamplingConfig, stop_ids: Collection[int] = ()
    ) -> list[list[int]]:
        """The new ids of each prompt, without the stop id. Raises like `run`."""
        completions: list[list[int]] = [[] for _ in prompts]
        for token in self.generate(prompts, sampling, stop_ids):
            if token.finished != "stop":
                completions[token.row].append(token.id)
        return completions

    def score(self, prompts: Sequence[Sequence[int]], continuations: Sequence[Sequence[int]]) -> list[Score]:
        """How likely each continuation is after its prompt; a prompt too long for the context loses its beginning.

        What neighbours share is read once, such as the question that several answers have in common.

        Raises ValueError for an empty prompt or continuation, an id that the model does not have, or a continuation
        longer than the context; RuntimeError if the engine is busy with others.
        """
        rows: list[Row] = []
        with self._alone():
            for prompt, targets in zip(prompts, continuations, strict=True):
                self._check_ids(prompt)
                self._check_ids(targets)
                if len(targets) > self.context:
                    raise ValueError(f"a continuation of {len(targets)} ids does not fit into {self.context}")
                rows.append(self.rows.queue(Request(prompt), targets))
            while self.busy:
                self.step()
        return [row.score for row in rows]

    # --- what a step is made of ---

    def _check_ids(self, ids: Sequence[int]) -> None:
        if not ids:
            raise ValueError("an empty prompt: start it with the document token")
        if min(ids) < 0 or max(ids) >= self.num_ids:
            wrong = next(id for id in ids if not 0 <= id < self.num_ids)
            raise ValueError(f"prompts hold ids from 0 to {self.num_ids - 1}, this one {wrong}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Run with nobody else's requests, with a model that does not drop out, and leave nothing behind."""
        if self.busy:
            raise RuntimeError("the engine is running other requests: let them finish, or clear() it")
        self.clear()
        with without_dropout(self.model):
            try:
                yield
            finally:
                self.clear()

    def _score(self, row: Row, hidden: Tensor) -> None:
        """Find the targets among what comes after the ids that a row has just read: hidden (T, C)."""
        end, length = int(self.rows.windows.num_read[row.slot]), int(self.rows.windows.length[row.slot])
        start = end - len(hidden)
        first = max(start, length - len(row.targets))  # the last id of the prompt foretells the first target
        if first < end:
            logits = self.model.logits(hidden[first - start :])
            targets = torch.tensor(row.targets[first - length : end - length or None], device=logits.device)
            logprobs = logits.gather(-1, targets[:, None]).squeeze(-1) - logits.logsumexp(dim=-1)
            likeliest = logits.argmax(dim=-1) == targets
            row.found += zip(logprobs.tolist(), likeliest.tolist(), strict=True)
        if end == length:
            self.rows.leave(row)

    def _sample(self, rows: list[Row], logits: Tensor) -> list[Token]:
        """The next token of each row, by its logits (B, V)."""
        self.allowed = self.allowed.to(logits.device)
        steered = logits + self.allowed
        for place, row in enumerate(rows):
            if row.is_steered:  # the others cost nothing here
                steer(steered[place], row)
        ids = pick(steered, [row.request.sampling for row in rows], [row.generator for row in rows])
        tokens = [Token(row.handle, id) for row, id in zip(rows, ids.tolist(), strict=True)]
        if any(row.request.logprobs or row.request.top_logprobs for row in rows):
            return self._with_logprobs(tokens, rows, logits, ids)
        return tokens

    def _with_logprobs(self, tokens: list[Token], rows: list[Row], logits: Tensor, ids: Tensor) -> list[Token]:
        """The tokens, with what the model thought of them: logits (B, V), ids (B,)."""
        requests = [row.request for row in rows]
        totals = logits.logsumexp(dim=-1, keepdim=True)
        logprobs = (logits.gather(-1, ids[:, None]) - totals).squeeze(-1).tolist()
        num_top = min(max(request.top_logprobs for request in requests), self.num_ids)
        found, likeliest = logits[:, : self.num_ids].topk(num_top)
        tops = zip(likeliest.tolist(), (found - totals).tolist(), strict=True)
        return [
            token._replace(
                logprob=logprob if request.logprobs else None,
                top=tuple(zip(top_ids, top_logprobs, strict=True))[: request.top_logprobs],
            )
            for token, request, logprob, (top_ids, top_logprobs) in zip(tokens, requests, logprobs, tops, strict=True)
        ]

    def _write(self, row: Row, token: Token) -> list[Token]:
        """A row's new token: add it to the window, or end the row, or ask how it goes on."""
        request, id = row.request, token.id
        row.new_ids.append(id)
        row.num_sampled += 1
        if request.constraint is not None:
            request.constraint.advance(id)
        full = row.num_sampled == request.sampling.max_tokens
        if id in request.stop_ids:
            row.stop = token
            with self._or_leave(row):
                fed = None if full or request.on_stop is None else request.on_stop(tuple(row.new_ids))
            if isinstance(fed, Future):
                row.waits_for = fed
                return []
            return self._go_on(row, fed)
        if full or (request.on_full == "stop" and not self.rows.windows.room(row.slot)):
            return self._end(row, [token], "length")
        self.rows.windows.append(row.slot, [id])
        return [token]

    def _go_on(self, row: Row, fed: Fed) -> list[Token]:
        """After a stop id: read what is fed to the row, or end it."""
        assert row.stop is not None
        if fed is None:
            return self._end(row, [row.stop], "stop")
        tokens = [row.stop, *(Token(row.handle, id, forced=True) for id in fed)]
        row.new_ids += fed
        row.stop, row.waits_for = None, None
        room = self.rows.windows.room(row.slot)
        if row.request.on_full == "stop" and len(tokens) > room:
            return self._end(row, tokens[: room + 1], "length")
        self.rows.windows.append(row.slot, [token.id for token in tokens])
        return tokens

    def _resume(self) -> list[Token]:
        """Let rows go on whose tools have answered."""
        paused = {row.waits_for: row for row in self.rows.slots if row and row.waits_for}
        if not paused:
            return []
        can_admit = bool(self.rows.waiting) and len(paused) < self.rows.num_slots
        idle = not can_admit and not self.rows.windows.unread(len(self.rows.slots)).any()
        done, _ = concurrent.futures.wait(paused, PATIENCE if idle else 0, concurrent.futures.FIRST_COMPLETED)
        tokens: list[Token] = []
        for future, row in paused.items():
            if future in done:
                with self._or_leave(row):
                    fed = future.result()
                tokens += self._go_on(row, fed)
        return tokens

    @contextmanager
    def _or_leave(self, row: Row) -> Iterator[None]:
        """While code of others runs: what it raises must not leave a row behind that waits for ever."""
        try:
            yield
        except BaseException:
            self.rows.leave(row)
            raise

    def _end(self, row: Row, tokens: list[Token], finished: Finished) -> list[Token]:
        self.rows.leave(row)
        return [*tokens[:-1], tokens[-1]._replace(finished=finished)]


def steer(logits: Tensor, row: Row) -> None:
    """Change one row's logits (V,), in place, as its request asks: penalties, bias, constraint."""
    request = row.request
    if request.sampling.penalizes:
        penalize(logits, request.sampling, row.ids, row.new_ids)
    if request.logit_bias:
        ids = torch.tensor(list(request.logit_bias), device=logits.device)
        logits[ids] += torch.tensor(list(request.logit_bias.values()), device=logits.device)
    if request.constraint is not None:
        allowed = torch.from_numpy(request.constraint.allowed()).to(logits.device)
        logits[: len(allowed)].masked_fill_(~allowed, -torch.inf)
