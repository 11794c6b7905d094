"""The operations as functions of variables: each call computes a value and enters the operation into the graph."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gyebo.backprop.activations import GELU, ReLU, Sigmoid, Step, Tanh, TanhGELU
from gyebo.backprop.arithmetic import Add, Affine, MatrixProduct, Multiply, Subtract, Total
from gyebo.backprop.convolution import Convolution
from gyebo.backprop.losses import MeanSquaredError, SoftmaxWithLoss
from gyebo.backprop.normalization import BatchNormalization, beside_channels
from gyebo.backprop.pooling import AveragePooling, MaxPooling
from gyebo.backprop.shapes import Flatten, Reshape
from gyebo.backprop.variable import Array, Variable, apply

__all__ = [
    "add",
    "affine",
    "average_pooling",
    "batch_norm",
    "convolution",
    "flatten",
    "gelu",
    "matrix_product",
    "max_pooling",
    "mean_squared_error",
    "multiply",
    "normalize_with",
    "relu",
    "reshape",
    "sigmoid",
    "softmax_with_loss",
    "step",
    "subtract",
    "tanh",
    "tanh_gelu",
    "total",
]

Input: TypeAlias = Variable | npt.ArrayLike


def add(a: Input, b: Input) -> Variable:
    """a + b, broadcast as NumPy does."""
    return apply(Add(), a, b)


def subtract(a: Input, b: Input) -> Variable:
    """a - b, broadcast as NumPy does."""
    return apply(Subtract(), a, b)


def multiply(a: Input, b: Input) -> Variable:
    """a * b, element by element, broadcast as NumPy does."""
    return apply(Multiply(), a, b)


def total(x: Input) -> Variable:
    """The sum of all numbers.

    >>> total([[1, 2], [3, 4]])
    Variable(10.0, made by Total)
    """
    return apply(Total(), x)


def matrix_product(a: Input, b: Input) -> Variable:
    """(..., rows, inner) times (..., inner, columns) -> (..., rows, columns)."""
    return apply(MatrixProduct(), a, b)


def affine(x: Input, weight: Input, bias: Input) -> Variable:
    """x (B, D), weight (D, F), bias (F,) -> (B, F).

    >>> affine([[1, 2]], [[1, 0], [0, 10]], [0.5, 0.5])
    Variable([[1.5, 20.5]], made by Affine)
    """
    return apply(Affine(), x, weight, bias)


def reshape(x: Input, shape: tuple[int, ...]) -> Variable:
    """The same numbers in another shape."""
    return apply(Reshape(shape), x)


def flatten(x: Input) -> Variable:
    """Every example as one row: (B, ...) -> (B, D)."""
    return apply(Flatten(), x)


def step(x: Input) -> Variable:
    """1 where x >= 0, else 0; its gradient is 0."""
    return apply(Step(), x)


def sigmoid(x: Input) -> Variable:
    """1 / (1 + e^-x)."""
    return apply(Sigmoid(), x)


def tanh(x: Input) -> Variable:
    """The hyperbolic tangent."""
    return apply(Tanh(), x)


def relu(x: Input) -> Variable:
    """max(x, 0).

    >>> relu([-1, 0, 2])
    Variable([0.0, 0.0, 2.0], made by ReLU)
    """
    return apply(ReLU(), x)


def gelu(x: Input) -> Variable:
    """x times the probability that a standard normal number is at most x; exact, by the error function."""
    return apply(GELU(), x)


def tanh_gelu(x: Input) -> Variable:
    """The approximation of `gelu` by tanh."""
    return apply(TanhGELU(), x)


def softmax_with_loss(logits: Input, labels: npt.ArrayLike) -> Variable:
    """The mean cross-entropy.  logits (B, V), labels (B,) whole numbers of classes -> one number.

    >>> round(float(softmax_with_loss([[0, 0]], [1]).value), 4)  # log 2
    0.6931
    """
    return apply(SoftmaxWithLoss(np.asarray(labels)), logits)


def mean_squared_error(prediction: Input, target: Input) -> Variable:
    """The mean of the squared differences, over all numbers."""
    return apply(MeanSquaredError(), prediction, target)


def convolution(x: Input, weight: Input, bias: Input, *, stride: int = 1, padding: int = 0) -> Variable:
    """x (B, C, H, W), weight (F, C, KH, KW), bias (F,) -> (B, F, OH, OW).

    >>> convolution(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), [0.0])
    Variable([[[[4.0, 4.0], [4.0, 4.0]]]], made by Convolution)
    """
    return apply(Convolution(stride, padding), x, weight, bias)


def max_pooling(x: Input, size: int, stride: int | None = None) -> Variable:
    """The maximum of each window of size x size; by default the windows stand side by side.  (B, C, H, W) -> (B, C, OH, OW).

    >>> max_pooling([[[[1, 5], [3, 2]]]], size=2)
    Variable([[[[5.0]]]], made by MaxPooling)
    """
    return apply(MaxPooling(size, size if stride is None else stride), x)


def average_pooling(x: Input, size: int, stride: int | None = None) -> Variable:
    """The mean of each window of size x size; by default the windows stand side by side.  (B, C, H, W) -> (B, C, OH, OW)."""
    return apply(AveragePooling(size, size if stride is None else stride), x)


def batch_norm(x: Input, scale: Input, shift: Input, *, epsilon: float = 1e-5) -> Variable:
    """Each channel with mean 0 and variance 1 over the batch, then scaled and shifted: what training computes.

    x (B, C) or (B, C, H, W), scale (C,), shift (C,) -> the shape of x.
    """
    return apply(BatchNormalization(epsilon), x, scale, shift)


def normalize_with(
    x: Variable, scale: Variable, shift: Variable, *, mean: Array, variance: Array, epsilon: float = 1e-5
) -> Variable:
    """`batch_norm` with a mean and a variance that were estimated before, (C,) each: what a trained layer computes."""
    ndim = x.value.ndim
    column = mean.shape + (1,) * (ndim - 2)  # as numbers beside the channels
    normalized = (x - beside_channels(mean, ndim)) * (1 / np.sqrt(beside_channels(variance, ndim) + epsilon))
    return normalized * reshape(scale, column) + reshape(shift, column)
