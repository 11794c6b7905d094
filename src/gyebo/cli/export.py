"""`gyebo export RUN --format onnx`: a run in the format of other programs, checked against its model before it is kept."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.tables import print_facts, print_json, print_table
from gyebo.errors import GyeboError

if TYPE_CHECKING:
    from gyebo.interop import ExportResult
    from gyebo.runs import Run

ALLOWED_DIFFERENCE = 0.1
"""in BLEU points: a hypothesis may change places with one that is as good but for the last bits"""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Write a trained translator in another format, compare it with the model, and score it on the test split."""

    run: Annotated[tyro.conf.Positional[str], shown("RUN")]
    """the name of a run, or the path of its folder"""
    format: Literal["onnx"] = "onnx"
    """onnx: two graphs for ONNX Runtime, with all that using them needs"""
    output: Annotated[Path | None, shown("FOLDER")] = None
    """the folder to write (default: onnx in the run's folder); an earlier export there is replaced"""
    score: bool = True
    """translate the test split with the exported graphs, and compare BLEU with the run's own"""
    data_dir: Annotated[Path | None, shown("FOLDER")] = None
    """the folder of the named datasets (default: $GYEBO_DATA, else a cache folder)"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    json: Flag = False
    """print JSON"""


def run(words: list[str]) -> int:
    """Export, check, score, and print what was found."""
    options = parse(ExportOptions, words, "gyebo export")
    from gyebo.interop import export_onnx
    from gyebo.runs import Run, find_run

    trained = Run(find_run(options.run, options.runs_dir))
    score = _Score(trained, options.data_dir) if options.score else None
    result = export_onnx(trained, options.output or trained.folder.path / options.format, score or (lambda exported: None))
    if options.json:
        told = {"folder": str(result.folder), "largest_difference": result.largest_difference}
        print_json(told | {"files": [dataclasses.asdict(file) for file in result.facts.files]} | (score.numbers() if score else {}))
    else:
        _print(result, score)
    return 0


class _Score:
    """BLEU of a run and of its export; called with the export before it is kept, and raises where they differ."""

    def __init__(self, trained: Run, data_dir: Path | None) -> None:
        from gyebo import pipeline

        try:
            self.data = pipeline.open_data(trained, data_dir=data_dir)  # before the long work
        except GyeboError as error:
            raise type(error)(f"{error} Or export without scoring: --no-score.") from error
        self.trained = trained
        self.own = self.exported = 0.0
        self.signature = ""

    def __call__(self, exported: Run) -> None:
        print(f"scoring {len(self.data.test):,} test sentences with ONNX Runtime", file=sys.stderr, flush=True)
        evaluation = exported.evaluate(self.data)
        self.exported, self.signature = evaluation.metrics["bleu"], evaluation.signatures["bleu"]
        self.own = self._stored_bleu()
        if not abs(self.exported - self.own) <= ALLOWED_DIFFERENCE:
            raise GyeboError(
                f"With ONNX Runtime the test split has BLEU {self.exported:.2f}, and the run itself {self.own:.2f}: more than"
                f" {ALLOWED_DIFFERENCE:g} apart, so nothing was written. Where the run was trained on since it was scored, `gyebo train`"
                " scores it again."
            )

    def _stored_bleu(self) -> float:
        """What the run's results say; computed where it has none yet."""
        folder = self.trained.folder
        if folder.results.is_file():
            return float(folder.read(folder.results)["splits"]["test"]["metrics"]["bleu"])
        print("scoring them with the model, which has no results yet", file=sys.stderr, flush=True)
        return self.trained.evaluate(self.data).metrics["bleu"]

    def numbers(self) -> dict[str, Any]:
        return {"bleu": {"run": self.own, "onnx": self.exported, "signature": self.signature}}


def _print(result: ExportResult, score: _Score | None) -> None:
    sizes = [(path.name, f"{path.stat().st_size / 2**20:.2f}") for path in sorted(result.folder.iterdir())]
    print_table(("file", "MiB"), sizes)
    print()
    facts: dict[str, Any] = {"folder": result.folder, "largest difference": f"{result.largest_difference:.1e} beside the model"}
    if score is not None:
        facts |= {"BLEU, the run": f"{score.own:.2f}", "BLEU, ONNX Runtime": f"{score.exported:.2f}", "signature": score.signature}
    print_facts(facts)
    print(f"\nnext\n  gyebo predict {shlex.quote(str(result.folder))} TEXT")
