"""The arithmetic of windows is torch's, and images that leave nothing are refused."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from gyebo.layers.windows import refuse_small_images, smallest_size, windows


@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (5, 0), (5, 2)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("ceil", [False, True])
def test_pools_leave_as_many_windows(kernel, stride, padding, ceil):
    for size in range(max(1, kernel - 2 * padding), 20):
        pooled = F.max_pool2d(torch.zeros(1, 1, size, size), kernel, stride, padding, ceil_mode=ceil)
        assert windows(size, kernel, stride, padding, ceil=ceil) == pooled.shape[-1], size


def test_convolutions_leave_as_many_windows():
    for size in range(11, 30):
        assert windows(size, 11, 4, 2) == F.conv2d(torch.zeros(1, 1, size, size), torch.zeros(1, 1, 11, 11), None, 4, 2).shape[-1]


def test_nothing_is_left_of_an_image_below_its_window():
    assert windows(2, 3) == 0
    assert windows(1, 3, 2, ceil=True) == 0


def test_smallest_size_is_the_first_that_leaves_something():
    assert smallest_size(lambda size: size - 6) == 7


@pytest.mark.parametrize("size", [-3, 0, 6])
def test_an_image_that_leaves_nothing_is_refused_with_the_smallest_that_works(size):
    with pytest.raises(ValueError, match=rf"image_size={size} came, .* at the end of the pools: the smallest that works is 7"):
        refuse_small_images(size, lambda side: side - 6, "the pools")
    refuse_small_images(7, lambda side: side - 6, "the pools")
