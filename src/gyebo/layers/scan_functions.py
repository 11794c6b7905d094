"""Scans over time with a gradient derived by hand: the loops that train.

Autograd over a Python loop records every operation of every step.  Here the loop does only what depends on the step
before: a matrix product and the gates, written into buffers that the backward pass reads again.  The derivatives of the
gates are taken for all steps at once; the backward loop multiplies them by the gradient that arrives from the step after;
and the gradient of the recurrent weights is one matrix product over all steps.

Each function takes (products, state, weight_hh, bias_hh, padding, reverse), tensors of one dtype, and returns the outputs
and the final state.  Time comes first, so that a step is one block of memory:

    products (T, B, gates * D)    padding (T, B, 1), True at padding, or None    outputs (T, B, D)
    state (B, D)                  bias_hh (gates * D,) or (B, gates * D)

A padded step holds the state.  Where a gate can hold it (the update gate of the GRU, the forget gate of the LSTM's cell),
the gate is driven to exactly 1 by an infinite product, and its derivative is exactly 0.  First derivatives only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

__all__ = ["GRUResetAfterScan", "GRUScan", "LSTMScan", "RNNScan", "in_order"]

Item = TypeVar("Item")


class RNNScan(Function):
    """`gyebo.layers.steps.rnn_step` over time."""

    @staticmethod
    def forward(
        ctx: Any,
        products: Tensor,
        hidden: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
        padding: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, Tensor]:
        states, previous, outputs = _states(products, hidden, reverse)
        torch.add(products, bias_hh, out=outputs)
        weight = weight_hh.t()
        for time in _times(products, reverse):
            outputs[time].addmm_(previous[time], weight).tanh_()
            if padding is not None:
                torch.where(padding[time], previous[time], outputs[time], out=outputs[time])
        ctx.bias_shape, ctx.reverse = bias_hh.shape, reverse
        ctx.save_for_backward(states, weight_hh, padding)
        return outputs, _last(outputs, reverse)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  (torch declares one tuple of gradients)
        ctx: Any, grad_outputs: Tensor, grad_final: Tensor
    ) -> tuple[Tensor | None, ...]:
        states, weight_hh, padding = ctx.saved_tensors
        previous, outputs = _shifted(states, ctx.reverse)
        grad_products = (outputs * outputs).neg_().add_(1)  # tanh' for every step
        if padding is not None:
            grad_products.masked_fill_(padding, 0)
        grad_hidden = grad_final
        for time in _times(outputs, not ctx.reverse):
            grad_output = grad_hidden + grad_outputs[time]
            grad_hidden = torch.mm(grad_products[time].mul_(grad_output), weight_hh)
            if padding is not None:
                grad_hidden.addcmul_(padding[time], grad_output)
        grad_weight = grad_products.flatten(0, 1).t() @ previous.flatten(0, 1)
        return grad_products, grad_hidden, grad_weight, _sum_like(grad_products, ctx.bias_shape), None, None


class GRUScan(Function):
    """`gyebo.layers.steps.gru_step` over time."""

    @staticmethod
    def forward(
        ctx: Any,
        products: Tensor,
        hidden: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
        padding: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, Tensor]:
        width = hidden.shape[-1]
        bias_gates, bias_candidate = bias_hh[..., : 2 * width], bias_hh[..., 2 * width :]
        gates, candidates = _gru_buffers(products, bias_gates, bias_candidate, padding)
        reset, update = gates.chunk(2, -1)
        states, previous, outputs = _states(products, hidden, reverse)
        weight_gates, weight_candidate = weight_hh[: 2 * width].t(), weight_hh[2 * width :].t()
        seen = torch.empty_like(outputs[0])  # r * h
        steps = zip(previous, outputs, gates, reset, update, candidates, strict=True)
        for h, following, both, r, z, n in in_order(steps, reverse):
            both.addmm_(h, weight_gates).sigmoid_()
            n.addmm_(torch.mul(r, h, out=seen), weight_candidate).tanh_()
            torch.lerp(n, h, z, out=following)  # z * h + (1 - z) * n
        ctx.bias_shape, ctx.reverse = bias_hh.shape, reverse
        ctx.save_for_backward(gates, candidates, states, weight_hh)
        return outputs, _last(outputs, reverse)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  (torch declares one tuple of gradients)
        ctx: Any, grad_outputs: Tensor, grad_final: Tensor
    ) -> tuple[Tensor | None, ...]:
        gates, candidates, states, weight_hh = ctx.saved_tensors
        width = states.shape[-1]
        reset, update = gates.chunk(2, -1)
        previous, _ = _shifted(states, ctx.reverse)
        seen = reset * previous

        grad_products = torch.empty((*gates.shape[:2], 3 * width), dtype=gates.dtype, device=gates.device)
        grad_gates, grad_candidate = grad_products[..., : 2 * width], grad_products[..., 2 * width :]
        grad_reset, grad_update = grad_gates.chunk(2, -1)
        torch.sub(1, reset, out=grad_reset).mul_(seen)  # times the gradient of r * h
        _gru_derivatives(update, candidates, previous, grad_update, grad_candidate)  # times the gradient of h'

        weight_gates, weight_candidate = weight_hh[: 2 * width], weight_hh[2 * width :]
        of_new_state = grad_products[..., width:].unflatten(-1, (2, width))
        steps = zip(grad_outputs, reset, update, grad_gates, grad_reset, grad_candidate, of_new_state, strict=True)
        grad_hidden, grad_seen = grad_final.clone(), torch.empty_like(grad_final)
        for grad_output, r, z, grad_both, grad_r, grad_n, grad_zn in in_order(steps, not ctx.reverse):
            grad_hidden.add_(grad_output)
            grad_zn.mul_(grad_hidden[:, None])
            torch.mm(grad_n, weight_candidate, out=grad_seen)
            grad_r.mul_(grad_seen)
            grad_hidden.mul_(z).addcmul_(grad_seen, r).addmm_(grad_both, weight_gates)

        grad_weight = torch.empty_like(weight_hh)
        torch.mm(grad_gates.flatten(0, 1).t(), previous.flatten(0, 1), out=grad_weight[: 2 * width])
        torch.mm(grad_candidate.flatten(0, 1).t(), seen.flatten(0, 1), out=grad_weight[2 * width :])
        return grad_products, grad_hidden, grad_weight, _sum_like(grad_products, ctx.bias_shape), None, None


class GRUResetAfterScan(Function):
    """`gyebo.layers.steps.gru_step_reset_after` over time."""

    @staticmethod
    def forward(
        ctx: Any,
        products: Tensor,
        hidden: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
        padding: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, Tensor]:
        width = hidden.shape[-1]
        bias_gates, bias_candidate = bias_hh[..., : 2 * width], bias_hh[..., 2 * width :]
        gates, candidates = _gru_buffers(products, bias_gates, bias_candidate.new_zeros(()), padding)
        reset, update = gates.chunk(2, -1)
        recalled = torch.empty_like(candidates)  # U h + b
        states, previous, outputs = _states(products, hidden, reverse)
        weight_gates, weight_candidate = weight_hh[: 2 * width].t(), weight_hh[2 * width :].t()
        steps = zip(previous, outputs, gates, reset, update, candidates, recalled, strict=True)
        for h, following, both, r, z, n, u in in_order(steps, reverse):
            both.addmm_(h, weight_gates).sigmoid_()
            n.addcmul_(r, torch.addmm(bias_candidate, h, weight_candidate, out=u)).tanh_()
            torch.lerp(n, h, z, out=following)  # z * h + (1 - z) * n
        ctx.bias_shape, ctx.reverse = bias_hh.shape, reverse
        ctx.save_for_backward(gates, candidates, recalled, states, weight_hh)
        return outputs, _last(outputs, reverse)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  (torch declares one tuple of gradients)
        ctx: Any, grad_outputs: Tensor, grad_final: Tensor
    ) -> tuple[Tensor | None, ...]:
        gates, candidates, recalled, states, weight_hh = ctx.saved_tensors
        width = states.shape[-1]
        reset, update = gates.chunk(2, -1)
        previous, _ = _shifted(states, ctx.reverse)

        # The gradients of U h + b and of the input products differ in the candidate only: the reset gate multiplies one.
        grad_recalled = torch.empty((*gates.shape[:2], 3 * width), dtype=gates.dtype, device=gates.device)
        grad_reset, grad_update, grad_recalled_candidate = grad_recalled.chunk(3, -1)
        grad_candidate = torch.empty_like(candidates)
        _gru_derivatives(update, candidates, previous, grad_update, grad_candidate)
        torch.mul(grad_candidate, reset, out=grad_recalled_candidate)
        torch.sub(1, reset, out=grad_reset).mul_(recalled).mul_(grad_recalled_candidate)

        steps = zip(grad_outputs, update, grad_recalled, grad_recalled.unflatten(-1, (3, width)), grad_candidate, strict=True)
        grad_hidden = grad_final.clone()
        for grad_output, z, grad_step, grad_rzn, grad_n in in_order(steps, not ctx.reverse):
            grad_hidden.add_(grad_output)
            grad_rzn.mul_(grad_hidden[:, None])
            grad_n.mul_(grad_hidden)
            grad_hidden.mul_(z).addmm_(grad_step, weight_hh)

        grad_weight = grad_recalled.flatten(0, 1).t() @ previous.flatten(0, 1)
        grad_bias = _sum_like(grad_recalled, ctx.bias_shape)
        grad_recalled_candidate.copy_(grad_candidate)  # the buffer now holds the gradient of the input products
        return grad_recalled, grad_hidden, grad_weight, grad_bias, None, None


class LSTMScan(Function):
    """`gyebo.layers.steps.lstm_step` over time; the state is two arguments, h and c."""

    @staticmethod
    def forward(
        ctx: Any,
        products: Tensor,
        hidden: Tensor,
        cell: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
        padding: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        width = hidden.shape[-1]
        gates = torch.empty(products.shape, dtype=products.dtype, device=products.device)
        torch.add(products, bias_hh, out=gates)
        if padding is not None:
            gates.masked_fill_(padding, 0)
            gates[..., :width].masked_fill_(padding, -torch.inf)  # i = 0 and f = 1: the cell is held
            gates[..., width : 2 * width].masked_fill_(padding, torch.inf)
        states, previous, outputs = _states(products, hidden, reverse)
        cells, previous_cells, new_cells = _states(products, cell, reverse)
        shown = torch.empty_like(outputs)  # tanh(c)
        weight = weight_hh.t()
        for time in _times(products, reverse):
            step = gates[time].addmm_(previous[time], weight)
            i, f, g, o = step.chunk(4, -1)
            step[:, : 2 * width].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, previous_cells[time], out=new_cells[time]).addcmul_(i, g)
            torch.mul(o, torch.tanh(new_cells[time], out=shown[time]), out=outputs[time])
            if padding is not None:
                torch.where(padding[time], previous[time], outputs[time], out=outputs[time])
        ctx.bias_shape, ctx.reverse = bias_hh.shape, reverse
        ctx.save_for_backward(gates, states, cells, shown, weight_hh, padding)
        return outputs, _last(outputs, reverse), _last(new_cells, reverse)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  (torch declares one tuple of gradients)
        ctx: Any, grad_outputs: Tensor, grad_final: Tensor, grad_final_cell: Tensor
    ) -> tuple[Tensor | None, ...]:
        gates, states, cells, shown, weight_hh, padding = ctx.saved_tensors
        width = states.shape[-1]
        i, f, g, o = gates.chunk(4, -1)
        previous, _ = _shifted(states, ctx.reverse)
        previous_cells, _ = _shifted(cells, ctx.reverse)

        grad_products = torch.empty_like(gates)
        grad_i, grad_f, grad_g, grad_o = grad_products.chunk(4, -1)
        torch.sub(1, i, out=grad_i).mul_(i).mul_(g)  # times the gradient of c', like the next two
        torch.sub(1, f, out=grad_f).mul_(f).mul_(previous_cells)
        torch.mul(g, g, out=grad_g).neg_().add_(1).mul_(i)
        torch.sub(1, o, out=grad_o).mul_(o).mul_(shown)  # times the gradient of h', like the next
        cell_of_hidden = (shown * shown).neg_().add_(1).mul_(o)
        if padding is not None:
            grad_o.masked_fill_(padding, 0)
            cell_of_hidden.masked_fill_(padding, 0)

        of_new_cell = grad_products[..., : 3 * width].unflatten(-1, (3, width))
        grad_hidden, grad_cell = grad_final, grad_final_cell.clone()
        for time in _times(gates, not ctx.reverse):
            grad_output = grad_hidden + grad_outputs[time]
            grad_cell.addcmul_(grad_output, cell_of_hidden[time])
            of_new_cell[time].mul_(grad_cell[:, None])
            grad_o[time].mul_(grad_output)
            grad_hidden = torch.mm(grad_products[time], weight_hh)
            if padding is not None:
                grad_hidden.addcmul_(padding[time], grad_output)
            grad_cell.mul_(f[time])
        grad_weight = grad_products.flatten(0, 1).t() @ previous.flatten(0, 1)
        return grad_products, grad_hidden, grad_cell, grad_weight, _sum_like(grad_products, ctx.bias_shape), None, None


def _sum_like(grad_products: Tensor, bias_shape: torch.Size) -> Tensor:
    """The gradient of a bias of that shape, (gates * D,) or (B, gates * D)."""
    return grad_products.sum(0).sum_to_size(bias_shape)


def _states(products: Tensor, initial: Tensor, reverse: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Room for T + 1 states (T + 1, B, D), the initial one written first in time; and its two views of `_shifted`."""
    states = torch.empty((products.shape[0] + 1, *initial.shape), dtype=products.dtype, device=products.device)
    states[-1 if reverse else 0] = initial
    return states, *_shifted(states, reverse)


def _shifted(states: Tensor, reverse: bool) -> tuple[Tensor, Tensor]:
    """The states before each step and after it, (T, B, D) each, as views: weight gradients need no copy."""
    return (states[1:], states[:-1]) if reverse else (states[:-1], states[1:])


def _last(outputs: Tensor, reverse: bool) -> Tensor:
    return outputs[0 if reverse else -1].clone()


def _times(steps: Tensor, reverse: bool) -> Iterable[int]:
    return range(len(steps) - 1, -1, -1) if reverse else range(len(steps))


def in_order(steps: Iterable[Item], reverse: bool) -> Iterable[Item]:
    return reversed(list(steps)) if reverse else steps


def _gru_buffers(products: Tensor, bias_gates: Tensor, bias_candidate: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
    """products + bias, as contiguous buffers for the gates r and z (T, B, 2 D) and the candidates (T, B, D)."""
    num_steps, batch_size, width = products.shape[0], products.shape[1], products.shape[2] // 3
    both = torch.empty((num_steps, batch_size, 2 * width), dtype=products.dtype, device=products.device)
    candidates = torch.empty((num_steps, batch_size, width), dtype=products.dtype, device=products.device)
    torch.add(products[..., : 2 * width], bias_gates, out=both)
    torch.add(products[..., 2 * width :], bias_candidate, out=candidates)
    if padding is not None:
        both.masked_fill_(padding, 0)
        candidates.masked_fill_(padding, 0)
        both[..., width:].masked_fill_(padding, torch.inf)
    return both, candidates


def _gru_derivatives(update: Tensor, candidates: Tensor, previous: Tensor, grad_update: Tensor, grad_candidate: Tensor) -> None:
    """Write the derivatives of h' = z * h + (1 - z) * n, by what goes into sigmoid and tanh, into the last two."""
    torch.sub(1, update, out=grad_update)
    torch.mul(candidates, candidates, out=grad_candidate).neg_().add_(1).mul_(grad_update)
    grad_update.mul_(update).mul_(previous - candidates)
