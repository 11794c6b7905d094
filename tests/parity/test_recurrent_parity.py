"""RNN, LSTM and GRU against torch.nn, an independent implementation, with the weights of one loaded into the other."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gyebo.layers import GRU, LSTM, RNN, ResetAfterGRU, gru_step_reset_after, lstm_step, rnn_step

INPUT_WIDTH, WIDTH, NUM_STEPS = 5, 7, 6
LENGTHS = torch.tensor([3, 6, 1, 5])
PAIRS = {"rnn": (RNN, nn.RNN), "lstm": (LSTM, nn.LSTM), "gru": (ResetAfterGRU, nn.GRU)}
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}  # the same sums in another order


def leaves(value):
    return [value] if isinstance(value, torch.Tensor) else [leaf for part in value for leaf in leaves(part)]


def weighted_sum(tensors):
    """A loss in which every number has a weight of its own."""
    return sum((tensor * torch.linspace(-1, 2, tensor.numel()).to(tensor).view_as(tensor)).sum() for tensor in tensors)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float32", "float64"])
@pytest.mark.parametrize("with_state", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize("packed", [False, True], ids=["whole", "packed"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("name", PAIRS)
def test_layer_equals_torch(name, num_layers, bidirectional, packed, with_state, dtype):
    torch.manual_seed(0)
    ours_type, torch_type = PAIRS[name]
    ours = ours_type(INPUT_WIDTH, WIDTH, num_layers=num_layers, bidirectional=bidirectional).to(dtype)
    reference = torch_type(INPUT_WIDTH, WIDTH, num_layers, bidirectional=bidirectional, batch_first=True).to(dtype)
    reference.load_state_dict(ours.state_dict())

    def run(layer):
        torch.manual_seed(1)
        inputs = torch.randn(len(LENGTHS), NUM_STEPS, INPUT_WIDTH, dtype=dtype, requires_grad=True)
        shape = num_layers * (1 + bidirectional), len(LENGTHS), WIDTH
        parts = [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(2 if name == "lstm" else 1)]
        state = None if not with_state else tuple(parts) if name == "lstm" else parts[0]
        if layer is ours:
            outputs, final = layer(inputs, LENGTHS if packed else None, state)
        elif packed:
            sequence = pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False)
            outputs, final = layer(sequence, state)
            outputs = pad_packed_sequence(outputs, batch_first=True)[0]
        else:
            outputs, final = layer(inputs, state)
        results = [outputs, *leaves(final)]
        wanted = [inputs, *(parts if with_state else []), *layer.parameters()]
        return results, torch.autograd.grad(weighted_sum(results), wanted)

    (results, gradients), (expected, expected_gradients) = run(ours), run(reference)
    tolerance = TOLERANCES[dtype]
    torch.testing.assert_close(results, expected, rtol=tolerance, atol=tolerance)
    for mine, theirs in zip(gradients, expected_gradients, strict=True):
        scale = float(theirs.abs().max())  # gradients are sums over steps and rows: measure them by their largest entry
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance * max(1.0, scale))


@pytest.mark.parametrize("name", PAIRS)
def test_state_dict_and_first_weights_equal_torch(name):
    ours_type, torch_type = PAIRS[name]
    torch.manual_seed(3)
    ours = ours_type(INPUT_WIDTH, WIDTH, num_layers=2, bidirectional=True).state_dict()
    torch.manual_seed(3)
    reference = torch_type(INPUT_WIDTH, WIDTH, 2, bidirectional=True).state_dict()
    assert list(ours) == list(reference)
    assert all(torch.equal(ours[key], reference[key]) for key in reference)


@pytest.mark.parametrize(
    ("step", "cell_type"),
    [(rnn_step, nn.RNNCell), (lstm_step, nn.LSTMCell), (gru_step_reset_after, nn.GRUCell)],
    ids=["rnn", "lstm", "gru"],
)
def test_step_equals_torch_cell(step, cell_type):
    torch.manual_seed(0)
    cell = cell_type(INPUT_WIDTH, WIDTH).double()
    inputs = torch.randn(3, INPUT_WIDTH, dtype=torch.float64)
    parts = tuple(torch.randn(3, WIDTH, dtype=torch.float64) for _ in range(2))
    state = parts if step is lstm_step else parts[0]
    products = nn.functional.linear(inputs, cell.weight_ih, cell.bias_ih)
    ours = step(products, state, cell.weight_hh, cell.bias_hh)
    torch.testing.assert_close(ours, cell(inputs, state), rtol=1e-10, atol=1e-10)


def naive_gru_sentence(inputs, weight_ih, weight_hh, bias_ih, bias_hh, hidden):
    """One sentence, one unit at a time in plain numbers: Cho et al. 2014 (v3), equations 5-8."""
    width = len(hidden)
    outputs = []
    for x in inputs:

        def affine(gate, unit, past, x=x):
            row = gate * width + unit
            return weight_ih[row] @ x + bias_ih[row] + weight_hh[row] @ past + bias_hh[row]

        reset = torch.stack([torch.sigmoid(affine(0, unit, hidden)) for unit in range(width)])
        update = torch.stack([torch.sigmoid(affine(1, unit, hidden)) for unit in range(width)])
        candidate = torch.stack([torch.tanh(affine(2, unit, reset * hidden)) for unit in range(width)])
        hidden = torch.stack([update[j] * hidden[j] + (1 - update[j]) * candidate[j] for j in range(width)])
        outputs.append(hidden)
    return torch.stack(outputs), hidden


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_gru_equals_the_equations_sentence_by_sentence(num_layers, bidirectional):
    torch.manual_seed(0)
    layer = GRU(INPUT_WIDTH, WIDTH, num_layers=num_layers, bidirectional=bidirectional).double()
    inputs = torch.randn(len(LENGTHS), NUM_STEPS, INPUT_WIDTH, dtype=torch.float64, requires_grad=True)
    begin = torch.randn(num_layers * (1 + bidirectional), len(LENGTHS), WIDTH, dtype=torch.float64, requires_grad=True)
    outputs, final = layer(inputs, LENGTHS, begin)

    rows, finals = [], []
    for row, length in enumerate(LENGTHS.tolist()):
        sentence, row_finals = inputs[row, :length], []
        for number in range(num_layers):
            directions = []
            for direction in range(1 + bidirectional):
                suffix = f"l{number}" + "_reverse" * direction
                weights = [getattr(layer, f"{key}_{suffix}") for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
                ordered = sentence.flip(0) if direction else sentence
                hidden = begin[number * (1 + bidirectional) + direction, row]
                states, last = naive_gru_sentence(ordered, *weights, hidden)
                directions.append(states.flip(0) if direction else states)
                row_finals.append(last)
            sentence = torch.cat(directions, -1)
        rows.append(nn.functional.pad(sentence, (0, 0, 0, NUM_STEPS - length)))
        finals.append(torch.stack(row_finals))
    expected = [torch.stack(rows), torch.stack(finals, 1)]

    torch.testing.assert_close([outputs, final], expected, rtol=1e-10, atol=1e-10)
    wanted = [inputs, begin, *layer.parameters()]
    ours = torch.autograd.grad(weighted_sum([outputs, final]), wanted)
    theirs = torch.autograd.grad(weighted_sum(expected), wanted)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-9)
