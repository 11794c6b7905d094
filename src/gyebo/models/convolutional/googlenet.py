"""GoogLeNet: windows of several sizes side by side, made affordable by 1x1 convolutions.  Szegedy et al. 2014, arXiv 1409.4842.

An Inception module concatenates four branches (figure 2b); a ReLU follows every convolution, reductions too:

    1x1  |  1x1 reduction, 3x3  |  1x1 reduction, 5x5  |  max pool 3x3, 1x1 projection

| part | window | maps, side at 224 pixels |
|---|---|---|
| stem | 7x7/2, pool 3x3/2, local response normalisation, 1x1, 3x3, local response normalisation, pool 3x3/2 | 64, 192; 28 |
| 3a, 3b | see `INCEPTIONS`; then pool 3x3/2 | 256, 480; 28 |
| 4a to 4e | then pool 3x3/2 | 512 (4d: 528), 832; 14 |
| 5a, 5b | then average over the whole map, dropout 0.4, output layer | 832, 1024; 7 |

Two auxiliary classifiers read 4a and 4d in training: average pool 5x5/3, 1x1 convolution of 128, 1024 hidden units, dropout 0.7.
What is minimised is the loss of the network plus 0.3 of the loss of each (section 5); in testing they are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.layers.initialization import start_as_he
from gyebo.layers.local_response import LocalResponse
from gyebo.layers.windows import refuse_small_images, smallest_size, windows

PAPER_WIDTH = 64
"""maps of the first convolution; the widths of all other layers are multiples of an eighth of it"""


class Widths(NamedTuple):
    """Maps that the convolutions of a module make: the columns of table 1."""

    one: int
    three_reduction: int
    three: int
    five_reduction: int
    five: int
    projection: int

    def scaled(self, width: int) -> Widths:
        return Widths(*(maps * width // PAPER_WIDTH for maps in self))

    @property
    def total(self) -> int:
        """What the module hands on."""
        return self.one + self.three + self.five + self.projection


INCEPTIONS = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}
AUXILIARIES = ("4a", "4d")
AUXILIARY_WINDOW, AUXILIARY_STRIDE = 5, 3


@dataclass(frozen=True, kw_only=True)
class GoogLeNetConfig:
    num_channels: int
    num_classes: int
    image_size: int
    width: int = 64  # maps of the first convolution; every other layer has the paper's times width / 64
    stem_kernel: int = 7
    stem_stride: int = 2
    dropout: float = 0.4
    auxiliary: bool = True  # whether there are auxiliary classifiers
    auxiliary_dropout: float = 0.7
    auxiliary_weight: float = 0.3  # of the loss of each

    def __post_init__(self) -> None:
        if self.width < 8 or self.width % 8:
            raise ValueError(
                f"width={self.width} does not give every layer a whole number of maps: give a multiple of 8; the paper's is 64"
            )
        if self.stem_kernel % 2 == 0:
            raise ValueError(f"stem_kernel={self.stem_kernel} is even, and no padding keeps the side of its maps; try 3 or 7")
        refuse_small_images(
            self.image_size, self.last_side, "GoogLeNet's pools; for small images give stem_kernel=3 and stem_stride=1"
        )
        if self.auxiliary and self.auxiliary_side(self.image_size) < 1:
            raise ValueError(
                f"image_size={self.image_size} leaves too little for the auxiliary classifiers, whose smallest image is"
                f" {smallest_size(self.auxiliary_side)}: give auxiliary=false, or a larger image"
            )

    def middle_side(self, image_size: int) -> int:
        """The side of the maps of the modules 4a to 4e."""
        side = windows(image_size, self.stem_kernel, self.stem_stride, self.stem_kernel // 2)
        for _ in range(3):
            side = windows(side, 3, 2, ceil=True)
        return side

    def last_side(self, image_size: int) -> int:
        """The side of the maps of the modules 5a and 5b."""
        return windows(self.middle_side(image_size), 3, 2, ceil=True)

    def auxiliary_side(self, image_size: int) -> int:
        """The side of what an auxiliary classifier's pool leaves."""
        return windows(self.middle_side(image_size), AUXILIARY_WINDOW, AUXILIARY_STRIDE)


class ConvolutionReLU(nn.Module):
    """relu(W * x + b), padded so that a stride of 1 keeps the side of the maps."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.conv(maps))


Convolve: TypeAlias = Callable[..., nn.Module]
"""(channels, width, kernel, stride=1) -> a convolution and what follows it"""


class Inception(nn.Module):
    """Figure 2b: (B, channels, H, W) -> (B, widths.total, H, W).  large: the window of the third branch."""

    def __init__(self, channels: int, widths: Widths, convolve: Convolve, large: int) -> None:
        super().__init__()
        self.one = convolve(channels, widths.one, 1)
        self.three = nn.Sequential(convolve(channels, widths.three_reduction, 1), convolve(widths.three_reduction, widths.three, 3))
        self.five = nn.Sequential(convolve(channels, widths.five_reduction, 1), convolve(widths.five_reduction, widths.five, large))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), convolve(channels, widths.projection, 1))

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([self.one(maps), self.three(maps), self.five(maps), self.pooled(maps)], 1)


class AuxiliaryClassifier(nn.Module):
    """A small classifier of the maps half-way: (B, channels, H, W) -> logits (B, classes).  Section 5."""

    def __init__(self, channels: int, pool: nn.Module, side: int, config: GoogLeNetConfig, convolve: Convolve) -> None:
        super().__init__()
        width, hidden = 2 * config.width, 16 * config.width  # 128 and 1024 in the paper
        self.pool = pool
        self.conv = convolve(channels, width, 1)
        self.hidden = nn.Linear(width * side**2, hidden)
        self.dropout = Dropout(config.auxiliary_dropout)
        self.output = nn.Linear(hidden, config.num_classes)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.conv(self.pool(maps))  # (B, 128, 4, 4) from (B, 512, 14, 14)
        return self.output(self.dropout(F.relu(self.hidden(maps.flatten(1)))))


class GoogLeNet(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier` with an `OwnLoss`.

    What a variant exchanges: convolve, the convolutions; large, the window of the modules' third branch; normalize, what stands twice
    in the stem; last_pool, the window before 5a; auxiliary_pool, what the auxiliary classifiers begin with.
    """

    def __init__(
        self,
        config: GoogLeNetConfig,
        convolve: Convolve = ConvolutionReLU,
        *,
        large: int = 5,
        normalize: Callable[[], nn.Module] = LocalResponse,
        last_pool: int = 3,
        auxiliary_pool: Callable[[], nn.Module] = lambda: nn.AvgPool2d(AUXILIARY_WINDOW, AUXILIARY_STRIDE),
    ) -> None:
        super().__init__()
        width = config.width
        self.auxiliary_weight = config.auxiliary_weight
        self.stem = nn.Sequential(
            convolve(config.num_channels, width, config.stem_kernel, config.stem_stride),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            normalize(),
            convolve(width, width, 1),
            convolve(width, 3 * width, 3),
            normalize(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.pools = nn.ModuleDict(
            {"4a": nn.MaxPool2d(3, 2, ceil_mode=True), "5a": nn.MaxPool2d(last_pool, 2, ceil_mode=True)}
        )  # by the module that reads them
        self.inceptions, self.auxiliaries = nn.ModuleDict(), nn.ModuleDict()
        channels = 3 * width
        for name, paper in INCEPTIONS.items():
            widths = paper.scaled(width)
            self.inceptions[name] = Inception(channels, widths, convolve, large)
            channels = widths.total
            if config.auxiliary and name in AUXILIARIES:
                side = config.auxiliary_side(config.image_size)
                self.auxiliaries[name] = AuxiliaryClassifier(channels, auxiliary_pool(), side, config, convolve)
        self.dropout = Dropout(config.dropout)
        self.output = nn.Linear(channels, config.num_classes)
        start_as_he(self)

    def maps(self, images: Tensor) -> Mapping[str, Tensor]:
        """What each Inception module hands on."""
        maps = self.stem(images)  # (B, 192, 28, 28) from (B, 3, 224, 224)
        made = {}
        for name, inception in self.inceptions.items():
            maps = inception(self.pools[name](maps) if name in self.pools else maps)
            made[name] = maps  # (B, 480, 28, 28) at 3b, (B, 832, 14, 14) at 4e, (B, 1024, 7, 7) at 5b
        return made

    def pooled(self, maps: Tensor) -> Tensor:
        return self.dropout(maps.mean((2, 3)))  # (B, 1024)

    def features(self, images: Tensor) -> Tensor:
        return self.pooled(self.maps(images)["5b"])

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))

    def training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of the network and `auxiliary_weight` of that of each auxiliary classifier, summed over the images."""
        made = self.maps(images)
        loss = F.cross_entropy(self.logits(self.pooled(made["5b"])), labels, reduction="sum")
        for name, classifier in self.auxiliaries.items():
            loss = loss + self.auxiliary_weight * F.cross_entropy(classifier(made[name]), labels, reduction="sum")
        return loss


ARCHITECTURE = Architecture(
    name="googlenet",
    title="GoogLeNet: Inception modules and auxiliary classifiers",
    year=2014,
    paper="Szegedy et al.: Going Deeper with Convolutions",
    link="https://arxiv.org/abs/1409.4842",
    task="classify",
    parents={"alexnet": "sixty million weights, most of them in fully connected layers, and one size of window in each layer"},
    differences=(
        "Weights start as He et al. 2015 start them, N(0, 2 / fan_in), without biases: the paper does not say how its weights start.",
        "The last maps are averaged over their whole side, which is the paper's 7x7 at 224 pixels: other sizes can be read too.",
        "Local response normalisation has the constants of Krizhevsky et al. 2012: the paper names none.",
        "Pools of the main path may reach beyond the border (ceil mode), as the paper's sides of 56, 28, 14 and 7 ask.",
        "The first convolution's window and stride and the width of the network are options: images of 32 pixels are gone before 5a with"
        " the paper's stem, and learn better with a smaller one.",
    ),
    sizes={
        "paper": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "auxiliary": False},
            weights=6_990_272,
            parameters=6_998_552,
            multiply_adds=1_582_671_872,
            source="sum over the layers of table 1, with biases; the table rounds to thousands of 1024 and leaves biases out",
        ),
        "paper-auxiliary": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=13_365_696,
            parameters=13_378_280,
            multiply_adds=1_582_671_872,
            source="the same and section 5; the paper prints no count",
        ),
    },
    config=GoogLeNetConfig,
    model=GoogLeNet,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 40, "width": 16, "stem_kernel": 3, "stem_stride": 1},
)
