"""Gradient norms by distance."""

import json

import numpy as np
import pytest

from gyebo.views.gradients import gradient_norms
from gyebo.views.theme import CATEGORIES


def axis_of(figure):
    return figure.spec["layer"][0]["encoding"]["y"]


def test_zeros_stand_on_a_line_of_their_own_below_the_smallest_norm():
    figure = gradient_norms({"rnn": [1.0, 1e-3, 0.0, 0.0], "lstm": [1.0, 0.9, 0.8, 0.7]})
    assert figure.data["norms"]["rnn"] == [1.0, 1e-3, 0.0, 0.0]
    assert "exactly zero (2)" in figure.caption
    scale, axis = axis_of(figure)["scale"], axis_of(figure)["axis"]
    assert scale["type"] == "log"
    assert 0 < scale["domain"][0] < 1e-3
    assert axis["values"][0] == scale["domain"][0]
    assert axis["labelExpr"].startswith('["0", ')
    assert len(figure.spec["layer"]) == 2


def test_without_zeros_there_is_no_such_line():
    figure = gradient_norms({"rnn": [1.0, 0.5]})
    assert "zero" not in figure.caption
    assert '"0"' not in axis_of(figure)["axis"]["labelExpr"]
    assert len(figure.spec["layer"]) == 1


@pytest.mark.parametrize(
    "norms",
    [[1.0], [0.0, 0.0], [5e-324, 1e308], [1.0] * 300, np.float32([1e-30, 0.0, 1.0])],
    ids=["one", "only zeros", "extremes", "many", "float32"],
)
def test_draws(norms):
    figure = gradient_norms({"한글 rnn": norms, "other": [2.0]})
    assert json.loads(figure.to_json())["data"] == figure.data
    assert figure.to_png(1.0).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("norms", "message"),
    [
        ({}, "give at least one model"),
        ({"rnn": []}, r"norms of 'rnn' have shape \(0,\)"),
        ({"rnn": [[1.0]]}, r"norms of 'rnn' have shape \(1, 1\), but \(T,\) was expected"),
        ({"rnn": [1.0, -1.0]}, "norm of 'rnn' at 1 steps back is -1, but a norm is finite and not negative"),
        ({"rnn": [1.0, np.inf]}, "is inf, .* compute it in double precision"),
        (
            {str(number): [1.0] for number in range(len(CATEGORIES) + 1)},
            "8 lines cannot be told apart .* at most 7 models",
        ),
    ],
)
def test_checks(norms, message):
    with pytest.raises(ValueError, match=message):
        gradient_norms(norms)
