"""`gyebo show NAME`: an architecture, a claim, a recipe, a dataset or a run in full; all of them where several have the name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gyebo.claims.catalogue import claim_facts, claim_names
from gyebo.claims.verdicts import CLAIMS_FOLDER, stored_verdict
from gyebo.cli.architecture_facts import config_fields, references, source_file
from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.recipe_facts import recipe_facts, recipe_path, result_text
from gyebo.cli.run_facts import find_run_folder, run_facts, run_names
from gyebo.cli.tables import print_facts, print_json, print_table
from gyebo.cli.tree_text import member_facts
from gyebo.data.registry import all_datasets
from gyebo.errors import UsageError, did_you_mean
from gyebo.genealogy import architecture_names, facts
from gyebo.recipes import recipe_names
from gyebo.tasks.metric_wording import metric_name, metric_phrase, metric_text
from gyebo.tree.members import family_tree
from gyebo.tree.outcomes import NOT_RUN, EffectFound
from gyebo.tree.recipes import trainings

Shown = dict[str, Any]

NUMBERS_OF_A_SIZE = ("weights", "parameters", "multiply_adds")
"""Shown where an architecture has them: multiply-adds are counted of models of images"""


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Show an architecture, a claim, a recipe, a dataset or a run in full."""

    name: Annotated[tyro.conf.Positional[str], shown("NAME")]
    """its name; a run or a recipe of your own may be a path too"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    claims_dir: Path = CLAIMS_FOLDER
    """the folder of your own results of claims"""
    json: Flag = False
    """print JSON: {kind: what is known of it}"""


def run(words: list[str]) -> int:
    """Print everything that has the name."""
    options = parse(ShowOptions, words, "gyebo show")
    found = _find(options)
    if not found:
        datasets = [item.name for item in all_datasets()]
        known = {*architecture_names(), *claim_names(), *recipe_names(), *datasets, *run_names(options.runs_dir)}
        raise UsageError(
            f"There is no architecture, claim, recipe, dataset or run {options.name!r}. {did_you_mean(options.name, known)}"
        )
    if options.json:
        print_json(found)
        return 0
    for number, (kind, facts_found) in enumerate(found.items()):
        print(("\n" if number else "") + f"{kind} {options.name}")
        PRINTERS[kind](facts_found)
    return 0


def _find(options: ShowOptions) -> dict[str, Shown]:
    name = options.name
    found: dict[str, Shown] = {}
    if name in architecture_names():
        found["architecture"] = _architecture(name, options)
    if name in claim_names():
        found["claim"] = _claim(name, options)
    if (path := recipe_path(name)) is not None:
        found["recipe"] = recipe_facts(path)
    for dataset in all_datasets():
        if dataset.name == name:
            found["dataset"] = dataclasses.asdict(dataset)
    if (folder := find_run_folder(name, options.runs_dir)) is not None:
        found["run"] = run_facts(folder)
    return found


def _architecture(name: str, options: ShowOptions) -> Shown:
    entry = facts(name)
    return {
        **member_facts(family_tree(options.claims_dir)[name]),
        "file": str(source_file(name)),
        "config": config_fields(name),
        "sizes": {size: dataclasses.asdict(known) for size, known in entry.sizes.items()},
        "differences": [*entry.differences],
        "recipes": [dataclasses.asdict(training) for training in trainings(name)],
        "references": references(name),
    }


def _claim(name: str, options: ShowOptions) -> Shown:
    stored = stored_verdict(name, options.claims_dir)
    return {**dataclasses.asdict(claim_facts(name)), "result": None if stored is None else dataclasses.asdict(stored)}


def _print_architecture(shown: Shown) -> None:
    print_facts({key: shown[key] for key in ("title", "year", "paper", "link", "family", "task", "file")})
    print_facts({"variant of": shown["variant_of"], "children": _value(shown["children"]), "variants": _value(shown["variants"])})
    for edge in shown["edges"]:
        print()
        print_facts({f"fixes about {edge['parent']}": edge["fixes"], "verdict": _tried(edge["claim"])})
    for claim in shown["parts"]:
        print()
        print_facts({"tried": claim["statement"], "verdict": _tried(claim)})
    if shown["config"]:
        print("\nconfig")
        columns = ("name", "type", "default", "meaning")
        rows = [[row[column] for column in columns] for row in shown["config"]]
        print_table(("field", *columns[1:]), [["to give" if cell is None else cell for cell in row] for row in rows])
    if shown["sizes"]:
        print("\nsizes of the paper")
        numbers = [number for number in NUMBERS_OF_A_SIZE if any(size[number] for size in shown["sizes"].values())]
        rows = [
            (name, *(f"{size[number]:,}" for number in numbers), _settings(size["config"]), size["source"])
            for name, size in shown["sizes"].items()
        ]
        print_table(("size", *(number.replace("_", "-") for number in numbers), "config", "source"), rows)
    if shown["differences"]:
        print("\ndifferences from the paper")
        print_facts({f"{number}": text for number, text in enumerate(shown["differences"], 1)})
    if shown["recipes"]:
        print("\nrecipes")
        columns = ("recipe", "title", "reached", "minutes", "memory", "the paper's number")
        print_table(columns, [_training(row) for row in shown["recipes"]])
    print("\nverification")
    equal = {"equal to": "\n".join(shown["references"]) or "no reference is written yet"}
    print_facts(equal | {"checked by": f"gyebo verify {shown['name']}: counts, references and the contract, now and here"})


def _tried(claim: Shown | None) -> str:
    """The verdict of a claim with its numbers, and the command that tries it."""
    if claim is None:
        return "not run: no experiment is written for it"
    effects = [str(EffectFound(**effect)) for effect in claim["effects"]] if claim["verdict"] != NOT_RUN else []
    return "\n".join([f"{claim['verdict']} (gyebo claim {claim['name']})", *effects])


def _training(row: Shown) -> tuple[str, ...]:
    number = lambda value, unit="": "" if value is None else f"{value:g}{unit}"  # noqa: E731
    reached = metric_phrase(row["metric"], row["reached"]) if row["reached"] is not None else ""
    return row["recipe"], row["title"], reached, number(row["minutes"]), number(row["memory_gib"], " GiB"), row["paper"]


def _print_claim(shown: Shown) -> None:
    plain = ("parent", "child", "statement", "source", "question", "minutes")
    print_facts({key: shown[key] for key in plain} | {"seeds": _value(shown["seeds"])})
    print("\nwhat could come out")
    print_facts(shown["outcomes"])
    result = shown["result"]
    found = result["effects"] if result else {}
    rows = []
    for effect in shown["effects"]:
        numbers = found.get(effect["name"], {})
        told = [f"{numbers[key]:.4g}" if key in numbers else "" for key in ("mean", "low", "high")]
        rows.append((effect["name"], *told, f"{effect['at_least']:g}", effect["meaning"], effect["why"]))
    print()
    print_table(("effect", "mean", "low", "high", "at least", "meaning", "why so much"), rows)
    print()
    told = {} if result is None else {key: _value(result[key]) for key in ("seeds", "minutes", "machine", "version", "origin")}
    verdict = NOT_RUN if result is None else "outdated: its text has changed since" if result["outdated"] else result["verdict"]
    print_facts({"verdict": f"{verdict} (gyebo claim {shown['name']} tries it)"} | told)


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
    print_facts(
        {key: _value(shown[key]) for key in ("title", "kind", "summary", "languages", "classes", "licence", "citation", "url")}
    )
    if shown["files"]:
        print()
        print_table(("file", "bytes"), [(file["path"], f"{file['size']:,}") for file in shown["files"]])


def _print_run(shown: Shown) -> None:
    told = ("path", "task", "architecture", "data", "state", "reason", "steps", "minutes", "parameters", "report")
    print_facts({key: shown[key] for key in told})
    if shown["metrics"]:
        print()
        print_table(
            ("metric on test", "value"), [(metric_name(name), metric_text(name, value)) for name, value in shown["metrics"].items()]
        )


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
    "claim": _print_claim,
    "recipe": _print_recipe,
    "dataset": _print_dataset,
    "run": _print_run,
}
