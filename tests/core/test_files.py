"""A file is whole or absent, whatever goes wrong while it is written."""

import errno
import json
from pathlib import Path

import pytest

from primer.core.errors import UserError
from primer.core.files import (
    atomic_folder,
    atomic_path,
    explain_os_error,
    read_json,
    sha256,
    write_json,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_no_leftovers(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text(f"half {1 / 0}")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "step"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("old")
        assert not path.exists()
    with pytest.raises(ZeroDivisionError), atomic_folder(path) as temporary:
        (temporary / "b").write_text(f"half {1 / 0}")
    assert [file.name for file in path.iterdir()] == ["a"]
    with atomic_folder(path) as temporary:
        (temporary / "b").write_text("new")
    assert [file.name for file in path.iterdir()] == ["b"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, ["no space left", "make room"]),
        (errno.EDQUOT, ["quota", "make room"]),
        (errno.EROFS, ["read-only", "another folder"]),
        (errno.EACCES, ["Permission denied", "another folder"]),
    ],
)
def test_what_is_said_about_a_failed_write(tmp_path: Path, number: int, words: list[str]) -> None:
    message = str(explain_os_error(OSError(number, "Permission denied"), tmp_path / "x"))
    assert all(word in message for word in [*words, str(tmp_path / "x")])


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(UserError, match="cannot write"), atomic_folder(tmp_path / "file" / "folder"):
        pass


def test_json_comes_back_and_is_readable(tmp_path: Path) -> None:
    value = {"ü": [1, 2.5, None], "s": "→"}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "→" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", json.dumps({"a": 1}).encode()[:-1]])
def test_damaged_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json")


def test_missing_json_and_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_json(tmp_path / "a.json")
    with pytest.raises(UserError, match="cannot read"):
        read_json(tmp_path)


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
