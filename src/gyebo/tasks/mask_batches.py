"""Images and masks in memory as training reads them: random crops, standardised on the fly; and what a run keeps of its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gyebo.config import to_mapping
from gyebo.data.augmentation import AugmentationConfig, augment_pair, sample_seeds
from gyebo.data.batching import Rows
from gyebo.data.colour_axes import colour_axes
from gyebo.data.masked_images import ImageMasks, MaskedImages, pixel_statistics
from gyebo.storage import write_json
from gyebo.tasks.preprocessing import check_colour_axes, read_preprocessing, standardised
from gyebo.tasks.tiles import Grid, mirrored_window

__all__ = ["Crops", "MaskPreprocessing"]


@dataclass(frozen=True, kw_only=True)
class MaskPreprocessing:
    """What training has learned of its images besides the weights: preprocessing.json of a run.

    classes: their names, in the order of the class numbers.  mean and deviation: of each channel over the training split, of pixels
    from 0 to 1.  fingerprint: that of the data that they are learned from.  colour_axes: of the same pixels, where training changes
    colours by them.
    """

    classes: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    fingerprint: str
    colour_axes: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if (
            len(self.mean) not in (1, 3)
            or len(self.mean) != len(self.deviation)
            or min(self.deviation) <= 0
            or len(self.classes) < 2
        ):
            raise ValueError(
                f"mean={self.mean} and deviation={self.deviation} must belong to one channel or three, each deviation above 0, and"
                f" classes={self.classes} must be two or more."
            )
        check_colour_axes(self.colour_axes, self.channels)

    @classmethod
    def of(cls, data: ImageMasks, augmentation: AugmentationConfig) -> MaskPreprocessing:
        """Learn it from the training split, with what its augmentation needs; a channel that never changes keeps deviation 1."""
        mean, deviation = pixel_statistics(data.train)
        parts = (image.flatten(1) for image in data.train.images)
        return cls(
            classes=data.classes,
            mean=tuple(mean),
            deviation=tuple(value or 1.0 for value in deviation),
            fingerprint=data.fingerprint,
            colour_axes=colour_axes(parts) if augmentation.principal_colours else (),
        )

    @classmethod
    def load(cls, path: Path) -> MaskPreprocessing:
        """Read what `save` wrote.  Raises GyeboError for a file that is missing or damaged."""
        return read_preprocessing(cls, path)

    def save(self, path: Path) -> None:
        write_json(path, to_mapping(self))

    @property
    def channels(self) -> int:
        return len(self.mean)

    def standardised(self, pixels: Tensor) -> Tensor:
        """Bytes (..., C, H, W) as numbers of which each channel has mean 0 and deviation 1 over the training split."""
        return standardised(pixels, self.mean, self.deviation)


@dataclass(frozen=True)
class Crops:
    """A split in the endless sequence of crops that training draws: row `epoch * len(self) + i` is a crop of image i // num_crops.

    side: rows and columns of pixels with logits, at least; num_crops: of each image in an epoch.
    Where a crop lies and how it is changed are pure functions of seed and row, and a row is never drawn twice.
    """

    images: MaskedImages
    side: int
    num_crops: int
    seed: int
    augmentation: AugmentationConfig
    colour_axes: tuple[tuple[float, ...], ...] = ()
    """as of `gyebo.data.colour_axes`, where the augmentation needs them"""
    weights: tuple[Tensor, ...] = ()
    """for each image (H, W), how much a pixel's loss counts; none where all count the same"""

    def __len__(self) -> int:
        return len(self.images) * self.num_crops

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        """Every crop of the epoch once, in random order, at most `tokens` crops a batch; batches are equally large but for one crop."""
        order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(len(self)) + epoch * len(self)
        return np.array_split(order, -(-len(self) // tokens))

    def num_tokens(self, rows: Rows) -> int:
        return len(rows)

    def batch(self, rows: Rows, grid: Grid) -> tuple[Tensor, Tensor, Tensor | None]:
        """Pixels (B, C, side + margins), and of the pixels with logits class numbers and weights, (B, side, side) each.

        What lies outside of an image is its mirror, in its mask as well.
        """
        pixels, masks, weights = [], [], []
        for row in rows.tolist():
            number = row % len(self) // self.num_crops
            window = self._window(row, self.images.masks[number].shape, grid)
            pixels.append(mirrored_window(self.images.images[number], *window))
            masks.append(mirrored_window(self.images.masks[number], *window))
            if self.weights:
                weights.append(mirrored_window(self.weights[number], *window))
        seeds = sample_seeds(self.seed, int(rows[0]) // len(self), torch.from_numpy(rows % len(self)))  # a batch is of one epoch
        changed, labels = augment_pair(torch.stack(pixels), torch.stack(masks), seeds, self.augmentation, self.colour_axes)
        if not self.weights:
            return changed, _middle(labels, grid), None
        moves = replace(self.augmentation, colour=0.0, principal_colours=0.0)
        _, moved = augment_pair(torch.stack(pixels), torch.stack(weights), seeds, moves)
        return changed, _middle(labels, grid), _middle(moved, grid)

    def _window(self, row: int, size: Sequence[int], grid: Grid) -> tuple[int, int, int, int]:
        """Top, left, height and width of what is read for a crop: any place whose pixels with logits lie in the image."""
        reads = grid.input_side(self.side)
        random = np.random.Generator(np.random.PCG64([self.seed, row]))
        top, left = (int(random.integers(max(1, length - (reads - 2 * grid.margin) + 1))) for length in size)
        return top - grid.margin, left - grid.margin, reads, reads


def _middle(pixels: Tensor, grid: Grid) -> Tensor:
    """(B, H, W) without the margins."""
    return pixels[:, grid.margin : pixels.shape[1] - grid.margin, grid.margin : pixels.shape[2] - grid.margin]
