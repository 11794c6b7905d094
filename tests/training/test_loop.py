"""The loop: what an update is, when it evaluates, saves and stops, and that resuming changes nothing."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal

import pytest
import torch
from problems import Classify, Net, net, same, trainer, weights

from gyebo.errors import DiskError, GyeboError, UsageError
from gyebo.training import loop
from gyebo.training.checkpoints import checkpoint_folders
from gyebo.training.guard import NonFiniteError
from gyebo.training.metrics import read_metrics
from gyebo.training.signals import Interrupted, stop_signals

CLOCK = {"seconds", "tokens_per_second", "window_seconds", "metrics_bytes", "peak_memory_gib"}


def records(folder):
    return [{key: value for key, value in record.items() if key not in CLOCK} for record in read_metrics(folder / "metrics.jsonl")]


def progress(outcome):
    return {key: value for key, value in dataclasses.asdict(outcome.progress).items() if key not in CLOCK}


def state(folder):
    newest = checkpoint_folders(folder / "training")[-1]
    return newest.name, (newest / "state.safetensors").read_bytes()


def stopped_at(step, **options):
    """A listener that sends SIGTERM to its own process once, as soon as a record says this step."""

    def listen(record):
        if record["kind"] != "progress" and record["step"] == step:
            signal.raise_signal(signal.SIGTERM)

    return listen


# ---------------------------------------------------------------- an update


@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_updates_are_those_of_plain_torch(tmp_path, clip):
    training = trainer(tmp_path, net(dropout=0.0), optimizer={"rate": 0.01, "clip": clip}, schedule={"name": "linear", "warmup": 4})
    training.run()
    plain, problem = net(dropout=0.0), Classify()
    optimizer = torch.optim.Adam(plain.parameters())
    order = [rows for epoch in range(4) for rows in problem.training.batches(24, 1, epoch)][:12]
    for step, rows in enumerate(order, 1):
        (problem.loss(plain, rows, "cpu") / problem.training.num_tokens(rows)).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(plain.parameters(), clip)
        optimizer.param_groups[0]["lr"] = 0.01 * (step / 4 if step < 4 else (12 - step) / 8)
        optimizer.step()
        optimizer.zero_grad()
    torch.testing.assert_close(dict(training.model.named_parameters()), dict(plain.named_parameters()))


def test_accumulated_batches_equal_one_big_batch(tmp_path):
    small = trainer(tmp_path / "small", net(dropout=0.0), batch={"tokens": 24, "accumulate": 99}, steps=3)
    big = trainer(tmp_path / "big", net(dropout=0.0), batch={"tokens": 10**6}, steps=3)
    outcomes = [small.run(), big.run()]
    assert outcomes[0].progress.tokens == outcomes[1].progress.tokens == 3 * int(small.problem.training.lengths.sum())
    # the same sums in another order
    torch.testing.assert_close(dict(small.model.named_parameters()), dict(big.model.named_parameters()), rtol=1e-5, atol=1e-6)


def test_logged_loss_is_the_mean_over_tokens(tmp_path):
    training = trainer(tmp_path, net(dropout=0.0), steps=2, log_every=2, optimizer={"rate": 1e-30})
    training.run()
    problem, model = Classify(), net(dropout=0.0)
    order = problem.training.batches(24, 1, 0)[:2]
    loss = sum(problem.loss(model, rows, "cpu").item() for rows in order) / sum(map(problem.training.num_tokens, order))
    logged = next(record for record in read_metrics(tmp_path / "metrics.jsonl") if record["kind"] == "train")
    assert logged["loss"] == pytest.approx(loss, rel=1e-6)
    assert logged["tokens"] == sum(map(problem.training.num_tokens, order))


def test_bf16_and_compile_train(tmp_path):
    outcome = trainer(tmp_path, net(dropout=0.0), precision="bf16").run()
    assert outcome.progress.step == 12
    assert read_metrics(tmp_path / "metrics.jsonl")[-1]["loss"] == pytest.approx(last_loss(tmp_path / "plain"), abs=0.05)


def last_loss(folder):
    trainer(folder, net(dropout=0.0)).run()
    return read_metrics(folder / "metrics.jsonl")[-1]["loss"]


# ---------------------------------------------------------------- resuming


@pytest.mark.parametrize(
    "options", [{}, {"checkpoint_every": 1}, {"checkpoint_every": 5}, {"batch": {"tokens": 9, "accumulate": 2}}]
)
@pytest.mark.parametrize("step", [3, 4, 6, 12])
def test_stopped_and_resumed_is_bit_equal(tmp_path, step, options):
    whole = trainer(tmp_path / "whole", **options)
    outcome = whole.run()
    first = trainer(tmp_path / "parts", **options)
    first.listeners = (stopped_at(step),)
    with pytest.raises(Interrupted) as caught:
        first.run()
    assert (caught.value.exit_code, f"after step {step}" in str(caught.value)) == (143, True)
    second = trainer(tmp_path / "parts", net(seed=99), **options)
    assert progress(second.run()) == progress(outcome)
    assert same(weights(second.model), weights(whole.model))
    assert records(tmp_path / "parts") == records(tmp_path / "whole")
    assert state(tmp_path / "parts") == state(tmp_path / "whole")


def test_an_evaluation_that_was_cut_short_is_done_again(tmp_path):
    class Cut(Classify):
        def validate(self, model, device, interrupt):
            signal.raise_signal(signal.SIGINT)
            return super().validate(model, device, interrupt)

    whole = trainer(tmp_path / "whole", checkpoint_every=4)
    outcome = whole.run()
    for step in (4, 8, 12):
        with pytest.raises(Interrupted) as caught:
            trainer(tmp_path / "parts", problem=Cut() if step == 4 else CutAt(step), checkpoint_every=4).run()
        assert (caught.value.exit_code, f"SIGINT after step {step}:" in str(caught.value)) == (130, True)
    last = trainer(tmp_path / "parts", checkpoint_every=4)
    found = last.run()
    assert progress(found) == progress(outcome)
    assert not found.was_finished
    assert records(tmp_path / "parts") == records(tmp_path / "whole")
    newest = checkpoint_folders(tmp_path / "parts" / "training")[-1]
    assert json.loads((newest / "state.json").read_text())["progress"]["evaluated"] == 12
    assert trainer(tmp_path / "parts", checkpoint_every=4).run().was_finished


class CutAt(Classify):
    """Cuts the second evaluation that it sees: the first one is that of the checkpoint, done again."""

    def __init__(self, step):
        super().__init__()
        self.seen = 0

    def validate(self, model, device, interrupt):
        self.seen += 1
        if self.seen == 2:
            signal.raise_signal(signal.SIGINT)
        return super().validate(model, device, interrupt)


def test_a_finished_run_is_left_alone(tmp_path):
    first = trainer(tmp_path)
    outcome = first.run()
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = trainer(tmp_path, net(seed=5))
    found = again.run()
    assert (found.was_finished, outcome.was_finished) == (True, False)
    assert found.reason == outcome.reason == "12 steps are done"
    assert same(weights(again.model), weights(first.model))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == files


def test_a_finished_run_trained_on_equals_one_long_run(tmp_path):
    """With a constant rate the weights are equal bit for bit; the early end only adds an evaluation of its own."""
    trainer(tmp_path / "parts", steps=6).run()
    second = trainer(tmp_path / "parts", steps=12)
    outcome = second.run()
    whole = trainer(tmp_path / "whole", steps=12)
    whole.run()
    assert same(weights(second.model), weights(whole.model))
    extra = [record for record in records(tmp_path / "parts") if record not in records(tmp_path / "whole")]
    assert [(record["kind"], record["step"]) for record in extra] == [("evaluation", 6)]
    assert outcome.progress.step == 12


def test_more_epochs(tmp_path):
    options = {"steps": 0, "evaluation": {}}
    trainer(tmp_path / "parts", epochs=2, **options).run()
    second = trainer(tmp_path / "parts", epochs=3, **options)
    assert second.run().reason == "3 epochs are done"
    whole = trainer(tmp_path / "whole", epochs=3, **options)
    whole.run()
    assert same(weights(second.model), weights(whole.model))
    assert records(tmp_path / "parts") == records(tmp_path / "whole")


def test_a_damaged_checkpoint_is_refused_and_the_one_before_goes_on(tmp_path):
    whole = trainer(tmp_path)
    whole.run()
    newest = checkpoint_folders(tmp_path / "training")[-1]
    (newest / "state.safetensors").write_bytes(b"nonsense")
    with pytest.raises(GyeboError, match=f"Remove the folder {newest} to go on"):
        trainer(tmp_path).run()
    shutil.rmtree(newest)
    again = trainer(tmp_path, net(seed=3))
    again.run()
    assert same(weights(again.model), weights(whole.model))


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    training = trainer(tmp_path)
    monkeypatch.setattr(loop.dataclasses, "asdict", lambda value: {"steps": 3})
    training.run()
    monkeypatch.undo()
    with pytest.raises(UsageError, match=r"In the checkpoint .*step-000012, there is no option 'steps'. Did you mean 'step'"):
        trainer(tmp_path).run()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": 99}, r"stands after batch 99 of an epoch, but an epoch of these data has \d+"),
        ({"metrics_bytes": "x"}, "'metrics_bytes' is 'x', but a value of type int was expected"),
        ({"step": -1}, "step=-1 cannot be negative"),
    ],
    ids=str,
)
def test_a_crafted_checkpoint_is_refused(tmp_path, monkeypatch, change, message):
    training, plain = trainer(tmp_path), dataclasses.asdict
    monkeypatch.setattr(loop.dataclasses, "asdict", lambda value: plain(value) | change)
    training.run()
    monkeypatch.undo()
    with pytest.raises(GyeboError, match=message):
        trainer(tmp_path).run()


# ---------------------------------------------------------------- evaluation and the end


def test_best_weights_are_chosen_and_kept(tmp_path):
    saved = []
    training = trainer(tmp_path, problem=Classify([3.0, 1.0, 2.0]))
    training.save_best = saved.append
    outcome = training.run()
    assert (outcome.progress.best, outcome.progress.best_step, saved) == (1.0, 8, [4, 8])
    assert [record["best"] for record in read_metrics(tmp_path / "metrics.jsonl") if record["kind"] == "evaluation"] == [
        True,
        True,
        False,
    ]


class Struck(BaseException):
    pass


@pytest.mark.parametrize("strikes_before", [True, False])
def test_best_weights_are_of_a_step_that_the_run_goes_on_from(tmp_path, strikes_before):
    """Struck while the best weights of step 8 are written, between two checkpoints of checkpoint_every=5."""
    saved = []

    def save(step):
        if step == 8 and strikes_before:
            raise Struck
        saved.append(step)
        if step == 8:
            raise Struck

    def last_saved():
        return saved[-1] if saved else None

    problem = Classify([3.0, 1.0])
    first = trainer(tmp_path, problem=problem, checkpoint_every=5)
    first.save_best = save
    with pytest.raises(Struck):
        first.run()
    second = trainer(tmp_path, steps=6, checkpoint_every=5)
    second.save_best, second.saved_best = saved.append, last_saved
    assert second.run().progress.best_step == 8
    assert saved == [4, 8]


def test_a_start_is_told_only_where_there_is_something_to_train(tmp_path):
    starts = []
    for steps in (6, 6, 12):
        training = trainer(tmp_path, steps=steps)
        training.on_training = lambda steps=steps: starts.append(steps)
        training.run()
    assert starts == [6, 12]


def test_the_most_memory_is_that_of_all_starts(tmp_path, monkeypatch):
    for steps, gib in ((4, 2.0), (8, 5.0), (12, 3.0)):
        monkeypatch.setattr(loop, "peak_memory_gib", lambda gib=gib: gib)
        outcome = trainer(tmp_path, steps=steps).run()
    assert outcome.progress.peak_memory_gib == 5.0


def test_a_metric_that_is_not_finite_is_never_the_best(tmp_path):
    saved = []
    training = trainer(tmp_path, problem=Classify([float("nan"), 2.0, float("inf")]))
    training.save_best = saved.append
    outcome = training.run()
    assert (outcome.progress.best, saved, outcome.progress.without_improvement) == (2.0, [8], 1)


def test_higher_is_better(tmp_path):
    training = trainer(tmp_path, evaluation={"every": 1, "metric": "accuracy"}, steps=9)
    outcome = training.run()
    accuracies = [record["accuracy"] for record in read_metrics(tmp_path / "metrics.jsonl") if record["kind"] == "evaluation"]
    assert outcome.progress.best == max(accuracies)
    assert outcome.progress.best_step == accuracies.index(max(accuracies)) + 1


def test_patience(tmp_path):
    outcome = trainer(tmp_path, problem=Classify([1.0, 2.0, 2.0, 0.5]), steps=99, evaluation={"every": 4, "patience": 2}).run()
    assert (outcome.reason, outcome.progress.step) == ("loss has not improved for 2 evaluations", 12)
    assert trainer(tmp_path, steps=99, evaluation={"every": 4, "patience": 2}).run().was_finished


def test_target(tmp_path):
    outcome = trainer(tmp_path, problem=Classify([3.0, 0.5, 0.1]), steps=99, evaluation={"every": 4, "target": 0.5}).run()
    assert (outcome.reason, outcome.progress.step) == ("loss has reached 0.5", 8)


def test_plateau_lowers_the_rate(tmp_path):
    options = {
        "schedule": {"name": "plateau", "factor": 0.5},
        "log_every": 1,
        "evaluation": {"every": 2},
        "optimizer": {"rate": 1.0},
    }
    trainer(tmp_path, problem=Classify([1.0, 2.0, 0.5, 0.7, 0.1, 0.0]), **options).run()
    rates = [record["rate"] for record in read_metrics(tmp_path / "metrics.jsonl") if record["kind"] == "train"]
    assert rates == [1.0] * 4 + [0.5] * 4 + [0.25] * 4


def test_minutes_are_a_budget(tmp_path, monkeypatch):
    now = iter(range(10**6))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(now)))
    outcome = trainer(tmp_path, steps=0, minutes=0.5, evaluation={"every": 10**6}).run()
    assert outcome.reason == "the budget of 0.5 minutes is used"
    assert 30 <= outcome.progress.seconds < 40
    assert records(tmp_path)[-1]["kind"] == "evaluation", "the end is evaluated"
    assert trainer(tmp_path, steps=0, minutes=0.5, evaluation={"every": 10**6}).run().was_finished


def test_epochs_end_with_an_evaluation(tmp_path):
    outcome = trainer(tmp_path, steps=0, epochs=2, evaluation={}).run()
    assert [record["epoch"] for record in records(tmp_path) if record["kind"] == "evaluation"] == [1, 2]
    assert (outcome.reason, outcome.progress.position) == ("2 epochs are done", 0)


def test_unknown_metrics(tmp_path):
    with pytest.raises(UsageError, match="no metric 'blue'"):
        trainer(tmp_path, evaluation={"metric": "blue"})

    class Silent(Classify):
        def validate(self, model, device, interrupt):
            return {"accuracy": 1.0}

    with pytest.raises(GyeboError, match=r"evaluation.metric is 'loss', but validation measured accuracy"):
        trainer(tmp_path, problem=Silent()).run()


# ---------------------------------------------------------------- faults


def test_nan_leaves_weights_and_optimizer_as_they_are(tmp_path):
    class Spoilt(Classify):
        def loss(self, model, rows, device):
            spoilt = model.calls >= 5
            return super().loss(model, rows, device) * (torch.nan if spoilt else 1.0)

    class Plain(Net):
        def forward(self, inputs):
            return super().forward(inputs)

    torch.manual_seed(0)
    training = trainer(tmp_path, Plain(), Spoilt())
    with pytest.raises(
        NonFiniteError, match=r"Step 6 was stopped before the update: the loss is NaN or infinite. The weights are those of step 5"
    ):
        training.run()
    reference = trainer(tmp_path / "reference", steps=5)
    reference.run()
    assert same(dict(training.model.named_parameters()), dict(reference.model.named_parameters()))
    for mine, theirs in zip(training.parameters, reference.parameters, strict=True):
        assert same(training.optimizer.state[mine], reference.optimizer.state[theirs])


def test_full_disk_is_one_error(tmp_path, monkeypatch):
    training = trainer(tmp_path)

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(DiskError, match="the disk is full"):
        training.run()
    assert checkpoint_folders(tmp_path / "training") == []


def test_signal_before_the_first_step(tmp_path):
    training = trainer(tmp_path)
    training._loop, whole = lambda: (signal.raise_signal(signal.SIGTERM), whole())[1], training._loop
    with pytest.raises(Interrupted, match="Stopped by SIGTERM before the first step was done: the same command begins again"):
        training.run()
    assert checkpoint_folders(tmp_path / "training") == []


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with stop_signals() as stop:
        assert not stop
        signal.raise_signal(signal.SIGINT)
        assert stop.number == signal.SIGINT
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_listeners_hear_records_and_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_PROGRESS", -1.0)
    heard = []
    training = trainer(tmp_path)
    training.listeners = (heard.append,)
    training.run()
    assert [record for record in heard if record["kind"] != "progress"] == read_metrics(tmp_path / "metrics.jsonl")
    shares = [record["share_done"] for record in heard if record["kind"] == "progress"]
    assert shares == [step / 12 for step in range(1, 13)]


@pytest.mark.parametrize("first", [None, False, True])
def test_convolutions_train_with_channels_last_but_where_a_model_measures_otherwise(tmp_path, first):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
    if first is not None:
        model.channels_first = first
    trainer(tmp_path, model)
    assert model[0].weight.is_contiguous() == bool(first)
