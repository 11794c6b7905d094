"""Stems, stages and their sides."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.layers.residual import PlainBlock, two_convolutions
from gyebo.layers.stages import StagedClassifier, check_stages, halved, image_stem, small_stem, stages, stem_side


def block(channels, width, stride):
    return PlainBlock(two_convolutions(channels, width, stride))


@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 1), (5, 1)])
@pytest.mark.parametrize("size", [1, 2, 9, 16, 31])
def test_the_stem_has_the_side_that_is_told(size, kernel, stride):
    maps = image_stem(2, 4, kernel, stride).eval()(torch.rand(1, 2, size, size))
    assert maps.shape == (1, 4, *[stem_side(size, kernel, stride)] * 2)


def test_the_small_stem_keeps_the_side():
    assert small_stem(2, 4)(torch.rand(3, 2, 7, 7)).shape == (3, 4, 7, 7)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13])
def test_every_stage_but_the_first_halves(size):
    network = stages(2, (3, 5, 4), (1, 2, 3), block).eval()
    assert [len(stage) for stage in network] == [1, 2, 3]
    maps = torch.rand(1, 2, size, size)
    for number, (stage, width) in enumerate(zip(network, (3, 5, 4), strict=True)):
        maps = stage(maps)
        assert maps.shape == (1, width, *[halved(size, number)] * 2)


def test_features_are_the_means_of_the_last_maps():
    model = StagedClassifier(nn.Identity(), nn.Identity(), width=3, num_classes=5)
    images = torch.rand(2, 3, 4, 4)
    assert torch.allclose(model.features(images), images.flatten(2).mean(2))
    assert model(images).shape == (2, 5)


@pytest.mark.parametrize(("widths", "depths"), [((4, 8), (1,)), ((), ()), ((4, 0), (1, 1)), ((4, 8), (1, 0))])
def test_numbers_that_describe_no_stages_are_refused(widths, depths):
    with pytest.raises(ValueError, match="a width and a number of blocks is expected for each stage"):
        check_stages(widths, depths)
