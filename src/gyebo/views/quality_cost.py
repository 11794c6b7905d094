"""Quality against cost: a point for each entrant of a comparison, with its interval over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import altair as alt

from gyebo.tasks.metric_wording import PERCENT, metric_name
from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import CATEGORIES, INK

__all__ = ["Entry", "quality_by_cost"]

WIDTH, HEIGHT = 300, 220


class Entry(Protocol):
    """What the figure asks of an entrant."""

    @property
    def entrant(self) -> str: ...
    @property
    def quality(self) -> Any:
        """with mean, low and high"""
        ...

    @property
    def parameters(self) -> int: ...
    @property
    def flops(self) -> float: ...


def quality_by_cost(entries: Sequence[Entry], metric: str) -> Figure:
    """Two panels: the metric by the number of parameters, and by the FLOPs of a training, both on logarithmic axes.

    Raises ValueError where there is nothing to draw.
    """
    if not entries:
        raise ValueError("There is nothing to compare: give at least one entrant.")
    rows = [
        {
            "entrant": clean(entry.entrant),
            "mean": entry.quality.mean,
            "low": entry.quality.low,
            "high": entry.quality.high,
            "parameters": entry.parameters,
            "flops": entry.flops,
        }
        for entry in entries
    ]
    names = [row["entrant"] for row in rows]
    panels = [_panel(rows, names, metric, "parameters", "parameters")]
    if all(row["flops"] for row in rows):
        panels.append(_panel(rows, names, metric, "flops", "FLOPs of a training"))
    caption = (
        f"{metric_name(metric)} on the test split of each entrant: the mean over the seeds, its 95 % confidence interval as a line, over"
        " what it costs. Whether up is better depends on the metric; to the left is cheaper."
    )
    data = {"metric": metric, "entrants": rows}
    return figure_of("quality-by-cost", "Quality against cost", caption, data, alt.hconcat(*panels))


def _panel(rows: list[dict[str, Any]], names: list[str], metric: str, field: str, title: str) -> alt.LayerChart:
    low, high = min(row[field] for row in rows), max(row[field] for row in rows)
    x = alt.X(
        f"{field}:Q",
        title=title,
        scale=alt.Scale(type="log", domain=[low / 2, high * 4], nice=False),
        axis=alt.Axis(format="~s", tickCount=4, grid=False),
    )
    axis = alt.Axis(tickCount=5, domain=False, ticks=False, format="%" if metric in PERCENT else "~g")
    y = alt.Y("mean:Q", title=metric_name(metric), scale=alt.Scale(zero=False), axis=axis)
    colours = [CATEGORIES[index % len(CATEGORIES)] for index in range(len(names))]
    color = alt.Color("entrant:N", scale=alt.Scale(domain=names, range=colours), legend=None)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=color)
    tooltip = [alt.Tooltip(f"{name}:{kind}") for name, kind in (("entrant", "N"), ("mean", "Q"), (field, "Q"))]
    interval = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=metric_name(metric)), y2="high:Q")
    point = base.mark_point(size=60, filled=True, opacity=1).encode(y=y, tooltip=tooltip)
    label = base.mark_text(align="left", dx=7, dy=-6, fontSize=11).encode(y=y, text="entrant:N", color=alt.value(INK))
    return alt.LayerChart(layer=[interval, point, label], width=WIDTH, height=HEIGHT)
