"""How right a model is about each image of a split, and the tables and pictures that an evaluation shows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gyebo.data.masked_images import VOID
from gyebo.tasks.interface import Prediction
from gyebo.tasks.mask_metrics import mask_table, metrics_of_masks, pixel_confusion
from gyebo.tasks.mask_pictures import as_base64, grey_or_colour, laid_over, mistakes, png, side_by_side

__all__ = ["Judged", "judged_metrics", "judged_tables", "pictures_of", "worst_first"]

NUM_WORST = 8
LARGEST_PICTURE = 720  # pixels from left to right, of three pictures side by side


@dataclass(frozen=True)
class Judged:
    """One image: its mask and the one predicted, (H, W) class numbers, the confusion of its pixels, and the sum of -log p over them."""

    name: str
    truth: NDArray[np.uint8]
    predicted: NDArray[np.uint8]
    confusion: NDArray[np.int64]
    loss: float
    prediction: Prediction

    @classmethod
    def of(cls, name: str, log_p: Tensor, mask: Tensor, prediction: Prediction) -> Judged:
        """log_p (K, H, W), mask (H, W)."""
        predicted, truth = log_p.argmax(0).byte().numpy(), mask.numpy()
        labelled = mask != VOID
        of_label = log_p.gather(0, mask.long().masked_fill(~labelled, 0)[None])[0]
        loss = float(-of_label[labelled].double().sum())
        return cls(name, truth, predicted, pixel_confusion(truth, predicted, len(log_p)), loss, prediction)


def judged_metrics(judged: Sequence[Judged]) -> dict[str, float]:
    """The loss of a labelled pixel in nats, and the metrics over all pixels of all images."""
    confusion = np.sum([each.confusion for each in judged], axis=0)
    return {"loss": sum(each.loss for each in judged) / max(1, int(confusion.sum()))} | metrics_of_masks(confusion)


def worst_first(judged: Sequence[Judged]) -> list[int]:
    """The places of the images with the lowest mean IoU, the worst one first; images without a labelled pixel are left out."""
    scores = {row: metrics_of_masks(each.confusion)["mean_iou"] for row, each in enumerate(judged) if each.confusion.sum()}
    return sorted(scores, key=lambda row: (scores[row], row))[:NUM_WORST]


def judged_tables(judged: Sequence[Judged], worst: Sequence[int], classes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """A table of the classes, and one of the worst images."""
    return {
        "classes": mask_table(np.sum([each.confusion for each in judged], axis=0), classes),
        "worst_images": [{"image": judged[row].name} | _told(metrics_of_masks(judged[row].confusion)) for row in worst],
    }


def _told(metrics: dict[str, float]) -> dict[str, float | None]:
    """None for what is not defined, such as Dice of a class that is neither there nor found."""
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}


def pictures_of(judged: Sequence[Judged], images: Sequence[Tensor], num_classes: int) -> list[str]:
    """For each image truth, prediction and mistakes side by side, a PNG in base64."""
    pictures = []
    for each, pixels in zip(judged, images, strict=True):
        image = grey_or_colour(pixels)
        truth, predicted = (laid_over(image, mask, num_classes) for mask in (each.truth, each.predicted))
        wrong = mistakes(image, each.truth, each.predicted, num_classes)
        pictures.append(as_base64(png(side_by_side([truth, predicted, wrong]), LARGEST_PICTURE)))
    return pictures
