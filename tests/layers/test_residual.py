"""Blocks with and without shortcuts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.layers.residual import SHORTCUTS, PlainBlock, ResidualBlock, ZeroPadded, bottleneck, two_convolutions


def test_the_sum_is_all_that_differs():
    """relu(F(x)) and relu(F(x) + x): where F is 0, one forgets x and the other keeps it."""
    body = two_convolutions(3, 3, 1).eval()
    nn.init.zeros_(body.conv2.weight)
    maps = torch.rand(2, 3, 5, 5)
    assert not PlainBlock(body)(maps).any()
    assert torch.equal(ResidualBlock(body, nn.Identity())(maps), maps)


def test_no_convolution_has_a_bias_beside_the_shift_of_its_norm():
    for body in (two_convolutions(3, 8, 2), bottleneck(3, 8, 1, 2)):
        assert all(part.bias is None for part in body.modules() if isinstance(part, nn.Conv2d))


@pytest.mark.parametrize(("first_stride", "second_stride"), [(2, 1), (1, 2)])
def test_a_bottleneck_halves_in_one_of_its_convolutions(first_stride, second_stride):
    body = bottleneck(3, 8, first_stride, second_stride)
    assert body(torch.zeros(2, 3, 7, 5)).shape == (2, 8, 4, 3)
    assert (body.conv1.stride[0], body.conv2.stride[0]) == (first_stride, second_stride)
    assert (body.conv1.out_channels, body.conv2.out_channels) == (2, 2)


@pytest.mark.parametrize("option", SHORTCUTS)
@pytest.mark.parametrize(("width", "stride"), [(3, 1), (5, 1), (5, 2), (3, 2)])
def test_a_shortcut_fits_what_the_layers_give(option, width, stride):
    maps = torch.rand(2, 3, 7, 5)
    shortcut = SHORTCUTS[option](3, width, stride)
    assert shortcut(maps).shape == two_convolutions(3, width, stride)(maps).shape
    fits = (width, stride) == (3, 1)
    assert isinstance(shortcut, nn.Identity) == (fits and option != "C")
    assert bool([*shortcut.parameters()]) == (option == "C" or (option == "B" and not fits))


def test_zeros_stand_behind_the_channels_that_come():
    maps = torch.rand(2, 3, 5, 5)
    longer = ZeroPadded(3, 5, 2)(maps)
    assert torch.equal(longer[:, :3], maps[:, :, ::2, ::2])
    assert not longer[:, 3:].any()


def test_zeros_cannot_take_channels_away():
    with pytest.raises(ValueError, match="cannot lead from 8 channels to 4: give widths that do not decrease"):
        ZeroPadded(8, 4, 1)
