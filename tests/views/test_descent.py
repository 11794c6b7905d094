"""The figure of descent: a cell for each path, the numbers under it, and nothing that cannot be drawn."""

import json
import math

import altair as alt
import pytest
import torch

from gyebo.training.descent_paths import at_rates, paths
from gyebo.training.surfaces import SURFACES
from gyebo.views.descent import MAX_PATHS, descent

BOWL = SURFACES["bowl"]
FOUND = paths(at_rates({"adam": 0.3, "gradient-descent": 1.2}), BOWL, 20)
START = [[-7.0, 2.0]]


def layers(cell):
    return cell["hconcat"][0]["layer"], cell["hconcat"][1]["layer"]


def test_every_path_has_a_cell_with_map_and_loss():
    figure = descent(BOWL, FOUND)
    alt.Chart.from_dict(figure.spec)
    assert len(figure.spec["concat"]) == 2
    assert figure.data["paths"]["adam"]["points"] == FOUND["adam"].tolist()
    assert figure.data["paths"]["adam"]["losses"] == BOWL(FOUND["adam"]).tolist()
    assert figure.data["surface"]["formula"] == "x² / 20 + y²"
    assert json.loads(figure.to_json())["data"] == json.loads(json.dumps(figure.data))
    picture = figure.to_svg()
    for word in (
        "adam: f = ",
        f"gradient-descent: f = {BOWL(FOUND['gradient-descent'][-1]).item():.2g} after 20 steps",
        "Elongated bowl",
        "step",
    ):
        assert word in picture, word


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES.keys())
def test_every_surface_can_be_drawn(surface):
    figure = descent(surface, paths(at_rates({"adam": surface.rates["adam"]}), surface, 5))
    marks = [layer["mark"] for layer in layers(figure.spec["concat"][0])[0]]
    assert [mark["type"] for mark in marks] == ["line", "line", "point", "point"] + ["point"] * (surface.minimum is not None)
    assert ("green cross" in figure.caption) == (surface.minimum is not None)
    assert figure.to_png(scale=0.5)[1:4] == b"PNG"


def test_points_are_written_once_for_all_cells():
    texts = [json.dumps(descent(BOWL, {f"path {number}": START * 50 for number in range(count)}).spec) for count in (1, 4)]
    assert texts[1].count('"loss": 6.45') == 4 * texts[0].count('"loss": 6.45') == 4 * 50


def test_a_minimum_has_a_logarithmic_axis_and_a_saddle_a_linear_one():
    for surface, kind in ((BOWL, "log"), (SURFACES["saddle"], None)):
        _, loss = layers(descent(surface, paths(at_rates({"adam": 0.01}), surface, 5)).spec["concat"][0])
        assert loss[1]["encoding"]["y"]["scale"].get("type") == kind


def test_a_path_that_reaches_the_minimum_exactly_stays_on_the_axis():
    figure = descent(BOWL, {"there": [*START, [0.0, 0.0]], "at once": [[0.0, 0.0]]})
    assert figure.data["paths"]["there"]["losses"][1] == 0
    assert figure.to_png(scale=0.5)


def test_dots_of_many_steps_are_for_the_pointer_only():
    for count, opacity in ((101, 1.0), (102, 0.0)):
        [dots] = [
            layer for layer in layers(descent(BOWL, {"path": START * count}).spec["concat"][0])[0] if "tooltip" in layer["encoding"]
        ]
        assert dots["mark"]["opacity"] == opacity


def test_what_is_not_finite_is_left_out_and_told():
    figure = descent(BOWL, {"too fast": [*START, [1e200, 1.0], [math.inf, math.nan]]})
    assert figure.data["paths"]["too fast"] == {
        "points": [[-7.0, 2.0], [1e200, 1.0], [None, None]],
        "losses": [6.45, None, None],  # the square is beyond what a number can hold
    }
    assert "too fast: not finite after 2 steps" in json.dumps(figure.spec)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "0 paths came, but from 1 to 12 can be drawn"),
        ({str(number): START for number in range(MAX_PATHS + 1)}, "13 paths came"),
        ({"flat": [1.0, 2.0]}, r"The path 'flat' has shape \(2,\), but \(T \+ 1, 2\) was expected"),
        ({"none": torch.zeros(0, 2)}, r"The path 'none' has shape \(0, 2\)"),
        ({"nowhere": [[math.nan, 0.0]]}, "a finite start"),
    ],
)
def test_what_cannot_be_drawn_is_refused(found, message):
    with pytest.raises(ValueError, match=message):
        descent(BOWL, found)
