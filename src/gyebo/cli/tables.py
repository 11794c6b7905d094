"""What the verbs print: tables, trees, facts and JSON, always on standard output."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Branch", "Styled", "print_facts", "print_json", "print_table", "print_tree", "visible"]

WIDTH_IN_A_PIPE = 160
LONGEST_NAME = 30

Styled: TypeAlias = tuple[tuple[str, str], ...]
"""a line in stretches: text, and rich's style for a terminal"""


@dataclass(frozen=True)
class Branch:
    """A node of a printed tree: its lines, and what hangs on it."""

    lines: Sequence[Styled]
    below: Sequence[Branch]


def print_json(value: Any) -> None:
    """One JSON value, indented, letters as they are."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table that fits the terminal: numbers flush right, names in one piece, and no column that is empty in all rows."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if title:
        print(title)
    kept = [index for index in range(len(columns)) if not rows or any(str(row[index]) for row in rows)]
    columns, rows = [columns[index] for index in kept], [[row[index] for index in kept] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        cells = [str(row[index]) for row in rows]
        numbers = cells and all(map(_is_number, cells))
        names = all(" " not in cell and len(cell) <= LONGEST_NAME for cell in cells)
        table.add_column(Text(column), justify="right" if numbers else "left", overflow="fold", no_wrap=names)
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
    told = {name: str(value) for name, value in facts.items() if value not in ("", None, (), [])}
    for name, value in told.items():
        table.add_row(Text(name), Text(visible(value)))
    if told:
        print(_rendered(table))


def print_tree(branches: Sequence[Branch], title: str = "") -> None:
    """Trees drawn with lines, long texts wrapped beside them; in colour on a terminal, in plain text elsewhere."""
    from rich.text import Text
    from rich.tree import Tree

    def text(branch: Branch) -> Text:
        return Text("\n").join(Text.assemble(*((visible(part), style) for part, style in line)) for line in branch.lines)

    def grow(tree: Tree, branch: Branch) -> None:
        for child in branch.below:
            grow(tree.add(text(child)), child)

    if title:
        print(title)
    for branch in branches:
        tree = Tree(text(branch), guide_style="dim")
        grow(tree, branch)
        print(_rendered(tree))


def visible(text: str) -> str:
    """Text as it may be shown on a terminal: control characters, which could move its cursor, become escapes.

    >>> visible("a\\x1b[2Jb 한\\tc")
    'a\\\\x1b[2Jb 한\\\\tc'
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def _is_number(cell: str) -> bool:
    return cell.removesuffix(" %").replace(",", "").replace(".", "", 1).removeprefix("-").isdigit()


def _rendered(drawn: Any) -> str:
    """A table or tree as text.  It is printed by `print`, which raises BrokenPipeError where rich's own console would exit."""
    from rich.console import Console

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size(fallback=(80 if on_terminal else WIDTH_IN_A_PIPE, 24)).columns
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=on_terminal, highlight=False).print(drawn)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip("\n").split("\n"))
