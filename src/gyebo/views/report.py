"""A report: facts, tables, examples, figures and texts on one page that opens anywhere, without a network."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gyebo.views.figure import Figure
from gyebo.views.page import complete, drawing_scripts, escape

__all__ = ["Example", "Examples", "Facts", "Figures", "Picture", "Section", "Table", "Text", "report"]


class Picture(NamedTuple):
    """A picture in a cell: a PNG as base64 text, and what is said of it where it is not seen."""

    png: str
    words: str


Cell = str | int | float | bool | Picture | None


@dataclass(frozen=True)
class Text:
    """Paragraphs of plain text."""

    title: str
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Names and values, such as the settings of a run."""

    title: str
    mapping: Mapping[str, Cell]


@dataclass(frozen=True)
class Table:
    """Rows under named columns, and drawings of the same numbers below; numbers stand on the right, also such as "99.90 %".

    A cell may be a `Picture`.

    Raises ValueError where a row has another length.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    figures: Sequence[Figure] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"Row {number} of table {self.title!r} has {len(row)} cells, but there are {len(self.columns)} columns."
                )


class Example(NamedTuple):
    """One input, what was predicted for it, and what was expected; correct is None where nobody can say."""

    source: str
    prediction: str
    reference: str
    correct: bool | None = None


@dataclass(frozen=True)
class Examples:
    """Predictions beside their references; the languages (such as "ko") are told to browsers and screen readers.

    columns: what stands over source, prediction and reference.  A fourth column says which are correct, where any row knows.
    """

    title: str
    rows: Sequence[Example]
    source_language: str | None = None
    target_language: str | None = None
    columns: tuple[str, str, str] = ("source", "prediction", "reference")


@dataclass(frozen=True)
class Figures:
    """Figures, one below the other, with their captions."""

    title: str
    figures: Sequence[Figure]


Section = Text | Facts | Table | Examples | Figures


def report(title: str, sections: Sequence[Section]) -> str:
    """The whole page. All text is shown as it is, never read as markup; the drawing libraries stand in it once.

    title: what the page is about, such as "dates — bahdanau".

    >>> "<h1>dates — bahdanau</h1>" in report("dates — bahdanau", [Facts("Result", {"exact match": 0.994})])
    True
    """
    identifiers = (f"figure-{number}" for number in itertools.count(1))
    body = [f"<h1>{escape(title)}</h1>"]
    body += [
        f'<section>\n<h2 id="section-{number}">{escape(section.title)}</h2>\n{_body(section, identifiers)}\n</section>'
        for number, section in enumerate(sections, start=1)
    ]
    if len(sections) > 1:
        entries = "".join(
            f'<li><a href="#section-{number}">{escape(section.title)}</a></li>' for number, section in enumerate(sections, start=1)
        )
        body.insert(1, f'<nav aria-label="Contents"><ul>{entries}</ul></nav>')
    has_figures = any(isinstance(section, Figures | Table) and section.figures for section in sections)
    return complete(title, "\n".join(body), drawing_scripts() if has_figures else "")


def _body(section: Section, identifiers: Iterator[str]) -> str:
    match section:
        case Text():
            return "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs)
        case Facts():
            rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{_shown(value)}</dd></div>" for name, value in section.mapping.items())
            return f"<dl>{rows}</dl>"
        case Table():
            return "\n".join([_table(section), _figures(section.figures, identifiers)])
        case Examples():
            return _examples(section)
        case Figures():
            return _figures(section.figures, identifiers)


def _figures(figures: Sequence[Figure], identifiers: Iterator[str]) -> str:
    return "\n".join(figure.to_element(next(identifiers)) for figure in figures)


def _table(table: Table) -> str:
    numeric = [bool(table.rows) and all(_is_number(row[column]) for row in table.rows) for column in range(len(table.columns))]
    kinds = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(f'<th scope="col"{kind}>{escape(column)}</th>' for column, kind in zip(table.columns, kinds, strict=True))
    rows = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{_shown(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in table.rows
    )
    return _scrolling(table.title, f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>")


def _is_number(cell: Cell) -> bool:
    """Whether a cell stands on the right: a number, also one that is written already, or nothing.

    >>> _is_number("99.90 %"), _is_number("1,014"), _is_number("4-7"), _is_number(True)
    (True, True, False, False)
    """
    if isinstance(cell, str):
        return re.fullmatch(r"[-+]?[0-9][0-9,]*(\.[0-9]+)?( %)?", cell) is not None
    return not isinstance(cell, bool | Picture)


def _examples(examples: Examples) -> str:
    source, target = _language(examples.source_language), _language(examples.target_language)
    marked = any(row.correct is not None for row in examples.rows)
    rows = "\n".join(
        f"<tr><td{source}>{escape(row.source)}</td><td{target}>{escape(row.prediction)}</td><td{target}>{escape(row.reference)}</td>"
        + (f'<td class="mark">{_MARKS[row.correct]}</td>' if marked else "")
        + "</tr>"
        for row in examples.rows
    )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in examples.columns)
    head += '<th scope="col" class="mark">right</th>' if marked else ""
    return _scrolling(examples.title, f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>", kind=' class="examples"')


_MARKS = {
    True: '<span class="right" role="img" aria-label="right">✓</span>',
    False: '<span class="wrong" role="img" aria-label="wrong">✗</span>',
    None: "",
}


def _scrolling(title: str, content: str, kind: str = "") -> str:
    """A table that scrolls by itself on a narrow screen; its caption repeats the heading for screen readers only."""
    return (
        f'<div class="scroll" role="region" aria-label="{escape(title)}" tabindex="0">'
        f'<table{kind}>\n<caption class="spoken">{escape(title)}</caption>\n{content}\n</table></div>'
    )


def _language(code: str | None) -> str:
    return f' lang="{escape(code)}"' if code else ""


def _shown(value: Cell) -> str:
    """A value as a reader expects it: numbers short and grouped, yes and no for truth, a dash for nothing.

    >>> _shown(0.99412345), _shown(1234567), _shown(True), _shown(None)
    ('0.9941', '1,234,567', 'yes', '–')
    """
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Picture():
            return f'<img class="picture" src="data:image/png;base64,{escape(value.png)}" alt="{escape(value.words)}">'
        case float():
            return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
        case _:
            return escape(value)
