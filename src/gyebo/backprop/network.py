"""Layers that own their parameters, and a network of them, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gyebo.backprop.functions import affine, batch_norm, convolution, normalize_with
from gyebo.backprop.normalization import batch_statistics
from gyebo.backprop.variable import Array, Variable

__all__ = ["AffineLayer", "BatchNormLayer", "ConvolutionLayer", "Network"]


class AffineLayer:
    """num_outputs neurons over num_inputs numbers: (B, num_inputs) -> (B, num_outputs)."""

    def __init__(self, num_inputs: int, num_outputs: int, generator: np.random.Generator) -> None:
        self.weight = Variable(_he_normal((num_inputs, num_outputs), num_inputs, generator), "weight")
        self.bias = Variable(np.zeros(num_outputs), "bias")
        self.parameters = [self.weight, self.bias]

    def __call__(self, x: Variable) -> Variable:
        return affine(x, self.weight, self.bias)


class ConvolutionLayer:
    """num_filters filters of size x size: (B, num_channels, H, W) -> (B, num_filters, OH, OW)."""

    def __init__(
        self, num_channels: int, num_filters: int, size: int, generator: np.random.Generator, *, stride: int = 1, padding: int = 0
    ) -> None:
        shape = (num_filters, num_channels, size, size)
        self.weight = Variable(_he_normal(shape, num_channels * size**2, generator), "weight")
        self.bias = Variable(np.zeros(num_filters), "bias")
        self.stride, self.padding = stride, padding
        self.parameters = [self.weight, self.bias]

    def __call__(self, x: Variable) -> Variable:
        return convolution(x, self.weight, self.bias, stride=self.stride, padding=self.padding)


class BatchNormLayer:
    """Batch normalisation that remembers: every training pass moves the running estimates a little towards its batch.

    momentum: the weight of the new batch.  The batch is normalised with its biased variance, and the estimate for later use
    is of the unbiased one, as in torch.nn.BatchNorm2d.
    """

    def __init__(self, num_channels: int, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.scale = Variable(np.ones(num_channels), "scale")
        self.shift = Variable(np.zeros(num_channels), "shift")
        self.mean, self.variance = np.zeros(num_channels), np.ones(num_channels)
        self.momentum, self.epsilon = momentum, epsilon
        self.parameters = [self.scale, self.shift]

    def __call__(self, x: Variable) -> Variable:
        result = batch_norm(x, self.scale, self.shift, epsilon=self.epsilon)
        mean, biased_variance = batch_statistics(x.value)
        count = x.value.size / len(mean)
        unbiased_variance = biased_variance * count / (count - 1)
        self.mean = (1 - self.momentum) * self.mean + self.momentum * mean
        self.variance = (1 - self.momentum) * self.variance + self.momentum * unbiased_variance
        return result

    def evaluate(self, x: Variable) -> Variable:
        return normalize_with(x, self.scale, self.shift, mean=self.mean, variance=self.variance, epsilon=self.epsilon)


class Network:
    """Layers in a row; functions without parameters, such as `relu`, may stand among them.

    >>> from gyebo.backprop import relu
    >>> generator = np.random.default_rng(0)
    >>> network = Network(AffineLayer(4, 8, generator), relu, AffineLayer(8, 3, generator))
    >>> network(np.ones((2, 4))).shape, [parameter.shape for parameter in network.parameters]
    ((2, 3), [(4, 8), (8,), (8, 3), (3,)])
    """

    def __init__(self, *layers: Callable[[Variable], Variable]) -> None:
        self.layers = layers
        self.parameters: list[Variable] = [parameter for layer in layers for parameter in getattr(layer, "parameters", ())]

    def __call__(self, x: Variable | Array) -> Variable:
        """The output in training."""
        result = x if isinstance(x, Variable) else Variable(x)
        for layer in self.layers:
            result = layer(result)
        return result

    def evaluate(self, x: Variable | Array) -> Variable:
        """The output in use, where batch normalisation keeps to its running estimates; other layers compute the same."""
        result = x if isinstance(x, Variable) else Variable(x)
        for layer in self.layers:
            result = getattr(layer, "evaluate", layer)(result)
        return result


def _he_normal(shape: tuple[int, ...], num_inputs: int, generator: np.random.Generator) -> Array:
    """Variance 2 / inputs, which keeps that of the signal through ReLU layers.  He et al. 2015 (arXiv:1502.01852), eq. 10."""
    return generator.normal(scale=np.sqrt(2 / num_inputs), size=shape)
