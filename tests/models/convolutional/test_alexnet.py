"""What the two AlexNets compute, how they start, and what they refuse."""

from __future__ import annotations

import pytest
import torch

from gyebo.config import from_mapping
from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.layers.dropout import Dropout
from gyebo.models.convolutional.alexnet import side_behind_pools


def build(name: str, **changes: object):
    entry = architecture(name)
    torch.manual_seed(0)
    return entry.model(from_mapping(entry.config, dict(entry.tiny) | changes))


def images(model_name: str, rows: int = 2) -> torch.Tensor:
    tiny = architecture(model_name).tiny
    return torch.randn(
        rows, tiny["num_channels"], tiny["image_size"], tiny["image_size"], generator=torch.Generator().manual_seed(0)
    )


def test_towers_meet_in_the_third_layer_only():
    """What a map of the second, fourth or fifth layer reads stands in its own half."""
    model = build("alexnet")
    for layer, meets in ((model.conv2, False), (model.conv3, True), (model.conv4, False), (model.conv5, False)):
        maps = torch.randn(1, layer.in_channels, 5, 5, requires_grad=True)
        layer(maps)[:, 0].sum().backward()
        halves = maps.grad.abs().sum((0, 2, 3)).chunk(2)
        assert halves[0].all()
        assert bool(halves[1].any()) is meets


def test_biases_of_one_stand_where_the_paper_says():
    model = build("alexnet", weight_std=0.01)
    ones = {name for name, layer in model.named_children() if getattr(layer, "bias", None) is not None and layer.bias.eq(1).all()}
    zeros = {name for name, layer in model.named_children() if getattr(layer, "bias", None) is not None and not layer.bias.any()}
    assert ones == {"conv2", "conv4", "conv5", "full6", "full7"}
    assert zeros == {"conv1", "conv3", "output"}
    assert model.full6.weight.std().item() == pytest.approx(0.01, rel=0.1)


def test_the_papers_images_give_the_papers_maps():
    entry = architecture("alexnet")
    config = entry.config(num_channels=3, num_classes=10, image_size=224, widths=(2, 2, 2, 2, 2), hidden_width=2)
    assert side_behind_pools(224, 11, 4, 2) == side_behind_pools(227, 11, 4, 2) == 6
    sides = []
    model = entry.model(config)
    for layer in (model.conv1, model.conv2, model.conv3, model.conv5):
        layer.register_forward_hook(lambda layer, inputs, made: sides.append(made.shape[-1]))
    model(torch.zeros(1, 3, 224, 224))
    assert sides == [55, 27, 13, 13]


@pytest.mark.parametrize("name", ["alexnet", "alexnet-one-tower"])
def test_images_below_the_smallest_are_refused(name):
    entry = architecture(name)
    entry.config(num_channels=1, num_classes=2, image_size=63)
    assert side_behind_pools(63, 11, 4, 2) == 1
    with pytest.raises(ValueError, match=r"image_size=62 .* the smallest that works is 63"):
        entry.config(num_channels=1, num_classes=2, image_size=62)
    with pytest.raises(UsageError, match=r"for small images give stem_kernel=3 and stem_stride=1"):
        build(name, image_size=28, stem_kernel=11, stem_stride=4, stem_padding=2)
    build(name, image_size=28, stem_kernel=3, stem_stride=1, stem_padding=1)


def test_widths_that_no_two_towers_share_are_refused():
    with pytest.raises(UsageError, match=r"widths=\(6, 8, 9, 4, 12\) do not split into 2 towers: give five even numbers"):
        build("alexnet", widths=(6, 8, 9, 4, 12))


@pytest.mark.parametrize(("name", "expected"), [("alexnet", [14, 14]), ("alexnet-one-tower", [36, 14])])
def test_dropout_stands_behind_the_hidden_layers_or_before_them(name, expected):
    """The paper drops outputs of the two hidden layers, torchvision what they read."""
    model, dropped = build(name).train(), []
    for part in model.modules():
        if isinstance(part, Dropout):
            part.register_forward_hook(lambda part, inputs, made: dropped.append(made.shape[1]))
    model(images(name))
    assert dropped == expected


def test_one_tower_averages_to_the_side_that_its_hidden_layer_reads():
    model = build("alexnet-one-tower", pooled_side=3, image_size=63)
    assert model.full6.in_features == 9 * 9
    assert model(torch.randn(2, 2, 63, 63)).shape == (2, 5)
