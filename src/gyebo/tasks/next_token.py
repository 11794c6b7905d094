"""What all tasks that predict tokens one after the other share: the loss and the metrics under teacher forcing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.data.batching import Rows
from gyebo.layers.cross_entropy import summed_cross_entropy
from gyebo.models.interfaces import Choices
from gyebo.tasks.interface import Interrupt

__all__ = ["SampledSplit", "TokenSplit", "evaluating", "sampled_loss", "summed_loss", "teacher_forced"]


class TokenSplit(Protocol):
    """Sequences whose tokens are predicted, given those before them."""

    def in_order(self, tokens: int) -> list[Rows]:
        """All rows once, in batches of at most so many padded tokens."""
        ...

    def real_features(self, model: nn.Module, rows: Rows, device: str) -> tuple[Tensor, Tensor]:
        """What the output layer reads at each real position (tokens, R), and the token that follows there (tokens,)."""
        ...


class SampledSplit(TokenSplit, Protocol):
    """Sequences on which a `StochasticTranslator` can be trained."""

    def sampled_features(self, model: nn.Module, rows: Rows, device: str) -> tuple[Tensor, Tensor, Tensor, Choices]:
        """As `real_features` under sampled choices, with the real positions (B, T) between, and the choices at the end."""
        ...


def summed_loss(model: nn.Module, split: TokenSplit, rows: Rows, device: str, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy in nats, summed over the real tokens of the rows: padding is neither computed nor counted."""
    features, following = split.real_features(model, rows, device)
    logits = model.logits(features)  # type: ignore[operator]  # (tokens, V)
    return summed_cross_entropy(logits, following, smoothing)


def sampled_loss(model: nn.Module, split: SampledSplit, rows: Rows, device: str, smoothing: float = 0.0) -> Tensor:
    """`summed_loss` of a `StochasticTranslator`: the cross-entropy under the choices it made, and what it says of these choices."""
    features, following, real, choices = split.sampled_features(model, rows, device)
    log_p = model.logits(features).float().log_softmax(-1)  # type: ignore[operator]  # (tokens, V)
    right = log_p.gather(1, following.unsqueeze(1)).squeeze(1)
    loss = -((1 - smoothing) * right + smoothing * log_p.mean(1)).sum()
    log_likelihood = right.new_zeros(real.shape).masked_scatter(real, right.detach())
    return loss + model.choice_loss(choices, log_likelihood, real)  # type: ignore[operator]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """While the context lasts, the model is in evaluation mode; afterwards in the mode that it was in, whatever happens.

    >>> model = nn.Dropout()
    >>> with evaluating(model):
    ...     model.training
    False
    >>> model.training
    True
    """
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def teacher_forced(model: nn.Module, split: TokenSplit, device: str, interrupt: Interrupt) -> dict[str, float]:
    """Loss (nats a token), perplexity and token accuracy on a split, given the reference up to each token."""
    total, right, count = 0.0, 0, 0
    with evaluating(model), torch.inference_mode():
        for rows in split.in_order(tokens=4000):
            interrupt()
            features, following = split.real_features(model, rows, device)
            logits = model.logits(features).float()  # type: ignore[operator]
            total += F.cross_entropy(logits, following, reduction="sum").item()
            right += int((logits.argmax(-1) == following).sum())
            count += len(following)
    loss = total / count
    return {"loss": loss, "perplexity": math.exp(min(loss, 700.0)), "accuracy": right / count}
