"""Alignment: how much of each source token a translator looked at while it wrote each target token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from gyebo.views.axes import token_angle, token_axis
from gyebo.views.figure import Figure, figure_of
from gyebo.views.theme import HAIRLINE, SEQUENTIAL
from gyebo.views.tokens import label_expression

__all__ = ["Alignment", "alignment", "alignments", "heat_map"]

MAX_TOKENS = 256  # beyond this a cell is smaller than a printed dot, and the page takes tens of megabytes
SUM_TOLERANCE = 0.01  # weights computed in bfloat16 miss one by up to this much

_CAPTION = (
    "Each row is one written token, top to bottom; the darker a cell, the more the source token above it was looked at "
    "while that token was written."
)
_WHOLE = "Every row sums to one."
_PARTS = "A row sums to one, or to less where the model weakens what is far from the centre of its attention."


@dataclass(frozen=True, eq=False)
class Alignment:
    """One translated sentence and what was looked at.

    weights: (T, S), a row for each of the T target tokens, a column for each of the S source tokens.
    A row sums to one, or to less: local attention is not normalised again after its window (Luong et al. 2015, eq. 10).
    Raises ValueError where the shape is another, a weight is negative or not finite, or a row sums to more than one or to nothing.

    >>> Alignment(["a", "b"], ["c"], [[0.9, 0.2]])
    Traceback (most recent call last):
    ValueError: Row 1 of the attention weights (target token 'c') sums to 1.1, but a row shares out at most 1, and not nothing. ...
    """

    source_tokens: Sequence[str]
    target_tokens: Sequence[str]
    weights: ArrayLike

    def __post_init__(self) -> None:
        num_source, num_target = len(self.source_tokens), len(self.target_tokens)
        weights = self.rows
        if not num_source or not num_target:
            raise ValueError(
                f"An alignment needs tokens on both sides; there are {num_source} source and {num_target} target ones."
            )
        if max(num_source, num_target) > MAX_TOKENS:
            raise ValueError(
                f"An alignment of {num_target} by {num_source} tokens cannot be drawn readably; "
                f"give at most {MAX_TOKENS} on each side."
            )
        if weights.shape != (num_target, num_source):
            raise ValueError(
                f"The attention weights have shape {weights.shape}, but {num_target} target and {num_source} source "
                f"tokens need ({num_target}, {num_source})."
                + (" They look transposed." if weights.shape == (num_source, num_target) else "")
            )
        for row, (token, values) in enumerate(zip(self.target_tokens, weights, strict=True), start=1):
            where = f"Row {row} of the attention weights (target token {token!r})"
            if not np.isfinite(values).all():
                raise ValueError(f"{where} holds a value that is not finite.")
            if (values < 0).any():
                raise ValueError(f"{where} holds the negative weight {values.min():.6g}; weights are shares of one.")
            if not 0 < (total := float(values.sum())) <= 1 + SUM_TOLERANCE:
                raise ValueError(
                    f"{where} sums to {total:.6g}, but a row shares out at most 1, and not nothing. Give the weights after the"
                    " softmax, without padding."
                )

    @property
    def rows(self) -> np.ndarray:  # (T, S)
        return np.asarray(self.weights, dtype=np.float64)

    @property
    def is_whole(self) -> bool:
        """Whether every row sums to one."""
        return bool((self.rows.sum(1) >= 1 - SUM_TOLERANCE).all())


def alignment(source_tokens: Sequence[str], target_tokens: Sequence[str], weights: ArrayLike) -> Figure:
    """The attention weights of one sentence as a heat map, like figure 3 of Bahdanau, Cho and Bengio 2014 (1409.0473).

    weights: (T, S), alpha_ij of their equation 6 in row i, column j; see `Alignment` for what is checked.
    Source tokens stand on top and target tokens on the left, each at its own position, so that tokens may repeat.

    >>> alignment(["le", "chat"], ["the", "cat"], [[0.9, 0.1], [0.2, 0.8]]).data["examples"][0]["weights"]
    [[0.9, 0.1], [0.2, 0.8]]
    """
    return alignments([Alignment(source_tokens, target_tokens, weights)])


def alignments(examples: Sequence[Alignment]) -> Figure:
    """Several sentences in one figure, one below the other, with one scale of shades.

    Raises ValueError for an empty list.
    """
    if not examples:
        raise ValueError("There are no alignments to draw: the list of examples is empty.")
    data = {
        "examples": [
            {
                "source_tokens": list(example.source_tokens),
                "target_tokens": list(example.target_tokens),
                "weights": example.rows.tolist(),
            }
            for example in examples
        ]
    }
    charts = (heat_map(example, cell=_cell(example)) for example in examples)
    chart = alt.vconcat(*charts).resolve_scale(x="independent", y="independent")
    title = "Alignment" if len(examples) == 1 else "Alignments"
    caption = f"{_CAPTION} {_WHOLE if all(example.is_whole for example in examples) else _PARTS}"
    return figure_of("alignment", title, caption, data, chart)


def _cell(example: Alignment) -> int:
    return int(np.clip(640 / max(len(example.source_tokens), len(example.target_tokens)), 9, 28))


def heat_map(example: Alignment, cell: int) -> alt.Chart:
    """Cells of so many pixels, by position; the tokens stand in the label and tooltip expressions."""
    num_source, num_target = len(example.source_tokens), len(example.target_tokens)
    font_size = min(12.0, cell - 1.0)
    angle = token_angle(example.source_tokens, font_size, cell)
    rows = [
        {"row": row, "column": list(range(num_source)), "weight": weights}
        for row, weights in enumerate(np.round(example.rows, 4).tolist())
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .transform_flatten(["column", "weight"])
        .transform_calculate(
            source=label_expression(example.source_tokens, "datum.column"),
            target=label_expression(example.target_tokens, "datum.row"),
        )
        .mark_rect(stroke=HAIRLINE, strokeWidth=0.5, aria=False)
        .encode(
            x=alt.X(
                "column:O",
                title=None,
                axis=token_axis(example.source_tokens, font_size, "top", angle),
            ),
            y=alt.Y("row:O", title=None, axis=token_axis(example.target_tokens, font_size, "left", angle=0)),
            color=alt.Color(
                "weight:Q",
                title="weight",
                scale=alt.Scale(domain=[0, 1], range=list(SEQUENTIAL), interpolate="rgb"),
                legend=alt.Legend(gradientLength=90, gradientThickness=10, tickCount=2, format=".1f"),
            ),
            tooltip=[
                alt.Tooltip("source:N"),
                alt.Tooltip("target:N"),
                alt.Tooltip("weight:Q", format=".4f"),
            ],
        )
        .properties(width=cell * num_source, height=cell * num_target)
    )
