"""Where the nodes of a layered graph stand, so that neither two nodes nor a node and a passing edge meet.

After Sugiyama, Tagawa and Toda 1981, "Methods for Visual Understanding of Hierarchical System Structures": every layer holds
the nodes of one depth, and an edge that passes a layer has a place of its own there. So all edges lead to the next layer, and
two things of one layer are never nearer than their heights allow.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

__all__ = ["place_layers"]

Node = TypeVar("Node", bound=Hashable)

NUM_SWEEPS = 12  # there and back; by then examples of a hundred nodes have come to rest


def place_layers(
    layers: Sequence[Sequence[Node]], edges: Sequence[tuple[Node, Node]], heights: Mapping[Node, float]
) -> dict[Node, float]:
    """The vertical middle of every node, downwards from the top of the highest.

    layers: the nodes of each, in any order; edges: each from one layer to the next.  heights: the room that a node takes.
    Nodes come near the mean of their neighbours: first in their order, which unties crossings, then in their places.

    >>> place_layers([["a", "b"], ["sum"]], [("a", "sum"), ("b", "sum")], {"a": 10, "b": 10, "sum": 10})
    {'a': 5.0, 'b': 15.0, 'sum': 10.0}
    """
    before: dict[Node, list[Node]] = {node: [] for layer in layers for node in layer}
    after: dict[Node, list[Node]] = {node: [] for layer in layers for node in layer}
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)

    ordered = [list(layer) for layer in layers]
    places = {node: float(position) for layer in ordered for position, node in enumerate(layer)}
    best, fewest = [list(layer) for layer in ordered], _num_crossings(ordered, after)
    for _ in range(NUM_SWEEPS):
        for sweep, neighbours in ((ordered, before), (ordered[::-1], after)):
            for layer in sweep:
                wishes = {node: _middle(node, neighbours, places) for node in layer}
                layer.sort(key=wishes.__getitem__)
                places.update({node: float(position) for position, node in enumerate(layer)})
        if (num_crossings := _num_crossings(ordered, after)) < fewest:
            best, fewest = [list(layer) for layer in ordered], num_crossings

    for layer in best:
        places.update(_stacked(layer, [0.0] * len(layer), heights))
    for _ in range(NUM_SWEEPS):
        for sweep, neighbours in ((best, before), (best[::-1], after)):
            for layer in sweep:
                places.update(_stacked(layer, [_middle(node, neighbours, places) for node in layer], heights))
    top = min((places[node] - heights[node] / 2 for node in places), default=0.0)
    return {node: places[node] - top for layer in best for node in layer}


def _middle(node: Node, neighbours: Mapping[Node, Sequence[Node]], places: Mapping[Node, float]) -> float:
    """The mean place of a node's neighbours; where it has none, its own."""
    around = neighbours[node] or [node]
    return sum(places[other] for other in around) / len(around)


def _num_crossings(ordered: Sequence[Sequence[Node]], after: Mapping[Node, Sequence[Node]]) -> int:
    """How many pairs of edges between two layers cross."""
    rank = {node: position for layer in ordered for position, node in enumerate(layer)}
    crossings = 0
    for layer in ordered:
        ends = [rank[target] for node in layer for target in sorted(after[node], key=rank.__getitem__)]
        crossings += sum(earlier > later for position, later in enumerate(ends) for earlier in ends[:position])
    return crossings


def _stacked(layer: Sequence[Node], wishes: Sequence[float], heights: Mapping[Node, float]) -> dict[Node, float]:
    """The places nearest to the wishes, by the sum of squares, that keep the order and let no two overlap.

    With the room that the nodes above take subtracted, the places only may not fall: an isotonic regression, which pools
    neighbours whose wishes contradict each other.
    """
    offsets, below = [], 0.0
    for node in layer:
        offsets.append(below + heights[node] / 2)
        below += heights[node]
    pools: list[tuple[float, int]] = []  # mean and number of nodes
    for wish, offset in zip(wishes, offsets, strict=True):
        mean, size = wish - offset, 1
        while pools and pools[-1][0] > mean:
            other_mean, other_size = pools.pop()
            mean, size = (mean * size + other_mean * other_size) / (size + other_size), size + other_size
        pools.append((mean, size))
    means = [mean for mean, size in pools for _ in range(size)]
    return {node: mean + offset for node, mean, offset in zip(layer, means, offsets, strict=True)}
