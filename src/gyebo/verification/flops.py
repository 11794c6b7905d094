"""What an image costs: the multiply-adds of its way through a network, counted without computing them.

A multiply-add is one product and its sum, which papers of image networks call a FLOP.  Those of convolutions and of matrix products
are counted; norms, ReLUs and pools are not, as in the papers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["MultiplyAdds", "multiply_adds"]


@dataclass(frozen=True)
class MultiplyAdds:
    """In convolutions, and in matrix products, which fully connected layers are."""

    convolutions: int
    products: int

    @property
    def total(self) -> int:
        return self.convolutions + self.products


def multiply_adds(model: nn.Module, shape: tuple[int, int, int]) -> MultiplyAdds:
    """Of one image (C, H, W), by a model on the meta device in evaluation mode, where nothing is computed and no memory is taken.

    >>> with torch.device("meta"):
    ...     model = nn.Sequential(nn.Conv2d(3, 8, 5), nn.Flatten(), nn.Linear(8 * 4 * 4, 10))
    >>> multiply_adds(model, (3, 8, 8))
    MultiplyAdds(convolutions=9600, products=1280)
    """
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model.eval()(torch.empty(1, *shape, device="meta"))
    by_operation = counter.get_flop_counts()["Global"]
    total = counter.get_total_flops()  # products and sums apart: two for each multiply-add
    convolutions = by_operation.get(torch.ops.aten.convolution, 0)
    return MultiplyAdds(convolutions // 2, (total - convolutions) // 2)
