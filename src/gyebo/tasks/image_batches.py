"""Images in memory as a model reads them: bytes indexed directly, standardised on the fly."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gyebo.config import to_mapping
from gyebo.data.augmentation import AugmentationConfig, augment, sample_seeds
from gyebo.data.batching import Rows
from gyebo.data.colour_axes import colour_axes
from gyebo.data.image_classes import ImageClasses, LabelledImages, channel_statistics
from gyebo.data.image_files import read_image
from gyebo.storage import write_json
from gyebo.tasks.mask_pictures import as_base64, png
from gyebo.tasks.preprocessing import check_colour_axes, read_preprocessing, standardised

__all__ = ["ImageBatches", "Preprocessing", "picture"]

LARGEST_PICTURE = 96  # pixels of a side, in a report
IMAGES_AT_ONCE = 256  # of which colours are counted


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What training has learned of its images besides the weights: preprocessing.json of a run.

    classes: their names, in the order of the outputs.  size: height and width, to which images are brought; padding: black pixels
    added on every side afterwards.  mean and deviation: of each channel over the training split, of pixels from 0 to 1.
    fingerprint: that of the data that they are learned from.  colour_axes: of the same pixels, where training changes colours by them.
    """

    classes: tuple[str, ...]
    size: int
    channels: int
    padding: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    fingerprint: str
    colour_axes: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.deviation) == self.channels:
            raise ValueError(
                f"{len(self.mean)} means and {len(self.deviation)} deviations cannot belong to {self.channels} channels."
            )
        check_colour_axes(self.colour_axes, self.channels)
        if min(self.deviation) <= 0 or self.size < 1 or self.padding < 0:
            raise ValueError(f"deviation={self.deviation} and size={self.size} must be above 0, padding={self.padding} not below.")

    @classmethod
    def of(cls, data: ImageClasses, padding: int, augmentation: AugmentationConfig) -> Preprocessing:
        """Learn it from the training split, with what its augmentation needs; a channel that never changes keeps deviation 1."""
        mean, deviation = channel_statistics(data.train.pixels)
        parts = (part.transpose(0, 1).flatten(1) for part in data.train.pixels.split(IMAGES_AT_ONCE))
        _, channels, height, _ = data.train.pixels.shape
        return cls(
            classes=data.classes,
            size=height - 2 * padding,
            channels=channels,
            padding=padding,
            mean=tuple(mean),
            deviation=tuple(value or 1.0 for value in deviation),
            fingerprint=data.fingerprint,
            colour_axes=colour_axes(parts) if augmentation.principal_colours else (),
        )

    @classmethod
    def load(cls, path: Path) -> Preprocessing:
        """Read what `save` wrote.  Raises GyeboError for a file that is missing or damaged."""
        return read_preprocessing(cls, path)

    def save(self, path: Path) -> None:
        write_json(path, to_mapping(self))

    @property
    def image_size(self) -> int:
        """Height and width of what the model reads."""
        return self.size + 2 * self.padding

    def read(self, path: Path) -> Tensor:
        """An image's file as bytes (C, H, W).  Raises GyeboError where it cannot be read."""
        return F.pad(read_image(path, self.size, self.channels), (self.padding,) * 4)

    def standardised(self, pixels: Tensor) -> Tensor:
        """Bytes (B, C, H, W) as numbers of which each channel has mean 0 and deviation 1 over the training split.

        On a CPU in the memory format channels last, in which convolutions measure faster there.
        """
        numbers = standardised(pixels, self.mean, self.deviation)
        return numbers.contiguous(memory_format=torch.channels_last) if pixels.device.type == "cpu" else numbers


@dataclass(frozen=True)
class ImageBatches:
    """A split in the endless sequence of samples that training draws: row `epoch * N + i` is image i, as the epoch shows it.

    So what an image is changed to is a pure function of the seed and the row.
    """

    images: LabelledImages
    seed: int = 0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    colour_axes: tuple[tuple[float, ...], ...] = ()
    """as of `gyebo.data.colour_axes`, where the augmentation needs them"""
    _kept: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        """Every image once, in random order, at most `tokens` images a batch.

        The batches are equally large but for one image, so that none is left with a single one, of which batch norm has no variance.
        """
        order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(len(self)) + epoch * len(self)
        return np.array_split(order, -(-len(self) // tokens))

    def num_tokens(self, rows: Rows) -> int:
        return len(rows)

    def batch(self, rows: Rows, device: str) -> tuple[Tensor, Tensor]:
        """Bytes (B, C, H, W), augmented, and labels (B,) of these rows, all of one epoch; the whole split moves to the device once."""
        if device not in self._kept:
            self._kept[device] = self.images.pixels.to(device), self.images.labels.to(device)
        pixels, labels = self._kept[device]
        index = torch.from_numpy(rows % len(self)).to(device, non_blocking=True)
        chosen = pixels[index]
        if self.augmentation != AugmentationConfig():
            seeds = sample_seeds(self.seed, int(rows[0]) // len(self), index)
            chosen = augment(chosen, seeds, self.augmentation, self.colour_axes)
        return chosen, labels[index]


def picture(pixels: Tensor) -> str:
    """Bytes (C, H, W) as a PNG in base64, at most 96 pixels high and wide."""
    array = pixels.permute(1, 2, 0).numpy()
    return as_base64(png(array[:, :, 0] if len(pixels) == 1 else array, LARGEST_PICTURE))
