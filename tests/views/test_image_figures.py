"""Histograms by depth and decision regions, from plain numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gyebo.views.decision_regions import decision_regions
from gyebo.views.depth import histograms_by_depth


def test_depth_tells_what_dies_out():
    rng = np.random.default_rng(0)
    alive, dying = rng.normal(size=500), rng.normal(size=500) * 1e-3
    figure = histograms_by_depth({"first": alive, "last": np.maximum(dying, 0)}, {"first": dying, "last": alive})
    layers = figure.data["layers"]
    assert layers["first"]["activation deviation"] == pytest.approx(1, abs=0.1)
    assert layers["last"]["zero activations"] == pytest.approx(0.5, abs=0.1)
    assert layers["first"]["gradient, root mean square"] == pytest.approx(1e-3, rel=0.2)
    assert figure.to_png()[1:4] == b"PNG"


def test_gradients_that_are_all_zero_are_drawn():
    assert histograms_by_depth({"a": [0.0]}, {"a": [0.0]}).data["layers"]["a"]["gradient, root mean square"] == 0


@pytest.mark.parametrize(
    ("activations", "gradients", "told"),
    [
        ({}, {}, "same layers"),
        ({"a": [1]}, {"b": [1]}, "same layers"),
        ({"a": [np.nan]}, {"a": [1]}, "not finite"),
        ({"a": []}, {"a": []}, "no number"),
    ],
)
def test_depth_refuses_what_cannot_be_drawn(activations, gradients, told):
    with pytest.raises(ValueError, match=told):
        histograms_by_depth(activations, gradients)


def halves(points):
    right = 1 / (1 + np.exp(-20 * points[:, 0]))
    return np.stack([1 - right, right], 1)


def test_regions_are_shares_of_the_plane():
    figure = decision_regions(halves, ["left", "right"], [(-0.5, 0.0, "a point")], (-1, 3, 0, 1))
    assert figure.data["shares"] == {"right": pytest.approx(0.75, abs=0.02), "left": pytest.approx(0.25, abs=0.02)}
    assert "a point" in figure.to_json()
    assert figure.to_png()[1:4] == b"PNG"


def test_more_classes_than_colours_are_gathered():
    def many(points):
        place = np.clip((points[:, 0] * 20).astype(int), 0, 19)
        return np.eye(20)[place]

    figure = decision_regions(many, [f"class {place}" for place in range(20)], [], (0, 1, 0, 1))
    assert len(figure.data["classes"]) == 7
    assert "another class" in figure.to_json()


def test_an_empty_rectangle_is_refused():
    with pytest.raises(ValueError, match="no rectangle"):
        decision_regions(halves, ["left", "right"], [], (1, 1, 0, 1))
