"""The contract's adapters for models of images: standardised random images with labels, of odd and unequal sizes.

Letters: B batch, C channels, H W the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.models.interfaces import OwnLoss
from gyebo.verification.interface import Shape, Subject

__all__ = ["ClassifierSubject", "ImageSubject", "Images", "SegmenterSubject"]

OTHER_ROWS = (1, 2, 5)
LARGER_BY = (1, 3)
"""what image sizes are tried beside that of the tiny config, which are odd where it is even"""
LARGEST_SIDE = 1000
KNOWN = 0.1
"""nats; a batch whose cross-entropy is below is known by heart"""


@dataclass(frozen=True)
class Images:
    """Pixels (B, C, H, W), and labels: (B,), or (B, H', W') for each pixel of the middle."""

    pixels: Tensor
    labels: Tensor


class ImageSubject(Subject[Images]):
    """What models of images have in common."""

    kind = "images"

    def take(self, batch: Images, rows: Sequence[int]) -> Images:
        return Images(batch.pixels[rows], batch.labels[rows])

    def cast(self, batch: Images, dtype: torch.dtype) -> Images:
        return replace(batch, pixels=batch.pixels.to(dtype))

    def arguments(self, batch: Images) -> tuple[Tensor, ...]:
        return (batch.pixels,)

    def tensors(self, batch: Images) -> Sequence[Tensor]:
        return (batch.pixels, batch.labels)

    def answers(self, model: Any, batch: Images) -> list[Tensor]:
        return list(model(batch.pixels))

    def loss(self, model: Any, batch: Images) -> Tensor:
        """The architecture's own loss for an image, or the mean cross-entropy of its logits."""
        if isinstance(model, OwnLoss):
            return model.training_loss(batch.pixels, batch.labels) / len(batch.labels)
        return self.loss_of_logits(model, batch)

    def loss_of_logits(self, model: Any, batch: Images) -> Tensor:
        return F.cross_entropy(model(batch.pixels), batch.labels)

    def still_to_learn(self, model: nn.Module, batch: Images, loss: Tensor) -> str:
        """Every label is to be found; where the loss is the cross-entropy, with certainty."""
        with torch.no_grad():
            wrong = int((model(batch.pixels).argmax(1) != batch.labels).sum())
        if wrong == 0 and (isinstance(model, OwnLoss) or loss < KNOWN):
            return ""
        return f"{wrong} of {batch.labels.numel()} labels are not found, and the loss is still {loss.item():.2f}"

    def extremes(self) -> Mapping[str, Images]:
        batch = self.batch(3)
        pixels = {
            "images of zeros": torch.zeros_like(batch.pixels),
            "constant images": torch.full_like(batch.pixels, 0.7),
            "pixels near 1,000": batch.pixels.sign() * 1000 + batch.pixels,
            "pixels near a millionth": batch.pixels * 1e-6,
        }
        return {case: replace(batch, pixels=each) for case, each in pixels.items()}

    def other_rows(self) -> Iterator[Images]:
        return (self.batch(rows, seed=1) for rows in OTHER_ROWS)

    def other_sizes(self) -> Iterator[Images]:
        """Of the batch alone: an architecture has its weights, or its halvings, for one size of image."""
        return self.other_rows()

    def open_axes(self, argument: Tensor) -> range:
        return range(1)


def _classes(shape: tuple[int, ...], num_classes: int, generator: torch.Generator) -> Tensor:
    """Random labels of this shape, of all classes alike."""
    return (torch.randperm(math.prod(shape), generator=generator) % num_classes).view(shape)


class ClassifierSubject(ImageSubject):
    """For `gyebo.models.interfaces.ImageClassifier`: square images of the size that the config says."""

    def batch(self, rows: int, seed: int = 0) -> Images:
        return self._batch(rows, self.config.image_size, seed)

    def _batch(self, rows: int, size: int, seed: int = 0) -> Images:
        """Images of noise: what they have in common with their labels, a model has to learn by heart."""
        generator = torch.Generator().manual_seed(seed)
        pixels = torch.randn(rows, self.config.num_channels, size, size, generator=generator)
        return Images(pixels, _classes((rows,), self.config.num_classes, generator))

    def of_size(self, size: int) -> Any:
        """The tiny config for images of another size."""
        return replace(self.config, image_size=size)

    def shapes(self) -> Iterator[Shape[Images]]:
        tiny = self.config.image_size
        for size in (tiny, *(tiny + more for more in LARGER_BY)):
            model = self.build(config=self.of_size(size))
            for rows in OTHER_ROWS:
                yield Shape(f"{rows} images of {size} x {size}", model, self._batch(rows, size), (rows, self.config.num_classes))

    def smallest_size(self) -> int:
        """The smallest image_size that a config or a model does not refuse with ValueError; it builds nothing large."""
        refused, accepted = 0, self.config.image_size
        while accepted - refused > 1:
            size = (accepted + refused) // 2
            if self.refusal(size):
                refused = size
            else:
                accepted = size
        return accepted

    def refusal(self, size: int) -> str:
        """What an architecture says to images of this size; empty where it takes them."""
        try:
            with torch.device("meta"):
                self.build(config=self.of_size(size))
        except ValueError as error:
            return str(error)
        return ""

    def sized_batch(self, rows: int, size: int) -> Images:
        return self._batch(rows, size)


class SegmenterSubject(ImageSubject):
    """For `gyebo.models.interfaces.ImageSegmenter`: images higher than wide, of the smallest sizes that the network halves evenly."""

    def sides(self, number: int) -> list[int]:
        """The smallest heights that the network takes: one for which `output_size` raises ValueError is none."""
        with torch.device("meta"):
            model: Any = self.build()

        def fits(side: int) -> bool:
            try:
                return min(model.output_size(side, side)) > 0
            except ValueError:
                return False

        found = list(islice(filter(fits, range(1, LARGEST_SIDE)), number))
        assert len(found) == number, f"of images up to {LARGEST_SIDE} pixels high, output_size takes {len(found)} heights only"
        return found

    def batch(self, rows: int, seed: int = 0) -> Images:
        width, height = self.sides(2)
        return self._batch(rows, (height, width), seed)

    def _batch(self, rows: int, size: tuple[int, int], seed: int = 0) -> Images:
        """Images of four quarters, each in the colour of its class with noise; labels are those of the middle."""
        height, width = size
        generator = torch.Generator().manual_seed(seed)
        colours = torch.randn(self.config.num_classes, self.config.num_channels, generator=generator)
        quarters = _classes((rows, 2, 2), self.config.num_classes, generator)
        labels = quarters[:, torch.arange(height)[:, None] * 2 // height, torch.arange(width) * 2 // width]  # (B, H, W)
        noise = torch.randn(rows, self.config.num_channels, height, width, generator=generator)
        with torch.device("meta"):
            model: Any = self.build()
        out_height, out_width = model.output_size(height, width)
        top, left = (height - out_height) // 2, (width - out_width) // 2
        middle = labels[:, top : top + out_height, left : left + out_width]
        return Images(colours[labels].permute(0, 3, 1, 2) + 0.3 * noise, middle)

    def shapes(self) -> Iterator[Shape[Images]]:
        model: Any = self.build()
        first, second, third = self.sides(3)
        for rows, size in zip(OTHER_ROWS, ((second, first), (first, first), (second, third)), strict=True):
            expected = (rows, self.config.num_classes, *model.output_size(*size))
            yield Shape(f"{rows} images of {size[0]} x {size[1]}", model, self._batch(rows, size), expected)
