"""What the comparison of models of images must see, and what a module as a reference must refuse."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gyebo.genealogy import Architecture, architecture
from gyebo.models.foundations.mlp import MLP
from gyebo.verification.parity import parity_cases
from gyebo.verification.parity.case import ImageParityCase, compare
from gyebo.verification.parity.images import module_answer


def case_of(name: str) -> ImageParityCase:
    return next(case for case in parity_cases() if case.architecture == name)


@dataclass(frozen=True, kw_only=True)
class NormedConfig:
    num_channels: int
    num_classes: int
    image_size: int


class Normed(nn.Module):
    """One convolution with batch norm; all maps are averaged."""

    def __init__(self, config):
        super().__init__()
        self.convolution = nn.Conv2d(config.num_channels, config.num_classes, 3)
        self.norm = nn.BatchNorm2d(config.num_classes)

    def forward(self, images):
        return F.relu(self.norm(self.convolution(images))).mean((2, 3))


NORMED = Architecture(
    name="normed",
    title="t",
    year=2000,
    paper="p",
    link="https://x",
    task="classify",
    parents={},
    differences=(),
    sizes={},
    config=NormedConfig,
    model=Normed,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 6},
)


def normed_by_hand(weights, config, images, *, training=False):
    maps = F.conv2d(images, weights["convolution.weight"], weights["convolution.bias"])
    if training:
        mean, variance = maps.mean((0, 2, 3)), maps.var((0, 2, 3), correction=0)
    else:
        mean, variance = weights["norm.running_mean"], weights["norm.running_var"]
    normed = (maps - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    return {"logits": F.relu(normed * weights["norm.weight"][:, None, None] + weights["norm.bias"][:, None, None]).mean((2, 3))}


def by_hand(**options) -> ImageParityCase:
    return ImageParityCase(architecture="normed", reference="by hand", **options)


def test_running_averages_are_given_and_are_not_those_of_a_new_model():
    assert compare(by_hand(answer=normed_by_hand), NORMED).outcome == "passed"

    def with_new_averages(weights, config, images):
        new = {"norm.running_mean": torch.zeros(5).to(images), "norm.running_var": torch.ones(5).to(images)}
        return normed_by_hand({**weights, **new}, config, images)

    assert compare(by_hand(answer=with_new_averages), NORMED).outcome == "failed"


def test_in_training_the_statistics_are_those_of_the_batch():
    def in_training(weights, config, images):
        return normed_by_hand(weights, config, images, training=True)

    assert compare(by_hand(answer=in_training, training=True), NORMED).outcome == "passed"
    assert compare(by_hand(answer=normed_by_hand, training=True), NORMED).outcome == "failed"


@pytest.mark.parametrize("training", [False, True])
def test_a_module_is_a_reference_in_both_modes(training):
    answer = module_answer(Normed, lambda name: name, training=training)
    record = compare(by_hand(answer=answer, training=training), NORMED)
    assert record.outcome == "passed", record.detail


def test_a_weight_without_a_place_in_the_module_is_told():
    answer = module_answer(Normed, lambda name: name.replace("norm.weight", "norm.scale"))
    with pytest.raises(RuntimeError, match=r"norm\.scale"):
        compare(by_hand(answer=answer), NORMED)


def test_a_weight_of_the_modules_own_is_told():
    def without(weights, config, images):
        kept = {name: weight for name, weight in weights.items() if name != "norm.bias"}
        return module_answer(Normed, lambda name: name)(kept, config, images)

    with pytest.raises(RuntimeError, match=r"norm\.bias"):
        compare(by_hand(answer=without), NORMED)


def test_a_weight_that_takes_no_part_is_told():
    def without_bias(weights, config, images):
        return normed_by_hand({**weights, "norm.bias": torch.zeros(5).to(images)}, config, images)

    with pytest.raises(RuntimeError, match="not have been used"):
        compare(by_hand(answer=without_bias), NORMED)


def test_a_loss_of_its_own_is_compared():
    """The same logits, another loss: only the gradients differ."""
    case = case_of("lenet5")
    record = compare(replace(case, loss=lambda *given: 1.01 * case.loss(*given)), architecture("lenet5"), ["float64"])
    assert record.outcome == "failed"
    assert record.numbers["outputs float64"] < 1e-10 < record.numbers["gradients float64"]


@pytest.mark.parametrize(
    ("name", "change"), [("lenet5", {"loss": None}), ("mlp", {"loss": lambda weights, config, images, labels: images.sum()})]
)
def test_a_loss_belongs_to_an_architecture_with_its_own_and_to_no_other(name, change):
    with pytest.raises(AssertionError, match=f"{name}: a loss of its own needs one of the reference"):
        compare(replace(case_of(name), **change), architecture(name))


def test_a_wrong_gradient_is_seen():
    def broken(config):
        model = MLP(config)
        model.output.bias.register_hook(lambda gradient: gradient * 1.01)
        return model

    record = compare(case_of("mlp"), replace(architecture("mlp"), model=broken), ["float64"])
    assert record.numbers["outputs float64"] < 1e-10 < record.numbers["gradients float64"]
