"""The same numbers in another shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Flatten", "Reshape"]

Array = np.ndarray


@dataclass(eq=False)
class Reshape:
    """y = x in another shape of as many numbers.  dL/dx = dL/dy in the shape of x."""

    shape: tuple[int, ...]

    def forward(self, x: Array) -> Array:
        if min(self.shape, default=1) < 0 or math.prod(self.shape) != x.size:
            raise ValueError(
                f"A reshape from {x.shape} to {self.shape} was asked; the new shape must hold the same {x.size:,} numbers, "
                "each of its sizes written out."
            )
        self.input_shape = x.shape
        return x.reshape(self.shape)

    def backward(self, gradient: Array) -> tuple[Array]:
        return (gradient.reshape(self.input_shape),)


class Flatten:
    """y = every example as one row: (B, ...) -> (B, D).  dL/dx = dL/dy in the shape of x."""

    def forward(self, x: Array) -> Array:
        if x.ndim < 1:
            raise ValueError("A single number came to flatten, and it has no batch; give an array whose first axis is the batch.")
        self.input_shape = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))  # (B, D)

    def backward(self, gradient: Array) -> tuple[Array]:
        return (gradient.reshape(self.input_shape),)
