"""Inception modules, auxiliary classifiers, what the variant with batch norm exchanges, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gyebo.config import from_mapping
from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.layers.local_response import LocalResponse
from gyebo.models.convolutional.googlenet import INCEPTIONS, ConvolutionReLU, GoogLeNet, Inception
from gyebo.models.interfaces import OwnLoss

NAMES = ("googlenet", "googlenet-batch-norm")


def build(name: str = "googlenet", **changes: object) -> GoogLeNet:
    entry = architecture(name)
    torch.manual_seed(0)
    return entry.model(from_mapping(entry.config, dict(entry.tiny) | changes)).eval()


def batch(name: str = "googlenet", rows: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    size = architecture(name).tiny["image_size"]
    generator = torch.Generator().manual_seed(0)
    return torch.randn(rows, 2, size, size, generator=generator), torch.arange(rows) % 5


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_reductions_save_most_of_a_module():
    """3a has 163,696 parameters, and would have 387,296 without its 1x1 reductions and projection."""
    assert parameters(Inception(192, INCEPTIONS["3a"], ConvolutionReLU, 5)) == 163_696
    assert sum(parameters(ConvolutionReLU(192, width, kernel)) for width, kernel in ((64, 1), (128, 3), (32, 5))) == 387_296


def test_modules_hand_on_what_the_next_one_reads():
    with torch.device("meta"):
        model = architecture("googlenet").model(architecture("googlenet").config(num_channels=3, num_classes=1000, image_size=224))
        made = model.maps(torch.empty(1, 3, 224, 224))
    assert {name: (maps.shape[1], maps.shape[2]) for name, maps in made.items()} == {
        "3a": (256, 28),
        "3b": (480, 28),
        **dict.fromkeys(("4a", "4b", "4c"), (512, 14)),
        "4d": (528, 14),
        "4e": (832, 14),
        "5a": (832, 7),
        "5b": (1024, 7),
    }


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_that_of_the_network_and_three_tenths_of_each_auxiliary_one(name):
    model, (images, labels) = build(name), batch(name)
    assert isinstance(model, OwnLoss)
    made = model.maps(images)
    losses = [F.cross_entropy(model.auxiliaries[at](made[at]), labels, reduction="sum") for at in ("4a", "4d")]
    expected = F.cross_entropy(model(images), labels, reduction="sum") + 0.3 * sum(losses)
    torch.testing.assert_close(model.training_loss(images, labels), expected)
    without = build(name, auxiliary=False)
    torch.testing.assert_close(without.training_loss(images, labels), F.cross_entropy(without(images), labels, reduction="sum"))


@pytest.mark.parametrize("name", NAMES)
def test_logits_do_not_need_the_auxiliary_classifiers(name):
    model, (images, _) = build(name), batch(name)
    expected = model(images)
    for parameter in model.auxiliaries.parameters():
        parameter.data.fill_(torch.nan)
    assert torch.equal(model(images), expected)


def test_auxiliary_weight_is_an_option():
    images, labels = batch()
    without = build(auxiliary=False).training_loss(images, labels)
    losses = {weight: build(auxiliary_weight=weight).training_loss(images, labels) for weight in (0.0, 0.3, 0.6)}
    torch.testing.assert_close(losses[0.6] - losses[0.0], 2 * (losses[0.3] - losses[0.0]))
    assert losses[0.3] > losses[0.0] > 0
    assert without > 0


def test_images_below_the_smallest_are_refused():
    config = architecture("googlenet").config
    with pytest.raises(ValueError, match=r"image_size=30 .* GoogLeNet's pools; .* the smallest that works is 31"):
        config(num_channels=3, num_classes=10, image_size=30, auxiliary=False)
    with pytest.raises(
        ValueError, match=r"too little for the auxiliary classifiers, whose smallest image is 79: give auxiliary=false"
    ):
        config(num_channels=3, num_classes=10, image_size=78)
    assert config(num_channels=3, num_classes=10, image_size=31, auxiliary=False).last_side(31) == 1
    assert config(num_channels=3, num_classes=10, image_size=79).auxiliary_side(79) == 1


def test_batch_norm_variant_takes_smaller_images():
    """Its last pool is 2x2, and its auxiliary classifiers average whatever they get."""
    config = architecture("googlenet-batch-norm").config
    with pytest.raises(ValueError, match="the smallest that works is 15"):
        config(num_channels=3, num_classes=10, image_size=14)
    assert build("googlenet-batch-norm", image_size=15, stem_kernel=7, stem_stride=2)(torch.randn(2, 2, 15, 15)).isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 12}, "width=12 does not give every layer a whole number of maps: give a multiple of 8"),
        ({"width": 0}, "width=0 does not give"),
        ({"stem_kernel": 4}, r"stem_kernel=4 is even, .*try 3 or 7"),
    ],
)
def test_what_is_no_googlenet_is_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        build(**changes)


def test_batch_norm_variant_exchanges_what_its_table_says():
    paper, variant = build(), build("googlenet-batch-norm")
    convolutions = {model: [part for part in model.modules() if isinstance(part, nn.Conv2d)] for model in (paper, variant)}
    assert all(part.bias is not None for part in convolutions[paper])
    assert all(part.bias is None for part in convolutions[variant])
    assert len(convolutions[paper]) == len(convolutions[variant]) == 3 + 9 * 6 + 2
    assert sum(isinstance(part, nn.BatchNorm2d) and part.eps == 1e-3 for part in variant.modules()) == len(convolutions[variant])
    assert sum(isinstance(part, LocalResponse) for part in paper.modules()) == 2
    assert not any(isinstance(part, LocalResponse) for part in variant.modules())
    large = {model: {part.five[1].conv.kernel_size for part in model.inceptions.values()} for model in (paper, variant)}
    assert large == {paper: {(5, 5)}, variant: {(3, 3)}}
