"""U-Net: a class for every pixel, from few annotated images.  Ronneberger, Fischer, Brox 2015, arXiv 1505.04597, figure 1.

The contracting path tells what is there and loses where; the expanding path gets back where from the skips:

    level k down    two 3x3 convolutions, each with ReLU; then 2x2 max pooling, and twice as many channels
    level k up      2x2 up-convolution to half as many channels; the features of the way down are cut to its size and put in front
                    of it; two 3x3 convolutions, each with ReLU
    at the end      a 1x1 convolution to the classes

No convolution is padded, so each takes a pixel from every side: the logits are those of the middle of the image, and each of them
has seen nothing but real pixels.

| level | channels | way down, before pooling | way up |
|---|---|---|---|
| 1 | 64 | 572 -> 570 -> 568 | 392 -> 390 -> 388 |
| 2 | 128 | 284 -> 282 -> 280 | 200 -> 198 -> 196 |
| 3 | 256 | 140 -> 138 -> 136 | 104 -> 102 -> 100 |
| 4 | 512 | 68 -> 66 -> 64 | 56 -> 54 -> 52 |
| 5 | 1024 | 32 -> 30 -> 28 | |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    num_channels: int
    num_classes: int
    width: int = 64  # channels of the first level; each level below has twice as many
    num_levels: int = 5  # resolutions: one more than there are poolings
    dropout: float = 0.5  # behind the two lowest levels of the contracting path

    def __post_init__(self) -> None:
        for name in ("num_channels", "num_classes", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} makes no network; it must be at least 1.")
        if not 2 <= self.num_levels <= 10:
            raise ValueError(f"num_levels={self.num_levels} makes no U: from 2 to 10 levels were expected, and 5 are the paper's.")


def even_size(side: int, num_levels: int, lost: int) -> int | None:
    """How many pixels a side has in the output; None where pooling meets an odd side on the way, or nothing is left.

    lost: pixels that the two convolutions of a level take from a side. With b pixels at the end of the lowest level, the input has
    2^(L-1) b + (2^L - 1) lost, and the output 2^(L-1) b - (2^(L-1) - 1) lost.

    >>> even_size(572, num_levels=5, lost=4), even_size(573, num_levels=5, lost=4)
    (388, None)
    """
    halvings = 2 ** (num_levels - 1)
    lowest, odd = divmod(side - (2 * halvings - 1) * lost, halvings)
    size = halvings * lowest - (halvings - 1) * lost
    return size if not odd and lowest > 0 and size > 0 else None


def nearest_even_sizes(side: int, num_levels: int, lost: int) -> list[int]:
    """The sides next to this one that `even_size` takes: one below, where there is one, and one above.

    >>> nearest_even_sizes(573, num_levels=5, lost=4), nearest_even_sizes(20, num_levels=5, lost=4)
    ([572, 588], [188])
    """
    period = 2 ** (num_levels - 1)
    smallest = next(each for each in range(1, 4 * period * (lost + 1)) if even_size(each, num_levels, lost))
    below = smallest + (side - smallest) // period * period
    return [each for each in (below, below + period) if each >= smallest] or [smallest]


class ValidConvolutions(nn.Sequential):
    """Two 3x3 convolutions without padding, each with ReLU: (B, C, H, W) -> (B, width, H - 4, W - 4)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(nn.Conv2d(channels, width, 3), nn.ReLU(), nn.Conv2d(width, width, 3), nn.ReLU())


class CropAndConcatenate(nn.Module):
    """The skip: the middle of what the contracting path had, in front of what comes from below."""

    def forward(self, upsampled: Tensor, contracting: Tensor) -> Tensor:
        """(B, C, H, W) and (B, C, H + 2h, W + 2w) -> (B, 2C, H, W)."""
        height, width = upsampled.shape[-2:]
        top, left = (contracting.shape[-2] - height) // 2, (contracting.shape[-1] - width) // 2
        return torch.cat([contracting[..., top : top + height, left : left + width], upsampled], 1)


class UNet(nn.Module):
    """The network; a `gyebo.models.interfaces.ImageSegmenter`.

    convolutions: (channels, width) -> the two convolutions of a level; lost: pixels that they take from a side, both ends together.
    skip: a module that joins what comes from below with what the contracting path had, to twice the channels.
    """

    def __init__(
        self,
        config: UNetConfig,
        convolutions: Callable[[int, int], nn.Module] = ValidConvolutions,
        lost: int = 4,
        skip: Callable[[], nn.Module] = CropAndConcatenate,
    ) -> None:
        super().__init__()
        self.config, self.lost = config, lost
        widths = [config.width * 2**level for level in range(config.num_levels)]
        self.contracting = nn.ModuleList(
            convolutions(above, width) for above, width in zip([config.num_channels, *widths], widths, strict=False)
        )
        self.dropout = Dropout(config.dropout)
        self.up_convolutions = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in widths[:-1])
        self.skip = skip()
        self.expanding = nn.ModuleList(convolutions(2 * width, width) for width in widths[:-1])
        self.output = nn.Conv2d(config.width, config.num_classes, 1)
        self.apply(_start)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return self._output_side(height, "high"), self._output_side(width, "wide")

    def _output_side(self, side: int, direction: str) -> int:
        size = even_size(side, self.config.num_levels, self.lost)
        if size is None:
            nearest = " and ".join(map(str, nearest_even_sizes(side, self.config.num_levels, self.lost)))
            raise ValueError(
                f"An image {side} pixels {direction} cannot be halved evenly {self.config.num_levels - 1} times with"
                f" {self.lost} pixels lost at every level. The nearest that can: {nearest}."
            )
        return size

    def features(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> what the 1x1 convolution reads, (B, width, *output_size(H, W))."""
        self.output_size(*images.shape[-2:])
        before_pooling: list[Tensor] = []
        features, lowest = images, self.config.num_levels - 1
        for level, convolutions in enumerate(self.contracting):
            features = convolutions(nn.functional.max_pool2d(features, 2) if level else features)
            if level >= lowest - 1:
                features = self.dropout(features)
            before_pooling.append(features)
        for level in reversed(range(lowest)):
            upsampled = self.up_convolutions[level](features)  # (B, width, 2H, 2W), and half the channels
            features = self.expanding[level](self.skip(upsampled, before_pooling[level]))
        return features

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


def _start(module: nn.Module) -> None:
    """N(0, sqrt(2/N)), N the numbers that a neuron sums; biases 0.  Section 3, after He et al. 2015."""
    if isinstance(module, nn.ConvTranspose2d):
        summed = module.in_channels  # 2x2 with stride 2: every output pixel lies under one place of the window
    elif isinstance(module, nn.Conv2d):
        summed = module.in_channels * math.prod(module.kernel_size)
    else:
        return
    nn.init.normal_(module.weight, std=math.sqrt(2 / summed))
    if module.bias is not None:
        nn.init.zeros_(module.bias)


ARCHITECTURE = Architecture(
    name="unet",
    title="U-Net: segmentation with a contracting and an expanding path",
    year=2015,
    paper="Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation",
    link="https://arxiv.org/abs/1505.04597",
    task="segment",
    parents={"vgg": "pooling gives up where things are; the skips carry it to every pixel"},
    differences=(
        "Dropout is one half, behind the fourth and the fifth level: the paper says 'at the end of the contracting path' and no rate;"
        " place and rate are those of the network that its authors released.",
        "No ReLU behind an up-convolution, and the last one halves its channels like the others: as in figure 1; the released network"
        " has such ReLUs and keeps 128 channels.",
        "num_classes may be 1: one logit for a sigmoid, where two classes are enough; the paper has a softmax over two.",
        "Trained by Adam on batches of random crops instead of momentum 0.99 on one large tile: the same optimum, sooner on a small"
        " machine.",
    ),
    sizes={
        "paper": Size(
            config={"num_channels": 1, "num_classes": 2},
            weights=31_023_808,
            parameters=31_030_658,
            multiply_adds=150_428_424_448,
            image_size=572,
            source="figure 1; the paper prints no count, this is the sum over its 23 convolutional layers, with biases",
        ),
        "colour": Size(
            config={"num_channels": 3, "num_classes": 2},
            weights=31_024_960,
            parameters=31_031_810,
            multiply_adds=150_802_709_248,
            image_size=572,
            source="figure 1 with an input of three channels",
        ),
    },
    config=UNetConfig,
    model=UNet,
    tiny={"num_channels": 2, "num_classes": 3, "width": 12, "num_levels": 2},
)
