"""The recorder: it changes nothing, leaves nothing behind, and shows only what reproduces the computation."""

from contextlib import nullcontext

import pytest
import torch
from tiny_runs import RECURRENT, TRANSLATORS
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook

from gyebo.genealogy import architecture, architecture_names, facts
from gyebo.layers import unrolled as steps
from gyebo.layers.inspection import Inspectable
from gyebo.layers.multi_head import MultiHeadAttention
from gyebo.layers.recurrent import GRU, LSTM, RNN, Recurrent, ResetAfterGRU
from gyebo.verification.subject import subject_of
from gyebo.verification.tokens import Inputs, TokenSubject
from gyebo.views import recorder
from gyebo.views.recorder import Call, RecordingError, record, unrolled

PRECISIONS = {"fp32": nullcontext, "bf16": lambda: torch.autocast("cpu", torch.bfloat16)}
LAYERS = (RNN, GRU, ResetAfterGRU, LSTM)
GATES = {
    RNN: ["hidden"],
    GRU: ["reset", "update", "candidate", "hidden"],
    ResetAfterGRU: ["reset", "update", "candidate", "hidden"],
    LSTM: ["input", "forget", "candidate", "output", "cell", "hidden"],
}


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.fixture(params=[name for name in architecture_names() if facts(name).task in ("translate", "language")])
def subject(request) -> TokenSubject:
    return subject_of(architecture(request.param))


def forward(subject: TokenSubject, model: nn.Module, inputs: Inputs, precision: str = "fp32") -> torch.Tensor:
    with torch.no_grad(), PRECISIONS[precision]():
        return model(*subject.arguments(inputs))


def opened(model: nn.Module, calls: dict[str, list[Call]]) -> list[tuple[nn.Module, Call]]:
    """The calls of modules that hide something."""
    found = [(model.get_submodule(path), call) for path, each in calls.items() for call in each]
    return [(module, call) for module, call in found if isinstance(module, Recurrent | Inspectable)]


def test_names_are_the_paths_of_the_modules_that_were_called(subject):
    model, inputs = subject.build(), subject.inputs([5, 3, 7])
    called = []
    hook = register_module_forward_hook(lambda module, arguments, output: called.append(module))
    try:
        forward(subject, model, inputs)
    finally:
        hook.remove()
    path_of = {module: path for path, module in model.named_modules()}
    _, calls = record(model, lambda: forward(subject, model, inputs))
    assert list(calls) == list(dict.fromkeys(path_of[module] for module in called))
    assert [len(each) for each in calls.values()] == [sum(path_of[module] == path for module in called) for path in calls]
    assert calls[""][0].output.shape == (3, 7, subject.vocabulary)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_recording_any_architecture_changes_no_bit_and_leaves_no_hook(subject, precision):
    model, inputs = subject.build(), subject.inputs([5, 3, 7])
    before = forward(subject, model, inputs, precision)
    recorded, calls = record(model, lambda: forward(subject, model, inputs, precision))
    assert torch.equal(recorded, before)
    assert torch.equal(calls[""][0].output, before)
    assert torch.equal(forward(subject, model, inputs, precision), before)
    assert hooks(model) == 0


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_kernels_hide_is_shown_for_any_architecture(subject, precision):
    """Under autocast too, although that has ended when it is computed again."""
    model, inputs = subject.build(), subject.inputs([5, 3, 23])
    _, calls = record(model, lambda: forward(subject, model, inputs, precision))
    found = opened(model, calls)
    assert found
    assert all(call.inside and all(part.isfinite().all() for part in call.inside.values()) for _, call in found)
    for module, call in found:
        if isinstance(module, MultiHeadAttention):
            weights = call.inside["weights"].float()  # (B, N, T, S)
            assert weights.shape[1] == module.num_heads
            torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]), atol=0.02, rtol=0)
        else:
            assert any(name.endswith("hidden") for name in call.inside)


def test_the_alignment_inside_is_the_one_of_decoding_step_by_step(subject):
    model, inputs = subject.build(), subject.inputs([5, 3, 7])
    with torch.no_grad():
        decoded = subject.decode(model, inputs)
    if "alignment" not in decoded:
        return
    _, calls = record(model, lambda: forward(subject, model, inputs))
    insides = [call.inside for each in calls.values() for call in each]
    [*_, last] = [inside.get("alignment", inside.get("weights")) for inside in insides if {"alignment", "weights"} & set(inside)]
    alignment = last.mean(1) if last.ndim == 4 else last  # of the last layer, the mean over its heads
    torch.testing.assert_close(alignment, decoded["alignment"], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_wrong_kernel_of_any_architecture_is_caught(subject, precision, monkeypatch):
    model, inputs = subject.build(), subject.inputs([5, 3, 7])
    _, calls = record(model, lambda: forward(subject, model, inputs))
    for kind in {type(module) for module, _ in opened(model, calls)}:
        with monkeypatch.context() as patch:
            patch.setattr(kind, "forward", wrong(kind.forward))
            with pytest.raises(
                RecordingError, match=rf"Output 1 of module '.*' \({kind.__name__}\), computed again by plain equations"
            ):
                record(model, lambda: forward(subject, model, inputs, precision))
        assert hooks(model) == 0


def wrong(right):
    """A forward that computes what is right, and then adds something to its first output."""

    def computed(self, *arguments, **named):
        output = right(self, *arguments, **named)
        return (output[0] + 0.25, *output[1:]) if isinstance(output, tuple) else output + 0.25

    return computed


@pytest.mark.parametrize("fault", ["scale", "mask", "heads"])
def test_an_attention_kernel_with_a_fault_of_its_own_is_caught(fault, monkeypatch):
    def faulty(query, key, value, attn_mask=None, **named):
        if fault == "scale":
            return right(query * 1.5, key, value, attn_mask, **named)
        if fault == "mask":
            return right(query, key, value)
        return right(query, key.flip(1), value, attn_mask, **named)

    subject, right = subject_of(architecture("transformer")), F.scaled_dot_product_attention
    model, inputs = subject.build(), subject.inputs([5, 3, 7])
    monkeypatch.setattr(F, "scaled_dot_product_attention", faulty)
    with pytest.raises(RecordingError, match=r"module 'encoder.0.attention' \(MultiHeadAttention\)"):
        record(model, lambda: forward(subject, model, inputs))


def test_units_that_round_another_way_in_bfloat16_are_no_fault_but_a_wrong_vector_is():
    first = torch.randn(2, 7, 400, generator=torch.Generator().manual_seed(0))
    second = first.clone()
    second[0, 3, 5] += 0.5  # one unit of many: its vector is nearly the same
    half = recorder._Precision("cpu", torch.bfloat16)
    recorder._check("it", second, first, half)
    with pytest.raises(RecordingError, match=r"differs by up to 0\.0\d+ of a vector's length .* at most 0\.0001 was expected"):
        recorder._check("it", second, first, recorder._Precision("cpu", None))
    second[0, 3] *= 1.1
    with pytest.raises(RecordingError, match=r"differs by up to 0\.1\d* of a vector's length .* at most 0\.05 was expected"):
        recorder._check("it", second, first, half)


def test_every_head_is_shown_as_the_equation_gives_it():
    torch.manual_seed(0)
    layer, sequence, memory = MultiHeadAttention(6, 3), torch.randn(2, 4, 6), torch.randn(2, 5, 6)
    _, calls = record(layer, lambda: layer(sequence, memory))
    query, key, _ = layer.projection.chunk(3)
    for head in range(3):
        rows = slice(2 * head, 2 * head + 2)
        scores = (sequence @ query[rows].T) @ (memory @ key[rows].T).transpose(1, 2) / 2**0.5
        torch.testing.assert_close(calls[""][0].inside["weights"][:, head], scores.softmax(-1))


def test_what_is_kept_is_what_was_given_back_whatever_happens_to_it_afterwards():
    class Overwrites(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, inputs):
            return self.inner(inputs).zero_()

    model = Overwrites()
    _, calls = record(model, lambda: model(torch.ones(1, 2)))
    torch.testing.assert_close(calls["inner"][0].output, model.inner(torch.ones(1, 2)).detach())


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


@pytest.mark.parametrize("name", RECURRENT)
def test_every_recurrence_of_a_translator_is_opened_and_reproduced(name):
    model, batch = translator(name)
    _, calls = record(model, lambda: model(*batch))
    [encoder], [decoder] = calls["encoder"], calls["decoder"]
    width = model.encoder.width
    assert encoder.inside["l0.hidden"].shape == (2, 4, width)
    assert any(part.shape == (2, 3, width) for part in decoder.inside.values())
    assert {"update", "forget"} & {part.removeprefix("l0.") for part in decoder.inside}


@pytest.mark.parametrize("name", TRANSLATORS)
def test_the_graph_of_a_recorded_result_is_whole(name):
    model, batch = translator(name)
    model(*batch).sum().backward()
    before = {path: parameter.grad for path, parameter in model.named_parameters()}
    model.zero_grad()
    recorded, _ = record(model, lambda: model(*batch))
    recorded.sum().backward()
    assert all(torch.equal(parameter.grad, before[path]) for path, parameter in model.named_parameters())


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
    if isinstance(model.encoder, Recurrent):
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
        recorder._check("it", torch.tensor([torch.nan]), torch.tensor([1.0]), recorder._Precision("cpu", None))
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
