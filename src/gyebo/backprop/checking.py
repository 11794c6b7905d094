"""The gradient by differences, slow and sure, and a check of the backward pass against it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gyebo.backprop.functions import multiply, total
from gyebo.backprop.variable import Array, Variable

__all__ = ["gradient_check", "numerical_gradient"]


def numerical_gradient(function: Callable[[Array], float], x: npt.ArrayLike, step: float = 1e-5) -> Array:
    """Central differences: (f(x + h) - f(x - h)) / 2h for every number of x, h being `step`.  Always in float64.

    Their error is of order h^2 from the curvature and of order 1e-16 / h from rounding, so 1e-4 to 1e-5 is best; forward
    differences, (f(x + h) - f(x)) / h, have an error of order h. Two evaluations a number: for checking, not for training.

    >>> numerical_gradient(lambda x: float((x**2).sum()), [1.0, 2.0]).round(6)
    array([2., 4.])
    """
    x = np.array(x, dtype=np.float64)  # a copy: x is moved below
    gradient = np.empty_like(x)
    for place in np.ndindex(x.shape):
        middle = x[place]
        x[place] = middle + step
        above = function(x.copy())
        x[place] = middle - step
        below = function(x.copy())
        x[place] = middle
        gradient[place] = (above - below) / (2 * step)
    return gradient


def gradient_check(function: Callable[..., Variable], *inputs: npt.ArrayLike, step: float = 1e-5, seed: int = 0) -> list[float]:
    """Compare the backward pass with central differences; one relative error for each input.

    function: takes a variable for each input and returns one of any shape. Its numbers are weighed with random ones and summed:
    so each counts, and errors that cancel in a plain sum are seen.
    The relative error is the largest difference over the largest gradient: below 1e-7 the two agree, above 1e-4 one is wrong.
    Keep away from kinks, such as ReLU at 0, and from anything that draws at random.

    >>> from gyebo.backprop import sigmoid
    >>> max(gradient_check(sigmoid, [[0.5, -1.0]])) < 1e-7
    True
    """
    arrays = [np.array(x, dtype=np.float64) for x in inputs]
    variables = [Variable(array) for array in arrays]
    result = function(*variables)
    weights = np.random.default_rng(seed).normal(size=result.shape)
    result.backward(weights)

    errors = []
    for position, variable in enumerate(variables):

        def weighed(moved: Array, position: int = position) -> float:
            output = function(*(Variable(moved if other == position else array) for other, array in enumerate(arrays)))
            return float(total(multiply(output, weights)).value)

        numerical = numerical_gradient(weighed, arrays[position], step)
        computed = np.zeros_like(numerical) if variable.gradient is None else variable.gradient
        errors.append(_relative_error(computed, numerical))
    return errors


def _relative_error(one: Array, other: Array) -> float:
    largest = max(np.abs(one).max(initial=0), np.abs(other).max(initial=0))
    return float(np.abs(one - other).max(initial=0) / largest) if largest else 0.0
