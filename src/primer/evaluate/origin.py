"""Where figures come from: the command that was given, the machine, and the commit of this code."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from primer import __version__
from primer.core.runtime import machine


def made_by() -> dict[str, Any]:
    """What a file of figures says of its beginning."""
    return {"command": typed_command(), "machine": machine(), "gpus": torch.cuda.device_count(), "commit": version()}


def typed_command() -> str:
    """The command as it was given, such that it can be given again."""
    return " ".join([typed_name(), *map(shlex.quote, sys.argv[1:])])


def typed_name() -> str:
    """What to type for `primer` here: the word itself where the shell finds this one by it, else as it was called."""
    called = sys.argv[0]
    if Path(called).name == "cli.py":
        return f"{shlex.quote(sys.executable)} -m primer.cli"
    found = shutil.which("primer")
    is_found = Path(called).name == "primer" and found is not None and Path(found).absolute() == Path(called).absolute()
    return "primer" if is_found else shlex.quote(called)


def version(folder: Path | None = None) -> str:
    """The commit that this code is of, where it stands in a checkout of its own; else the package's version.

    A file that git does not track stands in someone else's checkout, and that commit would say nothing.
    """
    folder = folder or Path(__file__).parents[1]
    if git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return f"primer {__version__}"
    changed = "" if git(folder, "status", "--porcelain", "--untracked-files=no", ".") == "" else ", changed since"
    return f"{git(folder, 'rev-parse', '--short=12', 'HEAD')}{changed}"


def git(folder: Path, *arguments: str) -> str | None:
    """What git says; None if it fails or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
