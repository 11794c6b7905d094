"""Sums and products, and the affine map that a layer of neurons computes."""

from __future__ import annotations

import numpy as np

__all__ = ["Add", "Affine", "MatrixProduct", "Multiply", "Subtract", "Total", "sum_to_shape"]

Array = np.ndarray


def sum_to_shape(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient back to the shape that was broadcast in forward: a number that was used many times collects from all uses.

    >>> sum_to_shape(np.ones((4, 2, 3)), (2, 1))
    array([[12.], [12.]])
    """
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return gradient.sum(axis=stretched, keepdims=True)


class Add:
    """y = a + b.  dL/da = dL/dy and dL/db = dL/dy: a sum passes the gradient on."""

    def forward(self, a: Array, b: Array) -> Array:
        _check_broadcast("An addition", a.shape, b.shape)
        self.shapes = a.shape, b.shape
        return a + b

    def backward(self, gradient: Array) -> tuple[Array, Array]:
        return sum_to_shape(gradient, self.shapes[0]), sum_to_shape(gradient, self.shapes[1])


class Subtract:
    """y = a - b.  dL/da = dL/dy and dL/db = -dL/dy."""

    def forward(self, a: Array, b: Array) -> Array:
        _check_broadcast("A subtraction", a.shape, b.shape)
        self.shapes = a.shape, b.shape
        return a - b

    def backward(self, gradient: Array) -> tuple[Array, Array]:
        return sum_to_shape(gradient, self.shapes[0]), sum_to_shape(-gradient, self.shapes[1])


class Multiply:
    """y = a * b, element by element.  dL/da = dL/dy * b and dL/db = dL/dy * a: a product swaps its inputs."""

    def forward(self, a: Array, b: Array) -> Array:
        _check_broadcast("A multiplication", a.shape, b.shape)
        self.a, self.b = a, b
        return a * b

    def backward(self, gradient: Array) -> tuple[Array, Array]:
        return sum_to_shape(gradient * self.b, self.a.shape), sum_to_shape(gradient * self.a, self.b.shape)


class Total:
    """y = the sum of all numbers of x.  dL/dx = dL/dy everywhere."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.sum()

    def backward(self, gradient: Array) -> tuple[Array]:
        return (np.full(self.shape, gradient),)


class MatrixProduct:
    """Y = A B.  dL/dA = dL/dY B^T and dL/dB = A^T dL/dY.  Axes before the last two are broadcast, one product for each."""

    def forward(self, a: Array, b: Array) -> Array:
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError(
                f"A matrix product came with the shapes {a.shape} and {b.shape}; it takes (..., rows, inner) and "
                "(..., inner, columns), with the same inner size. Transpose or reshape one of the two."
            )
        _check_broadcast("A matrix product", a.shape[:-2], b.shape[:-2])
        self.a, self.b = a, b
        return a @ b

    def backward(self, gradient: Array) -> tuple[Array, Array]:
        at_a = gradient @ self.b.swapaxes(-1, -2)
        at_b = self.a.swapaxes(-1, -2) @ gradient
        return sum_to_shape(at_a, self.a.shape), sum_to_shape(at_b, self.b.shape)


class Affine:
    """Y = X W + b, a layer of F neurons.  x (B, D), weight (D, F), bias (F,) -> (B, F).

    dL/dX = dL/dY W^T,  dL/dW = X^T dL/dY,  dL/db = the sum of dL/dY over the batch.
    """

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        if x.ndim != 2 or weight.ndim != 2 or x.shape[1] != weight.shape[0] or bias.shape != weight.shape[1:]:
            raise ValueError(
                f"An affine map came with x {x.shape}, weight {weight.shape} and bias {bias.shape}; it takes x (B, D), weight (D, F) "
                "and bias (F,). Flatten images to (B, D) first, and give the weight a row for each input and a column for each output."
            )
        self.x, self.weight = x, weight
        return x @ weight + bias  # (B, F)

    def backward(self, gradient: Array) -> tuple[Array, Array, Array]:
        return gradient @ self.weight.T, self.x.T @ gradient, gradient.sum(axis=0)


def _check_broadcast(what: str, one: tuple[int, ...], other: tuple[int, ...]) -> None:
    try:
        np.broadcast_shapes(one, other)
    except ValueError as error:
        raise ValueError(
            f"{what} came with the shapes {one} and {other}, which do not fit: counted from the last axis, two sizes must be "
            "equal, or one of them 1 or missing. Reshape one of the two."
        ) from error
