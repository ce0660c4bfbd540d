"""Runs that are killed, interrupted, or out of space: the folder they leave is sound, and they go on exactly."""

import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tiny
from child import Command, primer

from primer.core.rundir import RunDir
from primer.train.checkpoint import saved_steps, verified_state


@pytest.fixture(scope="module")
def unbroken(shards_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happens to."""
    folder = tmp_path_factory.mktemp("unbroken")
    code, said = primer(tiny.options(shards_folder, folder / "run"), folder / "said")
    assert code == 0, said
    return folder / "run"


def again(data: Path, run: Path) -> list[str]:
    """What a person types next: resume if there is something to resume, else begin."""
    if saved_steps(RunDir(run)):
        return ["pretrain", "--run", str(run), "--resume"]
    return tiny.options(data, run)


def losses(run: Path) -> list[tuple[float, float]]:
    """Step and loss of every step."""
    return [(row["step"], row["loss"]) for row in RunDir(run).metrics() if "loss" in row]


def reached(run: Path, step: int) -> bool:
    """Whether the run has come so far."""
    return len(losses(run)) >= step


def assert_same_end(run: Path, unbroken: Path) -> None:
    """The same weights to the last bit, every step once, and nothing left over."""
    assert tiny.same(tiny.final_weights(run), tiny.final_weights(unbroken))
    assert losses(run) == losses(unbroken)
    assert [step for step, _ in losses(run)] == list(range(1, 13))
    assert not list(run.rglob("*.tmp"))
    assert (run / "report.md").is_file()


@pytest.mark.parametrize("seed", range(2))
def test_sigkill_in_the_middle_of_writing(shards_folder: Path, unbroken: Path, tmp_path: Path, seed: int) -> None:
    """Killed at a random one of the writes, in a save or between; resumed; killed again … until it comes through."""
    rng, run = random.Random(seed), tmp_path / "run"
    deaths = 0
    while True:
        code, said = primer(again(shards_folder, run), tmp_path / "said", die_after=rng.randint(8, 30))
        if code == 0:
            break
        assert code == -signal.SIGKILL, said
        deaths += 1
        for step in saved_steps(RunDir(run)):  # whatever is there is whole
            verified_state(run / "checkpoints" / f"step_{step:06d}")
    assert deaths >= 2
    assert_same_end(run, unbroken)


def test_sigkill_at_random_moments(shards_folder: Path, unbroken: Path, tmp_path: Path) -> None:
    rng, run = random.Random(1), tmp_path / "run"
    for _ in range(3):
        command = Command(again(shards_folder, run), tmp_path / "said")
        target = min(11, len(losses(run)) + rng.randint(1, 4))
        command.wait_until(partial(reached, run, target))
        command.send(signal.SIGKILL)
        assert command.wait()[0] in (-signal.SIGKILL, 0)  # 0: it was quicker
    code, said = primer(again(shards_folder, run), tmp_path / "said")
    assert code == 0, said
    assert_same_end(run, unbroken)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(shards_folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    run = tmp_path / "run"
    command = Command(
        tiny.options(shards_folder, run, num_steps=5000, save_every=5000, eval_every=0), tmp_path / "said"
    )
    command.wait_until(lambda: len(losses(run)) > 2)
    command.send(number)
    code, said = command.wait()
    assert code == 130
    assert "Traceback" not in said
    assert f"everything is saved. Go on with: primer pretrain --run {run} --resume" in said
    assert saved_steps(RunDir(run)) == [len(losses(run))]


def fill(folder: Path) -> Path:
    """A file that takes all the space there is."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    tried = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if not tried or tried.returncode:
        pytest.skip("mounting a small disk takes Linux and root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def assert_out_of_space(code: int, said: str) -> None:
    """The message says what to do, and the last line is it."""
    assert code == 2, said
    assert "Traceback" not in said
    assert "make room" in said.lower()


def test_a_full_disk(shards_folder: Path, unbroken: Path, small_disk: Path, tmp_path: Path) -> None:
    run = small_disk / "run"
    code, said = primer(tiny.options(shards_folder, run), tmp_path / "said", die_after=20)
    assert code == -signal.SIGKILL, said
    steps = saved_steps(RunDir(run))
    assert steps
    filler = fill(small_disk)
    code, said = primer(again(shards_folder, run), tmp_path / "said")
    assert_out_of_space(code, said)
    assert "no space left" in said
    assert (
        saved_steps(RunDir(run)) >= steps
    )  # what the killed save had half written was cleared away: room for one more
    for step in saved_steps(RunDir(run)):
        verified_state(run / "checkpoints" / f"step_{step:06d}")
    filler.unlink()
    code, said = primer(again(shards_folder, run), tmp_path / "said")
    assert code == 0, said
    assert_same_end(run, unbroken)


def test_a_disk_that_fills_up_in_the_middle_of_a_save(shards_folder: Path, unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, said = primer(tiny.options(shards_folder, run), tmp_path / "said", die_after=20)
    assert code == -signal.SIGKILL, said
    steps = saved_steps(RunDir(run))
    sizes = {file.name: file.stat().st_size for file in (run / "checkpoints" / f"step_{steps[-1]:06d}").iterdir()}
    for name in ("model.safetensors", "optimizer.safetensors"):
        code, said = primer(again(shards_folder, run), tmp_path / "said", file_limit=sizes[name] - 1000)
        assert_out_of_space(code, said)
        assert name in said
        assert saved_steps(RunDir(run)) == steps
        assert not list((run / "checkpoints").glob(".step*"))
    code, said = primer(again(shards_folder, run), tmp_path / "said")
    assert code == 0, said
    assert_same_end(run, unbroken)


def test_two_processes_and_one_run(shards_folder: Path, tmp_path: Path) -> None:
    run, options = tmp_path / "run", dict[str, Any](num_steps=5000, save_every=1, eval_every=0)
    first = Command(tiny.options(shards_folder, run, **options), tmp_path / "first")
    first.wait_until(lambda: bool(saved_steps(RunDir(run))))
    for args in (again(shards_folder, run), tiny.options(shards_folder, run, **options)):
        code, said = primer(args, tmp_path / "second")
        assert code == 2
        assert f"{run} is in use by process {first.process.pid}" in said
        assert "Traceback" not in said
    assert first.process.is_alive()
    first.send(signal.SIGKILL)
    assert first.wait()[0] == -signal.SIGKILL
