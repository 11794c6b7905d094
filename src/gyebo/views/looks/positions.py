"""What tells a model without recurrence where a token stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from gyebo.errors import UsageError
from gyebo.layers.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from gyebo.models.interfaces import END
from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.looks.reading import lacks_text, shortest_reading
from gyebo.views.positions import positions
from gyebo.views.recorder import record

__all__ = ["draw", "lacks"]

NUM_POSITIONS = 64
ADDED = "{paths}: what is added to the embedding"
TURNED = "{paths}: cosine and sine of the angles by which queries and keys are turned"


def lacks(run: Run) -> str | None:
    if (reason := lacks_text(run)) is not None:
        return reason
    kinds = SinusoidalPositions | LearnedPositions | RotaryPositions
    has_some = any(isinstance(module, kinds) for module in run.model.modules())
    return (
        None
        if has_some
        else f"its architecture {run.architecture_name!r} has no positional encoding: the order of reading is enough"
    )


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The first positions, of every table that the model has; equal tables are shown once.

    Raises UsageError for inputs: positions do not depend on what stands there.
    """
    if inputs:
        raise UsageError(
            f"The view 'positions' is the same for every text and takes no input, but {inputs[0]!r} came. Leave it out."
        )
    by_title: dict[str, list[tuple[str, Tensor]]] = {}
    for path, title, table in _tables(run):
        by_title.setdefault(title, []).append((path, table))
    shown: dict[str, Tensor] = {}
    for title, tables in by_title.items():
        while tables:
            first = tables[0][1]
            alike = [path for path, table in tables if torch.equal(table, first)]
            tables = [(path, table) for path, table in tables if path not in alike]
            shown[title.format(paths=" and ".join(alike))] = first
    return positions({title: table.numpy() for title, table in shown.items()}).introduced(f"The positions of {run.name}.")


@torch.no_grad()
def _tables(run: Run) -> Iterator[tuple[str, str, Tensor]]:
    """Path, title and vectors (T, D) of every positional encoding that takes part in reading and writing."""
    _, calls = record(run.model, lambda: shortest_reading(run).predict([END]))
    for path, [call, *_] in calls.items():
        module: nn.Module = run.model.get_submodule(path)
        others = sum(other is module for _, other in run.model.named_modules(remove_duplicate=False)) - 1
        path += f" and {others} other places" if others else ""
        match module:
            case LearnedPositions():
                size = min(NUM_POSITIONS, len(module.weight))
                yield path, ADDED, module(torch.zeros(1, size, call.output.shape[-1]))[0]
            case SinusoidalPositions():
                yield path, ADDED, module(torch.zeros(1, NUM_POSITIONS, call.output.shape[-1]))[0]
            case RotaryPositions():
                ahead = torch.zeros(1, 1, NUM_POSITIONS, call.output.shape[-1])
                ahead[..., 0::2] = 1  # (1, 0) in every pair, which position m turns to (cos, sin) of its angle
                yield path, TURNED, module(ahead)[0, 0]
