"""Looking into a run: which views it can show, and the figure of one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from gyebo.errors import UsageError, did_you_mean
from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.looks import VIEWS

__all__ = ["lacking", "look", "views_of"]


class View(Protocol):
    """What a file in looks/ offers."""

    def draw(self, run: Run, inputs: Sequence[str]) -> Figure: ...

    def lacks(self, run: Run) -> str | None: ...


def lacking(run: Run) -> dict[str, str | None]:
    """What this run lacks for each view, to stand after "because"; None where it can be drawn."""
    return {name: _view(name).lacks(run) for name in VIEWS}


def views_of(run: Run) -> tuple[str, ...]:
    """The names of the views that this run can show."""
    return tuple(name for name, reason in lacking(run).items() if reason is None)


def look(run: Run, view: str, inputs: Sequence[str] = ()) -> Figure:
    """The figure of a view.  Without inputs it looks at the run's own samples of the test split.

    Raises UsageError for an unknown view, one that this run cannot show (saying why), or inputs that cannot be drawn.

    >>> look(gyebo.load("runs/dates"), "alignment", ["le 3 mars 2009"]).save(Path("alignment.png"))  # doctest: +SKIP
    """
    if view not in VIEWS:
        raise UsageError(f"There is no view {view!r}. {did_you_mean(view, VIEWS)}")
    if isinstance(inputs, str):
        raise UsageError(f"look takes a list of inputs, and {inputs!r} is one string: write look(run, {view!r}, [...]).")
    if (reason := _view(view).lacks(run)) is not None:
        shown = ", ".join(views_of(run)) or "none yet"
        raise UsageError(f"The run {run.name!r} cannot show {view!r}, because {reason}. It can show: {shown}.")
    return _view(view).draw(run, inputs)


def _view(name: str) -> View:
    """The file of a view; only names of VIEWS come here, whose hyphens are underscores in the files' names."""
    return cast(View, import_module(f"gyebo.views.looks.{name.replace('-', '_')}"))
