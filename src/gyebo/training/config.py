"""How a model is trained, whatever it is: the fields that every recipe has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["BatchConfig", "EvaluationConfig", "OptimizerConfig", "ScheduleConfig", "TrainingConfig"]


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """The [batch] table."""

    tokens: int = 2048
    """the most that a batch holds: padded tokens of the longer side; where there is no text, images, which count as one token each"""
    accumulate: int = 1
    """batches whose gradients are added before one update"""

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.accumulate < 1:
            raise ValueError(f"batch.tokens={self.tokens} and batch.accumulate={self.accumulate} must both be at least 1.")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """The [optimizer] table."""

    name: Literal["adam", "adamw", "adamax", "nadam", "sgd", "adagrad", "rmsprop", "adadelta"] = "adam"
    rate: float = 1e-3
    """the learning rate at its highest; the schedule scales it"""
    betas: tuple[float, float] = (0.9, 0.999)
    """decay of the averages of gradient and squared gradient (adam, adamw, adamax, nadam)"""
    amsgrad: bool = False
    """divide by the largest average of the squared gradient so far (adam and adamw only)"""
    momentum: float = 0.0
    """sgd only"""
    nesterov: bool = False
    """let the momentum look ahead (sgd only)"""
    rho: float = 0.95
    """decay of the average of the squared gradient (adadelta, rmsprop)"""
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip: float = 1.0
    """the gradient's norm over all parameters is scaled down to this; 0 leaves it"""

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"optimizer.rate={self.rate} moves nothing; try 0.001.")
        if not all(0 <= beta < 1 for beta in self.betas) or not 0 <= self.rho <= 1:
            raise ValueError(
                f"optimizer.betas={self.betas} and optimizer.rho={self.rho} are shares: from 0 up to, not including, 1."
            )
        if min(self.momentum, self.epsilon, self.weight_decay) < 0:
            raise ValueError("optimizer.momentum, optimizer.epsilon and optimizer.weight_decay cannot be negative.")
        # A number that a rule does not use is left over from another rule's recipe; these two choose the rule itself.
        if self.amsgrad and self.name not in ("adam", "adamw"):
            raise ValueError(
                f"optimizer.amsgrad is a kind of adam and adamw, but optimizer.name is {self.name!r}. Change one of them."
            )
        if self.nesterov and (self.name != "sgd" or not self.momentum):
            raise ValueError(
                "optimizer.nesterov is a kind of sgd with momentum, but optimizer.name is"
                f" {self.name!r} and optimizer.momentum={self.momentum:g}. Give sgd a momentum such as 0.9, or leave nesterov out."
            )
        if self.clip < 0:
            raise ValueError(f"optimizer.clip={self.clip} is negative; 0 turns clipping off, 1 is usual.")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The [schedule] table: the factor on the learning rate, by step."""

    name: Literal["constant", "linear", "cosine", "inverse-sqrt", "plateau"] = "constant"
    """after the warm-up: stay; fall in a line, or along a half cosine, to `floor` at the last step; fall with 1/sqrt(step); or
    multiply by `factor` whenever an evaluation brings no improvement"""
    warmup: int = 0
    """steps from 0 up to the full rate, in a line"""
    floor: float = 0.0
    """the lowest factor (linear, cosine)"""
    factor: float = 0.5
    """plateau only"""

    def __post_init__(self) -> None:
        if self.warmup < 0:
            raise ValueError(f"schedule.warmup={self.warmup} is negative; 0 begins with the full rate.")
        if not (0 <= self.floor <= 1 and 0 < self.factor <= 1):
            raise ValueError(
                f"schedule.floor={self.floor:g} and schedule.factor={self.factor:g} are shares of the rate: from 0 to 1."
            )


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """The [evaluation] table."""

    every: int = 0
    """steps between evaluations; 0 evaluates at the end of each epoch"""
    metric: str = "loss"
    """the validation metric that chooses the best weights"""
    patience: int = 0
    """stop after so many evaluations without improvement; 0 never stops early"""
    target: float | None = None
    """stop as soon as the metric is at least this good"""
    average: int = 0
    """at the end, the mean of the weights at the last so many evaluations is evaluated too, and kept where it is the best; 0 does not"""

    def __post_init__(self) -> None:
        if self.every < 0 or self.patience < 0:
            raise ValueError(f"evaluation.every={self.every} and evaluation.patience={self.patience} cannot be negative.")
        if self.average < 0 or self.average == 1:
            raise ValueError(f"evaluation.average={self.average} averages nothing: 0 turns it off, 5 is usual.")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    seed: int = 1
    steps: int = 0
    """stop after so many updates; 0 sets no limit"""
    epochs: int = 10
    """stop after so many passes over the training data; 0 sets no limit"""
    minutes: float = 0.0
    """stop after so many minutes of training, evaluations included; 0 sets no limit"""
    threads: int = 0
    """CPU threads of each process; 0 takes one a core, shared equally among the processes of a machine"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 computes matrix products in bfloat16 (autocast) and keeps the weights in fp32"""
    compile: bool = False
    """compile the model with torch.compile (needs a C++ compiler)"""
    log_every: int = 50
    """steps between lines of metrics.jsonl"""
    checkpoint_every: int = 0
    """steps between checkpoints; 0 writes one after each evaluation. New best weights always come with one."""
    batch: BatchConfig = field(default_factory=BatchConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        if not (self.steps or self.epochs or self.minutes):
            raise ValueError("steps, epochs and minutes are all 0: training would never end. Give one of them a limit.")
        if min(self.steps, self.epochs, self.minutes) < 0:
            raise ValueError("steps, epochs and minutes cannot be negative; 0 sets no limit.")
        if self.schedule.name in ("linear", "cosine") and not (self.steps or self.epochs):
            raise ValueError(
                f"the schedule {self.schedule.name!r} falls towards the last step: give steps or epochs, not only minutes."
            )
        if self.log_every < 1:
            raise ValueError(f"log_every={self.log_every} must be at least 1.")
        if min(self.checkpoint_every, self.threads) < 0:
            raise ValueError(f"checkpoint_every={self.checkpoint_every} and threads={self.threads} cannot be negative.")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed={self.seed} must lie between 0 and 2^63.")
