"""The claims on what came after AlexNet, at sizes of a second or two: what they give, and that what they compare is comparable."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from claim_clock import measured_twice
from torch import nn

from gyebo.claims import alexnet_googlenet, alexnet_vgg
from gyebo.genealogy import parameter_counts

MODULES = {"alexnet-googlenet": alexnet_googlenet, "alexnet-vgg": alexnet_vgg}


@pytest.mark.parametrize("name", MODULES)
def test_a_claim_repeats_itself_and_is_drawn(name, monkeypatch):
    module = MODULES[name]
    monkeypatch.setattr(module, "PICTURES", 80)
    monkeypatch.setattr(module, "TESTED", 20)
    first, clock = measured_twice(name, partial(module.measure, updates=2))
    assert clock.calls == 2 * len(first.table) == 2 * len(clock.said)


@pytest.mark.parametrize("name", alexnet_vgg.STACKS)
def test_what_a_stack_sees_is_what_its_gradient_reaches(name):
    stack = alexnet_vgg.STACKS[name]
    block = alexnet_vgg.build(stack).blocks[1]
    convolutions = [part for part in block.children() if isinstance(part, nn.Conv2d)]
    assert [part.kernel_size for part in convolutions] == [(window, window) for window in stack]
    for part in convolutions:
        nn.init.ones_(part.weight)
    maps = torch.ones(1, alexnet_vgg.WIDTH, 11, 11, requires_grad=True)
    nn.Sequential(*convolutions)(maps)[0, 0, 5, 5].backward()
    assert maps.grad is not None
    assert int((maps.grad[0, 0, 5] != 0).sum()) == alexnet_vgg.seen(stack)


def test_the_networks_of_the_stacks_differ_in_nothing_else():
    models = {name: alexnet_vgg.build(stack) for name, stack in alexnet_vgg.STACKS.items()}
    outside = {name: parameter_counts(model)[1] - parameter_counts(model.blocks[1:])[1] for name, model in models.items()}
    assert len(set(outside.values())) == 1
    weights = {name: parameter_counts(model.blocks[1:])[0] for name, model in models.items()}
    assert weights["two 3x3"] * 25 == weights["one 5x5"] * 18
    relus = {name: sum(isinstance(part, nn.ReLU) for part in model.blocks.modules()) for name, model in models.items()}
    assert relus["two 3x3"] == relus["one 5x5"] + 2


def test_the_alexnets_have_the_parameters_that_are_said():
    wide, narrow, child = (parameter_counts(alexnet_googlenet.build(name))[1] for name in alexnet_googlenet.MODELS)
    assert wide / child == pytest.approx(60_965_224 / 6_998_552, rel=0.005)
    assert narrow == pytest.approx(child, rel=0.005)
    assert all(f"{count:,}" in alexnet_googlenet.CLAIM.question for count in (wide, narrow, child))
