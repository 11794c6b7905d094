"""Activations equal torch.nn.functional, and their derivatives torch.autograd."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from gyebo.layers.activations import (
    ACTIVATIONS,
    gelu,
    gelu_tanh,
    sigmoid,
    sigmoid_derivative,
    softmax,
    softmax_derivative_product,
    step,
    tanh,
    tanh_derivative,
)

TORCH = {
    "step": lambda x: torch.heaviside(x, torch.ones_like(x)),
    "linear": lambda x: x * 1,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def points(dtype: torch.dtype) -> torch.Tensor:
    """Near zero, around it, and far out, on both sides, with zero itself."""
    far = torch.tensor([1e-30, 1e-8, 30.0, 100.0, 1000.0])
    return torch.cat([torch.linspace(-8, 8, 4001), far, -far]).to(dtype)


def test_every_activation_has_its_reference():
    assert TORCH.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_equals_torch_in_single_precision(name):
    """To a unit in the last place of what torch says in double precision; torch's own GELU in single is 3.4e-7 from it."""
    x = points(torch.float32)
    ours, theirs, exact = ACTIVATIONS[name].function(x), TORCH[name](x), TORCH[name](x.double())
    size = x.abs().clamp(min=1)  # what a unit in the last place is a share of
    assert ((ours - exact).abs() / size).max() < 1.3e-7
    assert ((ours - theirs).abs() / size).max() < (4e-7 if name == "gelu" else 2e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_kernel_is_torchs_own(name):
    x = points(torch.float32)
    assert torch.equal(ACTIVATIONS[name].kernel(x), TORCH[name](x))


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "step"])  # torch has no gradient for a step
def test_derivative_equals_autograd(name):
    x = points(torch.float64).requires_grad_()
    [theirs] = torch.autograd.grad(TORCH[name](x).sum(), x)
    torch.testing.assert_close(ACTIVATIONS[name].derivative(x.detach()), theirs, rtol=1e-12, atol=1e-12)
    [through_ours] = torch.autograd.grad(ACTIVATIONS[name].function(x).sum(), x)
    kept = x.detach().abs() < 500  # beyond, a sigmoid written with e^-x divides infinity by infinity on the way back
    torch.testing.assert_close(through_ours[kept], theirs[kept], rtol=1e-12, atol=1e-12)


def test_nothing_passes_a_step():
    x = points(torch.float64)
    assert ACTIVATIONS["step"].derivative(x).eq(0).all()
    assert step(x).unique().tolist() == [0, 1]


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "step"])
def test_not_a_number_stays_one(name):
    assert ACTIVATIONS[name].function(torch.tensor([math.nan])).isnan().all()


def test_bounds_of_the_derivatives():
    x = points(torch.float64)
    assert sigmoid_derivative(x).max() == sigmoid_derivative(torch.zeros(1)) == 0.25
    assert tanh_derivative(x).max() == 1
    torch.testing.assert_close(tanh(x), 2 * sigmoid(2 * x) - 1, rtol=0, atol=1e-15)


def test_two_forms_of_gelu_and_a_third():
    """Hendrycks and Gimpel 2016, section 2: the tanh form is near, x sigmoid(1.702 x) is less so.  Measured on [-5, 5]."""
    x = torch.linspace(-5, 5, 100_001, dtype=torch.float64)
    assert (gelu(x) - gelu_tanh(x)).abs().max().item() == pytest.approx(4.7e-4, rel=0.02)
    assert (gelu(x) - x * sigmoid(1.702 * x)).abs().max().item() == pytest.approx(2.0e-2, rel=0.02)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_equals_torch(dim):
    generator = torch.Generator().manual_seed(0)
    x, vector = (torch.randn(2, 5, 7, generator=generator, dtype=torch.float64) * 5 for _ in range(2))
    torch.testing.assert_close(softmax(x, dim), F.softmax(x, dim), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(softmax(x.float(), dim), F.softmax(x.float(), dim), rtol=2.4e-7, atol=1e-7)  # two units of 1
    torch.testing.assert_close(softmax(x + 1e4, dim), softmax(x, dim), rtol=1e-10, atol=0)  # x itself loses digits in the sum
    ours = softmax_derivative_product(x, vector, dim)
    _, forward = torch.autograd.functional.jvp(lambda x: F.softmax(x, dim), x, vector)
    _, backward = torch.autograd.functional.vjp(lambda x: F.softmax(x, dim), x, vector)
    torch.testing.assert_close(ours, forward, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours, backward, rtol=1e-12, atol=1e-12)


def test_the_jacobian_is_diagonal_minus_outer_product():
    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    jacobian = torch.stack([softmax_derivative_product(x, unit) for unit in torch.eye(3, dtype=torch.float64)])
    probabilities = softmax(x)
    torch.testing.assert_close(jacobian, probabilities.diag() - probabilities.outer(probabilities), rtol=0, atol=1e-15)


def test_vectors_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"The vector has shape \(3,\), but x has \(2, 3\).*Give a vector of x's shape"):
        softmax_derivative_product(torch.zeros(2, 3), torch.zeros(3))
