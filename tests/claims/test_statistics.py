"""Quantiles against printed tables, intervals against their definition, and the rule on both sides of its threshold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyebo.claims.statistics import Interval, confidence_interval, joint_verdict, judge, student_quantile

TABLE = [  # Abramowitz and Stegun 1964, table 26.10, which has three decimals
    (0.975, 1, 12.706),
    (0.975, 2, 4.303),
    (0.975, 3, 3.182),
    (0.975, 4, 2.776),
    (0.975, 5, 2.571),
    (0.975, 9, 2.262),
    (0.975, 29, 2.045),
    (0.975, 120, 1.980),
    (0.95, 2, 2.920),
    (0.95, 7, 1.895),
    (0.995, 1, 63.657),
    (0.995, 4, 4.604),
    (0.75, 1, 1.000),
    (0.75, 6, 0.718),
]


@pytest.mark.parametrize(("probability", "degrees", "expected"), TABLE)
def test_quantiles_of_the_printed_table(probability, degrees, expected):
    assert student_quantile(probability, degrees) == pytest.approx(expected, abs=5.1e-4)


@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.9995])
def test_quantiles_in_closed_form(probability):
    """One degree of freedom is Cauchy's distribution; two have an algebraic quantile."""
    alpha = 4 * probability * (1 - probability)
    assert student_quantile(probability, 1) == pytest.approx(math.tan(math.pi * (probability - 0.5)), rel=1e-9)
    assert student_quantile(probability, 2) == pytest.approx(2 * (probability - 0.5) * math.sqrt(2 / alpha), rel=1e-9)


@pytest.mark.parametrize(("probability", "degrees"), [(0.5, 2), (1.0, 2), (0.2, 2), (0.975, 0)])
def test_quantiles_that_are_not_there(probability, degrees):
    with pytest.raises(ValueError, match=r"one in \(0\.5, 1\) with at least 1 was expected"):
        student_quantile(probability, degrees)


def test_interval_by_hand():
    interval = confidence_interval([1.1, 1.2, 1.3])
    assert interval.mean == pytest.approx(1.2)
    assert interval.high - interval.mean == pytest.approx(4.302652730 * 0.1 / math.sqrt(3))
    assert interval.mean - interval.low == pytest.approx(interval.high - interval.mean)


@given(st.floats(-1e9, 1e9), st.integers(2, 9))
def test_equal_values_give_a_point(value, count):
    assert confidence_interval([value] * count) == (value, value, value)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_interval_holds_its_mean_and_moves_with_the_values(values):
    interval, mirrored = confidence_interval(values), confidence_interval([-value for value in values])
    assert interval.low <= interval.mean + 1e-9 * abs(interval.mean)
    assert interval.mean <= interval.high + 1e-9 * abs(interval.mean)
    assert mirrored.low == pytest.approx(-interval.high)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, 2.0, math.inf]])
def test_values_that_have_no_interval(values):
    with pytest.raises(ValueError, match="at least two finite values"):
        confidence_interval(values)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.5, 0.9, "holds"),  # at the threshold counts as above it
        (0.500001, 0.9, "holds"),
        (0.499999, 0.9, "undecided"),
        (0.1, 0.5, "undecided"),
        (0.1, 0.499999, "does not hold"),
    ],
)
def test_rule_on_both_sides_of_its_threshold(low, high, expected):
    assert judge(Interval((low + high) / 2, low, high), 0.5) == expected


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        (["holds"], "holds"),
        (["holds", "holds"], "holds"),
        (["holds", "undecided"], "undecided"),
        (["undecided", "undecided"], "undecided"),
        (["holds", "does not hold"], "does not hold"),
        (["undecided", "does not hold"], "does not hold"),
    ],
)
def test_a_claim_is_as_good_as_its_weakest_effect(effects, expected):
    assert joint_verdict(effects) == expected
