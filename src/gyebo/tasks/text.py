"""What tasks on text share: inputs that can be read, and vocabularies in a run folder."""

from __future__ import annotations

from pathlib import Path

from gyebo.data.vocabulary import MAX_VOCABULARY_FILE, Vocabulary
from gyebo.errors import GyeboError, UsageError

__all__ = ["check_input", "read_vocabulary"]

MAX_INPUT_CHARACTERS = 10_000


def check_input(text: str, number: int) -> None:
    """Raises UsageError where input `number` is empty, longer than MAX_INPUT_CHARACTERS, or not text."""
    if not text.strip():
        raise UsageError(f"Input {number} is empty. Give a sentence a line, and remove empty lines.")
    if len(text) > MAX_INPUT_CHARACTERS:
        raise UsageError(
            f"Input {number} has {len(text):,} characters; at most {MAX_INPUT_CHARACTERS:,} are read. Give a sentence a line:"
            " perhaps the line feeds are missing."
        )
    if "\0" in text:
        raise UsageError(
            f"Input {number} holds a NUL byte, so it is not text. Check that the file is UTF-8 and not UTF-16 or binary."
        )


def read_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary in a file.  Raises GyeboError where it is missing, too large or not one."""
    if not path.is_file():
        raise GyeboError(f"{path} is missing: the run folder is not complete. Restore the file, or train the run again.")
    if path.stat().st_size > MAX_VOCABULARY_FILE:
        raise GyeboError(f"{path} has {path.stat().st_size:,} bytes, more than a vocabulary can have. Restore it, or train again.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise GyeboError(f"{path} is not UTF-8 text ({error}). Restore it, or train the run again.") from error
    return Vocabulary.from_json(text, str(path))
