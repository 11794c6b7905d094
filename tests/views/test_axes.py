"""Ticks and token labels."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.views.axes import log_ticks, short_number, token_angle

POSITIVE = st.floats(1e-190, 1e190)


@settings(deadline=None)
@given(POSITIVE, POSITIVE)
def test_ticks_are_few_rising_and_enclose_the_values(one, other):
    low, high = sorted((one, other))
    ticks = log_ticks(low, high)
    assert ticks[0] <= low * (1 + 1e-12)
    assert ticks[-1] >= high * (1 - 1e-12)
    assert 2 <= len(ticks) <= 10
    assert all(before < after for before, after in itertools.pairwise(ticks))


@pytest.mark.parametrize(("low", "high"), [(5e-324, 1.7e308), (5e-324, 5e-324), (1.7e308, 1.7e308)])
def test_ticks_stay_numbers_at_the_ends_of_double_precision(low, high):
    assert all(tick > 0 and math.isfinite(tick) for tick in log_ticks(low, high))


def test_ticks_around_a_single_value():
    assert log_ticks(1.0, 1.0) == [0.1, 1.0, 10.0]


@pytest.mark.parametrize(
    ("number", "label"),
    [(1.0, "1"), (0.05, "0.05"), (2e-5, "2·10⁻⁵"), (1e12, "10¹²"), (1e-10, "10⁻¹⁰"), (5000.0, "5000")],
)
def test_short_number(number, label):
    assert short_number(number) == label


def test_long_words_lean_and_narrow_columns_stand():
    assert token_angle(list("2009년"), font_size=12, cell=28) == 0
    assert token_angle(["Wirtschaftsraum"], font_size=12, cell=28) == -45
    assert token_angle(["Wirtschaftsraum"], font_size=8, cell=9) == -90
