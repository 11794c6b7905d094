"""The model card, README.md of a run folder, written from what happened."""

from __future__ import annotations

from typing import Any

from gyebo.genealogy import facts
from gyebo.runs.folder import RunFolder

__all__ = ["card_text", "metric_text"]

PERCENT = {"accuracy", "exact_match"}


def metric_text(name: str, value: float) -> str:
    """A metric as a person reads it.

    >>> metric_text("exact_match", 0.9941), metric_text("bleu", 31.4159), metric_text("loss", 1.23456)
    ('99.41 %', '31.42', '1.2346')
    """
    if name in PERCENT:
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if name == "loss" else f"{value:.2f}"


def card_text(
    folder: RunFolder, recipe: dict[str, Any], data: dict[str, Any], results: dict[str, Any], environment: dict[str, Any]
) -> str:
    """The card as Markdown with the Hub's header: what the model is, how it was trained, what it reaches, ten samples."""
    entry = facts(recipe["architecture"])
    languages = [code for code in (data["source_language"], data["target_language"]) if len(code) == 2]
    header = ["---", "library_name: gyebo", f"tags: [{recipe['task']}, {entry.name}]"]
    header += [f"language: [{', '.join(languages)}]"] if languages else []
    splits = [split for split in ("validation", "test") if split in results["splits"]]
    names = list(dict.fromkeys(name for split in splits for name in results["splits"][split]["metrics"]))
    minutes = results["seconds"] / 60
    lines = [
        *header,
        "---",
        "",
        f"# {folder.name}: {entry.title}",
        "",
        f"{recipe['title'] or data['name']}. Architecture `{entry.name}` ({entry.paper}, {entry.year}, {entry.link}),"
        f" {results['parameters']:,} parameters.",
        "",
        "## Use",
        "",
        "```python",
        "import gyebo",
        "",
        f'run = gyebo.load("{folder.path.as_posix()}")',
        f"print(run.predict([{results['samples'][0]['input']!r}])[0].output)",
        "```",
        "",
        "## Results",
        "",
        f"| metric | {' | '.join(splits)} |",
        f"|---|{'---|' * len(splits)}",
        *(
            f"| {name} | " + " | ".join(metric_text(name, results["splits"][split]["metrics"][name]) for split in splits) + " |"
            for name in names
        ),
        "",
        *(f"{name}: `{signature}`  " for name, signature in results["splits"][splits[-1]]["signatures"].items()),
        "",
        "## Training",
        "",
        f"{results['steps']:,} steps, {results['tokens']:,} target tokens, {minutes:.1f} minutes (evaluations included) with"
        f" {environment['threads']} threads on {environment['processor']}; at most {results['peak_memory_gib']:.1f} GiB of memory."
        f" Training ended because {results['reason']}; the weights are those of step {results['best_step']}, chosen by"
        f" validation {recipe['evaluation']['metric']}. Every setting stands in `recipe.toml`, versions in `environment.json`.",
        "",
        "## Data",
        "",
        f"{data['name']}: {data['train']:,} training, {data['validation']:,} validation and {data['test']:,} test pairs."
        + (f" {data['citation']}" if data["citation"] else ""),
        *([f"Licence: {data['licence']}"] if data["licence"] else []),
        *(f"- {note}" for note in data["notes"]),
        "",
        "## Samples from the test split",
        "",
        "| source | prediction | reference |",
        "|---|---|---|",
        *(f"| {_cell(row['input'])} | {_cell(row['output'])} | {_cell(row['reference'])} |" for row in results["samples"]),
        "",
        "## Limits",
        "",
        "It has seen the training data above and nothing else: other words, longer sentences and other domains are guesses. Differences"
        " from the paper:",
        "",
        *(f"- {difference}" for difference in entry.differences),
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A text inside a Markdown table: bars and line feeds would end its cell, and angle brackets begin a tag."""
    for character, harmless in (("\\", "\\\\"), ("|", "\\|"), ("<", "\\<"), ("\n", " ")):
        text = text.replace(character, harmless)
    return text
