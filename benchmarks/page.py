"""The chat page: how long after the server has sent an answer's first token it is on the screen.

    python benchmarks/page.py                      # ten questions in one conversation, half a minute
    python benchmarks/page.py --first-seconds 3    # the first token comes later (or at once: 0)

Needs playwright and a Chromium: Debian's, or the one that PRIMER_CHROMIUM names. The page runs in its process as
`primer web` starts it, before a stand-in for the server that streams words at a steady pace and notes when it gives the
first one away. A headless Chromium asks, and notes when that word is in the document, and when it has been drawn: the
frame is painted, and at the word's place in the window is the answer and nothing above it. Each answer begins with a
word of its own. Both clocks are this machine's. Browser, page and stand-in share its cores, so that on a busy machine
the times are longer than a visitor's.
"""

import argparse
import asyncio
import json
import math
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, Self

import uvicorn
from common import finish, print_table
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from primer.serve.web import LOOPBACK, Child, free_port, page_command, wait_until_ready

AIM, AIM_SHARE = 300.0, 0.9  # milliseconds, for so many of the answers
SPREAD = 0.2  # seconds, of the first tokens: the page looks ten times a second, and is to be met at any moment
PATIENCE = 30.0  # seconds that anything may take to appear
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# Looks for a word in the last message, from now on. `window.shown` comes to two times: in the document, on the screen.
WATCH = """([word, patience]) => {
  const place = () => {
    const message = [...document.querySelectorAll('[data-testid="stChatMessage"]')].at(-1);
    if (!message?.textContent.includes(word)) return null;
    const texts = document.createTreeWalker(message, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = texts.currentNode, start = node.data.indexOf(word);
      if (start >= 0) return {message, node, start};
    }
    return null;
  };
  const isVisible = ({message, node, start}) => {
    if (!node.parentElement.checkVisibility({opacityProperty: true, visibilityProperty: true})) return false;
    const range = document.createRange();
    range.setStart(node, start);
    range.setEnd(node, start + word.length);
    const box = range.getBoundingClientRect();
    return message.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
  };
  window.shown = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${word} was not seen`)), patience);
    let found = 0;
    const frame = () => {  // called before its painting; the channel's message comes after it
      const at = place();
      if (!at || !isVisible(at)) { requestAnimationFrame(frame); return; }
      const painted = new MessageChannel();
      painted.port1.onmessage = () => resolve([found, Date.now()]);
      painted.port2.postMessage(0);
    };
    const changes = new MutationObserver(() => {
      if (!place()) return;
      changes.disconnect();
      found = Date.now();
      requestAnimationFrame(frame);
    });
    changes.observe(document.body, {subtree: true, childList: true, characterData: true});
  });
  window.shown.catch(() => {});  // said to who asks for it, and to nobody else
}"""


class Delay(NamedTuple):
    """Of a first token since it was sent, in milliseconds."""

    document: float
    screen: float


def question(number: int) -> str:
    """One of many."""
    return f"Question {number:03}"


def first_word(number: int) -> str:
    """What the answer to a question begins with, and nothing else says."""
    return f"begin{number:03}"


# --- the stand-in ---


@dataclass
class StandIn:
    """A server of OpenAI's protocol in a thread of this process, with one model that answers at a steady pace."""

    first_seconds: float = 0.3
    """From the request to the first token; up to SPREAD more."""
    rate: float = 20.0
    """Tokens/s."""
    num_tokens: int = 20

    def __enter__(self) -> Self:
        self.sent: dict[int, float] = {}
        """When each answer's first token went into the socket, by the question's number; seconds as of time.time()."""
        listener = socket.create_server((LOOPBACK, 0))  # who comes before the server is up waits
        self.url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/v1"
        self.server = uvicorn.Server(uvicorn.Config(self.app(), log_level="error"))
        self.thread = Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.should_exit = True
        self.thread.join()

    def app(self) -> FastAPI:
        """The two addresses that the page asks."""
        app = FastAPI()

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            model = {"id": "stand-in", "object": "model", "created": 1, "owned_by": "benchmark"}
            return {"object": "list", "data": [model]}

        @app.post("/v1/chat/completions")
        async def chat(request: Request) -> StreamingResponse:
            number = int((await request.json())["messages"][-1]["content"].split()[-1])
            return StreamingResponse(self.answer(number), media_type="text/event-stream")

        return app

    async def answer(self, number: int) -> AsyncIterator[str]:
        """The events of an answer."""
        yield event({"role": "assistant", "content": ""})
        await asyncio.sleep(self.first_seconds + random.Random(number).uniform(0, SPREAD))
        self.sent[number] = time.time()  # uvicorn writes to the socket what it is given, at once
        yield event({"content": first_word(number)})
        for place in range(1, self.num_tokens):
            await asyncio.sleep(1 / self.rate)
            yield event({"content": f" word{place}"})
        yield event({}, "stop")
        yield "data: [DONE]\n\n"


def event(delta: Mapping[str, str], finish_reason: str | None = None) -> str:
    """A chunk of an answer, as it is sent."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "stand-in", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"


# --- the browser ---


def find_chromium() -> str:
    """Where a Chromium is; without one, or without playwright, the script ends."""
    if find_spec("playwright") is None:
        sys.exit("this benchmark drives a browser with playwright: pip install playwright")
    found = [os.environ.get("PRIMER_CHROMIUM"), *map(shutil.which, CHROMIUMS)]
    path = next((path for path in found if path), None)
    if path is None or shutil.which(path) is None:
        what = "no Chromium was found" if path is None else f"PRIMER_CHROMIUM is {path}, which cannot be run"
        sys.exit(f"{what}: install one (apt install chromium), or name it in PRIMER_CHROMIUM")
    return path


@contextmanager
def open_browser(path: str) -> Iterator[Any]:
    """A window of a headless Chromium, as playwright's Page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        window = browser.new_page(viewport={"width": 1280, "height": 900})
        window.set_default_timeout(1000 * PATIENCE)
        yield window
        browser.close()


def watch(window: Any, word: str, patience: float = PATIENCE) -> None:
    """Look for a word from now on."""
    window.evaluate(WATCH, [word, 1000 * patience])


def shown(window: Any) -> tuple[float, float]:
    """When that word was in the document and when on the screen, in milliseconds as of Date.now(); waits for both.

    Raises playwright's Error if its patience ends before.
    """
    document, screen = window.evaluate("window.shown")
    return document, screen


def ask(window: Any, number: int) -> tuple[float, float]:
    """Put a question and wait until its answer is over. Returns what `shown` does."""
    watch(window, first_word(number))
    line = window.get_by_test_id("stChatInputTextArea")
    line.fill(question(number))
    line.press("Enter")
    times = shown(window)
    window.get_by_test_id("stChatMessage").last.get_by_role("button", name="Regenerate").wait_for()
    return times


# --- the measurement ---


class Page(Child):
    """The page's process; what it tells whoever started it is not printed, its errors are."""

    def __enter__(self) -> Self:
        env = os.environ | self.environment
        self.process = subprocess.Popen(self.command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self


def measure(server: StandIn, chromium: str, num_questions: int) -> list[Delay]:
    """Ask one question after another, as a visitor of `primer web --api` does."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PRIMER_API": server.url, "PRIMER_API_KEY": "", "PRIMER_RUNS": str(Path(folder) / "runs"),
            "PRIMER_DATABASE": f"sqlite:///{Path(folder) / 'primer.db'}",
        }  # fmt: skip
        with (
            Page("page", page_command(LOOPBACK, port), environment, f"{url}/_stcore/health") as page,
            open_browser(chromium) as window,
        ):
            wait_until_ready([page])
            window.goto(url)
            times = [ask(window, number) for number in range(num_questions)]
    return [Delay(*(time - 1000 * server.sent[number] for time in both)) for number, both in enumerate(times)]


def longest_of(share: float, values: Sequence[float]) -> float:
    """The longest of the shortest values that are this share of all.

    >>> longest_of(0.9, range(1, 11))
    9
    """
    return sorted(values)[math.ceil(share * len(values)) - 1]


def report(delays: Sequence[Delay], settings: Mapping[str, Any]) -> bool:
    """Print what came of it; whether the aim is met."""
    rows, facts = [], {}
    for name, where in {"document": "in the document", "screen": "on the screen"}.items():
        values = [getattr(delay, name) for delay in delays]
        found = [statistics.median(values), longest_of(AIM_SHARE, values), max(values)]
        rows.append([where, *(f"{ms:,.0f}" for ms in found)])
        facts[name] = dict(zip(("median", "p90", "longest"), (round(ms, 1) for ms in found), strict=True))
    print_table(["first token, ms", "median", f"{AIM_SHARE:.0%}", "longest"], rows)
    within = sum(delay.screen <= AIM for delay in delays)
    print(f"{within} of {len(delays)} on the screen within {AIM:g} ms of their sending (aim: {AIM_SHARE:.0%})")
    met = facts["screen"]["p90"] <= AIM
    finish(
        "page", None, first_token_ms=facts, aim_ms=AIM, aim_met=met, screen_ms=[round(d.screen) for d in delays],
        **settings,
    )  # fmt: skip
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--first-seconds", type=float, default=0.3, help="from the request to the first token")
    parser.add_argument("--rate", type=float, default=20.0, help="tokens/s after it")
    parser.add_argument("--tokens", type=int, default=20, help="of each answer")
    options = parser.parse_args()
    if options.questions < 1:
        parser.error(f"--questions is {options.questions}: ask at least one")
    chromium = find_chromium()
    with StandIn(options.first_seconds, options.rate, options.tokens) as server:
        delays = measure(server, chromium, options.questions)
    sys.exit(0 if report(delays, vars(options)) else 1)


if __name__ == "__main__":
    main()
