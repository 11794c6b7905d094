"""Which class a model gives to everything between three images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from gyebo.errors import UsageError
from gyebo.runs import Run
from gyebo.views.decision_regions import decision_regions
from gyebo.views.figure import Figure
from gyebo.views.looks.image_inputs import images_of
from gyebo.views.looks.image_inputs import lacks_images as lacks

__all__ = ["draw", "lacks"]

CORNERS = 3
EXTENT = (-0.4, 1.4, -0.4, 1.4)
AT_ONCE = 512


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The plane through three images, as Somepalli et al. 2022 (2203.08124) draw it: they are the corners of a triangle.

    Raises UsageError where another number of images is given.
    """
    if inputs and len(inputs) != CORNERS:
        raise UsageError(f"The view 'decision-regions' draws the plane through three images, but {len(inputs)} came. Give three.")
    seen = images_of(run, inputs, CORNERS)
    if len(seen.names) < CORNERS:
        raise UsageError(
            "The view 'decision-regions' draws the plane through three images, and the test split has fewer. Give three."
        )
    origin, first, second = seen.standardised

    @torch.no_grad()
    def probabilities(points: NDArray[np.float64]) -> NDArray[np.float64]:
        places = torch.from_numpy(points).float()[:, :, None, None, None]
        found = []
        for part in places.split(AT_ONCE):
            images = origin + part[:, 0] * (first - origin) + part[:, 1] * (second - origin)
            found.append(run.model(images).softmax(1))
        return torch.cat(found).double().numpy()

    corners = [(0.0, 0.0, seen.title(0)), (1.0, 0.0, seen.title(1)), (0.0, 1.0, seen.title(2))]
    figure = decision_regions(probabilities, cast(Any, run.task).classes, corners, EXTENT)
    return figure.introduced(f"The plane through three images, which are the black points, in {run.name}.")
