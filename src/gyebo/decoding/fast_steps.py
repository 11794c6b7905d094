"""What surrounds decoding so that its steps are fast: it depends on what computes the model."""

from __future__ import annotations

from contextlib import AbstractContextManager

from torch import nn

from gyebo.decoding.packed import PackedProducts

__all__ = ["fast_steps"]


def fast_steps(model: nn.Module) -> AbstractContextManager[None]:
    """To be entered around a search, as often as one likes: the model's own `fast_steps`, or packed matrix products.

    The model's own may be None, where it has none for its weights on this machine.

    >>> layer = nn.Linear(3, 2)
    >>> with fast_steps(layer):
    ...     print(tuple(layer.weight.shape))
    (2, 3)
    """
    own = model.fast_steps() if hasattr(model, "fast_steps") else None  # type: ignore[operator]
    return PackedProducts(model) if own is None else own
