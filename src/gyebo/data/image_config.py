"""Which images of the data are used, at which size, and how they are split; readable without importing torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_SIZE", "ImagesConfig"]

MAX_SIZE = 4_096
"""The largest height and width that images are scaled to."""


@dataclass(frozen=True, kw_only=True)
class ImagesConfig:
    """Which images are used and how they are split: the [images] table of a recipe."""

    size: int = 0
    """Height and width, to which the square in the middle of each image is scaled; 0 takes the size that the images have, or where
    they are not all alike and square the shorter side of the middle one, at most 64."""
    channels: int = 0
    """1 for grey, 3 for colour; 0 takes what the images have, colour where any of them has."""
    padding: int = 0
    """Black pixels added on every side afterwards, as LeNet-5 reads digits of 28 x 28 in the middle of 32 x 32."""
    validation: int = 0
    """Images held out to watch training, where the data have no such split; 0 means 10 %, at most 5,000."""
    test: int = 0
    """Images held out for the final evaluation, where the data have no such split; 0 means 10 %, at most 5,000."""
    validation_files: tuple[str, ...] = ()
    """Own images for the validation split: a folder with a folder a class, a table of paths, or two idx files."""
    test_files: tuple[str, ...] = ()
    """Own images for the test split."""
    limit: int = 0
    """Train on so many images only, each class in its share; 0 keeps all."""

    def __post_init__(self) -> None:
        for name in ("validation", "test", "limit"):
            if getattr(self, name) < 0:
                raise ValueError(f"images.{name} is {getattr(self, name)}, but a count of images cannot be negative.")
        if not 0 <= self.size <= MAX_SIZE:
            raise ValueError(
                f"images.size is {self.size}, but 0 (the size that the images have) to {MAX_SIZE:,} pixels were expected."
            )
        if self.channels not in (0, 1, 3):
            raise ValueError(
                f"images.channels is {self.channels}, but 0 (what the images have), 1 (grey) or 3 (red, green and blue) was expected."
            )
        if not 0 <= self.padding <= MAX_SIZE:
            raise ValueError(f"images.padding is {self.padding}, but 0 to {MAX_SIZE:,} pixels on every side were expected.")
