"""Where a classifier goes wrong: the worst mistakes, what is confused most, labels that are likely wrong, and whose fault the errors are.

N images, K classes; log_p (N, K) natural logarithms, labels (N,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Judged", "bias_and_variance", "likely_wrong_labels", "most_confused", "worst_mistakes"]

NUM_ROWS = 12


@dataclass(frozen=True)
class Judged:
    """The images of a split with what a model believes of them: log_p (N, K), labels (N,), where each image came from."""

    split: str
    log_p: NDArray[np.float64]
    labels: NDArray[np.int64]
    names: Sequence[str]

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        return self.log_p.argmax(1)

    @property
    def error(self) -> float:
        """The share of images that are taken for another class."""
        return float((self.predicted != self.labels).mean())

    def row(self, image: int, classes: Sequence[str]) -> dict[str, Any]:
        """What a table says of one image."""
        label, predicted = int(self.labels[image]), int(self.predicted[image])
        return {
            "image": self.names[image],
            "label": classes[label],
            "predicted": classes[predicted],
            "probability": float(np.exp(self.log_p[image, predicted])),
            "probability_of_label": float(np.exp(self.log_p[image, label])),
        }


def worst_mistakes(judged: Judged, count: int = NUM_ROWS) -> list[int]:
    """The mistakes of the largest loss, the worst first: numbers of images."""
    wrong = np.flatnonzero(judged.predicted != judged.labels)
    return wrong[np.argsort(judged.log_p[wrong, judged.labels[wrong]], kind="stable")][:count].tolist()


def most_confused(confusion: NDArray[np.int64], classes: Sequence[str], count: int = NUM_ROWS) -> list[dict[str, Any]]:
    """Pairs of a label and another class that its images were taken for, the most images first; share: of the images of the label.

    >>> most_confused(np.array([[8, 2], [0, 5]]), ["cat", "dog"])
    [{'label': 'cat', 'predicted': 'dog', 'images': 2, 'share': 0.2}]
    """
    others = confusion - np.diag(np.diag(confusion))
    flat = np.argsort(-others, axis=None, kind="stable")[:count]
    return [
        {
            "label": classes[label],
            "predicted": classes[predicted],
            "images": int(others[label, predicted]),
            "share": float(others[label, predicted] / confusion[label].sum()),
        }
        for label, predicted in zip(*(axis.tolist() for axis in np.unravel_index(flat, others.shape)), strict=True)
        if others[label, predicted]
    ]


def likely_wrong_labels(splits: Sequence[Judged], classes: Sequence[str], count: int = NUM_ROWS) -> list[dict[str, Any]]:
    """Images whose label the model contradicts with confidence, the clearest first (Northcutt et al. 2021, arXiv 1911.00068, section 3.1).

    The threshold of a class is the mean probability that the model gives it on images labelled so. An image is suspected of being of
    the predicted class where that one's probability reaches its threshold, and its label's own is below its own. The splits are ones
    that were not trained on: of those that were, a model may have learned the labels by heart.
    """
    found = []
    for judged in splits:
        p = np.exp(judged.log_p)
        one_hot = judged.labels[:, None] == np.arange(len(classes))
        with np.errstate(invalid="ignore"):
            threshold = (p * one_hot).sum(0) / one_hot.sum(0)  # NaN, which nothing reaches, for a class without images
        of_predicted, of_label = p.max(1), np.take_along_axis(p, judged.labels[:, None], 1)[:, 0]
        suspected = judged.predicted != judged.labels
        suspected &= (of_predicted >= threshold[judged.predicted]) & (of_label < threshold[judged.labels])
        for image in np.flatnonzero(suspected).tolist():
            found.append((of_label[image] - of_predicted[image], judged, image))
    clearest = sorted(found, key=lambda item: item[0])[:count]
    return [{"split": judged.split} | judged.row(image, classes) for _, judged, image in clearest]


MEND = {
    "avoidable bias": "a larger model, longer training or another architecture",
    "variance": "more data, augmentation, or a smaller or more regularised model",
    "difference of the splits": "a larger validation split, more like the test split",
}


def bias_and_variance(human: float | None, splits: Sequence[Judged]) -> list[dict[str, Any]]:
    """The errors from human level over the training split to the validation and test splits, and what the gap before each one means.

    human: the error of a human, or the best that can be had; None stands for 0. splits: training, validation, test, of which some may
    be missing. The largest gap says so, with what lessens it.

    >>> right, wrong = np.log([[0.9, 0.1]]), np.log([[0.1, 0.9]])
    >>> rows = bias_and_variance(None, [Judged("train", right, np.array([0]), "a"), Judged("validation", wrong, np.array([0]), "b")])
    >>> [(row["level"], row["error"], row["gap"]) for row in rows]
    [('no mistakes', 0.0, None), ('train', 0.0, 0.0), ('validation', 1.0, 1.0)]
    >>> rows[-1]["what_the_gap_means"]
    'variance (the largest gap): more data, augmentation, or a smaller or more regularised model'
    """
    level = "no mistakes" if human is None else "human level"
    rows: list[dict[str, Any]] = [{"level": level, "what_the_gap_means": "", "images": None, "error": human or 0.0, "gap": None}]
    for judged, meaning in zip(splits, MEND, strict=False):
        gap = judged.error - rows[-1]["error"]
        images = len(judged.labels)
        rows.append({"level": judged.split, "what_the_gap_means": meaning, "images": images, "error": judged.error, "gap": gap})
    largest = max(rows[1:], key=lambda row: row["gap"])
    if largest["gap"] > 0:
        largest["what_the_gap_means"] += f" (the largest gap): {MEND[largest['what_the_gap_means']]}"
    return rows
