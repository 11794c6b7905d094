"""Properties of the recurrent layers, over all four of them: padding, poison, steps, dropout, precision, tracing."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch.nn import functional as F

from gyebo.layers import (
    GRU,
    LSTM,
    RNN,
    ResetAfterGRU,
    gru_scan,
    gru_scan_reset_after,
    gru_step,
    gru_step_reset_after,
    lstm_scan,
    lstm_step,
    rnn_scan,
    rnn_step,
)

LAYERS = [RNN, LSTM, GRU, ResetAfterGRU]
SCANS = [
    (rnn_scan, rnn_step, 1),
    (gru_scan, gru_step, 3),
    (gru_scan_reset_after, gru_step_reset_after, 3),
    (lstm_scan, lstm_step, 4),
]
INPUT_WIDTH, WIDTH, NUM_STEPS = 5, 7, 6
LENGTHS = torch.tensor([3, 6, 1, 5])
PADDING = torch.arange(NUM_STEPS) >= LENGTHS[:, None]

every_layer = pytest.mark.parametrize("layer_type", LAYERS, ids=lambda layer_type: layer_type.__name__)
every_scan = pytest.mark.parametrize(("scan", "step", "num_gates"), SCANS, ids=[scan.__name__ for scan, _, _ in SCANS])
every_direction = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def leaves(value):
    return [value] if isinstance(value, torch.Tensor) else [leaf for part in value for leaf in leaves(part)]


def weighted_sum(tensors):
    """A loss in which every number has a weight of its own."""
    return sum((tensor * torch.linspace(-1, 2, tensor.numel()).to(tensor).view_as(tensor)).sum() for tensor in tensors)


def random_state(layer, batch_size):
    state = layer.initial_state(batch_size)
    return tuple(map(torch.randn_like, state)) if isinstance(state, tuple) else torch.randn_like(state)


def run_with_gradients(layer, inputs, lengths=None, state=None):
    """Outputs and final state, and the gradients of the inputs and of every parameter."""
    inputs = inputs.clone().requires_grad_()
    results = leaves(layer(inputs, lengths, state))
    return results, torch.autograd.grad(weighted_sum(results), [inputs, *layer.parameters()])


# Padding


@pytest.mark.parametrize("with_state", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e30])
@every_direction
@every_layer
def test_what_stands_at_padding_changes_no_bit(layer_type, bidirectional, poison, with_state):
    layer = layer_type(INPUT_WIDTH, WIDTH, num_layers=2, bidirectional=bidirectional)
    state = random_state(layer, len(LENGTHS)) if with_state else None
    inputs = torch.randn(len(LENGTHS), NUM_STEPS, INPUT_WIDTH)
    clean = run_with_gradients(layer, inputs, LENGTHS, state)
    poisoned = run_with_gradients(layer, inputs.masked_fill(PADDING[..., None], poison), LENGTHS, state)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(leaves(clean), leaves(poisoned), strict=True))
    assert all(tensor.isfinite().all() for tensor in leaves(poisoned))


@every_direction
@every_layer
def test_outputs_and_input_gradients_are_zero_at_padding(layer_type, bidirectional):
    layer = layer_type(INPUT_WIDTH, WIDTH, num_layers=2, bidirectional=bidirectional)
    (outputs, *_), (grad_inputs, *_) = run_with_gradients(layer, torch.randn(4, NUM_STEPS, INPUT_WIDTH), LENGTHS)
    assert (outputs[PADDING] == 0).all()
    assert (grad_inputs[PADDING] == 0).all()
    assert (outputs[~PADDING] != 0).all()


@pytest.mark.parametrize("with_state", [False, True], ids=["zeros", "state"])
@every_direction
@every_layer
def test_longer_padding_changes_nothing(layer_type, bidirectional, with_state):
    layer = layer_type(INPUT_WIDTH, WIDTH, num_layers=2, bidirectional=bidirectional).double()
    state = random_state(layer, len(LENGTHS)) if with_state else None
    inputs = torch.randn(len(LENGTHS), NUM_STEPS, INPUT_WIDTH, dtype=torch.float64)
    outputs, final = layer(inputs, LENGTHS, state)
    longer_outputs, longer_final = layer(F.pad(inputs, (0, 0, 0, 9)), LENGTHS, state)
    torch.testing.assert_close(longer_outputs[:, :NUM_STEPS], outputs, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(longer_final, final, rtol=1e-13, atol=1e-13)
    assert (longer_outputs[:, NUM_STEPS:] == 0).all()


@every_direction
@every_layer
def test_full_lengths_equal_no_lengths(layer_type, bidirectional):
    layer = layer_type(INPUT_WIDTH, WIDTH, num_layers=2, bidirectional=bidirectional).double()
    inputs = torch.randn(3, NUM_STEPS, INPUT_WIDTH, dtype=torch.float64)
    with_lengths = run_with_gradients(layer, inputs, torch.full((3,), NUM_STEPS))
    torch.testing.assert_close(with_lengths, run_with_gradients(layer, inputs), rtol=1e-12, atol=1e-12)


@every_scan
def test_scan_ignores_poisoned_products_at_padding(scan, step, num_gates):
    weight, bias = torch.randn(num_gates * WIDTH, WIDTH), torch.randn(num_gates * WIDTH)
    state = torch.randn(4, WIDTH) if step is not lstm_step else (torch.randn(4, WIDTH), torch.randn(4, WIDTH))
    clean = torch.randn(4, NUM_STEPS, num_gates * WIDTH)
    results = []
    for products in (clean, clean.masked_fill(PADDING[..., None], torch.nan)):
        products.requires_grad_()
        found = leaves(scan(products, state, weight, bias, LENGTHS, True))
        results.append([*found, *torch.autograd.grad(weighted_sum(found), [products])])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


# Equations


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("bias_rows", [(), (4,)], ids=["one bias", "a bias for each row"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@every_scan
def test_gradient_derived_by_hand(scan, step, num_gates, lengths, bias_rows, reverse):
    """Against finite differences, in double precision."""
    width = 2
    states = [torch.randn(4, width) for _ in range(2 if step is lstm_step else 1)]
    shapes = [(4, NUM_STEPS, num_gates * width), (num_gates * width, width), (*bias_rows, num_gates * width)]
    tensors = [tensor.double().requires_grad_() for tensor in (*states, *map(torch.randn, shapes))]

    def scanned(*tensors):
        *state, products, weight, bias = tensors
        return tuple(leaves(scan(products, tuple(state) if len(state) == 2 else state[0], weight, bias, lengths, reverse)))

    assert torch.autograd.gradcheck(scanned, tensors, fast_mode=False)


@every_scan
def test_scan_equals_its_step_under_autograd(scan, step, num_gates):
    weight, bias = torch.randn(num_gates * WIDTH, WIDTH), torch.randn(num_gates * WIDTH)
    products = torch.randn(2, NUM_STEPS, num_gates * WIDTH)
    tensors = [tensor.double().requires_grad_() for tensor in (products, weight, bias)]
    products, weight, bias = tensors
    begin = torch.randn(2, WIDTH, dtype=torch.float64)
    begin = (begin, begin) if step is lstm_step else begin

    state, stepped = begin, []
    for time in range(NUM_STEPS):
        state = step(products[:, time], state, weight, bias)
        stepped.append(leaves(state)[0])
    expected = [torch.stack(stepped, 1), *leaves(state)]
    results = leaves(scan(products, begin, weight, bias))
    torch.testing.assert_close(results, expected, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(weighted_sum(found), tensors) for found in (results, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-11)


def test_reset_before_differs_from_reset_after():
    before = GRU(INPUT_WIDTH, WIDTH)
    after = ResetAfterGRU(INPUT_WIDTH, WIDTH)
    after.load_state_dict(before.state_dict())
    inputs = torch.randn(2, NUM_STEPS, INPUT_WIDTH)
    difference = (before(inputs)[0] - after(inputs)[0]).abs()
    assert difference[:, 0].max() > 1e-4  # from the first step on, by the bias of the candidate
    assert difference.max() > 1e-3


@every_layer
def test_step_by_step_equals_whole_sequence(layer_type):
    layer = layer_type(INPUT_WIDTH, WIDTH, num_layers=3).double()
    inputs = torch.randn(2, NUM_STEPS, INPUT_WIDTH, dtype=torch.float64)
    begin = random_state(layer, 2)
    outputs, final = layer(inputs, state=begin)
    state, stepped = begin, []
    for time in range(NUM_STEPS):
        output, state = layer.step(inputs[:, time], state)
        stepped.append(output)
    torch.testing.assert_close(torch.stack(stepped, 1), outputs, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state, final, rtol=1e-12, atol=1e-12)


@every_layer
def test_two_halves_equal_the_whole(layer_type):
    layer = layer_type(INPUT_WIDTH, WIDTH, num_layers=2)
    inputs = torch.randn(2, NUM_STEPS, INPUT_WIDTH)
    outputs, final = layer(inputs)
    first, state = layer(inputs[:, :4])
    second, state = layer(inputs[:, 4:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), outputs)
    torch.testing.assert_close(state, final)


# As a module


@every_direction
@every_layer
def test_arguments_are_not_mutated(layer_type, bidirectional):
    layer = layer_type(INPUT_WIDTH, WIDTH, num_layers=2, bidirectional=bidirectional)
    inputs, state = torch.randn(4, NUM_STEPS, INPUT_WIDTH), random_state(layer, 4)
    before = [tensor.clone() for tensor in (inputs, *leaves(state), *layer.parameters())]
    weighted_sum(leaves(layer(inputs, LENGTHS, state))).backward()
    after = [inputs, *leaves(state), *layer.parameters()]
    assert all(torch.equal(left, right) for left, right in zip(before, after, strict=True))


@every_layer
def test_dropout_is_between_layers_and_in_training_only(layer_type):
    inputs = torch.randn(4, NUM_STEPS, INPUT_WIDTH)
    single = layer_type(INPUT_WIDTH, WIDTH, dropout=0.5)
    torch.testing.assert_close(single(inputs), single(inputs), rtol=0, atol=0)

    stacked = layer_type(INPUT_WIDTH, WIDTH, num_layers=2, dropout=0.5)
    first, second = stacked(inputs), stacked(inputs)
    assert not torch.equal(first[0], second[0])
    assert torch.equal(leaves(first[1])[0][0], leaves(second[1])[0][0])  # layer 0 reads its input whole
    assert (first[0] != 0).all()  # the outputs themselves are not dropped
    stacked.eval()
    torch.testing.assert_close(stacked(inputs), stacked(inputs), rtol=0, atol=0)

    everything_dropped = layer_type(INPUT_WIDTH, WIDTH, num_layers=2, dropout=1.0)
    outputs = [everything_dropped(inputs)[0], everything_dropped(torch.randn_like(inputs))[0]]
    assert torch.equal(*outputs)


@every_direction
@every_layer
def test_gradients_in_eval_mode_equal_those_in_training(layer_type, bidirectional):
    layer = layer_type(INPUT_WIDTH, WIDTH, bidirectional=bidirectional)
    inputs = torch.randn(4, NUM_STEPS, INPUT_WIDTH)
    training = run_with_gradients(layer, inputs, LENGTHS)
    torch.testing.assert_close(run_with_gradients(layer.eval(), inputs, LENGTHS), training, rtol=0, atol=0)
    with torch.no_grad():
        torch.testing.assert_close(leaves(layer(inputs, LENGTHS)), training[0])


@every_layer
def test_backward_twice_gives_the_same_gradients(layer_type):
    layer = layer_type(INPUT_WIDTH, WIDTH)
    loss = weighted_sum(leaves(layer(torch.randn(4, NUM_STEPS, INPUT_WIDTH), LENGTHS)))
    gradients = [torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True) for _ in range(2)]
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


@every_layer
def test_only_the_final_state_in_the_loss(layer_type):
    layer = layer_type(INPUT_WIDTH, WIDTH)
    _, final = layer(torch.randn(4, NUM_STEPS, INPUT_WIDTH), LENGTHS)
    weighted_sum(leaves(final)).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in layer.parameters())


@pytest.mark.parametrize("lengths", [None, torch.tensor([9, 12, 2, 12])], ids=["whole", "lengths"])
@every_direction
@every_layer
def test_bfloat16_autocast_is_near_float32(layer_type, bidirectional, lengths):
    layer = layer_type(16, 32, num_layers=2, bidirectional=bidirectional)
    inputs = torch.randn(4, 12, 16)
    exact, exact_gradients = run_with_gradients(layer, inputs, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, gradients = run_with_gradients(layer, inputs, lengths)
    assert rounded[0].dtype == torch.bfloat16
    # bfloat16 has 8 bits: each number is rounded by up to 0.4 %, and the errors of a few steps add up
    torch.testing.assert_close([tensor.float() for tensor in rounded], exact, rtol=0.03, atol=0.03)
    for ours, theirs in zip(gradients, exact_gradients, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 0.03 * theirs.norm()


@every_layer
def test_step_under_bfloat16_autocast_is_near_float32(layer_type):
    layer = layer_type(16, 32, num_layers=2)
    inputs, state = torch.randn(4, 16), layer.initial_state(4)
    exact = leaves(layer.step(inputs, state))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = leaves(layer.step(inputs, state))
    torch.testing.assert_close([tensor.float() for tensor in rounded], exact, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@every_direction
@every_layer
def test_compiled_equals_eager(layer_type, bidirectional, lengths):
    torch.compiler.reset()
    layer = layer_type(INPUT_WIDTH, WIDTH, bidirectional=bidirectional)
    inputs = torch.randn(4, NUM_STEPS, INPUT_WIDTH)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)  # no C++ compiler is needed
    eager = run_with_gradients(layer, inputs, lengths)
    torch.testing.assert_close(run_with_gradients(compiled, inputs, lengths), eager, rtol=1e-5, atol=1e-5)


@every_layer
def test_compiled_equals_eager_under_bfloat16_autocast(layer_type):
    torch.compiler.reset()
    layer = layer_type(INPUT_WIDTH, WIDTH)
    inputs = torch.randn(4, NUM_STEPS, INPUT_WIDTH)
    with torch.autocast("cpu", torch.bfloat16):
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)(inputs, LENGTHS)
        torch.testing.assert_close(leaves(compiled), leaves(layer(inputs, LENGTHS)), rtol=0.03, atol=0.03)


@every_direction
@every_layer
def test_exported_holds_for_other_sizes(layer_type, bidirectional):
    layer = layer_type(INPUT_WIDTH, WIDTH, bidirectional=bidirectional).eval()
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    traced = torch.randn(4, NUM_STEPS, INPUT_WIDTH), LENGTHS
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export imports parts of torch.jit, which are deprecated
        program = torch.export.export(layer, traced, dynamic_shapes=({0: batch, 1: time}, {0: batch}))
        inputs = torch.randn(3, 2 * NUM_STEPS, INPUT_WIDTH), torch.tensor([1, 2 * NUM_STEPS, 5])
        torch.testing.assert_close(program.module()(*inputs), layer(*inputs))


@pytest.mark.parametrize("layer_type", [LSTM, GRU], ids=["LSTM", "GRU"])  # the other two take the same path
def test_onnx_holds_for_other_sizes(layer_type, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    layer = layer_type(INPUT_WIDTH, WIDTH, bidirectional=True).eval()
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    traced = torch.randn(4, NUM_STEPS, INPUT_WIDTH), LENGTHS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the exporter's own dependencies
        program = torch.onnx.export(layer, traced, dynamo=True, dynamic_shapes=({0: batch, 1: time}, {0: batch}), verbose=False)
    program.save(tmp_path / "layer.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "layer.onnx")
    inputs = torch.randn(3, 2 * NUM_STEPS, INPUT_WIDTH), torch.tensor([1, 2 * NUM_STEPS, 5])
    feeds = zip((given.name for given in session.get_inputs()), (tensor.numpy() for tensor in inputs), strict=True)
    found = [torch.from_numpy(array) for array in session.run(None, dict(feeds))]
    torch.testing.assert_close(found, [tensor.detach() for tensor in leaves(layer(*inputs))], rtol=1e-5, atol=1e-5)


def test_builds_without_memory_on_the_meta_device():
    with torch.device("meta"):
        layer = LSTM(1000, 1000, num_layers=4)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 4 * (4 * 1000 * 2000 + 2 * 4000)


# Errors


@pytest.mark.parametrize(
    ("name", "value"), [("input_width", 0), ("width", -1), ("num_layers", 0), ("dropout", 1.5), ("dropout", -0.1)]
)
def test_impossible_sizes_are_refused(name, value):
    options = {"input_width": 3, "width": 4} | {name: value}
    with pytest.raises(ValueError, match=f"{name}={value}"):
        GRU(**options)


def test_inputs_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(batch, time, 5\)"):
        GRU(5, 7)(torch.zeros(2, 3, 4))


def test_lengths_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(3,\).*2 rows"):
        GRU(5, 7)(torch.zeros(2, 3, 5), torch.tensor([1, 2, 3]))


@pytest.mark.parametrize("lengths", [[0, 3], [1, 4]])
def test_lengths_out_of_range_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths from 1 to 3 were expected"):
        LSTM(5, 7)(torch.zeros(2, 3, 5), torch.tensor(lengths))


def test_bidirectional_layers_do_not_step():
    layer = RNN(5, 7, bidirectional=True)
    with pytest.raises(ValueError, match="bidirectional=False"):
        layer.step(torch.zeros(2, 5), layer.initial_state(2))
