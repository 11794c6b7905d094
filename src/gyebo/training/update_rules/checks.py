"""What every update rule asks of its settings and tensors, with one message for each fault."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

__all__ = ["check_not_negative", "check_rate", "check_shapes", "check_share"]


def check_rate(rate: float) -> None:
    """Raises ValueError for a learning rate that is not finite or moves nothing downhill."""
    if not 0 < rate < math.inf:
        raise ValueError(f"rate={rate:g} came, but a learning rate is a finite number above 0. Try 0.001, and larger from there.")


def check_share(name: str, value: float) -> None:
    """Raises ValueError unless the value is a share of what was kept: 1 would never take in a new gradient."""
    if not 0 <= value < 1:
        raise ValueError(
            f"{name}={value:g} came, but it is the share of the old that is kept: from 0 up to, not including, 1. Try 0.9."
        )


def check_not_negative(name: str, value: float) -> None:
    """Raises ValueError for a negative number and for NaN.  Infinity passes: it is the limit of a schedule."""
    if not value >= 0:
        raise ValueError(f"{name}={value:g} came, but {name} is 0 or above. Give 0 to leave it out.")


def check_shapes(parameters: Tensor, gradient: Tensor, state: Any = None) -> None:
    """Raises ValueError where the gradient or a tensor of the state has not the parameters' shape: it would be broadcast."""
    tensors = {"gradient": gradient} | (vars(state) if state is not None else {})
    for name, tensor in tensors.items():
        if isinstance(tensor, Tensor) and tensor.shape != parameters.shape:
            raise ValueError(
                f"The {name.replace('_', ' ')} has shape {tuple(tensor.shape)}, but the parameters have {tuple(parameters.shape)}, and"
                " each number of them has its own. Give the gradient of these parameters and the state that belongs to them."
            )
