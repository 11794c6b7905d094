"""Dense blocks: every layer reads the maps of all layers before it.  Huang, Liu, van der Maaten, Weinberger 2016, arXiv 1608.06993.

    x_l = H_l([x_0, x_1, ..., x_{l-1}])                              eq. 2

[...] are maps side by side, and every H_l adds k of them, the growth rate.  Unlike elsewhere, normalisation and ReLU stand before the
convolution: what is kept is the convolution's own output, and each reader normalises it for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gyebo.layers.dropout import Dropout
from gyebo.layers.windows import windows

__all__ = ["BOTTLENECK", "DenseBlock", "check_dense", "dense_stages", "layer", "narrowed_layer", "pooled", "transition"]

BOTTLENECK = 4
"""how many times k maps the 1x1 convolution of a layer leaves"""


def layer(channels: int, growth_rate: int, dropout: float) -> nn.Sequential:
    """H: batch normalisation, ReLU, 3x3.  (B, channels, H, W) -> (B, k, H, W)."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels, growth_rate, 3, padding=1, bias=False),
            dropout=Dropout(dropout),
        )
    )


def narrowed_layer(channels: int, growth_rate: int, dropout: float) -> nn.Sequential:
    """H of DenseNet-B: a 1x1 to 4k maps before the 3x3, which then costs the same in every layer."""
    narrow = BOTTLENECK * growth_rate
    return nn.Sequential(
        OrderedDict(
            norm1=nn.BatchNorm2d(channels),
            relu1=nn.ReLU(),
            conv1=nn.Conv2d(channels, narrow, 1, bias=False),
            dropout1=Dropout(dropout),
            norm2=nn.BatchNorm2d(narrow),
            relu2=nn.ReLU(),
            conv2=nn.Conv2d(narrow, growth_rate, 3, padding=1, bias=False),
            dropout2=Dropout(dropout),
        )
    )


class DenseBlock(nn.Module):
    """Layers that each read all maps so far: (B, channels, H, W) -> (B, channels + k layers, H, W), the block's input first.

    bottleneck: with `narrowed_layer`, else with `layer`.

    >>> DenseBlock(6, growth_rate=4, depth=3, bottleneck=True, dropout=0.0)(torch.zeros(2, 6, 5, 5)).shape
    torch.Size([2, 18, 5, 5])
    """

    def __init__(self, channels: int, growth_rate: int, depth: int, bottleneck: bool, dropout: float) -> None:
        super().__init__()
        make = narrowed_layer if bottleneck else layer
        self.layers = nn.ModuleList(make(channels + number * growth_rate, growth_rate, dropout) for number in range(depth))

    def forward(self, maps: Tensor) -> Tensor:
        for each in self.layers:
            maps = torch.cat([maps, each(maps)], 1)  # k more of them
        return maps


def transition(channels: int, width: int, dropout: float) -> nn.Sequential:
    """Between two blocks: a 1x1 convolution and a pool that halves the side.  (B, channels, H, W) -> (B, width, H/2, W/2)."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels, width, 1, bias=False),
            dropout=Dropout(dropout),
            pool=nn.AvgPool2d(2),
        )
    )


def dense_stages(
    channels: int, growth_rate: int, depths: Sequence[int], *, bottleneck: bool, compression: float, dropout: float
) -> tuple[nn.Sequential, int]:
    """Dense blocks of so many layers, transitions between them, the last normalisation and ReLU; and how many maps leave them.

    compression: the share of the maps that a transition keeps, theta of section 3.
    Raises ValueError where it keeps none.
    """
    network = nn.Sequential()
    for number, depth in enumerate(depths):
        if number > 0:
            kept = int(channels * compression)
            if kept < 1:
                raise ValueError(
                    f"compression={compression:g} keeps no map of {channels} in a transition; {1 / channels:.2f} keeps one"
                )
            network.append(transition(channels, kept, dropout))
            channels = kept
        network.append(DenseBlock(channels, growth_rate, depth, bottleneck, dropout))
        channels += growth_rate * depth
    network.append(nn.BatchNorm2d(channels))
    network.append(nn.ReLU())
    return network, channels


def pooled(side: int, times: int) -> int:
    """The side of maps after so many transitions: halves, rounded down.

    >>> pooled(56, 3), pooled(7, 3)
    (7, 0)
    """
    for _ in range(times):
        side = windows(side, 2, 2)
    return side


def check_dense(growth_rate: int, depths: Sequence[int], compression: float) -> None:
    """Raise ValueError for numbers that describe no dense blocks, or none that anything reaches."""
    if growth_rate < 1 or not depths or min(depths) < 1:
        raise ValueError(
            f"growth_rate={growth_rate} and depths={tuple(depths)} came, but each block has a layer or more, and each layer adds a map or"
            " more: give numbers from 1 on"
        )
    if not 0 < compression <= 1:
        raise ValueError(f"compression={compression:g} is not a share of the maps, a number above 0 and up to 1; 0.5 is usual")
