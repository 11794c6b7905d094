"""Edges in an image: what the filters find that people made, beside what the first convolution has learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.nn import functional as F

from gyebo.layers.filters import FILTERS, edge_strength
from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.layer_maps import feature_maps
from gyebo.views.looks.feature_maps import strongest_maps
from gyebo.views.looks.image_inputs import images_of
from gyebo.views.looks.image_inputs import lacks_convolutions as lacks
from gyebo.views.pictures import Picture, coloured, contact_sheet

__all__ = ["draw", "lacks"]

WHITE = 255


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """Of the first image, how steep its brightness is by each filter, and the strongest maps of the first convolution.

    A filter's answer is divided by the sum of its weights along the edge: by each of them a step from black to white is 1.
    """
    seen = images_of(run, inputs, 1)
    brightness = seen.pixels.double().mean(1, keepdim=True) / WHITE  # (1, 1, H, W)
    framed = F.pad(brightness, (1, 1, 1, 1), mode="replicate")  # with what stands there already, so the border is no edge
    strength = {name: (edge_strength(framed, name) / sum(along))[0, 0].numpy() for name, along in FILTERS.items()}  # (H, W) each
    steepest = max(float(values.max()) for values in strength.values())
    path, output = next(iter(feature_maps(run.model, seen.standardised).items()))
    strongest, learned = strongest_maps(output[0])
    rows = [
        ("image", [Picture(seen.picture(0), seen.title(0))]),
        ("made by people", [Picture(coloured(values, steepest), name.title()) for name, values in strength.items()]),
        (f"learned: {path}\n{output.shape[2]} x {output.shape[3]}", learned),
    ]
    caption = (
        "Edges in one image. The filters of Prewitt, Sobel and Scharr: how steep the brightness is, the darker the steeper, up to"
        f" {steepest:.2f}, where a step from black to white is 1. Below, what the first convolution of {run.name} answers to the"
        " image, before what follows it: the maps with the strongest answers, blue above 0 and orange below."
    )
    data = {
        "image": seen.names[0],
        "strength": {name: np.round(values, 4).tolist() for name, values in strength.items()},
        "layer": path,
        "strongest": strongest,
        "learned": np.round(output[0, strongest].numpy(), 4).tolist(),
    }
    return contact_sheet("edges", "Edges, by hand and learned", caption, rows, data)
