"""Metrics of classes equal scikit-learn's, and are defined where it warns."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from gyebo.tasks.image_metrics import (
    calibration_error,
    class_metrics,
    class_table,
    confusion_matrix,
    confusion_table,
    metrics_of_classes,
)


def beliefs(images: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """log p (N, K) of a model that is right more often than not, and labels (N,)."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, images)
    logits = draw.normal(size=(images, classes)) + 2 * (labels[:, None] == np.arange(classes))
    return logits - np.log(np.exp(logits).sum(1, keepdims=True)), labels


@pytest.mark.parametrize(("images", "classes", "seed"), [(200, 10, 0), (50, 6, 1), (40, 3, 2), (30, 2, 3)])
def test_equal_to_scikit_learn(images, classes, seed):
    log_p, labels = beliefs(images, classes, seed)
    predicted, every = log_p.argmax(1), np.arange(classes)
    found = metrics_of_classes(log_p, labels)
    assert found["loss"] == pytest.approx(reference.log_loss(labels, np.exp(log_p), labels=every))
    assert found["accuracy"] == reference.accuracy_score(labels, predicted)
    assert found["macro_f1"] == pytest.approx(reference.f1_score(labels, predicted, average="macro"))
    assert ("top_5_accuracy" in found) == (classes >= 6)
    if classes >= 6:
        assert found["top_5_accuracy"] == reference.top_k_accuracy_score(labels, log_p, k=5, labels=every)
    confusion = confusion_matrix(labels, predicted, classes)
    assert (confusion == reference.confusion_matrix(labels, predicted, labels=every)).all()
    precision, recall, f1, support = reference.precision_recall_fscore_support(labels, predicted, labels=every)
    for ours, theirs in zip(class_metrics(confusion), (precision, recall, f1), strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert [row["images"] for row in class_table(confusion, [str(name) for name in every])] == support.tolist()


def test_classes_that_never_occur_are_no_part_of_the_macro_mean():
    log_p, labels = np.log([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), np.array([0, 0])
    predicted = log_p.argmax(1)
    expected = reference.f1_score(labels, predicted, average="macro")
    assert metrics_of_classes(log_p, labels)["macro_f1"] == pytest.approx(expected)
    first, second, third = class_table(confusion_matrix(labels, predicted, 3), ["a", "b", "c"])
    assert first == {"class": "a", "images": 2, "precision": 1.0, "recall": 0.5, "f1": 2 / 3}
    assert second == {"class": "b", "images": 0, "precision": 0.0, "recall": None, "f1": 0.0}
    assert third == {"class": "c", "images": 0, "precision": None, "recall": None, "f1": None}


def test_calibration_error_is_that_of_its_definition():
    draw = np.random.default_rng(4)
    confidence = draw.uniform(0, 1, 500)
    right = draw.uniform(0, 1, 500) < confidence**2
    expected = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert calibration_error(confidence, right) == pytest.approx(expected)
    assert calibration_error(np.ones(3), np.ones(3, dtype=bool)) == 0.0
    assert calibration_error(np.zeros(2), np.zeros(2, dtype=bool)) == 0.0


def test_a_matrix_too_wide_to_read_is_left_out():
    assert len(confusion_table(np.eye(30, dtype=np.int64), [str(number) for number in range(30)])) == 30
    assert confusion_table(np.eye(31, dtype=np.int64), [str(number) for number in range(31)]) == []
