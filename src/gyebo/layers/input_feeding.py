"""Input feeding: LSTMs that read, beside each word, what was made of their own output one step before.

    h_t, c_t = LSTM([x_t; r_{t-1}], h_{t-1}, c_{t-1}),   r_t = respond(h_t)        Luong et al. 2015, arXiv 1508.04025, section 3.3

`respond` is an attention, say. Whatever does not wait for r is outside the loop: the words' part of the first layer's products, and
the two products of a layer are one. Letters: B batch, T time, D width of h, c and r, I width of x.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan  # torch has no public name for it yet
from torch.nn import functional as F

from gyebo.layers.dropout import dropout
from gyebo.layers.recurrent import LSTM
from gyebo.layers.unrolled import Gates, lstm_gates

__all__ = ["Respond", "fed_lstm", "fed_lstm_inside"]

Respond: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""top states h_t (B, 1, D), the step t counted from 0 (1, 1) -> r_t (B, 1, D)"""


class _Layer(NamedTuple):
    """The weights of a layer, of gates i, f, g, o."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor


def _layers(lstm: LSTM) -> list[_Layer]:
    return [_Layer(*(getattr(lstm, f"{name}_l{number}") for name in _Layer._fields)) for number in range(lstm.num_layers)]


def fed_lstm(lstm: LSTM, inputs: Tensor, state: tuple[Tensor, Tensor], respond: Respond) -> Tensor:
    """inputs x (B, T, I), state (h, c) of (layers, B, D) each -> the responses r (B, T, D); before the first, zeros stand for one.

    The lstm has inputs of width I + D. Its dropout falls on what goes from a layer to the next, as in `LSTM` itself.

    >>> lstm = LSTM(5 + 3, 3)
    >>> fed_lstm(lstm, torch.randn(2, 4, 5), lstm.initial_state(2), lambda hidden, time: hidden.tanh()).shape
    torch.Size([2, 4, 3])
    """
    layers = _layers(lstm)
    word_columns, response_columns = layers[0].weight_ih.split([inputs.shape[-1], lstm.width], 1)
    words = F.linear(inputs, word_columns, layers[0].bias_ih + layers[0].bias_hh)  # (B, T, 4 D)
    reads = [response_columns, *(layer.weight_ih for layer in layers[1:])]
    weights = [torch.cat([read, layer.weight_hh], 1) for read, layer in zip(reads, layers, strict=True)]  # (4 D, 2 D) each
    biases = [layer.bias_ih + layer.bias_hh for layer in layers[1:]]

    def advance(before: tuple[Tensor, ...], step: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, ...], Tensor]:
        """r and every layer's h and c, (B, D) each; the words' products (B, 4 D) and the time ()."""
        word, time = step
        below, *states = before
        following = []
        for number, weight in enumerate(weights):
            hidden, cell = states[2 * number : 2 * number + 2]
            if number > 0:
                below = dropout(below, lstm.dropout, lstm.training)
            products = F.linear(torch.cat([below, hidden], -1), weight)
            below, cell = _gated(products + (word if number == 0 else biases[number - 1]), cell)
            following += [below, cell]
        response = respond(below.unsqueeze(1), time.view(1, 1)).squeeze(1)
        return (response, *following), response.clone()  # a traced loop may not hand out its state itself

    hidden, cell = state
    carried = (torch.zeros_like(hidden[0]), *(part.clone() for layer in zip(hidden, cell, strict=True) for part in layer))
    times = torch.arange(inputs.shape[1], device=inputs.device)
    if torch.compiler.is_exporting():
        _, responses = scan(advance, carried, (words.transpose(0, 1), times))
        return responses.transpose(0, 1)
    responses = []
    for step in zip(words.unbind(1), times, strict=True):
        carried, response = advance(carried, step)
        responses.append(response)
    return torch.stack(responses, 1)


def fed_lstm_inside(lstm: LSTM, inputs: Tensor, state: tuple[Tensor, Tensor], respond: Respond) -> tuple[Tensor, Gates]:
    """`fed_lstm` as its equations stand: the responses, and the gates of each layer (B, T, D), "l0.input" and so on.

    Raises ValueError where the layers drop outputs at random, which no second computation can repeat.
    """
    if lstm.training and lstm.dropout and lstm.num_layers > 1:
        raise ValueError("The layer drops outputs at random between its layers: call eval() on the model first.")
    response = torch.zeros_like(state[0][0])
    states = [tuple(pair) for pair in zip(*state, strict=True)]
    responses, parts = [], []
    for number, word in enumerate(inputs.unbind(1)):
        below, gates = torch.cat([word, response], -1), Gates()
        for level, layer in enumerate(_layers(lstm)):
            products = F.linear(below, layer.weight_ih, layer.bias_ih)
            states[level], computed = lstm_gates(products, states[level], layer.weight_hh, layer.bias_hh)
            gates |= {f"l{level}.{name}": gate for name, gate in computed.items()}
            below = states[level][0]
        response = respond(below.unsqueeze(1), torch.tensor([[number]], device=inputs.device)).squeeze(1)
        responses.append(response)
        parts.append(gates)
    return torch.stack(responses, 1), {name: torch.stack([each[name] for each in parts], 1) for name in parts[0]}


def _gated(products: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """`gyebo.layers.steps.lstm_step` once both products are summed: (B, 4 D), c (B, D) -> h', c'."""
    input_gate, forget_gate, candidate, output_gate = products.chunk(4, -1)
    cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(candidate)
    return torch.sigmoid(output_gate) * torch.tanh(cell), cell
