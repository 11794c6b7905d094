"""The first weights of a layer: drawn so that signals neither die out nor blow up on their way through many layers.

Each function makes a new tensor of a given shape; `start_as_he` starts a whole network.  Weights have torch's layout: (fan_out,
fan_in) of a linear layer, (channels out, channels in, height, width) of a convolution.  The names are those of torch.nn.init, and
so are the values drawn from a generator with the same seed.

Papers: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks" (Xavier); He et al.
2015, "Delving Deep into Rectifiers", arXiv 1502.01852 (Kaiming).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import torch
from torch import Generator, Tensor, nn

__all__ = [
    "GAINS",
    "constant",
    "fans",
    "kaiming_normal",
    "kaiming_uniform",
    "leaky_gain",
    "normal",
    "start_as_he",
    "xavier_normal",
    "xavier_uniform",
]

GAINS: Mapping[str, float] = MappingProxyType({"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)})
"""what the deviation is multiplied by for the activation that follows, as torch.nn.init.calculate_gain says"""


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """fan_in and fan_out: the inputs that a unit sums, and the units that an input reaches.

    A convolution has as many of each as its window has places, times the channels.
    Raises ValueError for a shape that is not of weights, such as that of a bias.

    >>> fans((100, 784)), fans((16, 3, 5, 5))
    ((784, 100), (75, 400))
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(
            f"A tensor of shape {tuple(shape)} has no fan_in and fan_out. Weights have at least two sizes, each 1 or more: (out, in) of a"
            " linear layer, (out, in, height, width) of a convolution. Start a bias with constant."
        )
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def constant(shape: tuple[int, ...], value: float = 0.0, *, dtype: torch.dtype | None = None) -> Tensor:
    """The same number everywhere: right for a bias.  Weights that start equal get equal gradients and stay equal.

    >>> constant((3,))
    tensor([0., 0., 0.])
    """
    return torch.full(shape, value, dtype=dtype or torch.get_default_dtype())


def normal(shape: tuple[int, ...], std: float = 0.01, *, generator: Generator, dtype: torch.dtype | None = None) -> Tensor:
    """N(0, std^2).  With a small deviation, activations shrink from layer to layer; with 1, tanh and sigmoid saturate.

    Raises ValueError for a negative deviation.
    """
    if not 0 <= std < math.inf:
        raise ValueError(f"std={std:g} came, but a standard deviation is a finite number, 0 or above. Try 0.01.")
    return torch.empty(shape, dtype=dtype).normal_(0, std, generator=generator)


def _uniform(shape: tuple[int, ...], std: float, generator: Generator, dtype: torch.dtype | None) -> Tensor:
    """U(-b, b) of the given deviation, which is b / sqrt(3)."""
    bound = math.sqrt(3) * std
    return torch.empty(shape, dtype=dtype).uniform_(-bound, bound, generator=generator)


def xavier_uniform(shape: tuple[int, ...], gain: float = 1.0, *, generator: Generator, dtype: torch.dtype | None = None) -> Tensor:
    """Glorot and Bengio 2010, eq. 16: U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)).

    >>> weights = xavier_uniform((2, 4), generator=torch.Generator().manual_seed(0))
    >>> bool(weights.abs().max() <= 1)
    True
    """
    return _uniform(shape, _xavier_std(shape, gain), generator, dtype)


def xavier_normal(shape: tuple[int, ...], gain: float = 1.0, *, generator: Generator, dtype: torch.dtype | None = None) -> Tensor:
    """The normal distribution with the variance of `xavier_uniform`: gain^2 * 2 / (fan_in + fan_out).

    That is between 1 / fan_in, which keeps the variance of signals going forward, and 1 / fan_out, which keeps that of gradients
    going back, for activations that are nearly linear.  Textbooks also call 1 / fan_in alone Xavier's.
    """
    return normal(shape, _xavier_std(shape, gain), generator=generator, dtype=dtype)


def kaiming_normal(
    shape: tuple[int, ...],
    gain: float = GAINS["relu"],
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """He et al. 2015: N(0, gain^2 / fan).  With the gain of ReLU, 2 / fan: half of its inputs count, so twice the variance.

    mode: "fan_in" keeps the variance of signals (eq. 10), "fan_out" that of gradients (eq. 14); either is enough.
    gain: of the activation that follows, from `GAINS` or `leaky_gain`.
    """
    return normal(shape, _kaiming_std(shape, gain, mode), generator=generator, dtype=dtype)


def kaiming_uniform(
    shape: tuple[int, ...],
    gain: float = GAINS["relu"],
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    *,
    generator: Generator,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """The uniform distribution with the variance of `kaiming_normal`: U(-b, b), b = gain sqrt(3 / fan).

    torch.nn.Linear starts at gain sqrt(1/3), a sixth of He's variance: U(-1, 1) / sqrt(fan_in).
    """
    return _uniform(shape, _kaiming_std(shape, gain, mode), generator, dtype)


def leaky_gain(slope: float) -> float:
    """The gain of a ReLU whose negative side has a slope (PReLU, leaky ReLU): sqrt(2 / (1 + slope^2)).  He et al. 2015, section 2.2.

    >>> leaky_gain(0.0) == GAINS["relu"], leaky_gain(1.0) == GAINS["linear"]
    (True, True)
    """
    return math.sqrt(2 / (1 + slope**2))


def start_as_he(model: nn.Module) -> None:
    """Every convolution and linear layer of a network of ReLUs from `kaiming_normal`, by torch's global generator, and no biases.

    The variance of signals then stays what it was through any number of layers.
    """
    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _xavier_std(shape: tuple[int, ...], gain: float) -> float:
    return _checked(gain) * math.sqrt(2 / sum(fans(shape)))


def _kaiming_std(shape: tuple[int, ...], gain: float, mode: Literal["fan_in", "fan_out"]) -> float:
    by_mode = dict(zip(("fan_in", "fan_out"), fans(shape), strict=True))
    if mode not in by_mode:
        raise ValueError(f"mode={mode!r} came, but 'fan_in' or 'fan_out' was expected. Take 'fan_in', the usual one.")
    return _checked(gain) / math.sqrt(by_mode[mode])


def _checked(gain: float) -> float:
    if not 0 < gain < math.inf:
        raise ValueError(f"gain={gain:g} came, but a gain is a finite number above 0. GAINS has that of each activation.")
    return gain
