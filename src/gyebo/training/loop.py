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
from gyebo.tasks.interface import Problem
from gyebo.training.checkpoints import checkpoint_folders, read_checkpoint, write_checkpoint
from gyebo.training.config import TrainingConfig
from gyebo.training.distributed import World
from gyebo.training.guard import NonFiniteError, first_bad_module
from gyebo.training.metrics import MetricsFile
from gyebo.training.optimizers import build_optimizer, rate_factor
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
    window_loss: float = 0.0
    window_tokens: int = 0
    window_norm: float = 0.0
    window_steps: int = 0
    window_seconds: float = 0.0


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
    save_best: called in the main process whenever the validation metric is the best so far.
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
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        self.model, self.problem, self.config, self.folder = model, problem, config, folder
        self.device, self.world = device, world or World()
        self.save_best, self.listeners = save_best, listeners
        self.higher_is_better = problem.higher_is_better(config.evaluation.metric)
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(self.parameters, config.optimizer)
        self.progress = Progress()
        self.stop = StopAsked()
        self._step_module = self._build_step_module()
        self._plan: tuple[int, list[Rows]] | None = None
        self._saved: tuple[int, int] | None = None
        """(step, evaluated) of the newest checkpoint"""

    # ---------------------------------------------------------------- the loop

    def run(self) -> Outcome:
        """Train to the end, resuming what is there.

        Raises Interrupted after a signal, NonFiniteError before NaN enters the weights, DiskError where a checkpoint does not fit.
        """
        metrics_size = self._resume()
        self.metrics = MetricsFile(self.folder / "metrics.jsonl", metrics_size) if self.world.is_main else None
        begun = dataclasses.replace(self.progress)
        try:
            with stop_signals() as self.stop:
                reason = self._loop()
        finally:
            if self.metrics:
                self.metrics.close()
        was_finished = (begun.step, begun.evaluated) == (self.progress.step, self.progress.evaluated)
        return Outcome(reason, self.progress, was_finished)

    def _loop(self) -> str:
        progress = self.progress
        self.model.train()
        self._clock = time.perf_counter()
        self._last_said = 0.0
        while True:
            reason = self._limit_reached()
            if progress.step and progress.evaluated != progress.step and (reason or self._evaluation_due()):
                try:
                    self._evaluate()
                except _EvaluationCut:
                    self._stop_now()
                reason = reason or self._limit_reached()
            if self._checkpoint_due(reason):
                self._checkpoint()
            if self.world.all_agree(bool(self.stop)):
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
        _seed(_mix(self.config.seed, step, number, self.world.rank), self.device)
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
        if config.minutes and self.world.all_agree(progress.seconds >= config.minutes * 60):
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
        return self._saved == (self.progress.step, self.progress.evaluated)

    # ---------------------------------------------------------------- what is done now and then

    def _evaluate(self) -> None:
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
        best = math.isfinite(value) and (progress.best is None or self._better(value, progress.best))
        if best:
            progress.best, progress.best_step, progress.without_improvement = value, progress.step, 0
            if self.world.is_main:
                self.save_best(progress.step)
        else:
            progress.without_improvement += 1
            progress.reductions += 1
        progress.evaluated = progress.step
        self._record({"kind": "evaluation", **self._place(), **metrics, "best": best, "seconds": round(progress.seconds, 3)})

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
        if self.metrics:
            state = dataclasses.asdict(self.progress) | {"metrics_bytes": self.metrics.sync()}
            write_checkpoint(self.folder / "training", self.progress.step, self.model, self.optimizer, state)
        self._saved = (self.progress.step, self.progress.evaluated)

    def _resume(self) -> int:
        """Go back to the newest checkpoint, if there is one, and return the size that metrics.jsonl had then."""
        folders = checkpoint_folders(self.folder / "training")
        if not folders:
            return 0
        state = read_checkpoint(folders[-1], self.model, self.optimizer)
        size = state.pop("metrics_bytes", 0)
        self.progress = from_mapping(Progress, state, f"the checkpoint {folders[-1]}")
        self._saved = (self.progress.step, self.progress.evaluated)
        self.world.all_agree(False)  # no process writes a checkpoint before all have read this one
        return size

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
            " or look for the batch's text in the data."
        )

    # ---------------------------------------------------------------- how the model is called

    def _build_step_module(self) -> nn.Module:
        step = _LossOfRows(self.model, self.problem, self.device)
        if self.config.compile:
            step.compile(dynamic=True)
        if self.world.size == 1:
            return step
        return nn.parallel.DistributedDataParallel(step, device_ids=[self.world.local_rank] if self.device.startswith("cuda") else None)

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


def _seed(seed: int, device: str) -> None:
    """Seed the generators that a step draws from: torch.manual_seed asks every backend there is, which takes 140 us."""
    torch.default_generator.manual_seed(seed)
    if device.startswith("cuda"):
        torch.cuda.manual_seed(seed)


def _mix(*numbers: int) -> int:
    """One seed of 63 bits from several numbers, so that neighbouring steps draw unrelated random numbers.

    >>> _mix(1, 2, 3) != _mix(1, 3, 2)
    True
    """
    mixed = 0
    for number in numbers:  # the finalizer of SplitMix64 (Steele, Lea, Flood 2014)
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return mixed & 0x7FFFFFFFFFFFFFFF
