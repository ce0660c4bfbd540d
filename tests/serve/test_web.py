"""`primer web`: what it refuses, and that server and page live and die together."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from primer.core.errors import ConfigError, PrimerError, UserError
from primer.serve import web
from primer.serve.web import Child, WebConfig, check_port, free_port, run_to_serve, wait_until_ready

# A process that answers at a port, as server and page do; with a third word it ends after so many seconds.
ANSWERS = """
import http.server, sys, threading, os
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
if len(sys.argv) > 2:
    threading.Timer(float(sys.argv[2]), os._exit, [3]).start()
server.serve_forever()
"""
# `primer web` with stand-ins for server and page, which start in a tenth of the time.
STAND_IN = f"""
import sys
from primer.serve import web
answers = {ANSWERS!r}
lives = sys.argv[2:]
web.server_command = lambda run, port, tools: [sys.executable, "-c", answers, str(port), *lives]
web.page_command = lambda host, port: [sys.executable, "-c", answers, str(port)]
real = web.Child
web.Child = lambda name, command, environment, health: real(
    name, command, environment, health.rsplit("/health")[0].rsplit("/_stcore")[0] + "/"
)
web.main(web.WebConfig(port=int(sys.argv[1])))
"""


def make_run(folder: Path) -> Path:
    """A folder that looks like a run's."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    return folder


def is_up(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 0}, "from 1 to 65535"),
        ({"api": "localhost:8000"}, "give a URL"),
        ({"api": "http://localhost:8000/v1", "run": Path("runs/x")}, "one of them"),
    ],
)
def test_options_that_cannot_work(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WebConfig(**options)  # type: ignore[arg-type]


def test_without_a_run_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="primer speedrun"):
        run_to_serve(None)
    with pytest.raises(UserError, match="holds no run"):
        run_to_serve(tmp_path / "none")


def test_the_newest_run_is_served_and_of_a_speedrun_all_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    alone = make_run(tmp_path / "runs" / "alone")
    assert run_to_serve(None) == alone
    stage = make_run(tmp_path / "runs" / "laptop" / "rl")
    (stage.parent / "speedrun.json").write_text("{}", encoding="utf-8")
    os.utime(stage / "config.json", (time.time() + 10, time.time() + 10))
    assert run_to_serve(None) == stage.parent
    assert run_to_serve(stage) == stage  # one who names a stage gets that stage


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}.*--port"):
            check_port("127.0.0.1", port)


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"primer-lm\[serve\]"):
        web.main(WebConfig())


def test_a_child_is_stopped_when_it_is_left() -> None:
    port = free_port()
    child = Child("server", [sys.executable, "-c", ANSWERS, str(port)], {}, f"http://127.0.0.1:{port}/")
    with child:
        wait_until_ready([child])
        assert is_up(port)
    assert child.process.poll() is not None
    assert not is_up(port)


def test_a_child_that_ends_at_its_start_is_said() -> None:
    child = Child("server", [sys.executable, "-c", "raise SystemExit(3)"], {}, "http://127.0.0.1:9/")
    with child, pytest.raises(PrimerError, match=r"server ended by itself \(exit code 3\)"):
        wait_until_ready([child])


def started(folder: Path, port: int, *lives: str) -> subprocess.Popen[str]:
    """The command with its stand-ins, once the page answers."""
    make_run(folder / "runs" / "demo")
    output = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", STAND_IN, str(port), *lives], cwd=folder, stdout=output, stderr=output, text=True
    )
    give_up = time.monotonic() + 60
    while not is_up(port):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_to_look_and_stops_both(number: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    process = started(tmp_path, port)
    assert process.stdout is not None
    while f"http://127.0.0.1:{port}" not in process.stdout.readline():
        assert process.poll() is None
    with urlopen(f"http://127.0.0.1:{port}/") as answer:
        assert answer.status == 200
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped." in output
    assert not is_up(port)


def test_if_the_server_dies_the_page_is_stopped_too(tmp_path: Path) -> None:
    port = free_port()
    process = started(tmp_path, port, "1.5")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the server ended by itself (exit code 3)" in errors
    assert not is_up(port)
