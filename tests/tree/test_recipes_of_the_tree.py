"""What recipes promise, read without torch, is what their typed form says."""

from __future__ import annotations

import pytest

from gyebo.genealogy import architecture_names
from gyebo.recipes import read_recipe
from gyebo.tree.recipes import trainings


@pytest.mark.parametrize("name", architecture_names())
def test_trainings_are_the_recipes_of_the_architecture(name):
    for training in trainings(name):
        recipe = read_recipe(training.recipe)
        assert (recipe.architecture, recipe.title, recipe.data) == (name, training.title, training.data)
        for key in ("metric", "reached", "minutes", "memory_gib", "machine", "paper", "note"):
            assert getattr(training, key) == getattr(recipe.result, key), key
