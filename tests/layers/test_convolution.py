"""Convolution's arithmetic says what torch's layers do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.layers.convolution import Frame, Window, sizes_through


@pytest.mark.parametrize("window", [Window(3), Window(5, stride=2), Window(3, padding=1), Window(4, stride=3, padding=2)])
@pytest.mark.parametrize("inputs", [7, 8, 9, 12])
def test_outputs_are_torchs(window, inputs):
    layer = nn.Conv2d(1, 1, window.side, window.stride, window.padding)
    assert layer(torch.zeros(1, 1, inputs, inputs)).shape[-1] == window.outputs(inputs)


def test_sizes_follow_the_layers():
    assert sizes_through([Window(11, stride=4, padding=2), Window(3, stride=2)], 224) == [55, 27]


def test_the_smallest_size_is_named_and_works():
    windows = [Window(5), Window(2, stride=2), Window(5), Window(2, stride=2)]
    with pytest.raises(ValueError, match=r"image_size=10 is too small: after layer 3 of 4 .* The smallest that works is 16\."):
        sizes_through(windows, 10)
    assert sizes_through(windows, 16)[-1] == 1
    with pytest.raises(ValueError, match="The smallest that works is 16"):
        sizes_through(windows, 15)


@pytest.mark.parametrize(("image_size", "before", "after"), [(28, 2, 2), (29, 1, 2), (32, 0, 0), (40, 0, 0)])
def test_a_frame_brings_images_to_its_size(image_size, before, after):
    frame = Frame(image_size, 32, -0.5)
    framed = frame(torch.ones(2, 3, image_size, image_size))
    assert framed.shape == (2, 3, frame.framed_size, frame.framed_size) == (2, 3, max(32, image_size), max(32, image_size))
    assert (framed == 1).sum() == 2 * 3 * image_size**2
    assert (framed[:, :, before : before + image_size, before : before + image_size] == 1).all()
    assert framed.shape[-1] == before + image_size + after
