"""Keys and values of the tokens that a decoder has written, kept so that a step computes the newest token only.

Nothing is copied from step to step. The buffers of a layer have room for more tokens than there are; a step writes the newest ones
behind the others, and the buffers double when they are full. In a beam, the hypotheses of a sentence share one buffer, and each has
a mask over it that says which tokens are its own: when the search drops one hypothesis and continues another twice, the masks are
reordered and the keys stay where they are. Most tokens soon belong to no hypothesis any more; when the buffers of a beam are full,
those are left behind, and the others get twice the room that they need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from gyebo.layers.multi_head import additive

__all__ = ["KeyValueCache"]

FIRST_CAPACITY = 16


class _Buffers:
    """The memory that the caches of successive steps share: (B, N, capacity, K) a layer for keys, and for values."""

    def __init__(self, num_layers: int, device: torch.device) -> None:
        self.device = device
        self.keys: list[Tensor | None] = [None] * num_layers
        self.values: list[Tensor | None] = [None] * num_layers
        self.used = [0] * num_layers
        """places written, by layer"""

    @property
    def capacity(self) -> int:
        """Places that there are."""
        return 0 if self.keys[0] is None else self.keys[0].shape[2]


@dataclass(frozen=True)
class KeyValueCache:
    """Where decoding stands: a value like any other state, whose steps share their memory.

    sentences (B) and beam: hypotheses stand in rows, those of a sentence one after the other, so there are B * beam.
    length: tokens written, the newest included.
    own: (B, beam, places), the places that hold a hypothesis's own tokens; None for a beam of one, where all are its own.
    """

    buffers: _Buffers
    sentences: int
    beam: int = 1
    length: int = 0
    own: Tensor | None = None

    @classmethod
    def empty(cls, num_layers: int, sentences: int, device: torch.device | None = None) -> KeyValueCache:
        """device: where the tokens will be; the CPU where it is left out."""
        return cls(_Buffers(num_layers, device or torch.device("cpu")), sentences)

    def __len__(self) -> int:
        return self.sentences * self.beam

    @cached_property
    def mask(self) -> Tensor | None:
        """What is added to the scores of a hypothesis, (B, 1, beam, places): 0 at its own tokens, -inf at those of others."""
        if self.own is None:
            return None
        keys = self.buffers.keys[0]
        return additive(self.own, torch.get_default_dtype() if keys is None else keys.dtype).unsqueeze(1)

    @property
    def places(self) -> int:
        """How many places of the buffers are written: length * beam, or fewer where some were left behind."""
        return self.length * self.beam if self.own is None else self.own.shape[-1]

    def next(self) -> KeyValueCache:
        """The cache of the next step, for `extend` to fill."""
        if self.beam == 1:
            return replace(self, length=self.length + 1)
        newest = torch.eye(self.beam, dtype=torch.bool, device=self.buffers.device).expand(self.sentences, -1, -1)
        if self.own is None:
            return replace(self, length=1, own=newest)
        kept = self._without_dropped(self.own) if self.places + self.beam > self.buffers.capacity else self
        assert kept.own is not None, "something is written"
        return replace(kept, length=self.length + 1, own=torch.cat([kept.own, newest], -1))

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write the newest tokens of all rows, (rows, N, 1, K) each, and return all there are, (B, N, places, K) each."""
        begin, end = self.places - self.beam, self.places
        self._make_room(layer, key, begin, end)
        keys, values = self.buffers.keys[layer], self.buffers.values[layer]
        assert keys is not None
        assert values is not None
        keys[:, :, begin:end], values[:, :, begin:end] = self._side_by_side(key), self._side_by_side(value)
        self.buffers.used[layer] = end
        return keys[:, :, :end], values[:, :, :end]

    def _side_by_side(self, newest: Tensor) -> Tensor:
        """The newest tokens of a sentence's hypotheses as they stand in its buffer: (rows, N, 1, K) -> (B, N, beam, K)."""
        return newest if self.beam == 1 else newest.squeeze(2).unflatten(0, (self.sentences, self.beam)).transpose(1, 2)

    def _make_room(self, layer: int, like: Tensor, begin: int, end: int) -> None:
        """Buffers with room up to `end`; others' tokens behind `begin`, of a step that was taken from the same state, stay theirs."""
        buffers = self.buffers
        if buffers.used[layer] > begin:  # another step went on from here before: leave its memory alone
            self._branch()
            buffers = self.buffers
        for tensors in (buffers.keys, buffers.values):
            old = tensors[layer]
            if old is not None and old.shape[2] >= end:
                continue
            capacity = max(FIRST_CAPACITY * self.beam, 2 * (old.shape[2] if old is not None else 0), end)
            new = like.new_empty(self.sentences, like.shape[1], capacity, like.shape[3])
            if old is not None and begin:
                new[:, :, :begin] = old[:, :, :begin]
            tensors[layer] = new

    def _branch(self) -> None:
        begin = self.places - self.beam
        own = _Buffers(len(self.buffers.keys), self.buffers.device)
        own.keys = [None if item is None else item[:, :, :begin].clone() for item in self.buffers.keys]
        own.values = [None if item is None else item[:, :, :begin].clone() for item in self.buffers.values]
        own.used = [min(begin, used) for used in self.buffers.used]
        object.__setattr__(self, "buffers", own)

    def select(self, rows: Tensor) -> KeyValueCache:
        """The cache of other rows: any of them for a beam of one; for a wider beam whole sentences, each with hypotheses of its own."""
        if self.beam == 1:
            return self._of_sentences(rows)
        parents = rows.view(-1, self.beam)  # (sentences that stay, beam)
        sentences = parents[:, 0] // self.beam
        own = None if self.own is None else self.own.flatten(0, 1).index_select(0, rows).unflatten(0, parents.shape)
        kept = replace(self, own=own)
        if torch.equal(sentences, torch.arange(self.sentences, device=rows.device)):
            return kept
        return kept._of_sentences(sentences)

    def _of_sentences(self, sentences: Tensor) -> KeyValueCache:
        buffers = _Buffers(len(self.buffers.keys), self.buffers.device)
        # the room behind the tokens is selected too, so that the next step need not make room anew
        buffers.keys = [None if item is None else item.index_select(0, sentences) for item in self.buffers.keys]
        buffers.values = [None if item is None else item.index_select(0, sentences) for item in self.buffers.values]
        buffers.used = [min(self.places, used) for used in self.buffers.used]
        return replace(self, buffers=buffers, sentences=len(sentences))

    def _without_dropped(self, own: Tensor) -> KeyValueCache:
        """The cache in buffers of its own, twice as large as the places that still belong to a hypothesis."""
        live = own.any(1)  # (B, places)
        most = int(live.sum(1).max())
        kept = live.byte().argsort(dim=1, descending=True, stable=True)[
            :, :most
        ]  # (B, most): in their order, a sentence's fewer filled up
        buffers = _Buffers(len(self.buffers.keys), self.buffers.device)
        buffers.keys = [None if item is None else _gather_places(item, kept) for item in self.buffers.keys]
        buffers.values = [None if item is None else _gather_places(item, kept) for item in self.buffers.values]
        buffers.used = [most] * len(buffers.keys)
        return replace(self, buffers=buffers, own=own.gather(2, kept.unsqueeze(1).expand(-1, self.beam, -1)))

    def repeat(self, times: int) -> KeyValueCache:
        """Each row so many times in a row, as hypotheses of one sentence; only of a cache in which nothing is written."""
        assert self.length == 0, "a beam begins before the first token"
        assert self.beam == 1, "a beam is not repeated"
        return replace(self, beam=times)


def _gather_places(buffer: Tensor, kept: Tensor) -> Tensor:
    """Some places of each sentence at the beginning of a new buffer with as much room again.

    buffer (B, N, capacity, K), kept (B, number of places) -> (B, N, 2 * number of places, K).
    """
    sentences, heads, _, width = buffer.shape
    new = buffer.new_empty(sentences, heads, 2 * kept.shape[1], width)
    for sentence, places in enumerate(kept):
        new[sentence, :, : len(places)] = buffer[sentence].index_select(1, places)
    return new
