"""What training on masks minimises: cross-entropy, each pixel with its weight, and Dice.  Ronneberger et al. 2015, eq. 1 and 2.

Letters: B batch, H W the image, K logits a pixel: one for a sigmoid where there are two classes, or one for each class.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gyebo.data.masked_images import VOID

__all__ = ["border_weights", "class_balance", "connected_regions", "dice_loss", "log_probabilities", "pixel_losses"]

REACH = 5
"""deviations beyond which a border weighs nothing: there it would add w0 exp(-25 / 2), four millionths of w0"""


def log_probabilities(logits: Tensor) -> Tensor:
    """(B, K, H, W) -> log p of every class, (B, max(2, K), H, W): by the sigmoid of one logit, or by a softmax."""
    if logits.shape[1] == 1:
        return torch.cat([F.logsigmoid(-logits), F.logsigmoid(logits)], 1)
    return logits.log_softmax(1)


def pixel_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p of each pixel's class, 0 where nobody has labelled it: (B, K, H, W) and class numbers (B, H, W) -> (B, H, W)."""
    labels = labels.long()
    if logits.shape[1] == 1:
        losses = F.binary_cross_entropy_with_logits(logits[:, 0], (labels == 1).to(logits.dtype), reduction="none")
        return losses.masked_fill(labels == VOID, 0)
    return F.cross_entropy(logits, labels, ignore_index=VOID, reduction="none")


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - (2 sum p y + 1) / (sum p + sum y + 1) of each image, (B,): p the probability of a class, y whether it is there.

    With one logit it is that of the second class, with several the mean over the classes. Pixels that nobody has labelled count nowhere.
    """
    labelled = (labels != VOID)[:, None]
    if logits.shape[1] == 1:
        p, y = logits.sigmoid(), (labels == 1)[:, None]
    else:
        p, y = logits.softmax(1), F.one_hot(labels.long().masked_fill(~labelled[:, 0], 0), logits.shape[1]).movedim(-1, 1)
    p, y = p * labelled, y * labelled  # (B, K, H, W) each
    dice = (2 * (p * y).sum((2, 3)) + 1) / (p.sum((2, 3)) + y.sum((2, 3)) + 1)  # (B, K)
    return 1 - dice.mean(1)


def class_balance(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """w_c: what makes classes with these many pixels weigh the same, (K,), 1 in the mean over the pixels; 0 for a class without any.

    >>> class_balance(np.array([60, 20, 0])).tolist()
    [0.666..., 2.0, 0.0]
    """
    there = counts > 0
    return np.where(there, counts.sum() / (max(1, there.sum()) * np.maximum(counts, 1)), 0).astype(np.float32)


def border_weights(cells: NDArray[np.bool_], weight: float = 10.0, sigma: float = 5.0) -> NDArray[np.float32]:
    """w0 exp(-(d1 + d2)^2 / 2 sigma^2) of eq. 2, (H, W): large between two cells that nearly touch.

    cells: whether a pixel belongs to a cell; each connected region is one. d1 and d2 are the distances, in pixels, to the nearest and to
    the second nearest cell. In a cell the weight is 0: it is the background between cells that has to be learned.
    """
    regions = connected_regions(cells)
    height, width = cells.shape
    reach = math.ceil(REACH * sigma)
    around = np.pad(regions, reach)
    nearest = np.zeros_like(regions)
    first = np.full(cells.shape, np.inf, np.float32)
    second = np.full(cells.shape, np.inf, np.float32)
    offsets = [(y * y + x * x, y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    for square, down, right in sorted(offset for offset in offsets if offset[0] <= reach * reach):
        there = around[reach + down : reach + down + height, reach + right : reach + right + width]
        distance = np.float32(math.sqrt(square))
        is_first = (nearest == 0) & (there > 0)
        is_second = (nearest > 0) & (there > 0) & (there != nearest) & np.isinf(second)
        nearest[is_first], first[is_first], second[is_second] = there[is_first], distance, distance
    sums = np.where(cells, np.inf, first + second)
    return (weight * np.exp(-np.square(sums) / (2 * sigma**2))).astype(np.float32)


def connected_regions(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A number above 0 for each connected region, pixels touching at their sides; 0 elsewhere.  (H, W).

    Every pixel begins with its own number, and rows and columns take turns: within a run of pixels all take the largest one.

    >>> connected_regions(np.array([[True, True, False], [False, True, False], [True, False, True]]))
    array([[5, 5, 0],
           [0, 5, 0],
           [7, 0, 9]])
    """
    regions = np.arange(1, there.size + 1).reshape(there.shape) * there
    while True:
        spread = _largest_of_runs(_largest_of_runs(regions).T).T
        if np.array_equal(spread, regions):
            return regions
        regions = spread


def _largest_of_runs(regions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every run of neighbours above 0 in a row takes its largest number."""
    flat = np.pad(regions, ((0, 0), (0, 1))).ravel()  # a 0 behind each row keeps runs of two rows apart
    begins = np.flatnonzero(np.diff(flat > 0, prepend=~(flat[:1] > 0)))
    largest = np.maximum.reduceat(flat, begins)
    return np.repeat(largest, np.diff(begins, append=len(flat))).reshape(len(regions), -1)[:, :-1]
