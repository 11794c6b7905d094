"""`gyebo list [KIND]`: what there is, from the sources themselves and without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.recipe_facts import recipe_facts, recipe_path, result_text
from gyebo.cli.run_facts import run_facts, run_names
from gyebo.cli.tables import print_json, print_table
from gyebo.cli.verbs import VERBS
from gyebo.data.registry import all_datasets
from gyebo.errors import UsageError, did_you_mean
from gyebo.genealogy import architecture_names, facts
from gyebo.recipes import recipe_names
from gyebo.views import VIEWS

__all__ = ["KINDS"]

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """List what there is."""

    kind: Annotated[tyro.conf.Positional[str], shown("[KIND]")] = ""
    """architectures, recipes, datasets, runs, views or verbs; without one, the first three"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    json: Flag = False
    """print JSON"""


def run(words: list[str]) -> int:
    """Print one kind, or the three that a recipe is made of."""
    options = parse(ListOptions, words, "gyebo list")
    if options.kind and options.kind not in KINDS:
        raise UsageError(f"There is no kind {options.kind!r}. {did_you_mean(options.kind, KINDS)}")
    shown = (options.kind,) if options.kind else ("architectures", "recipes", "datasets")
    rows = {kind: KINDS[kind](options.runs_dir) for kind in shown}
    if options.json:
        print_json(rows[options.kind] if options.kind else rows)
        return 0
    for number, (kind, found) in enumerate(rows.items()):
        if number:
            print()
        _print(kind, found, options)
    return 0


def _print(kind: str, rows: list[Row], options: ListOptions) -> None:
    if not rows:
        print(f"{options.runs_dir} holds no run; train one with `gyebo train dates`.")
        return
    columns = list(rows[0])
    print_table(columns, [[_cell(row[column]) for column in columns] for row in rows], "" if options.kind else kind)


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _architectures(runs_dir: Path) -> list[Row]:
    entries = map(facts, architecture_names())
    return [
        {"name": item.name, "year": str(item.year), "title": item.title, "parents": [*item.parents], "task": item.task}
        for item in entries
    ]


def _recipes(runs_dir: Path) -> list[Row]:
    rows = []
    for name in recipe_names():
        path = recipe_path(name)
        assert path is not None, "recipe_names lists files"
        recipe = recipe_facts(path)
        rows.append(
            {
                "name": name,
                "title": recipe.get("title", ""),
                "architecture": recipe.get("architecture", ""),
                "data": recipe.get("data", []),
                "result": result_text(recipe),
            }
        )
    return rows


def _datasets(runs_dir: Path) -> list[Row]:
    return [
        {"name": item.name, "title": item.title, "languages": [*item.languages], "summary": item.summary} for item in all_datasets()
    ]


def _runs(runs_dir: Path) -> list[Row]:
    rows = []
    for name in run_names(runs_dir):
        found = run_facts(runs_dir / name)
        metrics = {key: found["metrics"].get(key) for key in ("exact_match", "bleu")}
        rounded = {key: None if value is None else round(value, 4) for key, value in metrics.items()}
        rows.append({key: found[key] for key in ("name", "architecture", "data", "state", "steps", "minutes")} | rounded)
    return rows


def _views(runs_dir: Path) -> list[Row]:
    return [{"name": name, "shows": shows} for name, shows in VIEWS.items()]


def _verbs(runs_dir: Path) -> list[Row]:
    return [{"verb": f"{name} {verb.what}", "does": verb.summary} for name, verb in VERBS.items()]


KINDS: dict[str, Callable[[Path], list[Row]]] = {
    "architectures": _architectures,
    "recipes": _recipes,
    "datasets": _datasets,
    "runs": _runs,
    "views": _views,
    "verbs": _verbs,
}
