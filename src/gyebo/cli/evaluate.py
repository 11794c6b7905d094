"""`gyebo evaluate RUN`: metrics of a run on a split of its data, or on other data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from gyebo.cli.decoding_options import DecodingOptions, decode_with
from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.tables import print_json, print_table
from gyebo.storage import write_text
from gyebo.tasks.metric_wording import cell_text, metric_name, metric_text

if TYPE_CHECKING:
    from gyebo.tasks.interface import Evaluation


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(DecodingOptions):
    """Measure a run on a split of its own data, or of other data."""

    run: Annotated[tyro.conf.Positional[str], shown("RUN")]
    """the name of a run, or the path of its folder or of its export"""
    split: Literal["test", "validation"] = "test"
    """the split of the data"""
    data: tuple[str, ...] = ()
    """other data for the same task: a dataset, or what is your own as in training, of which all is evaluated, or the test split
    of a folder that has one"""
    predictions: Annotated[Path | None, shown("FILE")] = None
    """write source, prediction and reference of every example to this file, separated by tabs"""
    data_dir: Annotated[Path | None, shown("FOLDER")] = None
    """the folder of the named datasets (default: $GYEBO_DATA, else a cache folder)"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    json: Flag = False
    """print JSON: metrics, signatures and tables"""


def run(words: list[str]) -> int:
    """Evaluate, print metrics, signatures and tables, and write the predictions where they are asked for."""
    options = parse(EvaluateOptions, words, "gyebo evaluate")
    from gyebo import pipeline
    from gyebo.interop import open_run

    trained = open_run(options.run, options.runs_dir)
    decode_with(trained, options)
    evaluation = pipeline.evaluate(trained, options.split, options.data, options.data_dir)
    if options.predictions is not None:
        write_text(options.predictions, predictions_tsv(evaluation))
    if options.json:
        plain = dataclasses.asdict(evaluation)
        print_json({key: plain[key] for key in ("metrics", "signatures", "tables")} | {"examples": len(evaluation.references)})
    else:
        _print(evaluation, options)
    return 0


def predictions_tsv(evaluation: Evaluation) -> str:
    """source, prediction, reference: a line an example.  Texts of a corpus hold no tab; one in a prediction becomes a space."""
    rows: Iterable[tuple[str, str, str]] = (
        (prediction.input, prediction.output, reference)
        for prediction, reference in zip(evaluation.predictions, evaluation.references, strict=True)
    )
    return "".join("\t".join(" ".join(text.split()) for text in row) + "\n" for row in rows)


def _print(evaluation: Evaluation, options: EvaluateOptions) -> None:
    print(f"{options.run}: {options.split} split, {len(evaluation.references):,} examples\n")
    rows = [
        (metric_name(name), metric_text(name, value), evaluation.signatures.get(name, ""))
        for name, value in evaluation.metrics.items()
    ]
    print_table(("metric", "value", "signature"), rows)
    for name, table in evaluation.tables.items():
        if table:
            print()
            columns = list(table[0])
            print_table(
                [metric_name(column) for column in columns],
                [[cell_text(column, row[column]) for column in columns] for row in table],
                metric_name(name),
            )
    if options.predictions is not None:
        print(f"\npredictions  {options.predictions}")
