"""A computational graph: operations as nodes, and on every edge the value that flows forward and the gradient that flows back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np

from gyebo.backprop import Variable, topological_order
from gyebo.views.figure import Figure, figure_of
from gyebo.views.graph_parts import Edge, Node, nodes_and_edges, short
from gyebo.views.layering import place_layers
from gyebo.views.theme import DIVERGING, INK
from gyebo.views.tokens import width_in_em

__all__ = ["MAX_OPERATIONS", "graph"]

MAX_OPERATIONS = 60  # more are too small to be read on a page
MAX_NUMBERS = 64  # of an array that the data of the figure holds in full

_GRADIENT, _LINE, _GIVEN, _COMPUTED = DIVERGING[0], "#8c959f", "#ffffff", "#dbe7f2"
_FONT_SIZE, _LINE_HEIGHT, _BOX_HEIGHT = 11, 14, 30  # pixels
_ROW_HEIGHT, _PASSING_HEIGHT, _GAP = 44, 18, 34


@dataclass(frozen=True)
class _Layout:
    """Pixels: the left and right end of each column, and the middle of each node and of each stop of an edge, downwards."""

    columns: list[tuple[float, float]]
    middles: dict[Any, float]
    height: float


def graph(result: Variable) -> Figure:
    """Draw what `result` was computed from, inputs at the left; after `result.backward()` with the gradients.

    Arrays of more than three numbers are told by shape and norm, the root of the sum of squares. A variable that is used several
    times has an edge for each use, with the gradient that comes back through this use; the box it comes from tells their sum.
    Raises ValueError where nothing was computed, or in more than MAX_OPERATIONS operations.

    >>> apple, number = Variable(100, name="apple"), Variable(2, name="number")
    >>> price = apple * number
    >>> price.backward()
    >>> [(edge["value"], edge["gradient"]) for edge in graph(price).data["edges"]]
    [(100.0, 2.0), (2.0, 100.0), (200.0, 1.0)]
    """
    order = topological_order(result)
    num_operations = sum(variable.operation is not None for variable in order)
    if not num_operations:
        raise ValueError("There is no graph to draw: this variable was given, not computed. Draw the result of an operation.")
    if num_operations > MAX_OPERATIONS:
        raise ValueError(
            f"The graph has {num_operations:,} operations, and a figure of more than {MAX_OPERATIONS} cannot be read. "
            "Draw a part of it: an earlier variable, or a smaller network."
        )
    nodes, edges = nodes_and_edges(result, order)
    sentences = ["Values flow from left to right: above each edge stands what it carries."]
    if result.gradient is not None:
        sentences.append("Below it, in orange, stands the gradient of the final result with respect to it, from right to left.")
    if any(node.total_gradient is not None for node in nodes):
        sentences.append("Where a value is used several times, its gradients add up to the sum in its box.")
    subtitle = "above the edge: value" + ("; below, in orange: gradient" if result.gradient is not None else "")
    chart = _draw(nodes, edges, _lay_out(nodes, edges))
    return figure_of("graph", "Computational graph", " ".join(sentences), _data(nodes, edges), chart, subtitle=subtitle)


def _lay_out(nodes: Sequence[Node], edges: Sequence[Edge]) -> _Layout:
    """Every edge stops in every column between its ends, and its last stop has room for its label."""
    members: list[list[Any]] = [[] for _ in range(nodes[-1].column + 1)]
    widths, heights, steps = [0.0] * len(members), {}, []
    for number, node in enumerate(nodes):
        members[node.column].append(number)
        widths[node.column] = max(widths[node.column], _box_width(node))
        heights[number] = _ROW_HEIGHT + _LINE_HEIGHT * (len(_box_lines(node)) - 1)
    for number, edge in enumerate(edges):
        last = nodes[edge.target].column - 1
        stops = [(number, column) for column in range(nodes[edge.source].column + 1, last + 1)]
        for stop in stops:
            members[stop[1]].append(stop)
            heights[stop] = _ROW_HEIGHT if stop[1] == last else _PASSING_HEIGHT
        widths[last] = max(widths[last], _text_width(edge.value_label, edge.gradient_label) + 10)
        steps += pairwise([edge.source, *stops, edge.target])

    columns, left = [], 0.0
    for width in widths:
        columns.append((left, left + width))
        left += width + _GAP
    middles = place_layers(members, steps, heights)
    return _Layout(columns, middles, max(middle + heights[place] / 2 for place, middle in middles.items()))


def _draw(nodes: Sequence[Node], edges: Sequence[Edge], layout: _Layout) -> alt.LayerChart:
    width, height = layout.columns[-1][1], layout.height

    def across(name: str) -> alt.X:
        return alt.X(name, type="quantitative", scale=alt.Scale(domain=[0, width], nice=False, zero=False), axis=None)

    def down(name: str) -> alt.Y:
        return alt.Y(name, type="quantitative", scale=alt.Scale(domain=[height, 0], nice=False, zero=False), axis=None)

    boxes = [_box(node, *layout.columns[node.column], layout.middles[number]) for number, node in enumerate(nodes)]
    bends, heads, labels = [], [], []
    for number, edge in enumerate(edges):
        source, target = nodes[edge.source].column, nodes[edge.target].column
        # Level within each column, so that edges rise and fall only in the gaps, where there is neither a box nor a label.
        stops = [(layout.columns[column], layout.middles[number, column]) for column in range(source + 1, target)]
        start = (boxes[edge.source]["x2"], layout.columns[source][1]), layout.middles[edge.source]
        end = (layout.columns[target][0] - 10, boxes[edge.target]["x"] - 5), layout.middles[edge.target]
        points = [(x, y) for span, y in (start, *stops, end) for x in span]
        bends += [{"edge": number, "order": order, "x": x, "y": y} for order, (x, y) in enumerate(points)]
        heads.append({"x": points[-1][0], "y": points[-1][1]})
        words = {"value": edge.value_label, "gradient": edge.gradient_label}
        labels.append({"x": sum(layout.columns[target - 1]) / 2, "y": stops[-1][1], **words})

    curves = _chart(bends).mark_line(interpolate="monotone", color=_LINE, strokeWidth=1.2)
    triangles = _chart(heads).mark_point(shape="triangle-right", filled=True, opacity=1, size=44, color=_LINE)
    rectangles = _chart(boxes).mark_rect(cornerRadius=_BOX_HEIGHT / 2, stroke=_LINE, strokeWidth=1)
    names, sums = (_chart(boxes).mark_text(color=color, fontSize=_FONT_SIZE) for color in (INK, _GRADIENT))
    values = _chart(labels).mark_text(color=INK, fontSize=_FONT_SIZE, dy=-9)
    gradients = _chart(labels).mark_text(color=_GRADIENT, fontSize=_FONT_SIZE, dy=10)
    drawn = [
        curves.encode(x=across("x"), y=down("y"), detail="edge:N", order="order:Q"),
        triangles.encode(x=across("x"), y=down("y")),
        rectangles.encode(x=across("x"), x2="x2", y=down("y"), y2="y2", fill=alt.Fill("fill:N", scale=None)),
        names.encode(x=across("middle"), y=down("name_y"), text="name:N"),
        sums.encode(x=across("middle"), y=down("sum_y"), text="sum:N"),
        values.encode(x=across("x"), y=down("y"), text="value:N"),
        gradients.encode(x=across("x"), y=down("y"), text="gradient:N"),
    ]
    return alt.LayerChart(layer=drawn, width=width, height=height)


def _chart(rows: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows))


def _box(node: Node, left: float, right: float, y: float) -> dict[str, Any]:
    """The rectangle of a node in the middle of its column, and where its one or two lines of text stand."""
    name, *rest = _box_lines(node)
    half_width, more = _box_width(node) / 2, _LINE_HEIGHT / 2 * len(rest)
    middle, half_height = (left + right) / 2, _BOX_HEIGHT / 2 + more
    return {
        **{"x": middle - half_width, "x2": middle + half_width, "y": y - half_height, "y2": y + half_height, "middle": middle},
        **{"name": name, "name_y": y - more, "sum": "".join(rest), "sum_y": y + more},
        "fill": _COMPUTED if node.kind == "operation" else _GIVEN,
    }


def _box_lines(node: Node) -> list[str]:
    return [node.name] if node.total_gradient is None else [node.name, f"sum {short(node.total_gradient)}"]


def _box_width(node: Node) -> float:
    return max(_BOX_HEIGHT, _text_width(*_box_lines(node)) + 18)


def _text_width(*lines: str) -> float:
    return _FONT_SIZE * max(width_in_em(line) for line in lines)


def _data(nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[str, Any]:
    """The graph as plain JSON; an edge leads from one number in the list of nodes to another."""
    carried = [
        {"from": edge.source, "to": edge.target, "shape": list(edge.value.shape)}
        | {"value": _plain(edge.value), "gradient": _plain(edge.gradient)}
        | {"value_norm": _plain_norm(edge.value), "gradient_norm": _plain_norm(edge.gradient)}
        for edge in edges
    ]
    return {"nodes": [{"kind": node.kind, "name": node.name} for node in nodes], "edges": carried}


def _plain(array: np.ndarray | None) -> Any:
    """The numbers; None where they are too many, or one of them is not finite."""
    return None if array is None or array.size > MAX_NUMBERS or not np.isfinite(array).all() else array.tolist()


def _plain_norm(array: np.ndarray | None) -> float | None:
    return None if array is None or not np.isfinite(array).all() else float(np.linalg.norm(array))
