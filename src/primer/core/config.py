"""Frozen dataclasses: their rules, and to JSON and back."""

import dataclasses
import types
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from primer.core.errors import ConfigError, suggest

Config = TypeVar("Config")


def check_options(config: object, **rules: tuple[bool, str]) -> None:
    """Raise ConfigError for the first option that is not what it must be; of each whether it is, and what that is."""
    for name, (holds, wanted) in rules.items():
        if not holds:
            raise ConfigError(f"--{name.replace('_', '-')} is {getattr(config, name)}, and must be {wanted}.")


def to_json(config: Any) -> Any:
    """A dataclass as plain JSON values."""
    if dataclasses.is_dataclass(config):
        return {field.name: to_json(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, tuple | list):
        return [to_json(item) for item in config]
    return str(config) if isinstance(config, Path) else config


def from_json(kind: type[Config], values: dict[str, Any]) -> Config:
    """Undo `to_json`. Raises ConfigError for keys that the dataclass does not have, or lacks.

    >>> from primer.model.families import ShapeOverrides
    >>> from_json(ShapeOverrides, {"width": 128})
    ShapeOverrides(num_layers=None, num_heads=None, num_kv_heads=None, width=128, mlp_width=None)
    """
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise ConfigError(f"there is no option {key!r} in {kind.__name__}; {suggest(key, hints)}")
    try:
        return kind(**{key: restore(hints[key], value) for key, value in values.items()})
    except TypeError as error:  # a field without a default is missing
        raise ConfigError(f"the saved {kind.__name__} is of another version: {error}.") from error


def restore(hint: Any, value: Any) -> Any:
    """A JSON value as the type that a field has."""
    if value is None:
        return None
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    if hint is Path:
        return Path(value)
    return tuple(value) if get_origin(hint) is tuple else value


def changed(config: Config, values: dict[str, Any]) -> Config:
    """A dataclass with some of its fields, and of theirs, given anew as JSON values. Raises ConfigError for a field
    that it does not have, and for a value of another kind.

    >>> from primer.model.families import ShapeOverrides
    >>> changed(ShapeOverrides(width=64, num_heads=2), {"width": 128})
    ShapeOverrides(num_layers=None, num_heads=2, num_kv_heads=None, width=128, mlp_width=None)
    """
    kept = to_json(config)
    for key, value in values.items():
        now = kept.get(key)
        kinds = (int, float) if type(now) in (int, float) else type(now)
        if now is not None and not (isinstance(value, kinds) and isinstance(value, bool) == isinstance(now, bool)):
            raise ConfigError(f"{key!r} is {value!r}, where something like {now!r} belongs.")
        kept[key] = to_json(changed(getattr(config, key), value)) if isinstance(now, dict) else value
    return from_json(type(config), kept)
