"""Typed configs: frozen dataclasses read strictly from mappings (TOML, JSON) and written back to them."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union

from gyebo.errors import UsageError, did_you_mean

__all__ = ["from_mapping", "to_mapping", "without_none"]

Config = TypeVar("Config")


def to_mapping(config: Any) -> dict[str, Any]:
    """A config as plain JSON values: nested dataclasses become mappings, tuples become lists."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def without_none(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping without its empty values, in its tables too: a file of TOML says None by leaving the key out.

    >>> without_none({"steps": 0, "minutes": None, "model": {"width": 8, "limit": None}})
    {'steps': 0, 'model': {'width': 8}}
    """
    return {
        key: without_none(value) if isinstance(value, Mapping) else value for key, value in mapping.items() if value is not None
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def from_mapping(config_type: type[Config], mapping: Mapping[str, Any], where: str = "the config") -> Config:
    """Build a config from a mapping, refusing unknown keys, missing ones and values of another type.

    where: what the mapping is, for the error message, such as "recipe dates.toml".
    Raises UsageError naming the key by its path and, for an unknown one, the nearest known one.
    """
    return _build(config_type, mapping, where, prefix="")


def _build(config_type: Any, mapping: Any, where: str, prefix: str) -> Any:
    if not isinstance(mapping, Mapping):
        what = f"In {where}, {prefix.rstrip('.')!r} is {mapping!r}" if prefix else f"{where} is {mapping!r}"
        raise UsageError(f"{what}, but a table of options was expected.")
    hints = typing.get_type_hints(config_type)
    fields = {field.name: field for field in dataclasses.fields(config_type) if field.init}
    for key in mapping:
        if key not in fields:
            raise UsageError(f"In {where}, there is no option {prefix + str(key)!r}. {did_you_mean(str(key), fields)}")
    missing = [name for name, field in fields.items() if name not in mapping and _required(field)]
    if missing:
        names = ", ".join(repr(prefix + name) for name in missing)
        raise UsageError(f"In {where}, {names} must be given and is not there.")
    values = {key: _convert(value, hints[key], where, prefix + key) for key, value in mapping.items()}
    try:
        return config_type(**values)
    except ValueError as error:
        raise UsageError(f"In {where}: {error}") from error


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(value: Any, hint: Any, where: str, path: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where, prefix=path + ".")
    if origin is Literal:
        if value not in arguments:
            raise UsageError(f"In {where}, {path!r} is {value!r}. {did_you_mean(str(value), [str(item) for item in arguments])}")
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _convert(value, next(item for item in arguments if item is not type(None)), where, path)
    if origin is tuple:
        items = [value] if isinstance(value, str) and arguments[0] is str else value
        if not isinstance(items, list | tuple):
            raise UsageError(f"In {where}, {path!r} is {value!r}, but a list was expected.")
        each = arguments[:1] * len(items) if arguments[1:] == (...,) else arguments
        if len(each) != len(items):
            raise UsageError(f"In {where}, {path!r} has {len(items)} entries, but {len(each)} were expected.")
        return tuple(
            _convert(item, one, where, f"{path}[{index}]") for index, (item, one) in enumerate(zip(items, each, strict=True))
        )
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value, where, path)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UsageError(f"In {where}, {path!r} is {value!r}, but a value of type {hint.__name__} was expected.")
    if isinstance(value, str) and not _is_unicode(value):
        raise UsageError(f"In {where}, {path!r} is {value!r}, which is not valid UTF-8 text. Type it again.")
    return value


def _finite(value: float, where: str, path: str) -> float:
    try:
        if math.isfinite(number := float(value)):
            return number
    except OverflowError:  # an integer beyond the range of float
        pass
    raise UsageError(f"In {where}, {path!r} is {value!r:.40}, but a finite number was expected.")


def _is_unicode(text: str) -> bool:
    """False for the lone surrogates that stand for broken bytes of a command line, or come from JSON escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
