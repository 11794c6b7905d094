"""Dropout with cheap random numbers.  Srivastava et al. 2014, JMLR 15; scaled while training, as Hinton's group and torch do."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Dropout", "dropout"]

LEVELS = 2**16


class _Drop(torch.autograd.Function):
    """torch draws one 64-bit number an element for a mask on a CPU; here one of them serves four elements."""

    @staticmethod
    def forward(ctx: Any, sequence: Tensor, dropped: int) -> Tensor:
        if dropped == LEVELS:
            ctx.save_for_backward(torch.zeros_like(sequence))
            return torch.zeros_like(sequence)
        draws = torch.empty(-(-sequence.numel() // 4), dtype=torch.int64, device=sequence.device).random_(-(2**63), None)
        mask = (draws.view(torch.int16)[: sequence.numel()] >= dropped - LEVELS // 2).view(sequence.shape)
        scaled = mask.to(sequence.dtype).mul_(LEVELS / (LEVELS - dropped))
        ctx.save_for_backward(scaled)
        return sequence * scaled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (scaled,) = ctx.saved_tensors
        return gradient * scaled, None


def dropout(sequence: Tensor, probability: float, training: bool) -> Tensor:
    """In training each number is 0 with this probability, and otherwise divided by the probability of staying; else nothing happens.

    The probability is rounded to a multiple of 2^-16, and the scale is that of the rounded one, so the mean stays what it was. At 1
    everything is 0.
    """
    dropped = round(probability * LEVELS)
    return _Drop.apply(sequence, dropped) if training and dropped else sequence  # type: ignore[no-any-return]


class Dropout(nn.Module):
    """`dropout` as a part of a model, which says whether it trains.

    Raises ValueError for a number that is no probability.

    >>> Dropout(0.5).eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise ValueError(f"dropout={probability} is not a probability, a number from 0 to 1; 0.1 is usual")
        self.probability = probability

    def forward(self, sequence: Tensor) -> Tensor:
        return dropout(sequence, self.probability, self.training)

    def extra_repr(self) -> str:
        return f"{self.probability}"
