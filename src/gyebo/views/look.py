"""Looking into a run: the views that there are, which of them a run can show, and the figure of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gyebo.errors import UsageError, did_you_mean
from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.looks import alignment, curves, gates, gradients

__all__ = ["VIEWS", "View", "look", "views_of"]


@dataclass(frozen=True)
class View:
    """A kind of look.

    draw: the run and the inputs to look at, perhaps none -> the figure.
    lacks: what the run lacks for it, as the end of a sentence that begins with "because"; None where it can be drawn.
    """

    draw: Callable[[Run, Sequence[str]], Figure]
    lacks: Callable[[Run], str | None]


# A new view is one file in looks/ and one row here.
VIEWS: Mapping[str, View] = {
    "curves": View(curves.draw, curves.lacks),
    "alignment": View(alignment.draw, alignment.lacks),
    "gates": View(gates.draw, gates.lacks),
    "gradients": View(gradients.draw, gradients.lacks),
}


def views_of(run: Run) -> tuple[str, ...]:
    """The names of the views that this run can show."""
    return tuple(name for name, view in VIEWS.items() if view.lacks(run) is None)


def look(run: Run, view: str, inputs: Sequence[str] = ()) -> Figure:
    """The figure of a view.  Without inputs it looks at the run's own samples of the test split.

    Raises UsageError for an unknown view, one that this run cannot show (saying why), or inputs that cannot be drawn.

    >>> look(gyebo.load("runs/dates"), "alignment", ["le 3 mars 2009"]).save(Path("alignment.png"))  # doctest: +SKIP
    """
    if view not in VIEWS:
        raise UsageError(f"There is no view {view!r}. {did_you_mean(view, VIEWS)}")
    if isinstance(inputs, str):
        raise UsageError(f"look takes a list of inputs, and {inputs!r} is one string: write look(run, {view!r}, [...]).")
    if (reason := VIEWS[view].lacks(run)) is not None:
        shown = ", ".join(views_of(run)) or "none yet"
        raise UsageError(f"The run {run.name!r} cannot show {view!r}, because {reason}. It can show: {shown}.")
    return VIEWS[view].draw(run, inputs)
