"""Plain networks: the nets of VGG's kind that residual networks are compared with.  He et al. 2015, arXiv 1512.03385, section 3.3.

Convolutions of 3x3, batch normalisation and ReLU behind each; where the maps are halved, by a convolution of stride 2, their number
doubles, so that every layer costs the same.  Table 1 for images of 224x224:

| stage | maps | side | plain-18 | plain-34 |
|---|---|---|---|---|
| conv1 | 64 | 112 | 7x7/2 | 7x7/2 |
| conv2 | 64 | 56 | pool 3x3/2, 4 layers | pool 3x3/2, 6 layers |
| conv3 | 128 | 28 | 4 layers | 8 layers |
| conv4 | 256 | 14 | 4 layers | 12 layers |
| conv5 | 512 | 7 | 4 layers | 6 layers |
| output | | 1 | mean of each map, linear layer, softmax | likewise |

Layers stand in blocks of two, y = relu(F(x)); `gyebo.models.convolutional.resnet` has the same blocks with x added to F(x).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.initialization import start_as_he
from gyebo.layers.residual import PlainBlock, two_convolutions
from gyebo.layers.stages import StagedClassifier, check_stages, halved, image_stem, stages, stem_side
from gyebo.layers.windows import refuse_small_images


@dataclass(frozen=True, kw_only=True)
class PlainConfig:
    num_channels: int
    num_classes: int
    image_size: int
    widths: tuple[int, ...] = (64, 128, 256, 512)  # of the stages
    depths: tuple[int, ...] = (2, 2, 2, 2)  # blocks in each stage: those of 18 layers
    stem_kernel: int = 7
    stem_stride: int = 2

    def __post_init__(self) -> None:
        check_stages(self.widths, self.depths)
        refuse_small_images(self.image_size, self.last_side, "its stages")

    def last_side(self, image_size: int) -> int:
        """The side of the maps that are averaged."""
        return halved(stem_side(image_size, self.stem_kernel, self.stem_stride), len(self.widths) - 1)


def plain_block(channels: int, width: int, stride: int) -> nn.Module:
    """Two layers: (B, channels, H, W) -> (B, width, H / stride, W / stride)."""
    return PlainBlock(two_convolutions(channels, width, stride))


def plain(config: PlainConfig) -> StagedClassifier:
    """The model."""
    stem = image_stem(config.num_channels, config.widths[0], config.stem_kernel, config.stem_stride)
    stack = stages(config.widths[0], config.widths, config.depths, plain_block)
    model = StagedClassifier(stem, stack, config.widths[-1], config.num_classes)
    start_as_he(model)
    return model


ARCHITECTURE = Architecture(
    name="plain",
    title="Plain network: VGG's idea with batch normalisation, 18 or 34 layers deep",
    year=2015,
    paper="He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition",
    link="https://arxiv.org/abs/1512.03385",
    task="classify",
    parents={
        "vgg": "most weights stand in three fully connected layers, and without normalisation a deep stack does not start to learn"
    },
    differences=(
        "The window and the stride of the first convolution are options: of an image of 32x32 the paper's stem and stages leave 1x1.",
        "Batch normalisation has torch's constants, epsilon 1e-5 and a momentum of 0.1: the paper gives none.",
        "Testing is one pass over one image, not ten crops or several sizes (section 3.4).",
    ),
    sizes={
        "18": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=11_506_880,
            parameters=11_515_688,
            multiply_adds=1_794_805_760,
            source="table 1; the paper prints no count, this is the sum over its layers",
        ),
        "34": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (3, 4, 6, 3)},
            weights=21_607_616,
            parameters=21_623_848,
            multiply_adds=3_644_493_824,
            source="table 1, and figure 3, middle; the paper prints no count, this is the sum over its layers",
        ),
    },
    config=PlainConfig,
    model=plain,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 14,
        "widths": (4, 6, 7),
        "depths": (1, 2, 1),
        "stem_kernel": 5,
        "stem_stride": 1,
    },
)
