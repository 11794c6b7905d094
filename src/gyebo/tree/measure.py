"""How wide a text is when it is drawn, near enough to leave room for it: no two machines have the same fonts."""

from __future__ import annotations

import unicodedata

__all__ = ["shortened", "text_width", "wrapped"]

NARROW, WIDE = frozenset("iljtfrI.,:;'|!()[] -"), frozenset("mwMW@%")


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line in a sans-serif font, on the generous side.

    >>> text_width("계보", 10) > text_width("il", 10)
    True
    """
    ems = sum(_ems(letter) for letter in text)
    return ems * size * (1.06 if bold else 1.0)


def _ems(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 0.96
    if letter in NARROW:
        return 0.36
    if letter in WIDE:
        return 0.9
    return 0.7 if letter.isupper() else 0.58


def wrapped(text: str, width: float, size: float) -> list[str]:
    """The text in lines that are no wider, broken between words.

    >>> wrapped("gates keep the gradient alive", 90, 10)
    ['gates keep the', 'gradient alive']
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def shortened(text: str, width: float, size: float) -> str:
    """The text, or as much of it as fits before three dots.

    >>> shortened("a name that does not fit", 60, 10)
    'a name th…'
    """
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"
