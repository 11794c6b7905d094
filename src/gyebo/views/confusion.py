"""Confusion matrix: what the images of each class were taken for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import HAIRLINE, INK, SEQUENTIAL
from gyebo.views.tokens import width_in_em

__all__ = ["confusion"]

MAX_CLASSES = 100  # beyond this a cell is smaller than a printed dot
MOST_WITH_NUMBERS = 16  # classes whose cells still have room for their numbers
LONGEST_LABEL = 20  # letters of a class beside an axis

_CAPTION = (
    "A row holds the images with the label on its left, a column those taken for the class above it. The grey diagonal is right;"
    " the darker another cell, the larger the share of its row that was taken for that class."
)


def confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Figure:
    """The confusion matrix as a heat map of the mistakes.

    counts: (K, K), images of the class of the row that were taken for the class of the column.
    The diagonal has a shade of its own, or nothing else would be seen beside it.
    Raises ValueError where there are fewer than two classes or more than 100, or the counts are not one row and column a class.

    >>> confusion(["cat", "dog"], [[4, 1], [0, 5]]).data["counts"]
    [[4, 1], [0, 5]]
    """
    matrix = np.asarray(counts)
    num_classes = len(classes)
    if not 2 <= num_classes <= MAX_CLASSES:
        raise ValueError(f"A confusion matrix of {num_classes} classes cannot be drawn; give 2 to {MAX_CLASSES}.")
    if matrix.shape != (num_classes, num_classes) or matrix.dtype.kind not in "iu" or matrix.min() < 0:
        raise ValueError(
            f"{num_classes} classes need as many rows and columns of counts from 0, but their shape is {matrix.shape}."
        )
    shares = matrix / np.maximum(1, matrix.sum(1, keepdims=True))
    names = [clean(name) for name in classes]
    rows = [
        {
            "row": row,
            "column": column,
            "label": names[row],
            "predicted": names[column],
            "images": int(matrix[row, column]),
            "share": float(shares[row, column]),
        }
        for row in range(num_classes)
        for column in range(num_classes)
    ]
    data = {"classes": list(classes), "counts": matrix.tolist()}
    return figure_of("confusion", "Confusion matrix", _CAPTION, data, _chart(rows, names))


def _chart(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    largest = max(row["share"] for row in rows if row["row"] != row["column"]) or 1.0
    cell = int(np.clip(560 / len(names), 6, 44))
    short = [name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…" for name in names]
    font_size = min(12.0, cell - 1.0)
    upright = max(map(width_in_em, short)) * font_size <= cell
    place = {
        "x": alt.X("column:O", title="taken for", axis=_axis(short, font_size, "top", 0 if upright else -90)),
        "y": alt.Y("row:O", title="label", axis=_axis(short, font_size, "left", 0)),
    }
    base = alt.Chart(alt.Data(values=list(rows)), width=cell * len(names), height=cell * len(names))
    told = [alt.Tooltip("label:N"), alt.Tooltip("predicted:N"), alt.Tooltip("images:Q"), alt.Tooltip("share:Q", format=".2%")]
    mistakes = (
        base.transform_filter("datum.row != datum.column")
        .mark_rect(stroke=HAIRLINE, strokeWidth=0.5, aria=False)
        .encode(
            **place,
            color=alt.Color(
                "share:Q",
                title="share of the row",
                scale=alt.Scale(domain=[0, largest], range=list(SEQUENTIAL), interpolate="rgb"),
                legend=alt.Legend(gradientLength=90, gradientThickness=10, tickCount=2, format=".1%"),
            ),
            tooltip=told,
        )
    )
    right = (
        base.transform_filter("datum.row == datum.column")
        .mark_rect(color=HAIRLINE, stroke="#ffffff", strokeWidth=0.5, aria=False)
        .encode(**place, tooltip=told)
    )
    layers = [mistakes, right]
    if len(names) <= MOST_WITH_NUMBERS:
        numbers = base.transform_filter("datum.images > 0").mark_text(fontSize=11, aria=False)
        white = f"datum.row != datum.column && datum.share > {largest / 2}"
        color = alt.condition(white, alt.value("#ffffff"), alt.value(INK))
        layers.append(numbers.encode(**place, text=alt.Text("images:Q", format=","), color=color))
    return alt.layer(*layers)


def _axis(names: Sequence[str], font_size: float, orient: Any, angle: int) -> alt.Axis:
    return alt.Axis(
        orient=orient,
        labelExpr=f"{json.dumps(list(names))}[datum.value]",
        labelAngle=angle,
        labelFontSize=font_size,
        labelLimit=0,
        labelOverlap=False,
        ticks=False,
        domain=False,
    )
