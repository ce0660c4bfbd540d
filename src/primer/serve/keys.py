"""API keys, from a file or the environment."""

from pathlib import Path

from primer.core.errors import ConfigError

KEY_LENGTH = 16  # characters at least: at a million guesses a second, 16 hex digits last half a million years


def read_keys(file: Path | None, environment: str = "") -> list[str]:
    """The keys of a file (one a line; # begins a comment) and of a variable (parted by commas).

    Raises ConfigError for a file that cannot be read or holds none, and for a key that is easily guessed. The message
    never shows a key.
    """
    keys = {f"key {i} of PRIMER_API_KEYS": key.strip() for i, key in enumerate(environment.split(","), 1)}
    if file is not None:
        lines = [line.split("#")[0].strip() for line in read_lines(file)]
        if not any(lines):
            raise ConfigError(f"{file} holds no key. Write one a line, for one with: openssl rand -hex 24 >> {file}")
        keys |= {f"line {i} of {file}": line for i, line in enumerate(lines, 1)}
    keys = {place: key for place, key in keys.items() if key}
    for place, key in keys.items():
        if len(key) < KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigError(
                f"{place} is no good API key: it needs {KEY_LENGTH} or more ASCII characters without spaces. "
                "openssl rand -hex 24 prints one."
            )
    return list(dict.fromkeys(keys.values()))


def read_lines(file: Path) -> list[str]:
    """The lines of a file of keys. Raises ConfigError if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read the keys in {file}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no text file. Write one key a line.") from error
