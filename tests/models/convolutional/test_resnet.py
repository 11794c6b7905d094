"""Plain and residual networks: what they share, and what their options do."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from gyebo.config import from_mapping
from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.layers.residual import ResidualBlock
from gyebo.verification.parity.case import compare
from gyebo.verification.parity.resnet import CASES, he_2015, torchvision_resnet, transformers_resnet

PAIRS = [("plain", "resnet", {"shortcut": "A"}), ("plain-cifar", "resnet-cifar", {})]


def case_of(name):
    return next(case for case in CASES if case.architecture == name)


@pytest.mark.parametrize(("plain", "residual", "options"), PAIRS)
def test_a_plain_network_has_the_same_tensors_and_another_answer(plain, residual, options):
    """Shortcuts without parameters: the sum is the only difference."""
    first, second = architecture(plain), architecture(residual)
    without = first.model(first.config(**first.tiny)).eval()
    with_sum = second.model(second.config(**second.tiny, **options)).eval()
    with_sum.load_state_dict(without.state_dict())
    images = torch.randn(2, 2, first.tiny["image_size"], first.tiny["image_size"])
    assert not torch.allclose(without(images), with_sum(images))
    for block in with_sum.modules():
        if isinstance(block, ResidualBlock):
            block.shortcut = Nothing()
    assert torch.equal(without(images), with_sum(images))


class Nothing(nn.Module):
    def forward(self, maps):
        return torch.zeros(())


@pytest.mark.parametrize("training", [False, True], ids=["running averages", "batch statistics"])
@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"bottleneck": True, "stride_at": "3x3"}, torchvision_resnet),
        ({"depths": (2, 1, 2, 1), "widths": (4, 6, 7, 5)}, torchvision_resnet),
    ],
    ids=["bottlenecks", "four stages"],
)
def test_options_equal_torchvision(options, answer, training):
    compared(case_of("resnet"), options, answer=answer(training=training), training=training)


@pytest.mark.parametrize("options", [{"bottleneck": True, "stride_at": where} for where in ("1x1", "3x3")], ids=["1x1", "3x3"])
def test_bottlenecks_of_either_stride_equal_transformers(options):
    compared(case_of("resnet"), options, answer=transformers_resnet)


@pytest.mark.parametrize("training", [False, True], ids=["running averages", "batch statistics"])
def test_padded_shortcuts_equal_the_equations(training):
    compared(
        case_of("resnet"),
        {"shortcut": "A"},
        answer=he_2015(residual=True, pooled=True, batch_statistics=training),
        training=training,
    )


def compared(case, options, **changes):
    entry = architecture(case.architecture)
    record = compare(replace(case, **changes), replace(entry, tiny={**entry.tiny, **options}))
    if record.outcome == "skipped":
        pytest.skip(record.detail)
    assert record.outcome == "passed", record.detail


def test_the_other_stride_is_another_network():
    entry = architecture("resnet")
    options = {**entry.tiny, "bottleneck": True}
    first, second = (entry.model(entry.config(**options, stride_at=where)).eval() for where in ("1x1", "3x3"))
    second.load_state_dict(first.state_dict())
    images = torch.randn(2, 2, 14, 14)
    assert not torch.allclose(first(images), second(images))


def test_option_c_projects_in_every_block():
    entry = architecture("resnet")
    model = entry.model(entry.config(**entry.tiny, shortcut="C"))
    blocks = [part for part in model.modules() if isinstance(part, ResidualBlock)]
    assert len(blocks) == sum(entry.tiny["depths"])
    assert all(isinstance(block.shortcut, nn.Sequential) for block in blocks)


def test_weights_start_as_he_and_the_last_scale_of_a_block_is_one():
    entry = architecture("resnet")
    torch.manual_seed(0)
    model = entry.model(entry.config(num_channels=3, num_classes=10, image_size=32, widths=(64, 128), depths=(1, 1)))
    weight = model.get_parameter("stages.1.0.body.conv2.weight")
    assert weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.01)
    assert torch.equal(model.get_parameter("stages.1.0.body.norm2.weight"), torch.ones(128))


@pytest.mark.parametrize("name", ["plain", "resnet", "plain-cifar", "resnet-cifar"])
def test_an_image_of_one_pixel_is_enough_and_none_is_refused(name):
    entry = architecture(name)
    tiny = {**entry.tiny, "image_size": 1}
    model = entry.model(entry.config(**tiny)).eval()
    assert model(torch.randn(2, 2, 1, 1)).shape == (2, 5)
    with pytest.raises(UsageError, match=r"image_size=0 came.*the smallest that works is 1"):
        from_mapping(entry.config, {**tiny, "image_size": 0})


@pytest.mark.parametrize("name", ["plain-cifar", "resnet-cifar"])
@pytest.mark.parametrize(("depth", "told"), [(21, "try 20 or 26"), (2, "try 8 or 14"), (-4, "try 8 or 14")])
def test_a_depth_that_is_not_6n_plus_2_is_refused_with_the_nearest(name, depth, told):
    with pytest.raises(ValueError, match=f"depth={depth} is not 6n \\+ 2 layers.*{told}"):
        architecture(name).config(num_channels=3, num_classes=10, image_size=32, depth=depth)


@pytest.mark.parametrize("name", ["plain-cifar", "resnet-cifar"])
@pytest.mark.parametrize("depth", [8, 20])
def test_the_depth_counts_convolutions_and_the_linear_layer(name, depth):
    entry = architecture(name)
    model = entry.model(entry.config(num_channels=3, num_classes=10, image_size=32, depth=depth))
    assert sum(isinstance(part, nn.Conv2d | nn.Linear) for part in model.modules()) == depth


def test_widths_that_decrease_need_projections():
    entry = architecture("resnet")
    options = {**entry.tiny, "widths": (6, 4, 7)}
    with pytest.raises(ValueError, match=r"cannot lead from 6 channels to 4.*\(option B\)"):
        entry.model(entry.config(**options, shortcut="A"))
    entry.model(entry.config(**options))
