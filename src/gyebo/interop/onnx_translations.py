"""Operators of torch whose translation to ONNX is ours, because the exporter's own is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["translations"]


def translations() -> dict[Any, Callable[..., Any]]:
    """Operator -> what stands for it in a graph, for `torch.onnx.export`."""
    from onnxscript import opset18

    op: Any = opset18  # its operators are typed for values; while a graph is written they take places in it

    def repeat_interleave(tensor: Any, repeats: Any, dim: Any = None, output_size: Any = None) -> Any:
        """Rows repeated by a number that is open: onnxscript 0.7.2 puts it into the axis before the one that it adds for it."""
        assert isinstance(dim, int), "only an axis is repeated, never all numbers of a tensor"
        rank = len(tensor.shape)
        axis = dim % rank
        one = op.Constant(value_ints=[1])
        times = op.Reshape(repeats, op.Constant(value_ints=[-1]))
        shape = op.Concat(*[one] * (axis + 1), times, *[one] * (rank - axis - 1), axis=0)
        repeated = op.Expand(op.Unsqueeze(tensor, op.Constant(value_ints=[axis + 1])), shape)
        merged = [op.Constant(value_ints=[-1]), op.Shape(tensor, start=axis + 1)]
        return op.Reshape(repeated, op.Concat(*([op.Shape(tensor, start=0, end=axis)] if axis else []), *merged, axis=0))

    return {torch.ops.aten.repeat_interleave.self_int: repeat_interleave}
