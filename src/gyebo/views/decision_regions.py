"""Decision regions: which class a model gives to every point of a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray

from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import CATEGORIES, INK

__all__ = ["decision_regions"]

CELLS = 81
SIDE = 324
FAINTEST = 0.15
"""how much of its colour a point of no certainty has"""


def decision_regions(
    probabilities: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    classes: Sequence[str],
    points: Sequence[tuple[float, float, str]],
    extent: tuple[float, float, float, float],
    axes: tuple[str, str] = ("", ""),
) -> Figure:
    """The most probable class at every point of a rectangle, the paler the less probable, with named points on it.

    probabilities: (P, 2) points -> (P, K).  points: (x, y, label).  extent: left, right, bottom, top.
    Where more classes are in view than there are colours, those with the smallest regions are one, "another class", in grey.
    Raises ValueError for an empty rectangle.
    """
    left, right, bottom, top = extent
    if not (left < right and bottom < top):
        raise ValueError(f"extent={extent} is no rectangle: left < right and bottom < top were expected.")
    xs, ys = (np.linspace(low, high, CELLS + 1) for low, high in ((left, right), (bottom, top)))
    middle_x, middle_y = (edges[:-1] + np.diff(edges) / 2 for edges in (xs, ys))
    grid = np.stack(np.meshgrid(middle_x, middle_y), axis=-1).reshape(-1, 2)  # (P, 2), x fastest
    p = probabilities(grid)
    best = p.argmax(1)
    shown = [int(place) for place in np.argsort(-np.bincount(best, minlength=len(classes)), kind="stable") if (best == place).any()]
    if len(shown) > len(CATEGORIES):
        shown = shown[: len(CATEGORIES)]
    names = [clean(classes[place]) for place in shown]
    others = "another class"
    index = {place: number for number, place in enumerate(shown)}
    rows = [
        {
            "x": round(float(xs[place % CELLS]), 5),
            "x2": round(float(xs[place % CELLS + 1]), 5),
            "y": round(float(ys[place // CELLS]), 5),
            "y2": round(float(ys[place // CELLS + 1]), 5),
            "class": names[index[kind]] if kind in index else others,
            "certainty": round(float(p[place, kind]), 4),
        }
        for place, kind in enumerate(best.tolist())
    ]
    domain, colours = names, list(CATEGORIES[: len(names)])
    if any(row["class"] == others for row in rows):
        domain, colours = [*names, others], [*colours, "#c0c4c8"]
    x = alt.X(
        "x:Q", title=axes[0] or None, scale=alt.Scale(domain=[left, right], nice=False), axis=alt.Axis(grid=False, tickCount=5)
    )
    y = alt.Y(
        "y:Q", title=axes[1] or None, scale=alt.Scale(domain=[bottom, top], nice=False), axis=alt.Axis(grid=False, tickCount=5)
    )
    regions = (
        alt.Chart(alt.Data(values=rows))
        .mark_rect(strokeWidth=0, aria=False)
        .encode(
            x=x,
            x2="x2:Q",
            y=y,
            y2="y2:Q",
            color=alt.Color("class:N", title=None, scale=alt.Scale(domain=domain, range=colours)),
            opacity=alt.Opacity(
                "certainty:Q", legend=None, scale=alt.Scale(domain=[1 / max(2, p.shape[1]), 1], range=[FAINTEST, 0.85], clamp=True)
            ),
        )
    )
    marks = alt.Chart(alt.Data(values=[{"x": px, "y": py, "label": clean(label)} for px, py, label in points]))
    dots = marks.mark_point(size=60, filled=True, color=INK, opacity=1).encode(x="x:Q", y="y:Q")
    labels = marks.mark_text(dy=-11, fontSize=11, fontWeight="bold", color=INK).encode(x="x:Q", y="y:Q", text="label:N")
    caption = (
        "The most probable class at every point of the plane; the paler, the less sure. Where two colours meet, the model changes its"
        " mind."
    )
    data = {"classes": names, "shares": {classes[place]: round(float((best == place).mean()), 4) for place in shown}}
    chart = alt.LayerChart(layer=[regions, dots, labels], width=SIDE, height=SIDE)
    return figure_of("decision-regions", "Decision regions", caption, data, chart)
