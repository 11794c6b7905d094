"""All heads of an attention at a glance: a row of small heat maps for each layer, one map for each head."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from gyebo.views.alignment import Alignment, heat_map
from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import INK

__all__ = ["MAX_CELLS", "MAX_TOKENS", "heads"]

MAX_TOKENS = 40  # on a side; beyond them a map of all heads is wider than a screen and its labels touch
MAX_CELLS = 60_000  # of all maps together: what a browser still draws at once

_WIDTH = 1000  # pixels that a row of maps takes, where its cells need not be larger to be read


def heads(name: str, title: str, caption: str, layers: Mapping[str, Mapping[str, Alignment]]) -> Figure:
    """The attention weights of every head of every layer, with one scale of shades.

    layers: the name of a layer, which is drawn above its row -> the name of a head -> its weights, rows looking at columns.
    Raises ValueError where there is none, or there are too many tokens or cells to be read.

    >>> map = Alignment(["a", "b"], ["a", "b"], [[1, 0], [0.5, 0.5]])
    >>> heads("heads", "Heads", "Two heads.", {"layer 1": {"head 1": map, "head 2": map}}).data["layers"][0]["heads"]["head 2"]
    [[1.0, 0.0], [0.5, 0.5]]
    """
    maps = [each for row in layers.values() for each in row.values()]
    if not maps:
        raise ValueError("There are no heads to draw: give at least one layer with one head.")
    longest = max(max(len(each.source_tokens), len(each.target_tokens)) for each in maps)
    if longest > MAX_TOKENS:
        raise ValueError(f"Maps of {longest} tokens cannot be drawn readably side by side; give at most {MAX_TOKENS} tokens.")
    if (cells := sum(each.rows.size for each in maps)) > MAX_CELLS:
        raise ValueError(f"{len(maps)} heads make {cells:,} cells, and a figure holds {MAX_CELLS:,}; give a shorter text.")
    across = max(sum(len(each.source_tokens) for each in row.values()) for row in layers.values())
    cell = int(min(max(_WIDTH / across, 11), 18))
    rows = [
        alt.hconcat(*(_titled(heat_map(each, cell), head) for head, each in row.items()), spacing=18).properties(
            title=alt.TitleParams(clean(layer), fontSize=12, color=INK, offset=8, anchor="start")
        )
        for layer, row in layers.items()
    ]
    data = {
        "layers": [
            {
                "module": layer,
                "rows": list(first.target_tokens),
                "columns": list(first.source_tokens),
                "heads": {head: each.rows.tolist() for head, each in row.items()},
            }
            for layer, row in layers.items()
            for first in [next(iter(row.values()))]
        ]
    }
    return figure_of(name, title, caption, data, alt.vconcat(*rows, spacing=26))


def _titled(chart: alt.Chart, head: str) -> alt.Chart:
    return chart.properties(title=alt.TitleParams(clean(head), fontSize=11, offset=4, color=INK, anchor="middle", frame="bounds"))
