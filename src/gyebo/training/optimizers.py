"""torch's optimizers by name, in their fused form, and the schedules of the learning rate as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from gyebo.training.config import OptimizerConfig, ScheduleConfig

__all__ = ["build_optimizer", "rate_factor"]


def build_optimizer(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer that the config names; fused kernels where torch has them, or else its kernels over lists of tensors.

    `gyebo.training.update_rules` holds the equations.
    """
    parameters = list(parameters)
    rate, betas, epsilon, weight_decay = config.rate, config.betas, config.epsilon, config.weight_decay
    match config.name:
        case "adam" | "adamw":
            kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
            return kind(
                parameters, lr=rate, betas=betas, eps=epsilon, weight_decay=weight_decay, amsgrad=config.amsgrad, fused=True
            )
        case "adamax" | "nadam":
            kind = torch.optim.Adamax if config.name == "adamax" else torch.optim.NAdam
            return kind(parameters, lr=rate, betas=betas, eps=epsilon, weight_decay=weight_decay, foreach=True)
        case "sgd":
            return torch.optim.SGD(
                parameters, lr=rate, momentum=config.momentum, nesterov=config.nesterov, weight_decay=weight_decay, fused=True
            )
        case "adagrad":
            return torch.optim.Adagrad(parameters, lr=rate, eps=epsilon, weight_decay=weight_decay, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, alpha=config.rho, eps=epsilon, weight_decay=weight_decay, foreach=True)
        case "adadelta":
            return torch.optim.Adadelta(parameters, lr=rate, rho=config.rho, eps=epsilon, weight_decay=weight_decay, foreach=True)


def rate_factor(config: ScheduleConfig, step: int, last_step: int, reductions: int = 0) -> float:
    """The factor on the learning rate at an update: step counts from 1, last_step is 0 where there is no limit.

    reductions: how often the plateau schedule has met one.
    >>> [rate_factor(ScheduleConfig(name="linear", warmup=2), step, 6) for step in range(1, 7)]
    [0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if step < config.warmup:
        return step / config.warmup
    done = (step - config.warmup) / max(1, last_step - config.warmup)
    match config.name:
        case "constant":
            return 1.0
        case "linear":
            return config.floor + (1 - config.floor) * max(0.0, 1 - done)
        case "cosine":
            return config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        case "inverse-sqrt":
            return math.sqrt(max(1, config.warmup) / max(1, step))
        case "plateau":
            return config.factor**reductions
