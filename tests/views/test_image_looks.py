"""Views of a classifier of images, on a run that was trained for a few steps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import gyebo
from gyebo.errors import UsageError
from gyebo.recipes import recipe_from_mapping
from gyebo.views.look import lacking

VIEWS = ("filters", "edges", "feature-maps", "receptive-field", "grad-cam", "depth", "decision-regions")


def trained(architecture, model, folder, size=0):
    mapping = {
        "name": architecture,
        "task": "classify",
        "architecture": architecture,
        "data": ["digits"],
        "steps": 3,
        "threads": 1,
        "model": model,
        "batch": {"tokens": 32},
        "classify": {"images": {"limit": 200, "size": size}},
    }
    return gyebo.train(recipe_from_mapping(mapping, "a test"), runs_dir=folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained("resnet-cifar", {"depth": 8}, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def lenet(tmp_path_factory):
    return trained("lenet5", {}, tmp_path_factory.mktemp("runs"), size=28)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "a picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 14, 3), dtype=np.uint8)).save(path)
    return str(path)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_draws_the_runs_own_images(run, view):
    figure = gyebo.look(run, view)
    assert figure.name == view
    assert figure.to_png()[1:4] == b"PNG"
    assert json.loads(figure.to_json())["data"]


@pytest.mark.parametrize("view", ["edges", "feature-maps", "grad-cam", "depth"])
def test_a_file_can_be_looked_at(run, view, image):
    assert gyebo.look(run, view, [image]).to_png()[1:4] == b"PNG"


def test_grad_cam_is_about_the_most_probable_class(run, image):
    data = gyebo.look(run, "grad-cam", [image]).data
    assert data["predicted"] == [run.predict([image])[0].output]
    assert data["images"] == [image]


def test_grad_cam_says_which_maps_it_read(run, lenet):
    assert "the 64 maps of 2 x 2 that stages gives" in gyebo.look(run, "grad-cam").caption
    figure = gyebo.look(lenet, "grad-cam")
    assert "the 16 maps of 10 x 10 that c3 gives" in figure.caption
    assert (figure.data["layer"], figure.data["maps"]) == ("c3", [16, 10, 10])


def test_no_convolution_of_lenet5_is_left_out(lenet):
    assert list(gyebo.look(lenet, "feature-maps").data) == ["image", "c1", "c3", "c5"]
    assert list(gyebo.look(lenet, "receptive-field").data) == ["c1", "c3", "c5"]
    assert list(gyebo.look(lenet, "depth").data["layers"]) == ["c1", "c3", "c5", "f6"]


def test_edges_are_those_of_the_filters(run, tmp_path):
    """A dark left half and a bright right one: each filter finds the step, of its height, in the two columns beside it."""
    pixels = np.full((8, 8), 51, np.uint8)
    pixels[:, 4:] = 153
    Image.fromarray(pixels).save(tmp_path / "step.png")
    data = gyebo.look(run, "edges", [str(tmp_path / "step.png")]).data
    assert list(data["strength"]) == ["prewitt", "sobel", "scharr"]
    for strength in data["strength"].values():
        np.testing.assert_allclose(strength, np.tile([0, 0, 0, 0.4, 0.4, 0, 0, 0], (8, 1)), atol=1e-4)


def test_edges_stand_beside_the_maps_of_the_first_convolution(run, lenet, image):
    data = gyebo.look(lenet, "edges").data
    assert data["layer"] == "c1"
    assert np.shape(data["learned"]) == (6, 28, 28)
    assert sorted(data["strongest"]) == list(range(6))
    strengths = np.abs(data["learned"]).mean((1, 2))
    assert (np.diff(strengths) <= 1e-4).all()  # the strongest first
    assert len(gyebo.look(run, "edges", [image]).data["learned"]) == 8


def test_samples_are_of_different_classes(run):
    assert len(set(gyebo.look(run, "grad-cam").data["images"])) == 8


@pytest.mark.parametrize("view", ["filters", "receptive-field"])
def test_views_that_take_no_image_say_so(run, view, image):
    with pytest.raises(UsageError, match="Leave it out"):
        gyebo.look(run, view, [image])


def test_a_plane_takes_three_images(run, image):
    with pytest.raises(UsageError, match="three images, but 2 came"):
        gyebo.look(run, "decision-regions", [image, image])


def test_a_file_that_is_no_image_is_named(run, tmp_path):
    (tmp_path / "letter.txt").write_text("no image")
    with pytest.raises(UsageError, match=r"letter\.txt"):
        gyebo.look(run, "grad-cam", [str(tmp_path / "letter.txt")])


def test_views_of_texts_are_not_offered(run):
    lacks = lacking(run)
    assert {name for name in VIEWS if lacks[name] is None} == set(VIEWS)
    assert lacks["alignment"] is not None
    with pytest.raises(UsageError, match="cannot show 'alignment'"):
        gyebo.look(run, "alignment")
