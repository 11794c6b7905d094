"""The recorder: it changes nothing, leaves nothing behind, and shows only what reproduces the computation."""

import pytest
import torch
from tiny_runs import TRANSLATORS
from torch import nn

from gyebo.genealogy import architecture
from gyebo.layers import unrolled as steps
from gyebo.layers.recurrent import GRU, LSTM, RNN, ResetAfterGRU
from gyebo.views import recorder
from gyebo.views.recorder import RecordingError, record, unrolled

LAYERS = (RNN, GRU, ResetAfterGRU, LSTM)
GATES = {
    RNN: ["hidden"],
    GRU: ["reset", "update", "candidate", "hidden"],
    ResetAfterGRU: ["reset", "update", "candidate", "hidden"],
    LSTM: ["input", "forget", "candidate", "output", "cell", "hidden"],
}


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def translator(name: str) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    torch.manual_seed(3)
    entry = architecture(name)
    model = entry.model(entry.config(**entry.tiny)).eval()
    source = torch.tensor([[5, 6, 7, 3], [8, 3, 0, 0]])
    return model, (source, torch.tensor([4, 2]), torch.tensor([[2, 5, 6], [2, 7, 8]]))


@pytest.mark.parametrize("kind", LAYERS)
def test_gates_of_a_layer_reproduce_it_at_every_depth_direction_and_length(kind):
    layer = kind(3, 5, num_layers=2, bidirectional=True)
    inputs, lengths = torch.randn(4, 6, 3), torch.tensor([6, 1, 4, 6])
    state = layer.initial_state(4)
    state = tuple(torch.randn_like(part) for part in state) if isinstance(state, tuple) else torch.randn_like(state)
    for arguments in ((inputs,), (inputs, lengths), (inputs, lengths, state)):
        _, calls = record(layer, lambda arguments=arguments: layer(*arguments))
        [call] = calls[""]
        scans = ("l0", "l0_reverse", "l1", "l1_reverse")
        assert list(call.inside) == [f"{scan}.{gate}" for scan in scans for gate in GATES[kind]]
        assert all(gate.shape == (4, 6, 5) for gate in call.inside.values())
        torch.testing.assert_close(call.inside["l1.hidden"], call.output[0][..., :5])


def test_gates_are_shares_and_zero_at_padding():
    layer = GRU(3, 5)
    _, calls = record(layer, lambda: layer(torch.randn(2, 4, 3), lengths=torch.tensor([4, 2])))
    update = calls[""][0].inside["l0.update"]
    assert ((update[0] > 0) & (update[0] < 1)).all()
    assert (update[1, 2:] == 0).all()
    assert (update[1, :2] > 0).all()


def test_double_precision_is_held_to_more_digits():
    layer = LSTM(3, 5).double()
    _, calls = record(layer, lambda: layer(torch.randn(2, 40, 3, dtype=torch.float64)))
    assert calls[""][0].inside["l0.cell"].dtype == torch.float64


@pytest.mark.parametrize("name", TRANSLATORS)
def test_every_recurrence_of_a_translator_is_opened_and_reproduced(name):
    model, batch = translator(name)
    _, calls = record(model, lambda: model(*batch))
    [encoder], [decoder] = calls["encoder"], calls["decoder"]
    assert encoder.inside["l0.hidden"].shape == (2, 4, 8)
    assert any(part.shape == (2, 3, 8) for part in decoder.inside.values())
    assert {"update", "forget"} & {part.removeprefix("l0.") for part in decoder.inside}


def test_the_alignment_inside_a_decoder_is_the_one_of_decoding_step_by_step():
    model, (source, lengths, target) = translator("bahdanau")
    _, calls = record(model, lambda: model(source, lengths, target))
    alignment = calls["decoder"][0].inside["alignment"]
    memory = model.encode(source, lengths)
    state = model.start(memory)
    for place, token in enumerate(target.unbind(1)):
        _, state = model.step(token, state, memory)
        torch.testing.assert_close(alignment[:, place], state["alignment"])


@pytest.mark.parametrize("name", TRANSLATORS)
def test_recording_changes_no_bit_and_leaves_no_hook(name):
    model, batch = translator(name)
    before = model(*batch)
    recorded, _ = record(model, lambda: model(*batch))
    assert torch.equal(recorded, before)
    assert torch.equal(model(*batch), before)
    assert hooks(model) == 0
    recorded.sum().backward()  # the graph of the result is whole
    assert model.output.weight.grad is not None


def test_the_arguments_and_outputs_of_each_call_are_kept_in_order_without_their_graph():
    model = nn.Sequential(nn.Linear(2, 2))
    first, second = torch.ones(1, 2), torch.zeros(1, 2)
    _, calls = record(model, lambda: [model(first), model(second)])
    assert [call.arguments[0] is not None and call.arguments[0].sum().item() for call in calls["0"]] == [2, 0]
    assert not any(call.output.requires_grad for call in calls["0"])


@pytest.mark.parametrize("name", TRANSLATORS)
def test_hooks_are_gone_after_an_exception(name):
    model, batch = translator(name)

    def broken():
        model(*batch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(model, broken)
    assert hooks(model) == 0
    with pytest.raises(KeyboardInterrupt), unrolled(model.encoder):
        broken()
    assert hooks(model) == 0


@pytest.mark.parametrize("kind", LAYERS)
def test_a_wrong_recomputation_is_caught(kind, monkeypatch):
    def off(*arguments):
        state, gates = right(*arguments)
        return (state[0] + 1e-2, *state[1:]), gates

    right = steps.STEPS[kind]
    monkeypatch.setitem(steps.STEPS, kind, off)
    layer = kind(3, 5)
    with pytest.raises(RecordingError, match=r"Output 1 of module '' .* differs by up to .* fault of gyebo"):
        record(layer, lambda: layer(torch.randn(2, 4, 3)))
    with pytest.raises(RecordingError, match="unrolled layer"), unrolled(layer):
        layer(torch.randn(2, 4, 3))
    assert hooks(layer) == 0


def test_a_wrong_recomputation_of_a_module_of_its_own_is_caught():
    class Wrong(nn.Linear):
        def inside(self, inputs):
            return self(inputs)[:, :1], {}

    module = Wrong(2, 2)
    with pytest.raises(RecordingError, match="differs in shape"):
        record(module, lambda: module(torch.ones(1, 2)))


def test_not_a_number_is_never_taken_for_reproduced():
    layer = GRU(3, 5)
    with pytest.raises(RecordingError):
        recorder._check("it", torch.tensor([torch.nan]), torch.tensor([1.0]))
    assert hooks(layer) == 0


def test_a_stack_that_drops_at_random_cannot_be_opened():
    layer = GRU(3, 5, num_layers=2, dropout=0.5).train()
    with pytest.raises(ValueError, match=r"call eval\(\)"):
        record(layer, lambda: layer(torch.randn(2, 4, 3)))
    assert record(layer.eval(), lambda: layer(torch.randn(2, 4, 3)))[1]


@pytest.mark.parametrize("kind", LAYERS)
def test_unrolled_states_have_the_gradient_that_a_changed_state_shows(kind):
    """dL/dh_1 against reading the rest of the sentence from a state moved a little."""
    torch.manual_seed(5)
    layer, inputs = kind(3, 4).double(), torch.randn(1, 5, 3, dtype=torch.float64)

    def first(state):
        return state[0] if isinstance(state, tuple) else state

    with unrolled(layer) as scans:
        _, final = layer(inputs)
    [gradient] = torch.autograd.grad(first(final).sum(), scans["l0"].states[1][0])
    _, halfway = layer(inputs[:, :2])
    for unit in range(4):
        ends = []
        for sign in (1, -1):
            moved = first(halfway).detach().clone()
            moved[0, 0, unit] += sign * 1e-6
            state = (moved, halfway[1].detach()) if isinstance(halfway, tuple) else moved
            ends.append(first(layer(inputs[:, 2:], state=state)[1]).sum().item())
        assert gradient[0, unit].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-8)
