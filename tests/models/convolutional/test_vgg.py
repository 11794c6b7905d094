"""The configurations of table 1, and what a VGG refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.config import from_mapping
from gyebo.errors import UsageError
from gyebo.genealogy import architecture, facts
from gyebo.layers.local_response import LocalResponse
from gyebo.models.convolutional.vgg import VGG, VGGConfig


def build(**changes: object) -> VGG:
    entry = architecture("vgg")
    torch.manual_seed(0)
    return entry.model(from_mapping(entry.config, dict(entry.tiny) | changes))


def configuration(letter: str) -> VGG:
    with torch.device("meta"):
        return VGG(from_mapping(VGGConfig, facts("vgg").sizes[letter].config))


@pytest.mark.parametrize(("letter", "layers"), [("A", 11), ("A-LRN", 11), ("B", 13), ("C", 16), ("D", 16), ("E", 19)])
def test_configurations_have_the_papers_weight_layers(letter, layers):
    model = configuration(letter)
    assert sum(isinstance(part, nn.Conv2d | nn.Linear) for part in model.modules()) == layers
    assert sum(isinstance(part, LocalResponse) for part in model.modules()) == (letter == "A-LRN")
    assert model.full1.in_features == 512 * 7 * 7


def test_large_images_are_read_with_channels_first():
    """Whatever memory format they come in."""
    last = torch.randn(2, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    model, seen = build(num_channels=3, image_size=224).eval(), []
    model.blocks.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].is_contiguous()))
    torch.testing.assert_close(model(last), model(last.contiguous()))
    assert seen == [True, True]
    assert model.channels_first
    assert not build().channels_first


def test_third_convolutions_are_1x1_in_c_alone():
    kernels = {
        letter: [part.kernel_size[0] for part in configuration(letter).modules() if isinstance(part, nn.Conv2d)] for letter in "CDE"
    }
    assert kernels["C"] == [3, 3, 3, 3, *[3, 3, 1] * 3]
    assert kernels["D"] == [3] * 13
    assert kernels["E"] == [3] * 16


def test_local_response_stands_behind_the_first_relu():
    model, seen = build(local_response=True), []
    first = next(part for part in model.modules() if isinstance(part, LocalResponse))
    first.register_forward_hook(lambda part, inputs, made: seen.append(inputs[0]))
    model(torch.randn(2, 2, 15, 15))
    assert seen[0].shape == (2, 6, 15, 15)
    assert seen[0].min() == 0


def test_signals_of_the_deepest_configuration_keep_their_size():
    """With N(0, 0.01^2) they would be below 1e-9; see what the paper says of training A first."""
    torch.manual_seed(0)
    model = VGG(
        VGGConfig(
            num_channels=3, num_classes=10, image_size=32, widths=(16,) * 5, depths=(2, 2, 4, 4, 4), pooled_side=1, hidden_width=64
        )
    )
    logits = model.eval()(torch.randn(16, 3, 32, 32))
    assert 0.1 < logits.std() < 10


def test_images_below_the_smallest_are_refused():
    with pytest.raises(ValueError, match=r"image_size=31 .* the 5 pools of VGG; .* the smallest that works is 32"):
        VGGConfig(num_channels=3, num_classes=10, image_size=31)
    assert VGGConfig(num_channels=3, num_classes=10, image_size=32).last_side(32) == 1


def test_other_image_sizes_are_averaged_to_what_the_hidden_layer_reads():
    model = build(image_size=40, pooled_side=2)
    assert model(torch.randn(3, 2, 40, 40)).shape == (3, 5)
    assert model.full1.in_features == 9 * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": (2, 1)}, r"widths=\(6, 7, 9\) and depths=\(2, 1\) do not describe the same blocks"),
        ({"depths": (2, 0, 3)}, r"depths=\(2, 0, 3\) do not describe"),
        ({"widths": (), "depths": ()}, r"widths=\(\) and depths=\(\) do not describe"),
        ({"third_kernel": 2}, r"third_kernel=2 is even, .*try 1 or 3"),
    ],
)
def test_what_is_no_vgg_is_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        build(**changes)
