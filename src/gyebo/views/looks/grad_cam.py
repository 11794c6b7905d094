"""Which parts of an image speak for the class that the model gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.layer_maps import class_activation
from gyebo.views.looks.image_inputs import images_of, short
from gyebo.views.looks.image_inputs import lacks_convolutions as lacks
from gyebo.views.pictures import Picture, blended, contact_sheet

__all__ = ["draw", "lacks"]

IMAGES = 8
ORANGE = (0xD5, 0x5E, 0x00)
STRONGEST = 0.75
"""how much of the picture the heat may cover"""


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """Grad-CAM of at most eight images, for the class that the model finds most probable."""
    seen, classes = images_of(run, inputs, IMAGES), cast(Any, run.task).classes
    with torch.no_grad():
        probabilities = run.model(seen.standardised).softmax(1)
    best = probabilities.max(1)
    found = class_activation(run.model, seen.standardised, best.indices)
    heat = found.heat.numpy()
    images, explained = [], []
    for index, (value, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
        below = seen.picture(index)
        images.append(Picture(below, seen.title(index)))
        shown = blended(below, np.full((*heat[index].shape, 3), ORANGE, np.uint8), STRONGEST * heat[index])
        explained.append(Picture(shown, short(f"{classes[place]} {100 * value:.0f} %")))
    maps, rows, columns = found.shape
    caption = (
        f"Below each image, what speaks for the class that {run.name} finds most probable: the more orange, the more (Grad-CAM,"
        f" Selvaraju et al. 2017, on the {maps} maps of {rows} x {columns} that {found.layer} gives)."
    )
    data = {
        "images": list(seen.names),
        "predicted": [classes[place] for place in best.indices.tolist()],
        "probability": np.round(best.values.numpy(), 5).tolist(),
        "layer": found.layer,
        "maps": list(found.shape),
        "heat": np.round(heat, 4).tolist(),
    }
    return contact_sheet("grad-cam", "What speaks for the class", caption, [("image", images), ("evidence", explained)], data)
