"""What surrounds decoding so that its steps are fast: it depends on what computes the model, and on how much there is to decode."""

from __future__ import annotations

from contextlib import AbstractContextManager

from torch import nn

from gyebo.layers.packed import PackedProducts

__all__ = ["fast_steps"]


def fast_steps(model: nn.Module, sentences: int | None = None) -> AbstractContextManager[None]:
    """To be entered around searches, as often as one likes: the model's own `fast_steps`, or packed matrix products.

    The model's own may be None, where it has none for its weights on this machine, or none that pays for so few sentences.
    sentences: how many will be decoded inside; None for a number that is not known yet, and large.

    >>> layer = nn.Linear(3, 2)
    >>> with fast_steps(layer):
    ...     print(tuple(layer.weight.shape))
    (2, 3)
    """
    own = model.fast_steps(sentences) if hasattr(model, "fast_steps") else None  # type: ignore[operator]
    return PackedProducts(model) if own is None else own
