"""The computational graph: variables, the operations that made them, and the backward pass through both.

Linnainmaa 1970, "The representation of the cumulative rounding error of an algorithm as a Taylor expansion of the local
rounding errors" (reverse-mode differentiation); Rumelhart, Hinton and Williams 1986, "Learning representations by
back-propagating errors".
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from gyebo.backprop.arithmetic import Add, MatrixProduct, Multiply, Subtract

__all__ = ["Array", "Operation", "Variable", "apply", "topological_order"]

Array: TypeAlias = np.ndarray


class Operation(Protocol):
    """A function of arrays that also knows its derivative.

    forward(*inputs): the output; what backward will need is kept on the operation.
    backward(gradient): the gradient of the loss at the output in, its gradient at every input out, each in its input's shape.
    """

    @property
    def forward(self) -> Callable[..., Array]: ...

    @property
    def backward(self) -> Callable[[Array], tuple[Array, ...]]: ...


class Variable:
    """A node of the graph: a value, and after `backward` the gradient of the result with respect to it.

    value: an array of floating-point numbers; whole numbers become float64.  name: for readers and figures.
    operation, inputs: what made the value, and from which variables; None and () where it was given.
    The array that is given is shared, and nothing here ever writes into it. Gradients too may share memory among each other:
    put a new array in their place instead of editing them.
    Raises ValueError for what is not an array of real numbers.

    Two apples at 100 with a tax of 10 per cent:

    >>> apple, number, tax = Variable(100), Variable(2), Variable(1.1)
    >>> price = apple * number * tax
    >>> price.backward()
    >>> [round(float(variable), 6) for variable in (price.value, apple.gradient, number.gradient, tax.gradient)]
    [220.0, 2.2, 110.0, 200.0]
    """

    # An array on the left, as in array * variable, leaves the product to the variable instead of looping over its own elements.
    __array_ufunc__ = None

    def __init__(self, value: npt.ArrayLike, name: str = "") -> None:
        self.value = _real_array(value)
        self.gradient: Array | None = None
        self.operation: Operation | None = None
        self.inputs: tuple[Variable, ...] = ()
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def backward(self, gradient: npt.ArrayLike | None = None) -> None:
        """Set the gradient of every variable that this one was computed from.

        gradient: that of the final result with respect to this variable, in its shape; 1 where this variable is the result.
        Every call begins anew, so no gradient has to be set to zero before it; for the gradient of a sum, add the results.
        Raises ValueError for a gradient of another shape, or none where this variable holds several numbers.
        """
        order = topological_order(self)
        seed = self._seed(gradient)
        for variable in order:
            variable.gradient = None
        self.gradient = seed
        for variable in reversed(order):
            if variable.operation is None or variable.gradient is None:
                continue
            parts = variable.operation.backward(variable.gradient)
            for source, part in zip(variable.inputs, parts, strict=True):
                assert part.shape == source.shape, f"{type(variable.operation).__name__}: {part.shape}, not {source.shape}"
                part = np.asarray(part, dtype=source.value.dtype)
                source.gradient = part if source.gradient is None else source.gradient + part  # branches sum

    def _seed(self, gradient: npt.ArrayLike | None) -> Array:
        if gradient is None and self.value.size != 1:
            raise ValueError(
                f"backward() came to a variable of shape {self.shape}, and only a single number has one gradient. "
                "Reduce it first, for example with total(variable), or give the gradient at this variable, in its shape."
            )
        if gradient is None:
            return np.ones_like(self.value)
        seed = _real_array(gradient).astype(self.value.dtype)
        if seed.shape != self.shape:
            raise ValueError(
                f"backward() came with a gradient of shape {seed.shape}, and its variable has shape {self.shape}. "
                "Give one number for each number of the variable."
            )
        return seed

    def __add__(self, other: Variable | npt.ArrayLike) -> Variable:
        return apply(Add(), self, other)

    def __radd__(self, other: npt.ArrayLike) -> Variable:
        return apply(Add(), other, self)

    def __mul__(self, other: Variable | npt.ArrayLike) -> Variable:
        return apply(Multiply(), self, other)

    def __rmul__(self, other: npt.ArrayLike) -> Variable:
        return apply(Multiply(), other, self)

    def __matmul__(self, other: Variable | npt.ArrayLike) -> Variable:
        return apply(MatrixProduct(), self, other)

    def __rmatmul__(self, other: npt.ArrayLike) -> Variable:
        return apply(MatrixProduct(), other, self)

    def __neg__(self) -> Variable:
        return self * -1.0

    def __sub__(self, other: Variable | npt.ArrayLike) -> Variable:
        return apply(Subtract(), self, other)

    def __rsub__(self, other: npt.ArrayLike) -> Variable:
        return apply(Subtract(), other, self)

    def __repr__(self) -> str:
        made_by = f", made by {type(self.operation).__name__}" if self.operation else ""
        return f"Variable({self.value.tolist() if self.value.size <= 4 else f'shape {self.shape}'}{made_by})"


def apply(operation: Operation, *inputs: Variable | npt.ArrayLike) -> Variable:
    """Compute an operation and enter it into the graph; arrays and numbers among the inputs become variables.

    A plain number takes the type of the variables beside it, so that 2 * x is float32 where x is.

    >>> apply(Multiply(), 3.0, Variable(2.0))
    Variable(6.0, made by Multiply)
    """
    given = [source.value.dtype for source in inputs if isinstance(source, Variable)]
    dtype = np.result_type(*given) if given else np.dtype(np.float64)
    variables = tuple(_as_variable(source, dtype) for source in inputs)
    node = copy(operation)  # forward leaves its notes for backward here: an operation that is applied twice keeps both
    result = Variable(node.forward(*(variable.value for variable in variables)))
    result.operation, result.inputs = node, variables
    return result


def topological_order(result: Variable) -> list[Variable]:
    """Every variable that `result` was computed from and itself, each once and after all of its inputs.

    The stack is a list: a graph may be deeper than the calls that Python allows to be nested.

    >>> x = Variable(2.0, name="x")
    >>> [variable.name or "product" for variable in topological_order(x * x)]
    ['x', 'product']
    """
    order: list[Variable] = []
    seen: set[Variable] = set()
    stack = [(result, False)]
    while stack:
        variable, inputs_are_done = stack.pop()
        if inputs_are_done:
            order.append(variable)
        elif variable not in seen:
            seen.add(variable)
            stack.append((variable, True))
            stack.extend((source, False) for source in reversed(variable.inputs))
    return order


def _as_variable(source: Variable | npt.ArrayLike, dtype: np.dtype) -> Variable:
    if isinstance(source, Variable):
        return source
    return Variable(np.asarray(source, dtype)) if type(source) in (int, float) else Variable(source)


def _real_array(value: npt.ArrayLike) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"A variable holds an array of real numbers, and this is none: {error}") from error
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.kind != "f":
        raise ValueError(
            f"A variable holds an array of real numbers, and this one came with the type {array.dtype}. "
            "Give numbers, or arrays of numbers."
        )
    return array
