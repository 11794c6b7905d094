"""Recipes: dataset + task + architecture + training settings + the result to expect, in one TOML file each.

A recipe is typed by the task and the architecture that it names: its [model] table is the architecture's config, and the table with
the task's name is the task's config. Fields that follow from the data, such as the size of a vocabulary, are not in a recipe.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from gyebo.config import from_mapping, to_mapping
from gyebo.errors import UsageError, did_you_mean, disk_errors
from gyebo.genealogy import architecture
from gyebo.tasks import task_type
from gyebo.training.config import TrainingConfig

__all__ = [
    "Recipe",
    "ResultConfig",
    "model_config",
    "read_recipe",
    "recipe_from_mapping",
    "recipe_names",
    "recipe_text",
    "recipe_type",
    "task_config",
]

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class ResultConfig:
    """The [result] table: what to expect, on which machine, beside the paper's number."""

    metric: str = ""
    reached: float | None = None
    """ours, on the test split"""
    minutes: float | None = None
    """training time, on the machine named in `machine`"""
    memory_gib: float | None = None
    machine: str = ""
    paper: str = ""
    """the published number with its conditions, in words"""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Recipe(TrainingConfig):
    name: str
    title: str = ""
    task: str
    architecture: str
    data: tuple[str, ...] = ()
    """the name of a dataset, or the user's own file; two paths are two line-aligned files"""
    result: ResultConfig = field(default_factory=ResultConfig)


def recipe_names() -> tuple[str, ...]:
    """The names of the recipes that come with gyebo."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def read_recipe(name: str) -> Recipe:
    """The recipe of a name, or of a path that ends in .toml.  Raises UsageError for an unknown name or a broken file."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    with disk_errors(path, "reading the recipe"):
        there = path.is_file()
    if not there:
        what = f"There is no recipe file {name}." if name.endswith(".toml") else f"There is no recipe {name!r}."
        raise UsageError(f"{what} {did_you_mean(name, recipe_names())} Your own is named by its path, ending in .toml.")
    try:
        with disk_errors(path, "reading the recipe"):
            mapping = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number too long, or nested too deeply
        raise UsageError(f"The recipe {path} is not a TOML file: {error}. Mend that place.") from error
    return recipe_from_mapping({"name": path.stem} | mapping, f"the recipe {path.name}")


def recipe_from_mapping(mapping: Mapping[str, Any], where: str) -> Recipe:
    """A typed recipe.  Raises UsageError for a task, architecture, option or value that is not known."""
    for key in ("task", "architecture"):
        if not isinstance(mapping.get(key), str):
            raise UsageError(f"In {where}, {key!r} must be given: a name in quotes.")
    return from_mapping(recipe_type(mapping["task"], mapping["architecture"]), mapping, where)


@cache
def recipe_type(task: str, name: str) -> type[Recipe]:
    """The Recipe of a task and an architecture: with their configs as tables."""
    problem, model = task_type(task), architecture(name)
    if model.task != task:
        raise UsageError(f"The architecture {name!r} is for the task {model.task!r}, but the recipe's task is {task!r}.")
    hints = typing.get_type_hints(model.config)
    options = dataclasses.make_dataclass(
        f"{model.config.__name__}Options",
        [
            (item.name, hints[item.name], field(default=item.default, default_factory=item.default_factory))
            for item in dataclasses.fields(model.config)
            if item.name not in problem.model_field_names
        ],
        frozen=True,
        kw_only=True,
    )
    options.__doc__ = f"The [model] table: the config of {name}."
    return dataclasses.make_dataclass(
        "Recipe",
        [
            ("model", options, field(default_factory=options)),
            (task, problem.Config, field(default_factory=problem.Config)),
        ],
        bases=(Recipe,),
        frozen=True,
        kw_only=True,
    )


def model_config(recipe: Recipe, fields: Mapping[str, Any]) -> Any:
    """The architecture's config: the recipe's [model] table, and the fields that follow from the data."""
    where = f"the [model] table of {recipe.name}"
    return from_mapping(architecture(recipe.architecture).config, to_mapping(recipe.model) | dict(fields), where)  # type: ignore[attr-defined]


def task_config(recipe: Recipe) -> Any:
    """The config of the recipe's task."""
    return getattr(recipe, recipe.task)


def recipe_text(recipe: Recipe) -> str:
    """The whole recipe as TOML, defaults included: what stands in a run folder.

    `read_recipe` reads it back to an equal recipe.
    """
    return "\n".join(_toml_lines(to_mapping(recipe), ())) + "\n"


def _toml_lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping) and value is not None}
    lines = [f"{key} = {_toml_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, Mapping):
            inner = _toml_lines(value, (*path, key))
            lines += ["", f"[{'.'.join((*path, key))}]", *inner]
    return lines


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(
            f"\\u{ord(letter):04x}" if ord(letter) < 32 or ord(letter) == 127 else letter
            for letter in value.replace("\\", "\\\\").replace('"', '\\"')
        )
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    return repr(value)
