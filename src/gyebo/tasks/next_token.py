"""What all tasks that predict tokens one after the other share: the loss and the metrics under teacher forcing."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.data.batching import Rows
from gyebo.tasks.interface import Interrupt

__all__ = ["TokenSplit", "summed_loss", "teacher_forced"]


class TokenSplit(Protocol):
    """Sequences whose tokens are predicted, given those before them."""

    def in_order(self, tokens: int) -> list[Rows]:
        """All rows once, in batches of at most so many padded tokens."""
        ...

    def real_features(self, model: nn.Module, rows: Rows, device: str) -> tuple[Tensor, Tensor]:
        """What the output layer reads at each real position (tokens, R), and the token that follows there (tokens,)."""
        ...


def summed_loss(model: nn.Module, split: TokenSplit, rows: Rows, device: str, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy in nats, summed over the real tokens of the rows: padding is neither computed nor counted."""
    features, following = split.real_features(model, rows, device)
    logits = model.logits(features)  # type: ignore[operator]  # (tokens, V)
    return F.cross_entropy(logits.float(), following, reduction="sum", label_smoothing=smoothing)


def teacher_forced(model: nn.Module, split: TokenSplit, device: str, interrupt: Interrupt) -> dict[str, float]:
    """Loss (nats a token), perplexity and token accuracy on a split, given the reference up to each token."""
    was_training = model.training
    model.eval()
    total, right, count = 0.0, 0, 0
    try:
        with torch.inference_mode():
            for rows in split.in_order(tokens=4000):
                interrupt()
                features, following = split.real_features(model, rows, device)
                logits = model.logits(features).float()  # type: ignore[operator]
                total += F.cross_entropy(logits, following, reduction="sum").item()
                right += int((logits.argmax(-1) == following).sum())
                count += len(following)
    finally:
        model.train(was_training)
    loss = total / count
    return {"loss": loss, "perplexity": math.exp(min(loss, 700.0)), "accuracy": right / count}
