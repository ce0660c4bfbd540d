"""`primer serve` as a process: it starts, answers over HTTP, and ends as it should."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import child
import httpx
import pytest
import tiny

from primer.core.errors import ConfigError, UserError
from primer.core.files import write_json
from primer.core.rundir import RunDir, newest_folder
from primer.model.families import ShapeOverrides, shape
from primer.serve import command
from primer.serve.command import ServeConfig, open_gate
from primer.text.tokenizer import Tokenizer

KEY = "a-key-for-the-tests"


CONTEXT = 8192  # tokens: an answer may go on for many seconds


@pytest.fixture(scope="module")
def speedrun(chat_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stages, neither of which has learned anything."""
    folder, tokenizer = tmp_path_factory.mktemp("runs") / "toy", Tokenizer.load(chat_base)
    size = ShapeOverrides(width=32, num_heads=2)
    for stage, name in (("base", "pretrain"), ("sft", "sft")):
        model = shape("primer", 1, tokenizer.vocab_size, CONTEXT, size, ngram_buckets=64)
        run = RunDir(tiny.save_run(folder / stage, tokenizer, model))
        run.write_config(run.read_config() | {"stage": name})
    write_json(folder / "speedrun.json", {})
    return folder


class Server:
    """`primer serve` on a port of its own, with a key."""

    def __init__(self, run: Path, output: Path, **options: Any) -> None:
        self.end_id = Tokenizer.load(run / "sft").special_ids["<|im_end|>"]
        values = {"run": run, "port": 0, "device": "cpu", "dtype": "float32", "threads": 1}
        args = [word for name, value in (values | options).items() for word in (f"--{name}", str(value))]
        self.command = child.Command(["serve", *args], output, {"PRIMER_API_KEYS": KEY})
        self.command.wait_until(lambda: "serving at" in output.read_text() if output.exists() else False)
        found = re.search(r"http://127\.0\.0\.1:\d+", output.read_text())
        assert found is not None
        self.url = found[0]
        headers = {"Authorization": f"Bearer {KEY}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)
        self.command.wait_until(self.answers)  # the log says so a moment before

    def answers(self) -> bool:
        try:
            return self.http.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def long_answer(self, num_tokens: int, **more: Any) -> dict[str, Any]:
        """A request for just so many tokens: the one that could end the answer is ruled out."""
        asked = {"model": "toy-sft", "prompt": "The king", "max_tokens": num_tokens, "temperature": 0}
        return asked | {"logit_bias": {str(self.end_id): -100}} | more

    def stop(self) -> None:
        """Whatever it does."""
        self.http.close()
        self.command.process.kill()
        self.command.process.join()

    def metric(self, line: str) -> float:
        """The value of a line of /metrics; 0 if it is not there."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.http.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture(scope="module")
def server(speedrun: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that goes on from test to test."""
    options = {"requests-per-minute": 0, "max-waiting": 64, "slots": 16}
    server = Server(speedrun, tmp_path_factory.mktemp("log") / "log", **options)
    yield server
    server.stop()


@pytest.fixture
def start(speedrun: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """One that the test may end."""
    servers: list[Server] = []

    def start_one(**options: Any) -> Server:
        servers.append(Server(speedrun, tmp_path / "log", **options))
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()


# --- while it runs ---


def test_it_answers_for_each_of_its_models(server: Server) -> None:
    names = [model["id"] for model in server.http.get("/v1/models").json()["data"]]
    assert {"toy-sft", "toy-base"} <= set(names)
    for model in ("primer", "toy-base"):
        asked = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
        answer = server.http.post("/v1/chat/completions", json=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["role"] == "assistant"
    for model in ("toy-sft", "toy-base"):
        labels = f'model="{model}",path="/v1/chat/completions",status="200"'
        assert server.metric(f"primer_requests_total{{{labels}}}") == 1
        assert server.metric(f'primer_rows_running{{model="{model}"}}') == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads cannot be told so")
def test_its_threads_interrupt_nobody(server: Server) -> None:
    threads = Path(f"/proc/{server.command.process.pid}/task").iterdir()
    assert {os.sched_getscheduler(int(thread.name)) for thread in threads} == {os.SCHED_BATCH}


def test_a_key_is_needed(server: Server) -> None:
    for path in ("/v1/models", "/metrics", "/primer/safety", "/openapi.json"):
        assert httpx.get(server.url + path, trust_env=False).status_code == 401
        assert server.http.get(path).status_code in (200, 404)  # 404: without filters there is nothing to tell
    assert httpx.get(f"{server.url}/health", trust_env=False).status_code == 200


def test_a_prompt_of_ten_megabytes(server: Server) -> None:
    for size, status, code in ((40_000, 400, "context_length_exceeded"), (10_000_000, 413, "request_too_large")):
        asked = {"model": "primer", "messages": [{"role": "user", "content": "x " * (size // 2)}]}
        answer = server.http.post("/v1/chat/completions", json=asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert server.answers()


def test_a_thousand_requests_at_once(server: Server) -> None:
    async def ask_all() -> list[str]:
        return await asyncio.gather(*(ask_once(server, json.dumps(asked)) for _ in range(1000)))

    asked = {"model": "primer", "prompt": "The king", "max_tokens": 4}
    answers = asyncio.run(ask_all())
    statuses = Counter(answer.split(" ")[1] for answer in answers)
    assert set(statuses) <= {"200", "429"}, statuses
    assert statuses["200"] >= 80  # 16 that run and 64 that wait
    assert all("\r\nretry-after: " in answer.lower() for answer in answers if answer.split(" ")[1] == "429")
    assert server.answers()
    assert server.metric('primer_rows_running{model="toy-sft"}') == 0
    assert server.http.post("/v1/completions", json=server.long_answer(3)).status_code == 200


async def ask_once(server: Server, body: str) -> str:
    """What comes back for a request, on a connection of its own; httpx takes minutes for a thousand of them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(server.url).port)
    head = [
        "POST /v1/completions HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}", "Connection: close",
        "Content-Type: application/json", f"Content-Length: {len(body)}",
    ]  # fmt: skip
    writer.write("\r\n".join([*head, "", body]).encode())
    answer = await reader.read(-1)
    writer.close()
    return answer.decode()


# --- how it ends ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_answer_under_way_is_finished(start: Callable[..., Server], number: signal.Signals) -> None:
    server = start()
    server.http.post("/v1/completions", json=server.long_answer(2, prompt="the moon is a cheese"))
    with server.http.stream("POST", "/v1/completions", json=server.long_answer(1000, stream=True)) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        server.command.send(number)
        refused = wait_for_refusal(server)
        received = [line for line in lines if line]
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
    assert refused.headers["retry-after"]
    assert received[-1] == "data: [DONE]"
    assert json.loads(received[-2].removeprefix("data: "))["choices"][0]["finish_reason"] == "length"
    code, log = server.command.wait()
    assert code == 0
    assert "toy-sft" in log
    assert "POST /v1/completions" in log
    assert "cheese" not in log  # nor anything else that was said


def wait_for_refusal(server: Server) -> httpx.Response:
    """What a new request is told once the signal has arrived."""
    until = time.monotonic() + 10
    while server.answers():
        assert time.monotonic() < until
    return server.http.post("/v1/completions", json=server.long_answer(1))


def test_an_answer_that_takes_too_long_is_cut_off(start: Callable[..., Server]) -> None:
    server = start(**{"grace-seconds": 0.1, "max-tokens": CONTEXT})
    received: list[str] = []
    with server.http.stream("POST", "/v1/completions", json=server.long_answer(CONTEXT, stream=True)) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.command.send(signal.SIGTERM)
        with suppress(httpx.TransportError):
            received.extend(lines)
    assert "data: [DONE]" not in received
    assert server.command.wait()[0] == 0


# --- mistakes ---


def test_a_port_in_use(speedrun: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = child.primer(["serve", "--run", str(speedrun), "--port", str(port)], tmp_path / "said")
    assert code == 2
    assert f"cannot listen at 127.0.0.1, port {port}: Address already in use" in said
    assert "--port" in said
    assert "Traceback" not in said


def test_runs_that_cannot_be_served(speedrun: Path, tmp_path: Path) -> None:
    code, said = child.primer(["serve", "--run", str(tmp_path / "nowhere"), "--port", "0"], tmp_path / "said")
    assert (code, "nowhere does not exist" in said, "Traceback" in said) == (2, True, False)
    broken = shutil.copytree(speedrun / "sft", tmp_path / "broken")
    weights = next(broken.glob("checkpoints/*/model.safetensors"))
    weights.write_bytes(b"x")
    code, said = child.primer(["serve", "--run", str(broken), "--port", "0"], tmp_path / "said")
    assert (code, "is damaged" in said, "Traceback" in said) == (2, True, False)


def test_the_newest_run_and_its_speedrun(speedrun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(speedrun.parent)
    with pytest.raises(UserError, match="no run under runs"):
        newest_folder()
    Path("runs").symlink_to(speedrun.parent)
    assert newest_folder() == Path("runs/toy")


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "prometheus_client"])
def test_without_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=rf"needs {missing}: pip install 'primer-lm\[serve\]'"):
        command.main(ServeConfig())


def test_strangers_need_a_key(tmp_path: Path) -> None:
    everywhere = ServeConfig(host="0.0.0.0")
    with pytest.raises(ConfigError, match=r"--host 0.0.0.0 can be reached from other machines.*--keys.*--no-keys"):
        open_gate(everywhere, [])
    assert open_gate(everywhere, [KEY]).digests
    assert not open_gate(ServeConfig(host="0.0.0.0", no_keys=True), []).local_only
    assert open_gate(ServeConfig(), []).local_only
    assert not open_gate(ServeConfig(), [KEY]).local_only
    with pytest.raises(ConfigError, match="--no-keys, and yet"):
        open_gate(ServeConfig(no_keys=True), [KEY])
    keys = tmp_path / "keys.txt"
    keys.write_text("short\n")
    with pytest.raises(ConfigError, match=r"line 1 of .*keys.txt"):
        command.main(ServeConfig(keys=keys))


@pytest.mark.parametrize("changes", [{"port": -1}, {"port": 70_000}, {"slots": 0}, {"reload_seconds": -1.0}])
def test_options_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"--{next(iter(changes)).replace('_', '-')} is"):
        ServeConfig(**changes)
