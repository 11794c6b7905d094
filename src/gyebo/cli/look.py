"""`gyebo look RUN [VIEW] [INPUT ...]`: a figure of what happens inside a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gyebo.cli.inputs import read_inputs
from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.tables import print_json, print_table
from gyebo.errors import UsageError
from gyebo.views import VIEWS


@dataclass(frozen=True, kw_only=True)
class LookOptions:
    """Look into a run; without a view, list those that it has, and why it lacks the others."""

    run: Annotated[tyro.conf.Positional[str], shown("RUN")]
    """the name of a run, or the path of its folder"""
    view: Annotated[tyro.conf.Positional[str], shown("[VIEW]")] = ""
    """the kind of look"""
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], shown("[INPUT ...]")] = ()
    """texts or images that the model reads, where the view shows it reading (default: samples of the test split)"""
    output: Annotated[Path | None, shown("FILE")] = None
    """the file, ending in .html, .png, .svg or .json (default: looks/VIEW.html in the run's folder)"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    json: Flag = False
    """with no view: print the lists as JSON; with one: print the numbers under the figure instead of writing it"""


def run(words: list[str]) -> int:
    """Draw the view, write it and print its path."""
    options = parse(LookOptions, words, "gyebo look")
    from gyebo.interop import is_export
    from gyebo.runs import Run, find_run
    from gyebo.tasks import task_type
    from gyebo.views.look import lacking, look

    if any(is_export(path) for path in (Path(options.run), options.runs_dir / options.run)):
        raise UsageError(f"{options.run} is an ONNX export, and no view sees into its graphs. Look into the run that it came from.")
    trained = Run(find_run(options.run, options.runs_dir))
    if not options.view:
        _print_views(lacking(trained), options)
        return 0
    inputs = read_inputs(task_type(trained.task_name).reads, options.inputs, None) if options.inputs else ()
    figure = look(trained, options.view, inputs)
    if options.json:
        print(figure.to_json(), end="")
        return 0
    path = options.output or trained.folder.path / "looks" / f"{options.view}.html"
    figure.save(path)
    print(path)
    return 0


def _print_views(lacking: Mapping[str, str | None], options: LookOptions) -> None:
    """Each view with what it shows; those that the run cannot show in a table of their own, with the reason."""
    if options.json:
        print_json({view: {"shows": VIEWS[view], "lacks": reason} for view, reason in lacking.items()})
        return
    if shown := [(view, VIEWS[view]) for view, reason in lacking.items() if reason is None]:
        print_table(("view", "shows"), shown)
    if missing := [(view, reason) for view, reason in lacking.items() if reason is not None]:
        print()
        print_table(("not in this run", "because"), missing)
    print(f"\ngyebo look {options.run} VIEW [INPUT ...] draws one.")
