"""report.html of a run folder: what was trained, what it reaches, how it got there, and what it looked at."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gyebo.errors import GyeboError
from gyebo.genealogy import Facts as Architecture
from gyebo.genealogy import facts
from gyebo.runs.folder import RunFolder
from gyebo.runs.wording import WORDINGS, Wording
from gyebo.tasks.metric_wording import metric_name, metric_text, table_columns
from gyebo.views.alignment import Alignment, alignments
from gyebo.views.confusion import confusion
from gyebo.views.curves import curves
from gyebo.views.lengths import score_by_length
from gyebo.views.report import Cell, Example, Examples, Facts, Figures, Picture, Section, Table, Text, report

__all__ = ["run_report"]

NUM_EXAMPLES = 10
NUM_ALIGNMENTS = 4
MAX_TOKENS = 60  # of a sentence whose alignment is still read with pleasure
NOT_SETTINGS = ("name", "title", "task", "architecture", "data", "result")  # of a recipe: facts that stand elsewhere


def run_report(folder: RunFolder, results: Mapping[str, Any]) -> str:
    """The report as one HTML page that opens anywhere, without a network.

    folder: with config.json, recipe.toml, environment.json and metrics.jsonl.
    results: what results.json holds: how training ended, the metrics of each split, and samples of the test split.
    Raises GyeboError where one of the folder's files is missing or damaged.
    """
    config = folder.read(folder.config)
    return report(f"{folder.name} — {config['architecture']}", list(_sections(folder, config, _recipe(folder), results)))


def _recipe(folder: RunFolder) -> dict[str, Any]:
    """recipe.toml as plain tables: its settings are shown, and the title and the metric are needed."""
    try:
        recipe = tomllib.loads(folder.recipe.read_text(encoding="utf-8"))
        if not {"title", "evaluation"} <= recipe.keys() or "metric" not in recipe["evaluation"]:
            raise ValueError("it has no title or no evaluation.metric")
    except (OSError, ValueError, TypeError) as error:
        raise GyeboError(
            f"{folder.recipe} cannot be read ({error}): a whole recipe was expected, as training writes it. Restore the file, "
            "or train again under another --name."
        ) from error
    return recipe


def _sections(
    folder: RunFolder, config: Mapping[str, Any], recipe: Mapping[str, Any], results: Mapping[str, Any]
) -> Iterator[Section]:
    entry, metric = facts(config["architecture"]), recipe["evaluation"]["metric"]
    wording = WORDINGS[config["task"]]
    yield Text("What it is", _introduction(recipe["title"], entry, config["data"], results["reason"]))
    yield Facts("The run", _run_facts(metric, config["data"], results, folder.read(folder.environment), wording))
    yield _results(results["splits"], first=metric)
    if results["samples"]:
        yield _examples(results["samples"], config["data"], wording, judged=wording.one_answer or metric == "exact_match")
    if figures := _alignments(results["samples"]):
        yield figures
    test = results["splits"]["test"]
    for name, rows in sorted(test["tables"].items()):
        if rows:
            yield _table(name, rows, test.get("pictures", {}).get(name, []))
    if records := folder.metrics():
        yield Figures("Training", [curves(records)])
    yield Text("Differences from the paper", entry.differences)
    settings = _settings({key: recipe[key] for key in recipe if key not in NOT_SETTINGS})
    yield Table("Settings", ["option", "value"], list(settings))


def _introduction(title: str, entry: Architecture, data: Mapping[str, Any], reason: str) -> list[str]:
    return [
        f"{title or data['name']}.",
        f"{entry.title}. {entry.paper}, {entry.year}, {entry.link}",
        f"Training ended because {reason}. The minutes below include the evaluations. Every setting stands at the end of this page, and in"
        " recipe.toml.",
    ]


def _run_facts(
    metric: str, data: Mapping[str, Any], results: Mapping[str, Any], environment: Mapping[str, Any], wording: Wording
) -> dict[str, Cell]:
    return {
        "parameters": results["parameters"],
        "data": data["name"],
        **{f"{split} {wording.examples}": data[split] for split in ("train", "validation", "test")},
        "steps": results["steps"],
        f"best step, by {metric_name(metric)}": results["best_step"],
        wording.tokens: results["tokens"],
        "minutes": f"{results['seconds'] / 60:.1f}",
        "most memory": f"{results['peak_memory_gib']:.1f} GiB",
        "processor": environment["processor"],
        "threads": environment["threads"],
        **({"accelerator": environment["accelerator"]} if environment["accelerator"] else {}),
        "torch": environment["packages"]["torch"],
        "gyebo": environment["packages"]["gyebo"],
    }


def _results(splits: Mapping[str, Mapping[str, Any]], first: str) -> Table:
    """Metrics down, splits across; the last column says how a metric was computed, so that others can compare."""
    test = splits["test"]
    names = sorted(test["metrics"], key=lambda name: (name != first, name))
    shown = ("validation", "test")
    rows = [
        [
            metric_name(name),
            *(metric_text(name, splits[split]["metrics"][name]) for split in shown),
            test["signatures"].get(name, ""),
        ]
        for name in names
    ]
    return Table("Results", ["metric", *shown, "signature"], rows)


def _table(name: str, rows: Sequence[Mapping[str, Any]], pictures: Sequence[str]) -> Table | Figures:
    """A further table of the test split, names first; pictures: one for each row, or none.

    Scores by length of the source are drawn as well, and a confusion matrix is drawn only.
    """
    title = f"Test: {metric_name(name)}"
    if name == "confusion_matrix":
        classes = [row["class"] for row in rows]
        return Figures(title, [confusion(classes, [[row[f"as {other}"] for other in classes] for row in rows])])
    columns = table_columns(rows)
    cells: list[list[Cell]] = [
        [metric_text(column, row[column]) if isinstance(row[column], float) else row[column] for column in columns] for row in rows
    ]
    heads = [metric_name(column) for column in columns]
    if pictures:
        heads = ["picture", *heads]
        cells = [[Picture(png, row["image"]), *line] for png, row, line in zip(pictures, rows, cells, strict=True)]
    figures = []
    if name == "bleu_by_source_length" and len(rows) > 1:
        figures.append(score_by_length([row["source_words"] for row in rows], {"test": [row["bleu"] for row in rows]}))
    return Table(title, heads, cells, figures)


def _examples(samples: Sequence[Mapping[str, Any]], data: Mapping[str, Any], wording: Wording, judged: bool) -> Examples:
    """judged: whether anything but the reference is wrong. A translation in other words may well be right."""
    rows = [
        Example(
            row["input"],
            row["output"],
            row["reference"],
            True if row["output"] == row["reference"] else False if judged else None,
        )
        for row in samples[:NUM_EXAMPLES]
    ]
    languages = (_language(data, key) for key in (wording.input_language, wording.output_language))
    return Examples(wording.samples, rows, *languages, columns=wording.columns)


def _language(data: Mapping[str, Any], key: str | None) -> str | None:
    """The code of a language of the data, where it is one that browsers know."""
    return data[key] if key is not None and len(data[key]) == 2 else None


def _alignments(samples: Sequence[Mapping[str, Any]]) -> Figures | None:
    drawable = [
        Alignment(row["input_tokens"], row["output_tokens"], row["alignment"])
        for row in samples
        if row["alignment"] and max(len(row["input_tokens"]), len(row["output_tokens"])) <= MAX_TOKENS
    ][:NUM_ALIGNMENTS]
    return Figures("What it looked at", [alignments(drawable)]) if drawable else None


def _settings(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    """The recipe's fields that are given, by their path in recipe.toml."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{key}.")
        elif value not in ("", []):
            yield prefix + key, ", ".join(map(str, value)) if isinstance(value, list) else value
