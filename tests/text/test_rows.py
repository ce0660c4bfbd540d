"""Rows out of every format, each with its place, and what becomes of those that cannot be read."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from primer.core.errors import CorpusError
from primer.text.rows import BadRows, read_rows

ITEMS = [{"n": 1, "text": "é"}, {"n": 2}, "three"]
LINES = "".join(json.dumps(item) + "\n" for item in ITEMS).encode()


def rows(source: object, bad: BadRows | None = None) -> list[object]:
    return [row for _, row in read_rows(str(source), bad or BadRows("refuse"))]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("A.JSONL", b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\n\r\n\n")),
        ("a.jsonl.gz", gzip.compress(LINES)),
        ("a.json.zst", zstandard.compress(LINES)),
        ("a.json", json.dumps(ITEMS, indent=2).encode()),
        ("a.json", b"\xef\xbb\xbf\n \n" + json.dumps(ITEMS).encode()),
        ("a.json.gz", gzip.compress(json.dumps(ITEMS).encode())),
        ("a.json", LINES),
    ],
)
def test_json_in_all_its_dresses(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert rows(tmp_path / name) == ITEMS


def test_parquet_without_the_nulls_that_fill_its_structs(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2, 3], "calls": [[{"a": 1}, {"b": "x"}], None, []]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert rows(tmp_path / "a.parquet") == [{"n": 1, "calls": [{"a": 1}, {"b": "x"}]}, {"n": 2}, {"n": 3, "calls": []}]
    places = [place for place, _ in read_rows(str(tmp_path / "a.parquet"), BadRows("refuse"))]
    assert places[-1] == f"{tmp_path / 'a.parquet'}, row 3"


def test_folders_and_globs(tmp_path: Path) -> None:
    for name, n in (("b.jsonl", 2), ("a.json", 1), ("sub/c.jsonl", 3), (".hidden.jsonl", 9), ("notes.txt", 9)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"n": n}))
    assert rows(tmp_path) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert rows(tmp_path / "*.jsonl") == [{"n": 2}]
    assert rows(tmp_path / ".hidden.jsonl") == [{"n": 9}]
    with pytest.raises(CorpusError, match=r"notes\.txt holds no rows in a known format \(\.jsonl \.json \.parquet"):
        rows(tmp_path / "notes.txt")
    with pytest.raises(CorpusError, match=r"does not exist; did you mean 'b.jsonl'"):
        rows(tmp_path / "c.jsonl")


def test_only_the_training_split_of_a_folder(tmp_path: Path) -> None:
    for name in ("train", "test", "validation"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(name))
    assert rows(tmp_path) == ["train"]
    assert rows(tmp_path / "test.jsonl") == ["test"]


def test_bad_lines_are_refused_or_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": \n{"n": "\xe9"}\n' + b"[" * 100_000 + b'\n{"n": 5}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl, line 2: it is not JSON .*--on-bad skip"):
        rows(path)
    bad = BadRows("skip")
    assert rows(path, bad) == [{"n": 1}, {"n": 5}]
    assert bad.count == 3
    assert "3 rows that do not fit were passed over; the first is" in bad.summary()
    path.write_bytes(b'{"n": "\xe9"}\n')
    with pytest.raises(CorpusError, match=r"line 1: it is not UTF-8 \(byte 7 of the line is 0xe9\)"):
        rows(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'[{"n": 1}, {"n"'),
        ("a.jsonl.gz", gzip.compress(LINES)[:-12]),
        ("a.jsonl.zst", zstandard.compress(LINES)[:-4]),
        ("a.parquet", b"PAR1 and no more"),
    ],
)
def test_damaged_files_are_never_passed_over(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=r"cannot be read: .*damaged"):
        rows(tmp_path / name, BadRows("skip"))


def test_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "org" / "name"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"messages": [[{"role": "user", "content": "Hi"}]]}), folder / "train-00000.parquet")
    pq.write_table(pa.table({"messages": [[{"role": "user", "content": "No"}]]}), folder / "test-00000.parquet")
    assert list(read_rows("hf:org/name", BadRows("refuse"))) == [
        ("hf:org/name, row 1", {"messages": [{"role": "user", "content": "Hi"}]})
    ]
    assert rows("hf:org/name:test") == [{"messages": [{"role": "user", "content": "No"}]}]
