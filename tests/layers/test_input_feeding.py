"""Fed LSTMs beside torch.nn.LSTM stepping over inputs with the response joined on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gyebo.layers.input_feeding import fed_lstm, fed_lstm_inside
from gyebo.layers.recurrent import LSTM

B, T, M, D = 2, 4, 5, 3


def respond(hidden: Tensor, time: Tensor) -> Tensor:
    return torch.tanh(2 * hidden + time.to(hidden.dtype) / 10)


def layer(num_layers: int, dropout: float = 0.0) -> LSTM:
    torch.manual_seed(0)
    return LSTM(M + D, D, num_layers=num_layers, dropout=dropout).double()


def begin(num_layers: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(B, T, M).double(), torch.randn(num_layers, B, D).double(), torch.randn(num_layers, B, D).double()


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_each_response_joins_the_next_input(num_layers):
    ours, (inputs, hidden, cell) = layer(num_layers), begin(num_layers)
    reference = torch.nn.LSTM(M + D, D, num_layers, batch_first=True).double()
    reference.load_state_dict(ours.state_dict())
    response, state, expected = torch.zeros(B, D).double(), (hidden, cell), []
    for time in range(T):
        top, state = reference(torch.cat([inputs[:, time], response], -1)[:, None], state)
        response = torch.tanh(2 * top[:, 0] + time / 10)
        expected.append(response)
    actual = fed_lstm(ours, inputs, (hidden, cell), respond)
    torch.testing.assert_close(actual, torch.stack(expected, 1), rtol=0, atol=1e-12)
    actual.square().sum().backward()
    torch.stack(expected, 1).square().sum().backward()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, reference.get_parameter(name).grad, rtol=0, atol=1e-10)


def test_inside_gives_the_same_and_the_gates_of_each_layer():
    ours, (inputs, hidden, cell) = layer(2), begin(2)
    outputs, gates = fed_lstm_inside(ours, inputs, (hidden, cell), respond)
    torch.testing.assert_close(outputs, fed_lstm(ours, inputs, (hidden, cell), respond), rtol=0, atol=1e-12)
    assert {name.split(".")[0] for name in gates} == {"l0", "l1"}
    assert all(gate.shape == (B, T, D) for gate in gates.values())
    torch.testing.assert_close(gates["l1.output"] * torch.tanh(gates["l1.cell"]), gates["l1.hidden"])


def test_dropout_falls_between_the_layers_in_training():
    ours, (inputs, hidden, cell) = layer(2, dropout=0.5), begin(2)
    assert torch.equal(fed_lstm(ours.eval(), inputs, (hidden, cell), respond), fed_lstm(layer(2), inputs, (hidden, cell), respond))
    ours.train()
    assert not torch.equal(fed_lstm(ours, inputs, (hidden, cell), respond), fed_lstm(ours, inputs, (hidden, cell), respond))
    with pytest.raises(ValueError, match=r"call eval\(\)"):
        fed_lstm_inside(ours, inputs, (hidden, cell), respond)
