"""The training loop.

    for each update:  batches of this step -> loss / tokens -> backward -> norm, clip, guard -> optimizer
                      -> metrics line -> evaluation -> checkpoint -> stop?

Bit-exact resuming rests on three rules. The order of the data is a pure function of (seed, epoch). Every random draw of a step,
such as dropout, comes from a generator seeded by (seed, step, batch, rank). And whatever else decides the future (counts, the best
metric, sums for the next metrics line, the optimizer's averages) stands in the checkpoint. An evaluation that a signal cut short is
not in the checkpoint, so it is done again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.data.batching import Rows
from gyebo.errors import GyeboError
from gyebo.models.interfaces import ChannelsFirst
from gyebo.tasks.interface import Problem
from gyebo.training.averaging import exchanged, keep_weights, kept_weights, mean_weights
from gyebo.training.checkpoints import checkpoint_folders, read_checkpoint, write_checkpoint
from gyebo.training.config import TrainingConfig
from gyebo.training.distributed import World
from gyebo.training.guard import NonFiniteError, first_bad_module
from gyebo.training.memory import freed_memory_kept, peak_memory_gib
from gyebo.training.metrics import MetricsFile
from gyebo.training.optimizers import build_optimizer, rate_factor
from gyebo.training.randomness import mix, seed_generators
from gyebo.training.signals import Interrupted, StopAsked, stop_signals

__all__ = ["Interrupted", "Listener", "Outcome", "Progress", "Trainer"]

Listener = Callable[[dict[str, Any]], None]
"""called with every metrics record, and with {"kind": "progress", ...} now and then"""

SECONDS_BETWEEN_PROGRESS = 0.5


class _EvaluationCut(Exception):
    """Leaves an evaluation that a signal cut short."""


@dataclass
class Progress:
    """Where training stands: all of it goes into the checkpoint."""

    step: int = 0
    epoch: int = 0
    position: int = 0
    """batches of this epoch that are done"""
    tokens: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    without_improvement: int = 0
    reductions: int = 0
    evaluated: int = -1
    """the last step whose evaluation is done"""
    averaged: int = -1
    """the last step at which the mean of the last weights was evaluated"""
    window_loss: float = 0.0
    window_tokens: int = 0
    window_norm: float = 0.0
    window_steps: int = 0
    window_seconds: float = 0.0
    metrics_bytes: int = 0
    """the size of metrics.jsonl at the checkpoint"""
    peak_memory_gib: float = 0.0
    """the most memory that any process of the run has held, those of earlier starts included"""

    @property
    def place(self) -> tuple[int, int, int]:
        """What has been done: updates, and the evaluations after the last of them."""
        return self.step, self.evaluated, self.averaged

    def __post_init__(self) -> None:
        counts = ("step", "epoch", "position", "tokens", "best_step", "without_improvement", "reductions", "metrics_bytes")
        if negative := [name for name in counts if getattr(self, name) < 0]:
            raise ValueError(f"{negative[0]}={getattr(self, negative[0])} cannot be negative.")


@dataclass(frozen=True)
class Outcome:
    """How training ended."""

    reason: str
    progress: Progress
    was_finished: bool
    """nothing was left to do"""


class Trainer:
    """Trains one model on one problem in one folder.

    folder: receives metrics.jsonl and training/step-*/; an earlier run in it is resumed.
    save_best: called in the main process with the step whenever the validation metric is the best so far.
    saved_best: the step of what `save_best` has left on the disk, None where there is nothing.
    on_training: called in the main process once it is known that this start has something to train.
    listeners: called in the main process.
    """

    def __init__(
        self,
        model: nn.Module,
        problem: Problem,
        config: TrainingConfig,
        folder: Path,
        *,
        device: str = "cpu",
        world: World | None = None,
        save_best: Callable[[int], None] = lambda step: None,
        saved_best: Callable[[], int | None] = lambda: None,
        on_training: Callable[[], None] = lambda: None,
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        if device == "cpu" and not (isinstance(model, ChannelsFirst) and model.channels_first):
            # convolutions measure faster so; other weights stay as they are
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model, self.problem, self.config, self.folder = model, problem, config, folder
        self.device, self.world = device, world or World()
        self.save_best, self.saved_best, self.on_training = save_best, saved_best, on_training
        self.listeners = listeners
        self.higher_is_better = problem.higher_is_better(config.evaluation.metric)
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(self.parameters, config.optimizer)
        self.progress = Progress()
        self.stop = StopAsked()
        self.metrics: MetricsFile | None = None
        self._step_module = self._build_step_module()
        self._plan: tuple[int, list[Rows]] | None = None
        self._saved: tuple[int, int, int] | None = None
        """(step, evaluated, averaged) of the newest checkpoint"""
        self._clock = self._last_said = time.perf_counter()

    # ---------------------------------------------------------------- the loop

    def run(self) -> Outcome:
        """Train to the end, resuming what is there.

        Raises Interrupted after a signal, NonFiniteError before NaN enters the weights, DiskError where a checkpoint does not fit.
        """
        self._resume()
        begun = dataclasses.replace(self.progress)
        has_work = self._limit_reached() is None
        if self.world.is_main:
            self.metrics = MetricsFile(self.folder / "metrics.jsonl", self.progress.metrics_bytes)
        try:
            if self.world.is_main and has_work:
                self.on_training()
            with stop_signals() as self.stop, freed_memory_kept() if self.device == "cpu" else contextlib.nullcontext():
                reason = self._loop()
        finally:
            if self.metrics:
                self.metrics.close()
        was_finished = begun.place == self.progress.place
        return Outcome(reason, self.progress, was_finished)

    def _loop(self) -> str:
        progress = self.progress
        self.model.train()
        self._clock = time.perf_counter()
        while True:
            reason = self._limit_reached()
            if progress.step and progress.evaluated != progress.step and (reason or self._evaluation_due()):
                self._unless_stopped(self._evaluate)
                reason = reason or self._limit_reached()
            if reason and self.config.evaluation.average and progress.step and progress.averaged != progress.step:
                self._unless_stopped(self._evaluate_mean)
            if self._checkpoint_due(reason):
                self._checkpoint()
            if self.world.any_says(bool(self.stop)):
                self._stop_now()
            if reason:
                return reason
            self._update()

    def _update(self) -> None:
        """One step of the optimizer."""
        progress, config = self.progress, self.config
        batches = self._next_batches()
        tokens = sum(self.problem.training.num_tokens(rows) for rows in batches)
        step = progress.step + 1
        loss = 0.0
        for number, rows in enumerate(batches):
            last = number == len(batches) - 1
            with contextlib.nullcontext() if last or self.world.size == 1 else self._step_module.no_sync():  # type: ignore[operator]
                part = self._forward(rows, step, number) / tokens
                part.backward()
            loss += part.item()
        loss = self.world.mean(loss)
        total_norm = torch.nn.utils.get_total_norm([item.grad for item in self.parameters if item.grad is not None], foreach=True)
        norm = total_norm.item()
        if not math.isfinite(loss + norm):
            self._refuse(batches, step)
        if 0 < config.optimizer.clip < norm:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, config.optimizer.clip, total_norm, foreach=True)
        rate = config.optimizer.rate * rate_factor(config.schedule, step, self.last_step, progress.reductions)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

        progress.step = step
        progress.tokens += tokens
        progress.window_loss += loss * tokens
        progress.window_tokens += tokens
        progress.window_norm += norm
        progress.window_steps += 1
        progress.window_seconds += self._tick()
        if step % config.log_every == 0:
            self._log(rate)
        self._say_progress()

    def _forward(self, rows: Rows, step: int, number: int) -> Tensor:
        """The loss of this process's share of a batch, with the random draws that belong to (step, batch, rank)."""
        seed_generators(mix(self.config.seed, step, number, self.world.rank), self.device)
        if self.world.size == 1:  # the usual case, spared what sharing costs
            with self._autocast():
                return self._step_module(rows)
        own, weight = rows[self.world.rank :: self.world.size], float(self.world.size)
        if len(own) == 0:  # fewer rows than processes: take part in the all-reduce with nothing
            own, weight = rows[:1], 0.0
        with self._autocast():
            return self._step_module(own) * weight

    def _next_batches(self) -> list[Rows]:
        """The batches of the next update, from this epoch and, at its end, from the next one."""
        chosen = []
        while len(chosen) < self.config.batch.accumulate:
            plan = self._epoch_plan(self.progress.epoch)
            chosen.append(plan[self.progress.position])
            self.progress.position += 1
            if self.progress.position == len(plan):
                self.progress.epoch += 1
                self.progress.position = 0
                break
        return chosen

    def _epoch_plan(self, epoch: int) -> list[Rows]:
        if self._plan is None or self._plan[0] != epoch:
            self._plan = (epoch, self.problem.training.batches(self.config.batch.tokens, self.config.seed, epoch))
        return self._plan[1]

    @cached_property
    def last_step(self) -> int:
        """The update at which falling schedules end; 0 where neither steps nor epochs are limited."""
        updates = -(-len(self._epoch_plan(0)) // self.config.batch.accumulate)
        limits = [limit for limit in (self.config.steps, self.config.epochs * updates) if limit]
        return min(limits, default=0)

    # ---------------------------------------------------------------- when to do what

    def _limit_reached(self) -> str | None:
        progress, config = self.progress, self.config
        if config.steps and progress.step >= config.steps:
            return f"{config.steps} steps are done"
        if config.epochs and progress.epoch >= config.epochs:
            return f"{config.epochs} epochs are done"
        if config.minutes and self.world.any_says(progress.seconds >= config.minutes * 60):
            return f"the budget of {config.minutes:g} minutes is used"
        patience = config.evaluation.patience
        if patience and progress.without_improvement >= patience:
            return f"{config.evaluation.metric} has not improved for {patience} evaluations"
        if (
            config.evaluation.target is not None
            and progress.best is not None
            and not self._better(config.evaluation.target, progress.best)
        ):
            return f"{config.evaluation.metric} has reached {config.evaluation.target:g}"
        return None

    def _evaluation_due(self) -> bool:
        every = self.config.evaluation.every
        return self.progress.step % every == 0 if every else self.progress.position == 0

    def _checkpoint_due(self, reason: str | None) -> bool:
        step, every = self.progress.step, self.config.checkpoint_every
        if step == 0 or self._is_saved():
            return False
        return bool(reason) or (step % every == 0 if every else self.progress.evaluated == step)

    def _is_saved(self) -> bool:
        """Whether the newest checkpoint says all that there is to say: it may have been written before an evaluation."""
        return self._saved == self.progress.place

    # ---------------------------------------------------------------- what is done now and then

    def _unless_stopped(self, evaluate: Callable[[], None]) -> None:
        try:
            evaluate()
        except _EvaluationCut:
            self._stop_now()

    def _validate(self) -> tuple[dict[str, float], float, bool]:
        """The metrics on the validation split, the one that chooses, and whether it is the best so far."""
        progress, metric = self.progress, self.config.evaluation.metric
        self.model.eval()
        with self._autocast():
            metrics = self.problem.validate(self.model, self.device, self._interrupt)
        metrics = self.world.from_main(metrics)  # the last bit may differ between machines, and with it what is best
        self.model.train()
        self._tick()
        if metric not in metrics:
            raise GyeboError(
                f"evaluation.metric is {metric!r}, but validation measured {', '.join(metrics)}. For metrics of predictions, give"
                " the task a number of validation_predictions."
            )
        value = metrics[metric]
        return metrics, value, math.isfinite(value) and (progress.best is None or self._better(value, progress.best))

    def _evaluate(self) -> None:
        progress = self.progress
        metrics, value, best = self._validate()
        if self.config.evaluation.average and self.world.is_main:
            keep_weights(self.folder / "training", progress.step, self.model, self.config.evaluation.average)
        if best:
            progress.best, progress.best_step, progress.without_improvement = value, progress.step, 0
        else:
            progress.without_improvement += 1
            progress.reductions += 1
        progress.evaluated = progress.step
        self._record({"kind": "evaluation", **self._place(), **metrics, "best": best, "seconds": round(progress.seconds, 3)})
        if best:
            self._checkpoint()  # first: weights on the disk are always of a step that the run goes on from
            if self.world.is_main:
                self.save_best(progress.step)

    def _evaluate_mean(self) -> None:
        """The mean of the weights at the last evaluations, once, where training ends; training on goes on from its own weights."""
        progress = self.progress
        self.world.wait_for_all()  # the main process has written them
        paths = kept_weights(self.folder / "training", progress.step)[-self.config.evaluation.average :]
        if len(paths) > 1:
            with exchanged(self.model, mean_weights(paths, self.model)):
                metrics, value, best = self._validate()
                if best:
                    progress.best, progress.best_step = value, progress.step
                    if self.world.is_main:
                        self.save_best(progress.step)
            seconds = round(progress.seconds, 3)
            self._record({"kind": "average", **self._place(), "weights": len(paths), **metrics, "best": best, "seconds": seconds})
        progress.averaged = progress.step

    def _better(self, value: float, than: float) -> bool:
        return value > than if self.higher_is_better else value < than

    def _log(self, rate: float) -> None:
        progress = self.progress
        self._record(
            {
                "kind": "train",
                **self._place(),
                "loss": progress.window_loss / progress.window_tokens,
                "rate": rate,
                "gradient_norm": progress.window_norm / progress.window_steps,
                "tokens": progress.tokens,
                "tokens_per_second": round(progress.window_tokens / max(1e-9, progress.window_seconds), 1),
                "seconds": round(progress.seconds, 3),
            }
        )
        progress.window_loss, progress.window_norm, progress.window_seconds = 0.0, 0.0, 0.0
        progress.window_tokens, progress.window_steps = 0, 0

    def _place(self) -> dict[str, float]:
        done = self.progress.position / len(self._epoch_plan(self.progress.epoch)) if self.progress.position else 0.0
        return {"step": self.progress.step, "epoch": round(self.progress.epoch + done, 4)}

    def _record(self, record: dict[str, Any]) -> None:
        if self.metrics:
            self.metrics.append(record)
            self._tell(record)

    def _tell(self, record: dict[str, Any]) -> None:
        for listener in self.listeners:
            listener(record)

    def _say_progress(self) -> None:
        now = time.perf_counter()
        if self.world.is_main and now - self._last_said > SECONDS_BETWEEN_PROGRESS:
            self._last_said = now
            place = self._place()
            self._tell(
                {
                    "kind": "progress",
                    **place,
                    "share_done": self._share_done(place["epoch"]),
                    "seconds": self.progress.seconds,
                }
            )

    def _share_done(self, epoch: float) -> float:
        """How far training is towards the limit that it will meet first, 0 to 1."""
        config, progress = self.config, self.progress
        shares = [0.0]
        if config.steps:
            shares.append(progress.step / config.steps)
        if config.epochs:
            shares.append(epoch / config.epochs)
        if config.minutes:
            shares.append(progress.seconds / (60 * config.minutes))
        return min(1.0, max(shares))

    def _tick(self) -> float:
        """Add the seconds since the last tick to the training time, and return them."""
        now = time.perf_counter()
        passed, self._clock = now - self._clock, now
        self.progress.seconds += passed
        return passed

    # ---------------------------------------------------------------- checkpoints and signals

    def _checkpoint(self) -> None:
        progress = self.progress
        progress.peak_memory_gib = max(progress.peak_memory_gib, self.world.maximum(peak_memory_gib()))
        if self.metrics:
            progress.metrics_bytes = self.metrics.sync()
            write_checkpoint(self.folder / "training", progress.step, self.model, self.optimizer, dataclasses.asdict(progress))
        self._saved = progress.place

    def _resume(self) -> None:
        """Go back to the newest checkpoint, if there is one."""
        folders = checkpoint_folders(self.folder / "training")
        if not folders:
            return
        state = read_checkpoint(folders[-1], self.model, self.optimizer)
        self.progress = progress = from_mapping(Progress, state, f"the checkpoint {folders[-1]}")
        if progress.position >= (batches := len(self._epoch_plan(progress.epoch))):
            raise GyeboError(
                f"The checkpoint {folders[-1]} stands after batch {progress.position:,} of an epoch, but an epoch of these data has"
                f" {batches:,}. Remove the folder to go on from the checkpoint before it."
            )
        self._saved = progress.place
        self.world.wait_for_all()  # no process writes a checkpoint before all have read this one
        if self.world.is_main and progress.best_step == progress.step and self.saved_best() != progress.step:
            self.save_best(progress.step)  # an earlier start was killed between the checkpoint and this

    def _interrupt(self) -> None:
        if self.stop and self.world.size == 1:
            raise _EvaluationCut

    def _stop_now(self) -> None:
        if self.progress.step and not self._is_saved():
            self._checkpoint()
        raise Interrupted(self.stop.number or signal.SIGTERM, self.progress.step)

    def _refuse(self, batches: list[Rows], step: int) -> None:
        """NaN or infinity: keep the weights as they are, and say where it came from."""

        def forward() -> Tensor:
            return torch.stack([self._forward(rows, step, number) for number, rows in enumerate(batches)]).sum()

        with torch.compiler.set_stance("force_eager"):  # compiled code does not run the hooks that look
            culprit = first_bad_module(self.model, forward)
        raise NonFiniteError(
            f"Step {step} was stopped before the update: {culprit} is NaN or infinite. The weights are those of step"
            f" {self.progress.step}, and the last checkpoint is untouched. Try a lower --optimizer.rate, a smaller --optimizer.clip,"
            " or look for what is odd in the data."
        )

    # ---------------------------------------------------------------- how the model is called

    def _build_step_module(self) -> nn.Module:
        step = _LossOfRows(self.model, self.problem, self.device)
        if self.config.compile:
            step.compile(dynamic=True)
        if self.world.size == 1:
            return step
        return nn.parallel.DistributedDataParallel(
            step, device_ids=[self.world.local_rank] if self.device.startswith("cuda") else None
        )

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.config.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast("cuda" if self.device.startswith("cuda") else "cpu", torch.bfloat16)


class _LossOfRows(nn.Module):
    """The forward that DistributedDataParallel wraps: rows of the training split -> summed loss."""

    def __init__(self, model: nn.Module, problem: Problem, device: str) -> None:
        super().__init__()
        self.model = model
        self.problem = problem
        self.device = device

    def forward(self, rows: Rows) -> Tensor:
        return self.problem.loss(self.model, rows, self.device)
