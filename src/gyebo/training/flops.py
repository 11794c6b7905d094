"""Floating-point operations, counted while they happen: torch's counter, and the fused recurrent kernels that it does not know."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["count_flops"]

Shape: TypeAlias = Sequence[int]
"""what the counter hands on in place of a tensor"""


def count_flops(compute: Callable[[], Any]) -> int:
    """FLOPs of the matrix products, convolutions, attention and recurrent layers that `compute` runs, forward and backward.

    An addition counts as one and a multiplication as one; element-wise functions, normalisation and pooling are not counted, as in
    the papers.  Works on the meta device too, where nothing is computed.

    >>> count_flops(lambda: torch.ones(3, 5) @ torch.ones(5, 7)) == 2 * 3 * 5 * 7
    True
    """
    counter = FlopCounterMode(display=False, custom_mapping=_RECURRENT)
    with counter:
        compute()
    return counter.get_total_flops()


def _recurrent_layer(inputs: Shape, from_input: Shape, from_state: Shape, *_: Any, **__: Any) -> int:
    """One layer in one direction: each of T B rows meets the weights from the input (G H, I) and from the state (G H, H)."""
    steps, batch, _width = inputs
    return 2 * steps * batch * (math.prod(from_input) + math.prod(from_state))


def _recurrent_layer_backward(*arguments: Any, **named: Any) -> int:
    """Gradients by the weights and by what they meet: each costs what the forward pass does."""
    return 2 * _recurrent_layer(*arguments, **named)


_RECURRENT = {
    torch.ops.aten.mkldnn_rnn_layer: _recurrent_layer,
    torch.ops.aten.mkldnn_rnn_layer_backward: _recurrent_layer_backward,
}
