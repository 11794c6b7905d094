"""What a recipe's file tells without torch; `gyebo.recipes.read_recipe` types and checks the same file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from gyebo.errors import UsageError
from gyebo.recipes import FOLDER, recipe_names
from gyebo.tasks.metric_wording import metric_phrase

__all__ = ["recipe_facts", "recipe_path", "result_text"]


def recipe_path(name: str) -> Path | None:
    """The file of a recipe that comes with gyebo, or of a path that ends in .toml; None where there is none."""
    if name.endswith(".toml"):
        return path if (path := Path(name)).is_file() else None
    return FOLDER / f"{name}.toml" if name in recipe_names() else None


def recipe_facts(path: Path) -> dict[str, Any]:
    """The values of a recipe's file, with its name.  Raises UsageError where it is not TOML.

    >>> recipe_facts(recipe_path("dates"))["architecture"]
    'bahdanau'
    """
    try:
        return {"name": path.stem} | tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The recipe {path} is not a TOML file: {error}. Mend that place.") from error


def result_text(recipe: dict[str, Any]) -> str:
    """What the recipe reached, in words; empty where it does not say.

    >>> result_text({"result": {"metric": "bleu", "reached": 31.25, "minutes": 38.0}})
    'BLEU 31.25 in 38 minutes'
    """
    result = recipe.get("result", {})
    if result.get("reached") is None:
        return ""
    minutes = f" in {result['minutes']:g} minutes" if result.get("minutes") is not None else ""
    return f"{metric_phrase(result.get('metric', ''), result['reached'])}{minutes}".strip()
