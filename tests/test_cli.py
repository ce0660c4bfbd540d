"""The command line: help in no time, near words for wrong ones, and no traceback for a person's mistake."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny
from child import primer

from primer import __version__, cli
from primer.core.errors import ConfigError, Interrupted, TrainingError
from primer.text.tokenizer import train_tokenizer


@pytest.mark.parametrize("args", [["--help"], ["-h"], [], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    script = (
        "import sys; from primer import cli; cli.main()\n"
        "heavy = {'torch', 'numpy', 'tyro', 'rich', 'tokenizers', 'pyarrow', 'datasets', 'matplotlib'}\n"
        "sys.exit(f'imported {heavy & sys.modules.keys()}' if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout
    if args != ["--version"]:
        assert all(name in done.stdout for name in cli.COMMANDS)


@pytest.mark.parametrize(("option", "found"), [("--a", "1"), ("--b", "2"), ("--c", None)])
def test_taking_an_option(option: str, found: str | None) -> None:
    args = ["x", "--a", "1", "--b=2", "y"]
    value, rest = cli.take_option(args, option)
    assert value == found
    assert len(rest) == len(args) - {"--a": 2, "--b": 1, "--c": 0}[option]


def test_an_option_without_its_value() -> None:
    with pytest.raises(ConfigError, match="--preset needs a value"):
        cli.take_option(["--preset"], "--preset")


@pytest.mark.parametrize("name", ["pretrain", "prepare", "sample", "speedrun"])
def test_every_command_explains_itself(tmp_path: Path, name: str) -> None:
    code, said = primer([name, "--help"], tmp_path / "said")
    assert code == 0, said
    assert f"usage: primer {name}" in said
    assert "--" in said


def test_the_options_of_pretrain_are_explained(tmp_path: Path) -> None:
    _, said = primer(["pretrain", "--help"], tmp_path / "said")
    for words in ("--depth", "The dial", "--num-steps", "--resume", "Folder of the run", "--threads"):
        assert words in said


def refused(args: list[str], folder: Path) -> str:
    """What is said about a mistake: exit code 2, and no traceback."""
    code, said = primer(args, folder / "said")
    assert code == 2, said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["pretrian"], "there is no command 'pretrian'; did you mean 'pretrain'?"),
        (["xyzzy"], "choose from: "),
        (["pretrain", "--preset", "shakespear"], "there is no preset 'shakespear'; did you mean 'shakespeare'"),
        (["pretrain", "--dept", "3"], "--depth"),
        (["pretrain", "--depth", "three"], "three"),
        (["pretrain", "--family", "gpt3"], "gpt3"),
        (["tokenizer", "trian"], "did you mean 'train'?"),
        (["pretrain", "--resume"], "no run under runs/"),
        (["pretrain", "--resume", "--run", "nothing"], "holds no run"),
        (["pretrain", "--preset"], "--preset needs a value"),
    ],
)
def test_words_that_do_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], words: str) -> None:
    assert words in refused(args, tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": "nowhere.txt"}, "nowhere.txt does not exist"),
        ({"data": "shakespear"}, "did you mean 'shakespeare'?"),
        ({"data": "EMPTY"}, "is empty"),
        (
            {"data": "TEXT", "context": 20_000, "order": "windows"},
            "a single row needs 20,001. Give more text, or a smaller --context",
        ),
        ({"data": "TEXT", "context": 20_000, "order": "packed"}, "not enough for one row of 20,001"),
        ({"data": "TEXT", "kind": "bpe", "vocab-size": 5000}, "Use a vocabulary of at most"),
        ({"data": "TEXT", "kind": "bpe", "vocab-size": 10}, "too small"),
        ({"data": "TEXT", "device": "tpu"}, "--device tpu"),
        ({"data": "TEXT", "threads": -1}, "--threads -1"),
        ({"data": "TEXT", "width": 33}, "width 33 is not a multiple of 2 heads"),
        ({"data": "TEXT", "window-pattern": "LX"}, "'LX'"),
        ({"data": "TEXT", "batch-rows": 0}, "--batch-rows is 0, and must be 1 or more"),
        ({"data": "TEXT", "num-steps": -1}, "--num-steps is -1"),
        ({"data": "TEXT", "tokenizer": "nowhere.json"}, "no tokenizer at nowhere.json"),
        ({"data": "TEXT", "tokenizer": "DAMAGED"}, "is damaged"),
        ({"data": "TEXT", "run": "TEXT"}, "cannot write"),
        ({"data": "BROKEN"}, "broken.txt"),
    ],
)
def test_bad_input(text_file: Path, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    files = {name: tmp_path / f"{name.lower()}.txt" for name in ("EMPTY", "BROKEN", "DAMAGED")} | {"TEXT": text_file}
    files["EMPTY"].write_bytes(b"")
    files["BROKEN"].write_bytes(b"a good beginning, \xff\xfe and bytes that are no text")
    files["DAMAGED"].write_bytes(b'{"model": {')
    options = {name: files.get(value, value) for name, value in options.items()}
    said = refused(tiny.options(options.pop("data"), options.pop("run", tmp_path / "run"), **options), tmp_path)
    assert words in said


def test_a_run_goes_on_with_its_own_options(shards_folder: Path, tmp_path: Path) -> None:
    """Begun, interrupted, resumed by nothing but its folder, and then finished."""
    run = tmp_path / "run"
    assert primer(tiny.options(shards_folder, run), tmp_path / "said", die_after=20)[0] == -9
    resume = ["pretrain", "--run", str(run), "--resume"]
    assert "begun with other options" in refused([*resume, "--depth", "2"], tmp_path)
    assert "holds a run already" in refused(tiny.options(shards_folder, run), tmp_path)
    code, said = primer([*resume, "--threads", "2"], tmp_path / "said")
    assert code == 0, said
    assert "resumed after step" in said
    assert f"now try: primer sample --run {run}" in said
    config = json.loads((run / "config.json").read_text())["config"]
    assert config["loop"]["num_steps"] == 12
    code, said = primer(resume, tmp_path / "said")
    assert code == 0
    assert "finished already" in said


def test_a_tokenizer_that_is_not_the_text_s(text_file: Path, tmp_path: Path) -> None:
    train_tokenizer(["only these letters"], 0, "char").save(tmp_path / "tokenizer")
    said = refused(tiny.options(text_file, tmp_path / "run", tokenizer=tmp_path / "tokenizer"), tmp_path)
    assert "is none of the" in said


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "primer: interrupted"),
        (Interrupted("stopped; go on with …"), 130, "primer: stopped; go on with …"),
        (TrainingError("not finite"), 1, "primer: not finite"),
        (ConfigError("no such thing"), 2, "primer: no such thing"),
        (BrokenPipeError(), 1, ""),
    ],
)
def test_how_errors_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
) -> None:
    def fail(args: list[str]) -> None:
        raise error

    monkeypatch.setattr(cli, "dispatch", fail)
    monkeypatch.setattr("sys.stderr", sys.stderr if words else io.StringIO())  # a broken pipe closes it
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert capsys.readouterr().err.strip() == words


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(args: list[str]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "dispatch", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main()
