"""The folder of a run: one live process at a time, and lines that survive a crash."""

import json
import os
import threading
import time
from pathlib import Path

import child
import pytest

from primer.core.errors import RunInUseError, UserError
from primer.core.rundir import RunDir, find_run, newest_run


def hold(run: str, ready: str) -> None:
    """Hold a run's folder until killed."""
    with RunDir(Path(run)).locked():
        Path(ready).touch()
        time.sleep(child.PATIENCE)


def test_a_live_process_keeps_others_out_and_a_dead_one_does_not(tmp_path: Path) -> None:
    run, ready = tmp_path / "run", tmp_path / "ready"
    process = child.FORKS.Process(target=hold, args=(str(run), str(ready)))
    process.start()
    while not ready.exists():
        assert process.is_alive()
        time.sleep(0.005)
    with pytest.raises(RunInUseError, match=f"in use by process {process.pid}.*another --run"), RunDir(run).locked():
        pass
    process.kill()  # SIGKILL: it cannot let go by itself
    process.join()
    with RunDir(run).locked():
        assert (run / ".lock").read_text() == str(os.getpid())


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"), RunDir(tmp_path / "file").locked():
        pass


def test_metrics_leave_out_a_line_cut_short(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    for step in (1, 2, 3):
        run.log({"step": step, "loss": 1 / step})
    with run.metrics_file.open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in run.metrics()] == [1, 2, 3]


def test_metrics_may_be_removed_while_they_are_read(tmp_path: Path) -> None:
    """A run that begins again removes them; who looks at it meanwhile sees some or none."""
    run = RunDir(tmp_path)

    def begin_again() -> None:
        for _ in range(2000):
            run.log({"step": 1})
            run.metrics_file.unlink()

    other = threading.Thread(target=begin_again)
    other.start()
    while other.is_alive():
        assert run.metrics() in ([], [{"step": 1}])
    other.join()


def test_rewinding_keeps_the_lines_up_to_a_step(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    for step in (1, 2, 2, 3, 4):
        run.log({"step": step})
    run.rewind_metrics(2)
    run.log({"step": 3})
    lines = run.metrics_file.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 2, 3]


def test_finding_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run under"):
        newest_run(tmp_path)
    for age, name in enumerate(("new", "old")):
        (tmp_path / name).mkdir()
        RunDir(tmp_path / name).write_config({"name": name})
        os.utime(tmp_path / name / "config.json", (1000 - age, 1000 - age))
    assert newest_run(tmp_path).read_config() == {"name": "new"}
    assert find_run(tmp_path / "old").path == tmp_path / "old"
    with pytest.raises(UserError, match="does not exist"):
        find_run(tmp_path / "none")
    with pytest.raises(UserError, match="holds no run"):
        RunDir(tmp_path).read_config()


def test_a_speedrun_stands_for_its_last_stage(tmp_path: Path) -> None:
    for name in ("base", "sft"):
        RunDir(tmp_path / "laptop" / name).write_config({"stage": name})
    (tmp_path / "laptop" / "speedrun.json").write_text("{}")
    assert find_run(tmp_path / "laptop").path == tmp_path / "laptop" / "sft"
    assert newest_run(tmp_path).path.parent == tmp_path / "laptop"
    RunDir(tmp_path / "laptop" / "rl").write_config({"stage": "rl"})
    assert find_run(tmp_path / "laptop").path == tmp_path / "laptop" / "rl"
