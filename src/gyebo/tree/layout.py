"""Places for the boxes and lines of a layered drawing: time runs downwards, a child stands below all its parents.

The four steps of Sugiyama, Tagawa and Toda (1981): rows; a lane through every row that a line crosses; an order in each row with few
crossings, by barycentres; and places that keep the order and the distances while lines run as straight as they can. Everything is a
pure function of its arguments, so the same tree is drawn the same way on every machine.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

__all__ = ["Box", "Layout", "Line", "Place", "arrange"]

SWEEPS = 24
LANE = 20
"""the room that a line takes on its way through a row"""
STRAIGHTNESS = 6.0
"""how much more a lane holds to its neighbours than a box does"""

Link = tuple[str, str]


@dataclass(frozen=True)
class Box:
    """What is to be placed: it is `width` wide, and `beside` more to its right is taken by what hangs on it."""

    name: str
    year: int
    width: int
    height: int
    beside: int = 0


@dataclass(frozen=True)
class Place:
    """The upper left corner of a box, and the row in which it stands."""

    x: int
    y: int
    row: int


@dataclass(frozen=True)
class Line:
    """A line from a parent's lower edge to a child's upper edge: the points where it enters and leaves each row on its way."""

    parent: str
    child: str
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Layout:
    """The whole drawing, from (0, 0) to (width, height); years: where the band of each year begins and ends."""

    width: int
    height: int
    places: Mapping[str, Place]
    lines: tuple[Line, ...]
    years: Mapping[int, tuple[int, int]]


@dataclass
class _Grid:
    """Rows of boxes and lanes.  A lane is an item like a box, named by its line and its row."""

    rows: list[list[str]]
    above: dict[str, list[str]]
    below: dict[str, list[str]]
    paths: dict[Link, list[str]]


def arrange(
    boxes: Sequence[Box],
    links: Iterable[Link],
    *,
    per_row: int = 5,
    gap: int = 36,
    approach: int = 40,
    bend: int = 34,
    below: int = 14,
) -> Layout:
    """Place boxes, given parents before children, oldest first, and draw a line for each (parent, child).

    per_row: how many boxes may stand beside each other.  gap: the room between neighbours.  approach: the length of the straight end of
    a line, above the child, where nothing but such ends stands.  bend: the least height in which lines go sideways.  below: the room
    under a row that is still of its year.

    >>> layout = arrange([Box("a", 1990, 100, 40), Box("b", 1997, 100, 40)], [("a", "b")])
    >>> layout.places["a"].row, layout.places["b"].row
    (0, 1)
    """
    by_name = {box.name: box for box in boxes}
    links = [link for link in dict.fromkeys(links) if link[0] in by_name and link[1] in by_name]
    grid = _with_lanes(_rows(boxes, links, per_row), links)
    _order(grid)
    centres = _centres(grid, by_name, gap)
    tops, bottoms, rise = _heights(grid, by_name, centres, approach, bend, below)
    rows = {name: number for number, row in enumerate(grid.rows) for name in row}
    places = {
        name: Place(x=round(centres[name] - box.width / 2), y=tops[rows[name]], row=rows[name]) for name, box in by_name.items()
    }
    years: dict[int, tuple[int, int]] = {}
    for box in boxes:
        row = places[box.name].row
        first, last = years.get(box.year, (row, row))
        years[box.year] = (min(first, row), max(last, row))
    return Layout(
        width=max((places[box.name].x + box.width + box.beside for box in boxes), default=0),
        height=bottoms[-1] + below if bottoms else 0,
        places=places,
        lines=_lines(grid, by_name, places, centres, tops, bottoms),
        years={year: (tops[first] - rise[first], bottoms[last] + below) for year, (first, last) in years.items()},
    )


def _rows(boxes: Sequence[Box], links: Sequence[Link], per_row: int) -> list[list[str]]:
    """Below all parents, and below all older boxes; a full row goes on in the next one."""
    parents: dict[str, list[str]] = {}
    for parent, child in links:
        parents.setdefault(child, []).append(parent)
    row_of: dict[str, int] = {}
    filled: Counter[int] = Counter()
    first, year = 0, None
    for box in boxes:
        if box.year != year:
            first, year = max(row_of.values(), default=-1) + 1, box.year
        row = max([first, *(row_of[parent] + 1 for parent in parents.get(box.name, ()) if parent in row_of)])
        while filled[row] >= per_row:
            row += 1
        row_of[box.name] = row
        filled[row] += 1
    rows: list[list[str]] = [[] for _ in range(max(row_of.values(), default=-1) + 1)]
    for name, row in row_of.items():
        rows[row].append(name)
    return rows


def _with_lanes(rows: list[list[str]], links: Sequence[Link]) -> _Grid:
    row_of = {name: number for number, row in enumerate(rows) for name in row}
    grid = _Grid([[*row] for row in rows], above={}, below={}, paths={})
    for parent, child in links:
        lanes = [f"{parent} {child} {row}" for row in range(row_of[parent] + 1, row_of[child])]
        for row, lane in enumerate(lanes, row_of[parent] + 1):
            grid.rows[row].append(lane)
        path = [parent, *lanes, child]
        grid.paths[parent, child] = path
        for upper, lower in pairwise(path):
            grid.below.setdefault(upper, []).append(lower)
            grid.above.setdefault(lower, []).append(upper)
    return grid


def _order(grid: _Grid) -> None:
    """Sort each row by the mean place of its neighbours, downwards and upwards in turns, and keep the best order seen."""
    best, fewest = [[*row] for row in grid.rows], _crossings(grid)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = grid.above if downwards else grid.below
        numbers = range(1, len(grid.rows)) if downwards else range(len(grid.rows) - 2, -1, -1)
        for number in numbers:
            beside = {name: place for place, name in enumerate(grid.rows[number - 1 if downwards else number + 1])}
            row = grid.rows[number]
            wanted = {
                name: mean(beside[other] for other in neighbours[name]) if neighbours.get(name) else place
                for place, name in enumerate(row)
            }
            row.sort(key=wanted.__getitem__)
        if (crossings := _crossings(grid)) < fewest:
            best, fewest = [[*row] for row in grid.rows], crossings
    grid.rows[:] = best


def _crossings(grid: _Grid) -> int:
    count = 0
    for upper, lower in pairwise(grid.rows):
        place = {name: number for number, name in enumerate(lower)}
        ends = [number for name in upper for number in sorted(place[other] for other in grid.below.get(name, ()))]
        seen: list[int] = []
        for end in ends:
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count


def _centres(grid: _Grid, boxes: Mapping[str, Box], gap: int) -> dict[str, float]:
    """Horizontal centres: each row as near to its neighbours' as order and distances allow, in least squares."""

    def left(name: str) -> float:
        return boxes[name].width / 2 if name in boxes else LANE / 2

    def right(name: str) -> float:
        return boxes[name].width / 2 + boxes[name].beside if name in boxes else LANE / 2

    distances = [
        [right(former) + left(latter) + (gap if former in boxes or latter in boxes else 0) for former, latter in pairwise(row)]
        for row in grid.rows
    ]
    centres: dict[str, float] = {}
    for row, apart in zip(grid.rows, distances, strict=True):
        offsets = [sum(apart[:number]) for number in range(len(row))]
        middle = offsets[-1] / 2 if offsets else 0
        centres |= {name: offset - middle for name, offset in zip(row, offsets, strict=True)}
    for sweep in range(SWEEPS):
        numbers = range(len(grid.rows)) if sweep % 2 == 0 else range(len(grid.rows) - 1, -1, -1)
        sides = (grid.above, grid.below) if sweep < SWEEPS - 4 else (grid.above,)
        for number in numbers:
            row = grid.rows[number]
            wanted, weights = [], []
            for name in row:
                around = [centres[other] for side in sides for other in side.get(name, ())]
                wanted.append(mean(around) if around else centres[name])
                weights.append(STRAIGHTNESS if name not in boxes else 1.0 if around else 0.1)
            centres |= dict(zip(row, _spread(wanted, weights, distances[number]), strict=True))
    leftmost = min((centres[name] - left(name) for name in centres), default=0.0)
    return {name: centre - leftmost for name, centre in centres.items()}


def _spread(wanted: Sequence[float], weights: Sequence[float], apart: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones, in weighted least squares, that are at least so far apart: pool adjacent violators.

    >>> _spread([5.0, 5.0, 40.0], [1.0, 1.0, 1.0], [10.0, 10.0])
    [0.0, 10.0, 40.0]
    """
    offsets = [sum(apart[:number]) for number in range(len(wanted))]
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight, offset in zip(wanted, weights, offsets, strict=True):
        pool = (value - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            other = pools.pop()
            total = other[1] + pool[1]
            pool = ((other[0] * other[1] + pool[0] * pool[1]) / total, total, other[2] + pool[2])
        pools.append(pool)
    flat = [value for value, _, number in pools for _ in range(number)]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]


def _heights(
    grid: _Grid, boxes: Mapping[str, Box], centres: Mapping[str, float], approach: int, bend: int, below: int
) -> tuple[list[int], list[int], list[int]]:
    """The top and the bottom of each row, and the room above it: higher where lines have far to go sideways."""
    tops, bottoms, rise = [], [], []
    y = 0
    for number, row in enumerate(grid.rows):
        far = max((abs(centres[name] - centres[other]) for name in row for other in grid.above.get(name, ())), default=0.0)
        above = approach + round(bend + min(far, 900) / 12) if number else bend // 2
        y += above
        height = max((boxes[name].height for name in row if name in boxes), default=0)
        tops.append(y)
        bottoms.append(y + height)
        rise.append(above)
        y += height + below
    return tops, bottoms, rise


def _lines(
    grid: _Grid,
    boxes: Mapping[str, Box],
    places: Mapping[str, Place],
    centres: Mapping[str, float],
    tops: Sequence[int],
    bottoms: Sequence[int],
) -> tuple[Line, ...]:
    leaving, arriving = _ports(grid, boxes, places, centres, grid.below), _ports(grid, boxes, places, centres, grid.above)
    lines = []
    for (parent, child), path in grid.paths.items():
        x, y, row = leaving[parent, path[1]], places[parent].y + boxes[parent].height, places[parent].row
        points = [(x, y), (x, bottoms[row])]
        for number, lane in enumerate(path[1:-1], row + 1):
            points += [(round(centres[lane]), tops[number]), (round(centres[lane]), bottoms[number])]
        points.append((arriving[child, path[-2]], places[child].y))
        lines.append(Line(parent, child, tuple(points)))
    return tuple(lines)


def _ports(
    grid: _Grid, boxes: Mapping[str, Box], places: Mapping[str, Place], centres: Mapping[str, float], side: Mapping[str, list[str]]
) -> dict[Link, int]:
    """Where lines touch a box: in the order of their other ends, spread evenly over its edge."""
    ports = {}
    for name, box in boxes.items():
        others = sorted(side.get(name, ()), key=lambda other: (centres[other], other))
        for number, other in enumerate(others):
            ports[name, other] = places[name].x + round(box.width * (2 * number + 1) / (2 * len(others)))
    return ports
