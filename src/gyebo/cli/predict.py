"""`gyebo predict RUN [TEXT ...]`: one output a line on standard output, and nothing else there."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gyebo.cli.inputs import read_inputs
from gyebo.cli.parsing import Flag, parse, shown
from gyebo.errors import UsageError

if TYPE_CHECKING:
    from gyebo.runs import Run


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Predict outputs for texts: arguments, the lines of a file, or standard input."""

    run: Annotated[tyro.conf.Positional[str], shown("RUN")]
    """the name of a run, or the path of its folder"""
    texts: Annotated[tyro.conf.Positional[tuple[str, ...]], shown("[TEXT ...]")] = ()
    """texts; after `--` they may begin with a dash"""
    file: Annotated[Path | None, shown("FILE")] = None
    """a UTF-8 text file (.gz too), one text a line"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    beam: Annotated[int | None, shown("N")] = None
    """hypotheses kept by the search; 1 is greedy search (default: as in the recipe)"""
    json: Flag = False
    """print a JSON object a line: output, score, tokens, alignment, alternatives"""


def run(words: list[str]) -> int:
    """Read all inputs, then predict, then print."""
    options = parse(PredictOptions, words, "gyebo predict")
    from gyebo.runs import Run, find_run

    trained = Run(find_run(options.run, options.runs_dir))
    if options.beam is not None:
        _search_with(trained, options.beam)
    for prediction in trained.predict(read_inputs(options.texts, options.file)):
        print(json.dumps(dataclasses.asdict(prediction), ensure_ascii=False) if options.json else prediction.output)
    return 0


def _search_with(run: Run, beam: int) -> None:
    """Set the beam of the run's task, which is in memory: the folder stays as it is."""
    config = run.task.config
    try:
        run.task.config = dataclasses.replace(config, decoding=dataclasses.replace(config.decoding, beam=beam))
    except ValueError as error:
        raise UsageError(f"--{error}") from error
