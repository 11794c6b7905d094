"""The principal components of the colours of images: along which lines, and how far, pixels differ in colour."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from torch import Tensor

__all__ = ["colour_axes"]


def colour_axes(pixels: Iterable[Tensor]) -> tuple[tuple[float, ...], ...]:
    """lambda_i p_i, largest lambda first: the unit eigenvectors p_i of the channels' covariance, each times its eigenvalue lambda_i.

    They are what Krizhevsky et al. 2012, section 4.1, add multiples of to an image.  The covariance is that of pixels in [0, 1].
    pixels: parts of at least one pixel in all, (C, any number) uint8.  Returns C axes of C numbers.  An eigenvector could as well point
    the other way: its largest number is positive, so that axes are the same on every machine.

    >>> import torch
    >>> colour_axes([torch.tensor([[0, 0, 255, 255], [0, 255, 0, 255], [90, 90, 90, 90]], dtype=torch.uint8)])[2]
    (0.0, 0.0, 0.0)
    """
    count, sums, products = 0, np.zeros(1), np.zeros((1, 1))
    for part in pixels:
        levels = part.numpy().astype(np.float64)  # (C, pixels); sums over fewer than 2^37 pixels are whole numbers without an error
        count += levels.shape[1]
        sums = sums + levels.sum(1)  # (C,)
        products = products + levels @ levels.T  # (C, C)
    whole_sums, whole_products = sums.astype(np.int64).astype(object), products.astype(np.int64).astype(object)
    # in Python's integers, as the two sides may agree in all digits of a float
    covariance = (count * whole_products - np.outer(whole_sums, whole_sums)) / (255 * count) ** 2
    eigenvalues, vectors = np.linalg.eigh(covariance.astype(np.float64))
    axes = []
    for eigenvalue, vector in sorted(zip(eigenvalues.tolist(), vectors.T, strict=True), key=lambda pair: -pair[0]):
        sign = np.sign(vector[np.argmax(np.abs(vector))])
        axes.append(tuple((max(0.0, eigenvalue) * sign * vector + 0.0).tolist()))
    return tuple(axes)
