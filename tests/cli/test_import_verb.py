"""`import`: torchvision's weights become a run that predicts what they do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from gyebo_command import Gyebo
from PIL import Image

import gyebo as package
from gyebo.genealogy import architecture
from gyebo.interop.torchvision import to_torchvision

OPTIONS = ("--architecture", "googlenet-batch-norm", "--size", "torchvision", "--image-size", "32")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of torchvision's GoogLeNet for three classes."""
    torch.manual_seed(0)
    entry = architecture("googlenet-batch-norm")
    model = entry.model(entry.config(num_channels=3, num_classes=3, image_size=32, auxiliary=False))
    path = tmp_path_factory.mktemp("weights") / "googlenet.safetensors"
    safetensors.torch.save_file(to_torchvision(model, "googlenet-batch-norm"), path)
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_an_import_is_a_run_with_the_same_weights(gyebo: Gyebo, weights: Path, picture: Path, tmp_path: Path):
    (tmp_path / "classes.txt").write_text("고양이\ndog\nbird\n", encoding="utf-8")
    said = gyebo("import", "torchvision", weights, *OPTIONS, "--output", tmp_path / "own", "--classes", tmp_path / "classes.txt")
    assert said.code == 0, said.err
    assert "gyebo predict" in said.out
    run = package.load(tmp_path / "own")
    state = safetensors.torch.load_file(weights)
    assert all(torch.equal(tensor, state[name]) for name, tensor in to_torchvision(run.model, "googlenet-batch-norm").items())

    pixels = torch.from_numpy(np.array(Image.open(picture))).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = run.model((pixels - 0.5) / 0.5).softmax(1)[0]  # this network's images have mean and deviation 0.5
    predicted = gyebo("predict", tmp_path / "own", picture, "--json")
    assert predicted.code == 0, predicted.err
    (told,) = [json.loads(line) for line in predicted.out.splitlines()]
    assert told["output"] == ["고양이", "dog", "bird"][int(expected.argmax())]
    assert gyebo("list", "runs", "--runs-dir", tmp_path).code == 0


def test_an_import_can_be_evaluated(gyebo: Gyebo, weights: Path, tmp_path: Path):
    for name in "012":
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(2):
            pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    assert gyebo("import", "torchvision", weights, *OPTIONS, "--output", tmp_path / "own", "--json").code == 0
    said = gyebo("evaluate", tmp_path / "own", "--data", tmp_path / "data", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["metrics"]["accuracy"] == pytest.approx(1 / 3)  # each class has the same two images


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "F"), "The architecture googlenet-batch-norm has no size 'F'."),
        (("--architecture", "mlp"), "torchvision has no weights for the architecture mlp."),
        (("--image-size", "7"), "the smallest that works is 15."),
        (("--mean", "0.5"), "The weights read images of 3 channels, and there came the means (0.5,)"),
        (("--deviation", "0.5", "0.5", "0"), "deviations above 0, with --mean and --deviation"),
    ],
)
def test_what_does_not_fit_the_weights_is_refused(gyebo: Gyebo, weights: Path, tmp_path: Path, words, message):
    said = gyebo("import", "torchvision", weights, *OPTIONS, "--output", tmp_path / "own", *words)
    assert said.code == 2
    assert message in said.told
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("a\nb\n", "it has 2 lines, and the weights have 3 classes"),
        ("a\nb\na\n", "'a' stands in it twice"),
        (None, "is no UTF-8 text file"),
    ],
)
def test_names_that_are_not_those_of_the_classes_are_refused(gyebo: Gyebo, weights: Path, tmp_path: Path, names, message):
    if names is not None:
        (tmp_path / "classes.txt").write_text(names)
    said = gyebo("import", "torchvision", weights, *OPTIONS, "--output", tmp_path / "own", "--classes", tmp_path / "classes.txt")
    assert said.code == 2
    assert message in said.told


def test_folders_that_hold_something_are_left_alone(gyebo: Gyebo, weights: Path, tmp_path: Path):
    words = ("import", "torchvision", weights, *OPTIONS, "--output")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    assert "'thesis.txt'" in gyebo(*words, tmp_path / "other").told
    assert gyebo(*words, tmp_path / "own").code == 0
    assert "is a run already, and an import does not replace one" in gyebo(*words, tmp_path / "own").told
