"""Spaces of settings, their draws, and the rungs of successive halving."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyebo.compare.search import Choice, LogUniform, draw, read_space, rungs, with_values
from gyebo.errors import UsageError
from gyebo.recipes import read_recipe


def test_spaces_are_read():
    space = read_space(
        ["optimizer.rate=1e-4..1e-1", "--model.width=16..256", "translate.label-smoothing=0,0.1", "model.tied=true,false"]
    )
    assert space == {
        "optimizer.rate": LogUniform(1e-4, 1e-1, whole=False),
        "model.width": LogUniform(16, 256, whole=True),
        "translate.label_smoothing": Choice((0, 0.1)),
        "model.tied": Choice((True, False)),
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["optimizer.rate"], "PATH=LOW..HIGH or PATH=A,B,C was expected"),
        (["optimizer.rate=a..b"], "whose ends are no numbers"),
        (["optimizer.rate=0..1"], "needs 0 < LOW < HIGH"),
        (["optimizer.rate=1..0.1"], "needs 0 < LOW < HIGH"),
        (["seed=1,2", "seed=3"], "given seed twice"),
    ],
)
def test_what_is_no_space_is_told(words, told):
    with pytest.raises(UsageError, match=told):
        read_space(words)


@given(st.floats(1e-6, 1.0), st.floats(1.5, 1e4), st.integers(0, 2**32), st.booleans())
def test_draws_stay_inside(low, factor, seed, whole):
    low = math.ceil(low) if whole else low
    space = {"x": LogUniform(low, math.ceil(low * factor) if whole else low * factor, whole)}
    for values in draw(space, 5, seed):
        assert space["x"].low * 0.9999 <= values["x"] <= space["x"].high * 1.0001
        assert isinstance(values["x"], int) == whole


def test_the_logarithm_is_uniform():
    values = [each["x"] for each in draw({"x": LogUniform(1e-4, 1.0, whole=False)}, 2_000, seed=3)]
    shares = [sum(10.0**power <= value < 10.0 ** (power + 1) for value in values) / len(values) for power in range(-4, 0)]
    assert all(abs(share - 0.25) < 0.05 for share in shares)


def test_a_rung_keeps_a_third_at_three_times_the_budget():
    assert [count for count, _ in rungs(27, halving=True)] == [27, 9, 3, 1]
    assert [count for count, _ in rungs(10, halving=True)] == [10, 3, 1]
    assert rungs(2, halving=True) == [(2, 1.0)]
    for trials in (2, 9, 27):
        shares = [share for _, share in rungs(trials, halving=True)]
        assert shares[-1] == 1.0
        assert all(math.isclose(later, 3 * earlier) for earlier, later in pairwise(shares))


def test_values_are_checked_against_the_recipe():
    recipe = read_recipe("dates")
    changed = with_values(recipe, {"optimizer.rate": 0.01, "model.width": 24}, "trial-001")
    assert (changed.optimizer.rate, changed.model.width, changed.name) == (0.01, 24, "trial-001")
    with pytest.raises(UsageError, match="Did you mean 'width'"):
        with_values(recipe, {"model.widht": 24}, "trial-001")
    with pytest.raises(UsageError, match=r"optimizer\.rate"):
        with_values(recipe, {"optimizer.rate": -1.0}, "trial-001")
    with pytest.raises(UsageError, match="is no table"):
        with_values(recipe, {"seed.x": 1}, "trial-001")
