"""Adam, which averages gradients and their squares, and the rules that mend it: AdaMax, Nadam, AMSGrad, AdamW.

Letters of the equations: th parameters, g gradient, lr rate, e epsilon, b1 and b2 the betas, t the step, counted from 1;
m the first moment, v the second.  But for AdamW, the weight decay is an L2 penalty, added to g first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gyebo.training.update_rules.checks import check_not_negative, check_rate, check_shapes, check_share

__all__ = [
    "AMSGradState",
    "AdaMaxState",
    "AdamSettings",
    "AdamState",
    "NadamSettings",
    "NadamState",
    "adam",
    "adamax",
    "adamw",
    "amsgrad",
    "nadam",
]


@dataclass(frozen=True, kw_only=True)
class AdamSettings:
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True)
class NadamSettings:
    rate: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    momentum_decay: float = 4e-3
    """how fast the momentum rises from half of b1 to b1; infinity starts with b1, and 0 stays at the half"""
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self)
        check_not_negative("momentum_decay", self.momentum_decay)


def _check(settings: AdamSettings | NadamSettings) -> None:
    check_rate(settings.rate)
    for number, beta in enumerate(settings.betas, start=1):
        check_share(f"beta {number}", beta)
    check_not_negative("epsilon", settings.epsilon)
    check_not_negative("weight_decay", settings.weight_decay)


@dataclass(frozen=True)
class AdamState:
    step: int
    first_moment: Tensor
    second_moment: Tensor

    @classmethod
    def start(cls, parameters: Tensor) -> AdamState:
        return cls(0, torch.zeros_like(parameters), torch.zeros_like(parameters))


@dataclass(frozen=True)
class AMSGradState:
    step: int
    first_moment: Tensor
    second_moment: Tensor
    largest_second_moment: Tensor

    @classmethod
    def start(cls, parameters: Tensor) -> AMSGradState:
        return cls(0, *(torch.zeros_like(parameters) for _ in range(3)))


@dataclass(frozen=True)
class AdaMaxState:
    step: int
    first_moment: Tensor
    infinity_norm: Tensor

    @classmethod
    def start(cls, parameters: Tensor) -> AdaMaxState:
        return cls(0, torch.zeros_like(parameters), torch.zeros_like(parameters))


@dataclass(frozen=True)
class NadamState:
    step: int
    first_moment: Tensor
    second_moment: Tensor
    momentum_product: float
    """of all momenta so far"""

    @classmethod
    def start(cls, parameters: Tensor) -> NadamState:
        return cls(0, torch.zeros_like(parameters), torch.zeros_like(parameters), 1.0)


def adam(parameters: Tensor, gradient: Tensor, state: AdamState, settings: AdamSettings) -> tuple[Tensor, AdamState]:
    """Kingma and Ba 2014, arXiv 1412.6980, algorithm 1; Ruder 2016, section 4.6.

        m' = b1 m + (1 - b1) g             v' = b2 v + (1 - b2) g^2
        m^ = m' / (1 - b1^t)               v^ = v' / (1 - b2^t)     both averages start from 0, and this takes it out
        th' = th - lr m^ / (sqrt(v^) + e)

    torch's form is the paper's.  BERT's optimizer leaves the corrections out; TensorFlow 1 folds them into the rate, so that its
    epsilon is added to sqrt(v').

    >>> th = torch.tensor([1.0, 1.0])  # the first step is the rate, whatever the size of the gradient
    >>> adam(th, torch.tensor([2.0, 1e-3]), AdamState.start(th), AdamSettings(rate=0.25))[0]
    tensor([0.7500, 0.7500])
    """
    check_shapes(parameters, gradient, state)
    return _adam_step(parameters, gradient + settings.weight_decay * parameters, state, settings)


def adamw(parameters: Tensor, gradient: Tensor, state: AdamState, settings: AdamSettings) -> tuple[Tensor, AdamState]:
    """Loshchilov and Hutter 2017, arXiv 1711.05101, algorithm 2: the decay w beside the moments, not in them.

        th' = th - lr w th - lr m^ / (sqrt(v^) + e)     m^ and v^ as Adam's, of g alone

    In Adam, the penalty's gradient is divided by sqrt(v^), so that the parameters with the largest gradients decay least.  The
    paper's decay is scaled by its schedule and not by the rate; torch's, as here, by the product of both.

    >>> th = torch.tensor([1.0])
    >>> adamw(th, torch.tensor([0.0]), AdamState.start(th), AdamSettings(rate=0.5, weight_decay=0.5))[0]
    tensor([0.7500])
    """
    check_shapes(parameters, gradient, state)
    return _adam_step(parameters * (1 - settings.rate * settings.weight_decay), gradient, state, settings)


def _adam_step(parameters: Tensor, gradient: Tensor, state: AdamState, settings: AdamSettings) -> tuple[Tensor, AdamState]:
    step = state.step + 1
    (beta1, beta2), rate, epsilon = settings.betas, settings.rate, settings.epsilon
    first_moment, second_moment = _moments(gradient, state, settings)
    corrected_first, corrected_second = first_moment / (1 - beta1**step), second_moment / (1 - beta2**step)
    parameters = parameters - rate * corrected_first / (corrected_second.sqrt() + epsilon)
    return parameters, AdamState(step, first_moment, second_moment)


def _moments(
    gradient: Tensor, state: AdamState | AMSGradState | NadamState, settings: AdamSettings | NadamSettings
) -> tuple[Tensor, Tensor]:
    beta1, beta2 = settings.betas
    return beta1 * state.first_moment + (1 - beta1) * gradient, beta2 * state.second_moment + (1 - beta2) * gradient**2


def amsgrad(parameters: Tensor, gradient: Tensor, state: AMSGradState, settings: AdamSettings) -> tuple[Tensor, AMSGradState]:
    """Reddi, Kale and Kumar 2018, algorithm 2: divides by the largest second moment so far, so that no step size ever rises.

        u' = max(u, v')
        th' = th - lr m^ / (sqrt(u' / (1 - b2^t)) + e)

    The paper corrects neither moment and has no epsilon.  torch corrects m' as Adam does, and takes the maximum before the
    correction: early, when 1 - b2^t is small, the corrected maximum can still fall.

    >>> th = torch.tensor([1.0])
    >>> amsgrad(th, torch.tensor([2.0]), AMSGradState.start(th), AdamSettings(rate=0.25))[0]
    tensor([0.7500])
    """
    check_shapes(parameters, gradient, state)
    step = state.step + 1
    beta1, beta2 = settings.betas
    first_moment, second_moment = _moments(gradient + settings.weight_decay * parameters, state, settings)
    largest = torch.maximum(state.largest_second_moment, second_moment)
    scale = (largest / (1 - beta2**step)).sqrt() + settings.epsilon
    parameters = parameters - settings.rate * first_moment / (1 - beta1**step) / scale
    return parameters, AMSGradState(step, first_moment, second_moment, largest)


def adamax(parameters: Tensor, gradient: Tensor, state: AdaMaxState, settings: AdamSettings) -> tuple[Tensor, AdaMaxState]:
    """Kingma and Ba 2014, algorithm 2; Ruder 2016, section 4.7: the largest gradient, slowly forgotten, instead of the mean square.

        u' = max(b2 u, |g| + e)
        th' = th - lr m^ / u'              u needs no correction

    The paper has no epsilon; torch's, inside the maximum, keeps u from being 0.  The paper's rate is 0.002.

    >>> th = torch.tensor([1.0])
    >>> adamax(th, torch.tensor([2.0]), AdaMaxState.start(th), AdamSettings(rate=0.25))[0]
    tensor([0.7500])
    """
    check_shapes(parameters, gradient, state)
    step = state.step + 1
    beta1, beta2 = settings.betas
    gradient = gradient + settings.weight_decay * parameters
    first_moment = beta1 * state.first_moment + (1 - beta1) * gradient
    infinity_norm = torch.maximum(beta2 * state.infinity_norm, gradient.abs() + settings.epsilon)
    parameters = parameters - settings.rate * first_moment / (1 - beta1**step) / infinity_norm
    return parameters, AdaMaxState(step, first_moment, infinity_norm)


def nadam(parameters: Tensor, gradient: Tensor, state: NadamState, settings: NadamSettings) -> tuple[Tensor, NadamState]:
    """Dozat 2016; Ruder 2016, section 4.8: Adam that looks ahead, as Nesterov does.

        mu_t = b1 (1 - 0.5 * 0.96^(t momentum_decay))      M_t = mu_1 mu_2 ... mu_t
        step = mu_{t+1} m' / (1 - M_{t+1}) + (1 - mu_t) g / (1 - M_t)
        th' = th - lr step / (sqrt(v^) + e)

    With momentum_decay infinite, mu is b1 at every step and this is Dozat's rule with a constant mu, whose momentum term is
    corrected with 1 - b1^(t+1); Ruder's text corrects it with 1 - b1^t.  momentum_decay 0 is not plain Nadam: mu stays b1 / 2.
    torch keeps M in its default dtype: in single precision its own steps are off by a share of about 1e-8.

    >>> th = torch.tensor([1.0])
    >>> nadam(th, torch.tensor([2.0]), NadamState.start(th), NadamSettings(rate=0.1, momentum_decay=0.0, betas=(0.5, 0.9)))[0]
    tensor([0.8867])
    """
    check_shapes(parameters, gradient, state)
    step = state.step + 1
    beta1, beta2 = settings.betas
    mu, next_mu = (beta1 * (1 - 0.5 * 0.96 ** (time * settings.momentum_decay)) for time in (step, step + 1))
    product = state.momentum_product * mu
    gradient = gradient + settings.weight_decay * parameters
    first_moment, second_moment = _moments(gradient, state, settings)
    ahead = next_mu * first_moment / (1 - product * next_mu) + (1 - mu) * gradient / (1 - product)
    scale = (second_moment / (1 - beta2**step)).sqrt() + settings.epsilon
    return parameters - settings.rate * ahead / scale, NadamState(step, first_moment, second_moment, product)
