"""What a run that segments says of images: its masks over them, and where they differ from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gyebo.data.image_files import read_levels, read_whole_image
from gyebo.data.mask_files import class_numbers
from gyebo.data.mask_folders import mask_beside
from gyebo.data.masks import MasksConfig, open_masks
from gyebo.data.registry import all_datasets
from gyebo.errors import UsageError
from gyebo.runs import Run
from gyebo.tasks.mask_metrics import metrics_of_masks, pixel_confusion
from gyebo.tasks.mask_pictures import INVENTED, MISSED, OTHER, as_base64, class_colours, grey_or_colour, laid_over, mistakes, png
from gyebo.tasks.segment import Segment
from gyebo.views.figure import Figure
from gyebo.views.looks.inputs import samples
from gyebo.views.looks.reading import lacks_weights
from gyebo.views.segmentation import MOST_IMAGES, Segmented, segmentation

__all__ = ["draw", "lacks"]

NUM_SAMPLES = 3
LARGEST = 480  # pixels of a side of an embedded picture
SHOWN = ("dice", "mean_iou", "pixel_accuracy")


def lacks(run: Run) -> str | None:
    if not isinstance(run.task, Segment):
        return f"its task is {run.task_name!r} and not 'segment'"
    return lacks_weights(run)


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The images of these paths, or the first of the run's samples; the truth is shown where a mask lies beside the image.

    Raises UsageError for an image that cannot be read, and for more than can be drawn.
    """
    task = run.task
    assert isinstance(task, Segment), "lacks has been asked"
    if len(inputs) > MOST_IMAGES:
        raise UsageError(f"{len(inputs)} images were given, but a figure shows {MOST_IMAGES} at most. Give fewer.")
    found = [_own(task, path) for path in inputs] if inputs else _samples(run, task)
    shown = [_segmented(run, task, name, image, truth) for name, image, truth in found]
    two = len(task.classes) == 2
    table = class_colours(len(task.classes))
    colours = {name: table[number] for number, name in enumerate(task.classes) if number or not two}
    colours |= {"missed": MISSED, "invented": INVENTED} if two else {"another class": OTHER}
    shades = {name: "#{:02x}{:02x}{:02x}".format(*map(int, colour)) for name, colour in colours.items()}
    return segmentation(
        shown, shades, "Classes lie in their colours over the image, and the last picture shows the mistakes alone."
    )


def _own(task: Segment, path: str) -> tuple[str, Tensor, NDArray[np.uint8] | None]:
    image = read_whole_image(Path(path), task.preprocessing.channels)
    beside = mask_beside(Path(path))
    if beside is None:
        return path, image, None
    truth = class_numbers(read_levels(beside), beside, task.classes, task.config.masks.void)
    if truth.shape != image.shape[1:]:
        raise UsageError(f"The mask {beside} is not of the size of its image {path}. Save it in that size, or remove it.")
    return path, image, truth.numpy()


def _samples(run: Run, task: Segment) -> list[tuple[str, Tensor, NDArray[np.uint8] | None]]:
    names = samples(run)[:NUM_SAMPLES]
    dataset = run.data_facts.get("name")
    if dataset not in {each.name for each in all_datasets("masks")}:
        return [_own(task, name) for name in names]
    test = open_masks((str(dataset),), MasksConfig()).test
    rows = [test.names.index(name) for name in names]
    return [(test.names[row], test.images[row], test.masks[row].numpy()) for row in rows]


def _segmented(run: Run, task: Segment, name: str, pixels: Tensor, truth: NDArray[np.uint8] | None) -> Segmented:
    log_p = task.log_probabilities(run.model, pixels, "cpu", lambda: None)
    predicted, num_classes = log_p.argmax(0).byte().numpy(), len(task.classes)
    image = grey_or_colour(pixels)
    pictures = {"image": image}
    numbers: dict[str, float] = {}
    if truth is not None:
        pictures["truth"] = laid_over(image, truth, num_classes)
    pictures["prediction"] = laid_over(image, predicted, num_classes)
    if truth is not None:
        pictures["mistakes"] = mistakes(image, truth, predicted, num_classes)
        metrics = metrics_of_masks(pixel_confusion(truth, predicted, num_classes))
        numbers = {key: metrics[key] for key in SHOWN if key in metrics and np.isfinite(metrics[key])}
    drawn = {heading: as_base64(png(picture, LARGEST)) for heading, picture in pictures.items()}
    return Segmented(name, (image.shape[1], image.shape[0]), drawn, numbers)
