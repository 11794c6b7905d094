"""Dice, IoU and accuracy of pixels against scikit-learn's and against sets of pixels, void left out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from gyebo.data.masked_images import VOID
from gyebo.tasks.mask_metrics import class_scores, mask_table, metrics_of_masks, pixel_confusion


def drawn(num_classes: int, void: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, (13, 17)).astype(np.uint8)
    predicted = np.where(rng.random(labels.shape) < 0.6, labels, rng.integers(0, num_classes, labels.shape)).astype(np.uint8)
    if void:
        labels[rng.random(labels.shape) < 0.3] = VOID
    return labels, predicted


@pytest.mark.parametrize("num_classes", [2, 5])
@pytest.mark.parametrize("void", [False, True])
def test_scores_are_those_of_scikit_learn(num_classes, void):
    labels, predicted = drawn(num_classes, void)
    there = labels != VOID
    confusion = pixel_confusion(labels, predicted, num_classes)
    dice, iou = class_scores(confusion)
    truth, answer = labels[there], predicted[there]
    np.testing.assert_allclose(dice, sklearn_metrics.f1_score(truth, answer, average=None), rtol=1e-12)
    np.testing.assert_allclose(iou, sklearn_metrics.jaccard_score(truth, answer, average=None), rtol=1e-12)
    found = metrics_of_masks(confusion)
    assert found["pixel_accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(truth, answer), rel=1e-12)
    assert found["mean_iou"] == pytest.approx(sklearn_metrics.jaccard_score(truth, answer, average="macro"), rel=1e-12)
    if num_classes == 2:
        assert found["dice"] == pytest.approx(sklearn_metrics.f1_score(truth, answer), rel=1e-12)
        assert found["iou"] == pytest.approx(sklearn_metrics.jaccard_score(truth, answer), rel=1e-12)
    else:
        assert found.keys() == {"pixel_accuracy", "mean_dice", "mean_iou"}


def test_scores_are_those_of_sets_of_pixels():
    labels, predicted = drawn(3, void=True, seed=1)
    dice, iou = class_scores(pixel_confusion(labels, predicted, 3))
    for number in range(3):
        there = {place for place in np.ndindex(labels.shape) if labels[place] == number}
        found = {place for place in np.ndindex(labels.shape) if predicted[place] == number and labels[place] != VOID}
        assert dice[number] == pytest.approx(2 * len(there & found) / (len(there) + len(found)))
        assert iou[number] == pytest.approx(len(there & found) / len(there | found))


def test_a_class_that_is_neither_there_nor_found_is_no_part_of_the_mean():
    confusion = pixel_confusion(np.array([0, 1, 1], np.uint8), np.array([0, 1, 0], np.uint8), 3)
    assert np.isnan(class_scores(confusion)[0][2])
    assert metrics_of_masks(confusion)["mean_iou"] == pytest.approx((0.5 + 0.5) / 2)
    assert mask_table(confusion, ("a", "b", "c"))[2] == {"class": "c", "pixels": 0, "share": 0.0, "dice": None, "iou": None}


def test_void_everywhere_measures_nothing():
    confusion = pixel_confusion(np.full((2, 2), VOID, np.uint8), np.zeros((2, 2), np.uint8), 2)
    assert all(np.isnan(value) for value in metrics_of_masks(confusion).values())
