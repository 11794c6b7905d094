"""How far a gradient travels back in time: its norm by the number of steps, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from gyebo.views.axes import log_axis, log_ticks, short_number
from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import CATEGORIES

__all__ = ["gradient_norms"]

_WIDTH, _HEIGHT = 560, 280
_DOTS_UP_TO = 40  # steps; more dots would run into each other


def gradient_norms(norms: Mapping[str, ArrayLike]) -> Figure:
    """Norm of the gradient by the distance to the step whose loss it comes from, one line for each model.

    norms: name -> (T,), where entry k is the norm of dL/dh at k steps before the loss (Pascanu, Mikolov and Bengio
    2013, 1211.5063, section 2). A norm of exactly zero, which a logarithmic axis cannot hold, is a triangle on a line
    of its own at the bottom.
    Raises ValueError where nothing is given, an array is not one line of numbers, or a norm is negative or not finite.

    >>> gradient_norms({"rnn": [1.0, 0.1, 0.0]}).data["norms"]
    {'rnn': [1.0, 0.1, 0.0]}
    """
    if not norms:
        raise ValueError("There are no gradient norms to draw: give at least one model.")
    if len(norms) > len(CATEGORIES):
        raise ValueError(f"{len(norms)} lines cannot be told apart in one figure; give at most {len(CATEGORIES)} models.")
    arrays = {name: _checked(name, values) for name, values in norms.items()}
    positive = np.concatenate([array[array > 0] for array in arrays.values()])
    low, high = (float(positive.min()), float(positive.max())) if positive.size else (0.1, 1.0)
    num_zeros = sum(int((array == 0).sum()) for array in arrays.values())
    ticks = log_ticks(low, high)
    labels = [short_number(tick) for tick in ticks]
    if num_zeros:  # a line of their own, as far below the lowest tick as the second is above it
        ticks, labels = [ticks[0] / (ticks[1] / ticks[0]), *ticks], ["0", *labels]
    longest = max(len(array) for array in arrays.values())

    rows = [
        {"model": clean(name), "distance": distance, "norm": norm, "drawn": norm or ticks[0]}
        for name, array in arrays.items()
        for distance, norm in enumerate(array.tolist())
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("distance:Q", title="steps back in time", axis=alt.Axis(grid=False, tickMinStep=1)),
        y=alt.Y(
            "drawn:Q",
            title="gradient norm (log)",
            scale=alt.Scale(type="log", domain=[ticks[0], ticks[-1]], clamp=True),
            axis=log_axis(ticks, labels),
        ),
        color=alt.Color(
            "model:N",
            title=None,
            scale=alt.Scale(domain=[clean(name) for name in arrays], range=list(CATEGORIES[: len(arrays)])),
            legend=alt.Legend(symbolType="stroke") if len(arrays) > 1 else None,
        ),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("distance:Q", title="steps back"),
            alt.Tooltip("norm:Q", format=".3~g"),
        ],
    )
    lines = base.transform_filter("datum.norm > 0").mark_line(point={"size": 14} if longest <= _DOTS_UP_TO else False)
    zeros = base.transform_filter("datum.norm === 0").mark_point(shape="triangle-down", size=40, filled=True)
    chart = alt.LayerChart(layer=[lines, zeros] if num_zeros else [lines], width=_WIDTH, height=_HEIGHT)
    caption = "Norm of the gradient that arrives at a step, by the number of steps back from the loss, on a logarithmic axis."
    if num_zeros:
        caption += f" The triangles at the bottom are norms of exactly zero ({num_zeros})."
    data = {"norms": {name: array.tolist() for name, array in arrays.items()}}
    return figure_of("gradient-norms", "Gradient norm over time", caption, data, chart)


def _checked(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"The gradient norms of {name!r} have shape {array.shape}, but (T,) was expected: one number for each step."
        )
    if not np.isfinite(array).all() or (array < 0).any():
        distance = int(np.argmax(~np.isfinite(array) | (array < 0)))
        raise ValueError(
            f"The gradient norm of {name!r} at {distance} steps back is {array[distance]:.6g}, but a norm is finite "
            "and not negative. Where it overflowed, compute it in double precision."
        )
    return array
