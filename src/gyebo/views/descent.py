"""Descent: the path of each update rule over the contour lines of a surface, and beside it the loss by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import altair as alt
import numpy as np
import torch
from numpy.typing import ArrayLike

from gyebo.training.surfaces import Surface
from gyebo.views.axes import log_axis, log_ticks, short_number
from gyebo.views.contours import contour_levels, contour_lines
from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import BEST, CATEGORIES, INK

__all__ = ["MAX_PATHS", "descent"]

MAX_PATHS = 12  # small panels on one page

_WIDTH, _HEIGHT = 240, 130
_LOSS_WIDTH = 150
_GRID = 121  # points along each side; finer shows no difference at this size
_NUM_LEVELS = 9
_DECADES = 8  # of the loss; what lies deeper is the same bottom
_DOTS_UP_TO = 100  # steps; more dots would run into each other
_PATHS, _CONTOURS = "paths", "contours"
_CONTOUR, _OTHERS = "#b9c1ca", "#ccd2d8"


def descent(surface: Surface, paths: Mapping[str, ArrayLike]) -> Figure:
    """For each path a small contour plot and its loss by step, over the losses of all others in grey.

    paths: name -> (T + 1, 2), the start and the point after each step, as `gyebo.training.descent_paths.paths` gives them.  What
    leaves the drawn part of the surface is cut off; points that are not finite are left out and counted in the heading.
    Raises ValueError where there is no path, there are too many, or one has another shape or no finite start.

    >>> from gyebo.training.surfaces import SURFACES
    >>> descent(SURFACES["bowl"], {"by hand": [[-7.0, 2.0], [-1.0, 0.5]]}).data["paths"]["by hand"]["losses"]
    [6.45, 0.3]
    """
    if not 1 <= len(paths) <= MAX_PATHS:
        raise ValueError(
            f"{len(paths)} paths came, but from 1 to {MAX_PATHS} can be drawn in one figure. Draw the others in another."
        )
    points = {name: _checked(name, path) for name, path in paths.items()}
    losses = {name: _losses(surface, path) for name, path in points.items()}
    rows = [
        {"path": number, "step": step, "x": float(f"{x:.6g}"), "y": float(f"{y:.6g}"), "loss": float(f"{loss:.6g}")}
        for number, name in enumerate(points)
        for step, ((x, y), loss) in enumerate(zip(points[name].tolist(), losses[name].tolist(), strict=True))
        if np.isfinite([x, y, loss]).all()
    ]
    loss_axis = _loss_axis(surface, losses)
    cells = [
        alt.hconcat(_map(surface, number, len(points[name])), _loss(number, loss_axis), spacing=16).properties(
            title=alt.TitleParams(clean(_heading(name, losses[name])), fontSize=12, color=INK, offset=6, anchor="start")
        )
        for number, name in enumerate(points)
    ]
    chart = alt.concat(*cells, columns=min(2, len(cells)), spacing=26)
    data = {
        "surface": {"title": surface.title, "formula": surface.formula, "start": surface.start, "minimum": surface.minimum},
        "paths": {name: {"points": _plain(points[name]), "losses": _plain(losses[name])} for name in points},
    }
    figure = figure_of("descent", f"{surface.title}: f = {surface.formula}", _caption(surface), data, chart)
    # Written once, and after the check of the chart: many panels draw from the same numbers.
    return replace(figure, spec=figure.spec | {"datasets": {_PATHS: rows, _CONTOURS: _contours(surface)}})


def _caption(surface: Surface) -> str:
    ground = "the green cross is the minimum" if surface.minimum else "there is no minimum: f falls for ever"
    height = "f above its minimum, on a logarithmic axis," if surface.minimum else "f"
    return (
        f"Left: the way of each rule over the contour lines of f, a dot for each step, from the ring on; {ground}. Right: {height}"
        " by step, with the other rules in grey."
    )


def _heading(name: str, losses: np.ndarray) -> str:
    last, num_steps = losses[-1], len(losses) - 1
    return f"{name}: " + (
        f"f = {last:.2g} after {num_steps:,} steps" if np.isfinite(last) else f"not finite after {num_steps:,} steps"
    )


def _checked(name: str, path: ArrayLike) -> np.ndarray:
    array = np.asarray(path, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array) or not np.isfinite(array[0]).all():
        raise ValueError(
            f"The path {name!r} has shape {array.shape}, but (T + 1, 2) was expected: a finite start, and an x and a y after each step."
        )
    return array


def _losses(surface: Surface, points: np.ndarray) -> np.ndarray:
    return surface(torch.from_numpy(points)).numpy()


def _plain(array: np.ndarray) -> list:
    """Numbers as JSON has them: None for what is not finite."""
    return np.where(np.isfinite(array), array, np.array(None)).tolist()


def _contours(surface: Surface) -> list[dict[str, float]]:
    horizontal, vertical = np.linspace(*surface.horizontal, _GRID), np.linspace(*surface.vertical, _GRID)
    heights = _losses(surface, np.stack(np.meshgrid(horizontal, vertical), -1))
    lines = [
        line
        for level in contour_levels(heights, _NUM_LEVELS)
        for line in contour_lines(horizontal.tolist(), vertical.tolist(), heights, level)
    ]
    return [
        {"line": number, "place": place, "x": round(x, 4), "y": round(y, 4)}
        for number, line in enumerate(lines)
        for place, (x, y) in enumerate(line)
    ]


def _map(surface: Surface, number: int, num_points: int) -> alt.LayerChart:
    """One path over the contour lines."""
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=list(surface.horizontal)), axis=alt.Axis(grid=False, tickCount=4))
    y = alt.Y("y:Q", title="y", scale=alt.Scale(domain=list(surface.vertical)), axis=_above(alt.Axis(grid=False, tickCount=4)))
    lines = (
        alt.Chart(alt.NamedData(_CONTOURS))
        .mark_line(color=_CONTOUR, strokeWidth=0.8, clip=True, aria=False)
        .encode(x=x, y=y, detail="line:N", order="place:Q")
    )
    own = alt.Chart(alt.NamedData(_PATHS)).transform_filter(f"datum.path === {number}").encode(x=x, y=y)
    way = own.mark_line(color=CATEGORIES[0], strokeWidth=1.3, clip=True).encode(order="step:Q")
    dots = own.mark_point(
        color=CATEGORIES[0], filled=True, size=12, opacity=1.0 if num_points <= _DOTS_UP_TO + 1 else 0.0, clip=True
    ).encode(tooltip=[alt.Tooltip("step:Q"), *(alt.Tooltip(f"{field}:Q", format=".4~g") for field in ("x", "y", "loss"))])
    start = _mark(surface.start, x, y).mark_point(shape="circle", color=INK, size=55)
    if surface.minimum is None:
        return alt.LayerChart(layer=[lines, way, dots, start], width=_WIDTH, height=_HEIGHT)
    minimum = _mark(surface.minimum, x, y).mark_point(shape="cross", color=BEST, size=70, filled=True, opacity=1)
    return alt.LayerChart(layer=[lines, way, dots, start, minimum], width=_WIDTH, height=_HEIGHT)


def _above(axis: alt.Axis) -> alt.Axis:
    """The title of an upright axis upright and at its top, where no label comes."""
    axis.titleAngle, axis.titleAlign, axis.titleBaseline, axis.titleX, axis.titleY = 0, "right", "bottom", -8, -8
    return axis


def _mark(point: tuple[float, float], x: alt.X, y: alt.Y) -> alt.Chart:
    return alt.Chart(alt.Data(values=[{"x": point[0], "y": point[1]}])).encode(x=x, y=y)


def _loss_axis(surface: Surface, losses: Mapping[str, np.ndarray]) -> tuple[str, alt.Y]:
    """The height to draw, as an expression, and its axis, the same for all panels."""
    finite = np.concatenate([each[np.isfinite(each)] for each in losses.values()])
    start = max(float(each[0]) for each in losses.values())
    if surface.minimum is None:
        lowest = float(_losses(surface, np.array([[0.0, max(map(abs, surface.vertical))]]))[0])
        scale = alt.Scale(domain=[max(lowest, float(finite.min())), start], nice=True)
        return "datum.loss", alt.Y(
            "height:Q", title="f", scale=scale, axis=_above(alt.Axis(tickCount=4, domain=False, ticks=False))
        )
    ground = float(_losses(surface, np.array([surface.minimum]))[0])
    heights = finite - ground
    highest = max(start - ground, 1e-12)
    ticks = log_ticks(max(float(heights[heights > 0].min(initial=highest)), highest / 10**_DECADES), highest)
    axis = _above(log_axis(ticks, [short_number(tick) for tick in ticks]))
    scale = alt.Scale(type="log", domain=[ticks[0], ticks[-1]])
    return f"max(datum.loss - {ground!r}, {ticks[0] / 10!r})", alt.Y("height:Q", title="f", scale=scale, axis=axis)


def _loss(number: int, loss_axis: tuple[str, alt.Y]) -> alt.LayerChart:
    """The loss of one path by step, over those of all."""
    height, y = loss_axis
    base = (
        alt.Chart(alt.NamedData(_PATHS))
        .transform_calculate(height=height)
        .encode(x=alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickCount=4)), y=y)
    )
    others = base.mark_line(color=_OTHERS, strokeWidth=0.8, clip=True, aria=False).encode(detail="path:N")
    own = base.transform_filter(f"datum.path === {number}").mark_line(color=CATEGORIES[0], strokeWidth=1.8, clip=True)
    return alt.LayerChart(layer=[others, own], width=_LOSS_WIDTH, height=_HEIGHT)
