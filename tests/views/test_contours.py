"""Contour lines lie where the function has its level, and are whole."""

import itertools
import math

import numpy as np
import pytest

from gyebo.views.contours import contour_levels, contour_lines

AXIS = np.linspace(-2, 2, 81).tolist()
X, Y = np.meshgrid(AXIS, AXIS)


def test_a_bowl_has_one_closed_ring():
    [ring] = contour_lines(AXIS, AXIS, X**2 + Y**2, 1.001)
    assert ring[0] == ring[-1]
    assert len(set(ring)) == len(ring) - 1
    assert max(abs(x**2 + y**2 - 1.001) for x, y in ring) < 1e-3
    assert max(math.dist(one, other) for one, other in itertools.pairwise(ring)) < 0.1  # no leap across


def test_a_saddle_has_two_open_lines_on_each_side_of_its_level():
    for level in (-0.5, 0.5):
        lines = contour_lines(AXIS, AXIS, X**2 - Y**2, level)
        assert len(lines) == 2
        for line in lines:
            assert all({abs(x), abs(y)} & {2.0} for x, y in (line[0], line[-1]))
            assert max(abs(x**2 - y**2 - level) for x, y in line) < 3e-3


@pytest.mark.parametrize(("middle", "expected"), [(0.9, {(0.5, 0.0), (1.0, 0.5)}), (0.1, {(0.5, 0.0), (0.0, 0.5)})])
def test_a_cell_that_is_crossed_twice_is_parted_by_its_middle(middle, expected):
    values = np.array([[1.0, 0.0], [0.0, 1.0]]) + (middle - 0.5) * 0.01
    lines = contour_lines([0, 1], [0, 1], values, 0.5)
    assert len(lines) == 2
    assert any({(round(x, 1), round(y, 1)) for x, y in line} == expected for line in lines)


def test_a_level_that_is_never_met_has_no_line():
    assert contour_lines(AXIS, AXIS, X**2 + Y**2, -1.0) == []
    assert contour_lines(AXIS, AXIS, np.zeros_like(X), 0.0) == []


def test_a_level_that_is_met_on_grid_points_has_no_gap():
    [line] = contour_lines([0, 1, 2], [0, 1, 2], np.array([[0.0, 1.0, 2.0]] * 3), 1.0)
    assert [y for _, y in line] == [0, 1, 2]
    assert {x for x, _ in line} == {1.0}


def test_levels_of_a_bowl_are_evenly_spaced_rings():
    inside = X**2 + Y**2 <= 4
    radii = np.sqrt(contour_levels((X**2 + Y**2)[inside], 3))
    assert radii.tolist() == pytest.approx([0.5, 1.0, 1.5], rel=0.02)


@pytest.mark.parametrize("values", [np.zeros((2, 3)), np.full((3, 3), np.nan)])
def test_what_has_no_contours_is_refused(values):
    with pytest.raises(ValueError, match="for a grid of 3 rows and 3 columns, all of them expected to be finite"):
        contour_lines([0, 1, 2], [0, 1, 2], values, 0.0)
