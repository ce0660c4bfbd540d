"""`primer web`: the server and the page, two processes that start and stop together.

The page speaks to the server over HTTP alone, so with `--api` it does without ours and talks to any server that speaks
OpenAI's protocol.
"""

import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from primer.core.errors import ConfigError, PrimerError, UserError
from primer.core.rundir import RUNS, newest_folder, run_at, runs_by_age

LOOPBACK = "127.0.0.1"
START_SECONDS = 120  # torch and Streamlit come up in five; a cold disk takes a minute
STOP_SECONDS = 40  # the server finishes the answers that are under way, and takes 30 at most (its --grace-seconds)


@dataclass(frozen=True)
class WebConfig:
    """Talk to models in the browser: starts the server and the page, Ctrl-C stops both."""

    run: Path | None = None
    """Folder of a run or a speedrun (each of its stages can then be chosen); None: the newest under runs/."""
    port: int = 8501
    """Of the page."""
    host: str = LOOPBACK
    """Address of the page. It asks for no password: whoever reaches another address than 127.0.0.1 can use it."""
    api: str | None = None
    """URL of a server that runs already, such as http://127.0.0.1:8000/v1 (its key in PRIMER_API_KEY); no other is
    started."""
    database: str = "sqlite:///runs/primer.db"
    """Where conversations and votes are kept."""
    tools: str = "calculator"
    """Tools that the server runs for the assistant, parted by commas: calculator, python; or none."""

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise ConfigError(f"--port is {self.port}: give a number from 1 to 65535.")
        if self.api is not None and not self.api.startswith(("http://", "https://")):
            raise ConfigError(f"--api is {self.api!r}: give a URL, such as http://127.0.0.1:8000/v1.")
        if self.api is not None and self.run is not None:
            raise ConfigError("--api names a server and --run a model for one of our own: give one of them.")


def main(config: WebConfig) -> None:
    """Run the command until Ctrl-C or SIGTERM.

    Raises UserError for a run that is not there, a port in use or the missing extra, PrimerError if the server or the
    page ends by itself.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise UserError("the page needs Streamlit: pip install 'primer-lm[serve]'.")
    check_port(config.host, config.port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as at Ctrl-C
    environment = {"PRIMER_DATABASE": config.database, "PRIMER_RUNS": str(RUNS)}
    try:
        with ExitStack() as started:
            children = []
            if config.api is None:
                run, port, key = run_to_serve(config.run), free_port(), secrets.token_urlsafe(32)
                server = f"http://{LOOPBACK}:{port}"
                environment |= {"PRIMER_API": f"{server}/v1", "PRIMER_API_KEY": key, "PRIMER_RUNS": str(run.parent)}
                command = server_command(run, port, config.tools)
                children.append(Child("server", command, {"PRIMER_API_KEYS": key}, f"{server}/health"))
            else:
                environment["PRIMER_API"] = config.api
            health = f"http://{browsable(config.host)}:{config.port}/_stcore/health"
            children.append(Child("page", page_command(config.host, config.port), environment, health))
            for child in children:
                started.enter_context(child)
            wait_until_ready(children)
            print(
                f"\n  Open http://{browsable(config.host)}:{config.port} in a browser. Ctrl-C stops it.\n", flush=True
            )
            watch(children)
    except KeyboardInterrupt:
        print("stopped.")


def run_to_serve(path: Path | None) -> Path:
    """The folder to serve: a speedrun's rather than its last stage's. Raises UserError if there is no run."""
    advice = "`primer speedrun` trains an assistant in minutes; or give a run's folder with --run."
    if path is None:
        if not runs_by_age():
            raise UserError(f"there is no run under {RUNS}/. {advice}")
        path = newest_folder()
    if not run_at(path).config_file.is_file():
        raise UserError(f"{path} holds no run. {advice}")
    return path.resolve()


def server_command(run: Path, port: int, tools: str) -> list[str]:
    """`primer serve` for this page alone."""
    options = ["--run", str(run), "--host", LOOPBACK, "--port", str(port), "--tools", tools]
    return [sys.executable, "-m", "primer.cli", "serve", *options]


def page_command(host: str, port: int) -> list[str]:
    """Streamlit, with neither a browser of its own choice, statistics for its makers, nor its developer's menu."""
    options = {
        "server.address": host, "server.port": port, "server.headless": "true", "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false", "client.toolbarMode": "viewer", "client.showErrorDetails": "none",
        "logger.hideWelcomeMessage": "true",
        "runner.postScriptGC": "false",  # a full collection at each look at a draft: all else stands still meanwhile
    }  # fmt: skip
    script = Path(__file__).with_name("ui.py")
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(script), *flags]


def browsable(host: str) -> str:
    """An address that a browser on this machine can open.

    >>> browsable("0.0.0.0"), browsable("192.168.0.7")
    ('127.0.0.1', '192.168.0.7')
    """
    return LOOPBACK if host == "0.0.0.0" else host


def check_port(host: str, port: int) -> None:
    """Raises UserError if nothing can listen there."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise UserError(
            f"the page cannot have port {port} of {host}: {error.strerror}. Stop what runs there, or choose another "
            "with --port."
        ) from error


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as found:
        return int(found.getsockname()[1])


class Child:
    """A process that answers at a URL once it is ready; leaving its `with` stops it."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str], health: str) -> None:
        self.name, self.command, self.environment, self.health = name, command, environment, health

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command, env=os.environ | self.environment, stdin=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # too long, or Ctrl-C once more
            self.process.kill()
            self.process.wait()

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            with urlopen(self.health, timeout=5):
                return True
        except (URLError, ConnectionError, TimeoutError):
            return False

    def check(self) -> None:
        """Raises PrimerError if it has ended."""
        code = self.process.poll()
        if code is not None:
            raise PrimerError(
                f"the {self.name} ended by itself (exit code {code}), so all of it was stopped. What it said last "
                "stands above."
            )


def wait_until_ready(children: Sequence[Child]) -> None:
    """Until all of them answer. Raises PrimerError if one ends or does not come up."""
    give_up = time.monotonic() + START_SECONDS
    for child in children:
        while not child.is_ready():
            watch(children, once=True)
            if time.monotonic() > give_up:
                raise PrimerError(f"the {child.name} did not answer within {START_SECONDS} s.")


def watch(children: Sequence[Child], once: bool = False) -> None:
    """Look after them, for ever or once. Raises PrimerError if one ends."""
    while True:
        for child in children:
            child.check()
        time.sleep(0.1)
        if once:
            return
