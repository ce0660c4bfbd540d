"""Values computed ahead in other processes: in order, lazily, and with the errors of the one that computed them."""

import itertools
import os
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest

from primer.core.errors import ConfigError
from primer.core.workers import computed_ahead

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere this process computes")


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_in_order(processes: int) -> None:
    def slow_at_first(n: int) -> int:
        time.sleep(0.02 if n == 0 else 0)
        return n * n

    assert list(computed_ahead(slow_at_first, range(20), processes)) == [n * n for n in range(20)]
    assert list(computed_ahead(slow_at_first, [], processes)) == []


def test_without_end() -> None:
    here = os.getpid()
    found = list(itertools.islice(computed_ahead(lambda n: (n, os.getpid()), itertools.count(), 2), 50))
    assert [n for n, _ in found] == list(range(50))
    assert here not in {pid for _, pid in found}


def test_an_error_comes_as_it_is_and_in_its_place() -> None:
    def function(n: int) -> int:
        if n == 3:
            raise ConfigError("the fourth is none")
        return n

    found = computed_ahead(function, itertools.count(), 2)
    assert list(itertools.islice(found, 3)) == [0, 1, 2]
    with pytest.raises(ConfigError, match="the fourth is none"):
        next(found)


def test_a_worker_that_is_killed_is_an_error_and_no_wait() -> None:
    with pytest.raises(BrokenProcessPool):
        list(computed_ahead(lambda n: os.kill(os.getpid(), signal.SIGKILL), range(4), 2))


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    """A run's lock is held by whoever was forked while it was held."""

    def parent() -> None:
        for pid in computed_ahead(lambda n: os.getpid(), itertools.count(), 2):
            (tmp_path / "pid").write_text(str(pid))
            os.kill(os.getpid(), signal.SIGKILL)

    process = get_context("fork").Process(target=parent)
    process.start()
    process.join(60)
    worker = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 60
    while is_running(worker):
        assert time.monotonic() < until
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether there is such a process, and no zombie that nobody has waited for."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
