"""AlexNet: a convolutional network at the scale of ImageNet, in two towers.  Krizhevsky, Sutskever, Hinton 2012, NeurIPS 25.

Two GPUs hold half of the maps each, and exchange them only before the third layer and the fully connected ones:

| layer | maps | window | reads | then | side of the maps |
|---|---|---|---|---|---|
| conv1 | 96 | 11x11, stride 4 | the image | ReLU, local response normalisation, pool 3x3/2 | 55, 27 |
| conv2 | 256 | 5x5 | its own tower | ReLU, local response normalisation, pool 3x3/2 | 27, 13 |
| conv3 | 384 | 3x3 | both towers | ReLU | 13 |
| conv4 | 384 | 3x3 | its own tower | ReLU | 13 |
| conv5 | 256 | 3x3 | its own tower | ReLU, pool 3x3/2 | 13, 6 |
| full6, full7 | 4096 | | both towers | ReLU, dropout 0.5 | |
| output | 1000 | | both | softmax | |

Pools overlap: windows of 3 every 2 (section 3.4).  A layer that reads its own tower alone is a convolution in two groups.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import relu

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.layers.local_response import LocalResponse
from gyebo.layers.windows import refuse_small_images, windows

TOWERS = 2


@dataclass(frozen=True, kw_only=True)
class AlexNetConfig:
    num_channels: int
    num_classes: int
    image_size: int
    widths: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)  # maps of conv1 to conv5, both towers together
    hidden_width: int = 4096
    stem_kernel: int = 11
    stem_stride: int = 4
    stem_padding: int = 2
    dropout: float = 0.5
    weight_std: float = 0.01  # the paper's, for its widths: in a narrower network signals die out with it

    def __post_init__(self) -> None:
        if any(width < TOWERS or width % TOWERS for width in self.widths):
            raise ValueError(f"widths={self.widths} do not split into {TOWERS} towers: give five even numbers")
        side_behind_pools(self.image_size, self.stem_kernel, self.stem_stride, self.stem_padding)  # refuses too small images


def side_behind_pools(image_size: int, kernel: int, stride: int, padding: int) -> int:
    """The side of the maps behind the first convolution, which is of this kind, and three pools.

    Raises ValueError where nothing is left of an image.

    >>> side_behind_pools(224, 11, 4, 2)
    6
    """

    def side_of(image_size: int) -> int:
        side = windows(image_size, kernel, stride, padding)
        for _ in range(3):
            side = windows(side, 3, 2)
        return side

    refuse_small_images(image_size, side_of, "AlexNet's pools; for small images give stem_kernel=3 and stem_stride=1")
    return side_of(image_size)


class AlexNet(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier`."""

    def __init__(self, config: AlexNetConfig) -> None:
        super().__init__()
        first, second, third, fourth, fifth = config.widths
        self.conv1 = nn.Conv2d(config.num_channels, first, config.stem_kernel, config.stem_stride, config.stem_padding)
        self.conv2 = nn.Conv2d(first, second, 5, padding=2, groups=TOWERS)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.conv4 = nn.Conv2d(third, fourth, 3, padding=1, groups=TOWERS)
        self.conv5 = nn.Conv2d(fourth, fifth, 3, padding=1, groups=TOWERS)
        side = side_behind_pools(config.image_size, config.stem_kernel, config.stem_stride, config.stem_padding)
        self.full6 = nn.Linear(fifth * side**2, config.hidden_width)
        self.full7 = nn.Linear(config.hidden_width, config.hidden_width)
        self.output = nn.Linear(config.hidden_width, config.num_classes)
        self.normalize = LocalResponse()
        self.pool = nn.MaxPool2d(3, 2)
        self.dropout = Dropout(config.dropout)
        self._start(config.weight_std)

    def _start(self, std: float) -> None:
        """N(0, std^2), and biases of 1 where they give the ReLUs positive inputs from the beginning.  Section 5."""
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5, self.full6, self.full7, self.output):
            nn.init.normal_(layer.weight, std=std)
            assert layer.bias is not None
            nn.init.constant_(layer.bias, 0.0 if layer in (self.conv1, self.conv3, self.output) else 1.0)

    def features(self, images: Tensor) -> Tensor:
        maps = self.pool(self.normalize(relu(self.conv1(images))))  # (B, 96, 27, 27) from (B, 3, 224, 224)
        maps = self.pool(self.normalize(relu(self.conv2(maps))))  # (B, 256, 13, 13)
        maps = relu(self.conv4(relu(self.conv3(maps))))  # (B, 384, 13, 13)
        maps = self.pool(relu(self.conv5(maps)))  # (B, 256, 6, 6)
        hidden = self.dropout(relu(self.full6(maps.flatten(1))))  # (B, 4096)
        return self.dropout(relu(self.full7(hidden)))

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


ARCHITECTURE = Architecture(
    name="alexnet",
    title="AlexNet: a deep convolutional network in two towers",
    year=2012,
    paper="Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks",
    link="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    task="classify",
    parents={"lenet5": "units that saturate learn slowly, and too few of them for photographs of a thousand kinds of things"},
    differences=(
        "Both towers are computed on one device: a layer that reads its own tower alone is a convolution in two groups, which is the same.",
        "The first layer pads by 2: the paper's 224 pixels give its 55x55 maps only so. With 227 pixels all later maps have the same size.",
        "Local response normalisation runs over all maps of a layer, as the paper's formula says, across the border of the towers too.",
        "Dropout divides what stays in training by 0.5, where the paper halves all outputs in testing: the same network.",
        "The first convolution's window, stride and padding and the deviation of the first weights are options: images of 32 pixels do not"
        " pass three pools after a stride of 4, and in narrower layers N(0, 0.01^2) lets signals die out.",
    ),
    sizes={
        "paper": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=60_954_656,
            parameters=60_965_224,
            multiply_adds=724_406_816,
            source="'60 million parameters' (abstract); the paper prints no exact count, this is the sum over the layers of section 3.5",
        ),
        "227 pixels": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 227},
            weights=60_954_656,
            parameters=60_965_224,
            multiply_adds=728_274_944,
            source="the same: 56x56 maps of the first layer, and 27x27 after its pool, as with 224 pixels",
        ),
    },
    config=AlexNetConfig,
    model=AlexNet,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 31,
        "widths": (6, 8, 10, 4, 12),
        "hidden_width": 14,
        "stem_kernel": 3,
        "stem_stride": 1,
        "stem_padding": 1,
        "weight_std": 0.2,
    },
)
