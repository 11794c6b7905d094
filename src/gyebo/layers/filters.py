"""Filters that people made, for edges in a picture: what a convolutional network learns in their place.

Each is a 3 x 3 kernel for edges between a bright left and a dark right side; turned by 90 degrees it finds the horizontal ones.

    Prewitt 1970                Sobel 1968                 Scharr 2000
     1  0 -1                     1  0 -1                     3  0  -3
     1  0 -1                     2  0 -2                    10  0 -10
     1  0 -1                     1  0 -1                     3  0  -3

As everywhere in deep learning, "convolution" is cross-correlation: the kernel is not turned around.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["FILTERS", "edge_kernel", "edge_strength", "filtered"]

FILTERS = {"prewitt": (1.0, 1.0, 1.0), "sobel": (1.0, 2.0, 1.0), "scharr": (3.0, 10.0, 3.0)}
"""name -> the weights along the edge; across it all three take the difference (1, 0, -1)"""


def edge_kernel(name: str, *, horizontal: bool = False) -> Tensor:
    """The kernel (3, 3) of a filter for vertical edges, or for horizontal ones.  Raises ValueError for an unknown name.

    >>> edge_kernel("sobel")
    tensor([[ 1.,  0., -1.],
            [ 2.,  0., -2.],
            [ 1.,  0., -1.]])
    """
    if name not in FILTERS:
        raise ValueError(f"There is no filter {name!r}. Known are: {', '.join(FILTERS)}.")
    along, across = torch.tensor(FILTERS[name]), torch.tensor([1.0, 0.0, -1.0])
    return torch.outer(across, along) if horizontal else torch.outer(along, across)


def filtered(images: Tensor, kernel: Tensor) -> Tensor:
    """Every channel met by one kernel (h, w), without padding: (B, C, H, W) -> (B, C, H - h + 1, W - w + 1).

    A step from 10 to 0 gives two columns of 30:

    >>> step = torch.tensor([10.0, 10, 10, 0, 0, 0]).expand(1, 1, 6, 6)
    >>> filtered(step, edge_kernel("prewitt"))[0, 0, 0]
    tensor([ 0., 30., 30.,  0.])
    """
    channels = images.shape[1]
    weight = kernel.to(images).expand(channels, 1, *kernel.shape)
    return F.conv2d(images, weight, groups=channels)


def edge_strength(images: Tensor, name: str) -> Tensor:
    """The length of the gradient that a filter sees, (B, C, H, W) -> (B, C, H - 2, W - 2): sqrt(vertical^2 + horizontal^2)."""
    vertical, horizontal = (filtered(images, edge_kernel(name, horizontal=turned)) for turned in (False, True))
    return torch.hypot(vertical, horizontal)
