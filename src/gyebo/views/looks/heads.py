"""Every head of every layer of the self-attention that reads a text."""

from __future__ import annotations

from collections.abc import Sequence

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.looks.attention import Reads, lacks_attention
from gyebo.views.looks.head_maps import head_maps

__all__ = ["draw", "lacks"]

CAPTION = (
    "A row of maps for each layer, a map for each head. In a map, each row is one token of the text, top to bottom, and the darker a "
    "cell, the more it looked at the token above; every row sums to one."
)


def lacks(run: Run) -> str | None:
    return lacks_attention(run, Reads.ITSELF)


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The first input, or the first of the run's samples that is short enough.  Raises UsageError for a longer one."""
    return head_maps(run, inputs, Reads.ITSELF, "heads", "Self-attention: every head of every layer", CAPTION)
