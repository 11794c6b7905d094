"""What `gyebo show` tells of an architecture beside its entry, read from the sources: config, file, and the references it equals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gyebo.genealogy import facts

__all__ = ["config_fields", "references", "source_file"]

PACKAGE = Path(__file__).parent.parent


def source_file(name: str) -> Path:
    """The file of an architecture."""
    return PACKAGE / "models" / facts(name).family / f"{name.replace('-', '_')}.py"


def config_fields(name: str) -> list[dict[str, Any]]:
    """The fields of an architecture's config: name, type, default as it is written (None where one must be given), and what they say.

    >>> config_fields("bahdanau")[2]
    {'name': 'embedding_width', 'type': 'int', 'default': '256', 'meaning': ''}
    """
    body = _body(source_file(name))
    entry = next(found for found in _calls(body) if isinstance(found.func, ast.Name) and found.func.id == "Architecture")
    config = next(keyword.value for keyword in entry.keywords if keyword.arg == "config")
    return list(_fields(body, config.id)) if isinstance(config, ast.Name) else []


def _fields(body: list[ast.stmt], name: str) -> Iterator[dict[str, Any]]:
    """The fields of a dataclass that stands in this file, or is imported from another file of gyebo; its bases' first."""
    for statement in body:
        match statement:
            case ast.ClassDef(name=own, bases=bases, body=members) if own == name:
                for base in bases:
                    if isinstance(base, ast.Name):
                        yield from _fields(body, base.id)
                yield from _own_fields(members)
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("gyebo."):
                if any((item.asname or item.name) == name for item in names):
                    yield from _fields(_body(PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")), name)


def _own_fields(members: list[ast.stmt]) -> Iterator[dict[str, Any]]:
    for number, member in enumerate(members):
        match member:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=default):
                following = members[number + 1] if number + 1 < len(members) else None
                yield {
                    "name": name,
                    "type": ast.unparse(kind).replace("'", '"'),
                    "default": None if default is None else ast.unparse(default).replace("'", '"'),
                    "meaning": _text(following),
                }


def _text(statement: ast.stmt | None) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return ""


def references(name: str) -> list[str]:
    """The independent implementations that `gyebo verify` compares an architecture with.

    >>> references("lstm")
    ['torch.nn.LSTM, Embedding and Linear']
    """
    return [reference for architecture, reference in _parity_cases() if architecture == name]


@cache
def _parity_cases() -> list[tuple[str, str]]:
    """(architecture, reference) of every case that the files of verification/parity/ write in literals."""
    cases = []
    for path in sorted((PACKAGE / "verification" / "parity").glob("*.py")):
        for call in _calls(_body(path)):
            if isinstance(call.func, ast.Name) and call.func.id in ("ParityCase", "ImageParityCase"):
                given = {item.arg: item.value.value for item in call.keywords if isinstance(item.value, ast.Constant)}
                if {"architecture", "reference"} <= given.keys():
                    cases.append((str(given["architecture"]), str(given["reference"])))
    return cases


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    return (node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call))


@cache
def _body(file: Path) -> list[ast.stmt]:
    return ast.parse(file.read_text(encoding="utf-8")).body
