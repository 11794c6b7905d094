"""Stochastic gradient descent.  Robbins and Monro 1951, "A Stochastic Approximation Method"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gyebo.backprop.variable import Variable

__all__ = ["SGD"]


@dataclass(frozen=True)
class SGD:
    """theta' = theta - learning_rate dL/dtheta.

    >>> theta = Variable(3.0)
    >>> for _ in range(50):
    ...     (theta * theta).backward()
    ...     SGD(learning_rate=0.1).update([theta])
    >>> bool(abs(theta.value) < 1e-4)
    True
    """

    learning_rate: float

    def update(self, parameters: Iterable[Variable]) -> None:
        """Move each parameter against its gradient; a new array takes the place of the old one.

        Raises ValueError where a parameter has no gradient.
        """
        for parameter in parameters:
            if parameter.gradient is None:
                raise ValueError(
                    f"The parameter {parameter.name!r} of shape {parameter.shape} has no gradient: backward was not called, or the "
                    "loss does not depend on it. Call loss.backward() before the update, and leave unused parameters out."
                )
            parameter.value = parameter.value - self.learning_rate * parameter.gradient
