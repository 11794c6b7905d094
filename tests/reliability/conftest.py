from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from small_runs import state_of, train_to_end, write_recipe


class Reference(NamedTuple):
    recipe: Path
    folder: Path
    state: dict[str, Any]


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """The uninterrupted run."""
    folder = tmp_path_factory.mktemp("reference")
    recipe = write_recipe(folder)
    train_to_end(recipe, folder / "run")
    return Reference(recipe, folder / "run", state_of(folder / "run"))
