"""Entropy of attention: over how many tokens each head spreads its weights, in bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import INK, SEQUENTIAL

__all__ = ["LayerEntropy", "entropy", "entropy_bits"]

_CELL_WIDTH, _CELL_HEIGHT = 58, 30
_CAPTION = (
    "Mean entropy of the attention weights in bits, by layer and head: 0 looks at one token, 1 at two alike, {bits} at {tokens} alike. "
    "The shade is the share of the bound, which is the entropy of looking everywhere alike; it stands at the end of each row."
)


def entropy_bits(weights: ArrayLike) -> np.ndarray:
    """H = -sum_j a_j log2 a_j of each row of weights, (..., S) -> (...); a row that sums to less than 1 is scaled to 1 before.

    >>> entropy_bits([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]).tolist()
    [0.0, 1.0]
    """
    array = np.asarray(weights, dtype=np.float64)
    shares = array / array.sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares), 0.0)
    return np.abs(terms.sum(-1))  # a sum of nothing is 0, not -0


@dataclass(frozen=True)
class LayerEntropy:
    """One attention: its name, the mean entropy of each head, and that of looking everywhere alike, in bits.

    Raises ValueError where there is no head, or an entropy is not from 0 to the bound.
    """

    name: str
    heads: Sequence[float]
    bound: float

    def __post_init__(self) -> None:
        if not self.heads:
            raise ValueError(f"{self.name!r} has no heads: give the entropy of at least one.")
        for number, bits in enumerate(self.heads, start=1):
            if not -1e-3 <= bits <= self.bound + 1e-3:
                raise ValueError(
                    f"The entropy of head {number} of {self.name!r} is {bits:.6g}, and it lies from 0 to {self.bound:.6g}."
                )


def entropy(groups: Sequence[tuple[str, Sequence[LayerEntropy]]], num_texts: int) -> Figure:
    """A table of numbers for each kind of attention: layers down, heads across, each shaded by its share of the bound.

    groups: what the attentions of a group read -> its layers, the lowest first.  num_texts: over how many texts the means are.
    Raises ValueError where there is no layer.

    >>> entropy([("self-attention", [LayerEntropy("encoder.0", [0.5, 2.0], 3.0)])], 1).data["groups"][0]["layers"][0]["heads"]
    [0.5, 2.0]
    """
    layers = [layer for _, group in groups for layer in group]
    if not layers:
        raise ValueError("There is no attention to draw: give at least one layer.")
    bits = max(1, round(max(layer.bound for layer in layers)))
    texts = "one text" if num_texts == 1 else f"{num_texts} texts"
    caption = f"{_CAPTION.format(bits=bits, tokens=2**bits)} Means over all tokens of {texts}."
    data = {
        "texts": num_texts,
        "groups": [
            {
                "attention": name,
                "layers": [{"module": each.name, "heads": [*map(float, each.heads)], "bound": float(each.bound)} for each in group],
            }
            for name, group in groups
        ],
    }
    chart = alt.vconcat(*(_table(name, group) for name, group in groups if group), spacing=22)
    return figure_of("entropy", "Entropy of attention, in bits", caption, data, chart)


def _table(name: str, layers: Sequence[LayerEntropy]) -> alt.LayerChart:
    num_heads = max(len(layer.heads) for layer in layers)
    columns = [*(f"head {number}" for number in range(1, num_heads + 1)), "bound"]
    cells = [
        {
            "layer": clean(layer.name),
            "column": column,
            "bits": bits,
            "share": None if column == "bound" else bits / (layer.bound or math.inf),
        }
        for layer in layers
        for column, bits in zip([*columns[: len(layer.heads)], "bound"], [*layer.heads, layer.bound], strict=True)
    ]
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("column:N", sort=columns, title=None, axis=alt.Axis(orient="top", labelAngle=0, ticks=False, domain=False)),
        y=alt.Y(
            "layer:N",
            sort=[clean(layer.name) for layer in layers],
            title=None,
            axis=alt.Axis(ticks=False, domain=False, labelLimit=320, labelPadding=8),
        ),
    )
    shades = (
        base.transform_filter("datum.share !== null")
        .mark_rect(stroke="#ffffff", strokeWidth=2)
        .encode(
            color=alt.Color(
                "share:Q",
                title="share of the bound",
                scale=alt.Scale(domain=[0, 1], range=list(SEQUENTIAL[:-1]), interpolate="rgb"),
                legend=alt.Legend(gradientLength=72, gradientThickness=10, tickCount=2, format=".0%"),
            ),
            tooltip=[
                alt.Tooltip("layer:N"),
                alt.Tooltip("column:N", title="head"),
                alt.Tooltip("bits:Q", format=".4f"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    numbers = base.mark_text(fontSize=12).encode(
        text=alt.Text("bits:Q", format=".2f"),
        color=alt.condition("datum.share > 0.55", alt.value("#ffffff"), alt.value(INK)),
    )
    return alt.LayerChart(
        layer=[shades, numbers],
        width=_CELL_WIDTH * len(columns),
        height=_CELL_HEIGHT * len(layers),
        title=alt.TitleParams(clean(name), fontSize=12, color=INK, offset=8, anchor="start", frame="group"),
    )
