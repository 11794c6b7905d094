"""How large activations and gradients are, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.runs import Run
from gyebo.views.depth import histograms_by_depth
from gyebo.views.figure import Figure
from gyebo.views.layer_maps import Convolution, outputs_of, spread
from gyebo.views.looks.image_inputs import images_of
from gyebo.views.looks.image_inputs import lacks_images as lacks

__all__ = ["draw", "lacks"]

IMAGES, LAYERS = 32, 24


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """Of at most 24 convolutions and fully connected layers: their outputs for images, and the gradients of the loss by them.

    The loss is the cross-entropy of the images' classes, or of those found most probable where images are given by their files.
    """
    seen, classes = images_of(run, inputs, IMAGES), cast(Any, run.task).classes
    with torch.no_grad():
        found = run.model(seen.standardised).argmax(1)
    labels = torch.tensor([classes.index(label) if label else int(place) for label, place in zip(seen.labels, found, strict=True)])
    outputs, gradients = _by_layer(run.model, seen.standardised, labels)
    paths = spread(list(outputs), LAYERS)
    return histograms_by_depth(
        {path: outputs[path].numpy() for path in paths}, {path: gradients[path].numpy() for path in paths}
    ).introduced(f"{len(seen.names)} images in {run.name}.")


def _by_layer(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Outputs of the convolutions and fully connected layers, and the gradients of the loss by them, in computing order."""
    layers = {path: module for path, module in model.named_modules() if isinstance(module, Convolution | nn.Linear)}
    with outputs_of(layers) as kept:
        loss = F.cross_entropy(model(images), labels)
    gradients = torch.autograd.grad(loss, list(kept.values()), allow_unused=True)
    reached = {path: gradient for path, gradient in zip(kept, gradients, strict=True) if gradient is not None}
    return {path: kept[path].detach() for path in reached}, reached
