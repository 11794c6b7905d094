"""Places: children below parents, years in order, nothing upon anything else, for any tree that could be drawn."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.tree.layout import Box, Layout, arrange

WIDTH, HEIGHT = 100, 40


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[Box], list[tuple[str, str]]]:
    """Boxes in the order of their years, each with up to three older parents."""
    number = draw(st.integers(1, 14))
    years = sorted(draw(st.lists(st.integers(1986, 1992), min_size=number, max_size=number)))
    boxes = [
        Box(f"b{place}", year, WIDTH, draw(st.sampled_from([HEIGHT, 90])), draw(st.sampled_from([0, 60])))
        for place, year in enumerate(years)
    ]
    links = [
        (f"b{parent}", f"b{child}") for child in range(1, number) for parent in draw(st.sets(st.integers(0, child - 1), max_size=3))
    ]
    return boxes, links


def frames(boxes: list[Box], layout: Layout) -> dict[str, tuple[int, int, int, int]]:
    """Left, top, right and bottom of each box with what hangs on it."""
    at = layout.places
    return {
        box.name: (at[box.name].x, at[box.name].y, at[box.name].x + box.width + box.beside, at[box.name].y + box.height)
        for box in boxes
    }


@settings(max_examples=30, deadline=None)
@given(trees())
def test_boxes_stand_apart_inside_the_drawing(tree):
    boxes, links = tree
    layout = arrange(boxes, links, per_row=4)
    placed = frames(boxes, layout)
    for left, top, right, bottom in placed.values():
        assert 0 <= left < right <= layout.width
        assert 0 <= top < bottom <= layout.height
    for one, other in combinations(placed.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


@settings(max_examples=30, deadline=None)
@given(trees())
def test_children_stand_below_parents_and_years_in_order(tree):
    boxes, links = tree
    layout = arrange(boxes, links, per_row=4)
    for parent, child in links:
        assert layout.places[parent].row < layout.places[child].row
    for one, other in combinations(boxes, 2):
        assert one.year == other.year or (layout.places[one.name].row < layout.places[other.name].row) == (one.year < other.year)
    rows = [place.row for place in layout.places.values()]
    assert max(map(rows.count, rows)) <= 4
    assert [*layout.years] == sorted(layout.years)
    assert all(former[1] <= latter[0] for former, latter in pairwise(layout.years.values()))


@settings(max_examples=30, deadline=None)
@given(trees())
def test_lines_go_round_boxes_and_end_at_their_own(tree):
    boxes, links = tree
    layout = arrange(boxes, links, per_row=4)
    placed = frames(boxes, layout)
    assert [(line.parent, line.child) for line in layout.lines] == links
    for line in layout.lines:
        (x, y), *ways = line.points
        end_x, end_y = ways[-1]
        parent, child = placed[line.parent], placed[line.child]
        assert (y, end_y) == (parent[3], child[1])
        assert parent[0] < x < parent[0] + WIDTH
        assert child[0] < end_x < child[0] + WIDTH
        for (lane_x, lane_top), (_, lane_bottom) in zip(ways[1:-1:2], ways[2:-1:2], strict=True):  # straight down through a row
            crossed = [box for box in placed.values() if box[1] < lane_bottom and lane_top < box[3]]
            assert not [box for box in crossed if box[0] <= lane_x <= box[2]]


@settings(max_examples=30, deadline=None)
@given(trees())
def test_two_lines_never_share_an_end(tree):
    boxes, links = tree
    layout = arrange(boxes, links)
    for point in (0, -1):
        ends = [line.points[point] for line in layout.lines]
        assert len(set(ends)) == len(ends)


def test_a_square_is_drawn_without_crossing():
    """Two parents with a child each: the children's order follows the parents', whatever order they were named in."""
    boxes = [Box(name, year, WIDTH, HEIGHT) for name, year in (("a", 1), ("b", 1), ("of-b", 2), ("of-a", 2))]
    layout = arrange(boxes, [("b", "of-b"), ("a", "of-a")])
    assert (layout.places["a"].x < layout.places["b"].x) == (layout.places["of-a"].x < layout.places["of-b"].x)


def test_a_chain_is_straight():
    boxes = [Box(name, year, WIDTH, HEIGHT) for year, name in enumerate("abcd")]
    layout = arrange(boxes, pairwise("abcd"))
    assert len({place.x for place in layout.places.values()}) == 1


def test_an_empty_tree_has_no_size():
    assert (arrange([], []).width, arrange([], []).height) == (0, 0)


def test_a_hundred_boxes_are_placed_quickly():
    boxes = [Box(f"b{number}", 1950 + number // 2, WIDTH, HEIGHT) for number in range(100)]
    links = [(f"b{number // 2}", f"b{number}") for number in range(1, 100)]
    assert len(arrange(boxes, links).places) == 100
