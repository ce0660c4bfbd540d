"""API keys, and files that hold none."""

from pathlib import Path

import pytest

from primer.core.errors import ConfigError
from primer.serve.keys import read_keys

KEYS = ["0123456789abcdef", "fedcba9876543210"]


def test_keys_of_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(f"# of the household\n{KEYS[0]}  # Anna\n\n{KEYS[1]}\n{KEYS[0]}\n")
    assert read_keys(file) == KEYS
    assert read_keys(file, f"{KEYS[1]}, another-long-key-here") == [KEYS[1], "another-long-key-here", KEYS[0]]
    assert read_keys(None, "") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no key.*openssl rand"),
        (b"# nothing\n", "holds no key"),
        (b"0123456789abcdef\nshort\n", "line 2 of .*keys.txt is no good API key"),
        ("schlüssel-schlüssel".encode(), "no good API key"),
        (b"two words are not one", "no good API key"),
        (b"\xff\xfe\x00", "no text file"),
    ],
)
def test_bad_files_of_keys(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "keys.txt"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as error:
        read_keys(file)
    assert "short" not in str(error.value)


def test_a_missing_file_of_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the keys in .*nowhere"):
        read_keys(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="key 2 of PRIMER_API_KEYS"):
        read_keys(None, f"{KEYS[0]},short")
