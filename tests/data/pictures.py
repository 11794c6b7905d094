"""Small image files for the tests of own images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def noise(seed: int, height: int = 12, width: int = 12, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, seed: int = 0, height: int = 12, width: int = 12, channels: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed, height, width, channels)).save(path)
    return path


def write_classes(folder: Path, counts: dict[str, int], first_seed: int = 0) -> Path:
    """A folder a class with so many different PNG images in it."""
    seed = first_seed
    for name, count in counts.items():
        for number in range(count):
            write_image(folder / name / f"{number:03}.png", seed)
            seed += 1
    return folder
