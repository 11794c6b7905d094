"""Recurrent layers over padded batches: RNN, LSTM and both GRUs, stacked, in one direction or two.

Letters: B batch, T time, I input width, D width.  Parameters have the names, shapes, gate order, biases and initial
distribution of torch.nn.RNN, LSTM and GRU, so a state dict of one loads into the other.  The equations are in
`gyebo.layers.steps`, the loops over time in `gyebo.layers.scans`.

What differs from torch.nn: everything is batch-first; `lengths` does what packed sequences do; and `GRU` is that of the
paper's final version, whose reset gate works before the product.  torch.nn.GRU is `ResetAfterGRU`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.layers.dropout import dropout
from gyebo.layers.scans import gru_scan, gru_scan_reset_after, lstm_scan, rnn_scan
from gyebo.layers.sequence import last_real, real_positions
from gyebo.layers.steps import gru_step, gru_step_reset_after, lstm_step, rnn_step

__all__ = ["GRU", "LSTM", "RNN", "Recurrent", "ResetAfterGRU"]

State = TypeVar("State", Tensor, tuple[Tensor, Tensor])


class Recurrent(nn.Module, Generic[State]):
    """What `RNN`, `LSTM`, `GRU` and `ResetAfterGRU` share: parameters, stacking, directions, padding.

    input_width: I.  width: D, of each direction.  num_layers: each reads the outputs of the one below.
    bidirectional: a second scan reads backwards, outputs are (B, T, 2 D).  dropout: on the outputs between layers, in
    training only; a single layer has none.
    Raises ValueError where a width or num_layers is below 1, or dropout is not in [0, 1].
    """

    num_gates: ClassVar[int]

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, value in {"input_width": input_width, "width": width, "num_layers": num_layers}.items():
            if value < 1:
                raise ValueError(f"{name}={value}, but it must be at least 1.")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout={dropout}, but it is a probability: a number from 0 to 1 was expected.")
        self.input_width = input_width
        self.width = width
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.num_directions = 2 if bidirectional else 1
        self.dropout = dropout
        gates = self.num_gates * width
        for layer in range(num_layers):
            layer_input_width = input_width if layer == 0 else width * self.num_directions
            for suffix in self._suffixes(layer):
                self.register_parameter(f"weight_ih_{suffix}", nn.Parameter(torch.empty(gates, layer_input_width)))
                self.register_parameter(f"weight_hh_{suffix}", nn.Parameter(torch.empty(gates, width)))
                self.register_parameter(f"bias_ih_{suffix}", nn.Parameter(torch.empty(gates)))
                self.register_parameter(f"bias_hh_{suffix}", nn.Parameter(torch.empty(gates)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/sqrt(D), 1/sqrt(D)); the same seed gives the weights of torch.nn."""
        bound = 1 / math.sqrt(self.width)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        return (
            f"{self.input_width}, {self.width}, num_layers={self.num_layers}, "
            f"bidirectional={self.bidirectional}, dropout={self.dropout}"
        )

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """The state before the first step: zeros, (layers * directions, B, D)."""

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State]:
        """Read whole sequences.  inputs (B, T, I) -> outputs (B, T, directions * D), final state.

        lengths: (B,) int64, how many steps of each row are valid, from 1 to T; None where all are.  Outputs are 0 at
            padding, and whatever `inputs` holds there, NaN included, changes nothing.
        state: to begin with, zeros if None.  A state is (layers * directions, B, D), for `LSTM` a pair (h, c) of these,
            ordered layer 0 forward, layer 0 backward, layer 1 forward ...  The final one is that after the last valid
            step, and for the backward direction after step 0.
        Raises ValueError where a shape does not fit, or a length (checked on the CPU only) is not from 1 to T.
        """
        self._check(inputs, lengths)
        if lengths is not None:
            lengths = lengths.to(inputs.device)
            inputs = inputs.masked_fill(~real_positions(lengths, inputs.shape[1])[..., None], 0)
        outputs, finals = inputs, []
        for layer in range(self.num_layers):
            if layer > 0:
                outputs = dropout(outputs, self.dropout, self.training)
            outputs, final = self._run_layer(layer, outputs, lengths, state)
            finals += final
        return outputs, self._stack(finals)

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one more step.  inputs (B, I) -> output (B, D), new state; the same as `forward` over all steps so far.

        Raises ValueError on a bidirectional layer, whose backward direction begins at the end of the sequence.
        """
        if self.bidirectional:
            raise ValueError(
                f"This {type(self).__name__} is bidirectional: it needs the whole sequence and cannot go step by step. "
                "Call it on the sequence, or build it with bidirectional=False."
            )
        output, finals = inputs, []
        for layer in range(self.num_layers):
            if layer > 0:
                output = dropout(output, self.dropout, self.training)
            weight_ih, weight_hh, bias_ih, bias_hh = self._weights(layer, 0)
            products = F.linear(output, weight_ih, bias_ih)
            output, final = self._step(products, self._state_of(state, layer), weight_hh, bias_hh)
            finals.append(final)
        return output, self._stack(finals)

    @abstractmethod
    def _scan(
        self,
        input_products: Tensor,
        state: State,
        weight_hh: Tensor,
        bias_hh: Tensor,
        lengths: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, State]:
        """One of `gyebo.layers.scans`."""

    @abstractmethod
    def _step(self, input_products: Tensor, state: State, weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
        """One of `gyebo.layers.steps`: the output (B, D) and the new state."""

    @abstractmethod
    def _state_of(self, state: State, index: int) -> State:
        """The state of one scan, (B, D), out of those of all scans."""

    @abstractmethod
    def _stack(self, states: Sequence[State]) -> State:
        """The states of all scans, out of those of each."""

    def _run_layer(self, layer: int, inputs: Tensor, lengths: Tensor | None, state: State | None) -> tuple[Tensor, list[State]]:
        """One layer over (B, T, its input width): the outputs, directions side by side, and their final states."""
        states = self.initial_state(inputs.shape[0]) if state is None else state
        time_major = inputs.transpose(0, 1).contiguous()  # the scans read one step after the other: (T, B, I)
        outputs, finals = [], []
        for direction in range(self.num_directions):
            weight_ih, weight_hh, bias_ih, bias_hh = self._weights(layer, direction)
            products = F.linear(time_major, weight_ih, bias_ih).transpose(0, 1)  # (B, T, gates * D)
            begin = self._state_of(states, layer * self.num_directions + direction)
            output, final = self._scan(products, begin, weight_hh, bias_hh, lengths, direction == 1)
            outputs.append(output)
            finals.append(final)
        return (torch.cat(outputs, -1) if self.bidirectional else outputs[0]), finals

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"][: self.num_directions]

    def _weights(self, layer: int, direction: int) -> list[Tensor]:
        suffix = self._suffixes(layer)[direction]
        return [getattr(self, f"{name}_{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def _check(self, inputs: Tensor, lengths: Tensor | None) -> None:
        if inputs.ndim != 3 or inputs.shape[2] != self.input_width:
            raise ValueError(f"inputs have the shape {tuple(inputs.shape)}, but (batch, time, {self.input_width}) was expected.")
        if lengths is None:
            return
        if lengths.shape != inputs.shape[:1]:
            raise ValueError(
                f"lengths have the shape {tuple(lengths.shape)}, but one length for each of the {inputs.shape[0]} rows "
                "was expected."
            )
        # On an accelerator, or while tracing, looking at the values would wait for the device or fix them in the graph.
        if lengths.device.type == "cpu" and not torch.compiler.is_compiling():
            shortest, longest = (int(bound) for bound in lengths.aminmax())
            if shortest < 1 or longest > inputs.shape[1]:
                raise ValueError(
                    f"lengths go from {shortest} to {longest}, but inputs have {inputs.shape[1]} steps: "
                    f"lengths from 1 to {inputs.shape[1]} were expected."
                )


class _HiddenState(Recurrent[Tensor]):
    """A layer whose state is its output h: an equation, and the same equation over time."""

    equation: ClassVar[Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]]
    scan: ClassVar[Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None, bool], tuple[Tensor, Tensor]]]

    def initial_state(self, batch_size: int) -> Tensor:
        weight = self._weights(0, 0)[1]
        return weight.new_zeros(self.num_layers * self.num_directions, batch_size, self.width)

    def _scan(
        self,
        input_products: Tensor,
        state: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
        lengths: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, Tensor]:
        return type(self).scan(input_products, state, weight_hh, bias_hh, lengths, reverse)

    def _step(self, input_products: Tensor, state: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, Tensor]:
        hidden = type(self).equation(input_products, state, weight_hh, bias_hh)
        return hidden, hidden

    def _state_of(self, state: Tensor, index: int) -> Tensor:
        return state[index]

    def _stack(self, states: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(states))


class RNN(_HiddenState):
    """Elman 1990, equations in `rnn_step`: h' = tanh(W x + b + U h + c).  As torch.nn.RNN.

    >>> outputs, state = RNN(5, 8, bidirectional=True)(torch.randn(2, 7, 5), lengths=torch.tensor([7, 4]))
    >>> outputs.shape, state.shape
    (torch.Size([2, 7, 16]), torch.Size([2, 2, 8]))
    """

    num_gates = 1
    equation = staticmethod(rnn_step)
    scan = staticmethod(rnn_scan)


class GRU(_HiddenState):
    """Cho et al. 2014 (arXiv:1406.1078v3), equations 5-8, in `gru_step`: the reset gate works before the product.

    The parameters are those of torch.nn.GRU, the outputs are not: see `ResetAfterGRU`.

    >>> layer = GRU(5, 8)
    >>> outputs, state = layer(torch.randn(2, 7, 5))
    >>> output, state = layer.step(torch.randn(2, 5), state)
    >>> output.shape, state.shape
    (torch.Size([2, 8]), torch.Size([1, 2, 8]))
    """

    num_gates = 3
    equation = staticmethod(gru_step)
    scan = staticmethod(gru_scan)


class ResetAfterGRU(_HiddenState):
    """The first version of Cho et al. 2014, in `gru_step_reset_after`: as torch.nn.GRU and cuDNN.

    >>> outputs, state = ResetAfterGRU(5, 8, num_layers=2)(torch.randn(2, 7, 5))
    >>> outputs.shape, state.shape
    (torch.Size([2, 7, 8]), torch.Size([2, 2, 8]))
    """

    num_gates = 3
    equation = staticmethod(gru_step_reset_after)
    scan = staticmethod(gru_scan_reset_after)


class LSTM(Recurrent[tuple[Tensor, Tensor]]):
    """Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, in `lstm_step`.  As torch.nn.LSTM.

    >>> outputs, (hidden, cell) = LSTM(5, 8)(torch.randn(2, 7, 5), lengths=torch.tensor([7, 4]))
    >>> outputs.shape, hidden.shape, cell.shape
    (torch.Size([2, 7, 8]), torch.Size([1, 2, 8]), torch.Size([1, 2, 8]))
    """

    num_gates = 4

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        zeros = self._weights(0, 0)[1].new_zeros(self.num_layers * self.num_directions, batch_size, self.width)
        return zeros, zeros

    def _scan(
        self,
        input_products: Tensor,
        state: tuple[Tensor, Tensor],
        weight_hh: Tensor,
        bias_hh: Tensor,
        lengths: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return lstm_scan(input_products, state, weight_hh, bias_hh, lengths, reverse)

    def _step(
        self, input_products: Tensor, state: tuple[Tensor, Tensor], weight_hh: Tensor, bias_hh: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, cell = lstm_step(input_products, state, weight_hh, bias_hh)
        return hidden, (hidden, cell)

    def _state_of(self, state: tuple[Tensor, Tensor], index: int) -> tuple[Tensor, Tensor]:
        return state[0][index], state[1][index]

    def _stack(self, states: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        return torch.stack([hidden for hidden, _ in states]), torch.stack([cell for _, cell in states])

    def _run_layer(
        self, layer: int, inputs: Tensor, lengths: Tensor | None, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        # The backward direction meets the padding first: the fused kernel holds zeros through it, but not a given h.
        begins_in_padding = lengths is not None and self.bidirectional and state is not None
        if begins_in_padding or not (_kernel_can_be_traced(inputs) and _kernel_is_there(inputs)):
            return super()._run_layer(layer, inputs, lengths, state)
        first, end = layer * self.num_directions, (layer + 1) * self.num_directions
        hidden, cell = (part[first:end] for part in (state or self.initial_state(inputs.shape[0])))
        weights = [self._weights(layer, direction) for direction in range(self.num_directions)]
        outputs, hidden, cell = fused_lstm(inputs, (hidden, cell), weights, lengths)
        return outputs, list(zip(hidden, cell, strict=True))


def _kernel_can_be_traced(inputs: Tensor) -> bool:
    """torch.export would fix the fused kernel's number of steps, and torch.compile fails on it under autocast."""
    autocast = torch.is_autocast_enabled(inputs.device.type)
    return not torch.compiler.is_exporting() and not (torch.compiler.is_compiling() and autocast)


def _kernel_is_there(inputs: Tensor) -> bool:
    """oneDNN has no LSTM in bfloat16 for processors without AVX-512, and fails where it is asked for one."""
    device = inputs.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else inputs.dtype
    return device != "cpu" or dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def fused_lstm(
    inputs: Tensor, state: tuple[Tensor, Tensor], weights: Sequence[Sequence[Tensor]], lengths: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer through the fused kernel of torch: oneDNN on the CPU, cuDNN on CUDA.

    inputs (B, T, I), zero at padding.  state (h, c), (directions, B, D) each.  weights: for each direction weight_ih,
    weight_hh, bias_ih, bias_hh.  Returns outputs (B, T, directions * D), final h and c (directions, B, D).

    The kernels take lengths only as packed sequences, which they do not fuse on the CPU.  Instead the inputs get one more
    feature, 1 at padding, whose weights shut the input gate and open the forget gate: the cell is held to the end, and the
    backward direction arrives at the last valid step with the zeros that it began with.
    """
    bidirectional = len(weights) == 2
    width = state[0].shape[-1]
    flat = [tensor for direction in weights for tensor in direction]
    padding = None
    if lengths is not None:
        padding = ~real_positions(lengths, inputs.shape[1])[..., None]  # (B, T, 1)
        inputs = torch.cat([inputs, padding.to(inputs.dtype)], -1)
        hold = flat[0].new_zeros(4 * width, 1)
        hold[:width], hold[width : 2 * width] = -SATURATED, SATURATED
        for index in range(0, len(flat), 4):
            flat[index] = torch.cat([flat[index], hold], -1)
    outputs, hidden, cell = torch.lstm(
        inputs,
        state,
        flat,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),  # what the kernel keeps for the backward pass: wanted in eval mode too
        bidirectional=bidirectional,
        batch_first=True,
    )
    if lengths is not None and padding is not None:
        last = last_real(outputs[..., :width], lengths)  # the kernel's own h went on through the padding
        hidden = torch.cat([last[None], hidden[1:]])
        outputs = outputs.masked_fill(padding, 0)
    return outputs, hidden, cell


SATURATED = 1e4  # sigmoid(+-1e4) is 1 and 0 in every dtype, and 1e4 is finite in each
