"""Python programs that a model wrote, run where they can do little harm. What is held and what not: docs/sandbox.md.

>>> result = run_python("print(2 ** 10)")
>>> result.output, result.ok
('1024\\n', True)

A program runs in a process of its own, bounded in time, memory, processes and files, with nothing of our environment
and an empty folder. How far it is kept from the rest of the machine depends on the system; the best of these is used:

    namespaces  the program sees no network, no other process, and no file but the system's programs and libraries
    landlock    it sees all processes, but opens no other file and no TCP connection
    limits      it can read and do what the user can who runs it, within its bounds
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from primer.core.errors import ConfigError

Mechanism = Literal["namespaces", "landlock", "limits"]
MECHANISMS: tuple[Mechanism, ...] = ("namespaces", "landlock", "limits")
GRACE_SECONDS = 1.0  # for the keeper to end a program whose time is over, and for the output of one that has ended


@dataclass(frozen=True)
class SandboxLimits:
    """What a program may use."""

    seconds: float = 5.0
    """From beginning to end."""
    cpu_seconds: int = 5
    """Of computing, for each process."""
    memory_mb: int = 512
    """For each process as address space, and for all of them together as memory."""
    file_mb: int = 16
    """For each file; with namespaces, for all of them."""
    processes: int = 16
    """Processes and threads at once."""
    open_files: int = 64
    """Files, pipes and sockets at once, for each process."""
    output_characters: int = 2000
    """Shown of what it prints, and of its errors; the rest is read and thrown away."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ConfigError(f"the sandbox's {name} is {value}, and must be above 0.")


@dataclass(frozen=True)
class SandboxResult:
    """What became of a program."""

    output: str
    error: str
    """What it wrote to standard error."""
    exit_code: int | None
    """0 if it ended well, minus the signal that ended it, None if it was stopped.

    A program decides itself how it ends: to know that it came through a test, have it print a secret word there."""
    stopped: Literal["", "time", "memory", "killed"]
    """Why it was stopped; killed: by the system, or by itself with all that watched over it."""
    mechanism: Mechanism
    seconds: float

    @property
    def ok(self) -> bool:
        """It ran to its end without an error."""
        return self.exit_code == 0

    def text(self) -> str:
        """Output and error in one, for a model."""
        reasons = {"time": "took too long", "memory": "used too much memory", "killed": "was killed"}
        parts = [self.output.rstrip()]
        if self.stopped:
            parts.append(f"error: the program {reasons[self.stopped]}")
        elif not self.ok:
            last_words = self.error.strip().splitlines()
            parts.append(f"error: {last_words[-1] if last_words else f'the program ended with code {self.exit_code}'}")
        return "\n".join(part for part in parts if part) or "(no output)"


class SandboxError(RuntimeError):
    """The sandbox itself does not work here; the message says why."""


def run_python(code: str, limits: SandboxLimits | None = None, mechanism: Mechanism | None = None) -> SandboxResult:
    """Run a program. Takes as long as the program and one more start of Python.

    `mechanism`: None for the best that works here. Raises SandboxError if it does not work here.
    """
    limits = limits or SandboxLimits()
    mechanism = mechanism or best_mechanism()
    with tempfile.TemporaryDirectory(prefix="primer-sandbox-", ignore_cleanup_errors=True) as folder:
        work = Path(folder, "work")
        work.mkdir()
        Path(folder, "program.py").write_bytes(code.encode(errors="replace"))
        if os.geteuid() == 0:  # the program then runs as nobody
            Path(folder).chmod(0o755)
            work.chmod(0o777)
        python = Path(sys.executable).resolve()
        options = asdict(limits) | {
            "mechanism": mechanism, "folder": folder, "work": str(work), "python": str(python),
            "prefix": str(Path(sys.base_prefix).resolve()),
        }  # fmt: skip
        return Watch(options, limits, mechanism).result()


def output_of(code: str) -> str:
    """What a program prints, for tasks that run what a model writes. Raises SandboxError as `run_python`."""
    return run_python(code).output


@cache
def best_mechanism() -> Mechanism:
    """The strictest mechanism that works on this machine; found out once, by trying."""
    problems = []
    for mechanism in MECHANISMS:
        try:
            run_python("", SandboxLimits(), mechanism)
        except SandboxError as error:
            problems.append(str(error))
        else:
            return mechanism
    raise SandboxError(" ".join(problems))


def describe_mechanism() -> str:
    """What keeps programs from the machine here, in a sentence for the person."""
    return {
        "namespaces": "Python programs run isolated: no network, no files of yours, no other processes.",
        "landlock": "Python programs can read no files of yours and open no TCP connection, but they are not hidden "
        "from other processes (user namespaces are not to be had here).",
        "limits": "Python programs are limited in time and memory, but NOT isolated: they can read your files and use "
        "the network (neither user namespaces nor Landlock are to be had here).",
    }[best_mechanism()]


class Watch:
    """One program from its start to its end."""

    def __init__(self, options: dict[str, Any], limits: SandboxLimits, mechanism: Mechanism) -> None:
        self.limits, self.mechanism = limits, mechanism
        self.began = time.monotonic()
        report, write_report = os.pipe()
        self.report = report
        try:
            self.process = self._start(options | {"report": write_report})
        except OSError as error:
            os.close(report)
            raise SandboxError(f"the sandbox cannot start Python: {error}.") from error
        finally:
            os.close(write_report)

    @staticmethod
    def _start(options: dict[str, Any]) -> subprocess.Popen[bytes]:
        """The process that becomes the sandbox."""
        return subprocess.Popen(
            [options["python"], "-I", "-S", "-B", str(Path(__file__).with_name("sandbox_child.py")),
             json.dumps(options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[options["report"]],
            env={}, cwd="/", start_new_session=True,
        )  # fmt: skip

    def result(self) -> SandboxResult:
        """Wait for the program, no longer than it may take. Raises SandboxError if it could not be started."""
        try:
            output, error = self._read(self.began + self.limits.seconds + GRACE_SECONDS)
        finally:
            self._end()
        with os.fdopen(self.report, "rb") as pipe:
            written = pipe.read()
        report: dict[str, Any] = json.loads(written) if written else {"stopped": "killed"}
        if not written and self.process.returncode > 0:
            report = {"failed": error.strip()[-500:] or f"it ended with code {self.process.returncode}"}
        if "failed" in report:
            raise SandboxError(f"the sandbox ({self.mechanism}) cannot be set up here: {report['failed']}.")
        return SandboxResult(
            output=output, error=error, exit_code=report.get("exit_code"), stopped=report.get("stopped", ""),
            mechanism=self.mechanism, seconds=time.monotonic() - self.began,
        )  # fmt: skip

    def _read(self, deadline: float) -> tuple[str, str]:
        """Output and error until both are closed, or the time is over, or the program has ended a while ago."""
        kept = {self.process.stdout: bytearray(), self.process.stderr: bytearray()}
        room = 4 * self.limits.output_characters + 4  # bytes
        with selectors.DefaultSelector() as selector:
            for pipe in kept:
                assert pipe is not None
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() and (left := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(min(left, 0.1)):
                    data = os.read(key.fd, 65536)
                    if not data:
                        selector.unregister(key.fileobj)
                    buffer = kept[key.fileobj]  # type: ignore[index]
                    buffer += data[: room - len(buffer)]
                if self.process.poll() is not None:  # a child that got away may hold the pipes open for ever
                    deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
        output, error = (cut(bytes(buffer), self.limits.output_characters) for buffer in kept.values())
        return output, error

    def _end(self) -> None:
        """End what still runs of it: asked to, the keeper ends everything that it watches over."""
        self.process.terminate()
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def cut(data: bytes, max_characters: int) -> str:
    """The beginning of a text, with a note if it is longer."""
    text = data.decode(errors="replace")
    return text if len(text) <= max_characters else text[:max_characters] + "\n… (more was printed)"
