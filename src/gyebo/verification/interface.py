"""What the contract may ask of a model: an adapter for each interface of `gyebo.models.interfaces`.

A property of the contract knows neither an architecture's name nor its task. It asks a `Subject` for a small model, for batches, and
for a loss. What only models of tokens or of images have, their subjects add (`gyebo.verification.tokens`, `gyebo.verification.images`),
and the table of the contract says for each property which subjects it is for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.genealogy import Architecture

__all__ = ["Batch", "Shape", "Subject"]

Batch = TypeVar("Batch")
"""What a subject calls a batch: inputs and what belongs to them, with as many rows in each"""


@dataclass(frozen=True)
class Shape(Generic[Batch]):
    """A model, a batch that it must take, and the shape that its logits then have."""

    what: str
    model: nn.Module
    batch: Batch
    expected: tuple[int, ...]


class Subject(ABC, Generic[Batch]):
    """A tiny model of one architecture, and batches for it."""

    kind: str
    """what its models read, in one word of the pages"""

    def __init__(self, entry: Architecture) -> None:
        self.entry = entry
        self.config: Any = from_mapping(entry.config, entry.tiny, f"the tiny config of {entry.name}")

    def build(self, *, seed: int = 0, dtype: torch.dtype = torch.float32, config: Any = None) -> nn.Module:
        """A model in evaluation mode; config: another one than the tiny one."""
        torch.manual_seed(seed)
        return self.entry.model(self.config if config is None else config).to(dtype).eval()

    @property
    def has_dropout(self) -> bool:
        return "dropout" in {option.name for option in fields(self.entry.config)}

    def with_dropout(self, dropout: float) -> Any:
        """The tiny config with this dropout, where it has the option."""
        return replace(self.config, dropout=dropout) if self.has_dropout else self.config

    @abstractmethod
    def batch(self, rows: int, seed: int = 0) -> Batch:
        """So many rows, up to 5; no two are alike, and what may differ between rows does."""

    @abstractmethod
    def take(self, batch: Batch, rows: Sequence[int]) -> Batch:
        """These rows of a batch."""

    def cast(self, batch: Batch, dtype: torch.dtype) -> Batch:
        """A batch whose real numbers have this type; token numbers have none."""
        return batch

    @abstractmethod
    def arguments(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the model's forward takes."""

    @abstractmethod
    def tensors(self, batch: Batch) -> Sequence[Tensor]:
        """All that a batch holds, what only the loss reads included."""

    @abstractmethod
    def answers(self, model: Any, batch: Batch) -> list[Tensor]:
        """Row by row, the logits that count."""

    @abstractmethod
    def loss(self, model: Any, batch: Batch) -> Tensor:
        """What training minimises, for one row or token in the mean."""

    def loss_of_logits(self, model: Any, batch: Batch) -> Tensor:
        """The mean cross-entropy of what forward returns: `loss`, where the architecture has no loss of its own."""
        return self.loss(model, batch)

    @abstractmethod
    def still_to_learn(self, model: Any, batch: Batch, loss: Tensor) -> str:
        """What a model in training mode, which has this loss on the batch, does not know of it yet; empty where it knows all."""

    @abstractmethod
    def shapes(self) -> Iterator[Shape[Batch]]:
        """Batches of 1, 2 and 5 rows, and odd sizes."""

    @abstractmethod
    def extremes(self) -> Mapping[str, Batch]:
        """By name, batches whose numbers or sizes are at a limit."""

    @abstractmethod
    def other_rows(self) -> Iterator[Batch]:
        """Batches of other numbers of rows than `batch(3)`, but of its sizes."""

    @abstractmethod
    def other_sizes(self) -> Iterator[Batch]:
        """Batches that differ from `batch(3)` in every size that an exported graph leaves open."""

    @abstractmethod
    def open_axes(self, argument: Tensor) -> range:
        """The axes of an argument whose sizes an exported graph leaves open; the first is the batch."""
