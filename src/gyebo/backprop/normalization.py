"""Batch normalisation.  Ioffe and Szegedy 2015, "Batch Normalization" (arXiv:1502.03167), algorithm 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["BatchNormalization", "batch_statistics", "beside_channels"]

Array = np.ndarray


def batch_statistics(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance of each channel, over the batch and all places.  x (B, C) or (B, C, H, W) -> (C,), (C,)."""
    axes = (0, *range(2, x.ndim))
    return x.mean(axis=axes), x.var(axis=axes)


def beside_channels(numbers: Array, ndim: int) -> Array:
    """A number a channel, in the shape that broadcasts over (B, C, ...): (C,) -> (C, 1, 1) for images."""
    return numbers.reshape(-1, *(1,) * (ndim - 2))


@dataclass(eq=False)
class BatchNormalization:
    """x (B, C) or (B, C, H, W), scale (C,), shift (C,) -> the shape of x.  The paper's gamma is `scale`, its beta `shift`.

    With the mean and the biased variance of the m numbers of each channel:

    n = (x - mean) / sqrt(variance + epsilon)        y = scale n + shift

    x also moves the mean and the variance, so of its gradient two parts are taken away:

    dL/dn = scale dL/dy        dL/dx = (dL/dn - mean of dL/dn - n mean of (n dL/dn)) / sqrt(variance + epsilon)
    """

    epsilon: float = 1e-5

    def forward(self, x: Array, scale: Array, shift: Array) -> Array:
        if x.ndim not in (2, 4) or scale.shape != x.shape[1:2] or shift.shape != scale.shape:
            raise ValueError(
                f"A batch normalisation came with x {x.shape}, scale {scale.shape} and shift {shift.shape}; it takes x (B, C) or "
                "(B, C, H, W), and scale and shift (C,). Give the two one number for each channel of x."
            )
        if x.size <= x.shape[1]:
            raise ValueError(
                f"A batch normalisation came with x {x.shape}: less than two numbers a channel have no spread. Give a larger batch in "
                "training; a trained layer takes single examples through its running estimates."
            )
        mean, variance = batch_statistics(x)
        self.deviation = beside_channels(np.sqrt(variance + self.epsilon), x.ndim)
        self.normalized = (x - beside_channels(mean, x.ndim)) / self.deviation
        self.scale = beside_channels(scale, x.ndim)
        return self.scale * self.normalized + beside_channels(shift, x.ndim)

    def backward(self, gradient: Array) -> tuple[Array, Array, Array]:
        axes = (0, *range(2, gradient.ndim))
        at_normalized = self.scale * gradient
        mean_part = at_normalized.mean(axis=axes, keepdims=True)
        variance_part = self.normalized * (self.normalized * at_normalized).mean(axis=axes, keepdims=True)
        at_x = (at_normalized - mean_part - variance_part) / self.deviation
        return at_x, (gradient * self.normalized).sum(axis=axes), gradient.sum(axis=axes)
