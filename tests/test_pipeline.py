"""The whole way in one process: a run is trained, described, gone on with, and never mixed with another."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil

import pytest
import torch

from gyebo import pipeline
from gyebo.errors import GyeboError, UsageError
from gyebo.recipes import Recipe, recipe_from_mapping
from gyebo.runs import RunFolder, load
from gyebo.runs.run import save_weights, saved_step
from gyebo.tasks.translate import TranslationProblem

UNIT = {"unit": "character", "min_count": 1}


def recipe(data, **options) -> Recipe:
    given = {
        "name": "mine",
        "task": "translate",
        "architecture": "bahdanau",
        "data": [str(data)],
        "steps": 4,
        "epochs": 0,
        "threads": 1,
        "translate": {"source": UNIT, "target": UNIT, "decoding": {"beam": 1, "length_margin": 2}},
        "model": {"embedding_width": 4, "width": 6, "alignment_width": 3, "readout_width": 5},
        "evaluation": {"every": 2},
    }
    return recipe_from_mapping(given | options, "test")


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("source\ttarget\n" + "".join(f"number {number}\tno. {number}\n" for number in range(40)), encoding="utf-8")
    return path


def test_train_describe_go_on(data, tmp_path):
    run = pipeline.train(recipe(data), tmp_path / "run")
    results = run.folder.read(run.folder.results)
    assert (results["steps"], results["reason"]) == (4, "4 steps are done")
    evaluation = pipeline.evaluate(run, "test")
    assert evaluation.metrics == results["splits"]["test"]["metrics"]
    assert load(tmp_path / "run").predict(["number 3"])[0].output == run.predict(["number 3"])[0].output
    assert run.folder.report.is_file()
    assert "number" in run.folder.card.read_text(encoding="utf-8")
    written = run.folder.results.stat().st_mtime_ns
    pipeline.train(recipe(data), tmp_path / "run")
    assert run.folder.results.stat().st_mtime_ns == written, "a finished run is not described again"
    pipeline.train(recipe(data, steps=6), tmp_path / "run")
    assert run.folder.read(run.folder.results)["steps"] == 6


def test_results_of_an_earlier_end_are_replaced(data, tmp_path):
    """Made longer, and killed after its last checkpoint: what stands in results.json is of the shorter training."""
    pipeline.train(recipe(data), tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    earlier = folder.results.read_bytes()
    pipeline.train(recipe(data, steps=6), tmp_path / "run")
    folder.results.write_bytes(earlier)
    pipeline.train(recipe(data, steps=6), tmp_path / "run")
    assert folder.read(folder.results)["steps"] == 6


def test_another_recipe_is_refused(data, tmp_path):
    pipeline.train(recipe(data), tmp_path / "run")
    with pytest.raises(
        UsageError,
        match=r"was begun with another recipe: seed was 1 and is now 2\. Only its length.*\(--threads, --device, --checkpoint-every\)",
    ):
        pipeline.train(recipe(data, seed=2), tmp_path / "run")
    metrics = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    data.write_text(data.read_text(encoding="utf-8") + "one more\tone\n", encoding="utf-8")
    with pytest.raises(GyeboError, match=r"The data of .* have changed since its training began"):
        pipeline.train(recipe(data, steps=6), tmp_path / "run")
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == metrics


def test_damaged_beginnings_are_errors_of_the_user(data, tmp_path):
    pipeline.train(recipe(data), tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    whole = json.loads(config.read_text(encoding="utf-8"))
    for change in ({"translate": 3}, {"data": []}, {"task": []}):
        config.write_text(json.dumps(whole | change), encoding="utf-8")
        with pytest.raises(GyeboError):
            pipeline.train(recipe(data), tmp_path / "run")
    config.write_text(json.dumps({key: value for key, value in whole.items() if key != "translate"}), encoding="utf-8")
    assert pipeline.train(recipe(data), tmp_path / "run").name == "run", "what is left out has its default"


def test_no_data_and_impossible_sizes(data, tmp_path):
    with pytest.raises(UsageError, match=r"has no data of its own. Name a dataset or your own data: --data FILE.tsv"):
        pipeline.train(dataclasses.replace(recipe(data), data=()), tmp_path / "run")
    with pytest.raises(GyeboError, match=r"needs more than .* GiB"):
        pipeline.train(recipe(data, model={"width": 10**8}), tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


def test_weights_are_never_of_a_step_that_the_run_did_not_take(data, tmp_path, monkeypatch):
    """Killed as soon as the best weights are written, and ended earlier than that at the next start."""

    class Killed(BaseException):
        pass

    def save_and_die(model, folder, name, step):
        save_weights(model, folder, name, step)
        if step == 8:
            raise Killed

    options = {"checkpoint_every": 5, "evaluation": {"every": 4}}
    monkeypatch.setattr(pipeline, "save_weights", save_and_die)
    with pytest.raises(Killed):
        pipeline.train(recipe(data, steps=12, **options), tmp_path / "run")
    monkeypatch.undo()
    run = pipeline.train(recipe(data, steps=6, **options), tmp_path / "run")
    assert run.folder.read(run.folder.results)["best_step"] == saved_step(run.folder) == 8


def test_a_folder_that_is_no_run_is_left_alone(data, tmp_path):
    card = tmp_path / "project" / "README.md"
    card.parent.mkdir()
    card.write_text("mine")
    with pytest.raises(UsageError, match="is not a run"):
        pipeline.train(recipe(data), card.parent)
    assert [file.name for file in card.parent.iterdir()] == ["README.md"]
    assert card.read_text() == "mine"


def test_changed_data_are_not_evaluated_as_the_runs_own(data, tmp_path):
    run = pipeline.train(recipe(data), tmp_path / "run")
    data.write_text(data.read_text(encoding="utf-8") + "one more\tone\n", encoding="utf-8")
    with pytest.raises(
        GyeboError, match="have changed since its training began, so its test split may hold what it was trained on"
    ):
        pipeline.evaluate(run)
    assert pipeline.evaluate(run, data=(str(data),)).metrics, "data that are named are what their user says"


def test_a_validation_that_is_never_finite_says_so(data, tmp_path, monkeypatch):
    monkeypatch.setattr(TranslationProblem, "validate", lambda *arguments: {"loss": math.nan})
    with pytest.raises(
        GyeboError, match=r"validation loss was never a finite number.* a lower --optimizer.rate, or with --precision"
    ):
        pipeline.train(recipe(data), tmp_path / "run")


def test_the_environment_is_that_of_the_last_start_that_trained(data, tmp_path):
    before = torch.get_num_threads()
    run = pipeline.train(recipe(data), tmp_path / "run")
    threads = []
    for steps, asked in ((4, 2), (6, 2)):  # the first one has nothing left to train
        pipeline.train(recipe(data, steps=steps, threads=asked), tmp_path / "run")
        threads.append(run.folder.read(run.folder.environment)["threads"])
    torch.set_num_threads(before)
    assert threads == [1, 2]
    assert run.folder.read(run.folder.environment)["device"].startswith(("cpu", "cuda"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # those of torch.compile itself, and one that it provokes and hides
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_compiled_training_equals_the_plain_one(data, tmp_path):
    losses = []
    for compiled in (False, True):
        run = pipeline.train(recipe(data, compile=compiled, log_every=1), tmp_path / f"run-{compiled}")
        losses.append([record["loss"] for record in run.folder.metrics()])
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)  # the same sums in another order
