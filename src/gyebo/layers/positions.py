"""What tells a model without recurrence where a token stands.  Vaswani et al. 2017, section 3.5; Su et al. 2021, arXiv 2104.09864."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gyebo.errors import UsageError

__all__ = ["LearnedPositions", "RotaryPositions", "SinusoidalPositions", "sinusoids"]

WAVELENGTH = 10_000


def sinusoids(positions: Tensor, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(pos / 10000^(2i/D)): (T,) -> (T, D).  Vaswani et al. 2017, 3.5.

    dtype: of the result; angles are computed in float32 or, for float64, in float64.

    >>> sinusoids(torch.arange(2), 2)
    tensor([[0.0000, 1.0000],
            [0.8415, 0.5403]])
    """
    angles = _angles(positions, width, dtype)  # (T, D / 2 rounded up)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :width].to(dtype)


def _angles(positions: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """pos / 10000^(2i/D) for i = 0, 1, ..., never in less than float32: in bfloat16 the position 257 would be 256."""
    precise = torch.promote_types(dtype, torch.float32)
    pairs = torch.arange(0, width, 2, device=positions.device, dtype=precise)
    return positions.to(precise)[:, None] * torch.exp(pairs * (-math.log(WAVELENGTH) / width))


class SinusoidalPositions(nn.Module):
    """Adds the paper's waves: nothing to learn, and no longest sentence."""

    def forward(self, embedded: Tensor, first: int = 0) -> Tensor:
        """embedded (B, T, D), whose first element stands at position `first` -> (B, T, D)."""
        time, width = embedded.shape[1:]
        positions = torch.arange(first, first + time, device=embedded.device)
        return embedded + sinusoids(positions, width, embedded.dtype)


class LearnedPositions(nn.Module):
    """Adds a vector that is learned for each position.  Table 3, row (E); Gehring et al. 2017.

    Raises UsageError for a sequence that is longer than there are positions.
    """

    def __init__(self, width: int, max_positions: int) -> None:
        super().__init__()
        self.max_positions = max_positions
        self.weight = nn.Parameter(torch.empty(max_positions, width).normal_(0, width**-0.5))

    def forward(self, embedded: Tensor, first: int = 0) -> Tensor:
        """embedded (B, T, D), whose first element stands at position `first` -> (B, T, D)."""
        last = first + embedded.shape[1]
        if last > self.max_positions:
            raise UsageError(
                f"A sentence of {last} tokens is longer than the {self.max_positions} positions that the model learns. Shorten it, or"
                " train with a larger --model.max-positions."
            )
        return embedded + self.weight[first:last]


class RotaryPositions(nn.Module):
    """Turns each pair of numbers of a query or key by an angle that grows with its position.  Su et al. 2021, eq. 34.

    The product of a turned query and a turned key depends on the distance of their positions alone (eq. 16).
    """

    def forward(self, heads: Tensor, first: int = 0) -> Tensor:
        """heads (B, N, T, K), K even -> (B, N, T, K)."""
        time, width = heads.shape[-2:]
        positions = torch.arange(first, first + time, device=heads.device)
        angles = _angles(positions, width, heads.dtype)  # (T, K / 2)
        cosine, sine = angles.cos().to(heads.dtype), angles.sin().to(heads.dtype)
        even, odd = heads[..., 0::2], heads[..., 1::2]
        return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).flatten(-2)
