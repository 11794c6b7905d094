"""The functions that Python code calls."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import gyebo
from gyebo.errors import UsageError
from gyebo.genealogy import architecture_names, parameter_counts
from gyebo.recipes import read_recipe

VOCABULARIES = {"source_vocabulary": 20, "target_vocabulary": 30}


def test_architectures_are_the_catalogue():
    assert gyebo.architectures() == architecture_names()


def test_create_takes_a_config():
    model = gyebo.create("bahdanau", {**VOCABULARIES, "width": 8, "embedding_width": 6})
    assert (
        parameter_counts(model)[1]
        == parameter_counts(gyebo.create("bahdanau", {**VOCABULARIES, "width": 8, "embedding_width": 6}))[1]
    )


def test_create_begins_from_a_size_and_the_config_goes_before_it():
    import torch

    with torch.device("meta"):
        assert parameter_counts(gyebo.create("bahdanau", {}, size="paper"))[1] == 80_452_000
        smaller = gyebo.create("bahdanau", VOCABULARIES, size="paper")
    assert parameter_counts(smaller)[1] < 80_452_000


@pytest.mark.parametrize(
    ("name", "config", "size", "expected"),
    [
        ("bahdanua", VOCABULARIES, None, "Did you mean 'bahdanau'?"),
        ("bahdanau", VOCABULARIES | {"widht": 3}, None, "Did you mean 'width'?"),
        ("bahdanau", {"source_vocabulary": 20}, None, "'target_vocabulary' must be given"),
        ("bahdanau", VOCABULARIES | {"width": "wide"}, None, "'width' is 'wide'"),
        ("bahdanau", VOCABULARIES, "papr", "Did you mean 'paper'?"),
    ],
)
def test_create_refuses_what_it_does_not_know(name: str, config: dict[str, Any], size: str | None, expected: str):
    with pytest.raises(UsageError, match=expected.replace("?", r"\?")):
        gyebo.create(name, config, size)


def test_train_load_predict_and_look(tmp_path: Path):
    file = tmp_path / "days.tsv"
    file.write_text("".join(f"{day}.{month}.2001\t2001-{month:02}-{day:02}\n" for month in range(1, 13) for day in range(1, 11)))
    recipe = read_recipe("dates")
    translate = recipe.translate  # type: ignore[attr-defined]
    recipe = dataclasses.replace(
        recipe,
        data=(str(file),),
        steps=2,
        threads=1,
        translate=dataclasses.replace(  # type: ignore[call-arg]
            translate, validation_predictions=2, decoding=dataclasses.replace(translate.decoding, length_ratio=0.0)
        ),
    )
    heard: list[str] = []
    run = gyebo.train(recipe, name="days", runs_dir=tmp_path / "runs", listeners=[lambda record: heard.append(record["kind"])])
    assert run.folder.path == tmp_path / "runs" / "days"
    assert "evaluation" in heard
    again = gyebo.load(tmp_path / "runs" / "days")
    assert again.predict(["1.2.2001"]) == run.predict(["1.2.2001"])
    assert gyebo.look(again, "alignment", ["1.2.2001"]).name == "alignment"


def test_verify_refuses_an_unknown_architecture():
    with pytest.raises(UsageError, match="Did you mean 'gru'"):
        gyebo.verify(["gruu"])


def test_train_refuses_a_recipe_whose_name_leaves_the_runs_folder(tmp_path: Path):
    recipe = dataclasses.replace(read_recipe("dates"), name="../x")
    with pytest.raises(UsageError, match="the name of one folder was expected"):
        gyebo.train(recipe, runs_dir=tmp_path / "runs")
    assert not list(tmp_path.iterdir())
