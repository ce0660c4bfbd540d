"""`primer serve`: models over OpenAI's protocol."""

import asyncio
import gc
import logging
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from primer.core.config import check_options
from primer.core.errors import ConfigError, UserError
from primer.core.rundir import newest_folder
from primer.core.runtime import Runtime, RuntimeConfig, start_runtime
from primer.model.prepared import Weights
from primer.serve.gate import Gate, Limits, is_loopback
from primer.serve.keys import read_keys

if TYPE_CHECKING:
    from primer.serve.models import Models

# For which a busy event loop may keep the engine waiting: every operation of PyTorch gives Python's lock away and wants
# it back. 32 streams on two cores, runs of 12 s: 331 tokens/s with Python's 5 ms, 476 with this.
SWITCH_SECONDS = 0.0005

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServeConfig:
    """Serve models over OpenAI's protocol, on this machine alone unless told otherwise."""

    run: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Folder of a run, or of a speedrun, which has a model for each of its stages; give it again for more models.
    Without it the newest under runs/."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 is all of this machine's, and needs --keys."""
    port: int = 8000
    """Port to listen at; 0 takes one that is free."""
    keys: Path | None = None
    """File of API keys, one a line, # for comments. Others may stand in the variable PRIMER_API_KEYS, parted by
    commas. With any, every request needs one (but for /health)."""
    no_keys: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Serve whoever reaches an address other than this machine's own."""
    cors: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Origin of web pages that may ask from a browser, such as https://example.org; give it again for more."""
    tools: str = "calculator"
    """Tools that the server runs for its models, parted by commas: calculator, python; or none."""
    slots: int = 16
    """Answers that a model writes at a time."""
    weights: Weights = "auto"
    """What the weights are stored as: auto is the dtype of the computation; int8 is a quarter of float32's bytes to
    read, and on a CPU writes about twice as many tokens a second."""
    limits: Limits = field(default_factory=Limits)
    safety: bool = True
    """Check what goes in and what comes out against the safety policy."""
    policy: Path | None = None
    """File of the safety policy; without it the one that comes with Primer."""
    classifiers: str = ""
    """Learned classifiers beside the policy's patterns, parted by commas: `profanity`, or models of Hugging Face by
    name or folder."""
    log_text: bool = False
    """Write what is asked and answered into the log."""
    reload_seconds: float = 30.0
    """How often to look for better checkpoints; 0: never."""
    grace_seconds: float = 30.0
    """Answers under way may take so long to end when the server is told to stop."""
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def __post_init__(self) -> None:
        check_options(
            self,
            port=(0 <= self.port < 2**16, "between 0 and 65535"),
            slots=(self.slots >= 1, "1 or more"),
            reload_seconds=(self.reload_seconds >= 0, "0 (never) or more"),
            grace_seconds=(self.grace_seconds >= 0, "0 or more"),
        )


def main(config: ServeConfig) -> None:
    """Run the command until SIGTERM or Ctrl-C.

    Raises UserError for a run that cannot be served, keys that are none, an address that cannot be had or that would
    leave the server open to strangers, and if the extra `serve` is not installed.
    """
    missing = [name for name in ("fastapi", "uvicorn", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise UserError(f"the server needs {', '.join(missing)}: pip install 'primer-lm[serve]'.")
    from primer.serve.server import bind

    gate = open_gate(config, read_keys(config.keys, os.environ.get("PRIMER_API_KEYS", "")))
    runs = config.run or (newest_folder(),)
    logging.basicConfig(format="%(levelname)s:  %(message)s")
    logging.getLogger("primer").setLevel(logging.INFO)
    with bind(config.host, config.port) as listener, start_runtime(config.runtime) as runtime:
        asyncio.run(serve(config, runs, gate, runtime, listener))


def open_gate(config: ServeConfig, keys: list[str]) -> Gate:
    """The gate that the options describe. Raises ConfigError if it would be open to strangers and nobody said so."""
    local = is_loopback(config.host)
    if config.no_keys and keys:
        raise ConfigError("--no-keys, and yet there are API keys: leave out --keys and PRIMER_API_KEYS, or --no-keys.")
    if not (local or keys or config.no_keys):
        raise ConfigError(
            f"--host {config.host} can be reached from other machines, and there are no API keys. Make one with "
            "openssl rand -hex 24 > keys.txt and give --keys keys.txt; or say --no-keys."
        )
    return Gate(keys, config.limits, config.slots, config.cors, local_only=local and not keys)


async def serve(
    config: ServeConfig, runs: tuple[Path, ...], gate: Gate, runtime: Runtime, listener: socket.socket
) -> None:
    """Serve until told to stop. Raises UserError for runs that cannot be served."""
    import uvicorn

    from primer.serve.api import create_app
    from primer.serve.metrics import Metrics
    from primer.serve.models import DEFAULT, Models
    from primer.serve.safety import load_safety
    from primer.serve.server import GracefulServer

    sys.setswitchinterval(SWITCH_SECONDS)
    interrupt_nobody()
    models, metrics = Models(runs, config.tools, runtime, config.slots, config.weights), Metrics()
    safety = load_safety(config.policy, config.classifiers) if config.safety else None
    metrics.watch(lambda: models.loaded)
    app = create_app(models, gate, metrics, safety, config)
    options = uvicorn.Config(app, timeout_graceful_shutdown=1, server_header=False)
    server = GracefulServer(options, gate, config.grace_seconds)
    try:
        default = await models.open(DEFAULT)
        gc.freeze()  # what is here stays: looking all of it through for garbage would stop everyone for 0.2 s
        reloads = asyncio.create_task(keep_reloading(models, config.reload_seconds))
        log.info("%s · %s", default.weights, runtime.describe())
        log.info("models: %s", ", ".join(info.name for info in models.list()))
        log.info("serving at http://%s:%d/v1 (Ctrl-C stops)", *listener.getsockname()[:2])
        await server.serve([listener])
        reloads.cancel()
    finally:
        await models.close()


def interrupt_nobody() -> None:
    """Let the threads that this one starts, and itself, wait for a core until whoever has it pauses or its time is up:
    a few milliseconds. An event loop that wakes would otherwise interrupt a thread in the middle of a piece of the
    model, and the others would wait for that piece. (Linux; elsewhere they interrupt.)"""
    if sys.platform == "linux":
        with suppress(OSError):  # some containers forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


async def keep_reloading(models: "Models", seconds: float) -> None:
    """Look for better checkpoints, for ever."""
    while seconds:
        await asyncio.sleep(seconds)
        for name in await models.reload_newer():
            log.info("%s: a newer checkpoint is served", name)
