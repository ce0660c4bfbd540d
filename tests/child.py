"""The `primer` command in a process of its own.

Importing torch takes seconds, so the processes are forked from a server that has imported everything and done
nothing else. They are real processes all the same: they can be killed, limited and interrupted.
"""

import multiprocessing
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "primer.presets",
        "primer.engine.sample",
        "tyro",
        "torch._dynamo",
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
    ]
)  # torch._dynamo (2 s) is what torch.optim.Optimizer imports when the first one is made
PATIENCE = 120.0  # seconds, on a busy machine; nothing here takes more than a few


def run_command(
    args: list[str], output: Path, env: dict[str, str], die_after: int | None, file_limit: int | None
) -> None:
    """In the new process: redirect, limit, and call the command line's `main`."""
    from primer import cli
    from primer.core import files

    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = (open(fd, "w", buffering=1, encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
    os.environ.update({"COLUMNS": "400", "OMP_NUM_THREADS": "1"} | env)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    if die_after is not None:
        files.sync = dying(files.sync, die_after)
    sys.argv = ["primer", *args]
    cli.main()


def dying(sync: Callable[[Path], None], calls: int) -> Callable[[Path], None]:
    """A `sync` that kills its process, as a power cut would, when it is called for the `calls`-th time."""
    count = 0

    def counted(path: Path) -> None:
        nonlocal count
        count += 1
        if count >= calls:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(path)

    return counted


class Command:
    """A command that has been started."""

    def __init__(
        self, args: list[str], output: Path, env: dict[str, str] | None = None, die_after: int | None = None,
        file_limit: int | None = None,
    ) -> None:  # fmt: skip
        """`die_after`: SIGKILL at that many calls of `sync`; `file_limit`: bytes that a file may have."""
        self.output = output
        self.process = FORKS.Process(target=run_command, args=(args, output, env or {}, die_after, file_limit))
        self.process.start()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def wait(self) -> tuple[int, str]:
        """Its exit code (negative: the signal that killed it) and all that it printed."""
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            raise AssertionError(f"still running after {PATIENCE} s: {self.output.read_text(encoding='utf-8')}")
        assert self.process.exitcode is not None
        return self.process.exitcode, self.output.read_text(encoding="utf-8")

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that it does, while it runs."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.is_alive(), self.output.read_text(encoding="utf-8")
            assert time.monotonic() < until, "it did not happen"
            time.sleep(0.002)


def primer(args: list[str], output: Path, **how: dict[str, str] | int | None) -> tuple[int, str]:
    """Run a command to its end: exit code, and what it printed."""
    return Command(args, output, **how).wait()  # type: ignore[arg-type]


def torchrun(args: list[str], folder: Path, ranks: int = 2) -> list[Command]:
    """Start the ranks of a command as torchrun does, by the environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
    }
    return [
        Command(args, folder / f"said_{rank}", env | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(ranks)
    ]
