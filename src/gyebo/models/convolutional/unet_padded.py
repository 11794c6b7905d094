"""The U-Net that most people train today: padded convolutions, batch-normalised.  After Ronneberger et al. 2015, arXiv 1505.04597.

    each convolution    3x3 with one pixel of zeros around, batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167), ReLU

The logits are those of the whole image, and skips need no cutting. What it costs: near a border the network sees zeros that are not
in the image. Its convolutions have no biases, because the normalisation would take them away again.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from gyebo.genealogy import Architecture, Size
from gyebo.models.convolutional.unet import UNet, UNetConfig


@dataclass(frozen=True, kw_only=True)
class UNetPaddedConfig(UNetConfig):
    """The U-Net's own options."""


class PaddedConvolutions(nn.Sequential):
    """Two padded 3x3 convolutions, each normalised over the batch and with ReLU: (B, C, H, W) -> (B, width, H, W)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )


def unet_padded(config: UNetPaddedConfig) -> UNet:
    """The model: a U-Net with other convolutions."""
    return UNet(config, PaddedConvolutions, lost=0)


ARCHITECTURE = Architecture(
    name="unet-padded",
    title="U-Net with padded, batch-normalised convolutions",
    year=2015,
    paper="Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation",
    link="https://arxiv.org/abs/1505.04597",
    task="segment",
    variant_of="unet",
    parents={},
    differences=(
        "Convolutions are padded with zeros, so the logits are of the whole image and nothing is cut from the skips.",
        "Batch normalisation stands behind every 3x3 convolution, which has no bias then: deeper layers train at larger rates.",
        "All else is as in this project's unet, with its differences.",
    ),
    sizes={
        "paper": Size(
            config={"num_channels": 1, "num_classes": 2},
            weights=31_023_808,
            parameters=31_036_546,
            multiply_adds=192_384_335_872,
            image_size=512,
            source="no paper prints a count: the U-Net's matrices, and a scale and a shift in place of each of 18 biases",
        ),
    },
    config=UNetPaddedConfig,
    model=unet_padded,
    tiny={"num_channels": 2, "num_classes": 3, "width": 12, "num_levels": 2},
)
