"""One step of each recurrent network, as its paper writes it.

Letters: B batch, D width.  `input_products` is the product of the input with its weights, W x + b.  It does not depend on
the hidden state: a layer computes it for the whole sequence in one matrix product, and a decoder may add further terms,
such as the products of a context vector.  The gates stand one after the other in the last axis of `input_products`, and
in the first of `weight_hh` (gates * D, D) and `bias_hh` (gates * D,), in the order of torch.nn.  `bias_hh` may also be
(B, gates * D), one for each row: so a vector that summarises a source sentence enters every step.

Papers: Elman 1990, "Finding Structure in Time"; Hochreiter and Schmidhuber 1997, "Long Short-Term Memory", with the
forget gate of Gers et al. 2000, "Learning to Forget"; Cho et al. 2014, "Learning Phrase Representations using RNN
Encoder-Decoder" (arXiv:1406.1078).
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["gru_step", "gru_step_reset_after", "lstm_step", "rnn_step"]


def rnn_step(input_products: Tensor, hidden: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    """Elman 1990: h' = tanh(W x + U h + b).  input_products (B, D), hidden (B, D) -> hidden (B, D).

    >>> rnn_step(torch.zeros(2, 3), torch.zeros(2, 3), torch.eye(3), torch.zeros(3)).abs().sum()
    tensor(0.)
    """
    return torch.tanh(input_products + _affine(hidden, weight_hh, bias_hh))


def lstm_step(input_products: Tensor, state: tuple[Tensor, Tensor], weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, Tensor]:
    """Gers et al. 2000.  input_products (B, 4 D) for gates i, f, g, o; state (h, c), each (B, D) -> state (h', c').

        i, f, o = sigmoid(W x + U h + b)    input, forget and output gates
        g = tanh(W x + U h + b)             candidate
        c' = f * c + i * g                  the cell: a sum, through which gradients pass unchanged where f is 1
        h' = o * tanh(c')

    >>> state = torch.zeros(2, 3), torch.ones(2, 3)
    >>> hidden, cell = lstm_step(torch.zeros(2, 12), state, torch.zeros(12, 3), torch.zeros(12))
    >>> cell[0]  # every gate is sigmoid(0)
    tensor([0.5000, 0.5000, 0.5000])
    """
    hidden, cell = state
    input_gate, forget_gate, candidate, output_gate = (input_products + _affine(hidden, weight_hh, bias_hh)).chunk(4, -1)
    cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(candidate)
    return torch.sigmoid(output_gate) * torch.tanh(cell), cell


def gru_step(input_products: Tensor, hidden: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    """Cho et al. 2014, equations 5-8.  input_products (B, 3 D) for r, z, n; hidden (B, D) -> hidden (B, D).

        r = sigmoid(W x + U h)             (5)  reset: how much of the past the candidate sees
        z = sigmoid(W x + U h)             (6)  update: how much of the past is kept
        n = tanh(W x + U (r * h))          (8)  the reset gate works before the product
        h' = z * h + (1 - z) * n           (7)

    >>> gru_step(torch.zeros(2, 9), torch.ones(2, 3), torch.zeros(9, 3), torch.zeros(9))[0]  # z is sigmoid(0), n is 0
    tensor([0.5000, 0.5000, 0.5000])
    """
    width = hidden.shape[-1]
    input_gates, input_candidate = input_products.split([2 * width, width], -1)
    weight_gates, weight_candidate = weight_hh.split([2 * width, width])
    bias_gates, bias_candidate = bias_hh.split([2 * width, width], -1)
    reset, update = torch.sigmoid(input_gates + _affine(hidden, weight_gates, bias_gates)).chunk(2, -1)
    candidate = torch.tanh(input_candidate + _affine(reset * hidden, weight_candidate, bias_candidate))
    return update * hidden + (1 - update) * candidate


def gru_step_reset_after(input_products: Tensor, hidden: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    """The first version of Cho et al. 2014, torch and cuDNN: as `gru_step`, with n = tanh(W x + r * (U h + b)).

    The reset gate works on the product, so that one product serves all three gates.

    >>> gru_step_reset_after(torch.zeros(2, 9), torch.ones(2, 3), torch.zeros(9, 3), torch.zeros(9))[0]
    tensor([0.5000, 0.5000, 0.5000])
    """
    width = hidden.shape[-1]
    input_gates, input_candidate = input_products.split([2 * width, width], -1)
    hidden_gates, hidden_candidate = _affine(hidden, weight_hh, bias_hh).split([2 * width, width], -1)
    reset, update = torch.sigmoid(input_gates + hidden_gates).chunk(2, -1)
    candidate = torch.tanh(input_candidate + reset * hidden_candidate)
    return update * hidden + (1 - update) * candidate


def _affine(hidden: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    """U h + b.  Unlike torch.nn.functional.linear, torch.addmm takes a bias for each row."""
    return torch.addmm(bias_hh, hidden, weight_hh.t())
