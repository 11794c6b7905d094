"""The experiment on skips at a size of seconds, on discs; what stands in their place; and Dice of pixels and of blocks."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from claim_clock import Clock, measured_twice

from gyebo.claims import vgg_unet
from gyebo.claims.vgg_unet import BLOCK, WITH, WITHOUT, Budget, NothingAcross, halved, measure_on
from gyebo.errors import GyeboError
from gyebo.models.convolutional.unet import UNet
from gyebo.models.convolutional.unet_padded import PaddedConvolutions, UNetPaddedConfig
from gyebo.tasks.mask_metrics import metrics_of_masks, pixel_confusion
from made_masks import image_masks


def test_it_repeats_itself_and_is_drawn(monkeypatch):
    monkeypatch.setattr(vgg_unet, "CROP", 16)
    first, clock = measured_twice("vgg-unet", partial(measure_on, image_masks(), budget=Budget(updates=2, width=2)))
    assert clock.calls >= 4
    assert len({row["parameters"] for row in first.table}) == 1, "both networks have as many weights"
    dice = {(row["network"], row["block"]): row["Dice"] for row in first.table}
    assert first.effects["dice_gain"] == pytest.approx(dice[WITH, 1] - dice[WITHOUT, 1], abs=1e-3)


def test_without_skips_nothing_gets_across_but_through_the_lowest_level():
    torch.manual_seed(0)
    config = UNetPaddedConfig(num_channels=1, num_classes=1, width=2, num_levels=3)
    model = UNet(config, PaddedConvolutions, lost=0, skip=NothingAcross).eval()
    images = torch.randn(1, 1, 16, 16)
    lowest = model.contracting[2]
    lowest.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    assert torch.equal(model(images), model(images + 1))


@pytest.mark.parametrize("side", [1, 4])
def test_dice_of_blocks_is_dice_where_a_block_is_a_pixel(side):
    rng = np.random.default_rng(0)
    truth, predicted = (rng.integers(0, 2, (8, 12)).astype(np.uint8) for _ in range(2))
    expected = metrics_of_masks(pixel_confusion(truth, predicted, 2))["dice"]
    blocks = [np.kron(mask, np.ones((side, side), np.uint8)) for mask in (truth, predicted)]
    assert vgg_unet._dice([blocks[0]], [blocks[1]], side) == pytest.approx(expected)


def test_where_in_its_block_something_is_does_not_count():
    truth, moved = np.zeros((BLOCK, BLOCK), np.uint8), np.zeros((BLOCK, BLOCK), np.uint8)
    truth[0], moved[5] = 1, 1
    assert vgg_unet._dice([truth], [moved], 1) == 0
    assert vgg_unet._dice([truth], [moved], BLOCK) == 1


def test_halves_are_means_and_majorities():
    data = image_masks()
    small = halved(data)
    image, mask = data.test.images[0].float(), data.test.masks[0].float()
    corner = [float(each[..., 4:6, 6:8].mean()) for each in (image, mask)]
    assert abs(int(small.test.images[0][0, 2, 3]) - corner[0]) <= 0.5
    assert int(small.test.masks[0][2, 3]) == (corner[1] >= 0.5)


def test_data_that_cannot_be_had_are_named(tmp_path, monkeypatch):
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("gyebo.data.download.urlopen", refuse)
    monkeypatch.setenv("GYEBO_DATA", str(tmp_path))
    with pytest.raises(GyeboError, match=r"membrane/train/image/0\.png could not be downloaded"):
        vgg_unet.measure(1, Clock())
