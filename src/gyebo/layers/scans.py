"""Recurrent networks over whole sequences, from products of the inputs that are already there.

Letters: B batch, T time, D width.  A scan takes `input_products` (B, T, gates * D), computed for all steps at once, and
applies the step of `gyebo.layers.steps` along time; a decoder whose context does not change adds its products first.

bias_hh is (gates * D,) or, one for each row, (B, gates * D).  lengths (B,), each from 1 to T, says how many steps of each
row are valid; the rest is padding.  Outputs are 0 there, the state is held, and whatever stands there, NaN included,
changes neither outputs nor gradients.  So the final state is that of the last valid step; with `reverse`, time runs from
the last valid step back to the first.

Eager code runs functions with a gradient derived by hand (first derivatives only).  Under torch.compile the steps run in
a plain loop, unrolled, and under torch.export in a scan that holds for any number of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan  # torch has no public name for it yet
from torch.autograd import Function

from gyebo.layers.scan_functions import GRUResetAfterScan, GRUScan, LSTMScan, RNNScan, in_order
from gyebo.layers.sequence import real_positions
from gyebo.layers.steps import gru_step, gru_step_reset_after, lstm_step, rnn_step

__all__ = ["gru_scan", "gru_scan_reset_after", "lstm_scan", "over_time", "rnn_scan"]

Step = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def rnn_scan(
    input_products: Tensor,
    hidden: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """`rnn_step` over time: input_products (B, T, D), hidden (B, D) -> outputs (B, T, D), final hidden (B, D).

    >>> lengths = torch.tensor([3])
    >>> outputs, final = rnn_scan(torch.ones(1, 4, 2), torch.zeros(1, 2), torch.eye(2), torch.zeros(2), lengths)
    >>> outputs[0, :, 0], final[0, 0]  # the last step is padding
    (tensor([0.7616, 0.9427, 0.9597, 0.0000]), tensor(0.9597))
    """
    return _scan(RNNScan, rnn_step, input_products, hidden, weight_hh, bias_hh, lengths, reverse)


def gru_scan(
    input_products: Tensor,
    hidden: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """`gru_step` over time: input_products (B, T, 3 D), hidden (B, D) -> outputs (B, T, D), final hidden (B, D).

    >>> outputs, final = gru_scan(torch.zeros(1, 2, 6), torch.ones(1, 2), torch.zeros(6, 2), torch.zeros(6))
    >>> outputs[0, :, 0]  # each step keeps half of the state and adds a candidate of 0
    tensor([0.5000, 0.2500])
    """
    return _scan(GRUScan, gru_step, input_products, hidden, weight_hh, bias_hh, lengths, reverse)


def gru_scan_reset_after(
    input_products: Tensor,
    hidden: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """`gru_step_reset_after` over time: input_products (B, T, 3 D), hidden (B, D) -> outputs (B, T, D), hidden (B, D).

    >>> outputs, final = gru_scan_reset_after(torch.zeros(1, 2, 6), torch.ones(1, 2), torch.zeros(6, 2), torch.zeros(6))
    >>> outputs[0, :, 0]
    tensor([0.5000, 0.2500])
    """
    return _scan(GRUResetAfterScan, gru_step_reset_after, input_products, hidden, weight_hh, bias_hh, lengths, reverse)


def lstm_scan(
    input_products: Tensor,
    state: tuple[Tensor, Tensor],
    weight_hh: Tensor,
    bias_hh: Tensor,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """`lstm_step` over time: input_products (B, T, 4 D), state (h, c) of (B, D) each -> outputs (B, T, D), final state.

    >>> state = torch.zeros(1, 2), torch.ones(1, 2)
    >>> outputs, (hidden, cell) = lstm_scan(torch.zeros(1, 2, 8), state, torch.zeros(8, 2), torch.zeros(8))
    >>> cell[0]  # each of the two steps forgets half
    tensor([0.2500, 0.2500])
    """
    padding = _padding(lengths, input_products)
    if torch.compiler.is_compiling():
        joined = torch.cat(state, -1)
        outputs, final = _traceable(_joined_lstm_step, input_products, joined, weight_hh, bias_hh, padding, reverse)
        outputs, (hidden, cell) = outputs.chunk(2, -1)[0], final.chunk(2, -1)
    else:
        outputs, hidden, cell = _eager(LSTMScan, input_products, state, weight_hh, bias_hh, padding, reverse)
    return outputs if padding is None else outputs.masked_fill(padding, 0), (hidden, cell)


def _scan(
    function: type[Function],
    step: Step,
    input_products: Tensor,
    hidden: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor,
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, Tensor]:
    padding = _padding(lengths, input_products)
    if torch.compiler.is_compiling():
        outputs, final = _traceable(step, input_products, hidden, weight_hh, bias_hh, padding, reverse)
    else:
        outputs, final = _eager(function, input_products, (hidden,), weight_hh, bias_hh, padding, reverse)
    return outputs if padding is None else outputs.masked_fill(padding, 0), final


def _padding(lengths: Tensor | None, input_products: Tensor) -> Tensor | None:
    """True at padded steps, (B, T, 1)."""
    if lengths is None:
        return None
    return ~real_positions(lengths.to(input_products.device), input_products.shape[1])[..., None]


def _eager(
    function: type[Function],
    input_products: Tensor,
    state: tuple[Tensor, ...],
    weight_hh: Tensor,
    bias_hh: Tensor,
    padding: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, ...]:
    """Run one of `gyebo.layers.scan_functions`, which want time in front and one dtype."""
    products, *operands = _in_one_dtype(input_products.transpose(0, 1), *state, weight_hh, bias_hh)
    time_padding = None if padding is None else padding.transpose(0, 1)
    outputs, *final = function.apply(products, *operands, time_padding, reverse)
    return outputs.transpose(0, 1), *final


def _traceable(
    step: Step,
    input_products: Tensor,
    state: Tensor,
    weight_hh: Tensor,
    bias_hh: Tensor,
    padding: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, Tensor]:
    """The same from plain steps: unrolled for torch.compile, as one scan over any number of steps for torch.export."""
    input_products, state, weight_hh, bias_hh = _in_one_dtype(input_products, state, weight_hh, bias_hh)
    if padding is None:
        padding = torch.zeros_like(input_products[..., :1], dtype=torch.bool)
    products = input_products.masked_fill(padding, 0)

    def advance(state: Tensor, step_inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        product, held = step_inputs
        following = torch.where(held, state, step(product, state, weight_hh, bias_hh))
        return following, following.clone()  # scan refuses one tensor as both state and output

    if torch.compiler.is_exporting():
        final, outputs = scan(advance, state, (products.transpose(0, 1), padding.transpose(0, 1)), reverse=reverse)
        return outputs.transpose(0, 1), final
    outputs = []
    for step_inputs in in_order(zip(products.unbind(1), padding.unbind(1), strict=True), reverse):
        state, output = advance(state, step_inputs)
        outputs.append(output)
    return torch.stack(list(in_order(outputs, reverse)), 1), state


def _in_one_dtype(input_products: Tensor, *others: Tensor) -> list[Tensor]:
    """All in the dtype of the products; under autocast, in its dtype where they are float32."""
    device, dtype = input_products.device.type, input_products.dtype
    if dtype == torch.float32 and torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    return [tensor.to(dtype) for tensor in (input_products, *others)]


def _joined_lstm_step(input_products: Tensor, joined: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    hidden, cell = joined.chunk(2, -1)
    return torch.cat(lstm_step(input_products, (hidden, cell), weight_hh, bias_hh), -1)


def over_time(advance: Callable[[Any, Tensor], tuple[Any, tuple[Tensor, ...]]], state: Any, inputs: Tensor) -> list[Tensor]:
    """The outputs of every step, (B, T, ...) each: from the state, `advance(state, inputs of a step)` -> next state, outputs.

    inputs (B, T, ...). Plain steps, unrolled by torch.compile; under torch.export one scan, which holds for any number of steps and
    refuses one tensor as both state and output.
    """
    if torch.compiler.is_exporting():
        _, outputs = scan(advance, state, inputs.transpose(0, 1))
        return [output.transpose(0, 1) for output in outputs]
    steps = []
    for step_inputs in inputs.unbind(1):
        state, outputs = advance(state, step_inputs)
        steps.append(outputs)
    return [torch.stack(parts, 1) for parts in zip(*steps, strict=True)]
