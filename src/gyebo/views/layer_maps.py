"""What convolutional layers answer to an image, where they look, and what speaks for a class: numbers for the views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.models.convolutional.lenet5 import PartialConvolution

__all__ = [
    "ClassActivation",
    "Convolution",
    "ReceptiveField",
    "class_activation",
    "convolutions",
    "feature_maps",
    "outputs_of",
    "receptive_fields",
    "spread",
]

Convolution: TypeAlias = nn.Conv2d | PartialConvolution
"""a layer of kernels, whose answers are maps"""

NOISE_IMAGES = 8
"""over which the influence of a pixel is averaged"""


def convolutions(model: nn.Module) -> dict[str, Convolution]:
    """The convolutions of a model by their paths, in the order of the code."""
    return {path: module for path, module in model.named_modules() if isinstance(module, Convolution)}


def spread(items: list[str], count: int) -> list[str]:
    """At most `count` of the items, evenly spread, the first and the last among them.

    >>> spread(list("abcdefg"), 3)
    ['a', 'd', 'g']
    """
    if len(items) <= count:
        return items
    return [items[round(place * (len(items) - 1) / (count - 1))] for place in range(count)]


@contextmanager
def outputs_of(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """While the context lasts, the last output of each module that is called, in computing order and in autograd's graph.

    >>> layer = nn.Linear(2, 3)
    >>> with outputs_of({"a layer": layer}) as kept:
    ...     total = layer(torch.ones(1, 2)).sum()
    >>> torch.autograd.grad(total, kept["a layer"])
    (tensor([[1., 1., 1.]]),)
    """
    kept: dict[str, Tensor] = {}

    def keeper(path: str) -> Callable[..., None]:
        def keep(module: nn.Module, arguments: object, output: Tensor) -> None:
            kept[path] = output

        return keep

    hooks = [module.register_forward_hook(keeper(path)) for path, module in modules.items()]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def feature_maps(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What each convolution answers to images (B, C, H, W), before what follows it: path -> (B, maps, h, w), in computing order."""
    with outputs_of(convolutions(model)) as kept:
        model(images)
    return kept


@dataclass(frozen=True)
class ReceptiveField:
    """Which pixels a unit in the middle of a layer's maps can see, and how much each of them moves it.

    influence: (H, W), the mean size of the gradient over images of noise (Luo et al. 2016, arXiv 1701.04128), the largest being 1.
    rows, columns: the extent of the pixels with any influence: the receptive field of theory, where the image does not cut it off.
    """

    influence: Tensor
    rows: int
    columns: int


def receptive_fields(model: nn.Module, shape: tuple[int, int, int], seed: int = 0) -> dict[str, ReceptiveField]:
    """The receptive field of each convolution, for images of a shape (C, H, W): path -> field.

    >>> stack = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3))
    >>> [(field.rows, field.columns) for field in receptive_fields(stack, (1, 9, 9)).values()]
    [(3, 3), (5, 5)]
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(NOISE_IMAGES, *shape, generator=generator).requires_grad_()
    found = {}
    with outputs_of(convolutions(model)) as kept:
        model(noise)
    for path, output in kept.items():
        middle = output[:, :, output.shape[2] // 2, output.shape[3] // 2]
        (gradient,) = torch.autograd.grad(middle.abs().sum(), noise, retain_graph=True)
        influence = gradient.abs().mean((0, 1))  # (H, W)
        found[path] = ReceptiveField(influence / influence.max().clamp(min=1e-30), *_extent(influence))
    return found


def _extent(influence: Tensor) -> tuple[int, int]:
    places = influence.nonzero()
    if not len(places):
        return 0, 0
    rows, columns = (places.amax(0) - places.amin(0) + 1).tolist()
    return rows, columns


@dataclass(frozen=True)
class ClassActivation:
    """heat: (B, H, W), from 0 to 1 for each image, all 0 where nothing speaks for its class.

    layer, shape: the module whose maps were read, by its path, and their number and sides.
    """

    heat: Tensor
    layer: str
    shape: tuple[int, int, int]


def class_activation(model: nn.Module, images: Tensor, classes: Tensor) -> ClassActivation:
    """Grad-CAM: which parts of an image speak for a class.  Selvaraju et al. 2017 (1610.02391), equations 1 and 2.

        alpha_k = mean over the places of d y_c / d A_k        L = ReLU(sum_k alpha_k A_k)

    y_c: the logit of the class.  A: the paper's "last convolutional layer", which is here the outermost module around the last
    convolution that still gives maps of that convolution's sides; a convolution whose maps have one place does not count.
    So where maps branch, or are added up, A holds all of them (an Inception module, residual stages, dense blocks), and where
    convolutions stand alone, or a pool follows within the same module, A is the last convolution's own answer.  A branch that
    shrinks to one place behind its convolution (the bottlenecks of a last stage of 1 x 1, with stride_at = "3x3") is read without
    those beside it.
    images (B, C, H, W), classes (B,).  Raises ValueError for a model without such a convolution.
    """
    layers = convolutions(model)
    around = {path: module for path, module in model.named_modules() if any(_stands_in(layer, path) for layer in layers)}
    with outputs_of(around) as kept:
        logits = model(images)
    wide = [path for path in kept if path in layers and kept[path][0, 0].numel() > 1]
    if not wide:
        raise ValueError("The model has no convolution whose maps have more than one place.")
    sides = kept[wide[-1]].shape[2:]  # a module that gives vectors has none
    layer = min((path for path in kept if _stands_in(wide[-1], path) and kept[path].shape[2:] == sides), key=len)
    maps = kept[layer]
    (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), maps)
    with torch.no_grad():
        alpha = gradient.mean((2, 3), keepdim=True)
        heat = F.relu((alpha * maps).sum(1, keepdim=True))  # (B, 1, h, w)
        heat = F.interpolate(heat, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
        heat = heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-30)
    return ClassActivation(heat, layer, (maps.shape[1], maps.shape[2], maps.shape[3]))


def _stands_in(path: str, outer: str) -> bool:
    """Whether a module is the outer one or a part of it, by their paths."""
    return f"{path}.".startswith(f"{outer}.")
