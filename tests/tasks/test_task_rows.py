"""Rows by split, from files and from the hub's loader on local folders of the same shape."""

from pathlib import Path
from typing import Any

import pytest
from task_files import numbers, write

from primer.core.errors import CorpusError, UserError
from primer.tasks.rows import Rows, RowTask, TaskError, split_of_file
from primer.tasks.task import Question
from primer.text.chat import user


def read(rows: Rows, split: Any, seed: int = 0) -> list[int]:
    return [row.get("n") for row in rows.read(split, seed)]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_splits_as_the_files_are_named(tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"train.{ending}", numbers(0, 10))
    write(tmp_path / f"valid-00000.{ending}", numbers(10, 15))
    write(tmp_path / f"test-00000.{ending}", numbers(15, 18))
    write(tmp_path / f"test-00001.{ending}", numbers(18, 20))
    (tmp_path / "README.md").write_text("about")
    rows = Rows(str(tmp_path))
    assert sorted(read(rows, "train")) == list(range(10))
    assert sorted(read(rows, "validation")) == list(range(10, 15))
    assert sorted(read(rows, "test")) == list(range(15, 20))


def test_the_order_depends_on_the_seed_alone(tmp_path: Path) -> None:
    rows = Rows(str(write(tmp_path / "test.jsonl", numbers(0, 50))))
    assert read(rows, "test", 1) == read(rows, "test", 1) != read(rows, "test", 2)
    assert sorted(read(rows, "test", 1)) == list(range(50))


def test_without_validation_a_share_of_training_is_held_out(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", numbers(0, 1000))
    rows = Rows(str(tmp_path))
    train, validation = read(rows, "train"), read(rows, "validation")
    assert sorted(train + validation) == list(range(1000))
    assert 25 < len(validation) < 80


def test_a_nameless_file_is_a_test_and_nothing_else(tmp_path: Path) -> None:
    rows = Rows(str(write(tmp_path / "mine.jsonl", numbers(0, 5))))
    assert sorted(read(rows, "test")) == list(range(5))
    with pytest.raises(TaskError, match=r"has no train rows; it has: test. Give a folder with a train file"):
        rows.read("train")


def test_one_lump_is_divided_if_asked(tmp_path: Path) -> None:
    rows = Rows(str(write(tmp_path / "test.jsonl", numbers(0, 1000))), divide=True)
    parts = {split: read(rows, split) for split in ("train", "validation", "test")}
    assert sorted(n for part in parts.values() for n in part) == list(range(1000))
    assert 150 < len(parts["test"]) < 250
    assert 15 < len(parts["validation"]) < 70


def test_where_test_answers_are_secret_the_validation_split_is_the_test(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", numbers(0, 100))
    write(tmp_path / "validation.jsonl", numbers(100, 110))
    write(tmp_path / "test.jsonl", [{"n": -1}])
    rows = Rows(str(tmp_path), validation_is_test=True)
    assert sorted(read(rows, "test")) == list(range(100, 110))
    assert sorted(read(rows, "train") + read(rows, "validation")) == list(range(100))


def test_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "org/name/train-00000.parquet", numbers(0, 3))
    write(tmp_path / "org/name/test-00000.parquet", numbers(3, 5))
    assert read(Rows("hf:org/name"), "test") in ([3, 4], [4, 3])
    assert set(read(Rows("hf:org/name:train"), "train")) <= {0, 1, 2}
    with pytest.raises(TaskError, match=r"no split 'tset'|no split 'validation'"):
        Rows("hf:org/name::validation").read("test")


def test_the_hub_without_network_or_package(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TaskError, match=r"could not be opened.*NAME:PATH"):
        Rows("hf:nobody/nothing").read("test")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(UserError, match=r"primer-lm\[hub\]"):
        Rows("hf:nobody/nothing").read("test")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="does not exist"):
        Rows(str(tmp_path / "none.jsonl")).read("test")
    (tmp_path / "a.txt").write_text("no rows")
    with pytest.raises(TaskError, match=r"holds no file of rows"):
        Rows(str(tmp_path)).read("test")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"n": 1}\n{"n": \n')
    with pytest.raises(TaskError, match=r"bad.jsonl, line 2.*not JSON"):
        Rows(str(bad)).read("test")
    bad.write_text('{"n": 1}\n[1]\n')
    with pytest.raises(TaskError, match=r"bad.jsonl, line 2.*is list"):
        Rows(str(bad)).read("test")
    bad.write_text("\n")
    with pytest.raises(TaskError, match="holds no rows"):
        Rows(str(bad)).read("test")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorpusError, match=r"cut\.parquet"):
        Rows(str(tmp_path / "cut.parquet")).read("test")


def test_fields(tmp_path: Path) -> None:
    [row] = Rows(str(write(tmp_path / "a.jsonl", [{"a": " x ", "b": 3, "c": " "}]))).read("test")
    assert row.text("z", "a") == "x"
    with pytest.raises(TaskError, match=r"line 1: the row has no field 'z' or 'y'; it has a, b, c"):
        row.get("z", "y")
    for name in ("b", "c"):
        with pytest.raises(TaskError, match="should have text"):
            row.text(name)


def test_a_task_of_rows_asks_the_wanted_ones_up_to_the_limit(tmp_path: Path) -> None:
    rows = Rows(str(write(tmp_path / "a.jsonl", numbers(0, 100))))
    task = RowTask(
        "n", rows, lambda row: Question((user(str(row.get("n"))),), lambda _: 1.0), lambda row: row.get("n") % 2 == 0
    )
    everything = [question.prompt[0].content for question in task.questions("test")]
    assert len(everything) == 50
    assert [question.prompt[0].content for question in task.questions("test", 7)] == everything[:7]


def test_names_of_files() -> None:
    assert split_of_file("x/auxiliary_train.jsonl") == "train"
    assert split_of_file("dev.jsonl.gz") == split_of_file("all/dev-00000-of-00001.parquet") == "validation"
