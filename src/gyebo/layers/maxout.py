"""Maxout units.  Goodfellow et al. 2013, "Maxout Networks", eq. 1."""

from __future__ import annotations

from torch import Tensor

__all__ = ["maxout"]


def maxout(units: Tensor, pool: int = 2) -> Tensor:
    """The largest of each `pool` neighbouring units: (..., pool * L) -> (..., L).

    >>> import torch
    >>> maxout(torch.tensor([1.0, 3.0, -2.0, -5.0]))
    tensor([ 3., -2.])
    """
    return units.unflatten(-1, (-1, pool)).amax(-1)
