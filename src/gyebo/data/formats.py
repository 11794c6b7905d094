"""The user's own files of sentence pairs: two line-aligned files, TSV, CSV or JSON Lines, each also as .gz.

Which columns are read, in TSV and CSV:

* By name.  Where `source` or `target` is a name, the first row must be a header that holds it.
* By position.  Where both are numbers (counted from 1) or empty (columns 1 and 2), the first row is a sentence pair
  like the others, unless its two cells are two different known column names: "source" and "target", "src" and "tgt"
  or "trg", or two language codes such as "en" and "ko".  A row taken for a header is mentioned in the notes.

TSV knows no quotes: a tab ends a cell and a line feed ends a row.  CSV is RFC 4180: commas, and double quotes around
cells that hold commas, quotes or line feeds.  JSON Lines hold one object a line, with the keys "source" and "target",
or others given by name, or {"translation": {"de": "...", "en": "..."}} with languages given by name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gyebo.data.languages import LANGUAGE_CODES, language_of_file
from gyebo.data.text import read_text
from gyebo.errors import UsageError, did_you_mean

__all__ = ["MAX_LINE_CHARACTERS", "Row", "Table", "csv_rows", "read_pairs", "split_lines", "tsv_rows"]

MAX_LINE_CHARACTERS = 10_000  # a text longer than this is no sentence: mostly an unbroken file or a lost quote

_KNOWN_HEADERS = LANGUAGE_CODES | {"source", "target", "src", "tgt", "trg"}

Row: TypeAlias = tuple[int, list[str]]
"""The line where a row begins, and its cells."""


@dataclass(frozen=True)
class Table:
    """Pairs as they stand in a file, not yet normalised; languages are "" where nothing tells them."""

    rows: list[tuple[str, str]]
    source_language: str = ""
    target_language: str = ""
    notes: tuple[str, ...] = ()


def read_pairs(files: tuple[Path, ...], source: str = "", target: str = "") -> Table:
    """Read one table file, or two line-aligned text files.

    source, target: columns of a table, by name or by number counted from 1; languages of line-aligned files.
    Raises UsageError naming file, line and mend; DiskError where the file system refuses.
    """
    if len(files) == 2:
        table = _read_aligned(*files, source, target)
    elif len(files) == 1:
        table = _read_table(files[0], source, target)
    else:
        raise UsageError(
            f"{len(files)} files were given, but pairs come from one table (TSV, CSV, JSONL) or from two line-aligned "
            "text files, source and target."
        )
    if not table.rows:
        raise UsageError(f"{_names(files)}: 0 pairs in it. The file is empty; give one with a sentence pair a line.")
    return table


def _names(files: tuple[Path, ...]) -> str:
    return " and ".join(str(file) for file in files)


def _read_table(path: Path, source: str, target: str) -> Table:
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    match name.suffix.lower():
        case ".tsv" | ".txt":
            return _columns(path, list(tsv_rows(path)), source, target)
        case ".csv":
            return _columns(path, list(csv_rows(path)), source, target)
        case ".jsonl" | ".ndjson":
            return _read_jsonl(path, source, target)
        case _:
            raise UsageError(
                f"The ending of {path} does not tell its format: .tsv, .csv and .jsonl were expected (each also with "
                ".gz). Rename it, or name two line-aligned text files, source and target."
            )


# Line-aligned files


def split_lines(text: str) -> list[str]:
    """The lines of a text, ended by line feeds alone (or CR LF): other separators of Unicode stay inside a line.

    >>> split_lines("one\\r\\ntwo\\u2028half\\n")
    ['one', 'two\\u2028half']
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _read_aligned(source_path: Path, target_path: Path, source: str, target: str) -> Table:
    left, right = (split_lines(read_text(path)) for path in (source_path, target_path))
    if len(left) != len(right):
        raise UsageError(
            f"{source_path} has {len(left):,} lines but {target_path} has {len(right):,}: line-aligned files need "
            "equally many, line i translating line i. Find the line that one of them lacks, or use one TSV file."
        )
    for path, lines in ((source_path, left), (target_path, right)):
        for number, line in enumerate(lines, start=1):
            _check_length(line, path, number)
    return Table(
        rows=list(zip(left, right, strict=True)),
        source_language=source or language_of_file(source_path),
        target_language=target or language_of_file(target_path),
    )


def _check_length(text: str, path: Path, line: int) -> None:
    if len(text) > MAX_LINE_CHARACTERS:
        raise UsageError(
            f"{path}, line {line} has a text of {len(text):,} characters, but at most {MAX_LINE_CHARACTERS:,} are "
            "read as one sentence. Break it into sentences, or remove it."
        )


# TSV and CSV


def tsv_rows(path: Path) -> Iterator[Row]:
    """The rows of a table whose cells are ended by tabs.  Raises what `read_text` raises."""
    for number, line in enumerate(split_lines(read_text(path)), start=1):
        if line.strip() or "\t" in line:  # a row of empty cells is an empty pair; a blank line is no row
            yield number, line.split("\t")


def csv_rows(path: Path) -> Iterator[Row]:
    """The rows of a table as of RFC 4180.  Raises UsageError with the line of the first fault, and what `read_text` raises."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells and (len(cells) > 1 or cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(
            f"{path}: the row that begins in line {line} is not CSV: {error}. A cell that holds commas, quotes or line "
            'ends stands in double quotes, with each quote inside it doubled: "She said ""hi"", and left."'
        ) from error


def _columns(path: Path, rows: list[Row], source: str, target: str) -> Table:
    if not rows:
        return Table([])
    first_line, first = rows[0]
    header = [cell.strip() for cell in first]
    source, target = source or "1", target or "2"
    named = not (_is_number(source) and _is_number(target))
    left, right = (
        _position(column) if _is_number(column) else _named_column(path, first_line, header, column) for column in (source, target)
    )
    languages, notes = ("", ""), ()
    if max(left, right) < len(header) and (named or _looks_like_header(header[left], header[right])):
        languages, rows = (header[left], header[right]), rows[1:]
        if not named:
            notes = (f"The first row of {path} ({header[left]}, {header[right]}) was read as a header, not as a pair.",)
    if left == right:
        raise UsageError(f"{path}: source and target are both column {left + 1}. Name two different columns.")
    pairs: list[tuple[str, str]] = []
    for line, cells in rows:
        if len(cells) <= max(left, right):
            raise UsageError(_too_few_columns(path, line, cells, max(left, right) + 1))
        _check_length(cells[left], path, line)
        _check_length(cells[right], path, line)
        pairs.append((cells[left], cells[right]))
    return Table(pairs, languages[0], languages[1], notes)


def _is_number(column: str) -> bool:
    return column.isascii() and column.isdigit()


def _position(column: str) -> int:
    if int(column) == 0:
        raise UsageError("There is no column 0: columns are counted from 1. Give 1 for the first.")
    return int(column) - 1


def _named_column(path: Path, line: int, header: list[str], name: str) -> int:
    if name not in header:
        shown = ", ".join(repr(cell[:40]) for cell in header)
        raise UsageError(
            f"{path}, line {line} has no column {name!r}; the columns there are {shown}. "
            f"{did_you_mean(name, [cell[:40] for cell in header])} Columns may also be given by number, counted from 1."
        )
    return header.index(name)


def _looks_like_header(left: str, right: str) -> bool:
    names = {left.lower(), right.lower()}
    return len(names) == 2 and names <= _KNOWN_HEADERS


def _too_few_columns(path: Path, line: int, cells: list[str], needed: int) -> str:
    hint = " In a .csv file, commas separate columns, not semicolons." if ".csv" in path.name and ";" in cells[0] else ""
    return (
        f"{path}, line {line} has {len(cells)} column{'s' if len(cells) > 1 else ''}, but column {needed} is wanted."
        f"{hint} Complete the row, or choose other columns with pairs.source and pairs.target."
    )


# JSON Lines


def _read_jsonl(path: Path, source: str, target: str) -> Table:
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(split_lines(read_text(path)), start=1):
        if line.strip():
            record = _json_object(path, number, line)
            pairs.append(
                (
                    _json_text(path, number, record, source or "source"),
                    _json_text(path, number, record, target or "target"),
                )
            )
    return Table(pairs, source, target)


def _json_object(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path}, line {line} is not JSON: {error}. JSON Lines hold one whole object a line, such as "
            '{"source": "Go.", "target": "Va !"}'
        ) from error
    if not isinstance(record, dict):
        raise UsageError(
            f"{path}, line {line} holds a JSON {type(record).__name__}, but an object was expected, such as "
            '{"source": "Go.", "target": "Va !"}'
        )
    return record


def _json_text(path: Path, line: int, record: dict[str, Any], key: str) -> str:
    translation = record.get("translation")
    fields = translation if key not in record and isinstance(translation, dict) else record
    if key not in fields:
        raise UsageError(
            f"{path}, line {line} has no key {key!r}. {did_you_mean(key, fields) if fields else 'It is empty.'} "
            "Choose keys with pairs.source and pairs.target."
        )
    text = fields[key]
    if not isinstance(text, str):
        raise UsageError(f"{path}, line {line}: {key!r} is of JSON type {type(text).__name__}, but a text was expected. Quote it.")
    if "\0" in text:
        raise UsageError(f"{path}, line {line}: {key!r} holds a NUL character, which text never does. Remove it.")
    if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UsageError(
            f"{path}, line {line}: {key!r} holds one half of a \\u surrogate pair, which is no letter. "
            "Write the file again as UTF-8."
        )
    _check_length(text, path, line)
    return text
