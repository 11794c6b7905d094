"""`gyebo data` on images with masks; `train segment`, `predict --output`, `evaluate` and `look` on a run that segments."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from gyebo_command import Gyebo
from PIL import Image

from gyebo.cli import main
from gyebo.data.download import data_folder
from gyebo.data.registry import find_dataset
from made_masks import discs, folder_of

TINY = (
    *("--steps", "6", "--evaluation.every", "3", "--threads", "1", "--segment.crop", "16"),
    *("--model.width", "3", "--model.num-levels", "3"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(discs(10, 1), tmp_path_factory.mktemp("data") / "discs")


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    assert main(["train", "segment", "--data", str(folder), "--runs-dir", str(runs), *TINY]) == 0
    return runs / "segment-discs"


def test_a_mask_is_written_whose_values_are_classes(
    gyebo: Gyebo, run: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "400")  # so that the table breaks no cell, however long the path is
    image = folder / "images" / "3.png"
    said = gyebo("predict", run, image, "--output", tmp_path / "mask.png")
    assert said.code == 0, said.err
    assert said.out.splitlines()[0].split() == ["image", "classes", "probability"]
    mask = np.asarray(Image.open(tmp_path / "mask.png"))
    assert mask.shape == (32, 40)
    assert set(np.unique(mask)) <= {0, 1}
    assert f"foreground {(mask == 1).mean():.1%}" in said.out or not mask.any()
    told = json.loads(gyebo("predict", run, image, "--json").out)
    assert told["output"] in said.out


def test_several_masks_go_into_a_folder(gyebo: Gyebo, run: Path, folder: Path, tmp_path: Path):
    assert gyebo("predict", run, folder / "images", "--output", tmp_path / "masks").code == 0
    assert {path.name for path in (tmp_path / "masks").iterdir()} == {f"{number}.png" for number in range(10)}


def test_what_cannot_be_written_is_said(gyebo: Gyebo, run: Path, runs_dir: Path, folder: Path, tmp_path: Path):
    first = folder / "images" / "1.png"
    before = first.read_bytes()
    (tmp_path / "file.png").write_bytes(b"")
    other = tmp_path / "1.png"
    other.write_bytes(before)
    for words, message in (
        ((run, first, "--output", tmp_path / "mask.jpg"), "masks are PNG files"),
        ((run, folder / "images", "--output", tmp_path / "file.png"), "10 masks cannot be written to the one file"),
        ((run, first, other, "--output", tmp_path / "masks"), "Two of the images are called '1'"),
        ((run, folder / "images", "--output", folder / "images"), "would be written over the image itself"),
        ((runs_dir / "tiny", "1.1.2001", "--output", tmp_path / "mask.png"), "which makes none"),
    ):
        said = gyebo("predict", *words)
        assert (said.code, said.out) == (2, ""), words
        assert message in said.told, said.told
    assert first.read_bytes() == before


def test_it_is_evaluated_and_looked_into(gyebo: Gyebo, run: Path, folder: Path, tmp_path: Path):
    found = json.loads(gyebo("evaluate", run, "--data", folder, "--json").out)
    assert found["examples"] == 10
    assert {"dice", "mean_iou", "pixel_accuracy"} <= found["metrics"].keys()
    said = gyebo("look", run, "segmentation", "--output", tmp_path / "look.svg")
    assert said.code == 0, said.err
    assert (tmp_path / "look.svg").read_text().count("<image") == 4
    many = [folder / "images" / f"{number}.png" for number in range(7)]
    assert "a figure shows 6 at most" in gyebo("look", run, "segmentation", *many).told


def test_a_split_folder_is_evaluated_on_its_test_split(gyebo: Gyebo, run: Path, tmp_path: Path):
    folder_of(discs(3, 1), tmp_path / "split" / "train")
    folder_of(discs(2, 2), tmp_path / "split" / "test")
    assert json.loads(gyebo("evaluate", run, "--data", tmp_path / "split", "--json").out)["examples"] == 2


def test_a_folder_that_is_none_is_said(gyebo: Gyebo, tmp_path: Path):
    said = gyebo("train", "segment", "--data", tmp_path, "--runs-dir", tmp_path / "runs")
    assert said.code == 2
    assert "no images with masks were found" in said.told
    assert not (tmp_path / "runs").exists()


def test_data_describes_a_folder_of_images_and_masks(gyebo: Gyebo, folder: Path):
    said = gyebo("data", folder, "--masks.validation", 2, "--samples", 3, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["name"], found["classes"], found["url"]) == ("discs", ["background", "foreground"], "")
    assert {split: each["images"] for split, each in found["splits"].items()} == {"train": 7, "validation": 2, "test": 1}
    assert sum(found["splits"]["train"]["classes"].values()) == pytest.approx(1, abs=1e-4)
    assert len(found["samples"]) == 3
    assert {*found["samples"][0]} == {"image", "classes"}
    table = gyebo("data", folder, "--masks.validation", 2)
    assert "1 x 32 x 40 (channels, height, width)" in table.out
    assert re.search(r"train +7 +8,960 +0.00 %", table.out), table.out
    share = found["splits"]["train"]["classes"]["foreground"]
    assert re.search(rf"foreground +{100 * share:.2f} %", table.out), table.out
    assert "gyebo train RECIPE --data FOLDER" in table.out


def test_data_tells_sizes_that_differ(gyebo: Gyebo, tmp_path: Path):
    folder = folder_of(discs(6, 1, size=(16, 20), classes=3), tmp_path / "own")
    for kind in ("images", "masks"):
        with Image.open(folder / kind / "0.png") as image:
            image.crop((0, 0, 18, 12)).save(folder / kind / "0.png")
    said = gyebo("data", folder, "--masks.classes", "ground", "small", "large", "--masks.void", 2)
    assert said.code == 0, said.err
    assert "1 x 12 to 16 x 18 to 20 (channels, height, width)" in said.out
    assert re.search(r"large +0.00 %", said.out), "all of it is void"


def test_data_says_what_is_wrong_with_a_folder_of_masks(gyebo: Gyebo, tmp_path: Path):
    folder = folder_of(discs(4, 1), tmp_path / "own")
    (folder / "masks" / "2.png").unlink()
    said = gyebo("data", folder)
    assert (said.code, said.out) == (2, "")
    assert f"The image {folder / 'images' / '2.png'} has no mask" in said.told


@pytest.mark.skipif(
    not all((data_folder() / file.path).is_file() for file in find_dataset("camvid").files),
    reason=f"camvid is not in {os.environ.get('GYEBO_DATA', 'the cache folder')}",
)
def test_data_describes_camvid(gyebo: Gyebo):
    said = gyebo("data", "camvid")
    assert said.code == 0, said.err
    assert "3 x 360 x 480 (channels, height, width)" in said.out
    assert "CC BY-NC 4.0" in said.out
    assert re.search(r"train +32 +5,529,600 +\d+\.\d\d %", said.out)
    assert re.search(r"bicyclist( +\d+\.\d\d %){3}", said.out)
    assert "gyebo train RECIPE --data camvid" in said.out
