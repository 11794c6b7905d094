"""The training curves of a run."""

from __future__ import annotations

from collections.abc import Sequence

from gyebo.errors import UsageError
from gyebo.runs import Run
from gyebo.views.curves import curves
from gyebo.views.figure import Figure

__all__ = ["draw", "lacks"]


def lacks(run: Run) -> str | None:
    return None if run.folder.metrics() else "its metrics.jsonl holds no record yet"


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """Raises UsageError for inputs: curves are of the whole training."""
    if inputs:
        raise UsageError(f"The view 'curves' shows the whole training and takes no input, but {inputs[0]!r} came. Leave it out.")
    return curves(run.folder.metrics())
