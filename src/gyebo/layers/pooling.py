"""Sub-sampling with weights: the pooling of LeCun et al. 1998, Proc. IEEE 86(11), section II-B."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["TrainablePooling"]


class TrainablePooling(nn.Module):
    """The four numbers of each 2 x 2 window are added, times a coefficient of their map, plus its bias.

    Windows do not overlap; of an odd side, the last row or column is left out.

    >>> pool = TrainablePooling(1)
    >>> with torch.no_grad():
    ...     _ = pool.coefficient.fill_(0.5), pool.bias.fill_(1.0)
    ...     pool(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[6.]]]])
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((num_channels,), 0.25))  # the average, until somebody starts it otherwise
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H // 2, W // 2)"""
        sums = 4 * F.avg_pool2d(maps, 2)
        return sums * self.coefficient[:, None, None] + self.bias[:, None, None]
