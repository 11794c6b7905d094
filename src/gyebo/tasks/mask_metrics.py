"""How well masks are found: Dice, intersection over union and pixel accuracy, from the counts of pixels by label and prediction.

K classes; a confusion matrix (K, K) counts the pixels of the class of its row that were taken for that of its column. Pixels that
nobody has labelled count nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyebo.data.masked_images import VOID

__all__ = ["class_scores", "mask_table", "metrics_of_masks", "pixel_confusion"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def pixel_confusion(labels: NDArray[np.uint8], predicted: NDArray[np.uint8], num_classes: int) -> Integers:
    """(K, K) for class numbers of any shape, VOID among the labels.

    >>> pixel_confusion(np.array([0, 0, 1, 255], np.uint8), np.array([0, 1, 1, 1], np.uint8), 2)
    array([[1, 1],
           [0, 1]])
    """
    labelled = labels != VOID
    places = labels[labelled].astype(np.int64) * num_classes + predicted[labelled]
    return np.bincount(places, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_scores(confusion: Integers) -> tuple[Floats, Floats]:
    """Dice 2|A and B| / (|A| + |B|) and IoU |A and B| / |A or B| of each class, (K,) each; NaN for one that is neither there nor found."""
    both, labelled, predicted = np.diag(confusion).astype(np.float64), confusion.sum(1), confusion.sum(0)
    with np.errstate(invalid="ignore"):
        return 2 * both / (labelled + predicted), both / (labelled + predicted - both)


def metrics_of_masks(confusion: Integers) -> dict[str, float]:
    """Pixel accuracy, and the means of Dice and IoU over the classes that are there or found.

    Of two classes, "dice" and "iou" are those of the second one, what is looked for.

    >>> metrics_of_masks(np.array([[6, 1], [1, 2]]))
    {'pixel_accuracy': 0.8, 'mean_dice': 0.761..., 'mean_iou': 0.625, 'dice': 0.666..., 'iou': 0.5}
    """
    dice, iou = class_scores(confusion)
    pixels = int(confusion.sum())
    if not pixels:
        return dict.fromkeys(("pixel_accuracy", "mean_dice", "mean_iou", *(("dice", "iou") if len(confusion) == 2 else ())), np.nan)
    metrics = {
        "pixel_accuracy": float(np.trace(confusion) / pixels),
        "mean_dice": float(np.nanmean(dice)),
        "mean_iou": float(np.nanmean(iou)),
    }
    return metrics | ({"dice": float(dice[1]), "iou": float(iou[1])} if len(confusion) == 2 else {})


def mask_table(confusion: Integers, classes: Sequence[str]) -> list[dict[str, Any]]:
    """A row a class: its pixels, their share, Dice and IoU; None where one is not defined."""
    scores = [[None if np.isnan(value) else float(value) for value in column] for column in class_scores(confusion)]
    pixels = confusion.sum(1)
    return [
        {"class": name, "pixels": int(count), "share": float(count / max(1, pixels.sum())), "dice": dice, "iou": iou}
        for name, count, dice, iou in zip(classes, pixels, *scores, strict=True)
    ]
