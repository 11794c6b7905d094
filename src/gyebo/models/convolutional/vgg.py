"""VGG: windows of 3x3 alone, and more and more of them.  Simonyan, Zisserman 2014, arXiv 1409.1556.

Two windows of 3x3 see what one of 5x5 sees, three what one of 7x7 sees, with fewer weights and more ReLUs (section 2.3).  Each of
five blocks is a stack of convolutions that keep the side of their maps, a ReLU after each, and a pool 2x2/2 (table 1):

| configuration | convolutions in the blocks | weight layers | what is special |
|---|---|---|---|
| A | 1 1 2 2 2 | 11 | |
| A-LRN | 1 1 2 2 2 | 11 | local response normalisation after the first convolution |
| B | 2 2 2 2 2 | 13 | |
| C | 2 2 3 3 3 | 16 | the third convolution of a block is 1x1 |
| D | 2 2 3 3 3 | 16 | |
| E | 2 2 4 4 4 | 19 | |

Widths 64, 128, 256, 512, 512; then two fully connected layers of 4096 with ReLU and dropout 0.5, and the output layer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import relu

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.layers.initialization import start_as_he
from gyebo.layers.local_response import LocalResponse
from gyebo.layers.windows import refuse_small_images, windows

THIRD = 3
"""the convolution of a block that is 1x1 in configuration C"""
LARGE_IMAGE = 200
"""pixels of a side, from which on the gradients of the weights of so many maps are computed faster with channels first, on a CPU"""


@dataclass(frozen=True, kw_only=True)
class VGGConfig:
    num_channels: int
    num_classes: int
    image_size: int
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)  # of the blocks
    depths: tuple[int, ...] = (2, 2, 3, 3, 3)  # convolutions in each block: those of configuration D
    third_kernel: int = 3  # 1 in configuration C
    local_response: bool = False  # True in configuration A-LRN
    pooled_side: int = 7  # of the maps that the fully connected layers read
    hidden_width: int = 4096
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.depths) or not self.widths or min(self.depths) < 1:
            raise ValueError(
                f"widths={self.widths} and depths={self.depths} do not describe the same blocks: give one number of each"
            )
        if self.third_kernel % 2 == 0:
            raise ValueError(f"third_kernel={self.third_kernel} is even, and no padding keeps the side of its maps; try 1 or 3")
        refuse_small_images(
            self.image_size, self.last_side, f"the {len(self.widths)} pools of VGG; fewer widths and depths have fewer"
        )

    def last_side(self, image_size: int) -> int:
        """The side of the maps after the last block."""
        for _ in self.widths:
            image_size = windows(image_size, 2, 2)
        return image_size


def convolution_block(channels: int, width: int, depth: int, third_kernel: int, normalize: nn.Module) -> nn.Sequential:
    """A column of table 1 between two pools, and the second of them: (B, channels, H, W) -> (B, width, H/2, W/2).

    normalize: what stands behind the first ReLU.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number in range(1, depth + 1):
        kernel = third_kernel if number == THIRD else 3
        parts[f"conv{number}"] = nn.Conv2d(channels if number == 1 else width, width, kernel, padding=kernel // 2)
        parts[f"relu{number}"] = nn.ReLU()
        if number == 1:
            parts["normalize"] = normalize
    parts["pool"] = nn.MaxPool2d(2)
    return nn.Sequential(parts)


class VGG(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier`."""

    def __init__(self, config: VGGConfig) -> None:
        super().__init__()
        self.blocks = nn.Sequential()
        channels = config.num_channels
        for number, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            normalize = LocalResponse() if config.local_response and number == 0 else nn.Identity()
            self.blocks.append(convolution_block(channels, width, depth, config.third_kernel, normalize))
            channels = width
        self.average = nn.AdaptiveAvgPool2d(config.pooled_side)
        self.full1 = nn.Linear(channels * config.pooled_side**2, config.hidden_width)
        self.full2 = nn.Linear(config.hidden_width, config.hidden_width)
        self.output = nn.Linear(config.hidden_width, config.num_classes)
        self.dropout = Dropout(config.dropout)
        self.channels_first = config.image_size >= LARGE_IMAGE
        start_as_he(self)

    def features(self, images: Tensor) -> Tensor:
        if self.channels_first:
            images = images.contiguous()
        maps = self.average(self.blocks(images))  # (B, 512, 7, 7) from (B, 3, 224, 224)
        hidden = self.dropout(relu(self.full1(maps.flatten(1))))  # (B, 4096)
        return self.dropout(relu(self.full2(hidden)))

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


ARCHITECTURE = Architecture(
    name="vgg",
    title="VGG: very deep networks of 3x3 convolutions",
    year=2014,
    paper="Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition",
    link="https://arxiv.org/abs/1409.1556",
    task="classify",
    parents={"alexnet": "large windows spend many weights on few layers: stacks of 3x3 see as far and go deeper"},
    differences=(
        "Weights start as He et al. 2015 start them, N(0, 2 / fan_in), without biases: the paper starts configuration A from N(0, 0.1^2),"
        " trains it, and copies its layers into the deeper ones, which do not learn otherwise.",
        "The last maps are averaged to pooled_side x pooled_side before the fully connected layers, as in torchvision: at 224 pixels they"
        " have 7x7 already, and other sizes can be read too.",
        "Testing is one pass over one image, not the fully connected layers slid over a larger one and averaged (section 3.2).",
    ),
    sizes={
        "A": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (1, 1, 2, 2, 2)},
            weights=132_851_392,
            parameters=132_863_336,
            multiply_adds=7_609_090_048,
            source="table 2: 133 million",
        ),
        "A-LRN": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (1, 1, 2, 2, 2), "local_response": True},
            weights=132_851_392,
            parameters=132_863_336,
            multiply_adds=7_609_090_048,
            source="table 2: 133 million; local response normalisation has no parameters",
        ),
        "B": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (2, 2, 2, 2, 2)},
            weights=133_035_712,
            parameters=133_047_848,
            multiply_adds=11_308_466_176,
            source="table 2: 133 million",
        ),
        "C": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "third_kernel": 1},
            weights=133_625_536,
            parameters=133_638_952,
            multiply_adds=11_770_888_192,
            source="table 2: 134 million",
        ),
        "D": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=138_344_128,
            parameters=138_357_544,
            multiply_adds=15_470_264_320,
            source="table 2: 138 million; torchvision's vgg16",
        ),
        "E": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (2, 2, 4, 4, 4)},
            weights=143_652_544,
            parameters=143_667_240,
            multiply_adds=19_632_062_464,
            source="table 2: 144 million; torchvision's vgg19",
        ),
    },
    config=VGGConfig,
    model=VGG,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 15,
        "widths": (6, 7, 9),
        "depths": (2, 1, 3),
        "pooled_side": 1,
        "hidden_width": 14,
    },
)
