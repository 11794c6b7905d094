"""Histograms by depth: how large the activations of each layer are, and the gradients that reach it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import SEQUENTIAL

__all__ = ["histograms_by_depth"]

BINS = 41
ACTIVATION_SHARE = 0.995
"""of the numbers lie inside the drawn range of activations"""
DECADES = 8
"""powers of ten below the largest gradient that are drawn; smaller ones count as none"""
WIDTH, ROW = 7 * BINS, 22  # whole pixels: on fractions of one, lines would show between the cells


def histograms_by_depth(activations: Mapping[str, ArrayLike], gradients: Mapping[str, ArrayLike]) -> Figure:
    """Two panels with a row for each layer, input at the top: its activations, and the sizes of the gradients by them.

    activations, gradients: layer -> numbers, in the order of the layers; the same layers in both.
    Raises ValueError where there is no layer, the layers differ, or a number is not finite.

    >>> histograms_by_depth({"a": [0.0, 1.0]}, {"a": [0.1, 0.01]}).data["layers"]["a"]["activation deviation"]
    0.5
    """
    names = list(activations)
    if not names or names != list(gradients):
        raise ValueError(f"Activations came for {names} and gradients for {list(gradients)}: the same layers were expected.")
    numbers = {name: _finite(name, activations[name]) for name in names}
    sizes = {name: np.abs(_finite(name, gradients[name])) for name in names}
    high = float(np.quantile(np.concatenate([np.abs(values) for values in numbers.values()]), ACTIVATION_SHARE)) or 1.0
    largest = max(float(values.max()) for values in sizes.values()) or 1.0
    top = float(np.ceil(np.log10(largest)))
    edges = np.linspace(-high, high, BINS + 1)
    decades = np.linspace(top - DECADES, top, BINS + 1)
    left = _panel(names, {name: _shares(values, edges) for name, values in numbers.items()}, edges, "activation", "~g")
    logs = {name: np.log10(values[values > 0]) for name, values in sizes.items()}
    right = _panel(names, {name: _shares(values, decades) for name, values in logs.items()}, decades, "gradient, power of ten", "d")
    data = {
        "layers": {
            name: {
                "activation mean": _round(numbers[name].mean()),
                "activation deviation": _round(numbers[name].std()),
                "zero activations": _round((numbers[name] == 0).mean()),
                "gradient, root mean square": float(f"{np.sqrt((sizes[name] ** 2).mean()):.4g}"),
            }
            for name in names
        }
    }
    caption = (
        "A row for each layer, that of the input at the top. Left: how its activations are spread. Right: the sizes of the gradients of the"
        " loss by these activations. Shares of each row; darker is more. Rows that drift to the left from top to bottom, or from bottom to"
        " top, are activations that die out and gradients that vanish."
    )
    return figure_of("depth", "Activations and gradients by depth", caption, data, alt.hconcat(left, right))


def _finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    if not array.size or not np.isfinite(array).all():
        raise ValueError(f"The layer {name!r} has no number, or one that is not finite.")
    return array


def _round(value: Any) -> float:
    return round(float(value), 5)


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> list[float]:
    if not values.size:
        return [0.0] * (len(edges) - 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.round(counts / values.size, 5).tolist()


def _panel(names: list[str], shares: Mapping[str, list[float]], edges: NDArray[np.float64], title: str, number: str) -> alt.Chart:
    rows = [
        {"layer": clean(name), "from": float(low), "to": float(high), "share": share}
        for name in names
        for low, high, share in zip(edges[:-1], edges[1:], shares[name], strict=True)
    ]
    scale = alt.Scale(domain=[float(edges[0]), float(edges[-1])], nice=False)
    return (
        alt.Chart(alt.Data(values=rows), width=WIDTH, height=ROW * len(names))
        .mark_rect(strokeWidth=0, aria=False)
        .encode(
            x=alt.X("from:Q", title=title, scale=scale, axis=alt.Axis(grid=False, format=number, tickCount=5)),
            x2="to:Q",
            y=alt.Y("layer:N", sort=[clean(name) for name in names], title=None, axis=alt.Axis(ticks=False, domain=False)),
            color=alt.Color(
                "share:Q", title="share", scale=alt.Scale(range=list(SEQUENTIAL), type="sqrt", domainMin=0), legend=None
            ),
            tooltip=[alt.Tooltip("layer:N"), alt.Tooltip("from:Q", format=".3g"), alt.Tooltip("share:Q", format=".2%")],
        )
    )
