"""`gyebo train`, `predict`, `evaluate`, `look` and `show` on a run that classifies images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gyebo_command import Gyebo
from PIL import Image

from gyebo.data.images import ImagesConfig, open_images
from small_net import small_net

__all__ = ["small_net"]

RECIPE = """
task = "classify"
architecture = "small-net"
data = ["digits"]
steps = 20
epochs = 0
threads = 1
[classify.images]
limit = 200
[batch]
tokens = 32
[optimizer]
rate = 1e-2
[evaluation]
every = 10
metric = "accuracy"
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    digits = open_images(("digits",), ImagesConfig()).test
    for number in range(3):
        Image.fromarray(digits.pixels[number, 0].numpy()).save(folder / f"{number}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def run(gyebo: Gyebo, small_net: str, tmp_path: Path) -> Path:
    recipe = tmp_path / "tiny-digits.toml"
    recipe.write_text(RECIPE)
    said = gyebo("train", recipe, "--runs-dir", tmp_path / "runs")
    assert said.code == 0, said.err
    for told in ("macro F1", "top 5 accuracy", "calibration error", "image.png", "gyebo train classify --data FOLDER"):
        assert told in said.out, told
    return tmp_path / "runs" / "tiny-digits"


def test_the_verbs_serve_a_run_on_images(gyebo: Gyebo, run: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "400")  # so that the table breaks no cell, however long the path is
    said = gyebo("predict", run, images)
    assert said.code == 0
    head, _, *rows = said.out.splitlines()
    assert head.split() == ["image", "class", "probability", "then"]
    assert [row.split()[0] for row in rows] == [str(images / f"{number}.png") for number in range(3)]

    said = gyebo("predict", run, "--json", images / "2.png", images / "0.png")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["input"] for line in lines] == [str(images / "2.png"), str(images / "0.png")]
    assert all(len(line["alternatives"]) == len(line["alternative_scores"]) == 4 for line in lines)
    assert all(0 < sum([line["score"], *line["alternative_scores"]]) <= 1.000001 for line in lines)

    listed = tmp_path / "list.txt"
    listed.write_text(f"{images / '1.png'}\n")
    assert gyebo("predict", run, "--file", listed).out.count(".png") == 1

    said = gyebo("evaluate", run, "--json")
    found = json.loads(said.out)
    results = json.loads((run / "results.json").read_text())
    assert found["metrics"] == results["splits"]["test"]["metrics"]
    assert found["examples"] == 300
    assert len(found["tables"]["confusion_matrix"]) == 10
    assert "PNG" not in said.out, "pictures are of the report"
    for word in ("bias and variance", "what the gap means", "most confused", "worst mistakes", "probability of label"):
        assert word in gyebo("evaluate", run).out, word

    said = gyebo("look", run)
    assert "its task is 'classify', which reads no text" in said.out
    assert gyebo("look", run, "curves").code == 0
    assert "macro F1" in gyebo("show", run).out


def test_what_cannot_be_predicted_is_said(gyebo: Gyebo, run: Path, images: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    for words, code, message in (
        ((tmp_path / "nothing.png",), 2, "There is no image"),
        ((tmp_path / "empty",), 2, "holds no image (.png, .jpg"),
        ((images / "notes.txt",), 2, "notes.txt is no image that can be read"),
        ((broken,), 2, "broken.jpg is"),
        (("--beam", 3, images), 2, "--beam changes how a text is written, and 'tiny-digits' is a run of the task classify"),
        (("--sample", 2, images), 2, "--sample changes how a text is written"),
        (("--n-best", 2, images), 2, "--n-best changes how a text is written"),
        (("--against", images / "notes.txt", images), 2, "--against scores given translations, and 'tiny-digits' is a run of"),
    ):
        said = gyebo("predict", run, *words)
        assert (said.code, said.out) == (code, ""), words
        assert message in said.told, said.told


def test_other_data_for_the_evaluation(gyebo: Gyebo, run: Path, tmp_path: Path):
    digits = open_images(("digits",), ImagesConfig()).test
    for number in range(40):
        path = tmp_path / "own" / str(int(digits.labels[number])) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.pixels[number, 0].numpy()).save(path)
    found = json.loads(gyebo("evaluate", run, "--data", tmp_path / "own", "--json").out)
    assert found["examples"] == 40
    (tmp_path / "own" / "0").rename(tmp_path / "own" / "null")
    said = gyebo("evaluate", run, "--data", tmp_path / "own")
    assert said.code == 2
    assert "has images of the class 'null', which the training data did not have" in said.told
