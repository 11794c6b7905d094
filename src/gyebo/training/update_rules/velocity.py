"""Gradient descent, and what remembers where it was going: momentum and Nesterov's accelerated gradient.

Letters of the equations: th parameters, g gradient, lr rate, mu momentum, b velocity, w weight decay.  Ruder 2016, "An overview of
gradient descent optimization algorithms", arXiv 1609.04747, tells all of them; his sections are named below.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gyebo.training.update_rules.checks import check_not_negative, check_rate, check_shapes, check_share

__all__ = [
    "GradientDescentSettings",
    "MomentumSettings",
    "NesterovSettings",
    "Velocity",
    "gradient_descent",
    "momentum",
    "nesterov",
]


@dataclass(frozen=True, kw_only=True)
class GradientDescentSettings:
    rate: float = 1e-3
    weight_decay: float = 0.0
    """added to the gradient, times the parameters: the L2 penalty w/2 |th|^2"""

    def __post_init__(self) -> None:
        check_rate(self.rate)
        check_not_negative("weight_decay", self.weight_decay)


@dataclass(frozen=True, kw_only=True)
class MomentumSettings:
    rate: float = 1e-3
    momentum: float = 0.9
    dampening: float = 0.0
    """the share of each new gradient, but not of the first, that is left out of the velocity"""
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_rate(self.rate)
        check_share("momentum", self.momentum)
        check_not_negative("dampening", self.dampening)
        check_not_negative("weight_decay", self.weight_decay)


@dataclass(frozen=True, kw_only=True)
class NesterovSettings:
    rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_rate(self.rate)
        check_share("momentum", self.momentum)
        check_not_negative("weight_decay", self.weight_decay)


@dataclass(frozen=True)
class Velocity:
    """None before the first step."""

    velocity: Tensor | None = None


def gradient_descent(parameters: Tensor, gradient: Tensor, state: None, settings: GradientDescentSettings) -> tuple[Tensor, None]:
    """Robbins and Monro 1951; Ruder 2016, section 2.  Remembers nothing: its state is None.

        th' = th - lr (g + w th)

    >>> import torch
    >>> gradient_descent(torch.tensor([1.0]), torch.tensor([2.0]), None, GradientDescentSettings(rate=0.25))[0]
    tensor([0.5000])
    """
    check_shapes(parameters, gradient)
    return parameters - settings.rate * (gradient + settings.weight_decay * parameters), None


def momentum(parameters: Tensor, gradient: Tensor, state: Velocity, settings: MomentumSettings) -> tuple[Tensor, Velocity]:
    """Polyak 1964, Qian 1999; Ruder 2016, section 4.1.

        b' = mu b + (1 - dampening) g      b' = g at the first step
        th' = th - lr b'

    Ruder puts the rate into the velocity, v' = mu v + lr g and th' = th - v'.  Both are one path as long as the rate stays the
    same and dampening is 0; where a schedule changes the rate, this form, which is torch's, changes all of the velocity at once.

    >>> import torch
    >>> th, state = momentum(torch.tensor([1.0]), torch.tensor([2.0]), Velocity(), MomentumSettings(rate=0.25))
    >>> th, momentum(th, torch.tensor([0.0]), state, MomentumSettings(rate=0.25))[0]
    (tensor([0.5000]), tensor([0.0500]))
    """
    check_shapes(parameters, gradient, state)
    gradient = gradient + settings.weight_decay * parameters
    velocity = gradient
    if state.velocity is not None:
        velocity = settings.momentum * state.velocity + (1 - settings.dampening) * gradient
    return parameters - settings.rate * velocity, Velocity(velocity)


def nesterov(parameters: Tensor, gradient: Tensor, state: Velocity, settings: NesterovSettings) -> tuple[Tensor, Velocity]:
    """Nesterov 1983; Ruder 2016, section 4.2.

        b' = mu b + g                      b' = g at the first step
        th' = th - lr (g + mu b')

    Ruder takes the gradient where the velocity is about to lead, at th - mu v.  These parameters, like torch's, stand at that
    point already: with constant rate, ours are his th - mu v at every step, though never his th.

    >>> import torch
    >>> nesterov(torch.tensor([1.0]), torch.tensor([2.0]), Velocity(), NesterovSettings(rate=0.25, momentum=0.5))[0]
    tensor([0.2500])
    """
    check_shapes(parameters, gradient, state)
    gradient = gradient + settings.weight_decay * parameters
    velocity = gradient if state.velocity is None else settings.momentum * state.velocity + gradient
    return parameters - settings.rate * (gradient + settings.momentum * velocity), Velocity(velocity)
