"""Positions: the vectors that tell a model where a token stands, and how alike those of near and far positions are."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import CATEGORIES, DIVERGING, INK

__all__ = ["MAX_POSITIONS", "positions", "similarity"]

MAX_POSITIONS = 128
_MAX_COLUMNS = 512  # of a heat map; of wider vectors an even sample of the numbers is drawn

_MAP_WIDTH, _MAP_HEIGHT = 520, 300
_CURVE_HEIGHT = 170
_CAPTION = (
    "Left: the vector of each position, top to bottom, with its numbers from left to right; orange is below zero. Right: the dot product "
    "of the vectors of two positions, as a share of that of a vector with itself, by the distance between them: the line is the mean over "
    "all pairs, the band holds the middle 80 %."
)


def similarity(vectors: ArrayLike) -> np.ndarray:
    """p_i . p_{i+k} over the mean of p_i . p_i, for each distance k: (T, D) -> (T, 3), the mean, and the 10th and 90th percentiles.

    >>> similarity([[1.0, 0.0], [0.0, 1.0]]).tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    array = np.asarray(vectors, dtype=np.float64)
    products = array @ array.T
    products /= np.trace(products) / len(array)
    diagonals = [np.diagonal(products, distance) for distance in range(len(array))]
    return np.array([[each.mean(), *np.percentile(each, [10, 90])] for each in diagonals])


def positions(tables: Mapping[str, ArrayLike]) -> Figure:
    """For each table of positions a heat map, and beside it similarity by distance.

    tables: name -> (T, D), a row for each position.
    Raises ValueError where there is none, it has another shape, has too many positions to be drawn, is zero or not finite.

    >>> positions({"waves": [[0.0, 1.0], [0.8, 0.5]]}).data["tables"]["waves"]["vectors"]
    [[0.0, 1.0], [0.8, 0.5]]
    """
    if not tables:
        raise ValueError("There are no positions to draw: give at least one table.")
    arrays = {name: _checked(name, table) for name, table in tables.items()}
    alike = {name: similarity(array) for name, array in arrays.items()}
    data = {
        "tables": {
            name: {
                "vectors": array.tolist(),
                **dict(zip(("similarity", "percentile_10", "percentile_90"), alike[name].T.tolist(), strict=True)),
            }
            for name, array in arrays.items()
        }
    }
    rows = [
        alt.hconcat(_heat_map(array), _curve(alike[name]), spacing=40)
        .resolve_legend(color="independent")  # beside its own map
        .properties(title=alt.TitleParams(clean(name), fontSize=12, color=INK, offset=8, anchor="start"))
        for name, array in arrays.items()
    ]
    chart = alt.vconcat(*rows, spacing=30).resolve_scale(color="independent", x="independent", y="independent")
    wide = any(array.shape[1] > _MAX_COLUMNS for array in arrays.values())
    caption = f"{_CAPTION} Of wider vectors, {_MAX_COLUMNS} evenly sampled numbers are drawn." if wide else _CAPTION
    return figure_of("positions", "Where a token stands", caption, data, chart)


def _checked(name: str, table: ArrayLike) -> np.ndarray:
    array = np.asarray(table, dtype=np.float64)
    if array.ndim != 2 or not 1 <= len(array) <= MAX_POSITIONS or not array.shape[1]:
        raise ValueError(
            f"The positions {name!r} have shape {array.shape}, but (T, D) was expected: from 1 to {MAX_POSITIONS} positions, with at "
            "least one number in each."
        )
    if not np.isfinite(array).all() or not array.any():
        raise ValueError(f"The positions {name!r} hold a value that is not finite, or are all zero.")
    return array


def _heat_map(array: np.ndarray) -> alt.Chart:
    num_positions, width = array.shape
    high = float(np.abs(array).max())
    drawn = np.linspace(0, width - 1, min(width, _MAX_COLUMNS)).round().astype(int)
    # Whole pixels: on fractions of one, white lines would show between the cells.
    cell_width, cell_height = max(1, min(24, _MAP_WIDTH // len(drawn))), max(2, min(24, _MAP_HEIGHT // num_positions))
    cells = [
        {"position": position, "number": drawn.tolist(), "value": row}
        for position, row in enumerate(np.round(array[:, drawn], 4).tolist())
    ]

    def axis(numbers: list[int]) -> alt.Axis:
        return alt.Axis(values=numbers[:: _stride(len(numbers))], labelAngle=0, ticks=False, domain=False, labelOverlap=False)

    return (
        alt.Chart(alt.Data(values=cells))
        .transform_flatten(["number", "value"])
        .mark_rect(strokeWidth=0, aria=False)
        .encode(
            x=alt.X("number:O", title="number in the vector", axis=axis(drawn.tolist())),
            y=alt.Y("position:O", title="position", axis=axis([*range(num_positions)])),
            color=alt.Color(
                "value:Q",
                title="value",
                scale=alt.Scale(domain=[-high, high], range=list(DIVERGING), interpolate="rgb"),
                legend=alt.Legend(gradientLength=90, gradientThickness=10, tickCount=3, format=".2~g"),
            ),
            tooltip=[alt.Tooltip("position:O"), alt.Tooltip("number:O"), alt.Tooltip("value:Q", format=".4f")],
        )
        .properties(width=cell_width * len(drawn), height=cell_height * num_positions)
    )


def _stride(size: int) -> int:
    """A round distance between labels that leaves about eight of them."""
    return next(stride for stride in (1, 2, 4, 8, 16, 32, 64) if size / stride <= 9)


def _curve(alike: np.ndarray) -> alt.LayerChart:
    rows = [
        {"distance": distance, "mean": mean, "low": low, "high": high}
        for distance, (mean, low, high) in enumerate(np.round(alike, 5).tolist())
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("distance:Q", title="distance between two positions", axis=alt.Axis(grid=False, tickMinStep=1, tickCount=8)),
        tooltip=[alt.Tooltip("distance:Q"), *(alt.Tooltip(f"{field}:Q", format=".3f") for field in ("mean", "low", "high"))],
    )
    scale = alt.Scale(domain=[min(0.0, float(alike.min())), max(1.0, float(alike.max()))], nice=True)
    band = base.mark_area(opacity=0.2, color=CATEGORIES[0]).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(color=CATEGORIES[0]).encode(
        y=alt.Y("mean:Q", title="dot product (share)", scale=scale, axis=alt.Axis(tickCount=5, domain=False, ticks=False))
    )
    return alt.LayerChart(layer=[band, line], width=320, height=_CURVE_HEIGHT)
