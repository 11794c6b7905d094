"""`gyebo predict RUN [INPUT ...]`: one output a line on standard output, or a table of images, and nothing else there."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gyebo.cli.decoding_options import DecodingOptions, decode_with
from gyebo.cli.failures import paragraph
from gyebo.cli.inputs import read_inputs, read_texts
from gyebo.cli.masks import print_shares, write_masks
from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.tables import print_table
from gyebo.errors import UsageError

if TYPE_CHECKING:
    from gyebo.runs import Run
    from gyebo.tasks.interface import Prediction
    from gyebo.tasks.translate import Judgement


@dataclass(frozen=True, kw_only=True)
class PredictOptions(DecodingOptions):
    """Predict outputs for texts or images: arguments, the lines of a file, or standard input."""

    run: Annotated[tyro.conf.Positional[str], shown("RUN")]
    """the name of a run, or the path of its folder or of its export"""
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], shown("[INPUT ...]")] = ()
    """texts, or paths of images and of folders of them; after `--` they may begin with a dash"""
    file: Annotated[Path | None, shown("FILE")] = None
    """a UTF-8 text file (.gz too), one text or path a line"""
    against: Annotated[Path | None, shown("FILE")] = None
    """translations of the texts, one a line: score them, and tell whether the search or the model missed them"""
    output: Annotated[Path | None, shown("FILE | FOLDER")] = None
    """write the mask of an image to this PNG file, whose pixel values are class numbers; of several, into this folder"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    n_best: Annotated[int | None, shown("N")] = None
    """print so many hypotheses of each text, the best first: number of the text, score, output, separated by tabs"""
    json: Flag = False
    """print a JSON object a line: output, score, alternatives and their scores, and of texts tokens and alignment"""


def run(words: list[str]) -> int:
    """Read all inputs, then predict, then print."""
    options = parse(PredictOptions, words, "gyebo predict")
    from gyebo.interop import open_run
    from gyebo.tasks import task_type

    trained = open_run(options.run, options.runs_dir)
    decode_with(trained, options)
    references = None if options.against is None else read_texts((), options.against)  # before standard input is waited for
    reads = task_type(trained.task_name).reads
    inputs = read_inputs(reads, options.inputs, options.file)
    if references is not None:
        _print_judgements(_judge(trained, inputs, references, options.against), options.json)
        return 0
    predictions = trained.predict(inputs) if options.output is None else write_masks(trained, inputs, options.output)
    for note in trained.task.notes(inputs):
        print(paragraph(note), file=sys.stderr)
    if reads == "images" and not options.json:
        if trained.task_name == "segment":
            print_shares(predictions)
        else:
            _print_classes(predictions)
        return 0
    several = (options.n_best or options.sample or 1) > 1
    for number, prediction in enumerate(predictions, 1):
        if options.json:
            print(_json(dataclasses.asdict(prediction)))
        elif several:
            _print_list(number, prediction)
        else:
            print(prediction.output)
    return 0


def _judge(trained: Run, inputs: Sequence[str], references: Sequence[str], file: Path | None) -> list[Judgement]:
    from gyebo.tasks.translate import Translate

    task = trained.task
    if not isinstance(task, Translate):
        raise UsageError(f"--against scores given translations, and {trained.name!r} is a run of the task {trained.task_name}.")
    if len(references) != len(inputs):
        raise UsageError(
            f"{file} has {len(references)} lines for {len(inputs)} texts. Give one translation a line, in their order."
        )
    return task.judge(trained.model, inputs, references)


def _print_classes(predictions: Sequence[Prediction]) -> None:
    """A row an image: its class and the probability of it, and the classes that come next."""
    rows = []
    for each in predictions:
        following = zip(each.alternatives, each.alternative_scores, strict=True)
        told = ", ".join(f"{name} {_percent(score)}" for name, score in following)
        rows.append((each.input, each.output, _percent(each.score), told))
    print_table(("image", "class", "probability", "then"), rows)


def _percent(probability: float) -> str:
    return f"{100 * probability:.2f} %"


def _print_list(number: int, prediction: Prediction) -> None:
    outputs = (prediction.output, *prediction.alternatives)
    for score, output in zip((prediction.score, *prediction.alternative_scores), outputs, strict=True):
        print(f"{number}\t{score:.4f}\t{output}")


def _print_judgements(judgements: list[Judgement], as_json: bool) -> None:
    """A line a pair, and the shares of search errors and model errors: Koehn & Knowles 2017, arXiv 1706.03872, section 3.6."""
    if as_json:
        for judgement in judgements:
            print(_json(dataclasses.asdict(judgement) | {"fault": judgement.fault}))
        return
    print_table(
        ("pair", "log p given", "found", "score given", "found", "fault", "given, and log p of its tokens", "found"),
        [
            (
                number,
                f"{each.reference_log_probability:.2f}",
                f"{each.prediction.log_probability:.2f}",
                f"{each.reference_score:.3f}",
                f"{each.prediction.score:.3f}",
                each.fault,
                _tokens(each),
                each.prediction.output,
            )
            for number, each in enumerate(judgements, 1)
        ],
    )
    print()
    for fault, meaning in (
        ("none", "found as given"),
        ("search", "the model believes more in the given one: search errors"),
        ("model", "the model believes more in the found one: model errors"),
    ):
        count = sum(judgement.fault == fault for judgement in judgements)
        print(f"{count:,} of {len(judgements):,} ({count / len(judgements):.1%}): {meaning}")


def _tokens(judgement: Judgement) -> str:
    pairs = zip(judgement.reference_tokens, judgement.reference_log_probabilities, strict=True)
    return " ".join(f"{token}({value:.1f})" for token, value in pairs)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
