"""Tokens as labels: what cannot be seen is made visible, and what repeats stays apart because axes go by position."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence

__all__ = ["label_expression", "shortened", "visible_token", "width_in_em"]

_SIGNS = {" ": "␣", "\n": "¶", "\t": "→"}
_WIDE = {"W", "F"}  # of Unicode's East Asian widths: these letters fill a whole em
_JOINER = "\u200d"  # zero-width joiner: makes one emoji of several


def visible_token(token: str) -> str:
    """The token as a reader should see it: spaces and controls as signs, a lone accent on a dotted circle.

    >>> visible_token(" le"), visible_token(""), visible_token("\\x00"), visible_token("\\u0301")
    ('␣le', '∅', 'U+0000', '◌́')
    """
    if not token:
        return "∅"
    letters = "".join(_visible_letter(letter) for letter in token)
    return f"◌{letters}" if unicodedata.category(letters[0]).startswith("M") else letters


def _visible_letter(letter: str) -> str:
    if letter in _SIGNS:
        return _SIGNS[letter]
    category = unicodedata.category(letter)
    if category.startswith("Z"):  # the other spaces and line ends of Unicode
        return "␣" if category == "Zs" else "¶"
    if category.startswith("C") and letter != _JOINER:  # controls, half surrogate pairs, letters not assigned yet
        return f"U+{ord(letter):04X}"
    return letter


def width_in_em(text: str) -> float:
    """How wide the text is when set in a sans serif, roughly: a Hangul syllable is one em, a Latin letter 0.6.

    >>> width_in_em("년"), width_in_em("annee")
    (1.0, 3.0)
    """
    tenths = sum(10 if unicodedata.east_asian_width(letter) in _WIDE else 6 for letter in text if not unicodedata.combining(letter))
    return tenths / 10


def shortened(text: str, most_em: float) -> str:
    """The text, or where it is wider than so many em its beginning and an ellipsis.

    Vega would do this too, but it cuts letters beyond U+FFFF in halves, and fails on them.
    >>> shortened("économique", 4), shortened("년월", 4)
    ('écono…', '년월')
    """
    if width_in_em(text) <= most_em:
        return text
    kept = text
    while kept and width_in_em(kept) > most_em - 1:
        kept = kept[:-1]
    return f"{kept}…"


def label_expression(tokens: Sequence[str], position: str, most_em: float = math.inf) -> str:
    """A Vega expression that gives the visible token at a position, `shortened`, for axes that go by position.

    The list stands in the expression as pure ASCII, so that no letter of a token can end the string it stands in.

    >>> label_expression(["a", '"'], "datum.value")
    '["a", "\\\\""][datum.value]'
    """
    return f"{json.dumps([shortened(visible_token(token), most_em) for token in tokens])}[{position}]"
