"""Counting floating-point operations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.training.flops import count_flops


@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 2)])
def test_the_fused_lstm_counts_its_products(layers, directions):
    lstm = nn.LSTM(5, 7, layers, bidirectional=directions == 2)
    inputs = torch.randn(11, 3, 5)
    widths = [5, *[7 * directions] * (layers - 1)]
    products = sum(directions * 4 * 7 * (width + 7) for width in widths)
    assert count_flops(lambda: lstm(inputs)) == 2 * 11 * 3 * products
    assert count_flops(lambda: lstm(inputs)[0].sum().backward()) == 3 * 2 * 11 * 3 * products


def test_a_convolution_on_the_meta_device_costs_no_computation():
    with torch.device("meta"):
        layer, images = nn.Conv2d(3, 8, 5), torch.empty(2, 3, 12, 12)
    assert count_flops(lambda: layer(images)) == 2 * 2 * (8 * 8 * 8) * (3 * 5 * 5)
