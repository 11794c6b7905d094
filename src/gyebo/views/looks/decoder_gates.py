"""The gates of a recurrent decoder, token by token, while it writes its translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from gyebo.models.interfaces import END
from gyebo.runs import Run
from gyebo.tasks.translate import Translate
from gyebo.views.figure import Figure
from gyebo.views.gates import gates
from gyebo.views.looks.attention import written
from gyebo.views.looks.inputs import first_input
from gyebo.views.looks.reading import Reading, check_length, lacks_weights, lowest_gates, reading, shortest_reading
from gyebo.views.recorder import Call, record

__all__ = ["draw", "lacks"]


def lacks(run: Run) -> str | None:
    if not isinstance(run.task, Translate):
        return f"its task is {run.task_name!r} and not 'translate'"
    if (reason := lacks_weights(run)) is not None:
        return reason
    text = shortest_reading(run)
    with torch.no_grad():
        _, calls = record(run.model, lambda: text.predict([END]))
    found = _decoder(run, text, calls)
    return None if found else f"its architecture {run.architecture_name!r} has no recurrent decoder"


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The first input, or the run's first sample, with the model's own translation: every gate and state of the lowest layer.

    Raises UsageError for a text that is empty, or too long on a side.
    """
    text = reading(run, first_input(run, inputs))
    found = written(run.model, text)
    check_length(len(found.tokens))
    path, call = _decoder(run, text, found.calls)[0]
    return gates(found.before, lowest_gates(call)).introduced(
        f"The module {path!r} of {run.name} ({type(run.model.get_submodule(path)).__name__}) while it writes '{found.sentence}': at each "
        "token, it has read this one and is about to write the next."
    )


def _decoder(run: Run, text: Reading, calls: Mapping[str, Sequence[Call]]) -> list[tuple[str, Call]]:
    """The modules with gates that take part in writing and not in reading, in the order of computing."""
    with torch.no_grad():
        _, reading_calls = record(run.model, text.read)
    return [(path, call) for path, [call, *_] in calls.items() if path not in reading_calls and lowest_gates(call)]
