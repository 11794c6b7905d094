"""LeNet-5 as it is usually taught: the shape of LeCun et al. 1998 with the parts of later networks.

| layer | maps | side | trainable | in `lenet5` |
|---|---|---|---|---|
| C1 | 6 | 28 | 156 | the same |
| S2 | 6 | 14 | | a trainable average |
| C3 | 16 | 10 | 2,416 | each map sees some of the maps below |
| S4 | 16 | 5 | | a trainable average |
| C5 | 120 | 1 | 48,120 | the same |
| F6 | 84 | | 10,164 | the same |
| output | 10 | | 850 | the distance to a fixed code |

ReLU stands where A tanh(S a) stood, the maximum where the average stood; softmax with cross-entropy is the loss.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.genealogy import Architecture, Size
from gyebo.layers.convolution import Frame, sizes_through
from gyebo.layers.initialization import start_as_he
from gyebo.models.convolutional.lenet5 import FRAMED, WINDOWS, check_size


@dataclass(frozen=True, kw_only=True)
class LeNet5ModernConfig:
    num_channels: int
    num_classes: int
    image_size: int
    background: float = 0.0  # of the edge


class LeNet5Modern(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier`."""

    def __init__(self, config: LeNet5ModernConfig) -> None:
        super().__init__()
        check_size(config.image_size)
        self.frame = Frame(config.image_size, FRAMED, config.background)
        *_, side = sizes_through(WINDOWS, self.frame.framed_size)
        self.c1 = nn.Conv2d(config.num_channels, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Conv2d(16, 120, side)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, config.num_classes)
        start_as_he(self)

    def features(self, images: Tensor) -> Tensor:
        maps = self.frame(images)  # (B, C, 32, 32)
        maps = F.max_pool2d(F.relu(self.c1(maps)), 2)  # (B, 6, 14, 14)
        maps = F.max_pool2d(F.relu(self.c3(maps)), 2)  # (B, 16, 5, 5)
        maps = F.relu(self.c5(maps))  # (B, 120, 1, 1)
        return F.relu(self.f6(maps.flatten(1)))  # (B, 84)

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)  # (B, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


ARCHITECTURE = Architecture(
    name="lenet5-modern",
    title="LeNet-5 with ReLU, max pooling and softmax",
    year=1998,
    paper="LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition",
    link="https://doi.org/10.1109/5.726791",
    task="classify",
    variant_of="lenet5",
    parents={},
    differences=(
        "ReLU (Nair and Hinton 2010) instead of the scaled hyperbolic tangent, and no squashing behind the pooling.",
        "The maximum of each 2 x 2 instead of a trainable average.",
        "Every C3 map sees all S2 maps: the partial table was to keep connections few and to break symmetry, which random weights do.",
        "A trainable output with softmax and cross-entropy instead of distances to fixed codes and eq. 9.",
        "Weights start as He et al. 2015 draw them, as ReLU needs it.",
    ),
    sizes={
        "usual": Size(
            config={"num_channels": 1, "num_classes": 10, "image_size": 32},
            weights=61_470,
            parameters=61_706,
            multiply_adds=416_520,
            source="156 + 2,416 + 48,120 + 10,164 + 850, the count of the usual LeNet-5; the paper's own network is `lenet5`",
        ),
    },
    config=LeNet5ModernConfig,
    model=LeNet5Modern,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 28},
)
