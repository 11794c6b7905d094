"""Comparisons of tensors that say, where they fail, what differed and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from gyebo.verification.interface import Batch, Subject

__all__ = ["Watch", "assert_near", "assert_same_bits", "gradients", "gradients_of", "largest_difference", "scaled_difference"]


def largest_difference(actual: Tensor, expected: Tensor) -> float:
    """The largest absolute difference; infinite where either is not finite.

    >>> largest_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
    0.5
    """
    assert actual.shape == expected.shape, f"the shapes are {tuple(actual.shape)} and {tuple(expected.shape)}"
    if not actual.isfinite().all() or not expected.isfinite().all():
        return float("inf")
    return float((actual.detach().double() - expected.detach().double()).abs().max()) if actual.numel() else 0.0


def scaled_difference(actual: Tensor, expected: Tensor) -> float:
    """`largest_difference`, as a share of the largest number that is expected where that is above 1: rounding grows with numbers.

    >>> scaled_difference(torch.tensor([1.0, 199.0]), torch.tensor([1.0, 200.0]))
    0.005
    """
    size = float(expected.detach().abs().max()) if expected.numel() else 0.0
    return largest_difference(actual, expected) / max(1.0, size)


def assert_near(actual: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    """Within the tolerance, which is a share of the largest number that is expected where that is above 1."""
    difference = scaled_difference(actual, expected)
    assert difference <= tolerance, f"{what}: the largest difference is {difference:.1e}, and {tolerance:.0e} is allowed"


def assert_same_bits(actual: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str) -> None:
    assert actual.keys() == expected.keys(), f"{what}: the names are {sorted(actual)} and {sorted(expected)}"
    for name, tensor in expected.items():
        assert torch.equal(actual[name], tensor), (
            f"{what}: {name} differs by {largest_difference(actual[name], tensor):.1e}, and must be the same bit for bit"
        )


def gradients(subject: Subject[Batch], model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Of what training minimises, by each parameter; zeros for one that the loss does not reach."""
    return gradients_of(subject.loss(model, batch), model)


def gradients_of(loss: Tensor, model: nn.Module) -> dict[str, Tensor]:
    """Of this number, by each parameter of the model; zeros for one that it does not depend on."""
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(parameters.items(), found, strict=True)
    }


class Watch:
    """Tensors, and what was in them when the watch began."""

    def __init__(self, tensors: Sequence[Tensor], what: str) -> None:
        self.tensors, self.what = tensors, what
        self.copies = [tensor.clone() for tensor in tensors]

    def check(self) -> None:
        for tensor, copy in zip(self.tensors, self.copies, strict=True):
            assert torch.equal(tensor, copy), f"{self.what}, of shape {tuple(copy.shape)}, was written into"
