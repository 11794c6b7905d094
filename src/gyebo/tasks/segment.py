"""Segmentation: an image in, the class of each of its pixels out.  The losses are those of Ronneberger et al. 2015.

Data flow: images and masks in memory as bytes -> random crops, each with the margin that the network reads around it, changed at random
-> standardised channels -> logits of the middle -> cross-entropy, each pixel with its weight, and Dice. An evaluation reads whole
images, tile by tile (`gyebo.tasks.tiles`).

With two classes the model has one logit for the second one, for a sigmoid, or with `one_logit = false` two for a softmax, as in the
paper; the two are the same family of functions. With more classes it has a logit for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.data.augmentation import AugmentationConfig
from gyebo.data.batching import Rows
from gyebo.data.download import Progress
from gyebo.data.image_files import read_whole_image
from gyebo.data.image_fitting import fitted
from gyebo.data.masked_images import VOID, label_counts
from gyebo.data.masks import ImageMasks, MasksConfig, open_masks, open_whole_masks
from gyebo.errors import UsageError, did_you_mean
from gyebo.tasks.interface import Evaluation, Interrupt, Prediction
from gyebo.tasks.mask_batches import Crops, MaskPreprocessing
from gyebo.tasks.mask_evaluation import Judged, judged_metrics, judged_tables, pictures_of, worst_first
from gyebo.tasks.mask_losses import border_weights, class_balance, dice_loss, log_probabilities, pixel_losses
from gyebo.tasks.next_token import evaluating
from gyebo.tasks.tiles import Grid, tiled_logits

__all__ = ["Segment", "SegmentConfig", "SegmentationProblem"]

HIGHER_IS_BETTER = {"loss": False, "pixel_accuracy": True, "mean_dice": True, "mean_iou": True}
OF_TWO_CLASSES = {"dice": True, "iou": True}
NUM_SHARES = 5  # classes that a prediction names
LARGEST_SIDE = 4_096


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """The [segment] table of a recipe."""

    masks: MasksConfig = field(default_factory=MasksConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    crop: int = 128
    """rows and columns of pixels in a training crop that get logits, rounded up to what the network can halve"""
    crops: int = 1
    """random crops of each image in an epoch"""
    one_logit: bool = True
    """two classes get one logit, for a sigmoid; else two, for a softmax"""
    balance_classes: bool = False
    """weigh each pixel so that all classes weigh the same (w_c of eq. 2)"""
    border_class: str = ""
    """the class whose connected regions are cells, to be told apart: pixels between two of them weigh more (eq. 2); "" for none"""
    border_weight: float = 10.0
    """w0 of eq. 2"""
    border_sigma: float = 5.0
    """sigma of eq. 2, in pixels"""
    dice_weight: float = 0.0
    """how much of the Dice loss is added to the cross-entropy"""
    tile: int = 512
    """larger images are read in tiles of about so many pixels a side"""
    overlap: int = 16
    """pixels around each tile that are read too, by a network that pads; one that does not pad reads a margin anyway"""

    def __post_init__(self) -> None:
        for name in ("crop", "crops", "tile"):
            if not 1 <= getattr(self, name) <= LARGEST_SIDE:
                raise ValueError(f"{name}={getattr(self, name)} came, but a number from 1 to {LARGEST_SIDE:,} was expected.")
        if self.overlap < 0 or self.dice_weight < 0 or self.border_weight < 0:
            raise ValueError("overlap, dice_weight and border_weight cannot be negative; 0 turns each of them off.")
        if not 0 < self.border_sigma <= 50:
            raise ValueError(
                f"border_sigma={self.border_sigma} came, but a deviation above 0 pixels, up to 50, was expected; 5 is usual."
            )


class Segment:
    """The task: its config, and the classes and statistics of the training images."""

    name = "segment"
    Config = SegmentConfig
    model_field_names = ("num_channels", "num_classes")
    reads = "images"

    def __init__(self, config: SegmentConfig, preprocessing: MaskPreprocessing) -> None:
        self.config, self.preprocessing = config, preprocessing

    @staticmethod
    def open(
        data: tuple[str, ...], config: SegmentConfig, data_dir: Path | None, on_progress: Progress | None = None
    ) -> ImageMasks:
        return open_masks(data, config.masks, data_dir, on_progress)

    @staticmethod
    def open_whole(data: tuple[str, ...], config: SegmentConfig, data_dir: Path | None) -> ImageMasks:
        return open_whole_masks(data, config.masks, data_dir)

    @classmethod
    def learn(cls, config: SegmentConfig, data: ImageMasks) -> Segment:
        """Raises UsageError where the training masks hold one class only, or the class of `border_class` is none of the data's."""
        there = [name for name, count in zip(data.classes, _pixels(data), strict=True) if count]
        if len(there) < 2:
            raise UsageError(
                f"The training masks of {data.name} hold one class only ({''.join(there) or 'no labelled pixel'}), and telling"
                " classes apart takes two. Give masks of another class too, or hold out fewer images."
            )
        if config.border_class and config.border_class not in data.classes:
            raise UsageError(
                f"border_class is {config.border_class!r}, but no class of {data.name} is called so."
                f" {did_you_mean(config.border_class, data.classes)}"
            )
        return cls(config, MaskPreprocessing.of(data, config.augmentation))

    @classmethod
    def load(cls, config: Mapping[str, Any], folder: Path) -> Segment:
        """Read a task that `save` wrote.  Raises GyeboError for a file that is missing or damaged."""
        settings = from_mapping(SegmentConfig, config, f"{folder / 'config.json'}")
        return cls(settings, MaskPreprocessing.load(folder / "preprocessing.json"))

    def save(self, folder: Path) -> None:
        self.preprocessing.save(folder / "preprocessing.json")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.preprocessing.classes

    def model_fields(self) -> dict[str, Any]:
        one = len(self.classes) == 2 and self.config.one_logit
        return {"num_channels": self.preprocessing.channels, "num_classes": 1 if one else len(self.classes)}

    def problem(self, data: ImageMasks, seed: int = 0) -> SegmentationProblem:
        return SegmentationProblem(self, data, seed)

    def log_probabilities(self, model: nn.Module, image: Tensor, device: str, interrupt: Interrupt) -> Tensor:
        """log p of every class for every pixel, (K, H, W), of bytes (C, H, W) in grey or in colour."""
        fitting = fitted(image[None], 0, self.preprocessing.channels)[0]
        pixels = self.preprocessing.standardised(fitting.to(device))
        with evaluating(model), torch.inference_mode():
            logits = tiled_logits(model, pixels, self.config.tile, self.config.overlap, interrupt)  # type: ignore[arg-type]
            return log_probabilities(logits[None].float())[0].cpu()

    def masks(
        self, model: nn.Module, inputs: Sequence[str], device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> list[tuple[Prediction, np.ndarray[Any, np.dtype[np.uint8]]]]:
        """The predictions for images, given by their paths, each with its mask, (H, W) class numbers."""
        found = []
        for path in inputs:
            image = read_whole_image(Path(path), self.preprocessing.channels)
            log_p = self.log_probabilities(model, image, device, interrupt)
            found.append((self._prediction(path, log_p), log_p.argmax(0).byte().numpy()))
        return found

    def predict(
        self, model: nn.Module, inputs: Sequence[str], device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> list[Prediction]:
        """Which share of each image is of which class.  Raises UsageError, naming the file, where one cannot be read."""
        return [prediction for prediction, _ in self.masks(model, inputs, device, interrupt)]

    def _prediction(self, name: str, log_p: Tensor) -> Prediction:
        best = log_p.max(0)
        counts = torch.bincount(best.indices.flatten(), minlength=len(self.classes)).tolist()
        return Prediction(input=name, output=self._shares(counts), score=float(best.values.double().exp().mean()))

    def _shares(self, counts: Sequence[int]) -> str:
        """The largest shares of an image, in words.  counts: pixels of each class."""
        total = max(1, sum(counts))
        order = sorted((number for number, count in enumerate(counts) if count), key=lambda number: (-counts[number], number))
        told = [f"{self.classes[number]} {counts[number] / total:.1%}" for number in order[:NUM_SHARES]]
        return ", ".join(told) + (" ..." if len(order) > NUM_SHARES else "") if told else "nothing labelled"

    def notes(self, inputs: Sequence[str]) -> list[str]:
        """Nothing needs to be said of an image that could be read."""
        return []

    def judge(self, model: nn.Module, data: Any, device: str, interrupt: Interrupt) -> list[Judged]:
        """Each image of a split: what the model says, and how right it is."""
        judged = []
        for image, mask, name in zip(data.images, data.masks, data.names, strict=True):
            log_p = self.log_probabilities(model, image, device, interrupt)
            judged.append(Judged.of(name, log_p, mask, self._prediction(name, log_p)))
        return judged

    def evaluate(
        self, model: nn.Module, data: ImageMasks, split: str, device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> Evaluation:
        """All metrics over the pixels of the split, and tables of its classes and of its worst images.

        Raises UsageError for data of other classes than the run's.
        """
        if data.classes != self.classes:
            raise UsageError(
                f"{data.name} has the classes {', '.join(data.classes)}, but the run was trained on {', '.join(self.classes)}. Name the"
                " classes as in training, with masks.classes, and number them so."
            )
        images = getattr(data, split)
        judged = self.judge(model, images, device, interrupt)
        worst = worst_first(judged)
        shown = [images.images[row] for row in worst]
        return Evaluation(
            metrics=judged_metrics(judged),
            signatures={"mean_iou": f"{len(self.classes)} classes, over all pixels of the split, void left out"},
            tables=judged_tables(judged, worst, self.classes),
            predictions=[each.prediction for each in judged],
            references=[self._shares(each.confusion.sum(1).tolist()) for each in judged],
            pictures={"worst_images": pictures_of([judged[row] for row in worst], shown, len(self.classes))},
        )


class SegmentationProblem:
    """Segmentation with its data: what the training loop works on."""

    def __init__(self, task: Segment, data: ImageMasks, seed: int) -> None:
        config = task.config
        self.task, self._validation = task, data.validation
        axes = task.preprocessing.colour_axes
        self.training = Crops(data.train, config.crop, config.crops, seed, config.augmentation, axes, _weights(config, data))
        self.validation = Crops(data.validation, config.crop, 1, seed, AugmentationConfig())
        self.notes: tuple[str, ...] = ()
        self._grid: Grid | None = None

    def check(self, model: nn.Module) -> None:
        self._grid = Grid.of(model)  # type: ignore[arg-type]

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        """The mean over the labelled pixels of each crop, weighted, summed over the crops."""
        config = self.task.config
        grid = self._grid or Grid.of(model)  # type: ignore[arg-type]
        pixels, labels, weights = self.training.batch(rows, grid)
        labels = labels.to(device)
        logits = model(self.task.preprocessing.standardised(pixels.to(device))).float()
        losses = pixel_losses(logits, labels)
        if weights is not None:
            losses = losses * weights.to(device)
        loss = (losses.sum((1, 2)) / (labels != VOID).sum((1, 2)).clamp(min=1)).sum()
        return loss + config.dice_weight * dice_loss(logits, labels).sum() if config.dice_weight else loss

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        return judged_metrics(self.task.judge(model, self._validation, device, interrupt))

    def higher_is_better(self, metric: str) -> bool:
        known = HIGHER_IS_BETTER | (OF_TWO_CLASSES if len(self.task.classes) == 2 else {})
        if metric not in known:
            raise UsageError(
                f"The task segment has no metric {metric!r} for {len(self.task.classes)} classes. {did_you_mean(metric, known)}"
            )
        return known[metric]


def _pixels(data: ImageMasks) -> list[int]:
    """How many training pixels each class has."""
    return label_counts(data.train)[: len(data.classes)]


def _weights(config: SegmentConfig, data: ImageMasks) -> tuple[Tensor, ...]:
    """w(x) of eq. 2 for each training image; none where every pixel weighs 1."""
    if not config.balance_classes and not config.border_class:
        return ()
    of_class = np.zeros(256, np.float32)  # VOID weighs nothing
    of_class[: len(data.classes)] = class_balance(np.array(_pixels(data))) if config.balance_classes else 1
    weights = []
    for mask in (each.numpy() for each in data.train.masks):
        each = of_class[mask]
        if config.border_class:
            cells = mask == data.classes.index(config.border_class)
            each = each + border_weights(cells, config.border_weight, config.border_sigma) * (mask != VOID)
        weights.append(torch.from_numpy(each))
    return tuple(weights)
