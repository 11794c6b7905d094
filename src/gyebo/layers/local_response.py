"""Local response normalisation: an activation is divided by those of its neighbours among the maps.

Krizhevsky, Sutskever, Hinton 2012, section 3.3:

    b_i = a_i / (k + alpha sum_{j = max(0, i - n/2)}^{min(N - 1, i + n/2)} a_j^2)^beta
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["LocalResponse", "local_response"]


def local_response(maps: Tensor, neighbours: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Tensor:
    """Each number of maps (B, C, H, W) over a power of the sum of squares of `neighbours` maps around it, itself included.

    The defaults are the paper's.  torch and Caffe divide alpha by the number of neighbours, and the paper does not.

    >>> import torch
    >>> local_response(torch.ones(1, 5, 1, 1), alpha=1.0, k=0.0, beta=1.0).flatten()
    tensor([0.3333, 0.2500, 0.2000, 0.2500, 0.3333])
    """
    return F.local_response_norm(maps, neighbours, alpha * neighbours, beta, k)


class LocalResponse(nn.Module):
    """`local_response` with the paper's constants, as a part of a model."""

    def forward(self, maps: Tensor) -> Tensor:
        return local_response(maps)
