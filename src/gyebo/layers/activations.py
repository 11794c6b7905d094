"""Activation functions and their derivatives, each as its formula.

They are for reading, drawing and checking: layers call torch's own kernels, which these equal and which an entry holds as its `kernel`.
A derivative is a function of the same x as its activation, not of the activation's value.  `ACTIVATIONS` holds those that work on each
number alone.

Papers: Nair and Hinton 2010, "Rectified Linear Units Improve Restricted Boltzmann Machines"; Hendrycks and Gimpel 2016, "Gaussian
Error Linear Units", arXiv 1606.08415.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "gelu",
    "gelu_derivative",
    "gelu_tanh",
    "gelu_tanh_derivative",
    "linear",
    "linear_derivative",
    "relu",
    "relu_derivative",
    "sigmoid",
    "sigmoid_derivative",
    "softmax",
    "softmax_derivative_product",
    "step",
    "step_derivative",
    "tanh",
    "tanh_derivative",
]

_SATURATED = 20.0  # beyond, tanh is 1 in double precision, and e^2x would overflow a little later in single
_CUBIC = 0.044715  # of Hendrycks and Gimpel, section 2


def step(x: Tensor) -> Tensor:
    """1 where x >= 0, else 0: Rosenblatt's.  No gradient passes, so a network of steps cannot learn by descent.

    >>> step(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([0., 1., 1.])
    """
    return (x >= 0).to(x.dtype)


def step_derivative(x: Tensor) -> Tensor:
    """0; at 0, where there is none, too."""
    return torch.zeros_like(x)


def linear(x: Tensor) -> Tensor:
    """x itself: layers with nothing else between them are one layer."""
    return x.clone()


def linear_derivative(x: Tensor) -> Tensor:
    """1."""
    return torch.ones_like(x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x).

    >>> sigmoid(torch.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return 1 / (1 + torch.exp(-x))


def sigmoid_derivative(x: Tensor) -> Tensor:
    """s (1 - s), with s = sigmoid(x): at most 1/4, so that ten layers leave at most 4^-10, a millionth."""
    value = sigmoid(x)
    return value * (1 - value)


def tanh(x: Tensor) -> Tensor:
    """(e^2x - 1) / (e^2x + 1), which is 2 sigmoid(2x) - 1.

    >>> tanh(torch.tensor([-1000.0, 0.0, 1000.0]))
    tensor([-1.,  0.,  1.])
    """
    power = torch.expm1(2 * x.clamp(-_SATURATED, _SATURATED))  # e^2x - 1, to the last digit also near 0
    return power / (power + 2)


def tanh_derivative(x: Tensor) -> Tensor:
    """1 - t^2, with t = tanh(x): at most 1."""
    return 1 - tanh(x) ** 2


def relu(x: Tensor) -> Tensor:
    """max(x, 0).

    >>> relu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([0., 0., 1.])
    """
    return torch.where(x <= 0, torch.zeros_like(x), x)  # NaN is neither, and stays


def relu_derivative(x: Tensor) -> Tensor:
    """1 where x > 0, else 0; at 0, where there is none, torch says 0."""
    return (x > 0).to(x.dtype)


def gelu(x: Tensor) -> Tensor:
    """x Phi(x), where Phi(x) = (1 + erf(x / sqrt 2)) / 2 is the share of a normal distribution below x.  torch's default.

    >>> gelu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    return x * _normal_below(x)


def gelu_derivative(x: Tensor) -> Tensor:
    """Phi(x) + x phi(x), where phi is the density of the normal distribution."""
    return _normal_below(x) + x * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _normal_below(x: Tensor) -> Tensor:
    return (1 + torch.erf(x / math.sqrt(2))) / 2


def gelu_tanh(x: Tensor) -> Tensor:
    """x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): the form of GPT and of BERT's first code, at most 4.7e-4 from `gelu`.

    >>> gelu_tanh(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1588,  0.0000,  0.8412])
    """
    return x * (1 + tanh(_gelu_argument(x))) / 2


def gelu_tanh_derivative(x: Tensor) -> Tensor:
    """(1 + t)/2 + x/2 (1 - t^2) sqrt(2/pi) (1 + 3 * 0.044715 x^2), where t is the tanh in `gelu_tanh`."""
    inner = math.sqrt(2 / math.pi) * (1 + 3 * _CUBIC * x**2)
    argument = _gelu_argument(x)
    return (1 + tanh(argument)) / 2 + x * tanh_derivative(argument) * inner / 2


def _gelu_argument(x: Tensor) -> Tensor:
    return math.sqrt(2 / math.pi) * (x + _CUBIC * x**3)


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """p_i = e^x_i / sum_j e^x_j.  The same for x plus any constant: the largest x is taken off first, so nothing overflows.

    >>> softmax(torch.tensor([1000.0, 1000.0]))
    tensor([0.5000, 0.5000])
    """
    powers = torch.exp(x - x.amax(dim, keepdim=True))
    return powers / powers.sum(dim, keepdim=True)


def softmax_derivative_product(x: Tensor, vector: Tensor, dim: int = -1) -> Tensor:
    """J v, where J = diag(p) - p p^T and p = softmax(x): p * (v - p . v).  x and vector have one shape.

    J is symmetric: the product is that of forward differentiation, J v, and of backpropagation, v^T J, alike.
    Raises ValueError where the shapes differ.

    >>> softmax_derivative_product(torch.zeros(2), torch.tensor([1.0, 0.0]))
    tensor([ 0.2500, -0.2500])
    """
    if x.shape != vector.shape:
        raise ValueError(
            f"The vector has shape {tuple(vector.shape)}, but x has {tuple(x.shape)}, and each number of x has one of its own. Give a"
            " vector of x's shape."
        )
    probabilities = softmax(x, dim)
    return probabilities * (vector - (probabilities * vector).sum(dim, keepdim=True))


@dataclass(frozen=True)
class Activation:
    """title: as the field writes it.  kernel: torch's own, equal to the function, for layers to call."""

    title: str
    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    kernel: Callable[[Tensor], Tensor]


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "step": Activation("step", step, step_derivative, step),
        "linear": Activation("linear", linear, linear_derivative, torch.clone),
        "sigmoid": Activation("sigmoid", sigmoid, sigmoid_derivative, torch.sigmoid),
        "tanh": Activation("tanh", tanh, tanh_derivative, torch.tanh),
        "relu": Activation("ReLU", relu, relu_derivative, functional.relu),
        "gelu": Activation("GELU", gelu, gelu_derivative, functional.gelu),
        "gelu-tanh": Activation("GELU (tanh)", gelu_tanh, gelu_tanh_derivative, partial(functional.gelu, approximate="tanh")),
    }
)
"""by name, in the order of their birth"""
