"""What may be given to a task on text; checked without torch, so that the command line refuses bad input at once."""

from __future__ import annotations

from gyebo.data.formats import MAX_LINE_CHARACTERS
from gyebo.errors import UsageError

__all__ = ["check_input"]


def check_input(text: str, where: str) -> str:
    """The text, if it is one that a task can read; where: what it is, for the error message, such as "mine.txt, line 3".

    Raises UsageError where it is empty, longer than MAX_LINE_CHARACTERS, or not text.

    >>> check_input("le 3 mars", "Input 1")
    'le 3 mars'
    """
    if not text.strip():
        raise UsageError(f"{where} is empty. Give one text a line, and remove empty lines.")
    if len(text) > MAX_LINE_CHARACTERS:
        raise UsageError(
            f"{where} has {len(text):,} characters, but at most {MAX_LINE_CHARACTERS:,} are read as one text. Give one sentence a line:"
            " perhaps the line feeds are missing."
        )
    if "\0" in text:
        raise UsageError(f"{where} holds a NUL byte, so it is not text. Check that it is UTF-8, and not UTF-16 or binary.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # how Python hands over bytes that are not UTF-8
        raise UsageError(f"{where} is not UTF-8 text: {text[:40]!a}. Convert it to UTF-8.")
    return text
