"""Recipes: every shipped one is whole, what is written is read back, and each mistake is named by its path."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.errors import DiskError, UsageError
from gyebo.genealogy import architecture
from gyebo.recipes import (
    Recipe,
    model_config,
    read_recipe,
    recipe_from_mapping,
    recipe_names,
    recipe_text,
    recipe_type,
    task_config,
)
from gyebo.tasks import task_type

FROM_DATA = {"source_vocabulary", "target_vocabulary"}
SMALL = {"name": "mine", "task": "translate", "architecture": "bahdanau", "data": ["mine.tsv"]}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def again(recipe: Recipe) -> Recipe:
    return recipe_from_mapping(tomllib.loads(recipe_text(recipe)), "again")


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert again(recipe) == recipe
    kind = task_type(recipe.task)
    config = model_config(recipe, dict.fromkeys(kind.model_field_names, 11))
    assert {getattr(config, name) for name in kind.model_field_names} == {11}
    assert isinstance(task_config(recipe), kind.Config)


def test_there_are_recipes():
    assert "dates" in recipe_names()


@given(name=TEXT, title=TEXT, data=st.lists(TEXT), rate=st.floats(1e-300, 1e300), note=TEXT, steps=st.integers(1))
@settings(deadline=None)
def test_any_values_round_trip(name, title, data, rate, note, steps):
    options = {"optimizer": {"rate": rate}, "result": {"note": note, "reached": rate}, "model": {"width": steps}, "compile": True}
    recipe = recipe_from_mapping(SMALL | {"name": name, "title": title, "data": data, "steps": steps} | options, "made")
    assert again(recipe) == recipe


def test_read_from_a_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('task = "translate"\narchitecture = "seq2seq"\ndata = "내 파일.tsv"\n', encoding="utf-8")
    recipe = read_recipe(str(path))
    assert (recipe.name, recipe.data, recipe.architecture) == ("mine", ("내 파일.tsv",), "seq2seq")


def test_model_table_holds_what_the_data_does_not_decide():
    names = {field.name for field in dataclasses.fields(recipe_type("translate", "bahdanau")(**SMALL | {"data": ()}).model)}
    assert names == {field.name for field in dataclasses.fields(architecture("bahdanau").config)} - FROM_DATA


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, "In the recipe, there is no option 'stepz'. Did you mean 'steps'?"),
        ({"model": {"widht": 3}}, "there is no option 'model.widht'. Did you mean 'width'?"),
        ({"translate": {"source": {"unti": "bpe"}}}, "there is no option 'translate.source.unti'. Did you mean 'unit'?"),
        ({"model": {"source_vocabulary": 3}}, "there is no option 'model.source_vocabulary'."),
        ({"task": 3}, "In the recipe, 'task' must be given: a name in quotes."),
        ({"architecture": None}, "In the recipe, 'architecture' must be given: a name in quotes."),
        ({"task": "translat"}, "There is no task 'translat'. Did you mean 'translate'?"),
        ({"architecture": "bahdana"}, "There is no architecture 'bahdana'. Did you mean 'bahdanau'?"),
        ({"translate": {"label_smoothing": 1.0}}, "label_smoothing=1.0 is not a share; 0 turns it off, 0.1 is usual."),
        ({"translate": {"max_tokens": 0}}, "max_tokens=0 must be at least 1"),
        ({"translate": {"validation_predictions": -1}}, "validation_predictions=-1 at least 0"),
        ({"title": "\ud800"}, "which is not valid UTF-8 text"),
    ],
)
def test_messages(change, message):
    with pytest.raises(UsageError) as caught:
        recipe_from_mapping(SMALL | change, "the recipe")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"task = ", "is not a TOML file"),
        (b"\xff\xfe", "is not a TOML file"),
        (b"a = " + b"[" * 50_000, "is not a TOML file"),
        (b"task = 3", "'task' must be given"),
    ],
)
def test_broken_files(tmp_path, data, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=message) as caught:
        read_recipe(str(path))
    assert "mine.toml" in str(caught.value)


def test_unknown_names():
    with pytest.raises(UsageError, match=r"There is no recipe 'date'\. Did you mean 'dates'\?"):
        read_recipe("date")
    with pytest.raises(UsageError, match=r"There is no recipe file no/such\.toml\."):
        read_recipe("no/such.toml")
    with pytest.raises((UsageError, DiskError)):
        read_recipe("x" * 5000)


def test_architecture_of_another_task(monkeypatch):
    other = dataclasses.replace(architecture("bahdanau"), task="classify")
    monkeypatch.setattr("gyebo.recipes.architecture", lambda name: other)
    recipe_type.cache_clear()
    with pytest.raises(UsageError, match="is for the task 'classify', but the recipe's task is 'translate'"):
        recipe_from_mapping(SMALL, "the recipe")
    recipe_type.cache_clear()
