"""The filters that the first convolution has learned, as small pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from gyebo.errors import UsageError
from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.looks.image_inputs import lacks_convolutions as lacks
from gyebo.views.pictures import Picture, contact_sheet, signed

__all__ = ["draw", "lacks"]

MOST, IN_A_ROW = 64, 8
COLOURS = 3


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The kernels of the first convolution, strongest first.

    Raises UsageError for inputs: filters do not depend on an image.
    """
    if inputs:
        raise UsageError(f"The view 'filters' is the same for every image and takes none, but {inputs[0]!r} came. Leave it out.")
    path, layer = next((path, module) for path, module in run.model.named_modules() if isinstance(module, nn.Conv2d))
    weight = layer.weight.detach().double().numpy()  # (maps, C, h, w)
    order = np.argsort(-np.abs(weight).sum((1, 2, 3)), kind="stable")[:MOST]
    high = float(np.abs(weight).max())
    if weight.shape[1] == COLOURS:
        pictures = [Picture(np.round(np.moveaxis(weight[place], 0, -1) / high * 127 + 128).astype(np.uint8)) for place in order]
        how = "Each colour stands around a middle grey, which is 0."
    else:
        pictures = [Picture(signed(weight[place].mean(0), high)) for place in order]
        how = "Blue numbers are above 0 and orange ones below."
    rows = [("", pictures[begin : begin + IN_A_ROW]) for begin in range(0, len(pictures), IN_A_ROW)]
    shown = f"{len(order)} of the {len(weight)}" if len(order) < len(weight) else f"The {len(weight)}"
    size = f"{weight.shape[2]} x {weight.shape[3]}"
    caption = f"{shown} filters of {size} that the first convolution of {run.name} ({path}) has learned, strongest first. {how}"
    data = {"layer": path, "filters": np.round(weight[order], 5).tolist()}
    return contact_sheet("filters", "What the first layer looks for", caption, rows, data)
