"""`gyebo show NAME`: an architecture, a recipe, a dataset or a run in full; all of them where several have the name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.recipe_facts import recipe_facts, recipe_path, result_text
from gyebo.cli.run_facts import find_run_folder, run_facts, run_names
from gyebo.cli.tables import print_facts, print_json, print_table
from gyebo.data.registry import all_datasets
from gyebo.errors import UsageError, did_you_mean
from gyebo.genealogy import architecture_names, facts
from gyebo.recipes import recipe_names

Shown = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Show an architecture, a recipe, a dataset or a run in full."""

    name: Annotated[tyro.conf.Positional[str], shown("NAME")]
    """its name; a run or a recipe of your own may be a path too"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    json: Flag = False
    """print JSON: {kind: what is known of it}"""


def run(words: list[str]) -> int:
    """Print everything that has the name."""
    options = parse(ShowOptions, words, "gyebo show")
    found = _find(options.name, options.runs_dir)
    if not found:
        known = {*architecture_names(), *recipe_names(), *(item.name for item in all_datasets()), *run_names(options.runs_dir)}
        raise UsageError(f"There is no architecture, recipe, dataset or run {options.name!r}. {did_you_mean(options.name, known)}")
    if options.json:
        print_json(found)
        return 0
    for number, (kind, facts_found) in enumerate(found.items()):
        print(("\n" if number else "") + f"{kind} {options.name}")
        PRINTERS[kind](facts_found)
    return 0


def _find(name: str, runs_dir: Path) -> dict[str, Shown]:
    found: dict[str, Shown] = {}
    if name in architecture_names():
        found["architecture"] = dataclasses.asdict(facts(name)) | {"recipes": _recipes_of(name)}
    if (path := recipe_path(name)) is not None:
        found["recipe"] = recipe_facts(path)
    for dataset in all_datasets():
        if dataset.name == name:
            found["dataset"] = dataclasses.asdict(dataset)
    if (folder := find_run_folder(name, runs_dir)) is not None:
        found["run"] = run_facts(folder)
    return found


def _recipes_of(architecture: str) -> list[Shown]:
    recipes = [recipe_facts(path) for name in recipe_names() if (path := recipe_path(name)) is not None]
    return [
        {key: recipe.get(key) for key in ("name", "title", "data", "result")}
        for recipe in recipes
        if recipe.get("architecture") == architecture
    ]


def _print_architecture(shown: Shown) -> None:
    print_facts({key: shown[key] for key in ("title", "year", "paper", "link", "family", "task")})
    for parent, fixed in shown["parents"].items():
        print_facts({f"fixes about {parent}": fixed})
    if shown["sizes"]:
        rows = [
            (name, f"{size['weights']:,}", f"{size['parameters']:,}", _settings(size["config"]))
            for name, size in shown["sizes"].items()
        ]
        print()
        print_table(("size", "weights", "parameters", "config"), rows)
    if shown["differences"]:
        print("\ndifferences from the paper")
        print_facts({f"{number}": text for number, text in enumerate(shown["differences"], 1)})
    if shown["recipes"]:
        print()
        rows = [
            (item["name"], item["title"] or "", result_text(item))
            for item in ({**row, "result": row["result"] or {}} for row in shown["recipes"])
        ]
        print_table(("recipe", "title", "result"), rows)


def _print_recipe(shown: Shown) -> None:
    result = shown.get("result", {})
    plain = {key: _value(value) for key, value in shown.items() if not isinstance(value, dict) and key != "name"}
    print_facts(plain)
    for name, table in shown.items():
        if isinstance(table, dict) and name != "result":
            print_facts({f"[{name}]": _settings(table)})
    reached = {
        "reached": result_text(shown),
        "paper": result.get("paper"),
        "machine": result.get("machine"),
        "note": result.get("note"),
    }
    print_facts(reached)


def _print_dataset(shown: Shown) -> None:
    print_facts({key: _value(shown[key]) for key in ("title", "summary", "languages", "licence", "citation", "url")})
    if shown["files"]:
        print()
        print_table(("file", "bytes"), [(file["path"], f"{file['size']:,}") for file in shown["files"]])


def _print_run(shown: Shown) -> None:
    told = ("path", "task", "architecture", "data", "state", "reason", "steps", "minutes", "parameters", "report")
    print_facts({key: shown[key] for key in told})
    if shown["metrics"]:
        print()
        print_table(("metric on test", "value"), [(name, f"{value:.4f}") for name, value in shown["metrics"].items()])


def _settings(table: Mapping[str, Any], prefix: str = "") -> str:
    """A table of settings on one line: width=96, source.unit=word."""
    parts = [
        _settings(value, f"{prefix}{key}.") if isinstance(value, Mapping) else f"{prefix}{key}={_value(value)}"
        for key, value in table.items()
    ]
    return ", ".join(parts)


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


PRINTERS: dict[str, Callable[[Shown], None]] = {
    "architecture": _print_architecture,
    "recipe": _print_recipe,
    "dataset": _print_dataset,
    "run": _print_run,
}
