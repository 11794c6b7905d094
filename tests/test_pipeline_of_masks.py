"""A training on masks from end to end: a killed one goes on bit for bit, running averages included, and card and report tell of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gyebo import pipeline
from gyebo.recipes import Recipe, recipe_from_mapping
from gyebo.runs import load
from gyebo.training.checkpoints import checkpoint_folders
from made_masks import discs, folder_of

CLOCK = {"seconds", "tokens_per_second"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(discs(10, 1), tmp_path_factory.mktemp("data") / "discs")


def recipe(folder: Path, **options) -> Recipe:
    given = {
        "name": "discs",
        "task": "segment",
        "architecture": "unet-padded",
        "data": [str(folder)],
        "steps": 9,
        "epochs": 0,
        "threads": 1,
        "log_every": 2,
        "checkpoint_every": 2,
        "model": {"width": 3, "num_levels": 3, "dropout": 0.2},
        "segment": {
            "crop": 16,
            "crops": 2,
            "dice_weight": 0.5,
            "border_class": "foreground",
            "augmentation": {"flip": True, "rotate": 40.0, "principal_colours": 1.0},
        },
        "batch": {"tokens": 4},
        "evaluation": {"every": 3, "metric": "dice"},
    }
    return recipe_from_mapping(given | options, "test")


def state_of(run) -> dict:
    newest = checkpoint_folders(run.folder.path / "training")[-1]
    return {
        "checkpoint": (newest.name, (newest / "state.safetensors").read_bytes()),
        "best": run.folder.model.read_bytes(),
        "metrics": [{key: value for key, value in record.items() if key not in CLOCK} for record in run.folder.metrics()],
        "splits": run.folder.read(run.folder.results)["splits"],
    }


def test_a_killed_training_goes_on_bit_for_bit(folder, tmp_path):
    class Killed(BaseException):
        pass

    def die(record):
        if record["kind"] == "train" and record["step"] == 6:
            raise Killed

    whole = state_of(pipeline.train(recipe(folder), tmp_path / "whole"))
    with pytest.raises(Killed):
        pipeline.train(recipe(folder), tmp_path / "killed", listeners=(die,))
    resumed = state_of(pipeline.train(recipe(folder), tmp_path / "killed"))
    assert {name for name in whole if resumed[name] != whole[name]} == set()
    other = state_of(pipeline.train(recipe(folder, seed=2), tmp_path / "other"))
    assert other["best"] != whole["best"], "what is compared does depend on the seed"


@pytest.mark.parametrize("architecture", ["unet", "unet-padded"])
def test_card_and_report_show_classes_and_the_worst_images(folder, tmp_path, architecture):
    run = pipeline.train(recipe(folder, architecture=architecture, steps=3), tmp_path / "discs")
    test = run.folder.read(run.folder.results)["splits"]["test"]
    page, card = run.folder.report.read_text(encoding="utf-8"), run.folder.card.read_text(encoding="utf-8")
    assert page.count('<img class="picture"') == len(test["tables"]["worst_images"]) == 1
    for told in ("Test: worst images", "Test: classes", "mean IoU", "foreground"):
        assert told in page, told
    for told in ("## Classes", "## Worst images", "run.predict(['image.png'])[0].output)  # segments it", "test images"):
        assert told in card, told
    assert pipeline.evaluate(load(tmp_path / "discs")).metrics == test["metrics"]
