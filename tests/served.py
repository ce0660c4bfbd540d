"""Models served live: a real server on a free port, in a thread of this process."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from openai import OpenAI
from tiny import CPU

from primer.serve.api import create_app
from primer.serve.command import ServeConfig
from primer.serve.gate import Gate, Limits
from primer.serve.metrics import Metrics
from primer.serve.models import Models
from primer.serve.server import bind


def app(
    runs: Sequence[Path],
    keys: Sequence[str] = (),
    limits: Limits | None = None,
    safety: Any = None,
    tools: str = "calculator",
    num_slots: int = 4,
    **options: Any,
) -> tuple[FastAPI, Models]:
    """The application as `primer serve` makes it; `options` are those of ServeConfig."""
    models, metrics = Models(runs, tools, CPU, num_slots), Metrics()
    metrics.watch(lambda: models.loaded)
    limits = limits or Limits(requests_per_minute=0)
    return create_app(models, Gate(keys, limits, num_slots), metrics, safety, ServeConfig(**options)), models


class LiveServer:
    """A server that runs, and what a test asks about it."""

    def __init__(self, app: FastAPI, models: Models) -> None:
        self.models = models
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        self.listener = bind("127.0.0.1", 0)
        self.listener.listen()  # who comes before the server is up waits, and is not refused
        self.root = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = f"{self.root}/v1"
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.thread.start()

    async def _run(self) -> None:
        await self.server.serve([self.listener])
        await self.models.close()

    def client(self, key: str = "none", **options: Any) -> OpenAI:
        """The official client; it does not try again unless told to."""
        return OpenAI(base_url=self.url, api_key=key, **{"max_retries": 0, "timeout": 60} | options)

    @property
    def num_running(self) -> int:
        """Answers that are being written."""
        return sum(model.live.num_running + model.live.num_waiting for model in self.models.loaded)

    def until_idle(self, seconds: float = 5) -> bool:
        """Wait for that to be none."""
        end = time.monotonic() + seconds
        while self.num_running and time.monotonic() < end:
            time.sleep(0.01)
        return not self.num_running

    def stop(self) -> None:
        """End it."""
        self.server.should_exit = True
        self.thread.join(20)


@contextmanager
def serving(*runs: Path, **options: Any) -> Iterator[LiveServer]:
    """A server for a while; options as `app` has them."""
    server = LiveServer(*app(runs, **options))
    try:
        yield server
    finally:
        server.stop()
