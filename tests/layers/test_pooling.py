"""Trainable pooling adds each window, scales it and shifts it, map by map."""

from __future__ import annotations

import torch

from gyebo.layers.pooling import TrainablePooling


def test_each_map_has_its_coefficient_and_bias():
    pool = TrainablePooling(3)
    with torch.no_grad():
        pool.coefficient.copy_(torch.tensor([1.0, -2.0, 0.5]))
        pool.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
    maps = torch.randn(2, 3, 6, 4)
    expected = torch.empty(2, 3, 3, 2)
    for channel in range(3):
        for row in range(3):
            for column in range(2):
                window = maps[:, channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                expected[:, channel, row, column] = pool.coefficient[channel] * window.sum((1, 2)) + pool.bias[channel]
    torch.testing.assert_close(pool(maps), expected)


def test_an_odd_edge_is_left_out():
    pool, maps = TrainablePooling(1), torch.randn(1, 1, 5, 7)
    assert pool(maps).shape == (1, 1, 2, 3)
    torch.testing.assert_close(pool(maps), pool(maps[:, :, :4, :6]))


def test_it_begins_as_the_average():
    maps = torch.randn(1, 2, 4, 4)
    torch.testing.assert_close(TrainablePooling(2)(maps), maps.unflatten(2, (2, 2)).unflatten(4, (2, 2)).mean((3, 5)))
