"""Multiply-adds: as many as the papers print, and as torchvision counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.config import from_mapping
from gyebo.genealogy import architecture, architecture_names, facts
from gyebo.verification.counts import IMAGE_TASKS
from gyebo.verification.flops import MultiplyAdds, multiply_adds
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.torchvision_reference import torchvision_models

RESNET = "He et al. 2015, table 1"
PRINTED = {
    ("plain", "18"): (1.8, RESNET),
    ("plain", "34"): (3.6, "He et al. 2015, figure 3, middle"),
    ("resnet", "18 A"): (1.8, RESNET),
    ("resnet", "18"): (1.8, RESNET),
    ("resnet", "34 A"): (3.6, "He et al. 2015, figure 3, right"),
    ("resnet", "34"): (3.6, RESNET),
    ("resnet", "50"): (3.8, RESNET),
    ("resnet", "101"): (7.6, RESNET),
    ("resnet", "152"): (11.3, RESNET),
    ("vgg", "E"): (19.6, "He et al. 2015, figure 3, left"),
    ("googlenet", "paper"): (1.5, "Szegedy et al. 2014, section 1"),
    ("alexnet", "paper"): (0.72, "Howard et al. 2017, arXiv 1704.04861, table 9"),
}
"""Billions of multiply-adds of an image of 224x224, and where they are printed"""

TORCHVISION = {
    ("alexnet-one-tower", "paper"): "AlexNet",
    ("vgg", "A"): "VGG11",
    ("vgg", "B"): "VGG13",
    ("vgg", "D"): "VGG16",
    ("vgg", "E"): "VGG19",
    ("googlenet-batch-norm", "torchvision"): "GoogLeNet",
    ("resnet", "18"): "ResNet18",
    ("resnet", "34"): "ResNet34",
    ("resnet", "50 v1.5"): "ResNet50",
    ("resnet", "101 v1.5"): "ResNet101",
    ("resnet", "152 v1.5"): "ResNet152",
    ("densenet", "121"): "DenseNet121",
    ("densenet", "161"): "DenseNet161",
    ("densenet", "169"): "DenseNet169",
    ("densenet", "201"): "DenseNet201",
}
"""whose weights' facts hold what torchvision's own counter found, in billions with three decimals"""


def counted(name, size):
    entry = architecture(name)
    config = from_mapping(entry.config, entry.sizes[size].config)
    with torch.device("meta"):
        model = entry.model(config)
    return multiply_adds(model, (config.num_channels, config.image_size, config.image_size))


@pytest.mark.parametrize(("name", "size"), PRINTED)
def test_as_many_as_the_paper_prints(name, size):
    """Papers round, and cut off: within one of the last digit that they print."""
    printed, source = PRINTED[name, size]
    digit = 0.01 if name == "alexnet" else 0.1
    assert abs(counted(name, size).total / 1e9 - printed) < digit, source


def test_vgg_16_costs_what_is_printed_in_its_convolutions_alone():
    """He et al. 2015, section 4.1, print 15.3 beside 19.6 for 19 layers, which has the fully connected layers in it."""
    sixteen, nineteen = counted("vgg", "D"), counted("vgg", "E")
    assert round(sixteen.convolutions / 1e9, 1) == 15.3
    assert round(sixteen.total / 1e9, 1) == 15.5
    assert sixteen.products == nineteen.products == 25_088 * 4096 + 4096 * 4096 + 4096 * 1000


def test_only_the_stride_in_the_1x1_costs_what_table_1_prints():
    """So that is where the paper has it."""
    assert counted("resnet", "50").total == 3_857_973_248
    assert counted("resnet", "50 v1.5").total == 4_089_184_256


@pytest.mark.parametrize(("name", "size"), TORCHVISION)
def test_as_many_as_torchvision_counts(name, size):
    try:
        models = torchvision_models()
    except MissingPackageError as missing:
        pytest.skip(str(missing))
    (first, *_) = models.get_model_weights(TORCHVISION[name, size].lower())
    assert facts(name).sizes[size].multiply_adds / 1e9 == pytest.approx(first.meta["_ops"], abs=0.0005)


@pytest.mark.parametrize("name", [name for name in architecture_names() if facts(name).task in IMAGE_TASKS])
def test_every_size_of_an_architecture_of_images_says_what_it_costs(name):
    """That the number is right is checked with the parameter counts."""
    assert [size for size, known in facts(name).sizes.items() if known.multiply_adds < 1] == []


def test_lenet5_costs_its_connections():
    """LeCun et al. 1998, section II-B, count 340,908: with a bias at each place, sub-sampling (5,880 and 2,000) and the output's 840.

    The kernels that its table leaves out, 36 of 96, are zeros that are multiplied.
    """
    biases = 6 * 28 * 28 + 16 * 10 * 10 + 120 + 84
    assert counted("lenet5", "paper").total - 36 * 25 * 10 * 10 == 340_908 - biases - 5_880 - 2_000 - 840


def test_groups_strides_and_borders_are_counted_by_hand():
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 5 * 4, 7))
    places, window, channels_read = 5 * 4, 9, 2
    assert multiply_adds(model, (4, 9, 8)) == MultiplyAdds(places * window * channels_read * 6, 6 * 5 * 4 * 7)


def test_a_transposed_convolution_is_a_convolution():
    """One product for each number that comes, each channel that leaves and each place of the window."""
    with torch.device("meta"):
        model = nn.ConvTranspose2d(3, 5, 2, stride=2)
    assert multiply_adds(model, (3, 6, 7)).total == 6 * 7 * 3 * 5 * 4
