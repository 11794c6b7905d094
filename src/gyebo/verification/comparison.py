"""Comparisons of tensors that say, where they fail, what differed and by how much."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gyebo.verification.subject import Inputs, Subject

__all__ = ["assert_near", "assert_same_bits", "gradients", "largest_difference"]


def largest_difference(actual: Tensor, expected: Tensor) -> float:
    """The largest absolute difference; infinite where either is not finite.

    >>> largest_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
    0.5
    """
    assert actual.shape == expected.shape, f"the shapes are {tuple(actual.shape)} and {tuple(expected.shape)}"
    if not actual.isfinite().all() or not expected.isfinite().all():
        return float("inf")
    return float((actual.detach().double() - expected.detach().double()).abs().max()) if actual.numel() else 0.0


def assert_near(actual: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    difference = largest_difference(actual, expected)
    assert difference <= tolerance, f"{what}: the largest difference is {difference:.1e}, and {tolerance:.0e} is allowed"


def assert_same_bits(actual: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str) -> None:
    assert actual.keys() == expected.keys(), f"{what}: the names are {sorted(actual)} and {sorted(expected)}"
    for name, tensor in expected.items():
        assert torch.equal(actual[name], tensor), (
            f"{what}: {name} differs by {largest_difference(actual[name], tensor):.1e}, and must be the same bit for bit"
        )


def gradients(subject: Subject, model: nn.Module, inputs: Inputs) -> dict[str, Tensor]:
    """Of the mean loss, by each parameter; zeros for one that the loss does not reach."""
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(subject.loss(model, inputs), list(parameters.values()), allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(parameters.items(), found, strict=True)
    }
