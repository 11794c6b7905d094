"""The contract's adapters for models of tokens: padded rows of token numbers, read causally, and decoded step by step.

Letters: B batch, T time, S source time, V vocabulary.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, END, FIRST_TOKEN, PADDING, UNKNOWN, State
from gyebo.verification.interface import Shape, Subject

__all__ = ["Inputs", "LanguageModelSubject", "TokenSubject", "Tokens", "TranslatorSubject"]


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


LENGTHS = (5, 3, 7, 1, 9)
"""of the rows of a batch"""
BATCH_LENGTHS = ((1,), (7,), (3, 1), (5, 5), (9, 3, 7, 5, 1))
"""rows of 1, 2 and 5, of odd and of equal lengths"""
OTHER_ROWS = ((7,), (3, 7), (7, 1, 5, 3, 7))
OTHER_LENGTHS = ((3, 1), (9, 5, 11), (1,))


class TokenSubject(Subject[Inputs]):
    """What models of tokens have in common."""

    kind = "tokens"

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

    def batch(self, rows: int, seed: int = 0) -> Inputs:
        return self.inputs(LENGTHS[:rows], seed)

    def take(self, batch: Inputs, rows: Sequence[int]) -> Inputs:
        return tuple(tokens.rows(rows) for tokens in batch)

    def tensors(self, batch: Inputs) -> Sequence[Tensor]:
        return [*self.arguments(batch), *(tokens.numbers for tokens in batch)]

    def answers(self, model: Any, batch: Inputs) -> list[Tensor]:
        logits = model(*self.arguments(batch))
        return [row[real] for row, real in zip(logits, batch[-1].real, strict=True)]

    def loss(self, model: Any, batch: Inputs) -> Tensor:
        """Mean cross-entropy of the following tokens, in nats."""
        real = batch[-1].real
        return F.cross_entropy(model(*self.arguments(batch))[real], batch[-1].following()[real])

    def still_to_learn(self, model: Any, batch: Inputs, loss: Tensor) -> str:
        least = _least_loss(batch)
        return "" if loss < least + 0.1 else f"the loss is still {loss.item():.2f} nats, and {least:.2f} can be reached"

    def shapes(self) -> Iterator[Shape[Inputs]]:
        model = self.build()
        for lengths in BATCH_LENGTHS:
            yield Shape(f"lengths {lengths}", model, self.inputs(lengths), (len(lengths), max(lengths), self.vocabulary))

    def extremes(self) -> Mapping[str, Inputs]:
        return {
            "the shortest row": self.constant_inputs(END, 1),
            "one repeated token": self.constant_inputs(FIRST_TOKEN, 7),
            "unknown tokens only": self.constant_inputs(UNKNOWN, 7),
            "a long row": self.inputs([101]),
        }

    def other_rows(self) -> Iterator[Inputs]:
        """Rows of other lengths, as wide as those of `batch(3)`."""
        traced = self.batch(3)
        for lengths in OTHER_ROWS:
            inputs = self.inputs(lengths)
            yield tuple(
                tokens.padded(wide.numbers.shape[1] - tokens.numbers.shape[1]) for tokens, wide in zip(inputs, traced, strict=True)
            )

    def other_sizes(self) -> Iterator[Inputs]:
        return (self.inputs(lengths) for lengths in OTHER_LENGTHS)

    def open_axes(self, argument: Tensor) -> range:
        return range(argument.dim())


class TranslatorSubject(TokenSubject):
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

    def arguments(self, batch: Inputs) -> tuple[Tensor, ...]:
        source, target = batch
        return source.numbers, source.lengths, target.numbers

    def begin(self, model: Any, inputs: Inputs) -> tuple[State, State]:
        memory = model.encode(inputs[0].numbers, inputs[0].lengths)
        return memory, model.start(memory)

    def step(self, model: Any, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        return model.step(tokens, state, memory)


class LanguageModelSubject(TokenSubject):
    """For `gyebo.models.interfaces.LanguageModel`: one sequence, read causally."""

    @property
    def vocabulary(self) -> int:
        return self.config.vocabulary

    def inputs(self, lengths: Sequence[int], seed: int = 0) -> Inputs:
        return (_begun(_words(lengths, self.vocabulary, torch.Generator().manual_seed(seed))),)

    def constant_inputs(self, token: int, length: int) -> Inputs:
        return (_begun(_repeated(token, length, self.vocabulary)),)

    def arguments(self, batch: Inputs) -> tuple[Tensor, ...]:
        return batch[0].numbers, batch[0].lengths

    def begin(self, model: Any, inputs: Inputs) -> tuple[State, State]:
        return {}, model.start(len(inputs[0].numbers))

    def step(self, model: Any, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        return model.step(tokens, state)


def _least_loss(inputs: Inputs) -> float:
    """The loss of a model that knows the batch by heart: where rows begin alike, it cannot know which one goes on."""
    *others, causal = inputs
    seen: defaultdict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for row, following in enumerate(causal.following().tolist()):
        read = tuple(tuple(tokens.numbers[row].tolist()) for tokens in others)
        for position in range(int(causal.lengths[row])):
            past = tuple(causal.numbers[row, : position + 1].tolist())
            seen[read, past][following[position]] += 1
    surprise = sum(count * -math.log(count / nexts.total()) for nexts in seen.values() for count in nexts.values())
    return surprise / int(causal.real.sum())


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
