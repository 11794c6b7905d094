import json

import pytest
import torch
from problems import Classify, config, net, same, trainer, weights

from gyebo.errors import GyeboError
from gyebo.training.averaging import exchanged, keep_weights, kept_weights, mean_weights
from gyebo.training.loop import Interrupted, Trainer

AVERAGE = {"evaluation": {"every": 4, "average": 2}}


def records(folder, kind):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def test_the_mean_is_that_of_the_last_evaluations(tmp_path):
    model, seen = net(), []

    class Watched(Classify):
        def validate(self, model, device, interrupt):
            seen.append(weights(model))
            return super().validate(model, device, interrupt)

    trainer(tmp_path, model, Watched(), **AVERAGE).run()
    at_4, at_8, at_12, mean = seen
    for name, tensor in mean.items():
        expected = (at_8[name].double() + at_12[name].double()) / 2 if tensor.is_floating_point() else at_12[name]
        torch.testing.assert_close(tensor, expected.to(tensor.dtype), rtol=1e-6, atol=1e-7)
    assert same(weights(model), at_12), "training has lost its own weights"
    assert at_4.keys() == mean.keys()
    [record] = records(tmp_path, "average")
    assert (record["step"], record["weights"]) == (12, 2)


@pytest.mark.parametrize(("told", "best"), [([3.0, 2.0, 1.0, 0.5], True), ([3.0, 2.0, 1.0, 1.5], False)])
def test_the_mean_is_kept_where_it_is_the_best(tmp_path, told, best):
    saved = []
    model = net()
    training = Trainer(
        model, Classify(list(told)), config(**AVERAGE), tmp_path, save_best=lambda step: saved.append((step, weights(model)))
    )
    outcome = training.run()
    assert outcome.progress.best == min(told)
    assert [step for step, _ in saved] == [4, 8, 12, 12][: 4 if best else 3]
    assert records(tmp_path, "average")[0]["best"] is best
    if best:
        assert not same(saved[-1][1], weights(model))


@pytest.mark.parametrize("strike", [1, 2, 3, 4])
def test_an_evaluation_of_the_mean_that_was_cut_short_is_done_again(tmp_path, strike):
    trainer(tmp_path / "whole", **AVERAGE).run()

    class Struck(Classify):
        calls = 0

        def validate(self, model, device, interrupt):
            Struck.calls += 1
            if Struck.calls == strike:
                training.stop.number = 15
            return super().validate(model, device, interrupt)

    training = trainer(tmp_path / "cut", problem=Struck(), **AVERAGE)
    with pytest.raises(Interrupted):
        training.run()
    again = trainer(tmp_path / "cut", **AVERAGE)
    again.run()
    whole = trainer(tmp_path / "whole", **AVERAGE)
    assert whole.run().was_finished
    assert same(weights(again.model), weights(whole.model))
    for kind in ("evaluation", "average"):
        left, right = ([r | {"seconds": 0} for r in records(tmp_path / name, kind)] for name in ("cut", "whole"))
        assert left == right


def test_training_on_averages_again(tmp_path):
    trainer(tmp_path, **AVERAGE).run()
    outcome = trainer(tmp_path, **AVERAGE, steps=16).run()
    assert not outcome.was_finished
    assert [record["step"] for record in records(tmp_path, "average")] == [12, 16]
    assert [path.name for path in kept_weights(tmp_path / "training", 16)] == [
        "weights-000012.safetensors",
        "weights-000016.safetensors",
    ]


def test_without_it_nothing_is_kept(tmp_path):
    trainer(tmp_path).run()
    assert kept_weights(tmp_path / "training", 12) == []
    assert records(tmp_path, "average") == []


def test_the_newest_are_kept_when_steps_get_another_digit(tmp_path):
    for step in (999_000, 1_000_000, 1_001_000):
        keep_weights(tmp_path, step, net(0), 2)
    kept = [path.name for path in kept_weights(tmp_path, 1_001_000)]
    assert kept == ["weights-1000000.safetensors", "weights-1001000.safetensors"]


def test_damaged_weights_are_refused(tmp_path):
    keep_weights(tmp_path, 4, net(0), 3)
    keep_weights(tmp_path, 8, net(1), 3)
    (tmp_path / "weights-000004.safetensors").write_bytes(b"not tensors")
    with pytest.raises(GyeboError, match=r"weights-000004.*is not a whole safetensors file.*Remove .* to leave it out of the mean"):
        mean_weights(kept_weights(tmp_path, 8), net())


def test_weights_come_back_whatever_happens():
    model = net(0)
    before, others = weights(model), weights(net(1))

    def fails():
        with exchanged(model, others):
            assert same(weights(model), others)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert same(weights(model), before)
