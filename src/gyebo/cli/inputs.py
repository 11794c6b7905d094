"""Texts or images to predict or to look into: from arguments, a file or standard input, checked before anything is computed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gyebo.data.formats import split_lines
from gyebo.data.text import decode_text, read_text
from gyebo.errors import UsageError, disk_errors
from gyebo.tasks.text import check_input

__all__ = ["image_paths", "read_inputs", "read_texts"]


def read_inputs(reads: Literal["text", "images"], words: Sequence[str], file: Path | None) -> list[str]:
    """The inputs of a task that reads texts, or images: see `read_texts` and `image_paths`."""
    return read_texts(words, file) if reads == "text" else image_paths(words, file)


def image_paths(words: Sequence[str], file: Path | None) -> list[str]:
    """The images given as arguments, of which a folder stands for all in it; else those that the lines of a file, or of standard
    input, name.

    Raises UsageError where one is not there, a folder holds no image, or no image at all is named.
    """
    named = read_texts(words, file)
    return [path for word in named for path in _images_at(Path(word).expanduser())]


def _images_at(path: Path) -> list[str]:
    from gyebo.data.image_folders import IMAGE_ENDINGS

    with disk_errors(path, "looking for"):
        if path.is_file():
            return [str(path)]
        if not path.is_dir():
            raise UsageError(f"There is no image {str(path)!r}. Give paths of images, or of folders that hold them.")
        found = sorted(str(inside) for inside in path.rglob("*") if inside.suffix.lower() in IMAGE_ENDINGS and inside.is_file())
    if not found:
        raise UsageError(f"The folder {path} holds no image ({', '.join(IMAGE_ENDINGS)}). Give paths of images.")
    return found


def read_texts(texts: Sequence[str], file: Path | None) -> list[str]:
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
