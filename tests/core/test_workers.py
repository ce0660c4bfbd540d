"""Values computed ahead in other processes: in order, lazily, and with the errors of the one that computed them."""

import itertools
import os
import signal
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from primer.core.errors import ConfigError, LostProcessError
from primer.core.workers import Tell, computed_ahead, in_shares

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
    with pytest.raises(LostProcessError):
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


def test_shares_have_a_process_each_and_tell_what_is_done() -> None:
    told: list[int] = []

    def work(share: int, tell: Tell) -> tuple[int, int]:
        for _ in range(100):
            tell(1)
        return share, os.getpid()

    found = in_shares(work, 3, told.append)
    assert [share for share, _ in found] == [0, 1, 2]
    assert len({os.getpid(), *(pid for _, pid in found)}) == 4
    assert sum(told) == 300
    assert in_shares(lambda share, tell: share, 2) == [0, 1]


def test_an_error_in_a_share_ends_the_others() -> None:
    def work(share: int, tell: Tell) -> None:
        if share == 0:
            raise ConfigError("the first share is none")
        time.sleep(600)

    begun = time.monotonic()
    with pytest.raises(ConfigError, match="the first share is none"):
        in_shares(work, 2)
    assert time.monotonic() - begun < 60


def test_a_share_that_is_killed_is_an_error_and_no_wait() -> None:
    with pytest.raises(LostProcessError):
        in_shares(lambda share, tell: os.kill(os.getpid(), signal.SIGKILL) if share else time.sleep(600), 2)


def test_what_is_raised_here_ends_all_shares(tmp_path: Path) -> None:
    """Ctrl-C, say, while it waits."""

    def work(share: int, tell: Tell) -> None:
        (tmp_path / str(share)).write_text(str(os.getpid()))
        while True:
            tell(1)
            time.sleep(0.01)

    def stop(number: int) -> None:
        if len(list(tmp_path.iterdir())) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_shares(work, 2, stop)
    assert not any(is_running(int(file.read_text() or 0)) for file in tmp_path.iterdir())


def test_where_a_share_failed_is_told() -> None:
    def work(share: int, tell: Tell) -> None:
        raise KeyError("deep inside")

    with pytest.raises(KeyError) as failed:
        in_shares(work, 2)
    assert "in work" in failed.value.__notes__[0]
