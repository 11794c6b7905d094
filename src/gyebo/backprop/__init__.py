"""Backpropagation, small enough to read: reverse-mode differentiation on NumPy arrays.

An operation is a class with `forward` and `backward`, written like its equations and knowing arrays only: `arithmetic`,
`activations`, `losses`, `convolution`, `pooling`, `normalization`, `shapes`. `variable` strings them into a graph and walks
it backward; `functions` are the operations for variables; `checking` compares with differences; `network` and `descent` train.

>>> weight, bias = Variable([[1.0], [-1.0]]), Variable([0.5])
>>> loss = mean_squared_error(sigmoid(affine([[1.0, 2.0]], weight, bias)), [[1.0]])
>>> loss.backward()
>>> weight.gradient.round(4).tolist()
[[-0.2926], [-0.5851]]
"""

from gyebo.backprop.checking import gradient_check, numerical_gradient
from gyebo.backprop.descent import SGD
from gyebo.backprop.functions import (
    add,
    affine,
    average_pooling,
    batch_norm,
    convolution,
    flatten,
    gelu,
    matrix_product,
    max_pooling,
    mean_squared_error,
    multiply,
    normalize_with,
    relu,
    reshape,
    sigmoid,
    softmax_with_loss,
    step,
    subtract,
    tanh,
    tanh_gelu,
    total,
)
from gyebo.backprop.network import AffineLayer, BatchNormLayer, ConvolutionLayer, Network
from gyebo.backprop.variable import Operation, Variable, apply, topological_order

__all__ = [
    "SGD",
    "AffineLayer",
    "BatchNormLayer",
    "ConvolutionLayer",
    "Network",
    "Operation",
    "Variable",
    "add",
    "affine",
    "apply",
    "average_pooling",
    "batch_norm",
    "convolution",
    "flatten",
    "gelu",
    "gradient_check",
    "matrix_product",
    "max_pooling",
    "mean_squared_error",
    "multiply",
    "normalize_with",
    "numerical_gradient",
    "relu",
    "reshape",
    "sigmoid",
    "softmax_with_loss",
    "step",
    "subtract",
    "tanh",
    "tanh_gelu",
    "topological_order",
    "total",
]
