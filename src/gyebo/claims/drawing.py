"""What the figures of claims have in common: means over the seeds as lines or dots, and each seed as a faint point behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from gyebo.views.theme import CATEGORIES, INK

__all__ = ["HEIGHT", "WIDTH", "faceted", "mean_lines", "mean_points", "seed_lines", "share", "threshold"]

WIDTH, HEIGHT = 380, 210

Row = Mapping[str, Any]


def share(field: str) -> alt.Y:
    """An axis for a share, from nothing to all."""
    axis = alt.Axis(tickCount=5, format="%", domain=False, ticks=False)
    return alt.Y(f"{field}:Q", title=field, scale=alt.Scale(domain=[0, 1]), axis=axis)


def mean_lines(rows: Sequence[Row], x: alt.X, y: alt.Y, line: str, names: Sequence[str]) -> alt.LayerChart:
    """One line a name over x, through the means over the seeds.

    line: the field that names the lines; names: all of them, in the order of the legend.
    """
    base = _base(rows, x, y).encode(color=_colour(line, names))
    return alt.LayerChart(
        layer=[_seeds(base, line), _means(base, y).mark_line(point={"size": 40, "filled": True})], width=WIDTH, height=HEIGHT
    )


def mean_points(rows: Sequence[Row], x: alt.X, y: alt.Y, line: str, names: Sequence[str]) -> alt.LayerChart:
    """As `mean_lines`, for an x whose values have no order: dots, and no line between them."""
    base = _base(rows, x, y).encode(color=_colour(line, names))
    return alt.LayerChart(
        layer=[_seeds(base, line), _means(base, y).mark_point(size=70, filled=True, opacity=1)], width=WIDTH, height=HEIGHT
    )


def seed_lines(rows: Sequence[Row], x: alt.X, y: alt.Y, line: str, names: Sequence[str]) -> alt.LayerChart:
    """A line for each name and seed: for curves that end at different x, of which no mean can be taken."""
    base = _base(rows, x, y).encode(color=_colour(line, names), detail="seed:O")
    return alt.LayerChart(layer=[base.mark_line(opacity=0.8), _seeds(base, line)], width=WIDTH, height=HEIGHT)


def threshold(value: float, words: str) -> alt.LayerChart:
    """A level that matters, with its name at the right end."""
    base = alt.Chart(alt.Data(values=[{"level": value, "words": words}]))
    rule = base.mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1).encode(y=alt.Y("level:Q"))
    label = base.mark_text(color=INK, align="right", dx=-4, dy=-6, fontSize=11, x="width").encode(y="level:Q", text="words:N")
    return alt.LayerChart(layer=[rule, label])


def faceted(charts: Sequence[alt.LayerChart | alt.Chart]) -> alt.HConcatChart:
    """Panels side by side, whose lines have the same names and so one legend."""
    return alt.hconcat(*charts).resolve_scale(color="shared")


def _base(rows: Sequence[Row], x: alt.X, y: alt.Y) -> alt.Chart:
    return alt.Chart(alt.Data(values=[dict(row) for row in rows])).encode(x=x, y=y)


def _colour(line: str, names: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(names), range=list(CATEGORIES[: len(names)]))
    return alt.Color(f"{line}:N", title=None, scale=scale, legend=alt.Legend(symbolType="circle", symbolOpacity=1, labelLimit=260))


def _seeds(base: alt.Chart, line: str) -> alt.Chart:
    return base.mark_point(size=22, filled=True, opacity=0.3).encode(tooltip=[alt.Tooltip(f"{line}:N"), alt.Tooltip("seed:O")])


def _means(base: alt.Chart, y: alt.Y) -> alt.Chart:
    return base.encode(y=y.aggregate("mean"))
