"""Two gloo ranks compute what one does, and a run goes on with another number of them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from child import PATIENCE, Command, torchrun

from primer.core.rundir import RunDir
from primer.train.checkpoint import saved_steps

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="gloo over loopback is tested on Linux")


@pytest.fixture(scope="module")
def alone(shards_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one rank."""
    run = tmp_path_factory.mktemp("alone") / "run"
    tiny.train_run(tiny.pretrain_config(shards_folder), run)
    return run


def validation_losses(run: Path) -> list[float]:
    """Of every evaluation."""
    return [row["validation_loss"] for row in RunDir(run).metrics() if "validation_loss" in row]


def test_torchrun_makes_the_weights_of_one_rank(shards_folder: Path, alone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    launch = "-m torch.distributed.run --standalone --nproc-per-node 2 -m -- primer.cli".split()
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *launch, *tiny.options(shards_folder, run)],
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "2 ranks" in done.stdout
    assert done.stdout.count("report:") == 1  # one rank speaks
    assert tiny.furthest(tiny.final_weights(run), tiny.final_weights(alone)) < 1e-5
    assert validation_losses(run) == pytest.approx(validation_losses(alone), abs=1e-5)
    assert [row["step"] for row in RunDir(run).metrics() if "loss" in row] == list(range(1, 13))


def test_the_threads_of_the_ranks_end_with_the_run(shards_folder: Path, tmp_path: Path) -> None:
    """One that outlives the interpreter now and then aborts the process, all its work done."""
    script = tmp_path / "rank.py"
    script.write_text(
        "import os\n"
        "from primer.cli import main\n"
        "main()\n"
        "names = [open(f'/proc/self/task/{id}/comm').read().strip() for id in os.listdir('/proc/self/task')]\n"
        "print('threads of gloo:', sum('gloo' in name for name in names))\n"
    )
    launch = "-m torch.distributed.run --standalone --nproc-per-node 2 --".split()
    done = subprocess.run(
        [sys.executable, *launch, str(script), *tiny.options(shards_folder, tmp_path / "run")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert re.findall("threads of gloo: .*", done.stdout) == ["threads of gloo: 0"] * 2


def test_a_run_goes_on_with_another_number_of_ranks(shards_folder: Path, alone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ranks = torchrun(tiny.options(shards_folder, run), tmp_path)
    ranks[0].wait_until(lambda: bool(saved_steps(RunDir(run))))
    ranks[1].send(signal.SIGTERM)  # one rank hears of it, and all stop after the same step
    for rank in ranks:
        code, said = rank.wait()
        assert code == 130, said
        assert "Traceback" not in said
    assert saved_steps(RunDir(run))[-1] < 12
    resume = Command(["pretrain", "--run", str(run), "--resume"], tmp_path / "said")
    assert resume.wait()[0] == 0
    assert tiny.furthest(tiny.final_weights(run), tiny.final_weights(alone)) < 1e-5


def test_rows_that_two_ranks_cannot_share(shards_folder: Path, tmp_path: Path) -> None:
    for rank in torchrun(tiny.options(shards_folder, tmp_path / "run", batch_rows=3), tmp_path):
        code, said = rank.wait()
        assert code == 2
        assert "--batch-rows 3 cannot be shared by 2 ranks; 4 can" in said
        assert "Traceback" not in said
