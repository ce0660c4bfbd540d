"""The gate in front of a small application: who comes in, and what the others are told."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from primer.core.errors import ConfigError
from primer.serve import gate as gate_module
from primer.serve.gate import Gate, GateMiddleware, Limits, is_loopback
from primer.serve.metrics import Metrics

KEYS = ["0123456789abcdef", "fedcba9876543210"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Application:
    """Answers with the size of the body; /v1/completions streams until it is let go."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.metrics, self.go_on = gate, Metrics(), asyncio.Event()
        app = Starlette(
            routes=[
                Route("/health", lambda _: Response("ok")),
                Route("/metrics", lambda _: Response("numbers")),
                Route("/v1/models", lambda _: Response("models")),
                Route("/v1/chat/completions", self.size, methods=["POST"]),
                Route("/v1/completions", self.stream, methods=["POST"]),
            ]
        )
        app.add_middleware(GateMiddleware, gate=gate, metrics=self.metrics)
        self.app = app

    async def size(self, request: Request) -> Response:
        request.state.model = "toy"
        return JSONResponse(len(await request.body()))

    async def stream(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"begun"
            await self.go_on.wait()
            yield b"ended"

        return StreamingResponse(pieces())

    def client(self, key: str = "", **headers: str) -> httpx.AsyncClient:
        if key:
            headers["Authorization"] = f"Bearer {key}"
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code; the shape is OpenAI's."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error["code"]


CHAT = "/v1/chat/completions"


# --- keys ---


async def ask(gate: Gate, method: str, path: str, key: str = "", **headers: str) -> httpx.Response:
    async with Application(gate).client(key, **headers) as client:
        return await client.request(method, path)


def test_a_key_is_needed_for_all_but_health() -> None:
    async def scenario() -> None:
        gate = Gate(KEYS)
        for method, path in (("GET", "/v1/models"), ("GET", "/metrics"), ("POST", CHAT), ("GET", "/nowhere")):
            for wrong in ("", "0123456789abcdeF", KEYS[0] + "0", KEYS[0][:-1]):
                answer = await ask(gate, method, path, wrong)
                assert refused(answer) == (401, "invalid_api_key")
                assert answer.headers["www-authenticate"] == "Bearer"
            for key in KEYS:
                assert (await ask(gate, method, path, key)).status_code == (404 if path == "/nowhere" else 200)
        assert (await ask(gate, "GET", "/health")).status_code == 200
        assert (await ask(gate, "GET", "/v1/models", Authorization=f"Basic {KEYS[0]}")).status_code == 401

    asyncio.run(scenario())


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return a == b

    monkeypatch.setattr(gate_module.hmac, "compare_digest", compare)
    asyncio.run(ask(Gate(KEYS), "GET", "/v1/models", KEYS[0]))
    assert compared == [(32, 32)] * 2


# --- pages of strangers ---


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, None),
        ({"Host": "localhost:8000"}, None),
        ({"Host": "[::1]:8000"}, None),
        ({"Origin": "http://127.0.0.1:3000"}, "origin_not_allowed"),
        ({"Origin": "https://mine.example"}, None),
        ({"Origin": "https://other.example"}, "origin_not_allowed"),
        ({"Origin": "null"}, "origin_not_allowed"),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, "host_not_allowed"),  # DNS rebinding
        ({"Host": "127.0.0.1.evil.example"}, "host_not_allowed"),
    ],
)
def test_without_keys_pages_of_strangers_may_not_ask(headers: dict[str, str], code: str | None) -> None:
    gate = Gate(local_only=True, origins=["https://mine.example"])
    for method, path in (("POST", CHAT), ("GET", "/v1/models")):
        answer = asyncio.run(ask(gate, method, path, **headers))
        if code is None:
            assert answer.status_code == 200
        else:
            assert refused(answer) == (403, code)
    assert asyncio.run(ask(Gate(KEYS), "POST", CHAT, KEYS[0], **headers)).status_code == 200


def test_loopback_addresses() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.8.0.1", "::1", "localhost", "api.localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.168.1.2", "example.org", ""]))


# --- rate ---


def test_each_key_has_a_rate_of_its_own() -> None:
    async def scenario() -> None:
        clock = Clock()
        gate = Gate(KEYS, Limits(requests_per_minute=3), clock=clock)
        for _ in range(3):
            assert (await ask(gate, "POST", CHAT, KEYS[0])).status_code == 200
        answer = await ask(gate, "POST", CHAT, KEYS[0])
        assert refused(answer) == (429, "rate_limit_exceeded")
        assert answer.headers["retry-after"] == "20"  # one every 20 s
        assert (await ask(gate, "POST", CHAT, KEYS[1])).status_code == 200
        assert (await ask(gate, "GET", "/v1/models", KEYS[0])).status_code == 200  # no work
        clock.now += 19.9
        assert (await ask(gate, "POST", CHAT, KEYS[0])).headers["retry-after"] == "1"
        clock.now += 0.2
        assert (await ask(gate, "POST", CHAT, KEYS[0])).status_code == 200
        assert (await ask(gate, "POST", CHAT, KEYS[0])).status_code == 429
        clock.now += 1e6  # a pause saves a minute's worth, not more
        answers = [(await ask(gate, "POST", CHAT, KEYS[0])).status_code for _ in range(4)]
        assert answers == [200, 200, 200, 429]

    asyncio.run(scenario())


def test_no_rate() -> None:
    gate = Gate(limits=Limits(requests_per_minute=0))
    assert {asyncio.run(ask(gate, "POST", CHAT)).status_code for _ in range(20)} == {200}


# --- queue, and the end ---


def test_a_place_is_held_until_the_stream_has_ended() -> None:
    async def scenario() -> None:
        application = Application(Gate(limits=Limits(max_waiting=1), num_slots=2))
        gate = application.gate
        async with application.client() as client:
            streams = [asyncio.create_task(client.post("/v1/completions")) for _ in range(3)]
            while gate.num_under_way < 3:
                await asyncio.sleep(0)
            answer = await client.post("/v1/completions")
            assert refused(answer) == (429, "queue_full")
            assert int(answer.headers["retry-after"]) >= 1
            assert (await client.get("/v1/models")).status_code == 200
            application.go_on.set()
            assert [answer.text for answer in await asyncio.gather(*streams)] == ["begunended"] * 3
            assert gate.num_under_way == 0
            assert (await client.post("/v1/completions")).status_code == 200

    asyncio.run(scenario())


def test_closing_lets_go_on_what_runs() -> None:
    async def scenario() -> None:
        application = Application(Gate())
        gate = application.gate
        async with application.client() as client:
            stream = asyncio.create_task(client.post("/v1/completions"))
            while not gate.num_under_way:
                await asyncio.sleep(0)
            gate.closing = True
            for method, path in (("POST", CHAT), ("GET", "/health")):
                answer = await client.request(method, path)
                assert refused(answer) == (503, "shutting_down")
                assert answer.headers["retry-after"]
            assert (await client.get("/metrics")).status_code == 200
            application.go_on.set()
            assert (await stream).text == "begunended"

    asyncio.run(scenario())


# --- bodies ---


async def give(pieces: list[bytes], taken: list[int]) -> AsyncIterator[bytes]:
    for piece in pieces:
        taken.append(len(piece))
        yield piece


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 50_000])
def test_the_size_of_a_body_is_counted_while_it_is_read(size: int) -> None:
    """In pieces, without a Content-Length."""

    async def scenario() -> None:
        taken: list[int] = []
        pieces = [b"x" * min(100, size - start) for start in range(0, size, 100)]
        async with Application(Gate(limits=Limits(max_body_mb=0.001))).client() as client:
            answer = await client.post(CHAT, content=give(pieces, taken))
        assert sum(taken) == size  # read to its end, so that the client gets to see the answer
        if size <= 1000:
            assert answer.json() == size
        else:
            assert refused(answer) == (413, "request_too_large")
            assert "0.001 MB" in answer.json()["error"]["message"]

    asyncio.run(scenario())


def test_a_body_without_end_is_cut_off() -> None:
    async def scenario() -> None:
        sent: list[Any] = []
        app = Application(Gate(limits=Limits(max_body_mb=0.001))).app
        num_read = 0

        async def receive() -> dict[str, Any]:
            nonlocal num_read
            num_read += 1
            return {"type": "http.request", "body": b"x" * 500, "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": CHAT, "headers": []}
        await app(scope, receive, send)
        assert sent[0]["status"] == 413
        assert (b"connection", b"close") in sent[0]["headers"]
        assert num_read == 129

    asyncio.run(scenario())


def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "BODY_SECONDS", 0.01)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async def scenario() -> None:
        application = Application(Gate())
        async with application.client() as client:
            answer = await client.post(CHAT, content=pieces())
        assert refused(answer) == (408, "body_timeout")
        assert application.gate.num_under_way == 0

    asyncio.run(scenario())


def test_a_client_that_hangs_up_in_its_body_leaves_its_place() -> None:
    async def scenario() -> None:
        application = Application(Gate())
        incoming = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
        sent: list[Any] = []

        async def receive() -> Any:
            return next(incoming)

        async def send(message: Any) -> None:
            sent.append(message)

        await application.app({"type": "http", "method": "POST", "path": CHAT, "headers": []}, receive, send)
        assert json.loads(sent[1]["body"])["error"]["code"] == "incomplete_body"
        assert application.gate.num_under_way == 0

    asyncio.run(scenario())


# --- what is counted ---


def test_requests_are_counted_with_model_and_status() -> None:
    async def scenario() -> None:
        application = Application(Gate(KEYS))
        async with application.client(KEYS[0]) as client:
            await client.post(CHAT)
            await client.get("/v1/models/x")
            await client.get("/no/such/path")
        async with application.client() as client:
            await client.post(CHAT)

        def count(path: str, model: str, status: int) -> float | None:
            labels = {"path": path, "model": model, "status": str(status)}
            return application.metrics.registry.get_sample_value("primer_requests_total", labels)

        assert count(CHAT, "toy", 200) == 1
        assert count(CHAT, "", 401) == 1
        assert count("/v1/models", "", 404) == 1
        assert count("other", "", 404) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "changes",
    [{"max_waiting": -1}, {"requests_per_minute": -1}, {"max_body_mb": 0}, {"max_tokens": 0}, {"timeout_seconds": 0}],
)
def test_limits_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes)).replace("_", "-")):
        Limits(**changes)
