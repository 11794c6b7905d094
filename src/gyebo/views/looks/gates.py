"""The gates of the recurrent layer that reads a text, token by token."""

from __future__ import annotations

from collections.abc import Sequence

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.gates import gates
from gyebo.views.looks.inputs import first_input
from gyebo.views.looks.reading import lacks_recurrent_layer, reading, recurrent_call

__all__ = ["draw", "lacks"]

SCAN = "l0"  # the lowest layer, which reads the words themselves, in its forward direction

lacks = lacks_recurrent_layer


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The first input, or the run's first sample: every gate and state of the lowest recurrent layer."""
    text = reading(run, first_input(run, inputs))
    path, layer, call, read = recurrent_call(run.model, text)
    tokens = text.names(read[0].tolist())
    parts = {name.removeprefix(f"{SCAN}."): gate[0].numpy() for name, gate in call.inside.items() if name.startswith(f"{SCAN}.")}
    which = "the forward direction of the lowest layer" if layer.bidirectional else "the lowest layer"
    return gates(tokens, parts).introduced(
        f"The module {path!r} of {run.name}, a {type(layer).__name__}: {which}, in the order in which it reads.",
    )
