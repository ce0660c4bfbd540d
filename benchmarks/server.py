"""The server under load: 32 clients that stream for a minute, against the engine alone with as many requests.

    python benchmarks/server.py                 # a minute each: the engine, the server, and the engine once more
    python benchmarks/server.py --no-safety     # what this script does not know goes to `primer serve`

6 layers × 384 wide, vocabulary 4,096, context 512, llama family, random weights: speed does not depend on what was
learned. Both sides answer the same questions (of 8 to 64 words, with 64 to 256 tokens, temperature 0.8, the same seeds)
in as many slots as there are clients. Clients come ten a second, as in locust; each asks again when its answer is
complete, until the time is up, and the last answers are waited for. The engine runs before and after the server, and
the mean counts, so that a machine that warms up or is wanted elsewhere favours neither.

The clients live on the server's machine and take their time from its cores, so they are cheap: one thread, plain
sockets, no JSON until an answer has ended. What they take is part of the server's figure, and is printed.
"""

import argparse
import asyncio
import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from os import environ
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Self

import torch
from common import finish, print_table

from primer.core.rundir import RunDir
from primer.core.runtime import Runtime, RuntimeConfig, start_runtime
from primer.engine.dialogue import Answer, Dialogue
from primer.engine.sampling import SamplingConfig
from primer.model.dropout import without_dropout
from primer.model.families import ShapeOverrides, shape
from primer.model.gpt import GPT
from primer.model.optim import OptimConfig, build_optimizer
from primer.serve.models import DEFAULT, Models
from primer.serve.web import LOOPBACK, Child, free_port, server_command, wait_until_ready
from primer.text.chat import user
from primer.text.tokenizer import train_tokenizer
from primer.train.checkpoint import Progress, save_checkpoint

AIM, AIM_WAIT = 0.85, 3.0
ARRIVALS = 10  # clients a second
TEMPERATURE, TOOLS = 0.8, "calculator"
SYLLABLES = [
    "".join(pair) for pair in itertools.product("bdfghjlmnprstvwz", "aeiou")
]  # no k: chance spells a slur, and the filters refuse it
WORDS = ["".join(pair) for pair in itertools.product(SYLLABLES, SYLLABLES)]  # 6,400: more than the tokens to learn
NUM_TOKENS = re.compile(rb'"completion_tokens":(\d+)')


@dataclass(frozen=True)
class Shape:
    """Of the model, and of what it is asked."""

    num_layers: int = 6
    width: int = 384
    vocab_size: int = 4096
    context: int = 512

    def question(self, number: int) -> tuple[str, int]:
        """One of many: its words, and how many tokens its answer may have. With both, half the context is full."""
        rng, part = random.Random(number), self.context // 8
        return " ".join(rng.choices(WORDS, k=rng.randint(part // 8, part))), rng.randint(part, 4 * part)


@dataclass
class Load:
    """What the clients saw."""

    seconds: float = 0.0
    num_tokens: int = 0
    waits: list[float] = field(default_factory=list)
    """For the first token of each answer, in seconds."""
    num_errors: int = 0
    client_seconds: float = 0.0
    """Of computing."""

    @property
    def rate(self) -> float:
        """Tokens/s of all clients together."""
        return self.num_tokens / self.seconds

    @property
    def longest_wait(self) -> float:
        """In medians; without any answer, for ever."""
        return max(self.waits) / statistics.median(self.waits) if self.waits else float("inf")


def make_run(folder: Path, size: Shape) -> Path:
    """The folder of a chat model that has learned nothing."""
    texts = [" ".join(random.Random(seed).sample(WORDS, len(WORDS))) for seed in range(4)]
    tokenizer = train_tokenizer(texts, size.vocab_size)
    torch.manual_seed(0)
    overrides = ShapeOverrides(width=size.width)
    model, run = GPT(shape("llama", size.num_layers, size.vocab_size, size.context, overrides)), RunDir(folder)
    tokenizer.save(folder)
    run.write_config({"stage": "sft", "tokenizer_fingerprint": tokenizer.fingerprint})
    save_checkpoint(run, model, build_optimizer(model, OptimConfig()), Progress(), keep=1)
    return folder


def num_arrived(seconds: float, num_clients: int) -> int:
    """Clients that have come so far."""
    return min(num_clients, 1 + int(seconds * ARRIVALS))


# --- the engine ---


def open_dialogue(run: Path, runtime: Runtime, slots: int) -> Dialogue:
    """The engine and all as the server loads it; its thread is stopped, for here nobody else asks it."""
    served = asyncio.run(Models([run], "none", runtime, slots).open(DEFAULT))
    served.live.close()
    assert served.dialogue is not None
    return served.dialogue


def engine_alone(dialogue: Dialogue, size: Shape, num_clients: int, seconds: float) -> float:
    """Tokens/s with a request of each client's always under way."""
    engine, num_tokens, began = dialogue.engine, 0, perf_counter()
    answers = opened(dialogue, size)
    with without_dropout(engine.model):
        while (now := perf_counter() - began) < seconds or engine.busy:
            while now < seconds and engine.num_running + engine.num_waiting < num_arrived(now, num_clients):
                engine.add(next(answers).request)
            num_tokens += len(engine.step())
    return num_tokens / (perf_counter() - began)


def opened(dialogue: Dialogue, size: Shape) -> Iterator[Answer]:
    """Every question, as the server would put it to the engine."""
    for number in itertools.count():
        words, max_tokens = size.question(number)
        sampling = SamplingConfig(temperature=TEMPERATURE, seed=number, max_tokens=max_tokens)
        yield dialogue.open([user(words)], sampling)


# --- the server ---


class Server(Child):
    """`primer serve`; its list of requests is not printed, its errors are."""

    def __enter__(self) -> Self:
        env = environ | self.environment
        self.process = subprocess.Popen(self.command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self


def serve_command(run: Path, port: int, slots: int, more: list[str]) -> list[str]:
    """A server that refuses nobody for asking often."""
    return [*server_command(run, port, TOOLS), "--slots", str(slots), "--requests-per-minute", "0", *more]


class Stream(asyncio.Protocol):
    """One answer as it arrives."""

    def __init__(self, request: bytes) -> None:
        self.request, self.received = request, bytearray()
        self.asked, self.first = perf_counter(), 0.0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.first and self.received.count(b"\n\n") > 1:  # the first event has the role, and no token
            self.first = perf_counter()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set_result(None)

    @property
    def num_tokens(self) -> int:
        """Of a complete answer; 0 for another."""
        found = NUM_TOKENS.search(self.received)
        is_complete = self.received.startswith(b"HTTP/1.1 200 ") and b"data: [DONE]" in self.received
        return int(found[1]) if found and is_complete else 0


def http_request(size: Shape, number: int) -> bytes:
    """A question, as a client sends it."""
    words, max_tokens = size.question(number)
    asked = {
        "model": "primer", "messages": [{"role": "user", "content": words}], "max_tokens": max_tokens, "seed": number,
        "temperature": TEMPERATURE, "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    body = json.dumps(asked).encode()
    head = [
        "POST /v1/chat/completions HTTP/1.1", f"Host: {LOOPBACK}", "Connection: close",
        "Content-Type: application/json", f"Content-Length: {len(body)}", "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode() + body


async def stream_from(port: int, size: Shape, num_clients: int, seconds: float) -> Load:
    """Clients that ask a server of this machine, all at once."""
    load, numbers, loop = Load(), itertools.count(), asyncio.get_running_loop()
    began, computed = perf_counter(), process_time()

    async def client(place: int) -> None:
        await asyncio.sleep(place / ARRIVALS)
        while perf_counter() - began < seconds:
            create = partial(Stream, http_request(size, next(numbers)))
            try:
                _, stream = await loop.create_connection(create, LOOPBACK, port)
            except OSError:
                load.num_errors += 1
                return  # it would be refused ten thousand times a second
            await stream.ended
            load.num_tokens += stream.num_tokens
            if not stream.num_tokens:
                load.num_errors += 1
            elif b"<tool_call>" not in stream.received:  # by chance begun and never ended: it is shown only whole
                load.waits.append(stream.first - stream.asked)

    await asyncio.gather(*(client(place) for place in range(num_clients)))
    load.seconds, load.client_seconds = perf_counter() - began, process_time() - computed
    return load


# --- the race ---


def race(size: Shape, options: argparse.Namespace, more: list[str]) -> bool:
    """Measure both and print it; whether the aims are met."""
    with tempfile.TemporaryDirectory() as folder, start_runtime(RuntimeConfig(threads=options.threads)) as runtime:
        run = make_run(Path(folder) / "load", size)
        dialogue = open_dialogue(run, runtime, options.clients)
        engine_alone(dialogue, size, 1, 0.1)  # warms up
        before = engine_alone(dialogue, size, options.clients, options.seconds)
        port = free_port()
        more = ["--threads", str(options.threads), *more]
        command = serve_command(run, port, options.clients, more)
        with Server("server", command, {"PRIMER_API_KEYS": ""}, f"http://{LOOPBACK}:{port}/health") as server:
            wait_until_ready([server])
            asyncio.run(stream_from(port, size, 1, 0.1))
            load = asyncio.run(stream_from(port, size, options.clients, options.seconds))
        after = engine_alone(dialogue, size, options.clients, options.seconds)
        print(f"{runtime.describe()}; {options.clients} clients, {options.seconds:g} s each")
    return report(load, [before, after], vars(options) | {"serve": more})


def report(load: Load, engine_rates: list[float], settings: dict[str, Any]) -> bool:
    """Print what came of it; whether the aims are met."""
    engine = statistics.mean(engine_rates)
    ratio, core = load.rate / engine, load.client_seconds / load.seconds
    rates = {"engine, before": engine_rates[0], "server": load.rate, "engine, after": engine_rates[1]}
    print_table(["", "tokens/s"], [[name, f"{rate:,.0f}"] for name, rate in rates.items()])
    print(f"{ratio:.2f} of the engine's throughput (aim: {AIM}); the clients took {core:.0%} of one core")
    median = statistics.median(load.waits) if load.waits else float("nan")
    print(
        f"{len(load.waits)} answers, {load.num_errors} errors (aim: 0); first token after {median * 1e3:,.0f} ms "
        f"(median), at longest {load.longest_wait:.1f} × that (aim: below {AIM_WAIT:g})"
    )
    finish(
        "server", ratio, tokens_per_second={"engine": [round(rate, 1) for rate in engine_rates],
        "server": round(load.rate, 1)}, answers=len(load.waits), errors=load.num_errors,
        first_token_ms=round(median * 1e3, 1), longest_wait=round(load.longest_wait, 2),
        client_core=round(core, 3), **settings,
    )  # fmt: skip
    return ratio >= AIM and not load.num_errors and load.longest_wait < AIM_WAIT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=0, help="of the engine, here and there; 0: all cores")
    sys.exit(0 if race(Shape(), *parser.parse_known_args()) else 1)


if __name__ == "__main__":
    main()
