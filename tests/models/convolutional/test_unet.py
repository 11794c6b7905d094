"""The U-Net: sizes level by level, the skips, dropout, where weights start, and sizes that are refused."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import nn

from gyebo.models.convolutional.unet import CropAndConcatenate, UNet, UNetConfig, even_size, nearest_even_sizes
from gyebo.models.convolutional.unet_padded import UNetPaddedConfig, unet_padded


def small(**fields: int | float) -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(**{"num_channels": 1, "num_classes": 2, "width": 4, "num_levels": 3} | fields)).eval()


def sizes_of(model: UNet, images: torch.Tensor) -> list[tuple[int, int]]:
    """(channels, side) of what each convolution and up-convolution gives."""
    found: list[tuple[int, int]] = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(lambda module, inputs, output: found.append((output.shape[1], output.shape[-1])))
    model(images)
    return found


def test_sizes_are_those_of_figure_1():
    with torch.device("meta"):
        model, images = UNet(UNetConfig(num_channels=1, num_classes=2)), torch.empty(1, 1, 572, 572)
    down = [(64, 570), (64, 568), (128, 282), (128, 280), (256, 138), (256, 136), (512, 66), (512, 64), (1024, 30), (1024, 28)]
    up = [(512, 56), (512, 54), (512, 52), (256, 104), (256, 102), (256, 100)]
    up += [(128, 200), (128, 198), (128, 196), (64, 392), (64, 390), (64, 388)]
    assert sizes_of(model, images) == [*down, *up, (2, 388)]
    assert len(down) + len(up) + 1 == 23, "'In total the network has 23 convolutional layers.'"


@pytest.mark.parametrize("num_levels", [2, 3, 5])
@pytest.mark.parametrize("lost", [0, 4])
def test_even_size_is_what_walking_down_and_up_gives(num_levels, lost):
    def walk(side: int) -> int | None:
        for _ in range(num_levels - 1):
            side -= lost
            if side < 2 or side % 2:
                return None
            side //= 2
        side -= lost
        for _ in range(num_levels - 1):
            if side < 1:
                return None
            side = 2 * side - lost
        return side if side > 0 else None

    found = {side: even_size(side, num_levels, lost) for side in range(1, 700)}
    assert found == {side: walk(side) for side in found}
    assert any(found.values())


@pytest.mark.parametrize("side", [1, 19, 187, 189, 204, 571, 573])
def test_nearest_sizes_are_even_and_none_lies_between(side):
    nearest = nearest_even_sizes(side, 5, 4)
    assert all(even_size(each, 5, 4) for each in nearest)
    below, above = [each for each in nearest if each <= side], [each for each in nearest if each > side]
    assert len(below) <= 1 == len(above)
    assert not any(even_size(each, 5, 4) for each in range((below or [0])[0] + 1, above[0]) if each != side)


def test_logits_are_of_the_size_that_is_said_also_of_images_that_are_not_square():
    model = small()
    assert model.output_size(52, 60) == (12, 20)
    assert model(torch.randn(2, 1, 52, 60)).shape == (2, 2, 12, 20)


@pytest.mark.parametrize(
    ("size", "told"),
    [((53, 52), "53 pixels high cannot be halved evenly 2 times with 4 pixels lost at every level. The nearest that can: 52 and 56."),
     ((52, 54), "54 pixels wide"), ((20, 52), "The nearest that can: 44.")],
)  # fmt: skip
def test_a_size_that_cannot_be_halved_is_refused_with_the_nearest(size, told):
    model = small()
    with pytest.raises(ValueError, match=re.escape(told)):
        model.output_size(*size)
    with pytest.raises(ValueError, match=re.escape(told)):
        model(torch.randn(1, 1, *size))


def test_a_logit_sees_the_pixels_around_it_and_no_others():
    """Valid convolutions: moving the image by the period of the poolings moves the logits, with nothing new at the borders."""
    model, image = small().double(), torch.randn(1, 1, 60, 60, dtype=torch.float64)
    whole, part = model(image), model(image[..., 4:, :56])  # (1, 2, 20, 20), (1, 2, 16, 16)
    torch.testing.assert_close(part, whole[..., 4:, :16], rtol=0, atol=1e-12)


def test_the_skip_is_cut_from_the_middle_and_stands_in_front():
    contracting = torch.arange(36.0).view(1, 1, 6, 6)
    upsampled = -torch.ones(1, 1, 2, 4)
    joined = CropAndConcatenate()(upsampled, contracting)
    assert joined[0, 0].tolist() == [[13, 14, 15, 16], [19, 20, 21, 22]]
    assert joined[0, 1].tolist() == upsampled[0, 0].tolist()


def test_weights_start_as_he_says():
    torch.manual_seed(0)
    model = UNet(UNetConfig(num_channels=1, num_classes=2, width=64, num_levels=2))
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            window = 1 if isinstance(module, nn.ConvTranspose2d) else math.prod(module.kernel_size)
            expected, num = math.sqrt(2 / (module.in_channels * window)), module.weight.numel()
            assert abs(module.weight.std().item() / expected - 1) < 4 / math.sqrt(2 * num)
            assert module.bias is not None
            assert not module.bias.any()


def test_an_up_convolution_sums_over_channels_alone():
    """So its N is the number of channels, whatever its window."""
    layer = nn.ConvTranspose2d(3, 1, 2, stride=2, bias=False)
    nn.init.ones_(layer.weight)
    assert layer(torch.ones(1, 3, 4, 4)).unique().tolist() == [3]


def test_dropout_stands_behind_the_two_lowest_levels():
    model = small(dropout=0.5, num_levels=4)
    seen: list[tuple[int, ...]] = []
    model.dropout.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    side = nearest_even_sizes(1, 4, 4)[0]
    model.train()(torch.randn(1, 1, side, side))
    assert [channels for channels, _, _ in seen] == [16, 32]
    images = torch.randn(1, 1, side, side)
    assert not torch.equal(model(images), model(images))
    model.eval()
    torch.testing.assert_close(model(images), model(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("field", "value", "told"), [("width", 0, "width=0"), ("num_levels", 1, "num_levels=1"), ("num_classes", 0, "num_classes=0")]
)
def test_a_config_without_sense_is_refused(field, value, told):
    with pytest.raises(ValueError, match=told):
        UNetConfig(**{"num_channels": 1, "num_classes": 2} | {field: value})


# The padded variant


def padded(**fields: int) -> UNet:
    torch.manual_seed(0)
    return unet_padded(UNetPaddedConfig(**{"num_channels": 3, "num_classes": 2, "width": 4, "num_levels": 3} | fields)).eval()


def test_padded_logits_are_of_the_whole_image():
    model = padded()
    assert model(torch.randn(2, 3, 20, 12)).shape == (2, 2, 20, 12)
    assert model.output_size(20, 12) == (20, 12)


def test_padded_sizes_are_multiples_of_the_poolings():
    with pytest.raises(
        ValueError,
        match=re.escape(
            "An image 30 pixels wide cannot be halved evenly 2 times with 0 pixels lost at every level. The nearest that can: 28 and 32."
        ),
    ):
        padded().output_size(32, 30)


def test_the_variant_has_the_weights_of_the_original_and_norms_in_place_of_biases():
    def matrices(model: UNet) -> list[tuple[int, ...]]:
        return [tuple(each.shape) for each in model.parameters() if each.dim() > 1]

    assert matrices(padded()) == matrices(small(num_channels=3))
    norms = [module for module in padded().modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 10
    for module in padded().modules():
        if isinstance(module, nn.Conv2d):
            assert (module.bias is None) == (module.kernel_size == (3, 3))
