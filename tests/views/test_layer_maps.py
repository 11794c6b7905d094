"""What convolutions answer, see and speak for, on networks small enough to know the answer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.views.layer_maps import class_activation, convolutions, feature_maps, receptive_fields


def test_receptive_fields_follow_the_arithmetic():
    """r grows by (kernel - 1) times the product of the strides before it."""
    stack = nn.Sequential(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, (1, 3), dilation=(1, 2)))
    found = list(receptive_fields(stack, (2, 32, 32)).values())
    assert [(field.rows, field.columns) for field in found] == [(3, 3), (8, 8), (8, 16)]
    assert all(field.influence.max() == 1 for field in found)


def test_feature_maps_come_in_the_order_of_computing():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.second = nn.Conv2d(2, 3, 1)
            self.first = nn.Conv2d(1, 2, 1)

        def forward(self, images):
            return self.second(self.first(images)).mean((2, 3))

    model = Backwards()
    images = torch.randn(1, 1, 4, 4)
    maps = feature_maps(model, images)
    assert list(maps) == ["first", "second"]
    assert list(convolutions(model)) == ["second", "first"]
    torch.testing.assert_close(maps["second"].mean((2, 3)), model(images))
    assert not any(module._forward_hooks for module in model.modules())


class Bright(nn.Module):
    """Class 0 for brightness at the left, class 1 for brightness at the right: 1 x 1 filters, then a sum over each half."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        with torch.no_grad():
            self.maps.weight.zero_()
            self.maps.weight[:, :, 1, 1] = 1

    def forward(self, images):
        maps = self.maps(images)
        return torch.stack([maps[:, 0].mean((1, 2)), -maps[:, 1].mean((1, 2))], 1)


def test_grad_cam_is_the_equation():
    images = torch.zeros(2, 1, 6, 6)
    images[:, :, 1:3, 1:3] = 1
    heat = class_activation(Bright(), images, torch.tensor([0, 1]))
    assert heat[0, 1:3, 1:3].min() == 1  # alpha is the positive weight of the mean
    assert heat[0].sum() == 4
    assert heat[1].sum() == 0  # what speaks against a class is cut off


def test_grad_cam_needs_places():
    with pytest.raises(ValueError, match="more than one place"):
        class_activation(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.randn(1, 1, 2, 2), torch.tensor([0]))
