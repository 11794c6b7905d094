"""Tiles: put together they are what the network says of the whole image, whatever the image's size."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from gyebo.models.convolutional.unet import UNet, UNetConfig
from gyebo.models.convolutional.unet_padded import UNetPaddedConfig, unet_padded
from gyebo.tasks.tiles import Grid, mirrored, mirrored_window, tiled_logits


@pytest.fixture
def valid() -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(num_channels=2, num_classes=3, width=3, num_levels=3)).double().eval()


@pytest.fixture
def padded() -> UNet:
    torch.manual_seed(0)
    return unet_padded(UNetPaddedConfig(num_channels=2, num_classes=3, width=3, num_levels=2)).double().eval()


def image(height: int, width: int) -> torch.Tensor:
    return torch.randn(2, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_grid_of_the_papers_network():
    with torch.device("meta"):
        model = UNet(UNetConfig(num_channels=1, num_classes=2))
    assert Grid.of(model) == Grid(smallest=188, period=16, margin=92)
    assert model.output_size(Grid.of(model).input_side(389), 572) == (404, 388), "the next size above 388"


@pytest.mark.parametrize("output", [1, 4, 5, 8, 100])
def test_the_input_side_is_the_smallest_that_covers_the_output(valid, output):
    side = Grid.of(valid).input_side(output)
    assert valid.output_size(side, side)[0] >= output
    smaller = side - Grid.of(valid).period
    assert side == Grid.of(valid).smallest or valid.output_size(smaller, smaller)[0] < output


def test_mirrored_is_what_padding_by_reflection_gives():
    picture = image(7, 5)
    expected = F.pad(picture, (4, 3, 6, 2), mode="reflect")
    assert torch.equal(mirrored_window(picture, -6, -4, 15, 12), expected)


def test_a_mirror_reflects_more_than_once_where_the_image_is_small():
    assert mirrored(-5, 5, 3).tolist() == [1, 0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert mirrored(0, 9, 3).tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert mirrored(-4, 1, 3).tolist() == [0, 1, 2, 1, 0]


@pytest.mark.parametrize("tile", [1, 8, 13, 24, 40])
@pytest.mark.parametrize("size", [(20, 20), (37, 29), (5, 41)])
def test_tiles_of_valid_convolutions_are_exactly_the_whole_image(valid, tile, size):
    picture = image(*size)
    with torch.no_grad():
        whole, tiled = tiled_logits(valid, picture, tile=10_000), tiled_logits(valid, picture, tile)
    assert whole.shape == (3, *size)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-12)


def test_a_whole_image_is_one_pass_over_it_with_mirrored_borders(valid):
    picture = image(20, 12)  # sizes that the network gives without anything to cut off
    reflected = mirrored_window(picture, -20, -20, 60, 52)
    with torch.no_grad():
        torch.testing.assert_close(tiled_logits(valid, picture, 100), valid(reflected[None])[0], rtol=0, atol=0)


def test_tiles_read_no_more_than_they_are_told(valid):
    sides = []
    valid.register_forward_pre_hook(lambda module, inputs: sides.append(tuple(inputs[0].shape[-2:])))
    with torch.no_grad():
        tiled_logits(valid, image(37, 29), tile=16)
    assert sides == 6 * [(56, 56)], "three tiles down and two across, each with 20 pixels around it"


def test_padding_leaves_seams_that_overlap_takes_away(padded):
    """Away from the borders a padded network says the same of a tile as of the image, once the tile is read with enough around it."""
    picture = image(64, 48)
    with torch.no_grad():
        whole = padded(picture[None])[0]
        seams, smooth = tiled_logits(padded, picture, 16), tiled_logits(padded, picture, 48, overlap=15)
    inner = (slice(None), slice(16, 48), slice(16, 32))
    assert (seams - whole)[inner].abs().max() > 1e-3
    torch.testing.assert_close(smooth[inner], whole[inner], rtol=0, atol=1e-12)


def test_an_interrupt_comes_before_every_tile(valid):
    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    with pytest.raises(StopError):
        tiled_logits(valid, image(20, 20), 8, interrupt=stop)


def test_a_network_that_takes_no_size_is_refused():
    class Nothing:
        def output_size(self, height: int, width: int) -> tuple[int, int]:
            raise ValueError("never")

    with pytest.raises(ValueError, match="takes no two sizes"):
        Grid.of(Nothing())  # type: ignore[arg-type]
