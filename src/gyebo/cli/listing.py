"""`gyebo list [KIND]`: what there is, from the sources themselves and without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gyebo.claims.verdicts import CLAIMS_FOLDER
from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.recipe_facts import recipe_facts, recipe_path, result_text
from gyebo.cli.run_facts import run_facts, run_names
from gyebo.cli.tables import print_json, print_table, print_tree
from gyebo.cli.tree_text import branches, member_facts
from gyebo.cli.verbs import VERBS
from gyebo.data.registry import all_datasets
from gyebo.errors import UsageError, did_you_mean
from gyebo.recipes import recipe_names
from gyebo.storage import write_text
from gyebo.tasks.metric_wording import metric_name, metric_text
from gyebo.tree.members import family_tree
from gyebo.views import VIEWS

__all__ = ["KINDS"]

Row = dict[str, Any]
METRICS = {
    "classify": ("accuracy",),
    "language": ("perplexity",),
    "segment": ("mean_iou", "dice"),
    "translate": ("exact_match", "bleu", "perplexity"),
}
"""task -> what its runs show of the test split; a text has an accuracy too, of its tokens, which is not that of images"""
COLUMNS = tuple(dict.fromkeys(metric for metrics in METRICS.values() for metric in metrics))


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """List what there is."""

    kind: Annotated[tyro.conf.Positional[str], shown("[KIND]")] = ""
    """architectures, recipes, datasets, runs, views or verbs; without one, the first three"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    claims_dir: Path = CLAIMS_FOLDER
    """the folder of your own results of claims"""
    pages: Annotated[str, shown("FOLDER")] = ""  # not `Path | None`: for a union tyro loads typeguard, a third of the whole answer
    """write the drawn tree and its pages, English and Korean, into this folder, such as docs, and list nothing"""
    json: Flag = False
    """print JSON"""


def run(words: list[str]) -> int:
    """Print one kind, or the three that a recipe is made of; or write the pages of the tree."""
    options = parse(ListOptions, words, "gyebo list")
    if options.pages:
        return _write_pages(Path(options.pages), options)
    if options.kind and options.kind not in KINDS:
        raise UsageError(f"There is no kind {options.kind!r}. {did_you_mean(options.kind, KINDS)}")
    shown = (options.kind,) if options.kind else ("architectures", "recipes", "datasets")
    rows = {kind: KINDS[kind](options) for kind in shown}
    if options.json:
        print_json(rows[options.kind] if options.kind else rows)
        return 0
    for number, (kind, found) in enumerate(rows.items()):
        if number:
            print()
        _print(kind, found, options)
    return 0


def _write_pages(folder: Path, options: ListOptions) -> int:
    if options.kind or options.json:
        given = options.kind or "--json"
        raise UsageError(f"--pages writes the pages of the family tree and lists nothing: leave out {given}, or leave out --pages.")
    from gyebo.tree.pages import pages

    for name, text in pages().items():
        write_text(folder / name, text)
        print(f"written to {folder / name}")
    return 0


def _print(kind: str, rows: list[Row], options: ListOptions) -> None:
    if kind == "architectures":
        print_tree(branches(family_tree(options.claims_dir)), "" if options.kind else kind)
        return
    if not rows:
        print(f"{options.runs_dir} holds no run; train one with `gyebo train dates`.")
        return
    columns = list(rows[0])
    cells = [[_cell(column, row[column]) for column in columns] for row in rows]
    print_table([metric_name(column) for column in columns], cells, "" if options.kind else kind)


def _cell(column: str, value: Any) -> str:
    if column in COLUMNS and value is not None:
        return metric_text(column, value)
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _architectures(options: ListOptions) -> list[Row]:
    return [member_facts(member) for member in family_tree(options.claims_dir).values()]


def _recipes(options: ListOptions) -> list[Row]:
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


def _datasets(options: ListOptions) -> list[Row]:
    return [
        {
            "name": item.name,
            "kind": item.kind,
            "title": item.title,
            "languages": [*item.languages],
            "summary": item.summary,
        }
        for item in all_datasets()
    ]


def _runs(options: ListOptions) -> list[Row]:
    rows = []
    for name in run_names(options.runs_dir):
        found = run_facts(options.runs_dir / name)
        metrics = {key: found["metrics"].get(key) for key in METRICS.get(str(found["task"]), ())}
        rounded = {key: None if (value := metrics.get(key)) is None else round(value, 4) for key in COLUMNS}
        rows.append({key: found[key] for key in ("name", "architecture", "data", "state", "steps", "minutes")} | rounded)
    return rows


def _views(options: ListOptions) -> list[Row]:
    return [{"name": name, "shows": shows} for name, shows in VIEWS.items()]


def _verbs(options: ListOptions) -> list[Row]:
    return [{"verb": f"{name} {verb.what}", "does": verb.summary} for name, verb in VERBS.items()]


KINDS: dict[str, Callable[[ListOptions], list[Row]]] = {
    "architectures": _architectures,
    "recipes": _recipes,
    "datasets": _datasets,
    "runs": _runs,
    "views": _views,
    "verbs": _verbs,
}
