"""The model card, README.md of a run folder, written from what happened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from gyebo.genealogy import facts
from gyebo.runs.folder import RunFolder
from gyebo.runs.wording import WORDINGS, Wording
from gyebo.tasks.metric_wording import cell_text, metric_name, metric_text, table_columns

__all__ = ["card_text"]

MAX_ROWS = 10  # of a table in a card; the report has them all


def card_text(
    folder: RunFolder, recipe: dict[str, Any], data: dict[str, Any], results: dict[str, Any], environment: dict[str, Any]
) -> str:
    """The card as Markdown with the Hub's header: what the model is, how it was trained, what it reaches, ten samples."""
    entry, wording = facts(recipe["architecture"]), WORDINGS[recipe["task"]]
    spoken = (data[key] for key in (wording.input_language, wording.output_language) if key is not None)
    languages = dict.fromkeys(code for code in spoken if len(code) == 2)
    lines = [
        "---",
        "library_name: gyebo",
        f"tags: [{recipe['task']}, {entry.name}]",
        *([f"language: [{', '.join(languages)}]"] if languages else []),
        "---",
        "",
        f"# {folder.name}: {entry.title}",
        "",
        f"{_sentence(recipe['title'] or data['name'])} Architecture `{entry.name}` ({entry.paper}, {entry.year}, {entry.link}),"
        f" {results['parameters']:,} parameters.",
        "",
        "## Use",
        "",
        *_use(folder, results["samples"], wording),
        "",
        "## Results",
        "",
        *_results(results["splits"]),
        "",
        *_tables(results["splits"]["test"].get("tables", {}), wording.card_tables),
        "## Training",
        "",
        f"{results['steps']:,} steps, {results['tokens']:,} {wording.tokens}, {results['seconds'] / 60:.1f} minutes (evaluations"
        f" included) with {_count(environment['threads'], 'thread')} on {environment['processor']}; at most"
        f" {results['peak_memory_gib']:.1f} GiB of memory. Training ended because {results['reason']}; the weights are those of step"
        f" {results['best_step']}, chosen by validation {metric_name(recipe['evaluation']['metric'])}. Every setting stands in"
        " `recipe.toml`, versions in `environment.json`.",
        "",
        "## Data",
        "",
        *_data(data, wording),
        "",
        *_samples(results["samples"], wording),
        "## Limits",
        "",
        f"It has seen the training data above and nothing else: {wording.limits}. Differences from the paper:",
        "",
        *(f"- {difference}" for difference in entry.differences),
        "",
    ]
    return "\n".join(lines)


def _use(folder: RunFolder, samples: list[dict[str, Any]], wording: Wording) -> Iterator[str]:
    text = wording.input_name or (samples[0]["input"] if samples else "...")
    yield "```python"
    yield "import gyebo"
    yield ""
    yield f'run = gyebo.load("{folder.path.as_posix()}")'
    yield f"print(run.predict([{text!r}])[0].output)  # {wording.predict} it"
    yield "```"


def _results(splits: dict[str, Any]) -> Iterator[str]:
    """Metrics down, splits across, and below how they were computed, so that others can compare."""
    shown = [split for split in ("validation", "test") if split in splits]
    yield f"| metric | {' | '.join(shown)} |"
    yield f"|---|{'---:|' * len(shown)}"
    for name in dict.fromkeys(name for split in shown for name in splits[split]["metrics"]):
        values = (metric_text(name, splits[split]["metrics"][name]) for split in shown)
        yield f"| {metric_name(name)} | {' | '.join(values)} |"
    if signatures := splits[shown[-1]]["signatures"]:
        yield ""
        yield from (f"- {metric_name(name)}: `{signature}`" for name, signature in signatures.items())


def _tables(tables: dict[str, list[dict[str, Any]]], names: Sequence[str]) -> Iterator[str]:
    """The tables of these names that have rows, each under its heading."""
    for name in names:
        if rows := tables.get(name):
            columns = table_columns(rows)
            yield f"## {metric_name(name).capitalize()}"
            yield ""
            yield f"| {' | '.join(metric_name(column) for column in columns)} |"
            yield f"|{'---|' * len(columns)}"
            for row in rows[:MAX_ROWS]:
                yield f"| {' | '.join(_escaped(cell_text(column, row[column])) for column in columns)} |"
            yield ""


def _data(data: dict[str, Any], wording: Wording) -> Iterator[str]:
    """How much of what, whom to cite, the licence, and what was done to it."""
    counts = f"{data['train']:,} training, {data['validation']:,} validation and {data['test']:,} test {wording.examples}."
    yield f"{data['name']}: {counts} {data['citation']}".rstrip()
    if data["licence"]:
        yield ""
        yield f"Licence: {_sentence(data['licence'])}"
    if data["notes"]:
        yield ""
        yield from (f"- {_escaped(note)}" for note in data["notes"])


def _samples(samples: list[dict[str, Any]], wording: Wording) -> Iterator[str]:
    if not samples:
        return
    yield f"## {wording.samples}"
    yield ""
    yield f"| {' | '.join(wording.columns)} |"
    yield "|---|---|---|"
    for row in samples:
        yield f"| {_escaped(row['input'])} | {_escaped(row['output'])} | {_escaped(row['reference'])} |"
    yield ""


def _sentence(text: str) -> str:
    """The text with the full stop that ends a sentence.

    >>> _sentence("CC BY 2.0"), _sentence("Dates.")
    ('CC BY 2.0.', 'Dates.')
    """
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _count(number: int, thing: str) -> str:
    """
    >>> _count(1, "thread"), _count(16, "thread")
    ('1 thread', '16 threads')
    """
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _escaped(text: str) -> str:
    r"""A text as Markdown that shows exactly this text, also in a cell: there, bars and line feeds would end it.

    >>> print(_escaped("<en> 3 | 4\n*9*"))
    \<en> 3 \| 4 \*9\*
    """
    return re.sub(r"([\\`*|<\[])", r"\\\1", text).replace("\n", " ")
