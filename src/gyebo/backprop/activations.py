"""What a neuron does with its sum: step, sigmoid, tanh, ReLU and GELU, element by element."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["GELU", "ReLU", "Sigmoid", "Step", "Tanh", "TanhGELU"]

Array = np.ndarray

# NumPy has no error function; the standard library has one for single numbers.
_erf = np.frompyfunc(math.erf, 1, 1)


class Step:
    """y = 1 where x >= 0, else 0: the perceptron's.  dL/dx = 0, so nothing before a step can learn from a gradient."""

    def forward(self, x: Array) -> Array:
        return (x >= 0).astype(x.dtype)

    def backward(self, gradient: Array) -> tuple[Array]:
        return (np.zeros_like(gradient),)


class Sigmoid:
    """y = 1 / (1 + e^-x).  dL/dx = dL/dy * y (1 - y), at most a quarter of dL/dy."""

    def forward(self, x: Array) -> Array:
        small = np.exp(-np.abs(x))  # e^-x would overflow far below zero, where y is e^x / (1 + e^x)
        self.y = np.where(x >= 0, 1, small) / (1 + small)
        return self.y

    def backward(self, gradient: Array) -> tuple[Array]:
        return (gradient * self.y * (1 - self.y),)


class Tanh:
    """y = tanh(x).  dL/dx = dL/dy * (1 - y^2)."""

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x)
        return self.y

    def backward(self, gradient: Array) -> tuple[Array]:
        return (gradient * (1 - self.y**2),)


class ReLU:
    """y = max(x, 0).  dL/dx = dL/dy where x > 0, else 0.  Nair and Hinton 2010."""

    def forward(self, x: Array) -> Array:
        self.passes = x > 0
        return np.maximum(x, 0)

    def backward(self, gradient: Array) -> tuple[Array]:
        return (gradient * self.passes,)


class GELU:
    """y = x P(X <= x) for a standard normal X.  Hendrycks and Gimpel 2016 (arXiv:1606.08415).

    With P the distribution function and p the density:  dL/dx = dL/dy * (P(x) + x p(x)).
    """

    def forward(self, x: Array) -> Array:
        self.x = x
        self.probability = np.asarray(0.5 * (1 + _erf(x / math.sqrt(2))), dtype=x.dtype)
        return x * self.probability

    def backward(self, gradient: Array) -> tuple[Array]:
        density = np.exp(-0.5 * self.x**2) / math.sqrt(2 * math.pi)
        return (gradient * (self.probability + self.x * density),)


class TanhGELU:
    """y = x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3): the approximation of GPT-2, in the same paper.

    dL/dx = dL/dy * ((1 + tanh u) / 2 + x (1 - tanh^2 u) / 2 * du/dx)
    """

    def forward(self, x: Array) -> Array:
        self.x = x
        self.tanh = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        return x * (1 + self.tanh) / 2

    def backward(self, gradient: Array) -> tuple[Array]:
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * self.x**2)
        return (gradient * ((1 + self.tanh) / 2 + self.x * (1 - self.tanh**2) / 2 * slope),)
