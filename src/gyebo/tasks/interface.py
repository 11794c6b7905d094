"""What training, runs and the command line may ask of a task, whatever kind of problem it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from torch import Tensor, nn

from gyebo.data.batching import Rows
from gyebo.data.download import Progress

__all__ = ["Evaluation", "Interrupt", "Prediction", "Problem", "Split", "Splits", "Task", "TaskType"]

Interrupt: TypeAlias = Callable[[], None]
"""called between batches of long work; raises to leave it"""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One answer: the input as given, or its name, the output, its score, and what a view of it needs."""

    input: str
    output: str
    score: float
    """the larger, the surer: log p of a text, the probability of a class"""
    input_tokens: list[str] = field(default_factory=list)
    """of tasks on text, as are the output's"""
    output_tokens: list[str] = field(default_factory=list)
    alignment: list[list[float]] | None = None
    """(output tokens, input tokens) weights, for models that align"""
    alternatives: tuple[str, ...] = ()
    """the other hypotheses of the search, or other classes, best first; or further samples"""
    log_probability: float | None = None
    """sum of log p over the output's tokens, where the task keeps it"""
    alternative_scores: tuple[float, ...] = ()
    """the scores of the alternatives, where the task keeps them"""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics of a split, how they were computed, and every example beside its reference."""

    metrics: dict[str, float]
    signatures: dict[str, str]
    """metric -> the settings that make it comparable, such as sacrebleu's signature"""
    tables: dict[str, list[dict[str, Any]]]
    """further tables, such as the metrics by length of the input"""
    predictions: list[Prediction]
    references: list[str]
    pictures: dict[str, list[str]] = field(default_factory=dict)
    """table -> a picture for each of its rows: a PNG as base64 text"""


class Splits(Protocol):
    """Data as a task opens them: three splits, and where they come from."""

    @property
    def name(self) -> str: ...

    @property
    def train(self) -> Sized: ...

    @property
    def validation(self) -> Sized: ...

    @property
    def test(self) -> Sized: ...

    @property
    def fingerprint(self) -> str:
        """sha256 over all that is in them, so equal fingerprints mean equal data."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the data that its user should know, a sentence each."""
        ...

    def facts(self) -> dict[str, Any]:
        """What a run folder keeps of them, as plain JSON values: name, licence, citation, url, fingerprint, notes, sizes."""
        ...


class Split(Protocol):
    """The examples of a split, ready for the model."""

    def __len__(self) -> int: ...

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        """The order of one epoch: a pure function of its arguments.

        tokens: how much a batch may hold, in what the task counts: padded tokens of text, or images.
        """
        ...

    def num_tokens(self, rows: Rows) -> int:
        """What the loss of these rows is divided by."""
        ...


class Problem(Protocol):
    """A task with its data: all that the training loop knows of what it trains."""

    @property
    def training(self) -> Split: ...

    @property
    def validation(self) -> Split: ...

    notes: tuple[str, ...]
    """what was done to the training data that its user should know, a sentence each"""

    def check(self, model: nn.Module) -> None:
        """Raises UsageError where the data hold what the model cannot read, before any of it is trained on."""
        ...

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        """What training minimises, summed over the tokens (or images) of these training rows.

        Whatever the task adds for training is in it, such as label smoothing; the metric "loss" of `validate` is without.
        """
        ...

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        """Metrics on the validation split, cheap enough to be computed often."""
        ...

    def higher_is_better(self, metric: str) -> bool:
        """Whether the larger value of a metric is the better one.  Raises UsageError for an unknown metric."""
        ...


class Task(Protocol):
    """A kind of problem with all that it learned from the training split, such as vocabularies, or names of classes."""

    config: Any

    def model_fields(self) -> dict[str, Any]:
        """The fields of the model's config that follow from the data, such as the size of the vocabulary."""
        ...

    def problem(self, data: Any, seed: int = 0) -> Problem:
        """The task with its data; seed: of the random changes that training makes to them, such as shifted images."""
        ...

    def predict(self, model: nn.Module, inputs: Sequence[str], device: str, interrupt: Interrupt) -> list[Prediction]: ...

    def notes(self, inputs: Sequence[str]) -> list[str]:
        """What a reader of the predictions for these inputs should know, a sentence each."""
        ...

    def evaluate(self, model: nn.Module, data: Any, split: str, device: str, interrupt: Interrupt) -> Evaluation: ...

    def save(self, folder: Path) -> None: ...


class TaskType(Protocol):
    """The class of a task: its config, how it is made from data, and how it is read back."""

    name: str
    Config: type[Any]
    model_field_names: tuple[str, ...]
    """fields of the model's config that the task fills in, and a recipe therefore does not hold"""
    reads: Literal["text", "images"]
    """what an input of `predict` is: the text itself, or the path of an image"""

    def open(self, data: tuple[str, ...], config: Any, data_dir: Path | None, on_progress: Progress | None = None) -> Any:
        """The data that a recipe names; on_progress: (bytes there, bytes in all) of downloads."""
        ...

    def open_whole(self, data: tuple[str, ...], config: Any, data_dir: Path | None) -> Any:
        """Data that are only evaluated: own files are not split, all of them is the test split; of a folder that its owner split,
        it is the owner's test split, or all where there is none."""
        ...

    def learn(self, config: Any, data: Any) -> Task:
        """The task, with what it learns from the training split."""
        ...

    def load(self, config: Mapping[str, Any], folder: Path) -> Task:
        """The task as `save` left it in a folder."""
        ...
