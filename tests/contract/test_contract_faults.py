"""Models broken on purpose: the contract must see each fault, by the property that is there for it, and by its own words."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gyebo.genealogy import architecture
from gyebo.models.attention.bahdanau import Bahdanau
from gyebo.models.recurrent.lstm import language_model
from gyebo.verification import fingerprint
from gyebo.verification.contract import check_property
from gyebo.verification.properties import graphs


class SeesTheFuture(Bahdanau):
    def features(self, source, source_lengths, target):
        return super().features(source, source_lengths, target.roll(-1, 1))


class ReadsPaddedTargets(Bahdanau):
    def features(self, source, source_lengths, target):
        features = super().features(source, source_lengths, target)
        return features + 0.1 * self.target_embedding(target).mean((1, 2), keepdim=True)


class ReadsPaddedSources(Bahdanau):
    def encode(self, source, source_lengths):
        memory = super().encode(source, source_lengths)
        return memory | {"real": torch.ones_like(memory["real"])}


class ReadsUnmaskedWords(Bahdanau):
    def encode(self, source, source_lengths):
        memory = super().encode(source, source_lengths)
        return memory | {"first": memory["first"] + self.source_embedding(source).mean((1, 2))[:, None]}


class MixesRows(Bahdanau):
    def features(self, source, source_lengths, target):
        features = super().features(source, source_lengths, target)
        return features - features.mean(0, keepdim=True)


class WritesIntoItsInput(Bahdanau):
    def encode(self, source, source_lengths):
        return super().encode(source.clamp_(max=5), source_lengths)


class WritesIntoItsState(Bahdanau):
    def step(self, tokens, state, memory):
        logits, following = super().step(tokens, state, memory)
        state["hidden"].copy_(following["hidden"])
        return logits, following


class HasAnUnusedParameter(Bahdanau):
    def __init__(self, config):
        super().__init__(config)
        self.forgotten = nn.Linear(3, 2)


class StepsWithTheStateAfter(Bahdanau):
    """The read-out sees s_i, where the full pass gives it s_{i-1}."""

    def step(self, tokens, state, memory):
        _, following = super().step(tokens, state, memory)
        logits, _ = super().step(tokens, state | {"hidden": following["hidden"]}, memory)
        return logits, following


class KeepsTheBatchBehind(Bahdanau):
    def start(self, memory):
        return {name: tensor.T for name, tensor in super().start(memory).items()}


class AlwaysDrops(Bahdanau):
    def __init__(self, config):
        super().__init__(config)
        self.dropout = nn.Dropout(0.5)

    def train(self, mode=True):
        super().train(mode)
        self.dropout.training = True
        return self


class NeverDrops(Bahdanau):
    def __init__(self, config):
        super().__init__(config)
        self.dropout = nn.Identity()


class RemembersTheLastCall(Bahdanau):
    calls = 0

    def features(self, source, source_lengths, target):
        self.calls += 1
        return super().features(source, source_lengths, target) * self.calls


class DividesByZero(Bahdanau):
    def features(self, source, source_lengths, target):
        return super().features(source, source_lengths, target) / (source_lengths - 1)[:, None, None]


class AnswersOnlyTheLast(Bahdanau):
    def forward(self, source, source_lengths, target):
        return super().forward(source, source_lengths, target)[:, -1]


class ScalesBehindTheFeatures(Bahdanau):
    def forward(self, source, source_lengths, target):
        return 2 * super().forward(source, source_lengths, target)


class TakesMemoryAtOnce(Bahdanau):
    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("table", torch.zeros(3, device="cpu"))


class UntiesWhenRead(Bahdanau):
    """Two names of one parameter, which come apart when weights are read."""

    def __init__(self, config):
        super().__init__(config)
        self.again = nn.Linear(config.width, config.width)
        self.again.weight = self.decoder.first_state.weight

    def load_state_dict(self, state_dict, strict=True, assign=False):
        read = super().load_state_dict(state_dict, strict, assign)
        self.again.weight = nn.Parameter(self.again.weight.detach().clone())
        return read


class RoundsToEighths(Bahdanau):
    """Under autocast, numbers are far coarser than bf16's."""

    def logits(self, features):
        logits = super().logits(features)
        return (logits * 2).round() / 2 if torch.is_autocast_enabled("cpu") else logits


class IsAnotherWhenCompiled(Bahdanau):
    def logits(self, features):
        return super().logits(features) * (2 if torch.compiler.is_compiling() else 1)


class CannotLearn(Bahdanau):
    def logits(self, features):
        return 0.01 * torch.tanh(super().logits(features))


FAULTS = [
    (SeesTheFuture, "future_is_not_seen", "bit for bit"),
    (ReadsPaddedTargets, "padded_places_are_not_read", "bit for bit"),
    (ReadsPaddedSources, "longer_padding_changes_nothing", "more padding"),
    (ReadsUnmaskedWords, "padded_places_are_not_read", "bit for bit"),
    (MixesRows, "rows_are_independent", "alone"),
    (WritesIntoItsInput, "inputs_are_left_alone", "written into"),
    (WritesIntoItsState, "states_are_left_alone", "written into"),
    (HasAnUnusedParameter, "gradient_reaches_every_parameter", "forgotten.weight, forgotten.bias"),
    (StepsWithTheStateAfter, "decoding_equals_the_full_pass", "logits of the steps"),
    (KeepsTheBatchBehind, "states_can_be_selected_by_row", "hidden has 8 rows, and not the 4 of the batch"),
    (AlwaysDrops, "evaluation_is_deterministic", "the same inputs again"),
    (AlwaysDrops, "dropout_works_in_training_only", "without dropout"),
    (NeverDrops, "dropout_works_in_training_only", "training mode are equal"),
    (RemembersTheLastCall, "evaluation_is_deterministic", "the same inputs again"),
    (DividesByZero, "numbers_are_finite", "the shortest row"),
    (AnswersOnlyTheLast, "shapes_follow_the_inputs", "expected"),
    (ScalesBehindTheFeatures, "forward_is_logits_of_features", "bit for bit"),
    (TakesMemoryAtOnce, "builds_on_the_meta_device", "table"),
    (UntiesWhenRead, "weights_round_trip_through_safetensors", "tied"),
    (RoundsToEighths, "bfloat16_is_near_float32", "under autocast"),
    (IsAnotherWhenCompiled, "compiled_equals_eager", "logits"),
    (IsAnotherWhenCompiled, "exported_equals_eager", "sizes (3, 9), (3,), (3, 7)"),
    (IsAnotherWhenCompiled, "onnx_equals_eager_at_other_sizes", "the logits of step 1"),
    (CannotLearn, "one_batch_can_be_learned", "after 300 steps"),
]


@pytest.mark.parametrize(("model", "check", "told"), FAULTS, ids=[f"{model.__name__}-{check}" for model, check, _ in FAULTS])
def test_fault_is_seen(model, check, told):
    record = check_property(replace(architecture("bahdanau"), model=model), check)
    assert record.outcome == "failed"
    assert told in record.detail


def test_language_model_that_sees_the_future_is_seen():
    def broken(config):
        model = language_model(config)
        model.recurrent.register_forward_hook(lambda _, __, output: (output[0].flip(1), output[1]))
        return model

    record = check_property(replace(architecture("lstm"), model=broken), "future_is_not_seen")
    assert record.outcome == "failed"


def test_option_that_is_not_json_is_seen():
    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int
        names: tuple[str, ...] = ()

    entry = replace(architecture("lstm"), config=Config, sizes={}, tiny={"width": 3, "names": ("a",)})
    assert check_property(entry, "config_round_trips_through_json").outcome == "passed"

    class Unequal(Config):
        __eq__ = object.__eq__
        __hash__ = object.__hash__

    record = check_property(replace(entry, config=Unequal), "config_round_trips_through_json")
    assert record.outcome == "failed"
    assert "came back as" in record.detail


def test_options_that_swallow_a_misspelling_are_seen():
    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int
        widht: int = 1  # what `width` becomes when its last letters change places

    record = check_property(replace(architecture("lstm"), config=Config, tiny={"width": 3}), "unknown_option_is_refused")
    assert record.outcome == "failed"
    assert "taken for an option" in record.detail


@pytest.fixture
def other_process():
    """Started anew: with the environment of this test, which no later test is to inherit."""
    fingerprint._other_process.cache_clear()
    yield
    fingerprint._other_process.cache_clear()


@pytest.mark.usefixtures("other_process")
def test_randomness_of_the_process_is_seen(tmp_path, monkeypatch):
    (tmp_path / "process_model.py").write_text(
        "import os\n"
        "from dataclasses import dataclass, replace\n"
        "import torch\n"
        "from gyebo.models.recurrent.lstm import ARCHITECTURE as LSTM, LSTMConfig, language_model\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Config(LSTMConfig): ...\n"
        "def model(config):\n"
        "    built = language_model(config)\n"
        "    torch.nn.init.constant_(built.output.bias, os.getpid() % 997)\n"
        "    return built\n"
        "ARCHITECTURE = replace(LSTM, config=Config, model=model)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    entry = importlib.import_module("process_model").ARCHITECTURE
    record = check_property(entry, "same_seed_same_bits_in_two_processes")
    assert record.outcome == "failed"
    assert "sha256" in record.detail


@pytest.mark.usefixtures("other_process")
def test_process_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    record = check_property(architecture("lstm"), "same_seed_same_bits_in_two_processes")
    assert record.outcome == "failed"
    assert "ended with 1" in record.detail


def test_model_that_fails_in_the_other_process_is_told():
    class Elsewhere:
        __module__ = "json"

    with pytest.raises(AssertionError, match="has no attribute 'ARCHITECTURE'"):
        fingerprint.fingerprint_in_another_process(replace(architecture("lstm"), config=Elsewhere))
    name = "same_seed_same_bits_in_two_processes"
    assert check_property(architecture("lstm"), name).outcome == "passed", "the process goes on"


def test_missing_exporter_is_a_skip_that_names_it(monkeypatch):
    def without_runtime(name):
        if name == "onnxruntime":
            raise ImportError(name)
        return SimpleNamespace()

    monkeypatch.setattr(graphs, "import_module", without_runtime)
    record = check_property(architecture("lstm"), "onnx_equals_eager_at_other_sizes")
    assert (record.outcome, record.detail) == ("skipped", "needs onnxruntime")


def test_any_exception_is_a_failure_that_names_it():
    def broken(config):
        raise KeyError("width")

    record = check_property(replace(architecture("lstm"), model=broken), "shapes_follow_the_inputs")
    assert (record.outcome, record.detail) == ("failed", "KeyError: 'width'")


def test_the_random_numbers_of_the_caller_are_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    check_property(architecture("lstm"), "shapes_follow_the_inputs")
    assert torch.equal(torch.rand(3), expected)
