"""Rules that give each parameter a rate of its own, from its squared gradients: Adagrad, Adadelta, RMSprop.

Letters of the equations: th parameters, g gradient, lr rate, e epsilon; the weight decay is an L2 penalty, added to g first.
Where epsilon stands matters only while squared gradients are about as small, but it decides whether two programs agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gyebo.training.update_rules.checks import check_not_negative, check_rate, check_shapes, check_share

__all__ = [
    "AdadeltaSettings",
    "AdadeltaState",
    "AdagradSettings",
    "AdagradState",
    "RMSpropSettings",
    "RMSpropState",
    "adadelta",
    "adagrad",
    "rmsprop",
]


@dataclass(frozen=True, kw_only=True)
class AdagradSettings:
    rate: float = 1e-2
    rate_decay: float = 0.0
    """the rate is divided by 1 + rate_decay (t - 1) at step t"""
    epsilon: float = 1e-10
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_rate(self.rate)
        for name in ("rate_decay", "epsilon", "weight_decay"):
            check_not_negative(name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class AdadeltaSettings:
    rate: float = 1.0
    """of torch; Zeiler's rule has none"""
    rho: float = 0.9
    epsilon: float = 1e-6
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_rate(self.rate)
        check_share("rho", self.rho)
        check_not_negative("epsilon", self.epsilon)
        check_not_negative("weight_decay", self.weight_decay)


@dataclass(frozen=True, kw_only=True)
class RMSpropSettings:
    rate: float = 1e-2
    rho: float = 0.99
    """torch's alpha"""
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_rate(self.rate)
        check_share("rho", self.rho)
        check_not_negative("epsilon", self.epsilon)
        check_not_negative("weight_decay", self.weight_decay)


@dataclass(frozen=True)
class AdagradState:
    step: int
    squared_sum: Tensor

    @classmethod
    def start(cls, parameters: Tensor) -> AdagradState:
        return cls(0, torch.zeros_like(parameters))


@dataclass(frozen=True)
class AdadeltaState:
    squared_gradients: Tensor
    squared_changes: Tensor

    @classmethod
    def start(cls, parameters: Tensor) -> AdadeltaState:
        return cls(torch.zeros_like(parameters), torch.zeros_like(parameters))


@dataclass(frozen=True)
class RMSpropState:
    squared_gradients: Tensor

    @classmethod
    def start(cls, parameters: Tensor) -> RMSpropState:
        return cls(torch.zeros_like(parameters))


def adagrad(parameters: Tensor, gradient: Tensor, state: AdagradState, settings: AdagradSettings) -> tuple[Tensor, AdagradState]:
    """Duchi, Hazan and Singer 2011, with diagonal matrices; Ruder 2016, section 4.3.

        G' = G + g^2                       a sum: the rate can only fall
        th' = th - lr g / (sqrt(G') + e)

    Ruder writes sqrt(G' + e), with e = 1e-8.  torch has e outside the root and 1e-10, and can let the rate fall besides.

    >>> th = torch.tensor([1.0, 1.0])  # the first step is the rate, whatever the size of the gradient
    >>> adagrad(th, torch.tensor([2.0, 1e-3]), AdagradState.start(th), AdagradSettings(rate=0.25))[0]
    tensor([0.7500, 0.7500])
    """
    check_shapes(parameters, gradient, state)
    gradient = gradient + settings.weight_decay * parameters
    rate = settings.rate / (1 + settings.rate_decay * state.step)
    squared_sum = state.squared_sum + gradient**2
    return parameters - rate * gradient / (squared_sum.sqrt() + settings.epsilon), AdagradState(state.step + 1, squared_sum)


def adadelta(
    parameters: Tensor, gradient: Tensor, state: AdadeltaState, settings: AdadeltaSettings
) -> tuple[Tensor, AdadeltaState]:
    """Zeiler 2012, arXiv 1212.5701, algorithm 1; Ruder 2016, section 4.4.

        E' = rho E + (1 - rho) g^2
        d = sqrt(D + e) / sqrt(E' + e) g   D before this step's change enters it: the units of th, and no rate
        D' = rho D + (1 - rho) d^2
        th' = th - lr d

    The first step has the size sqrt(e / (1 - rho)) whatever the gradient is, so epsilon decides how long it takes to get going.
    torch and Ruder have rho 0.9, the paper 0.95; a rate other than 1 is torch's.

    >>> th = torch.tensor([1.0])
    >>> 1 - adadelta(th, torch.tensor([5.0]), AdadeltaState.start(th), AdadeltaSettings(epsilon=1e-3))[0]  # sqrt(1e-3 / 0.1)
    tensor([0.1000])
    """
    check_shapes(parameters, gradient, state)
    gradient = gradient + settings.weight_decay * parameters
    rho, epsilon = settings.rho, settings.epsilon
    squared_gradients = rho * state.squared_gradients + (1 - rho) * gradient**2
    change = (state.squared_changes + epsilon).sqrt() / (squared_gradients + epsilon).sqrt() * gradient
    squared_changes = rho * state.squared_changes + (1 - rho) * change**2
    return parameters - settings.rate * change, AdadeltaState(squared_gradients, squared_changes)


def rmsprop(parameters: Tensor, gradient: Tensor, state: RMSpropState, settings: RMSpropSettings) -> tuple[Tensor, RMSpropState]:
    """Hinton 2012, lecture 6e, unpublished; Ruder 2016, section 4.5.

        E' = rho E + (1 - rho) g^2         an average, which forgets: the rate can rise again
        th' = th - lr g / (sqrt(E') + e)

    Ruder has rho 0.9, rate 0.001 and sqrt(E' + e); torch has 0.99, 0.01 and e outside the root.  torch can also centre the
    average and add momentum, which are rules of their own and not here.

    >>> th = torch.tensor([1.0])
    >>> rmsprop(th, torch.tensor([5.0]), RMSpropState.start(th), RMSpropSettings(rate=0.05))[0]  # 0.05 / sqrt(1 - 0.99)
    tensor([0.5000])
    """
    check_shapes(parameters, gradient, state)
    gradient = gradient + settings.weight_decay * parameters
    squared_gradients = settings.rho * state.squared_gradients + (1 - settings.rho) * gradient**2
    return parameters - settings.rate * gradient / (squared_gradients.sqrt() + settings.epsilon), RMSpropState(squared_gradients)
