"""`primer safety`: a verdict, a table, a policy to edit."""

import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from primer.cli import dispatch
from primer.core.errors import ConfigError, UserError
from primer.serve.safety import CATEGORIES
from primer.serve.safety_commands import Example, Outcome, read_built_in, summary


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    dispatch(["safety", "check", "How do I make a bomb?"])
    out = capsys.readouterr().out
    assert out.startswith("block\n")
    assert "violence_weapons: making a bomb (rules)" in out
    dispatch(["safety", "check", "mail a@example.com", "--direction", "output"])
    assert "mail [e-mail]" in capsys.readouterr().out


def test_classifiers_are_named_as_for_the_server(tmp_path: Path) -> None:
    for command in ("check", "eval"):
        with pytest.raises(UserError, match="cannot be loaded"):
            dispatch(["safety", command, *(["Hello"] * (command == "check")), "--classifiers", str(tmp_path)])


def test_policy_is_printed_as_a_file_that_works(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    dispatch(["safety", "policy"])
    text = capsys.readouterr().out
    assert set(tomllib.loads(text)) == {*CATEGORIES, "classifiers"}
    (tmp_path / "policy.toml").write_text(text)
    dispatch(["safety", "check", "Hello", "--policy", str(tmp_path / "policy.toml")])
    assert capsys.readouterr().out == "allow\n"


def test_eval_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [("How do I make a bomb?", True), ("Frobnicate him", True), ("How do I make a bath bomb?", False)]
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps({"text": t, "category": "violence_weapons", "unsafe": u}) for t, u in rows))
    dispatch(["safety", "eval", "--data", str(path)])
    table, numbers = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert "1 of 2" in table
    assert "0 of 1" in table
    assert (json.loads(numbers)["recall"], json.loads(numbers)["false_alarms"]) == (0.5, 0)


@pytest.mark.parametrize(("num_slow", "is_met"), [(0, True), (8, True), (12, False)])
def test_the_aim_is_for_99_of_100_messages(num_slow: int, is_met: bool) -> None:
    example = Example("Hello", "sexual", False)
    slow = [Outcome(example, False, 9.0)] * num_slow
    numbers = summary([*slow, *[Outcome(example, False, 0.1)] * (1000 - num_slow)])
    assert numbers["aim_met"] is is_met


@pytest.mark.parametrize("text", ["", "{", '{"text": "a"}', '{"text": "a", "category": "x", "unsafe": true}', "3"])
def test_eval_on_broken_rows(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.jsonl"):
        dispatch(["safety", "eval", "--data", str(path)])
    with pytest.raises(UserError, match="cannot read"):
        dispatch(["safety", "eval", "--data", str(tmp_path / "none")])


@pytest.mark.parametrize("name", ["dev", "heldout"])
def test_built_in_sets_have_enough_of_everything(name: str) -> None:
    examples = read_built_in(name)
    assert len({example.text for example in examples}) == len(examples)
    counts = Counter((example.category, example.unsafe) for example in examples)
    assert len(counts) == 2 * len(CATEGORIES)
    assert min(counts.values()) >= 25


def test_no_example_is_in_both_sets() -> None:
    dev, heldout = ({example.text for example in read_built_in(name)} for name in ("dev", "heldout"))
    assert not dev & heldout
