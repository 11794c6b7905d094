"""The multilayer perceptron: layers of units between input and output learn what to look for.

Rumelhart, Hinton, Williams 1986, "Learning representations by back-propagating errors", Nature 323.

    x_j = sum_i y_i w_ji      the total input of unit j, its bias included          eq. 1
    y_j = f(x_j)              f(x) = 1 / (1 + e^-x), or any with a bounded derivative    eq. 2

The hidden layers make patterns separable that no line separates, XOR first of all. Without f between them, all layers are one
affine map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.activations import ACTIVATIONS
from gyebo.layers.dropout import Dropout
from gyebo.layers.initialization import kaiming_normal, normal, xavier_normal


@dataclass(frozen=True, kw_only=True)
class MLPConfig:
    num_channels: int
    num_classes: int
    image_size: int
    widths: tuple[int, ...] = (100,)  # of the hidden layers
    activation: Literal["linear", "sigmoid", "tanh", "relu", "gelu", "gelu-tanh"] = "sigmoid"
    initialization: Literal["normal", "xavier", "he"] = "xavier"
    dropout: float = 0.0  # behind each hidden layer

    def __post_init__(self) -> None:
        if min(self.widths, default=1) < 1:
            raise ValueError(f"widths={list(self.widths)} has a layer without units; give each at least 1, or leave it out.")


INITIALIZATIONS: Mapping[str, Callable[[tuple[int, ...]], Tensor]] = {
    "normal": lambda shape: normal(shape, generator=torch.default_generator),
    "xavier": lambda shape: xavier_normal(shape, generator=torch.default_generator),
    "he": lambda shape: kaiming_normal(shape, generator=torch.default_generator),
}


class MLP(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier`."""

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        widths = (config.num_channels * config.image_size**2, *config.widths)
        self.hidden = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in pairwise(widths))
        self.output = nn.Linear(widths[-1], config.num_classes)
        self.activation = ACTIVATIONS[config.activation].kernel
        self.dropout = Dropout(config.dropout)
        draw = INITIALIZATIONS[config.initialization]
        for layer in (*self.hidden, self.output):
            assert isinstance(layer, nn.Linear)
            layer.weight = nn.Parameter(draw(tuple(layer.weight.shape)))
            nn.init.zeros_(layer.bias)

    def features(self, images: Tensor) -> Tensor:
        states = images.flatten(1)  # (B, C H W)
        for layer in self.hidden:
            states = self.dropout(self.activation(layer(states)))  # (B, width)
        return states

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)  # (B, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


ARCHITECTURE = Architecture(
    name="mlp",
    title="Multilayer perceptron",
    year=1986,
    paper="Rumelhart, Hinton, Williams: Learning Representations by Back-Propagating Errors",
    link="https://doi.org/10.1038/323533a0",
    task="classify",
    parents={"perceptron": "a single layer separates by straight lines only: it cannot learn XOR"},
    differences=(
        "The output is a softmax with cross-entropy: the paper has logistic outputs and half the squared error, whose gradient dies"
        " where an answer is confidently wrong.",
        "Weights start as Glorot and Bengio 2010 draw them, by default: the paper says only 'small random weights', which through several"
        " layers die out. `initialization` takes N(0, 0.01^2) and He's too.",
        "Other activations than the logistic one are an option; eq. 2 needs only 'a bounded derivative'.",
        "Dropout (Srivastava et al. 2014) is an option, and off by default.",
    ),
    sizes={
        "784-50-10": Size(
            config={"num_channels": 1, "num_classes": 10, "image_size": 28, "widths": [50]},
            weights=39_700,
            parameters=39_760,
            multiply_adds=39_700,
            source="Saito 2016, Deep Learning from Scratch, chapter 4, for 28 x 28 digits; the paper of 1986 has nets of other tasks",
        ),
        "784-300-10": Size(
            config={"num_channels": 1, "num_classes": 10, "image_size": 28, "widths": [300]},
            weights=238_200,
            parameters=238_510,
            multiply_adds=238_200,
            source="LeCun et al. 1998, section III-C.3, compare it with LeNet-5; its 784 x 300 + 300 + 300 x 10 + 10 numbers",
        ),
    },
    config=MLPConfig,
    model=MLP,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 4, "widths": [7, 6]},
)
