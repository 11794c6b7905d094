"""ResNets for images of 32x32.  He et al. 2015, arXiv 1512.03385, section 4.2.

    3x3, 16 maps;  n blocks of 16 maps, side 32;  n of 32, side 16;  n of 64, side 8;  mean of each map, linear layer, softmax

6n + 2 weighted layers in all: the paper has 20, 32, 44, 56, 110 and 1202.  A block is two convolutions of 3x3, y = relu(F(x) + S(x));
where the width doubles, S takes every other row and column and pads with channels of zeros (option A).  So there are exactly as many
parameters as in `gyebo.models.convolutional.plain_cifar`, and nothing but the sum is different.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.residual import SHORTCUTS, ResidualBlock, two_convolutions
from gyebo.layers.stages import StagedClassifier
from gyebo.models.convolutional.plain_cifar import PlainCifarConfig, cifar_network


@dataclass(frozen=True, kw_only=True)
class ResNetCifarConfig(PlainCifarConfig):
    """The plain network's own options."""


def zero_padded_block(channels: int, width: int, stride: int) -> nn.Module:
    """Two layers and their shortcut: (B, channels, H, W) -> (B, width, H / stride, W / stride)."""
    return ResidualBlock(two_convolutions(channels, width, stride), SHORTCUTS["A"](channels, width, stride))


def resnet_cifar(config: ResNetCifarConfig) -> StagedClassifier:
    """The model."""
    return cifar_network(config, zero_padded_block)


ARCHITECTURE = Architecture(
    name="resnet-cifar",
    title="ResNet for small images, 6n + 2 layers deep",
    year=2015,
    paper="He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition",
    link="https://arxiv.org/abs/1512.03385",
    task="classify",
    variant_of="resnet",
    parents={},
    differences=("Batch normalisation has torch's constants, epsilon 1e-5 and a momentum of 0.1: the paper gives none.",),
    sizes={
        "20": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 20},
            weights=268_336,
            parameters=269_722,
            multiply_adds=40_551_040,
            source="table 6: 0.27 million",
        ),
        "32": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 32},
            weights=461_872,
            parameters=464_154,
            multiply_adds=68_862_592,
            source="table 6: 0.46 million",
        ),
        "44": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 44},
            weights=655_408,
            parameters=658_586,
            multiply_adds=97_174_144,
            source="table 6: 0.66 million",
        ),
        "56": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 56},
            weights=848_944,
            parameters=853_018,
            multiply_adds=125_485_696,
            source="table 6: 0.85 million",
        ),
        "110": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 110},
            weights=1_719_856,
            parameters=1_727_962,
            multiply_adds=252_887_680,
            source="table 6: 1.7 million",
        ),
    },
    config=ResNetCifarConfig,
    model=resnet_cifar,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 8, "depth": 8, "widths": (4, 6, 7)},
)
