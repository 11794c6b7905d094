"""What every head of every layer of a decoder looked at in the source, while it wrote its translation."""

from __future__ import annotations

from collections.abc import Sequence

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.looks.attention import Reads, lacks_attention
from gyebo.views.looks.head_maps import head_maps

__all__ = ["draw", "lacks"]

CAPTION = (
    "A row of maps for each layer, a map for each head and, of several, the mean of them. In a map, each row is one written token, top "
    "to bottom, and the darker a cell, the more the source token above it was looked at while that token was written."
)


def lacks(run: Run) -> str | None:
    return lacks_attention(run, Reads.SOURCE)


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The first input, or the first of the run's samples that is short enough, with the model's own translation.

    Raises UsageError for a longer one.
    """
    return head_maps(run, inputs, Reads.SOURCE, "cross-attention", "Attention to the source, by layer and head", CAPTION)
