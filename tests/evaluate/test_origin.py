"""What a run says of its beginning: a command that can be given again, and a commit."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import primer
from primer import __version__
from primer.evaluate import origin
from primer.evaluate.origin import made_by, typed_command, version


@pytest.mark.parametrize(
    ("called", "on_path", "typed"),
    [
        ("/venv/bin/primer", "/venv/bin/primer", "primer"),
        ("/venv/bin/primer", "/other/bin/primer", "/venv/bin/primer"),
        (".venv/bin/primer", None, ".venv/bin/primer"),
        ("/src/primer/cli.py", "/venv/bin/primer", f"{shlex.quote(sys.executable)} -m primer.cli"),
    ],
)
def test_a_command_that_can_be_pasted(
    monkeypatch: pytest.MonkeyPatch, called: str, on_path: str | None, typed: str
) -> None:
    monkeypatch.setattr(origin.shutil, "which", lambda _: on_path)
    monkeypatch.setattr(sys, "argv", [called, "sample", "--prompt", "To be"])
    assert typed_command() == f"{typed} sample --prompt 'To be'"


def test_what_is_kept_of_a_beginning() -> None:
    kept = made_by()
    assert kept.keys() == {"command", "machine", "gpus", "commit"}
    assert kept["commit"] == version(Path(primer.__file__).parent)  # all of the package, not one folder of it


def test_the_commit_of_a_checkout_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    assert version(tmp_path) == f"primer {__version__}"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert version(tmp_path) == f"primer {__version__}"  # not tracked: someone else's checkout
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert head.startswith(version(tmp_path))
    assert len(version(tmp_path)) == 12
    (tmp_path / "__init__.py").write_text("changed = True\n")
    assert version(tmp_path).endswith(", changed since")
