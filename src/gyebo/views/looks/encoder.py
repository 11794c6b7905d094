"""The encoder of a translator, found by watching it work: the first recurrent layer that reads the source."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gyebo.errors import UsageError
from gyebo.layers.recurrent import Recurrent
from gyebo.runs import Run
from gyebo.views.looks.sentences import lacks_translator
from gyebo.views.recorder import Call, record

__all__ = ["encoder_call", "lacks_recurrent_layer"]


def lacks_recurrent_layer(run: Run) -> str | None:
    """What a run lacks to have the steps of its encoder looked at."""
    if (reason := lacks_translator(run)) is not None:
        return reason
    has_one = any(isinstance(module, Recurrent) for module in run.model.modules())
    return None if has_one else f"its architecture {run.architecture_name!r} has no recurrent layer"


def encoder_call(model: nn.Module, source: Tensor) -> tuple[str, Recurrent[Any], Call, Tensor]:
    """The path of the encoder's first recurrent layer, the layer, its call for a source (1, S), and the tokens it read.

    Some encoders read the source backwards: the tokens are those that the word vectors were looked up for, in that order.
    Raises UsageError where no recurrent layer takes part in reading the source.
    """
    with torch.inference_mode():
        _, calls = record(model, lambda: model.encode(source, torch.tensor([source.shape[1]])))  # type: ignore[operator]
    read = source
    for path, [call, *_] in calls.items():
        module = model.get_submodule(path)
        if isinstance(module, nn.Embedding):
            read = call.arguments[0]
        if isinstance(module, Recurrent):
            return path, module, call, read
    raise UsageError("No recurrent layer takes part in reading the source, so it has no steps to look at.")
