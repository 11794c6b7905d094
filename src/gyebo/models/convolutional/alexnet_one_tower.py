"""AlexNet in one tower.  Krizhevsky 2014, arXiv 1404.5997 ("One weird trick"); the AlexNet of torchvision.

One GPU now holds what took two: every layer reads all maps, the first two have fewer, and local response normalisation is gone.

| layer | maps | window | then |
|---|---|---|---|
| conv1 | 64 | 11x11, stride 4 | ReLU, pool 3x3/2 |
| conv2 | 192 | 5x5 | ReLU, pool 3x3/2 |
| conv3 | 384 | 3x3 | ReLU |
| conv4 | 256 | 3x3 | ReLU |
| conv5 | 256 | 3x3 | ReLU, pool 3x3/2, average to 6x6 |
| full6, full7 | 4096 | | dropout 0.5 before each, ReLU after |
| output | 1000 | | softmax |
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import relu

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.models.convolutional.alexnet import side_behind_pools


@dataclass(frozen=True, kw_only=True)
class AlexNetOneTowerConfig:
    num_channels: int
    num_classes: int
    image_size: int
    widths: tuple[int, int, int, int, int] = (64, 192, 384, 256, 256)  # maps of conv1 to conv5
    hidden_width: int = 4096
    stem_kernel: int = 11
    stem_stride: int = 4
    stem_padding: int = 2
    pooled_side: int = 6  # of the maps that the fully connected layers read
    dropout: float = 0.5

    def __post_init__(self) -> None:
        side_behind_pools(self.image_size, self.stem_kernel, self.stem_stride, self.stem_padding)  # refuses too small images


class AlexNetOneTower(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier`."""

    def __init__(self, config: AlexNetOneTowerConfig) -> None:
        super().__init__()
        first, second, third, fourth, fifth = config.widths
        self.conv1 = nn.Conv2d(config.num_channels, first, config.stem_kernel, config.stem_stride, config.stem_padding)
        self.conv2 = nn.Conv2d(first, second, 5, padding=2)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.conv4 = nn.Conv2d(third, fourth, 3, padding=1)
        self.conv5 = nn.Conv2d(fourth, fifth, 3, padding=1)
        self.full6 = nn.Linear(fifth * config.pooled_side**2, config.hidden_width)
        self.full7 = nn.Linear(config.hidden_width, config.hidden_width)
        self.output = nn.Linear(config.hidden_width, config.num_classes)
        self.pool = nn.MaxPool2d(3, 2)
        self.average = nn.AdaptiveAvgPool2d(config.pooled_side)
        self.dropout = Dropout(config.dropout)

    def features(self, images: Tensor) -> Tensor:
        maps = self.pool(relu(self.conv1(images)))  # (B, 64, 27, 27) from (B, 3, 224, 224)
        maps = self.pool(relu(self.conv2(maps)))  # (B, 192, 13, 13)
        maps = relu(self.conv5(relu(self.conv4(relu(self.conv3(maps))))))  # (B, 256, 13, 13)
        maps = self.average(self.pool(maps))  # (B, 256, 6, 6)
        hidden = relu(self.full6(self.dropout(maps.flatten(1))))  # (B, 4096)
        return relu(self.full7(self.dropout(hidden)))

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


ARCHITECTURE = Architecture(
    name="alexnet-one-tower",
    title="AlexNet in one tower",
    year=2014,
    paper="Krizhevsky: One weird trick for parallelizing convolutional neural networks",
    link="https://arxiv.org/abs/1404.5997",
    task="classify",
    variant_of="alexnet",
    parents={},
    differences=(
        "The paper gives the layers in words; widths, padding, and dropout before the fully connected layers are torchvision's, whose"
        " weights can be read.",
        "The last maps are averaged to 6x6 before the fully connected layers, as in torchvision: at 224 pixels they have that size already,"
        " and other sizes can be read too.",
        "Weights start as torch.nn starts them, which torchvision keeps.",
        "The first convolution's window, stride and padding are options: images of 32 pixels do not pass three pools after a stride of 4.",
    ),
    sizes={
        "paper": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=61_090_496,
            parameters=61_100_840,
            multiply_adds=714_188_480,
            source="torchvision's alexnet; the paper prints no count",
        ),
    },
    config=AlexNetOneTowerConfig,
    model=AlexNetOneTower,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 31,
        "widths": (6, 7, 10, 4, 9),
        "hidden_width": 14,
        "stem_kernel": 3,
        "stem_stride": 1,
        "stem_padding": 1,
        "pooled_side": 2,
    },
)
