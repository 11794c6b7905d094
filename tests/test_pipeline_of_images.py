"""A training on images from end to end: it goes on bit for bit, its report shows its mistakes, and its data are not confused."""

from __future__ import annotations

import json

import pytest
import safetensors.torch

from gyebo import pipeline
from gyebo.errors import GyeboError
from gyebo.recipes import Recipe, recipe_from_mapping
from gyebo.runs import load
from gyebo.runs.run import save_weights
from gyebo.training.checkpoints import checkpoint_folders
from gyebo.views.run_report import run_report
from small_net import small_net

__all__ = ["small_net"]

CLOCK = {"seconds", "tokens_per_second"}


def recipe(**options) -> Recipe:
    given = {
        "name": "digits",
        "task": "classify",
        "architecture": "small-net",
        "data": ["digits"],
        "steps": 18,
        "epochs": 0,
        "threads": 1,
        "log_every": 4,
        "checkpoint_every": 5,
        "classify": {
            "images": {"limit": 100},
            "augmentation": {"crop": 1, "shift": 0.5, "principal_colours": 1.0},
            "label_smoothing": 0.1,
            "human_error": 0.01,
        },
        "batch": {"tokens": 16, "accumulate": 2},
        "evaluation": {"every": 6, "metric": "accuracy"},
    }
    return recipe_from_mapping(given | options, "test")


def state_of(run) -> dict:
    newest = checkpoint_folders(run.folder.path / "training")[-1]
    tensors = safetensors.torch.load_file(newest / "state.safetensors")
    return {
        "checkpoint": newest.name,
        "tensors": {name: tensor.numpy().tobytes() for name, tensor in tensors.items()},
        "best": run.folder.model.read_bytes(),
        "metrics": [{key: value for key, value in record.items() if key not in CLOCK} for record in run.folder.metrics()],
        "splits": run.folder.read(run.folder.results)["splits"],
    }


CONVOLUTIONS = {
    "architecture": "resnet-cifar",
    "model": {"depth": 8, "widths": [3, 4, 5]},
    "optimizer": {"rate": 0.02},
    "evaluation": {"every": 6, "metric": "loss"},  # lower each time, so that the best weights are written each time
}
"""with batch normalisation; trained with their channels last"""


@pytest.mark.parametrize("options", [{}, CONVOLUTIONS], ids=["affine", "convolutions"])
def test_a_killed_training_goes_on_bit_for_bit(small_net, tmp_path, monkeypatch, options):
    """Killed amid the third epoch, after a checkpoint that is not its last word, and once more while the best weights are written."""

    class Killed(BaseException):
        pass

    whole = state_of(pipeline.train(recipe(**options), tmp_path / "whole"))

    def die_at(step: int):
        def listener(record):
            if record["kind"] == "train" and record["step"] == step:
                raise Killed

        return listener

    def save_and_die(model, folder, name, step):
        save_weights(model, folder, name, step)
        if step == 12:
            raise Killed

    with pytest.raises(Killed):
        pipeline.train(recipe(**options), tmp_path / "killed", listeners=(die_at(8),))
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "save_weights", save_and_die)
        with pytest.raises(Killed):
            pipeline.train(recipe(**options), tmp_path / "killed")
    small = state_of(pipeline.train(recipe(**options), tmp_path / "killed"))
    assert {name for name in whole if small[name] != whole[name]} == set()
    other = state_of(pipeline.train(recipe(seed=2, **options), tmp_path / "other"))
    assert other["best"] != whole["best"], "what is compared does depend on the seed"


def test_the_report_and_the_card_show_the_mistakes(small_net, tmp_path):
    run = pipeline.train(recipe(), tmp_path / "digits")
    results = run.folder.read(run.folder.results)
    test = results["splits"]["test"]
    worst = test["tables"]["worst_mistakes"]
    assert len(worst) == len(test["pictures"]["worst_mistakes"]) > 0
    page = run.folder.report.read_text(encoding="utf-8")
    assert page == run_report(run.folder, results)
    assert page.count('<img class="picture"') == len(worst)
    assert f'alt="{worst[0]["image"]}"' in page
    for told in (
        "Test: bias and variance",
        "human level",
        "Confusion matrix",
        "Test: classes",
        "Test: likely wrong labels",
        "images",
    ):
        assert told in page, told
    assert "train images" in page
    assert 'aria-label="wrong"' in page or results["splits"]["test"]["metrics"]["accuracy"] == 1
    card = run.folder.card.read_text(encoding="utf-8")
    for told in ("## Worst mistakes", "## Bias and variance", worst[0]["image"], "run.predict(['image.png'])", "images, "):
        assert told in card, told
    assert "language:" not in card
    again = load(tmp_path / "digits")
    assert pipeline.evaluate(again).metrics == test["metrics"]


def test_mixed_files_of_two_runs_are_refused(small_net, tmp_path):
    run = pipeline.train(recipe(), tmp_path / "digits")
    path = run.folder.path / "preprocessing.json"
    learned = json.loads(path.read_text())
    path.write_text(json.dumps(learned | {"classes": learned["classes"][:5]}))
    with pytest.raises(GyeboError, match=r"'num_classes' is 10, but the files of the run's classify task make it 5"):
        _ = load(run.folder.path).model
