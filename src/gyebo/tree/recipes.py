"""How each architecture is trained, and what that reached: the recipes as their files say, without torch."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from gyebo.recipes import FOLDER, recipe_names

__all__ = ["Training", "trainings"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """A recipe, and the result that it promises; what the recipe does not say is empty."""

    recipe: str
    title: str
    architecture: str
    data: tuple[str, ...]
    metric: str
    reached: float | None
    minutes: float | None
    memory_gib: float | None
    machine: str
    paper: str
    note: str

    @property
    def command(self) -> str:
        return f"gyebo train {self.recipe}"


def trainings(architecture: str) -> tuple[Training, ...]:
    """The recipes of an architecture that bring their data; one for the user's own data promises nothing.

    >>> "multi30k-bahdanau" in {training.recipe for training in trainings("bahdanau")}
    True
    """
    found = (_read(name) for name in recipe_names())
    return tuple(training for training in found if training.architecture == architecture)


def _read(name: str) -> Training:
    recipe = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    result = recipe.get("result", {})
    return Training(
        recipe=name,
        title=recipe.get("title", ""),
        architecture=recipe["architecture"],
        data=tuple(recipe.get("data", ())),
        metric=result.get("metric", ""),
        reached=result.get("reached"),
        minutes=result.get("minutes"),
        memory_gib=result.get("memory_gib"),
        machine=result.get("machine", ""),
        paper=result.get("paper", ""),
        note=result.get("note", ""),
    )
