"""The gates of the recurrent layer that reads a text, token by token."""

from __future__ import annotations

from collections.abc import Sequence

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.gates import gates
from gyebo.views.looks.inputs import first_input
from gyebo.views.looks.reading import lacks_text, lowest_gates, reader, reading, shortest_reading

__all__ = ["draw", "lacks"]


def lacks(run: Run) -> str | None:
    if (reason := lacks_text(run)) is not None:
        return reason
    has_one = reader(run.model, shortest_reading(run)).layer is not None
    return None if has_one else f"its architecture {run.architecture_name!r} reads without a recurrent layer"


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The first input, or the run's first sample: every gate and state of the lowest recurrent layer."""
    text = reading(run, first_input(run, inputs))
    found = reader(run.model, text)
    assert found.layer is not None, "lacks stands before this"
    assert found.call is not None
    which = "the forward direction of the lowest layer" if found.layer.bidirectional else "the lowest layer"
    return gates(text.vocabulary.names(found.read[0].tolist()), lowest_gates(found.call)).introduced(
        f"The module {found.layer_path!r} of {run.name} ({type(found.layer).__name__}): {which}, in the order in which it reads.",
    )
