"""How many windows of a convolution or a pool fit into an image, and the smallest image that has any left at the end.

Dumoulin and Visin 2016, arXiv 1603.07285.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["refuse_small_images", "smallest_size", "windows"]

LARGEST_TRIED = 100_000


def windows(size: int, kernel: int, stride: int = 1, padding: int = 0, *, ceil: bool = False) -> int:
    """The side of what comes out: floor((size + 2 padding - kernel) / stride) + 1.  0 or less where nothing does.

    ceil: a last window may reach beyond the border, as in Caffe's pools, if it begins within the image or the padding before it.

    >>> windows(224, 11, 4, 2), windows(55, 3, 2), windows(112, 3, 2), windows(112, 3, 2, ceil=True)
    (55, 27, 55, 56)
    """
    span = size + 2 * padding - kernel
    count = (-(-span // stride) if ceil else span // stride) + 1
    return count - 1 if ceil and count > 1 and (count - 1) * stride >= size + padding else count


def smallest_size(side: Callable[[int], int]) -> int:
    """The smallest image of which a side of at least one is left; side: the side of the image -> the side of the last maps.

    >>> smallest_size(lambda size: windows(windows(size, 5), 2, 2))
    6
    """
    return next(size for size in range(1, LARGEST_TRIED) if side(size) >= 1)


def refuse_small_images(image_size: int, side: Callable[[int], int], what: str) -> None:
    """Raise ValueError where nothing is left of an image, naming the smallest size; what: the network, for the message."""
    if image_size < 1 or side(image_size) < 1:
        raise ValueError(
            f"image_size={image_size} came, and nothing would be left of such an image at the end of {what}: the smallest that works"
            f" is {smallest_size(side)}"
        )
