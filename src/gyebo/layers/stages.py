"""Networks in stages: a stem, stages of blocks that each halve the maps and widen them, the mean of each map, and one linear layer.

The plain networks, ResNets and DenseNets are all made so; they differ in their blocks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor, nn

from gyebo.layers.windows import windows

__all__ = ["Block", "StagedClassifier", "check_stages", "halved", "image_stem", "small_stem", "stages", "stem_side"]

Block: TypeAlias = Callable[[int, int, int], nn.Module]
"""(channels that come, channels that leave, stride) -> a block"""


def image_stem(channels: int, width: int, kernel: int, stride: int) -> nn.Sequential:
    """For photographs, as in GoogLeNet: a large window, then a pool of 3x3/2.  (B, C, 224, 224) -> (B, width, 56, 56)."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False),
            norm=nn.BatchNorm2d(width),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(3, 2, 1),
        )
    )


def stem_side(image_size: int, kernel: int, stride: int) -> int:
    """The side of the maps that leave `image_stem`.

    >>> stem_side(224, kernel=7, stride=2)
    56
    """
    return windows(windows(image_size, kernel, stride, kernel // 2), 3, 2, 1)


def small_stem(channels: int, width: int) -> nn.Sequential:
    """For images of 32x32: one convolution 3x3, whose maps have the image's size."""
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(channels, width, 3, padding=1, bias=False), norm=nn.BatchNorm2d(width), relu=nn.ReLU()),
    )


def stages(channels: int, widths: Sequence[int], depths: Sequence[int], block: Block) -> nn.Sequential:
    """As many blocks as `depths` says in a stage; the first block of each but the first stage halves the side of the maps.

    channels: of the maps that come; widths: of those that leave each stage.
    """
    network = nn.Sequential()
    for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        stage = nn.Sequential()
        for position in range(depth):
            stride = 2 if number > 0 and position == 0 else 1
            stage.append(block(channels, width, stride))
            channels = width
        network.append(stage)
    return network


def halved(side: int, times: int) -> int:
    """The side of maps after so many convolutions 3x3/2 with a border of 1, or 1x1/2 without: halves, rounded up.

    >>> halved(56, 3), halved(7, 2)
    (7, 2)
    """
    for _ in range(times):
        side = windows(side, 3, 2, 1)
    return side


def check_stages(widths: Sequence[int], depths: Sequence[int]) -> None:
    """Raise ValueError for numbers that describe no stages."""
    if len(widths) != len(depths) or not widths or min(*widths, *depths) < 1:
        raise ValueError(
            f"widths={tuple(widths)} and depths={tuple(depths)} came, but a width and a number of blocks is expected for each stage, each"
            " 1 or more: give as many of one as of the other"
        )


class StagedClassifier(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier`.

    width: of the maps that leave the last stage.
    """

    def __init__(self, stem: nn.Module, stages: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.stem, self.stages = stem, stages
        self.output = nn.Linear(width, num_classes)

    def features(self, images: Tensor) -> Tensor:
        maps = self.stages(self.stem(images))  # (B, width, H', W') from (B, C, H, W)
        return maps.mean((2, 3))  # (B, width)

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))
