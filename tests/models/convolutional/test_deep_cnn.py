"""The textbook's network has its maps, its first weights, and dropout behind both affine maps."""

from __future__ import annotations

import math

import pytest
import torch

from gyebo.models.convolutional.deep_cnn import DeepCNN, DeepCNNConfig


def deep_cnn(**options) -> DeepCNN:
    torch.manual_seed(0)
    return DeepCNN(DeepCNNConfig(**{"num_channels": 1, "num_classes": 10, "image_size": 28} | options))


def test_sides_of_the_maps():
    model, sides = deep_cnn(), []
    for layer in model.convolutions:
        layer.register_forward_hook(lambda _, __, output: sides.append(tuple(output.shape[1:])))
    model(torch.zeros(1, 1, 28, 28))
    assert sides == [(16, 28, 28), (16, 28, 28), (32, 14, 14), (32, 16, 16), (64, 8, 8), (64, 8, 8)]
    assert model.hidden.in_features == 64 * 4 * 4


def test_weights_start_as_he_says():
    model = deep_cnn()
    for layer, fan_in in ((model.convolutions[5], 9 * 64), (model.hidden, 1024)):
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.02)
        assert not layer.bias.any()


def test_dropout_stands_behind_the_output_too():
    model, images = deep_cnn(image_size=8).train(), torch.randn(20, 1, 8, 8)
    assert 0.3 < (model(images) == 0).float().mean() < 0.7
    assert (model.features(images) == 0).float().mean() > 0.3
    assert not (model.eval()(images) == 0).any()


def test_small_images_are_refused():
    with pytest.raises(ValueError, match=r"image_size=3 is too small: after layer 9 of 9 .* The smallest that works is 4\."):
        deep_cnn(image_size=3)
