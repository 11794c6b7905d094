"""Contour lines of a function on a grid, by marching squares: Vega-Lite draws lines, but finds no contours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

__all__ = ["contour_levels", "contour_lines"]

Edge = tuple[int, int, int]
"""row and column of a grid point, and 0 for the edge to the right of it, 1 for the edge below"""


def contour_levels(values: np.ndarray, count: int) -> list[float]:
    """Levels that grow with the square of their share of the grid: evenly spaced on a bowl, and close in the ground of a valley.

    >>> contour_levels(np.arange(101.0), 1)
    [25.0]
    """
    shares = (np.arange(1, count + 1) / (count + 1)) ** 2
    return np.quantile(values, shares).tolist()


def contour_lines(
    horizontal: Sequence[float], vertical: Sequence[float], values: np.ndarray, level: float
) -> list[list[tuple[float, float]]]:
    """The lines, as lists of (x, y), on which the values are the level; a closed one ends where it starts.

    horizontal (W,), vertical (H,): the grid.  values (H, W), finite.  Between grid points the function counts as linear.
    Raises ValueError where the shapes do not fit or a value is not finite.

    >>> contour_lines([0, 1, 2], [0, 1], np.array([[0.0, 2.0, 4.0], [0.0, 2.0, 4.0]]), 3.0)
    [[(1.5, 0.0), (1.5, 1.0)]]
    """
    if values.shape != (len(vertical), len(horizontal)) or not np.isfinite(values).all():
        raise ValueError(
            f"Values of shape {values.shape} came for a grid of {len(vertical)} rows and {len(horizontal)} columns, all of them expected"
            " to be finite. Give one finite number for each point of the grid."
        )

    def place(edge: Edge) -> tuple[float, float]:
        row, column, down = edge
        here, there = values[row, column], values[row + down, column + 1 - down]
        share = (level - here) / (there - here)
        x, y = horizontal[column], vertical[row]
        return (
            float(x if down else x + share * (horizontal[column + 1] - x)),
            float(y + share * (vertical[row + 1] - y) if down else y),
        )

    neighbours: dict[Edge, list[Edge]] = {}
    for one, other in _crossings(values, level):
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    return [[place(edge) for edge in chain] for chain in _chains(neighbours)]


def _crossings(values: np.ndarray, level: float) -> Iterator[tuple[Edge, Edge]]:
    """The two edges by which the line enters and leaves a cell, for each cell that it crosses."""
    above = values > level
    corners = above[:-1, :-1] * 1 + above[:-1, 1:] + above[1:, :-1] + above[1:, 1:]
    for row, column in np.argwhere((corners > 0) & (corners < 4)).tolist():
        top, left = (row, column, 0), (row, column, 1)
        bottom, right = (row + 1, column, 0), (row, column + 1, 1)
        crossed = [
            edge for edge in (top, right, bottom, left) if above[edge[:2]] != above[edge[0] + edge[2], edge[1] + 1 - edge[2]]
        ]
        if len(crossed) == 2:
            yield crossed[0], crossed[1]
        elif (values[row : row + 2, column : column + 2].mean() > level) == above[row, column]:
            yield from ((top, right), (bottom, left))  # the middle belongs to the upper left corner
        else:
            yield from ((top, left), (bottom, right))


def _chains(neighbours: dict[Edge, list[Edge]]) -> Iterator[list[Edge]]:
    """Every edge once: first the lines that end at the border of the grid, then the closed ones."""
    unseen = dict.fromkeys(sorted(neighbours, key=lambda edge: len(neighbours[edge])))
    while unseen:
        first = next(iter(unseen))
        chain, edge = [], first
        while edge is not None:
            chain.append(edge)
            del unseen[edge]
            edge = next((other for other in neighbours[edge] if other in unseen), None)
        closed = len(chain) > 2 and first in neighbours[chain[-1]]
        yield [*chain, first] if closed else chain
