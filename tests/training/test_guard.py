"""The guard names the first module that goes wrong."""

from __future__ import annotations

import pytest
import torch
from problems import net
from torch import nn

from gyebo.training.guard import first_bad_module


def culprit(model: nn.Module, scale: float = 1.0, inputs: torch.Tensor | None = None) -> str:
    inputs = torch.ones(2, 5) if inputs is None else inputs
    (model(inputs).sum() * scale).backward()
    return first_bad_module(model, lambda: model(inputs).sum() * scale)


def test_an_output():
    model = net()
    model.middle.register_forward_hook(lambda module, inputs, output: output / 0.0)
    assert culprit(model) == "the output of middle (Linear)"


def test_a_weight():
    model = net()
    with torch.no_grad():
        model.again.bias[2] = torch.inf
    assert culprit(model) == "the weight again.bias"


def test_the_innermost_module_is_named():
    model = nn.Sequential(nn.Sequential(nn.Linear(5, 2), nn.ReLU()), nn.Linear(2, 1))
    model[0][0].register_forward_hook(lambda module, inputs, output: output * torch.nan)
    assert culprit(model) == "the output of 0.0 (Linear)"


@pytest.mark.parametrize("wrap", [lambda x: (x, 1), lambda x: [x], lambda x: {"a": (x,)}])
def test_outputs_in_containers(wrap):
    class Wrapped(nn.Module):
        def forward(self, inputs):
            return wrap(inputs * torch.nan)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = Wrapped()
            self.weight = nn.Parameter(torch.ones(5))

        def forward(self, inputs):
            self.part(inputs)
            return inputs * self.weight

    assert culprit(Model()) == "the output of part (Wrapped)"


def test_the_loss():
    assert culprit(net(), scale=torch.inf) == "the loss"


def test_a_gradient():
    model = net(dropout=0.0)
    model.last.weight.register_hook(lambda gradient: gradient * torch.nan)
    assert culprit(model) == "the gradient of last.weight"


def test_a_norm_too_large():
    assert culprit(net()) == "the sum of the gradients' squares"


def test_hooks_are_removed():
    model = net()
    culprit(model)
    assert not any(module._forward_hooks for module in model.modules())
