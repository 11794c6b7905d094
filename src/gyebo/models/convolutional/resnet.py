"""ResNet: layers that learn what to add to their input.  He, Zhang, Ren, Sun 2015, arXiv 1512.03385.

Deeper plain networks reach a higher *training* error, though their added layers could do nothing at all.  Where every block adds to
what it reads, doing nothing is easy:

    y = relu(F(x) + S(x))                                            eq. 1 and 2

S is x itself, or makes x fit where F widens it.  All else is `gyebo.models.convolutional.plain`.  Table 1:

| stage | side | 18 | 34 | 50 | 101 | 152 |
|---|---|---|---|---|---|---|
| conv1, pool | 56 | 7x7/2, 3x3/2 | the same | the same | the same | the same |
| conv2 | 56 | 2 blocks | 3 | 3 | 3 | 3 |
| conv3 | 28 | 2 | 4 | 4 | 4 | 8 |
| conv4 | 14 | 2 | 6 | 6 | 23 | 36 |
| conv5 | 7 | 2 | 3 | 3 | 3 | 3 |
| a block | | 3x3, 3x3 | 3x3, 3x3 | 1x1, 3x3, 1x1 | 1x1, 3x3, 1x1 | 1x1, 3x3, 1x1 |
| maps | | 64 to 512 | 64 to 512 | 256 to 2048 | 256 to 2048 | 256 to 2048 |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.initialization import start_as_he
from gyebo.layers.residual import EXPANSION, SHORTCUTS, ResidualBlock, bottleneck, two_convolutions
from gyebo.layers.stages import Block, StagedClassifier, image_stem, stages
from gyebo.models.convolutional.plain import PlainConfig


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(PlainConfig):
    """The plain network's options, and those of residual blocks."""

    shortcut: Literal["A", "B", "C"] = "B"
    """where x does not fit: zeros for the missing channels (A) or a projection (B); C projects everywhere"""
    bottleneck: bool = False
    """blocks of 1x1, 3x3, 1x1, four times wider at their ends: networks of 50 layers and more"""
    stride_at: Literal["1x1", "3x3"] = "1x1"
    """the convolution of a bottleneck that halves the maps: the paper's, or that of torchvision's ResNet-50 ('v1.5')"""


def residual_block(config: ResNetConfig) -> Block:
    """What makes the blocks: (channels, width, stride) -> (B, channels, H, W) -> (B, width, H / stride, W / stride)."""
    shortcut = SHORTCUTS[config.shortcut]

    def two_layers(channels: int, width: int, stride: int) -> nn.Module:
        return ResidualBlock(two_convolutions(channels, width, stride), shortcut(channels, width, stride))

    def three_layers(channels: int, width: int, stride: int) -> nn.Module:
        first, second = (stride, 1) if config.stride_at == "1x1" else (1, stride)
        return ResidualBlock(bottleneck(channels, width, first, second), shortcut(channels, width, stride))

    return three_layers if config.bottleneck else two_layers


def resnet(config: ResNetConfig) -> StagedClassifier:
    """The model."""
    stem = image_stem(config.num_channels, config.widths[0], config.stem_kernel, config.stem_stride)
    widths = [width * EXPANSION for width in config.widths] if config.bottleneck else config.widths
    stack = stages(config.widths[0], widths, config.depths, residual_block(config))
    model = StagedClassifier(stem, stack, widths[-1], config.num_classes)
    start_as_he(model)
    return model


ARCHITECTURE = Architecture(
    name="resnet",
    title="ResNet: each block adds to what it reads",
    year=2015,
    paper="He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition",
    link="https://arxiv.org/abs/1512.03385",
    task="classify",
    parents={
        "plain": "with more layers the training error rises: the solver does not find the identity that would make them harmless"
    },
    differences=(
        "Shortcuts of 18 and 34 layers project where the width grows (option B), as in torchvision and in table 3; the networks of table 2"
        " pad with zeros, which is shortcut = 'A' (sizes '18 A' and '34 A').",
        "The stride of a bottleneck stands in its first 1x1. The paper does not say where, but only so its 50 layers cost the 3.8 billion"
        " multiply-adds of table 1; torchvision has it in the 3x3, which costs 4.1 billion: stride_at = '3x3'.",
        "The window and the stride of the first convolution are options: of an image of 32x32 the paper's stem and stages leave 1x1.",
        "Batch normalisation has torch's constants, epsilon 1e-5 and a momentum of 0.1: the paper gives none.",
        "Testing is one pass over one image, not ten crops or several sizes (section 3.4).",
    ),
    sizes={
        "18": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=11_678_912,
            parameters=11_689_512,
            multiply_adds=1_814_073_344,
            source="table 1; torchvision's resnet18",
        ),
        "18 A": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "shortcut": "A"},
            weights=11_506_880,
            parameters=11_515_688,
            multiply_adds=1_794_805_760,
            source="table 2: no more than the plain network",
        ),
        "34": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (3, 4, 6, 3)},
            weights=21_779_648,
            parameters=21_797_672,
            multiply_adds=3_663_761_408,
            source="table 1; torchvision's resnet34",
        ),
        "34 A": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (3, 4, 6, 3), "shortcut": "A"},
            weights=21_607_616,
            parameters=21_623_848,
            multiply_adds=3_644_493_824,
            source="table 2: no more than the plain network",
        ),
        "50": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (3, 4, 6, 3), "bottleneck": True},
            weights=25_502_912,
            parameters=25_557_032,
            multiply_adds=3_857_973_248,
            source="table 1; as many as torchvision's resnet50",
        ),
        "101": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (3, 4, 23, 3), "bottleneck": True},
            weights=44_442_816,
            parameters=44_549_160,
            multiply_adds=7_570_194_432,
            source="table 1; as many as torchvision's resnet101",
        ),
        "152": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (3, 8, 36, 3), "bottleneck": True},
            weights=60_040_384,
            parameters=60_192_808,
            multiply_adds=11_282_415_616,
            source="table 1; as many as torchvision's resnet152",
        ),
        "50 v1.5": Size(
            config={
                "num_channels": 3,
                "num_classes": 1000,
                "image_size": 224,
                "depths": (3, 4, 6, 3),
                "bottleneck": True,
                "stride_at": "3x3",
            },
            weights=25_502_912,
            parameters=25_557_032,
            multiply_adds=4_089_184_256,
            source="torchvision's resnet50",
        ),
        "101 v1.5": Size(
            config={
                "num_channels": 3,
                "num_classes": 1000,
                "image_size": 224,
                "depths": (3, 4, 23, 3),
                "bottleneck": True,
                "stride_at": "3x3",
            },
            weights=44_442_816,
            parameters=44_549_160,
            multiply_adds=7_801_405_440,
            source="torchvision's resnet101",
        ),
        "152 v1.5": Size(
            config={
                "num_channels": 3,
                "num_classes": 1000,
                "image_size": 224,
                "depths": (3, 8, 36, 3),
                "bottleneck": True,
                "stride_at": "3x3",
            },
            weights=60_040_384,
            parameters=60_192_808,
            multiply_adds=11_513_626_624,
            source="torchvision's resnet152",
        ),
    },
    config=ResNetConfig,
    model=resnet,
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
