"""Mistakes: the worst first, the most confused, labels that are likely wrong, and whose fault the errors are."""

from __future__ import annotations

import numpy as np
import pytest

from gyebo.tasks.image_metrics import confusion_matrix
from gyebo.tasks.image_mistakes import Judged, bias_and_variance, likely_wrong_labels, most_confused, worst_mistakes

CLASSES = ("cat", "dog", "cow")


def judged(p: list[list[float]], labels: list[int], split: str = "test") -> Judged:
    return Judged(split, np.log(p), np.array(labels), [f"{split} {number}" for number in range(len(labels))])


def test_the_worst_mistakes_are_those_of_the_largest_loss():
    some = judged([[0.6, 0.3, 0.1], [0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]], [1, 1, 1, 2])
    assert worst_mistakes(some) == [1, 3, 0]
    assert worst_mistakes(some, 1) == [1]
    assert some.row(1, CLASSES) == {
        "image": "test 1",
        "label": "dog",
        "predicted": "cat",
        "probability": pytest.approx(0.9),
        "probability_of_label": pytest.approx(0.05),
    }
    assert worst_mistakes(judged([[0.9, 0.05, 0.05]], [0])) == []


def test_the_most_confused_pairs_come_first_and_right_answers_never():
    confusion = np.array([[50, 1, 0], [3, 40, 0], [0, 0, 9]])
    assert most_confused(confusion, CLASSES) == [
        {"label": "dog", "predicted": "cat", "images": 3, "share": 3 / 43},
        {"label": "cat", "predicted": "dog", "images": 1, "share": 1 / 51},
    ]
    assert most_confused(np.diag([3, 3, 3]), CLASSES) == []


def test_flipped_labels_are_found_and_honest_mistakes_are_not():
    """As confident learning promises: of labels that were exchanged, the most are found; hard images are not accused."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 300)
    logits = draw.normal(scale=0.5, size=(300, 3)) + 5 * (truth[:, None] == np.arange(3))
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    labels = truth.copy()
    flipped = draw.choice(300, 10, replace=False)
    labels[flipped] = (truth[flipped] + 1) % 3
    rows = likely_wrong_labels([Judged("test", log_p, labels, [str(number) for number in range(300)])], CLASSES)
    assert {int(row["image"]) for row in rows} <= set(flipped.tolist())
    assert len(rows) >= 5
    assert {row["split"] for row in rows} == {"test"}
    margins = [row["probability_of_label"] - row["probability"] for row in rows]
    assert margins == sorted(margins), "the clearest first"


def test_a_hesitant_mistake_is_no_suspicion():
    sure = [[0.98, 0.01, 0.01]] * 5 + [[0.01, 0.98, 0.01]] * 5
    hesitant = judged([*sure, [0.5, 0.4, 0.1]], [0] * 5 + [1] * 6)
    assert likely_wrong_labels([hesitant], CLASSES) == [], "a class without an image, cow, is no trouble"


def test_both_held_out_splits_are_searched():
    sure = [[0.9, 0.05, 0.05]] * 3 + [[0.05, 0.9, 0.05]] * 3
    splits = [judged([*sure, [0.96, 0.02, 0.02]], [0] * 3 + [1] * 4, name) for name in ("validation", "test")]
    assert [row["split"] for row in likely_wrong_labels(splits, CLASSES)] == ["validation", "test"]


def test_rows_are_written_only_of_the_images_that_are_told(monkeypatch):
    sure = [[0.9, 0.05, 0.05]] * 30 + [[0.05, 0.9, 0.05]] * 30
    some = judged([*sure, *([[0.96, 0.02, 0.02]] * 20)], [0] * 30 + [1] * 50)
    assert len(likely_wrong_labels([some], CLASSES, 100)) == 20
    written = []
    genuine = Judged.row
    monkeypatch.setattr(Judged, "row", lambda self, image, classes: written.append(image) or genuine(self, image, classes))
    rows = likely_wrong_labels([some], CLASSES, 3)
    assert [row["image"] for row in rows] == [f"test {image}" for image in written] == ["test 60", "test 61", "test 62"]


def test_the_predicted_classes_are_computed_once():
    some = of_error("test", 7)
    assert some.predicted is some.predicted


def of_error(split: str, wrong: int, images: int = 100) -> Judged:
    return judged([[0.9, 0.05, 0.05]] * images, [1] * wrong + [0] * (images - wrong), split)


@pytest.mark.parametrize(
    ("human", "errors", "largest"),
    [
        (0.01, (15, 16, 16), "avoidable bias (the largest gap): a larger model, longer training or another architecture"),
        (0.01, (1, 11, 12), "variance (the largest gap): more data, augmentation, or a smaller or more regularised model"),
        (0.14, (15, 18, 19), "variance (the largest gap): more data, augmentation, or a smaller or more regularised model"),
        (None, (15, 18, 19), "avoidable bias (the largest gap): a larger model, longer training or another architecture"),
        (0.0, (1, 2, 12), "difference of the splits (the largest gap): a larger validation split, more like the test split"),
    ],
)
def test_the_largest_gap_is_named(human, errors, largest):
    splits = [of_error(name, wrong) for name, wrong in zip(("train", "validation", "test"), errors, strict=True)]
    rows = bias_and_variance(human, splits)
    assert [row["error"] for row in rows] == [human or 0.0, *(error / 100 for error in errors)]
    assert rows[0]["level"] == ("no mistakes" if human is None else "human level")
    assert sum(row["gap"] for row in rows[1:]) == pytest.approx(errors[-1] / 100 - (human or 0.0))
    assert [row["what_the_gap_means"] for row in rows if "largest" in row["what_the_gap_means"]] == [largest]


def test_no_gap_is_no_fault():
    rows = bias_and_variance(0.2, [of_error("train", 10), of_error("validation", 5)])
    assert [row["what_the_gap_means"] for row in rows] == ["", "avoidable bias", "variance"]


def test_error_and_confusion_agree():
    some = of_error("test", 7)
    confusion = confusion_matrix(some.labels, some.predicted, 3)
    assert some.error == pytest.approx(1 - np.trace(confusion) / confusion.sum()) == pytest.approx(0.07)
