"""Recurrent layers unrolled: every step as its equation stands in the paper, with each gate and each state kept.

The layers compute with fused scans, which keep no gate and no state that autograd could see.  Here the same steps run one by
one, slowly and in the open: for looking inside, and for gradients with respect to the state of every step.

Letters: B batch, T time, D width.  A state is a tuple, (h,) or for the LSTM (h, c).  Papers: see `gyebo.layers.steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from gyebo.layers.recurrent import GRU, LSTM, RNN, Recurrent, ResetAfterGRU
from gyebo.layers.sequence import real_positions

__all__ = [
    "Gates",
    "Unrolled",
    "UnrolledScan",
    "gru_gates",
    "gru_gates_reset_after",
    "lstm_gates",
    "rnn_gates",
    "unroll",
    "unroll_scan",
]

Gates: TypeAlias = dict[str, Tensor]
"""What one step computes on its way, by name, (B, D) each; "hidden" is the new h."""

StepState: TypeAlias = tuple[Tensor, ...]
GatedStep: TypeAlias = Callable[[Tensor, StepState, Tensor, Tensor], tuple[StepState, Gates]]


def rnn_gates(products: Tensor, state: StepState, weight_hh: Tensor, bias_hh: Tensor) -> tuple[StepState, Gates]:
    """`gyebo.layers.steps.rnn_step`, which has no gates: the state alone.

    >>> state, gates = rnn_gates(torch.ones(1, 1), (torch.zeros(1, 1),), torch.eye(1), torch.zeros(1))
    >>> gates
    {'hidden': tensor([[0.7616]])}
    """
    hidden = torch.tanh(products + state[0] @ weight_hh.t() + bias_hh)
    return (hidden,), {"hidden": hidden}


def gru_gates(products: Tensor, state: StepState, weight_hh: Tensor, bias_hh: Tensor) -> tuple[StepState, Gates]:
    """`gyebo.layers.steps.gru_step` with its reset gate r, update gate z and candidate n.

    >>> state, gates = gru_gates(torch.zeros(1, 3), (torch.ones(1, 1),), torch.zeros(3, 1), torch.zeros(3))
    >>> {name: gate.item() for name, gate in gates.items()}
    {'reset': 0.5, 'update': 0.5, 'candidate': 0.0, 'hidden': 0.5}
    """
    (hidden,) = state
    width = hidden.shape[-1]
    from_input_r, from_input_z, from_input_n = products.chunk(3, -1)
    weight_r, weight_z, weight_n = weight_hh.split(width)
    bias_r, bias_z, bias_n = bias_hh.chunk(3, -1)
    reset = torch.sigmoid(from_input_r + hidden @ weight_r.t() + bias_r)
    update = torch.sigmoid(from_input_z + hidden @ weight_z.t() + bias_z)
    candidate = torch.tanh(from_input_n + (reset * hidden) @ weight_n.t() + bias_n)
    return _gru_state(reset, update, candidate, hidden)


def gru_gates_reset_after(products: Tensor, state: StepState, weight_hh: Tensor, bias_hh: Tensor) -> tuple[StepState, Gates]:
    """`gyebo.layers.steps.gru_step_reset_after` with its reset gate r, update gate z and candidate n."""
    (hidden,) = state
    from_input_r, from_input_z, from_input_n = products.chunk(3, -1)
    from_state_r, from_state_z, from_state_n = (hidden @ weight_hh.t() + bias_hh).chunk(3, -1)
    reset = torch.sigmoid(from_input_r + from_state_r)
    update = torch.sigmoid(from_input_z + from_state_z)
    candidate = torch.tanh(from_input_n + reset * from_state_n)
    return _gru_state(reset, update, candidate, hidden)


def _gru_state(reset: Tensor, update: Tensor, candidate: Tensor, hidden: Tensor) -> tuple[StepState, Gates]:
    following = update * hidden + (1 - update) * candidate
    return (following,), {"reset": reset, "update": update, "candidate": candidate, "hidden": following}


def lstm_gates(products: Tensor, state: StepState, weight_hh: Tensor, bias_hh: Tensor) -> tuple[StepState, Gates]:
    """`gyebo.layers.steps.lstm_step` with its input, forget and output gates, its candidate g and its cell c.

    >>> state = torch.zeros(1, 1), torch.ones(1, 1)
    >>> state, gates = lstm_gates(torch.zeros(1, 4), state, torch.zeros(4, 1), torch.zeros(4))
    >>> gates["forget"].item(), gates["cell"].item()
    (0.5, 0.5)
    """
    hidden, cell = state
    sums = (products + hidden @ weight_hh.t() + bias_hh).chunk(4, -1)
    input_gate, forget_gate, output_gate = (torch.sigmoid(sums[index]) for index in (0, 1, 3))
    candidate = torch.tanh(sums[2])
    cell = forget_gate * cell + input_gate * candidate
    hidden = output_gate * torch.tanh(cell)
    gates = {"input": input_gate, "forget": forget_gate, "candidate": candidate, "output": output_gate}
    return (hidden, cell), gates | {"cell": cell, "hidden": hidden}


@dataclass(frozen=True)
class UnrolledScan:
    """One layer in one direction.

    outputs: (B, T, D), 0 at padding.  states: that after reading step t at place t, whichever way time runs.
    final: the state after the last step read.  gates: by name, (B, T, D), 0 at padding.
    """

    outputs: Tensor
    states: list[StepState]
    final: StepState
    gates: Gates


def unroll_scan(
    step: GatedStep,
    products: Tensor,
    state: StepState,
    weight_hh: Tensor,
    bias_hh: Tensor,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> UnrolledScan:
    """A scan of `gyebo.layers.scans`, with the same arguments, step by step.  products (B, T, gates * D).

    >>> scan = unroll_scan(rnn_gates, torch.ones(1, 2, 1), (torch.zeros(1, 1),), torch.eye(1), torch.zeros(1))
    >>> scan.outputs.flatten()
    tensor([0.7616, 0.9427])
    """
    num_steps = products.shape[1]
    real = None if lengths is None else real_positions(lengths, num_steps)[..., None]  # (B, T, 1)
    if real is not None:
        products = products.masked_fill(~real, 0)
    states: list[StepState] = [state] * num_steps
    gates: list[Gates] = [{}] * num_steps
    for time in reversed(range(num_steps)) if reverse else range(num_steps):
        following, gates[time] = step(products[:, time], state, weight_hh, bias_hh)
        if real is not None:
            held = zip(following, state, strict=True)
            following = tuple(torch.where(real[:, time], new, old) for new, old in held)
        states[time] = state = following
    outputs = torch.stack([hidden for hidden, *_ in states], 1)
    over_time = {name: torch.stack([each[name] for each in gates], 1) for name in gates[0]}
    if real is not None:
        outputs = outputs.masked_fill(~real, 0)
        over_time = {name: gate.masked_fill(~real, 0) for name, gate in over_time.items()}
    return UnrolledScan(outputs, states, state, over_time)


@dataclass(frozen=True)
class Unrolled:
    """A whole layer: what its `forward` returns, and each of its scans by the suffix of its weights.

    outputs: (B, T, directions * D).  state: the final one, as the layer returns it.
    scans: "l0" is the first layer forward, "l0_reverse" backward, "l1" the one above.
    """

    outputs: Tensor
    state: Any
    scans: Mapping[str, UnrolledScan]


STEPS: dict[type[Recurrent[Any]], GatedStep] = {
    RNN: rnn_gates,
    GRU: gru_gates,
    ResetAfterGRU: gru_gates_reset_after,
    LSTM: lstm_gates,
}


def unroll(layer: Recurrent[Any], inputs: Tensor, lengths: Tensor | None = None, state: Any = None) -> Unrolled:
    """A recurrent layer, with the arguments of its `forward`, step by step.

    Raises ValueError where the layer drops outputs at random, which no second computation can repeat.

    >>> layer = GRU(3, 5, bidirectional=True)
    >>> inside = unroll(layer, torch.randn(2, 4, 3))
    >>> inside.scans["l0_reverse"].gates["update"].shape
    torch.Size([2, 4, 5])
    """
    if layer.training and layer.dropout and layer.num_layers > 1:
        raise ValueError("The layer drops outputs at random between its layers: call eval() on the model first.")
    state = layer.initial_state(inputs.shape[0]) if state is None else state
    parts = state if isinstance(state, tuple) else (state,)  # each (layers * directions, B, D)
    if lengths is not None:
        inputs = inputs.masked_fill(~real_positions(lengths, inputs.shape[1])[..., None], 0)
    outputs, scans = inputs, dict[str, UnrolledScan]()
    for number in range(layer.num_layers):
        level = []
        for direction in range(layer.num_directions):
            suffix = f"l{number}_reverse" if direction else f"l{number}"
            weight_ih, weight_hh, bias_ih, bias_hh = (
                getattr(layer, f"{name}_{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            begin = tuple(part[len(scans)] for part in parts)
            products = F.linear(outputs, weight_ih, bias_ih)
            scans[suffix] = unroll_scan(STEPS[type(layer)], products, begin, weight_hh, bias_hh, lengths, bool(direction))
            level.append(scans[suffix].outputs)
        outputs = torch.cat(level, -1)
    finals = tuple(torch.stack(part) for part in zip(*(scan.final for scan in scans.values()), strict=True))
    return Unrolled(outputs, finals if isinstance(state, tuple) else finals[0], scans)
