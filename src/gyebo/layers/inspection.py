"""Modules that can be opened: what a fast `forward` does not keep, computed a second time by the equations as they stand.

`gyebo.views.recorder` calls `inside` after a module was recorded, and compares its outputs with those of `forward`.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

__all__ = ["Inspectable", "Parts"]

Parts: TypeAlias = dict[str, Tensor]
"""What a module hides, by name, the batch in front: gates (B, T, D), the alignment of a recurrent decoder (B, T, S), the weights of
all heads of an attention (B, N, T, S)."""


@runtime_checkable
class Inspectable(Protocol):
    """A module with a recurrence or an attention of its own, which its fast `forward` does not show.

    >>> from gyebo.layers.multi_head import MultiHeadAttention
    >>> isinstance(MultiHeadAttention(4, 2), Inspectable)
    True
    """

    def inside(self, *arguments: Any, **named: Any) -> tuple[Any, Parts]:
        """The outputs of `forward` for the same arguments, computed plainly, and what was computed on the way."""
        ...
