"""The images that a view looks at: the files that were given, or samples of the run's own test split."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from gyebo.errors import GyeboError, UsageError
from gyebo.runs import Run
from gyebo.tasks import task_type
from gyebo.views.layer_maps import convolutions
from gyebo.views.pictures import Pixels

__all__ = ["Seen", "images_of", "lacks_convolutions", "lacks_images", "short"]

LONGEST_NAME = 16


@dataclass(frozen=True)
class Seen:
    """Images as a run reads them: bytes (B, C, H, W), where each came from, and its class where the data tell it."""

    pixels: Tensor
    names: tuple[str, ...]
    labels: tuple[str | None, ...]
    standardised: Tensor
    """(B, C, H, W)"""

    def picture(self, index: int) -> Pixels:
        """One image to be drawn: (H, W) or (H, W, 3)."""
        image = self.pixels[index].permute(1, 2, 0).numpy()
        return image[..., 0] if image.shape[2] == 1 else image

    def title(self, index: int) -> str:
        """Its class, or else its name."""
        return short(self.labels[index] or Path(self.names[index]).name)


def lacks_images(run: Run) -> str | None:
    """What a run lacks for a view of a classifier of images."""
    if run.task_name != "classify":
        return f"its task {run.task_name!r} does not tell the classes of images"
    return None if run.folder.model.is_file() else "it has not reached its first evaluation"


def lacks_convolutions(run: Run) -> str | None:
    """What a run lacks for a view of feature maps."""
    if (reason := lacks_images(run)) is not None:
        return reason
    return None if convolutions(run.model) else f"its architecture {run.architecture_name!r} has no convolution"


def images_of(run: Run, inputs: Sequence[str], count: int) -> Seen:
    """The first `count` images given by their paths; without any, images of the test split, of different classes as far as there are.

    Raises GyeboError where a file is no image, or the run's data are not there.
    """
    task = cast(Any, run.task)
    if inputs:
        paths = inputs[:count]
        pixels = torch.stack([task.preprocessing.read(Path(path)) for path in paths])
        return Seen(pixels, tuple(paths), (None,) * len(paths), task.preprocessing.standardised(pixels))
    split = _test_split(run)
    chosen = _of_different_classes(split.labels, count)
    pixels = split.pixels[chosen]
    labels = tuple(task.classes[label] for label in split.labels[chosen].tolist())
    return Seen(pixels, tuple(split.names[place] for place in chosen), labels, task.preprocessing.standardised(pixels))


def _test_split(run: Run) -> Any:
    try:
        recipe = tomllib.loads(run.folder.recipe.read_text(encoding="utf-8"))
        data = tuple(recipe["data"])
    except (OSError, ValueError, KeyError) as error:
        raise GyeboError(f"{run.folder.recipe} does not tell the run's data ({error}). Give an image to look at.") from error
    try:
        opened = task_type(run.task_name).open(data, run.task.config, None)
    except GyeboError as error:
        raise UsageError(f"The run {run.name!r} shows images of its data, but {error} Or give an image to look at.") from error
    if not len(opened.test):
        raise UsageError(f"The data of the run {run.name!r} have no test image. Give an image to look at.")
    return opened.test


def _of_different_classes(labels: Tensor, count: int) -> list[int]:
    """Places of the first image of each class, then of the second of each, until there are enough."""
    seen: dict[int, int] = {}
    ranked = []
    for place, label in enumerate(labels.tolist()):
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], label, place))
    return [place for _, _, place in sorted(ranked)[:count]]


def short(name: str) -> str:
    """A name that fits under a picture.

    >>> short("a/very/long/name/of/an/image.png")
    '...of/an/image.png'
    """
    return name if len(name) <= LONGEST_NAME else f"...{name[-LONGEST_NAME + 1 :]}"
