"""The entry that ends an architecture's or a claim's file, read from the source text in milliseconds, without running it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

__all__ = ["read_entry"]


def read_entry(path: Path, name: str, fields: Collection[str], parts: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """The literals that `name = Class(field=..., ...)` at the end of a file gives to `fields`; one that is left out is missing.

    parts: the classes that may be built inside of them, by the name under which the file calls them; only keywords, only literals.
    Raises AssertionError where the file has no such entry, and ValueError where a field is no literal.
    """
    keywords = _entry(path, name).keywords
    return {str(keyword.arg): _value(keyword.value, parts) for keyword in keywords if keyword.arg in fields}


def _entry(path: Path, name: str) -> ast.Call:
    for statement in reversed(ast.parse(path.read_text(encoding="utf-8")).body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Call() as call) if found == name:
                return call
    raise AssertionError(f"{path} has no {name} = {name.capitalize()}(...) at its end")


def _value(node: ast.expr, parts: Mapping[str, Callable[..., Any]]) -> Any:
    """`ast.literal_eval`, to which the calls of `parts` are literals too.

    >>> _value(ast.parse("{'tiny': complex(real=1.0, imag=2.0), 'sizes': (1, [2])}", mode="eval").body, {"complex": complex})
    {'tiny': (1+2j), 'sizes': (1, [2])}
    """
    match node:
        case ast.Call(func=ast.Name(id=part), args=[], keywords=keywords) if part in parts:
            return parts[part](**{str(keyword.arg): _value(keyword.value, parts) for keyword in keywords})
        case ast.Tuple(elts=items):
            return tuple(_value(item, parts) for item in items)
        case ast.List(elts=items):
            return [_value(item, parts) for item in items]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {ast.literal_eval(key): _value(value, parts) for key, value in zip(keys, values, strict=True) if key is not None}
        case _:
            return ast.literal_eval(node)
