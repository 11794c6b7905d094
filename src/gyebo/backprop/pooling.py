"""Pooling: every window of every channel becomes one number, its maximum or its mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gyebo.backprop.windows import add_windows, check_image, windows

__all__ = ["AveragePooling", "MaxPooling"]

Array = np.ndarray


@dataclass(eq=False)
class MaxPooling:
    """y = the maximum of each window.  x (B, C, H, W) -> (B, C, OH, OW).

    The gradient goes to the place of the maximum alone, to the first of them where several are equal.
    """

    size: int
    stride: int

    def forward(self, x: Array) -> Array:
        check_image("A max pooling", x.shape, (self.size, self.size), self.stride, 0)
        seen = windows(x, (self.size, self.size), self.stride)  # (B, C, OH, OW, K, K)
        flat = seen.reshape(*seen.shape[:4], self.size**2)
        self.x_shape, self.winner = x.shape, flat.argmax(axis=-1)[..., None]  # (B, C, OH, OW, 1)
        return np.take_along_axis(flat, self.winner, axis=-1)[..., 0]  # (B, C, OH, OW)

    def backward(self, gradient: Array) -> tuple[Array]:
        flat = np.zeros((*gradient.shape, self.size**2), gradient.dtype)
        np.put_along_axis(flat, self.winner, gradient[..., None], axis=-1)
        return (add_windows(flat.reshape(*gradient.shape, self.size, self.size), self.x_shape, self.stride),)


@dataclass(eq=False)
class AveragePooling:
    """y = the mean of each window, of K x K numbers.  x (B, C, H, W) -> (B, C, OH, OW).  Each of them gets dL/dy / K^2."""

    size: int
    stride: int

    def forward(self, x: Array) -> Array:
        check_image("An average pooling", x.shape, (self.size, self.size), self.stride, 0)
        self.x_shape = x.shape
        return windows(x, (self.size, self.size), self.stride).mean(axis=(-2, -1))  # (B, C, OH, OW)

    def backward(self, gradient: Array) -> tuple[Array]:
        spread = np.broadcast_to(gradient[..., None, None] / self.size**2, (*gradient.shape, self.size, self.size))
        return (add_windows(spread, self.x_shape, self.stride),)
