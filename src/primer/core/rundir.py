"""The folder of a run: config, metrics, checkpoints, samples. It can be moved, and one process writes to it.

runs/demo/
  config.json  tokenizer.json  tokenizer_config.json
  data/                     token shards, when the run prepared its own
  checkpoints/step_000500/  model.safetensors  optimizer.safetensors  state.json
  metrics.jsonl  tensorboard/  loss.png  samples/step_000500.txt  report.md
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from primer.core.errors import RunInUseError, UserError
from primer.core.files import explain_os_error, read_json, write_json, write_text

RUNS = Path("runs")
LEDGER = "speedrun.json"  # in the folder of a speedrun
TRAINING_STAGES = ("base", "sft", "dpo", "rl")  # the runs of a speedrun, in order


class RunDir:
    """Paths and small files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.data = path / "data"
        self.samples = path / "samples"
        self.metrics_file = path / "metrics.jsonl"
        self.config_file = path / "config.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the kernel lets go of it however the process ends.

        Raises RunInUseError if another live process holds it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a+")
        except OSError as error:
            raise explain_os_error(error, self.path) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                owner = lock.read().strip() or "unknown"
                raise RunInUseError(
                    f"{self.path} is in use by process {owner}. Wait for it or stop it, or choose another --run."
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def write_config(self, config: dict[str, Any]) -> None:
        """Write the resolved configuration."""
        write_json(self.config_file, config)

    def read_config(self) -> dict[str, Any]:
        """Read the resolved configuration. Raises UserError if this is not a run's folder, or it is damaged."""
        if not self.config_file.is_file():
            raise UserError(f"{self.path} holds no run (no config.json). Give a run's folder with --run.")
        config: dict[str, Any] = read_json(self.config_file)
        if not isinstance(config, dict):
            raise UserError(f"{self.config_file} is damaged: it holds no options. Restore it, or start another run.")
        return config

    def log(self, row: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        try:
            with self.metrics_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise explain_os_error(error, self.metrics_file) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl; one cut short by a crash is left out."""
        rows: list[dict[str, Any]] = []
        try:  # no asking first whether it is there: a run that begins again removes it while others look
            lines = self.metrics_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return rows
        for line in lines:
            with suppress(ValueError):
                rows.append(json.loads(line))
        return rows

    def rewind_metrics(self, step: int) -> None:
        """Drop the lines after `step`, when a run goes on from there."""
        rows = [row for row in self.metrics() if row.get("step", 0) <= step]
        write_text(self.metrics_file, "".join(json.dumps(row) + "\n" for row in rows))


def runs_by_age(root: Path = RUNS) -> list[RunDir]:
    """The runs under `root`, the stages of speedruns among them, the one whose config was written last at the end."""
    configs = [*root.glob("*/config.json"), *root.glob("*/*/config.json")]
    return [RunDir(config.parent) for config in sorted(configs, key=lambda path: path.stat().st_mtime)]


def newest_run(root: Path = RUNS) -> RunDir:
    """The last of `runs_by_age`. Raises UserError if there is none."""
    runs = runs_by_age(root)
    if not runs:
        raise UserError(f"no run under {root}/. Train one with `primer pretrain`, or give a folder with --run.")
    return runs[-1]


def speedrun_of(run: Path) -> Path | None:
    """The folder of the speedrun that a run is a stage of; None if it is of none."""
    return run.parent if (run.parent / LEDGER).is_file() else None


def newest_folder() -> Path:
    """The folder of the newest run; of a speedrun's stage the speedrun's. Raises UserError if there is none."""
    run = newest_run().path
    return speedrun_of(run) or run


def run_at(path: Path) -> RunDir:
    """The run in a folder; in a speedrun's that of its last stage."""
    if (path / LEDGER).is_file():
        for stage in reversed(TRAINING_STAGES):
            if (path / stage / "config.json").is_file():
                return RunDir(path / stage)
    return RunDir(path)


def find_run(path: Path | None) -> RunDir:
    """The run at `path`, or the newest under runs/. Raises UserError if there is none."""
    run = run_at(path) if path else newest_run()
    if not run.path.is_dir():
        raise UserError(f"{run.path} does not exist. Give a run's folder with --run.")
    return run
