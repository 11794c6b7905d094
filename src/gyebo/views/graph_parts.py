"""What the figure of a computational graph consists of: nodes with their names and columns, edges with what they carry."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gyebo.backprop import Variable
from gyebo.views.page import clean
from gyebo.views.tokens import shortened

__all__ = ["Edge", "Node", "nodes_and_edges", "short"]

LONGEST_NAME = 18  # em

_NAMES = {"Add": "+", "Subtract": "−", "Multiply": "×", "ReLU": "ReLU", "GELU": "GELU", "TanhGELU": "GELU (tanh)"}

Array: TypeAlias = np.ndarray


@dataclass(frozen=True)
class Node:
    """An input, an operation or the result.

    column: from the left; nodes stand in the even ones, the labels of edges in the odd ones.
    total_gradient: where several edges leave, the sum of what comes back over them.
    """

    kind: str
    name: str
    column: int
    total_gradient: Array | None = None


@dataclass(frozen=True)
class Edge:
    """One use of a value: the numbers of its two nodes, the value, and the gradient that comes back through this use."""

    source: int
    target: int
    value: Array
    gradient: Array | None

    @property
    def value_label(self) -> str:
        text = short(self.value)
        return f"{self.value.shape}, {text}" if text.startswith("norm") else text

    @property
    def gradient_label(self) -> str:
        return "" if self.gradient is None else short(self.gradient)


def nodes_and_edges(result: Variable, order: Sequence[Variable]) -> tuple[list[Node], list[Edge]]:
    """A node for each variable in its order, and an edge for each use; at the end the node and the edge of the result."""
    position = {variable: number for number, variable in enumerate(order)}
    column = _columns(order)
    uses = Counter(source for variable in order for source in variable.inputs)
    nodes, edges = [], []
    for variable in order:
        total_gradient = variable.gradient if uses[variable] > 1 else None
        if variable.operation is None:
            nodes.append(Node("input", _readable(variable.name or "input"), column[variable], total_gradient))
            continue
        nodes.append(Node("operation", _operation_name(variable.operation), column[variable], total_gradient))
        # Computed again, for a variable keeps only the sum over all of its uses.
        parts = [None] * len(variable.inputs) if variable.gradient is None else variable.operation.backward(variable.gradient)
        for source, part in zip(variable.inputs, parts, strict=True):
            edges.append(Edge(position[source], position[variable], source.value, part))
    nodes.append(Node("result", _readable(result.name or "result"), column[result] + 2))
    edges.append(Edge(position[result], len(order), result.value, result.gradient))
    return nodes, edges


def _columns(order: Sequence[Variable]) -> dict[Variable, int]:
    """Operations stand as far left as their inputs allow, and an input right before its first use."""
    column: dict[Variable, int] = {}
    for variable in order:
        column[variable] = max((column[source] + 2 for source in variable.inputs), default=0)
    first_use: dict[Variable, int] = {}
    for variable in order:
        for source in variable.inputs:
            first_use[source] = min(first_use.get(source, column[variable]), column[variable])
    return {variable: place if variable.inputs else first_use.get(variable, 2) - 2 for variable, place in column.items()}


def short(array: Array) -> str:
    """A number, up to three numbers, or the norm: the root of the sum of squares.

    >>> short(np.array(220.0)), short(np.array([0.5, -1.0])), short(np.full((2, 2), 3.0))
    ('220', '[0.5, -1]', 'norm 6')
    """
    if array.size == 1:
        return f"{array.item():.4g}"
    if array.ndim == 1 and array.size <= 3:
        return f"[{', '.join(f'{number:.3g}' for number in array)}]"
    return f"norm {np.linalg.norm(array):.3g}"


def _operation_name(operation: object) -> str:
    """Signs for sums and products, else the class's name as words: SoftmaxWithLoss is a softmax with loss."""
    name = type(operation).__name__
    return _NAMES.get(name) or _readable(re.sub("(?<=[a-z])(?=[A-Z])", " ", name).lower())


def _readable(name: str) -> str:
    return shortened(" ".join(clean(name).split()), LONGEST_NAME)
