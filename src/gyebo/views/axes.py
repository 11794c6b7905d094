"""Axes that several views share."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from gyebo.views.theme import INK
from gyebo.views.tokens import label_expression, visible_token, width_in_em

__all__ = ["log_axis", "log_ticks", "short_number", "token_angle", "token_axis"]

MAX_TICKS = 8

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

LONGEST_LABEL = 160
"""pixels of a token beside an axis"""


def log_ticks(low: float, high: float) -> list[float]:
    """Round values that enclose low and high, both positive: 1, 2, 5 within two decades, else powers of ten.

    >>> log_ticks(0.4, 30), log_ticks(1e-12, 1e3)
    ([0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0], [1e-12, 1e-10, 1e-08, 1e-06, 0.0001, 0.01, 1.0, 100.0, 10000.0])
    """
    # Beyond these, a power of ten further out would not be a number any more.
    low, high = (min(max(value, 1e-200), 1e200) for value in (low, high))
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if high / low > 100:
        stride = next(stride for stride in (1, 2, 3, 5, 10, 20, 50, 100) if (last - first) / stride <= MAX_TICKS)
        last += -(last - first) % stride
        return [float(f"1e{exponent}") for exponent in range(first, last + 1, stride)]
    ticks = [float(f"{digit}e{exponent}") for exponent in range(first - 1, last + 2) for digit in (1, 2, 5)]
    below, above = max(tick for tick in ticks if tick <= low), min(tick for tick in ticks if tick >= high)
    return [tick for tick in ticks if below <= tick <= above] if below < above else [below / 10, below, below * 10]


def log_axis(ticks: Sequence[float], labels: Sequence[str]) -> alt.Axis:
    """A logarithmic axis with lines at the given values only, each with its label."""
    chosen = f"{json.dumps(list(labels))}[indexof({json.dumps(list(ticks))}, datum.value)]"
    return alt.Axis(values=list(ticks), labelExpr=chosen, labelOverlap=False, domain=False, ticks=False)


def short_number(number: float) -> str:
    """A tick's label: plain where it is short, else a power of ten.

    >>> short_number(0.02), short_number(1e-07), short_number(5e6)
    ('0.02', '10⁻⁷', '5·10⁶')
    """
    if 1e-3 <= number < 1e4:
        return f"{number:g}"
    digit, exponent = f"{number:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
    return power if digit == "1" else f"{digit}·{power}"


def token_angle(tokens: Sequence[str], font_size: float, cell: float) -> int:
    """Degrees for labels over columns of `cell` pixels: upright where every token fits, slanted, or on end.

    >>> token_angle(["3", "월"], 12, 28), token_angle(["économique"], 12, 28), token_angle(["economy"], 10, 11)
    (0, -45, -90)
    """
    widest = max(width_in_em(visible_token(token)) for token in tokens) * font_size
    if widest <= cell:
        return 0
    return -45 if cell >= 1.5 * font_size else -90


def token_axis(tokens: Sequence[str], font_size: float, orient: Any, angle: int) -> alt.Axis:
    """An axis over positions 0, 1, ... that shows the token of each; orient is Vega-Lite's: "top", "left", "bottom"."""
    return alt.Axis(
        orient=orient,
        labelExpr=label_expression(tokens, "datum.value", LONGEST_LABEL / font_size),
        labelAngle=angle,
        labelFontSize=font_size,
        labelLimit=0,
        labelOverlap=False,
        labelPadding=4,
        labelColor=INK,
        ticks=False,
        domain=False,
    )
