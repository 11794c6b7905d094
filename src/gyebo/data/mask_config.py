"""Which images with masks are used, and how they are split; readable without importing torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MOST_CLASSES", "MasksConfig"]

MOST_CLASSES = 255
"""class numbers are bytes, and one of them means void"""


@dataclass(frozen=True, kw_only=True)
class MasksConfig:
    """Which images with masks are used and how they are split: the [segment.masks] table of a recipe."""

    channels: int = 0
    """1 for grey, 3 for colour; 0 takes what the images have, colour where any of them has."""
    classes: tuple[str, ...] = ()
    """The names of an own mask's classes, in the order of their pixel values 0, 1, 2 ...; two may also stand as 0 and 255. Without
    names, 0 and 255 (or 0 and 1) are background and foreground, and other values are numbered."""
    void: int = -1
    """The pixel value of an own mask that means "not labelled"; -1 where there is none."""
    validation: int = 0
    """Images held out to watch training, where the data have no such split; 0 means 10 %, at least one."""
    test: int = 0
    """Images held out for the final evaluation, where the data have no such split; 0 means 10 %, at least one."""

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            if getattr(self, name) < 0:
                raise ValueError(f"masks.{name} is {getattr(self, name)}, but a count of images cannot be negative.")
        if self.channels not in (0, 1, 3):
            raise ValueError(
                f"masks.channels is {self.channels}, but 0 (what the images have), 1 (grey) or 3 (red, green and blue) was expected."
            )
        if not -1 <= self.void <= 255:
            raise ValueError(f"masks.void is {self.void}, but a pixel value from 0 to 255 was expected, or -1 for none.")
        if len(self.classes) == 1 or len(self.classes) > MOST_CLASSES or len(set(self.classes)) < len(self.classes):
            raise ValueError(
                f"masks.classes names {len(self.classes)} classes, but 2 to {MOST_CLASSES} different names were expected."
            )
