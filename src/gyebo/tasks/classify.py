"""Classification of images: an image in, its class out.

Data flow: images in memory as bytes -> batches in an order that seed and epoch decide -> random changes, standardised channels -> the
model's logits -> cross-entropy, or the loss that a model brings with it. An evaluation says how good the answers are and where they go
wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.config import from_mapping
from gyebo.data.augmentation import AugmentationConfig
from gyebo.data.batching import Rows
from gyebo.data.download import Progress
from gyebo.data.images import ImageClasses, ImagesConfig, LabelledImages, open_images, open_whole_images
from gyebo.errors import UsageError, did_you_mean
from gyebo.models.interfaces import OwnLoss
from gyebo.tasks.image_batches import ImageBatches, Preprocessing, picture
from gyebo.tasks.image_metrics import class_table, confusion_matrix, confusion_table, metrics_of_classes
from gyebo.tasks.image_mistakes import Judged, bias_and_variance, likely_wrong_labels, most_confused, worst_mistakes
from gyebo.tasks.interface import Evaluation, Interrupt, Prediction
from gyebo.tasks.next_token import evaluating

__all__ = ["ClassificationProblem", "Classify", "ClassifyConfig"]

HIGHER_IS_BETTER = {"loss": False, "accuracy": True, "top_5_accuracy": True, "macro_f1": True, "calibration_error": False}
IMAGES_AT_ONCE = 250  # in an evaluation
NUM_CLASSES_SHOWN = 5
TRAINING_SAMPLE = 5_000  # images whose error stands for that of the training split
MOST_NAMED = 5  # classes that a message names one by one


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig:
    """The [classify] table of a recipe."""

    images: ImagesConfig = field(default_factory=ImagesConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    label_smoothing: float = 0.0
    human_error: float | None = None
    """the share of images that a human gets wrong, or the least that can be had: what bias is measured from"""

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing={self.label_smoothing} is not a share; 0 turns it off, 0.1 is usual.")
        if self.human_error is not None and not 0 <= self.human_error < 1:
            raise ValueError(f"human_error={self.human_error} is not a share of the images, such as 0.002.")


class Classify:
    """The task: its config, and the classes, size and statistics of the training images."""

    name = "classify"
    Config = ClassifyConfig
    model_field_names = ("num_channels", "num_classes", "image_size")
    reads = "images"

    def __init__(self, config: ClassifyConfig, preprocessing: Preprocessing) -> None:
        self.config, self.preprocessing = config, preprocessing

    @staticmethod
    def open(
        data: tuple[str, ...], config: ClassifyConfig, data_dir: Path | None, on_progress: Progress | None = None
    ) -> ImageClasses:
        return open_images(data, config.images, data_dir, on_progress)

    @staticmethod
    def open_whole(data: tuple[str, ...], config: ClassifyConfig, data_dir: Path | None) -> ImageClasses:
        return open_whole_images(data, config.images, data_dir)

    @classmethod
    def learn(cls, config: ClassifyConfig, data: ImageClasses) -> Classify:
        """Raises UsageError where there is nothing to tell apart, one class only or a class without a training image, or to measure by."""
        if len(data.classes) < 2:
            raise UsageError(
                f"{data.name} has one class only, {''.join(data.classes)!r}, and telling classes apart takes two. Give images of another"
                " class too, each class in a folder of its own."
            )
        counts = torch.bincount(data.train.labels, minlength=len(data.classes)).tolist()
        if missing := [name for name, count in zip(data.classes, counts, strict=True) if not count]:
            raise UsageError(
                f"The training split of {data.name} has {len(data.train):,} images for {len(data.classes):,} classes, and none of"
                f" {_named(missing)}. Give more images of each class, hold out fewer, or remove the class."
            )
        if empty := [split for split in ("validation", "test") if not len(getattr(data, split))]:
            raise UsageError(
                f"{data.name} has so few images that none is left for its {empty[0]} split. Give more images of each class, or name a"
                f" folder of others: --classify.images.{empty[0]}-files FOLDER."
            )
        return cls(config, Preprocessing.of(data, config.images.padding, config.augmentation))

    @classmethod
    def load(cls, config: Mapping[str, Any], folder: Path) -> Classify:
        """Read a task that `save` wrote.  Raises GyeboError for a file that is missing or damaged."""
        settings = from_mapping(ClassifyConfig, config, f"{folder / 'config.json'}")
        return cls(settings, Preprocessing.load(folder / "preprocessing.json"))

    def save(self, folder: Path) -> None:
        self.preprocessing.save(folder / "preprocessing.json")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.preprocessing.classes

    def model_fields(self) -> dict[str, Any]:
        return {
            "num_channels": self.preprocessing.channels,
            "num_classes": len(self.classes),
            "image_size": self.preprocessing.image_size,
        }

    def problem(self, data: ImageClasses, seed: int = 0) -> ClassificationProblem:
        return ClassificationProblem(self, data, seed)

    def log_probabilities(self, model: nn.Module, pixels: Tensor, device: str, interrupt: Interrupt) -> NDArray[np.float64]:
        """log p of every class, (N, K), for bytes (N, C, H, W)."""
        parts = [np.empty((0, len(self.classes)))]
        with evaluating(model), torch.inference_mode():
            for part in pixels.split(IMAGES_AT_ONCE):
                interrupt()
                logits = model(self.preprocessing.standardised(part.to(device)))
                parts.append(logits.double().log_softmax(-1).cpu().numpy())
        return np.concatenate(parts)

    def judge(self, model: nn.Module, split: str, images: LabelledImages, device: str, interrupt: Interrupt) -> Judged:
        """What a model believes of the images of a split."""
        log_p = self.log_probabilities(model, images.pixels, device, interrupt)
        return Judged(split, log_p, images.labels.numpy(), images.names)

    def predict(
        self, model: nn.Module, inputs: Sequence[str], device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> list[Prediction]:
        """The classes of images, given by their paths.  Raises GyeboError, naming the file, where one cannot be read."""
        predictions = []
        for begin in range(0, len(inputs), IMAGES_AT_ONCE):
            paths = inputs[begin : begin + IMAGES_AT_ONCE]
            pixels = torch.stack([self.preprocessing.read(Path(path)) for path in paths])
            predictions += self._predictions(paths, self.log_probabilities(model, pixels, device, interrupt))
        return predictions

    def _predictions(self, names: Sequence[str], log_p: NDArray[np.float64]) -> list[Prediction]:
        best = np.argsort(-log_p, axis=1, kind="stable")[:, :NUM_CLASSES_SHOWN]
        p = np.exp(np.take_along_axis(log_p, best, 1))
        return [
            Prediction(
                input=name,
                output=self.classes[first],
                score=probability,
                alternatives=tuple(self.classes[other] for other in others),
                alternative_scores=tuple(scores),
            )
            for name, (first, *others), (probability, *scores) in zip(names, best.tolist(), p.tolist(), strict=True)
        ]

    def notes(self, inputs: Sequence[str]) -> list[str]:
        """Nothing needs to be said of an image that could be read."""
        return []

    def evaluate(
        self, model: nn.Module, data: ImageClasses, split: str, device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> Evaluation:
        """All metrics of the split, and tables of its classes and mistakes.

        The error analysis looks at the other splits too: at those that were not trained on for likely wrong labels, and at a sample of
        the training split for bias and variance.
        """
        parts = self._splits(data, split)
        every = {name: self.judge(model, name, images, device, interrupt) for name, images in parts.items()}
        judged, images = every[split], parts[split]
        confusion = confusion_matrix(judged.labels, judged.predicted, len(self.classes))
        held_out = [each for name, each in every.items() if name != "train"]
        worst = worst_mistakes(judged)
        tables: dict[str, list[dict[str, Any]]] = {
            "bias_and_variance": bias_and_variance(self.config.human_error, list(every.values())) if "train" in every else [],
            "classes": class_table(confusion, self.classes),
            "confusion_matrix": confusion_table(confusion, self.classes),
            "most_confused": most_confused(confusion, self.classes),
            "worst_mistakes": [judged.row(image, self.classes) for image in worst],
            "likely_wrong_labels": likely_wrong_labels(held_out, self.classes),
        }
        return Evaluation(
            metrics=metrics_of_classes(judged.log_p, judged.labels),
            signatures={"calibration_error": "15 bins of equal width", "macro_f1": f"{len(self.classes)} classes"},
            tables=tables,
            predictions=self._predictions(images.names, judged.log_p),
            references=[self.classes[label] for label in judged.labels.tolist()],
            pictures={"worst_mistakes": [picture(images.pixels[image]) for image in worst]},
        )

    def _splits(self, data: ImageClasses, split: str) -> dict[str, LabelledImages]:
        """What an evaluation of a split looks at: in the order training, validation, test, those of the run's own data up to this one.

        Of the training split it is a sample; labels are those of this task.
        """
        parts = {"train": data.train, "validation": data.validation, "test": data.test}
        names = list(parts)[: list(parts).index(split) + 1]
        if data.fingerprint != self.preprocessing.fingerprint:  # other data: their training split is not what was trained on
            names = [split]
        elif split != "train":
            count = min(len(data.train), TRAINING_SAMPLE)
            spread = torch.arange(count) * len(data.train) // count  # over the whole split: images of folders are sorted by class
            parts["train"] = data.train.select(spread)
        return {name: self._relabelled(parts[name], data) for name in names}

    def _relabelled(self, images: LabelledImages, data: ImageClasses) -> LabelledImages:
        """The images with this task's numbers of their classes.  Raises UsageError for a class that training did not know."""
        if data.classes == self.classes:
            return images
        if unknown := [name for name in data.classes if name not in self.classes]:
            raise UsageError(
                f"{data.name} has images of the class {_named(unknown)}, which the training data did not have. Known classes are"
                f" {_named(self.classes)}. Remove the others, or name them as in training."
            )
        numbers = torch.tensor([self.classes.index(name) for name in data.classes])
        return LabelledImages(images.pixels, numbers[images.labels], images.names)


class ClassificationProblem:
    """Classification with its data: what the training loop works on."""

    def __init__(self, task: Classify, data: ImageClasses, seed: int) -> None:
        self.task = task
        self.training = ImageBatches(data.train, seed, task.config.augmentation, task.preprocessing.colour_axes)
        self.validation = ImageBatches(data.validation)
        self.notes: tuple[str, ...] = ()

    def check(self, model: nn.Module) -> None:
        if isinstance(model, OwnLoss) and self.task.config.label_smoothing:
            raise UsageError(
                f"label_smoothing={self.task.config.label_smoothing} belongs to the cross-entropy, but this architecture is trained with"
                " the loss of its paper. Leave it out: --classify.label-smoothing 0."
            )

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        pixels, labels = self.training.batch(rows, device)
        images = self.task.preprocessing.standardised(pixels)
        if isinstance(model, OwnLoss):
            return model.training_loss(images, labels)
        return F.cross_entropy(model(images).float(), labels, reduction="sum", label_smoothing=self.task.config.label_smoothing)

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        judged = self.task.judge(model, "validation", self.validation.images, device, interrupt)
        return metrics_of_classes(judged.log_p, judged.labels)

    def higher_is_better(self, metric: str) -> bool:
        if metric not in HIGHER_IS_BETTER:
            raise UsageError(f"The task classify has no metric {metric!r}. {did_you_mean(metric, HIGHER_IS_BETTER)}")
        return HIGHER_IS_BETTER[metric]


def _named(names: Sequence[str]) -> str:
    """
    >>> _named(["cat"]), _named(list("abcdefg"))
    ("'cat'", "'a', 'b', 'c', 'd', 'e' and 2 more")
    """
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more
