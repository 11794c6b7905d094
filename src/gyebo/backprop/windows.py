"""The windows that a convolution or a pooling looks through, and the way back: what overlaps adds up.

Letters: B batch, C channels, H and W height and width of the image, KH and KW of a window, OH and OW of the output.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["add_windows", "check_image", "col2im", "im2col", "output_size", "windows"]

Array = np.ndarray
Pair = tuple[int, int]


def output_size(size: int, window: int, stride: int, padding: int) -> int:
    """How many windows fit along one axis: floor((size + 2 padding - window) / stride) + 1.

    >>> output_size(7, window=3, stride=2, padding=0), output_size(28, window=5, stride=1, padding=2)
    (3, 28)
    """
    return (size + 2 * padding - window) // stride + 1


def windows(image: Array, kernel: Pair, stride: int) -> Array:
    """Every window of every channel.  (B, C, H, W) -> (B, C, OH, OW, KH, KW), a view that is not to be written."""
    return sliding_window_view(image, kernel, axis=(2, 3))[:, :, ::stride, ::stride]


def add_windows(parts: Array, shape: tuple[int, ...], stride: int) -> Array:
    """The transpose of `windows`: each number goes back to its place, and places in several windows get the sum.

    >>> add_windows(windows(np.ones((1, 1, 3, 3)), (2, 2), 1), (1, 1, 3, 3), 1)[0, 0]  # in how many windows a place is
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    image = np.zeros(shape, parts.dtype)
    num_rows, num_columns, height, width = parts.shape[2:]
    for y in range(height):
        for x in range(width):
            image[:, :, y : y + stride * num_rows : stride, x : x + stride * num_columns : stride] += parts[..., y, x]
    return image  # (B, C, H, W)


def im2col(image: Array, kernel: Pair, stride: int, padding: int) -> Array:
    """Each window a row, so that a convolution is one matrix product.  (B, C, H, W) -> (B OH OW, C KH KW)."""
    padded = np.pad(image, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    seen = windows(padded, kernel, stride).transpose(0, 2, 3, 1, 4, 5)  # (B, OH, OW, C, KH, KW)
    return seen.reshape(np.prod(seen.shape[:3]), np.prod(seen.shape[3:]))


def col2im(columns: Array, shape: tuple[int, ...], kernel: Pair, stride: int, padding: int) -> Array:
    """The transpose of `im2col`: adds overlapping windows.  (B OH OW, C KH KW) -> shape, that of the image."""
    batch, channels, height, width = shape
    rows, row_length = (output_size(size, window, stride, padding) for size, window in zip(shape[2:], kernel, strict=True))
    parts = columns.reshape(batch, rows, row_length, channels, *kernel).transpose(0, 3, 1, 2, 4, 5)  # (B, C, OH, OW, KH, KW)
    padded = add_windows(parts, (batch, channels, height + 2 * padding, width + 2 * padding), stride)
    return padded[:, :, padding : padding + height, padding : padding + width]


def check_image(what: str, shape: tuple[int, ...], kernel: Pair, stride: int, padding: int) -> None:
    """Raises ValueError where no window fits, or the image is none."""
    whole = all(isinstance(number, int | np.integer) for number in (*kernel, stride, padding))
    if not whole or stride < 1 or padding < 0 or min(kernel) < 1:
        raise ValueError(
            f"{what} came with a window of {kernel[0]} x {kernel[1]}, stride {stride} and padding {padding}; "
            "these are whole numbers, window and stride at least 1 and padding at least 0."
        )
    if len(shape) != 4:
        raise ValueError(
            f"{what} came with an input of shape {shape}; it takes images (B, C, H, W). Reshape the input: a batch of grey "
            "images (B, H, W) becomes (B, 1, H, W)."
        )
    if any(output_size(size, window, stride, padding) < 1 for size, window in zip(shape[2:], kernel, strict=True)):
        raise ValueError(
            f"{what} came with images of {shape[2]} x {shape[3]} and padding {padding}, and its window of {kernel[0]} x {kernel[1]} "
            "fits nowhere. Take a smaller window, larger images or more padding."
        )
