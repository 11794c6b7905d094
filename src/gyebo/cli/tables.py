"""What the verbs print: tables, facts and JSON, always on standard output."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["print_facts", "print_json", "print_table", "visible"]

WIDTH_IN_A_PIPE = 160


def print_json(value: Any) -> None:
    """One JSON value, indented, letters as they are."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table that fits the terminal; a column whose cells are all numbers is set flush right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if title:
        print(title)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        numbers = rows and all(_is_number(row[index]) for row in rows)
        table.add_column(Text(column), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(str(cell))) for cell in row))
    print(_rendered(table))


def print_facts(facts: Mapping[str, Any]) -> None:
    """Names and values in two columns; empty values are left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in ("", None, (), []):
            table.add_row(Text(name), Text(visible(str(value))))
    print(_rendered(table))


def visible(text: str) -> str:
    """Text as it may be shown on a terminal: control characters, which could move its cursor, become escapes.

    >>> visible("a\\x1b[2Jb 한\\tc")
    'a\\\\x1b[2Jb 한\\\\tc'
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def _is_number(cell: Any) -> bool:
    return str(cell).removesuffix(" %").replace(",", "").replace(".", "", 1).removeprefix("-").isdigit()


def _rendered(table: Any) -> str:
    """The table as text.  It is printed by `print`, which raises BrokenPipeError where rich's own console would exit."""
    from rich.console import Console

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size(fallback=(80 if on_terminal else WIDTH_IN_A_PIPE, 24)).columns
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=on_terminal, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip("\n").split("\n"))
