"""The overlap-tile strategy: an image of any size, segmented tile by tile.  Ronneberger et al. 2015, section 2 and figure 2.

A network without padding gives the logits of the middle of what it reads. So a tile is read with a margin around it, from its
neighbours or, over the border of the image, from the image's own mirror; and tiles are put together without a seam. Poolings make a
network see pixels in groups: tiles begin where groups begin, and then each logit is what the network would say of the whole image.

Letters: C channels, H W the image, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gyebo.models.interfaces import ImageSegmenter

__all__ = ["Grid", "mirrored", "mirrored_window", "tiled_logits"]

LARGEST_PERIOD = 2**12
"""pixels between two sizes that a network takes; one that takes none up to twice as many is none that could be trained"""


@dataclass(frozen=True)
class Grid:
    """The sizes that a network takes: `smallest` pixels a side, and any number of periods more; it gives logits for all but the margin."""

    smallest: int
    period: int
    margin: int
    """pixels on each side that get no logits"""

    @classmethod
    def of(cls, model: ImageSegmenter) -> Grid:
        """Found by asking the network.  Raises ValueError where it takes no size."""
        taken: list[tuple[int, int]] = []
        for side in range(1, 2 * LARGEST_PERIOD):
            try:
                taken.append((side, model.output_size(side, side)[0]))
            except ValueError:
                continue
            if len(taken) == 2:
                break
        else:
            raise ValueError(f"The network takes no two sizes of images up to {2 * LARGEST_PERIOD} pixels a side.")
        (smallest, output), (second, _) = taken
        return cls(smallest, second - smallest, (smallest - output) // 2)

    def input_side(self, output: int) -> int:
        """The smallest side whose logits cover this many pixels.

        >>> Grid(smallest=188, period=16, margin=92).input_side(388)
        572
        """
        missing = max(0, output + 2 * self.margin - self.smallest)
        return self.smallest + -(-missing // self.period) * self.period


def mirrored(begin: int, end: int, size: int) -> Tensor:
    """The places begin .. end - 1 of a line of `size` pixels that goes on beyond its ends as its own mirror, the last pixel not repeated.

    >>> mirrored(-2, 6, 4).tolist(), mirrored(0, 3, 1).tolist()
    ([2, 1, 0, 1, 2, 3, 2, 1], [0, 0, 0])
    """
    if size == 1:
        return torch.zeros(end - begin, dtype=torch.int64)
    places = torch.arange(begin, end) % (2 * size - 2)
    return torch.minimum(places, 2 * size - 2 - places)


def mirrored_window(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """A window of an image (..., H, W) that may reach beyond it, where the mirrored image stands: (..., height, width)."""
    rows = mirrored(top, top + height, image.shape[-2]).to(image.device)
    columns = mirrored(left, left + width, image.shape[-1]).to(image.device)
    return image.index_select(-2, rows).index_select(-1, columns)


def tiled_logits(
    model: ImageSegmenter, image: Tensor, tile: int, overlap: int = 0, interrupt: Callable[[], None] = lambda: None
) -> Tensor:
    """The logits of every pixel of one image: (C, H, W) -> (K, H, W), from tiles of at most about `tile` pixels a side.

    An image that fits is one tile. overlap: pixels around each tile that are read too and whose logits are thrown away: a network with
    padding sees zeros near the border of what it reads, so it needs some; rounded up to whole groups of the poolings.
    """
    grid = Grid.of(model)
    overlap = -(-overlap // grid.period) * grid.period
    height, width = image.shape[-2:]
    around = grid.margin + overlap
    down, across = _tile_side(height, tile, overlap, grid), _tile_side(width, tile, overlap, grid)
    rows = []
    for top in range(0, height, down):
        row = []
        for left in range(0, width, across):
            interrupt()
            sides = grid.input_side(down + 2 * overlap), grid.input_side(across + 2 * overlap)
            window = mirrored_window(image, top - around, left - around, *sides)
            logits = model(window[None])[0]
            row.append(logits[:, overlap : overlap + min(down, height - top), overlap : overlap + min(across, width - left)])
        rows.append(torch.cat(row, 2))
    return torch.cat(rows, 1)


def _tile_side(side: int, tile: int, overlap: int, grid: Grid) -> int:
    """How far tiles stand apart: the whole side where it fits, else whole groups of the poolings."""
    return side if side <= tile else max(grid.period, (tile - 2 * overlap) // grid.period * grid.period)
