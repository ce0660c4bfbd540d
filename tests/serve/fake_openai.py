"""A server of OpenAI's protocol with scripted answers, for the page's tests and for `python fake_openai.py`.

It can do what a real one does only by accident: be slow, be gone in the midst of an answer, come back.

    server = FakeOpenAI({"What is 3 + 4?": Script("3 + 4 is 7.", tools=[CALCULATED])})
    server.start(); server.url; server.requests; server.stop()
"""

import argparse
import json
import re
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

CALCULATED = {"name": "calculator", "arguments": {"expression": "3 + 4"}, "result": "7"}
FINDING = {
    "category": "private_data", "action": "redact", "message": "Private data was removed.", "layer": "patterns",
    "rule": "e-mail", "direction": "output",
}  # fmt: skip
BLOCKED = {**FINDING, "category": "weapons", "action": "block", "message": "This is not talked about here."}


@dataclass(frozen=True)
class Script:
    """An answer."""

    text: str
    tools: Sequence[Mapping[str, Any]] = ()
    """Activity of tools, before the words."""
    safety: Sequence[Mapping[str, Any]] = ()
    finish: str | None = "stop"
    """None: the connection ends without a word about it."""
    delay: float = 0.0
    """Seconds before each word."""
    dropped: int = 0
    status: int = 200
    """Another: an error with `text` as its message."""

    @property
    def pieces(self) -> list[str]:
        """Words with the space after them."""
        return re.findall(r"\S+\s*|\s+", self.text)


@dataclass
class FakeOpenAI:
    """The server. Questions without a script are answered with themselves."""

    scripts: Mapping[str, Script] = field(default_factory=dict)
    models: Sequence[str] = ("primer", "laptop-sft", "laptop-base")
    is_primer: bool = True
    port: int = 0
    """0: a free one; it stays the same when the server is started again."""
    delay: float = 0.0
    """Seconds before each word of answers without a script."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies that came."""
    hung_up: int = 0
    """Clients that left in the midst of an answer."""

    @property
    def url(self) -> str:
        """The base address, for the `openai` client."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> "FakeOpenAI":
        """Listen."""
        self.sockets: list[socket.socket] = []
        self.server = Listener(("127.0.0.1", self.port), Handler)
        self.server.fake = self
        self.port = self.server.server_address[1]
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def stop(self) -> None:
        """Be gone at once, as if killed: answers under way break off."""
        self.server.shutdown()
        self.server.server_close()
        for each in self.sockets:
            with suppress(OSError):  # that client has gone already
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "FakeOpenAI":
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def script_for(self, body: Mapping[str, Any]) -> Script:
        """What to answer to a request."""
        asked = str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])
        return self.scripts.get(asked, Script(f"You said: {asked}", delay=self.delay))


class Listener(ThreadingHTTPServer):
    """Threads that nobody waits for."""

    daemon_threads = True
    block_on_close = False
    fake: FakeOpenAI

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    @property
    def fake(self) -> FakeOpenAI:
        """Whose connection it is."""
        return cast(Listener, self.server).fake

    def setup(self) -> None:
        """Note the socket, for `stop`."""
        self.fake.sockets.append(self.request)
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """What there is."""
        if self.path == "/v1/models":
            stages = {name: "base" if name.endswith("base") else "rl" for name in self.fake.models}
            extra = (lambda name: {"stage": stages[name]}) if self.fake.is_primer else lambda name: {}
            rows = [
                {"id": name, "object": "model", "created": 1, "owned_by": "test", **extra(name)}
                for name in self.fake.models
            ]
            self.send_json(200, {"object": "list", "data": rows})
        elif self.path == "/primer/safety" and self.fake.is_primer:
            directions = ["input", "output"]
            policy = {"weapons": {"action": "block", "message": BLOCKED["message"], "directions": directions}}
            recent = [{"time": time.time(), "model": "primer", **BLOCKED}]
            del recent[0]["message"]
            totals = {"weapons": {"block": 1}}
            self.send_json(200, {"policy": policy, "threshold": 0.9, "totals": totals, "recent": recent})
        elif self.path == "/health":
            self.send_json(200, {"status": "ok"})
        else:
            self.send_error_json(404, f"there is no {self.path}")

    def do_POST(self) -> None:
        """An answer, in a stream."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.fake.requests.append(body)
        script = self.fake.script_for(body)
        if script.status != 200:
            self.send_error_json(script.status, script.text)
            return
        try:
            self.send_stream(body, script)
        except OSError:
            self.fake.hung_up += 1

    def send_stream(self, body: Mapping[str, Any], script: Script) -> None:
        """Chunks as the server of Primer sends them."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        is_chat = "messages" in body
        if is_chat:
            more = {"dropped_messages": script.dropped} if script.dropped else {}
            self.send_chunk(body, {"delta": {"role": "assistant", "content": ""}}, **more)
        for tool in script.tools:
            self.send_chunk(body, {"delta": {"tool_activity": [tool]}})
        for piece in script.pieces:
            time.sleep(script.delay)
            self.send_chunk(body, {"delta": {"content": piece}} if is_chat else {"text": piece})
        if script.finish is None:
            return
        last: dict[str, Any] = {"delta": {}} if is_chat else {"text": ""}
        safety = {"safety": list(script.safety)} if script.safety else {}
        self.send_chunk(body, last | safety | {"finish_reason": script.finish})
        count = len(script.pieces)
        usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count}
        self.send_chunk(body, None, usage=usage)
        self.wfile.write(b"data: [DONE]\n\n")

    def send_chunk(self, body: Mapping[str, Any], choice: Mapping[str, Any] | None, **more: Any) -> None:
        """One of them; without a choice that of the usage."""
        choices = [] if choice is None else [{"index": 0, "finish_reason": None, **choice}]
        kind = "chat.completion.chunk" if "messages" in body else "text_completion"
        head = {"id": "1", "object": kind, "created": 1, "model": body["model"]}
        self.wfile.write(f"data: {json.dumps(head | {'choices': choices} | more)}\n\n".encode())
        self.wfile.flush()

    def send_json(self, status: int, value: Any) -> None:
        """A whole body."""
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def send_error_json(self, status: int, message: str) -> None:
        """An error in OpenAI's shape."""
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        self.send_json(status, {"error": error})


def main() -> None:
    """Run it until Ctrl-C."""
    parser = argparse.ArgumentParser(description="a server with scripted answers")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--delay", type=float, default=0.1)
    given = parser.parse_args()
    scripts = {
        "What is 127 + 358?": Script(
            "127 + 358 = 485.",
            tools=[{"name": "calculator", "arguments": {"expression": "127 + 358"}, "result": "485"}],
            delay=given.delay,
        ),
        "What is her e-mail?": Script("It is [e-mail].", safety=[FINDING]),
        "weapons": Script(BLOCKED["message"], safety=[BLOCKED], finish="content_filter"),
        "long": Script(" ".join(f"word{i}" for i in range(2000)), delay=given.delay),
        "break": Script("Half an answer", finish=None),
        "error": Script("the model has a headache", status=500),
    }
    with FakeOpenAI(scripts, port=given.port, delay=given.delay) as server:
        print(server.url, flush=True)
        server.thread.join()


if __name__ == "__main__":
    main()
