"""Pixels in memory brought to another size and other channels, beside Pillow's."""

import numpy as np
import pytest
import torch
from PIL import Image

from gyebo.data.image_fitting import fitted


def pixels(count: int = 3, channels: int = 3, height: int = 20, width: int = 31) -> torch.Tensor:
    return torch.randint(0, 256, (count, channels, height, width), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("size", [7, 20, 33])
def test_scaling_is_pillow_s_of_the_middle_square(size: int):
    found = fitted(pixels(), size, 0)
    assert found.shape == (3, 3, size, size)
    for image, ours in zip(pixels(), found, strict=True):
        whole = Image.fromarray(image.permute(1, 2, 0).numpy())
        theirs = whole.crop((5, 0, 25, 20)).resize((size, size), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(theirs).astype(int) - ours.permute(1, 2, 0).numpy()).max() <= 1


def test_grey_is_pillow_s():
    for image, ours in zip(pixels(), fitted(pixels(), 0, 1), strict=True):
        assert np.array_equal(np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L")), ours[0].numpy())


def test_grey_becomes_colour_by_repeating():
    found = fitted(pixels(channels=1), 0, 3)
    assert torch.equal(found, pixels(channels=1).repeat(1, 3, 1, 1))
    assert found.is_contiguous()


def test_nothing_asked_is_nothing_done():
    assert torch.equal(fitted(pixels(), 0, 0), pixels())
    assert torch.equal(fitted(pixels(height=9, width=9), 9, 3), pixels(height=9, width=9))
