"""DenseNets: their options, beside the equations and torchvision."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from gyebo.genealogy import architecture
from gyebo.layers.dense import DenseBlock
from gyebo.verification.parity.case import compare
from gyebo.verification.parity.densenet import CASES, huang_2016


def case_of(name):
    return next(case for case in CASES if case.architecture == name)


@pytest.mark.parametrize("training", [False, True], ids=["running averages", "batch statistics"])
@pytest.mark.parametrize(
    "options",
    [
        {"depth": 10, "bottleneck": False, "compression": 1.0},
        {"depth": 10, "bottleneck": False, "compression": 0.5},
        {"depth": 16, "bottleneck": True, "compression": 1.0},
    ],
    ids=["DenseNet", "DenseNet-C", "DenseNet-B"],
)
def test_every_kind_of_table_2_equals_the_equations(options, training):
    entry, case = architecture("densenet-cifar"), case_of("densenet-cifar")
    compared = replace(case, answer=huang_2016(batch_statistics=training), training=training)
    record = compare(compared, replace(entry, tiny={**entry.tiny, **options}))
    assert record.outcome == "passed", record.detail


def test_four_blocks_equal_torchvision():
    entry = architecture("densenet")
    record = compare(case_of("densenet"), replace(entry, tiny={**entry.tiny, "image_size": 17, "depths": (2, 1, 2, 1)}))
    if record.outcome == "skipped":
        pytest.skip(record.detail)
    assert record.outcome == "passed", record.detail


@pytest.mark.parametrize(("bottleneck", "depth"), [(False, 40), (True, 40), (False, 7), (True, 10)])
def test_the_depth_counts_convolutions_and_the_linear_layer(bottleneck, depth):
    entry = architecture("densenet-cifar")
    model = entry.model(entry.config(num_channels=3, num_classes=10, image_size=32, depth=depth, bottleneck=bottleneck))
    assert sum(isinstance(part, nn.Conv2d | nn.Linear) for part in model.modules()) == depth
    assert len({len(part.layers) for part in model.modules() if isinstance(part, DenseBlock)}) == 1


@pytest.mark.parametrize(
    ("options", "width"),
    [({}, 16), ({"bottleneck": True}, 16), ({"compression": 0.5}, 16), ({"bottleneck": True, "compression": 0.5}, 24)],
)
def test_only_densenet_bc_begins_with_twice_the_growth_rate(options, width):
    entry = architecture("densenet-cifar")
    model = entry.model(entry.config(num_channels=3, num_classes=10, image_size=32, growth_rate=12, **options))
    assert model.stem.out_channels == width


@pytest.mark.parametrize(
    ("depth", "bottleneck", "told"),
    [
        (41, False, "is not 3n .* try 40 or 43"),
        (43, True, "is not 6n .* of two convolutions.* try 40 or 46"),
        (4, False, "try 7 or 10"),
    ],
)
def test_a_depth_that_does_not_split_is_refused_with_the_nearest(depth, bottleneck, told):
    with pytest.raises(ValueError, match=told):
        architecture("densenet-cifar").config(num_channels=3, num_classes=10, image_size=32, depth=depth, bottleneck=bottleneck)


@pytest.mark.parametrize(("name", "smallest"), [("densenet", 29), ("densenet-cifar", 4)])
def test_the_smallest_image_is_told_and_works(name, smallest):
    entry = architecture(name)
    known = {"num_channels": 2, "num_classes": 5}
    with pytest.raises(ValueError, match=f"the smallest that works is {smallest}"):
        entry.config(**known, image_size=smallest - 1)
    small = {"depths": (1, 1, 1, 1)} if name == "densenet" else {"depth": 7}
    model = entry.model(entry.config(**known, **small, image_size=smallest, growth_rate=2)).eval()
    assert model(torch.randn(2, 2, smallest, smallest)).shape == (2, 5)


def test_a_stem_of_stride_1_takes_images_of_28():
    architecture("densenet").config(num_channels=1, num_classes=10, image_size=28, stem_stride=1)
