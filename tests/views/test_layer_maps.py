"""What convolutions answer, see and speak for, on networks small enough to know the answer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.genealogy import architecture
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
    found = class_activation(Bright(), images, torch.tensor([0, 1]))
    assert found.heat[0, 1:3, 1:3].min() == 1  # alpha is the positive weight of the mean
    assert found.heat[0].sum() == 4
    assert found.heat[1].sum() == 0  # what speaks against a class is cut off
    assert found.layer == "maps"


def test_grad_cam_needs_places():
    with pytest.raises(ValueError, match="more than one place"):
        class_activation(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.randn(1, 1, 2, 2), torch.tensor([0]))


READ = {
    "lenet5": ({"image_size": 28}, "c3", (16, 10, 10)),
    "lenet5-modern": ({"image_size": 28}, "c3", (16, 10, 10)),
    "deep-cnn": ({"image_size": 28}, "convolutions.5", (6, 8, 8)),
    "alexnet": ({}, "conv5", (12, 7, 7)),
    "alexnet-one-tower": ({}, "conv5", (9, 7, 7)),
    "vgg": ({"image_size": 32, "widths": (4, 6), "depths": (1, 2)}, "blocks.1.conv2", (6, 16, 16)),
    "googlenet": ({}, "inceptions.5b", (256, 2, 2)),
    "googlenet-batch-norm": ({}, "inceptions.5b", (256, 2, 2)),
    "plain": ({"image_size": 32}, "stages", (7, 4, 4)),
    "resnet": ({"image_size": 32, "shortcut": "C"}, "stages", (7, 4, 4)),
    "resnet-cifar": ({}, "stages", (7, 2, 2)),
    "densenet": ({"image_size": 32}, "stages", (8, 4, 4)),
    "densenet-cifar": ({}, "stages", (13, 2, 2)),
}
"""architecture -> what its tiny size is changed to, the module whose maps speak for a class, and their number and sides"""


@pytest.mark.parametrize("name", READ)
def test_grad_cam_reads_all_that_the_last_maps_hold(name):
    """All branches side by side, all layers of a dense block, the sum of a residual one; and no maps that were pooled."""
    changed, layer, shape = READ[name]
    entry = architecture(name)
    config = entry.config(**{**entry.tiny, **changed})
    torch.manual_seed(0)
    model = entry.model(config).eval()
    images = torch.randn(2, config.num_channels, config.image_size, config.image_size)
    found = class_activation(model, images, torch.tensor([0, 1]))
    assert (found.layer, found.shape) == (layer, shape)
    assert found.heat.shape == (2, config.image_size, config.image_size)
    assert not any(module._forward_hooks for module in model.modules())


def test_grad_cam_reads_maps_that_have_more_than_one_place():
    """Of an image so small that the last stage has one place: the stage before it, and no pool in between."""
    assert read_of("resnet-cifar", image_size=4) == ("stages.1", (6, 2, 2))
    assert read_of("densenet") == ("stages.3.conv", (5, 3, 3))


def read_of(name, **changed):
    entry = architecture(name)
    config = entry.config(**{**entry.tiny, **changed})
    model = entry.model(config).eval()
    found = class_activation(model, torch.randn(1, config.num_channels, config.image_size, config.image_size), torch.tensor([0]))
    return found.layer, found.shape


def test_the_partial_convolution_of_lenet5_is_one():
    entry = architecture("lenet5")
    model = entry.model(entry.config(num_channels=1, num_classes=10, image_size=32))
    maps = feature_maps(model, torch.randn(2, 1, 32, 32))
    assert {path: tuple(output.shape) for path, output in maps.items()} == {
        "c1": (2, 6, 28, 28),
        "c3": (2, 16, 10, 10),
        "c5": (2, 120, 1, 1),
    }
    fields = receptive_fields(model, (1, 32, 32))
    assert {path: (field.rows, field.columns) for path, field in fields.items()} == {"c1": (5, 5), "c3": (14, 14), "c5": (32, 32)}
