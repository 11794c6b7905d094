"""Checkpoints: bit-equal when read back, whole at every instant, and refused when anything about them is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil

import pytest
import torch
from problems import Classify, net, same, weights
from torch import nn

from gyebo.errors import DiskError, GyeboError
from gyebo.training.checkpoints import checkpoint_folders, checkpoint_step, read_checkpoint, write_checkpoint
from gyebo.training.config import OptimizerConfig
from gyebo.training.optimizers import build_optimizer

NAMES = ("adam", "adamw", "adamax", "nadam", "sgd", "adagrad", "rmsprop", "adadelta")
OPTIMIZERS = [OptimizerConfig(name=name) for name in NAMES] + [
    OptimizerConfig(name="sgd", momentum=0.9),
    OptimizerConfig(name="adam", amsgrad=True),
]
PROGRESS = {"step": 7, "best": 0.1 + 0.2, "metrics_bytes": 12}


def trained(config=OPTIMIZERS[0], steps=3, seed=0, model=None):
    model, problem = model or net(seed, dropout=0.0), Classify()
    optimizer = build_optimizer(model.parameters(), config)
    for rows in problem.training.batches(24, 1, 0)[:steps]:
        problem.loss(model, rows, "cpu").backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


def slots(model, optimizer):
    return {
        f"{name}.{slot}": value
        for name, parameter in model.named_parameters()
        for slot, value in optimizer.state[parameter].items()
        if value is not None
    }


@pytest.mark.parametrize("config", OPTIMIZERS, ids=lambda config: f"{config.name}-{config.momentum}-{config.amsgrad}")
def test_round_trip_is_bit_equal(tmp_path, config):
    model, optimizer = trained(config)
    path = write_checkpoint(tmp_path, 7, model, optimizer, PROGRESS)
    assert path == tmp_path / "step-000007"
    other, fresh = trained(config, steps=0, seed=1)
    assert read_checkpoint(path, other, fresh) == PROGRESS
    assert same(weights(other), weights(model))
    assert other.again.weight is other.middle.weight
    assert same(slots(other, fresh), slots(model, optimizer))
    for pair in ((model, optimizer), (other, fresh)):  # and both go on alike
        Classify().loss(pair[0], torch.arange(5).numpy(), "cpu").backward()
        pair[1].step()
    assert same(weights(other), weights(model))


@pytest.mark.parametrize("config", OPTIMIZERS, ids=lambda config: f"{config.name}-{config.momentum}-{config.amsgrad}")
def test_other_memory_layouts(tmp_path, config):
    """Convolutions train with their channels last: they are written all the same, and go on alike when read back."""

    def convolution():
        model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        return model, build_optimizer(model.parameters(), config)

    def update(model, optimizer):
        optimizer.zero_grad()
        model(torch.arange(75.0).view(1, 3, 5, 5)).square().sum().backward()
        optimizer.step()

    model, optimizer = convolution()
    update(model, optimizer)
    path = write_checkpoint(tmp_path, 1, model, optimizer, PROGRESS)
    other, fresh = convolution()
    read_checkpoint(path, other, fresh)
    assert torch.equal(other.weight, model.weight)
    assert other.weight.is_contiguous(memory_format=torch.channels_last)
    assert same(slots(other, fresh), slots(model, optimizer))
    for pair in ((model, optimizer), (other, fresh)):
        update(*pair)
    assert torch.equal(other.weight, model.weight)


def test_the_newest_two_are_kept(tmp_path):
    for step in (1, 5, 999_999, 1_000_000):
        write_checkpoint(tmp_path, step, *trained(), PROGRESS)
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["step-999999", "step-1000000"]
    assert len(list(tmp_path.iterdir())) == 2


def test_leftovers_and_strangers(tmp_path):
    (tmp_path / ".writing-1").mkdir()
    (tmp_path / "step-old").mkdir()
    write_checkpoint(tmp_path, 3, *trained(), PROGRESS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-old"]
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["step-000003"]


class Struck(BaseException):
    pass


@pytest.mark.parametrize("call", range(1, 9))
def test_a_writer_that_is_struck_leaves_a_whole_checkpoint(tmp_path, monkeypatch, call):
    """The same step is written again, the most delicate case: at every call there is a newest one, and it can be read."""
    model, optimizer = trained()
    write_checkpoint(tmp_path, 3, model, optimizer, PROGRESS)
    write_checkpoint(tmp_path, 6, model, optimizer, PROGRESS)
    calls = 0

    def striking(function):
        def wrapper(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == call:
                raise Struck
            return function(*arguments, **options)

        return wrapper

    for name in ("fsync", "rename"):
        monkeypatch.setattr(os, name, striking(getattr(os, name)))
    monkeypatch.setattr(shutil, "rmtree", striking(shutil.rmtree))
    with contextlib.suppress(Struck):
        write_checkpoint(tmp_path, 6, model, optimizer, PROGRESS | {"step": 8})
    monkeypatch.undo()
    assert [checkpoint_step(path) for path in checkpoint_folders(tmp_path)] == [3, 6], "the newest one is there at every instant"
    for path in checkpoint_folders(tmp_path):
        assert read_checkpoint(path, *trained(steps=0))["step"] in (7, 8)
    write_checkpoint(tmp_path, 6, model, optimizer, PROGRESS | {"step": 8})
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["step-000003", "step-000006"]
    assert read_checkpoint(tmp_path / "step-000006", *trained(steps=0))["step"] == 8
    write_checkpoint(tmp_path, 9, model, optimizer, PROGRESS)
    assert not list(tmp_path.glob(".*"))


def test_full_disk(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, 3, *trained(), PROGRESS)

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DiskError) as caught:
        write_checkpoint(tmp_path, 6, *trained(), PROGRESS)
    assert str(caught.value) == (
        f"While writing the checkpoint {tmp_path / 'step-000006'}, the disk is full: free some space or choose another place."
        " The checkpoint before it is untouched."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["step-000003"]


def assert_refused(path, message, config=OPTIMIZERS[0], model=None):
    """Refused with this message, and with model and optimizer as they were."""
    model, optimizer = trained(config, seed=4, model=model)
    before, averages = weights(model), {name: value.clone() for name, value in slots(model, optimizer).items()}
    with pytest.raises(GyeboError, match=message) as caught:
        read_checkpoint(path, model, optimizer)
    assert str(path) in str(caught.value)
    assert "Remove the folder" in str(caught.value)
    assert same(weights(model), before)
    assert same(slots(model, optimizer), averages)


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path, 7, *trained(), PROGRESS)


def test_any_flipped_bit_is_refused(checkpoint):
    draw = random.Random(1)
    for name in ["state.safetensors", "state.json"] * 60:
        data = (checkpoint / name).read_bytes()
        spoilt, place = bytearray(data), draw.randrange(len(data))
        spoilt[place] ^= 1 << draw.randrange(8)
        (checkpoint / name).write_bytes(spoilt)
        try:
            found = read_checkpoint(checkpoint, *trained(steps=0))
        except GyeboError as error:
            message = str(error)
        else:  # white space between JSON's signs says nothing, so no message is due
            message = "Remove the folder"
            assert (name, chr(data[place]).isspace(), found) == ("state.json", True, PROGRESS)
        assert "Remove the folder" in message
        (checkpoint / name).write_bytes(data)


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
@pytest.mark.parametrize("size", [0, 5, 100])
def test_a_truncated_file_is_refused(checkpoint, name, size):
    (checkpoint / name).write_bytes((checkpoint / name).read_bytes()[:size])
    assert_refused(checkpoint, "is damaged" if name == "state.safetensors" else "cannot be read")


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_missing_file_is_refused(checkpoint, name):
    (checkpoint / name).unlink()
    assert_refused(checkpoint, "cannot be read")


@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"sha256": 3}', "[" * 100_000, "\0", '{"sha256": "x", "a": NaN}'])
def test_a_foreign_state_is_refused(checkpoint, text):
    (checkpoint / "state.json").write_text(text)
    assert_refused(checkpoint, "cannot be read|is damaged")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"progress": None}, "KeyError: 'progress'"),
        ({"optimizer": None}, "KeyError: 'optimizer'"),
        ({"progress": [1]}, "holds no JSON object"),
        ({"more": "x" * 2**20}, r"state.json has 1,\d+,\d+ bytes, more than such a file can have"),
    ],
    ids=["no progress", "no optimizer", "a list", "too long"],
)
def test_a_crafted_state_with_the_right_sum_is_refused(checkpoint, change, message):
    state = json.loads((checkpoint / "state.json").read_text()) | change
    del state["sha256"]
    state = {key: value for key, value in state.items() if value is not None}
    state["sha256"] = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
    (checkpoint / "state.json").write_text(json.dumps(state))
    assert_refused(checkpoint, message)


def test_another_optimizer_is_refused(checkpoint):
    assert_refused(checkpoint, "was written with the optimizer Adam, not SGD", OptimizerConfig(name="sgd"))


def test_other_models_are_refused(tmp_path):
    class Wider(nn.Module):
        def __init__(self, width, extra=False):
            super().__init__()
            self.first = nn.Linear(5, width)
            self.last = nn.Linear(width, 3)
            if extra:
                self.more = nn.Parameter(torch.zeros(2))

        def forward(self, inputs):
            return self.last(self.first(inputs))

    path = write_checkpoint(tmp_path, 7, *trained(model=Wider(8)), PROGRESS)
    assert_refused(path, r"'first.weight' is \(8, 5\) torch.float32 in it, but \(9, 5\)", model=Wider(9))
    assert_refused(path, "another architecture or size: 'more' of this model is not in it", model=Wider(8, extra=True))
    assert_refused(path, "it holds 'last.bias', which this model lacks", model=FirstOnly())


class FirstOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, 8)

    def forward(self, inputs):
        return self.first(inputs)


def test_averages_of_other_shapes_are_refused(tmp_path):
    model, optimizer = trained()
    optimizer.state[model.first.weight]["exp_avg"] = torch.zeros(2, 2)
    path = write_checkpoint(tmp_path, 7, model, optimizer, PROGRESS)
    assert_refused(path, r"holds 'first.weight.exp_avg' of shape \(2, 2\), which fits no parameter here")


def test_state_is_readable(checkpoint):
    state = json.loads((checkpoint / "state.json").read_text())
    assert state["progress"] == PROGRESS
    assert state["optimizer"] == "Adam"
