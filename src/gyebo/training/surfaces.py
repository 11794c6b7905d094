"""Surfaces of two parameters on which update rules can be watched: a bowl, a saddle, and two valleys of optimization's textbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

__all__ = ["SURFACES", "Surface"]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A function f(x, y), where to start on it, and where its minimum is.

    minimum: None where the function has none.  horizontal, vertical: the part that is worth drawing.
    rates: for each update rule, by name, one with which it gets somewhere here without leaping out of the picture.
    """

    title: str
    formula: str
    function: Callable[[Tensor, Tensor], Tensor]
    start: tuple[float, float]
    minimum: tuple[float, float] | None
    horizontal: tuple[float, float]
    vertical: tuple[float, float]
    rates: Mapping[str, float]

    def __call__(self, points: Tensor) -> Tensor:
        """points (..., 2) -> (...).  Raises ValueError for points that are not pairs.

        >>> import torch
        >>> SURFACES["bowl"](torch.tensor([[-7.0, 2.0], [0.0, 0.0]]))
        tensor([6.4500, 0.0000])
        """
        if not points.ndim or points.shape[-1] != 2:
            raise ValueError(f"Points of shape {tuple(points.shape)} came, but (..., 2) was expected: an x and a y for each point.")
        return self.function(*points.unbind(-1))


def _beale(x: Tensor, y: Tensor) -> Tensor:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


SURFACES: Mapping[str, Surface] = MappingProxyType(
    {
        "bowl": Surface(
            title="Elongated bowl",
            formula="x² / 20 + y²",
            function=lambda x, y: x**2 / 20 + y**2,
            start=(-7.0, 2.0),
            minimum=(0.0, 0.0),
            horizontal=(-8.0, 4.0),
            vertical=(-2.5, 2.5),
            rates={
                "gradient-descent": 0.95,
                "momentum": 0.1,
                "nesterov": 0.1,
                "adagrad": 1.5,
                "rmsprop": 0.1,
                "adadelta": 1.0,
                "adam": 0.3,
                "adamax": 0.3,
                "nadam": 0.3,
                "adamw": 0.3,
                "amsgrad": 0.3,
            },
        ),
        "saddle": Surface(
            title="Saddle",
            formula="x² - y²",
            function=lambda x, y: x**2 - y**2,
            start=(1.0, 1e-3),
            minimum=None,
            horizontal=(-1.2, 1.2),
            vertical=(-0.25, 1.25),
            rates={
                "gradient-descent": 0.01,
                "momentum": 0.01,
                "nesterov": 0.01,
                "adagrad": 0.01,
                "rmsprop": 0.01,
                "adadelta": 1.0,
                "adam": 0.01,
                "adamax": 0.01,
                "nadam": 0.01,
                "adamw": 0.01,
                "amsgrad": 0.01,
            },
        ),
        "rosenbrock": Surface(
            title="Rosenbrock's valley",
            formula="(1 - x)² + 100 (y - x²)²",
            function=lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
            start=(-1.2, 1.0),
            minimum=(1.0, 1.0),
            horizontal=(-2.0, 2.0),
            vertical=(-1.0, 2.5),
            rates={
                "gradient-descent": 0.002,
                "momentum": 0.001,
                "nesterov": 0.001,
                "adagrad": 0.5,
                "rmsprop": 0.02,
                "adadelta": 5.0,
                "adam": 0.2,
                "adamax": 0.2,
                "nadam": 0.1,
                "adamw": 0.2,
                "amsgrad": 0.2,
            },
        ),
        "beale": Surface(
            title="Beale's function",
            formula="(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²",
            function=_beale,
            start=(1.0, 1.5),
            minimum=(3.0, 0.5),
            horizontal=(-1.0, 4.5),
            vertical=(-2.0, 2.0),
            rates={
                "gradient-descent": 0.02,
                "momentum": 0.005,
                "nesterov": 0.005,
                "adagrad": 1.0,
                "rmsprop": 0.1,
                "adadelta": 5.0,
                "adam": 0.5,
                "adamax": 0.5,
                "nadam": 0.2,
                "adamw": 0.5,
                "amsgrad": 0.5,
            },
        ),
    }
)
"""by name"""
