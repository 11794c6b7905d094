"""How well classes are told apart: accuracy, macro F1, calibration, and the tables of every class and of what it is taken for.

N images, K classes; log_p (N, K) natural logarithms, labels (N,); a prediction is the class of the largest log p.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["calibration_error", "class_metrics", "class_table", "confusion_matrix", "confusion_table", "metrics_of_classes"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NUM_BINS = 15
TOP = 5
MOST_CLASSES_OF_A_MATRIX = 30  # a wider one is no longer read


def metrics_of_classes(log_p: Floats, labels: Integers) -> dict[str, float]:
    """Loss (nats an image), accuracy, macro F1 and calibration error; accuracy among the first five where there are six classes or more.

    >>> metrics_of_classes(np.log([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    {'loss': 0.510..., 'accuracy': 0.5, 'macro_f1': 0.333..., 'calibration_error': 0.35...}
    """
    predicted = log_p.argmax(1)
    of_label = np.take_along_axis(log_p, labels[:, None], 1)
    metrics = {"loss": float(-of_label.mean()), "accuracy": float((predicted == labels).mean())}
    if log_p.shape[1] > TOP:
        metrics[f"top_{TOP}_accuracy"] = float(((log_p > of_label).sum(1) < TOP).mean())
    _, _, f1 = class_metrics(confusion_matrix(labels, predicted, log_p.shape[1]))
    metrics["macro_f1"] = float(np.nanmean(f1))
    metrics["calibration_error"] = calibration_error(np.exp(log_p.max(1)), predicted == labels)
    return metrics


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = NUM_BINS) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599, eq. 5): in bins of equal width of the probability of the predicted
    class, (0, 1/15], (1/15, 2/15] ..., the distance between its mean and the accuracy, weighted by the images in the bin.

    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    surplus = np.bincount(place, confidence - right, bins)  # images x (mean confidence - accuracy), a bin each
    return float(np.abs(surplus).sum() / len(confidence))


def confusion_matrix(labels: Integers, predicted: Integers, num_classes: int) -> Integers:
    """(K, K): how many images of the class of the row were taken for that of the column.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    return np.bincount(labels * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_metrics(confusion: Integers) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of each class, (K,) each.

    NaN stands where a metric divides by nothing: precision of a class that is never predicted, recall of one without an image, F1 of
    one with neither. Such an F1 is no part of the macro mean, as in scikit-learn.
    """
    right, labelled, predicted = np.diag(confusion).astype(np.float64), confusion.sum(1), confusion.sum(0)
    with np.errstate(invalid="ignore"):
        return right / predicted, right / labelled, 2 * right / (labelled + predicted)


def class_table(confusion: Integers, classes: Sequence[str]) -> list[dict[str, Any]]:
    """A row a class: its images, precision, recall and F1; None where one is not defined."""
    scores = [[None if np.isnan(value) else float(value) for value in column] for column in class_metrics(confusion)]
    return [
        {"class": name, "images": int(images), "precision": precision, "recall": recall, "f1": f1}
        for name, images, precision, recall, f1 in zip(classes, confusion.sum(1), *scores, strict=True)
    ]


def confusion_table(confusion: Integers, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The confusion matrix with a row a class of the labels, and a column "as ..." for what its images were taken for.

    Empty where there are too many classes to be read so.

    >>> confusion_table(np.array([[4, 1], [0, 5]]), ["cat", "dog"])[0]
    {'class': 'cat', 'as cat': 4, 'as dog': 1}
    """
    if len(classes) > MOST_CLASSES_OF_A_MATRIX:
        return []
    return [
        {"class": name} | {f"as {other}": int(count) for other, count in zip(classes, row, strict=True)}
        for name, row in zip(classes, confusion, strict=True)
    ]
