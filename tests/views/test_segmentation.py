"""The figure of segmented images, and what it shows of a run: with the truth where a mask lies beside the image."""

from __future__ import annotations

import re

import altair as alt
import pytest
import torch

from gyebo.data.masks import MasksConfig, open_whole_masks
from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.runs import Run, RunFolder
from gyebo.runs.run import save_config, save_weights
from gyebo.storage import write_json
from gyebo.tasks.segment import Segment, SegmentConfig
from gyebo.views.look import lacking, look
from gyebo.views.segmentation import Segmented, segmentation
from made_masks import discs, folder_of, image_masks


@pytest.fixture
def run(tmp_path):
    folder_of(discs(3, 1), tmp_path / "discs")
    return a_run(tmp_path, image_masks(), [{"input": str(tmp_path / "discs" / "images" / f"{number}.png")} for number in range(3)])


def a_run(tmp_path, data, samples) -> Run:
    task, entry = Segment.learn(SegmentConfig(), data), architecture("unet-padded")
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    config = entry.config(**task.model_fields(), width=2, num_levels=2)
    torch.manual_seed(0)
    task.save(folder.path)
    save_config(folder, task, "segment", "unet-padded", config, data.facts())
    save_weights(entry.model(config), folder, "unet-padded", 1)
    write_json(folder.results, {"samples": samples})
    return Run(folder)


def headings(figure) -> list[str]:
    return re.findall(r'"text": "(image|truth|prediction|mistakes)"', figure.to_json().replace("\n", ""))


def test_samples_are_shown_with_their_truth(run):
    assert lacking(run)["segmentation"] is None
    figure = look(run, "segmentation")
    alt.Chart.from_dict(figure.spec)
    assert [image["name"].split("/")[-1] for image in figure.data["images"]] == ["0.png", "1.png", "2.png"]
    assert all(0 <= image["pixel_accuracy"] <= 1 for image in figure.data["images"])
    assert headings(figure) == ["image", "truth", "prediction", "mistakes"]
    assert [*figure.data["colours"]] == ["disc", "missed", "invented"]
    assert figure.to_svg().count("<image") == 12
    assert figure.to_png(scale=0.5)[1:4] == b"PNG"


def test_the_numbers_are_those_of_an_evaluation(run, tmp_path):
    figure = look(run, "segmentation", [str(tmp_path / "discs" / "images" / "1.png")])
    data = open_whole_masks((str(tmp_path / "discs"),), MasksConfig(classes=("ground", "disc")))
    metrics = run.task.evaluate(run.model, data, "test").tables["worst_images"]
    expected = next(row for row in metrics if row["image"].endswith("1.png"))
    assert figure.data["images"][0]["mean_iou"] == pytest.approx(expected["mean_iou"])


def test_without_a_mask_the_prediction_stands_alone(run, tmp_path):
    path = tmp_path / "alone.png"
    (tmp_path / "discs" / "images" / "0.png").rename(path)
    figure = look(run, "segmentation", [str(path)])
    assert headings(figure) == ["image", "prediction"]
    assert figure.data["images"] == [{"name": str(path), "width": 40, "height": 32}]


def test_what_cannot_be_drawn_is_said(run, tmp_path):
    with pytest.raises(UsageError, match=r"7 images were given, but a figure shows 6 at most"):
        look(run, "segmentation", ["x"] * 7)
    small = discs(1, 5, (9, 9))
    folder_of(small, tmp_path / "other")
    (tmp_path / "other" / "masks" / "0.png").write_bytes((tmp_path / "discs" / "masks" / "0.png").read_bytes())
    with pytest.raises(UsageError, match=r"masks/0\.png is not of the size of its image"):
        look(run, "segmentation", [str(tmp_path / "other" / "images" / "0.png")])
    run.folder.model.unlink()
    assert "no weights yet" in str(lacking(run)["segmentation"])


def test_more_classes_each_have_a_colour(tmp_path):
    data = image_masks(classes=9)
    folder_of(data.test, tmp_path / "discs")
    figure = look(a_run(tmp_path, data, [{"input": str(tmp_path / "discs" / "images" / "0.png")}]), "segmentation")
    assert [*figure.data["colours"]] == [*data.classes, "another class"]
    assert len(set(figure.data["colours"].values())) == 10


def test_no_image_is_no_figure():
    with pytest.raises(ValueError, match="0 images came"):
        segmentation([], {}, "")
    with pytest.raises(ValueError, match="7 images came"):
        segmentation([Segmented("a", (1, 1), {}, {})] * 7, {}, "")
