"""Dense blocks, transitions, and what they keep."""

from __future__ import annotations

import pytest
import torch

from gyebo.layers.dense import DenseBlock, check_dense, dense_stages, layer, narrowed_layer, pooled, transition
from gyebo.layers.dropout import Dropout


@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_block_keeps_what_comes_and_each_layer_reads_all_of_it(bottleneck):
    block = DenseBlock(3, growth_rate=2, depth=4, bottleneck=bottleneck, dropout=0.0).eval()
    maps = torch.randn(2, 3, 5, 5)
    found = block(maps)
    assert found.shape == (2, 3 + 4 * 2, 5, 5)
    assert torch.equal(found[:, :3], maps)
    for number, each in enumerate(block.layers):
        start = 3 + 2 * number
        assert torch.equal(found[:, start : start + 2], each(found[:, :start])), f"layer {number} reads all maps before it"


def test_a_bottleneck_has_four_times_the_growth_rate():
    narrowed = narrowed_layer(9, 2, 0.0)
    assert (narrowed.conv1.out_channels, narrowed.conv2.in_channels, narrowed.conv2.out_channels) == (8, 8, 2)


@pytest.mark.parametrize("side", [2, 5, 8])
def test_a_transition_halves_and_rounds_down(side):
    assert transition(6, 3, 0.0)(torch.zeros(1, 6, side, side)).shape == (1, 3, pooled(side, 1), pooled(side, 1))


@pytest.mark.parametrize(("compression", "width"), [(1.0, 4 + 2 + 4 + 2), (0.5, ((4 + 2) // 2 + 4) // 2 + 2), (0.3, 1 + 4 - 4 + 2)])
def test_what_leaves_the_stages_is_counted(compression, width):
    """Blocks of 1, 2 and 1 layers of 2 maps, from 4; a transition keeps the whole part of its share."""
    network, told = dense_stages(4, 2, (1, 2, 1), bottleneck=True, compression=compression, dropout=0.0)
    assert network.eval()(torch.zeros(1, 4, 8, 8)).shape == (1, told, 2, 2)
    assert told == width


def test_dropout_stands_behind_every_convolution():
    network, _ = dense_stages(4, 2, (2, 1), bottleneck=True, compression=0.5, dropout=0.2)
    assert [part.probability for part in network.modules() if isinstance(part, Dropout)] == [0.2] * (2 * 2 + 1 + 2 * 1)
    plain = layer(4, 2, 0.9).train()
    assert (plain(torch.randn(8, 4, 9, 9)) == 0).float().mean() > 0.8


@pytest.mark.parametrize(("growth_rate", "depths"), [(0, (1, 1)), (4, ()), (4, (2, 0))])
def test_numbers_that_describe_no_blocks_are_refused(growth_rate, depths):
    with pytest.raises(ValueError, match="each block has a layer or more, and each layer adds a map or more"):
        check_dense(growth_rate, depths, 0.5)


@pytest.mark.parametrize("compression", [0.0, -0.5, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(compression):
    with pytest.raises(ValueError, match="is not a share of the maps"):
        check_dense(4, (1,), compression)


def test_a_share_that_leaves_no_map_is_refused():
    with pytest.raises(ValueError, match=r"compression=0.1 keeps no map of 6"):
        dense_stages(4, 2, (1, 1), bottleneck=False, compression=0.1, dropout=0.0)
