"""Which pixels a unit in the middle of each layer can see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from gyebo.errors import UsageError
from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.layer_maps import receptive_fields, spread
from gyebo.views.looks.image_inputs import lacks_convolutions as lacks
from gyebo.views.looks.image_inputs import short
from gyebo.views.pictures import Picture, coloured, contact_sheet

__all__ = ["draw", "lacks"]

LAYERS, IN_A_ROW = 16, 8


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The influence of every pixel on the middle unit of at most sixteen convolutions.

    Raises UsageError for inputs: noise is looked at, so that no image decides.
    """
    if inputs:
        raise UsageError(f"The view 'receptive-field' looks at noise and takes no image, but {inputs[0]!r} came. Leave it out.")
    task = cast(Any, run.task)
    size = task.preprocessing.image_size
    fields = receptive_fields(run.model, (task.preprocessing.channels, size, size))
    paths = spread(list(fields), LAYERS)
    pictures = [
        Picture(
            coloured(np.sqrt(fields[path].influence.numpy()), 1.0), f"{fields[path].rows} x {fields[path].columns}\n{short(path)}"
        )
        for path in paths
    ]
    rows = [("", pictures[begin : begin + IN_A_ROW]) for begin in range(0, len(pictures), IN_A_ROW)]
    caption = (
        f"How much each pixel of an image moves the unit in the middle of the maps of each convolution of {run.name}: the darker, the"
        f" more (the square root is drawn). Below, the extent of the pixels with any influence, of {size} x {size}."
    )
    data = {path: {"rows": field.rows, "columns": field.columns} for path, field in fields.items()}
    return contact_sheet("receptive-field", "How far each layer sees", caption, rows, data)
