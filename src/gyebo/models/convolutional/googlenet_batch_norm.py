"""GoogLeNet with batch normalisation: torchvision's, whose trained weights many programs share.

Ioffe, Szegedy 2015, arXiv 1502.03167, put a batch norm behind every convolution of an Inception network, instead of its bias and of
local response normalisation.  Here this is done to the network of Szegedy et al. 2014, as torchvision does it:

| part | in the paper of 2014 | here |
|---|---|---|
| convolution | bias, ReLU | batch norm (epsilon 0.001), ReLU |
| third branch of a module | 5x5 | 3x3: a slip in a port that the trained weights have kept |
| stem | local response normalisation, twice | none |
| pool before 5a | 3x3/2 | 2x2/2 |
| pool of an auxiliary classifier | average 5x5/3 | average to 4x4 |
| dropout before the output layer | 0.4 | 0.2 |

All else is `gyebo.models.convolutional.googlenet`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import relu

from gyebo.genealogy import Architecture, Size
from gyebo.layers.windows import windows
from gyebo.models.convolutional.googlenet import GoogLeNet, GoogLeNetConfig

AUXILIARY_SIDE = 4
LAST_POOL = 2


@dataclass(frozen=True, kw_only=True)
class GoogLeNetBatchNormConfig(GoogLeNetConfig):
    dropout: float = 0.2

    def last_side(self, image_size: int) -> int:
        return windows(self.middle_side(image_size), LAST_POOL, 2, ceil=True)

    def auxiliary_side(self, image_size: int) -> int:
        return AUXILIARY_SIDE


class ConvolutionNormReLU(nn.Module):
    """relu(batch norm(W * x)), padded so that a stride of 1 keeps the side of the maps."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, maps: Tensor) -> Tensor:
        return relu(self.norm(self.conv(maps)))


def googlenet_batch_norm(config: GoogLeNetBatchNormConfig) -> GoogLeNet:
    """The model: a GoogLeNet of other parts."""
    return GoogLeNet(
        config,
        ConvolutionNormReLU,
        large=3,
        normalize=nn.Identity,
        last_pool=LAST_POOL,
        auxiliary_pool=lambda: nn.AdaptiveAvgPool2d(AUXILIARY_SIDE),
    )


ARCHITECTURE = Architecture(
    name="googlenet-batch-norm",
    title="GoogLeNet with batch normalisation",
    year=2015,
    paper="Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    link="https://arxiv.org/abs/1502.03167",
    task="classify",
    variant_of="googlenet",
    parents={},
    differences=(
        "The paper of 2015 changes the modules too (two 3x3 for a 5x5, average pools, other widths). This is the network that torchvision"
        " calls googlenet: the modules of 2014, with 3x3 where they have 5x5, and batch norm, so its weights can be read.",
        "Weights start as He et al. 2015 start them, N(0, 2 / fan_in), as in this project's googlenet; torchvision draws from a truncated"
        " N(0, 0.01^2), and batch norm makes up for the scale of either.",
        "Images come as the task standardises them. torchvision's weights for ImageNet expect pixels with mean 0.5 and deviation 0.5 in"
        " each channel, which it computes from otherwise standardised ones itself (transform_input).",
    ),
    sizes={
        "torchvision": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "auxiliary": False},
            weights=6_609_344,
            parameters=6_624_904,
            multiply_adds=1_498_376_192,
            source="torchvision's googlenet without auxiliary classifiers",
        ),
        "torchvision-auxiliary": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=12_984_768,
            parameters=13_004_888,
            multiply_adds=1_498_376_192,
            source="torchvision's googlenet",
        ),
    },
    config=GoogLeNetBatchNormConfig,
    model=googlenet_batch_norm,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 33,
        "width": 16,
        "stem_kernel": 3,
        "stem_stride": 1,
        "auxiliary_dropout": 0.0,  # so that training can be compared with torchvision's, number by number
    },
)
