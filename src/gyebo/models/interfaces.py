"""What the rest of gyebo may ask of a model, whatever its architecture.

Tasks, decoding, views and the contract tests use these interfaces and never the name of an architecture. Token numbers below
`FIRST_TOKEN` have one meaning in every vocabulary of the project.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from torch import Tensor

__all__ = [
    "BEGIN",
    "END",
    "FIRST_TOKEN",
    "PADDING",
    "SPECIAL_TOKENS",
    "UNKNOWN",
    "LanguageModel",
    "State",
    "Translator",
]

PADDING, UNKNOWN, BEGIN, END = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<unk>", "<bos>", "<eos>")
FIRST_TOKEN = len(SPECIAL_TOKENS)

State: TypeAlias = dict[str, Tensor]
"""Named tensors, each with the batch as its first dimension, so that decoding can select and repeat rows of any model's state."""


class Translator(Protocol):
    """A sequence-to-sequence model: p(y_1 .. y_T | x_1 .. x_S) as a product over target tokens.

    source: (B, S) token numbers, each row ended by END and then padded; source_lengths: (B,), END counted.
    target: (B, T) token numbers, each row begun by BEGIN: position t predicts the token that stands at t + 1.
    """

    def __call__(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing: logits (B, T, V), equal to logits(features(...))."""
        ...

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """What the output layer reads, (B, T, R): the loss picks the real positions before it pays for the vocabulary."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """The output layer: (..., R) -> (..., V)."""
        ...

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        """The memory that decoding reads: it never changes while a sentence is decoded."""
        ...

    def start(self, memory: State) -> State:
        """The state before the first target token."""
        ...

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """One target token (B,) further: logits (B, V) for the next one, and the new state.

        A model that aligns keeps the weights of this step in the new state as "alignment", (B, S).
        """
        ...


class LanguageModel(Protocol):
    """A causal model of one sequence: position t predicts token t + 1 from tokens 1 .. t."""

    def __call__(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, T), each row begun by BEGIN; lengths (B,) -> logits (B, T, V), equal to logits(features(...))."""
        ...

    def features(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """What the output layer reads, (B, T, R)."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """The output layer: (..., R) -> (..., V)."""
        ...

    def start(self, rows: int) -> State:
        """The state before the first token, for so many rows."""
        ...

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) for the next one, and the new state."""
        ...
