"""Texts to predict or to look into: from arguments, a file or standard input, checked before anything is computed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gyebo.data.formats import split_lines
from gyebo.data.text import decode_text, read_text
from gyebo.errors import UsageError
from gyebo.tasks.text import check_input

__all__ = ["read_inputs"]


def read_inputs(texts: Sequence[str], file: Path | None) -> list[str]:
    """The texts given as arguments; else the lines of the file; else those of standard input, which is read to its end.

    Raises UsageError naming file and line (or argument) for an empty text, a NUL character, bytes that are not UTF-8, and a text that
    is too long; and where both texts and a file are given, or nothing at all.
    """
    if texts and file is not None:
        raise UsageError(f"Both texts and --file {file} are given. Give one of them.")
    if texts:
        return [check_input(text, f"Text {number} of the command line") for number, text in enumerate(texts, 1)]
    where = "standard input" if file is None else str(file)
    lines = split_lines(_read_standard_input() if file is None else read_text(file))
    if not lines:
        raise UsageError(f"{where} is empty. Give one text a line, or write texts behind the run's name.")
    return [check_input(line, f"{where}, line {number}") for number, line in enumerate(lines, 1)]


def _read_standard_input() -> str:
    if sys.stdin.isatty():
        print("Type one text a line, and end with Ctrl-D.", file=sys.stderr)
    return decode_text(sys.stdin.buffer.read(), "standard input")
