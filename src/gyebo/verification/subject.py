"""What the contract may ask of a model: an adapter for each interface of `gyebo.models.interfaces`.

A property of the contract knows neither an architecture's name nor its interface. It asks a `Subject` for a small model, for
inputs of any shape, and for logits from a whole pass or step by step. Which adapter an architecture gets follows from its task.

Letters: B batch, T time, S source time, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.config import from_mapping
from gyebo.genealogy import Architecture
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, END, FIRST_TOKEN, PADDING, State

__all__ = ["Inputs", "LanguageModelSubject", "Subject", "Tokens", "TranslatorSubject", "subject_of"]


@dataclass(frozen=True)
class Tokens:
    """A padded batch of token numbers (B, T), which of them are real (B, T), and how many numbers there are."""

    numbers: Tensor
    real: Tensor
    vocabulary: int

    @property
    def lengths(self) -> Tensor:
        """(B,)"""
        return self.real.sum(1)

    def following(self) -> Tensor:
        """The token after each position, END after the last real one: (B, T)."""
        shifted = F.pad(self.numbers[:, 1:], (0, 1), value=PADDING)
        return shifted.masked_fill(self.real & ~F.pad(self.real[:, 1:], (0, 1)), END)

    def rows(self, index: Sequence[int]) -> Tokens:
        """These rows, padded as they are."""
        return replace(self, numbers=self.numbers[index], real=self.real[index])

    def padded(self, columns: int) -> Tokens:
        """The same with so many more columns of padding."""
        numbers = F.pad(self.numbers, (0, columns), value=PADDING)
        return replace(self, numbers=numbers, real=F.pad(self.real, (0, columns)))

    def replaced(self, places: Tensor) -> Tokens:
        """Another word at each of these places (B, T)."""
        words = self.vocabulary - FIRST_TOKEN
        others = FIRST_TOKEN + (self.numbers - FIRST_TOKEN + 1) % words
        return replace(self, numbers=torch.where(places, others, self.numbers))


Inputs: TypeAlias = tuple[Tokens, ...]
"""All that a model reads; the last one is read causally, and has a prediction at every position."""


class Subject(ABC):
    """A tiny model of one architecture, and inputs for it."""

    def __init__(self, entry: Architecture) -> None:
        self.entry = entry
        self.config: Any = from_mapping(entry.config, entry.tiny, f"the tiny config of {entry.name}")

    def build(self, *, seed: int = 0, dtype: torch.dtype = torch.float32, config: Any = None) -> nn.Module:
        """A model in evaluation mode; config: another one than the tiny one."""
        torch.manual_seed(seed)
        return self.entry.model(self.config if config is None else config).to(dtype).eval()

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """V, how many tokens the logits are for."""

    @abstractmethod
    def inputs(self, lengths: Sequence[int], seed: int = 0) -> Inputs:
        """Random rows with so many predictions each."""

    @abstractmethod
    def constant_inputs(self, token: int, length: int) -> Inputs:
        """A row that repeats one token; of length 1, the shortest that there can be."""

    @abstractmethod
    def arguments(self, inputs: Inputs) -> tuple[Tensor, ...]:
        """What the model's forward takes."""

    @abstractmethod
    def begin(self, model: Any, inputs: Inputs) -> tuple[State, State]:
        """Before the first step: the memory, which does not change, and the state, which does."""

    @abstractmethod
    def step(self, model: Any, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) and the new state."""

    def decode(self, model: Any, inputs: Inputs) -> dict[str, Tensor]:
        """All steps: "logits" (B, T, V) and, from a model that aligns, "alignment" (B, T, S)."""
        memory, state = self.begin(model, inputs)
        steps: dict[str, list[Tensor]] = {"logits": []}
        for tokens in inputs[-1].numbers.unbind(1):
            logits, state = self.step(model, tokens, state, memory)
            steps["logits"].append(logits)
            if "alignment" in state:
                steps.setdefault("alignment", []).append(state["alignment"])
        return {name: torch.stack(parts, 1) for name, parts in steps.items()}

    def loss(self, model: Any, inputs: Inputs) -> Tensor:
        """Mean cross-entropy of the following tokens, in nats."""
        real = inputs[-1].real
        return F.cross_entropy(model(*self.arguments(inputs))[real], inputs[-1].following()[real])


class TranslatorSubject(Subject):
    """For `gyebo.models.interfaces.Translator`: a whole source, and a target that is read causally."""

    @property
    def vocabulary(self) -> int:
        return self.config.target_vocabulary

    def inputs(self, lengths: Sequence[int], seed: int = 0) -> Inputs:
        """Sources are longer than targets, and the longest source belongs to the shortest target."""
        generator = torch.Generator().manual_seed(seed)
        source = _words([max(lengths) + min(lengths) - length + 2 for length in lengths], self.config.source_vocabulary, generator)
        target = _words(lengths, self.config.target_vocabulary, generator)
        return _ended(source), _begun(target)

    def constant_inputs(self, token: int, length: int) -> Inputs:
        source, target = (
            _repeated(token, length, vocabulary) for vocabulary in (self.config.source_vocabulary, self.config.target_vocabulary)
        )
        return _ended(source), _begun(target)

    def arguments(self, inputs: Inputs) -> tuple[Tensor, ...]:
        source, target = inputs
        return source.numbers, source.lengths, target.numbers

    def begin(self, model: Any, inputs: Inputs) -> tuple[State, State]:
        memory = model.encode(inputs[0].numbers, inputs[0].lengths)
        return memory, model.start(memory)

    def step(self, model: Any, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        return model.step(tokens, state, memory)


class LanguageModelSubject(Subject):
    """For `gyebo.models.interfaces.LanguageModel`: one sequence, read causally."""

    @property
    def vocabulary(self) -> int:
        return self.config.vocabulary

    def inputs(self, lengths: Sequence[int], seed: int = 0) -> Inputs:
        return (_begun(_words(lengths, self.vocabulary, torch.Generator().manual_seed(seed))),)

    def constant_inputs(self, token: int, length: int) -> Inputs:
        return (_begun(_repeated(token, length, self.vocabulary)),)

    def arguments(self, inputs: Inputs) -> tuple[Tensor, ...]:
        return inputs[0].numbers, inputs[0].lengths

    def begin(self, model: Any, inputs: Inputs) -> tuple[State, State]:
        return {}, model.start(len(inputs[0].numbers))

    def step(self, model: Any, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        return model.step(tokens, state)


SUBJECTS: dict[str, type[Subject]] = {"translate": TranslatorSubject, "language": LanguageModelSubject}
"""task -> the adapter of the interface that its models have"""


def subject_of(entry: Architecture) -> Subject:
    """The adapter for an architecture's interface."""
    assert entry.task in SUBJECTS, (
        f"{entry.name} is for the task {entry.task!r}, for which gyebo.verification.subject has no adapter"
    )
    return SUBJECTS[entry.task](entry)


def _words(lengths: Sequence[int], vocabulary: int, generator: torch.Generator) -> Tokens:
    real = real_positions(torch.tensor(lengths), max(lengths))
    numbers = torch.randint(FIRST_TOKEN, vocabulary, real.shape, generator=generator)
    return Tokens(numbers.masked_fill(~real, PADDING), real, vocabulary)


def _repeated(token: int, length: int, vocabulary: int) -> Tokens:
    numbers = torch.full((1, length), token)
    return Tokens(numbers, torch.ones_like(numbers, dtype=torch.bool), vocabulary)


def _begun(tokens: Tokens) -> Tokens:
    numbers = tokens.numbers.clone()
    numbers[:, 0] = BEGIN
    return replace(tokens, numbers=numbers)


def _ended(tokens: Tokens) -> Tokens:
    last = tokens.real & ~F.pad(tokens.real[:, 1:], (0, 1))
    return replace(tokens, numbers=tokens.numbers.masked_fill(last, END))
