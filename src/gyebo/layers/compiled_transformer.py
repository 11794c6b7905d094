"""A Transformer that decodes through compiled layers: the same weights, packed once, and what its steps carry along.

memory   {"real": (B, S), "sources": (B, S, 2 L D), keys and values of every layer of the decoder}
state    {"cache": WrittenTokens, "alignment": (rows, S)}
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CompiledTransformer", "WrittenTokens"]

FIRST_CAPACITY = 16


class CompiledTransformer:
    """The layers of a `gyebo.models.attention.transformer.Transformer`; its weights must not change from `of` on."""

    def __init__(self, model: Any, kernels: ModuleType, use_threads: Callable[[], None]) -> None:
        self.model, self.kernels, self.use_threads = model, kernels, use_threads
        attention, add_norm = model.decoder[0].masked_attention, model.decoder[0].add_norm_feed_forward
        self.num_heads, self.rotation = attention.num_heads, attention.rotation
        self.norm_first, self.epsilon = add_norm.norm_first, np.float32(add_norm.norm.eps)
        self.embedding, self.matrix = _array(model.target_embedding.weight), _array(model.output.weight)
        self.encoder = self._stack(model.encoder, model.encoder_norm, ("attention", "attention", "feed_forward"))
        self.decoder = self._stack(model.decoder, model.decoder_norm, ("masked_attention", "cross_attention", "feed_forward"))
        self.keys_values = torch.cat([layer.cross_attention.projection[self.width :] for layer in model.decoder]).detach()
        self.waves: list[np.ndarray] = []
        self.turns = self._turns(FIRST_CAPACITY)

    @classmethod
    def of(cls, model: nn.Module) -> CompiledTransformer | None:
        """None where numba is not installed, or the weights are not float32 on a CPU, or of a width of 1."""
        if importlib.util.find_spec("numba") is None:
            return None
        if any(weight.dtype != torch.float32 or weight.device.type != "cpu" or 1 in weight.shape for weight in model.parameters()):
            return None
        from gyebo.layers import compiling, transformer_kernels

        return cls(model, transformer_kernels, compiling.use_threads_of_torch)

    def __enter__(self) -> None:
        self.model.compiled = self

    def __exit__(self, *error: object) -> None:
        self.model.compiled = None

    @property
    def width(self) -> int:
        return self.embedding.shape[1]

    def serves(self) -> bool:
        """Whether the next sentence is decoded here: for inference in float32."""
        return not (self.model.training or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"))

    def remember(self, source: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The encoder: source (B, S), real (B, S) -> the memory."""
        model, (sentences, size) = self.model, source.shape
        embedded = model.source_positions(model.source_embedding(source)).flatten(0, 1)  # (B S, D)
        positions = np.tile(np.arange(size), sentences)
        rows = embedded if len(embedded) == 1 else F.pad(embedded, (0, 0, 0, max(0, self.kernels.FEWEST_ROWS - len(embedded))))
        self.use_threads()
        self.kernels.encode(
            rows.numpy(), *_sources(real), positions, self.encoder, self.num_heads, self.norm_first, self.epsilon,
            self._turns(size),
        )  # fmt: skip
        sources = F.linear(rows[: len(embedded)], self.keys_values)
        return {"real": real, "sources": sources.unflatten(0, source.shape)}

    def start(self, memory: dict[str, Tensor]) -> dict[str, Any]:
        real = memory["real"]
        return {"cache": WrittenTokens.none(len(real), len(self.decoder.inner), self.width), "alignment": torch.zeros(real.shape)}

    def step(self, tokens: Tensor, state: dict[str, Any], memory: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        rows, real = len(tokens), memory["real"]
        cache: WrittenTokens = state["cache"].next()
        position = cache.length - 1
        while len(self.waves) <= position:
            self.waves.append(self.model.target_positions(torch.zeros(1, 1, self.width), len(self.waves)).flatten().numpy())
        filled = rows if rows == 1 else max(rows, self.kernels.FEWEST_ROWS)
        logits, alignment = torch.empty(filled, len(self.matrix)), torch.empty(rows, real.shape[1])
        self.use_threads()
        self.kernels.decode(
            tokens.numpy(), self.embedding, self.waves[position], cache.buffers.written, cache.places,
            np.full(rows, cache.length), memory["sources"].flatten(0, 1).numpy(), *_sources(real), self.decoder, self.matrix,
            self.num_heads, self.norm_first, self.epsilon, self._turns(cache.length), position, logits.numpy(), alignment.numpy(),
        )  # fmt: skip
        return logits[:rows], {"cache": cache, "alignment": alignment}

    def _turns(self, length: int) -> np.ndarray:
        """Cosine and sine of each pair of a head at so many positions or more, (T, K); (0, K) where nothing is turned."""
        head_dim = self.width // self.num_heads
        if self.rotation is None:
            return np.empty((0, head_dim), np.float32)
        if not hasattr(self, "turns") or len(self.turns) < length:
            unit = torch.tensor([1.0, 0.0]).repeat(head_dim // 2).expand(1, 1, 2 * length, -1)  # turned: cosine and sine
            self.turns = self.rotation(unit)[0, 0].contiguous().numpy()
        return self.turns

    def _stack(self, layers: Sequence[Any], final_norm: nn.Module, sublayers: tuple[str, str, str]) -> Any:
        """sublayers: the attention to what the stack reads, the one to the source or again the first, and the feed-forward network."""
        own, cross, feed_forward = ([getattr(layer, name) for layer in layers] for name in sublayers)
        readers = cross if sublayers[0] != sublayers[1] else []
        norms = [getattr(layer, f"add_norm_{name}").norm for layer in layers for name in sublayers]
        final_norms = [final_norm] if isinstance(final_norm, nn.LayerNorm) else []
        width, outputs = self.width, len(self.matrix)
        return self.kernels.Stack(
            projection=_stacked([attention.projection for attention in own]),
            output=_stacked([attention.output for attention in own]),
            query=_stacked([attention.projection[:width] for attention in readers], width, width),
            read=_stacked([attention.output for attention in readers], width, width),
            inner=_stacked([part.inner.weight for part in feed_forward]),
            inner_bias=_stacked([part.inner.bias for part in feed_forward]),
            outer=_stacked([part.outer.weight for part in feed_forward]),
            outer_bias=_stacked([part.outer.bias for part in feed_forward]),
            norms=_stacked([torch.stack([norm.weight, norm.bias]) for norm in norms]).reshape(len(layers), 3, 2, width),
            final_norm=_stacked([torch.stack([norm.weight, norm.bias]) for norm in final_norms], 2, width),
            no_bias=np.zeros(max(3 * width, outputs), np.float32),
        )


def _array(weight: Tensor) -> np.ndarray:
    return weight.detach().contiguous().numpy()


def _stacked(parameters: Sequence[Tensor], *shape: int) -> np.ndarray:
    """A copy with the layers in front; shape: that of each, where there may be none."""
    return torch.stack([weight.detach() for weight in parameters]).numpy() if parameters else np.empty((0, *shape), np.float32)


def _sources(real: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Where the rows of each source stand among those of all, (B, S), and how many are real, (B,)."""
    sentences, size = real.shape
    return np.arange(sentences * size).reshape(sentences, size), real.sum(1).numpy()


@dataclass
class _Buffers:
    """The memory that successive steps share."""

    written: np.ndarray
    """(L, places, 2D): keys and values; `slots` places a step"""
    slots: int
    used: int = 0
    """steps written"""


@dataclass(frozen=True)
class WrittenTokens:
    """Keys and values of the tokens that each row has written; a `gyebo.models.interfaces.Rows`.

    Nothing is copied where a beam's rows change: each row lists the places of its own tokens, and only the lists move.
    length: tokens written, the newest included.  places (rows, T).
    """

    buffers: _Buffers
    places: np.ndarray
    length: int = 0

    @classmethod
    def none(cls, rows: int, num_layers: int, width: int) -> WrittenTokens:
        return cls._with_room(rows, num_layers, 2 * width)

    @classmethod
    def _with_room(cls, rows: int, num_layers: int, columns: int) -> WrittenTokens:
        written = np.empty((num_layers, FIRST_CAPACITY * rows, columns), np.float32)
        return cls(_Buffers(written, rows), np.empty((rows, FIRST_CAPACITY), np.int64))

    def __len__(self) -> int:
        return len(self.places)

    def next(self) -> WrittenTokens:
        """The tokens of the next step, which have their places and are still to be written."""
        rows, room = self.places.shape
        full = self.length == room or (self.length + 1) * self.buffers.slots > self.buffers.written.shape[1]
        branched = self.buffers.used > self.length  # another step went on from here before: leave its memory alone
        here = self._moved() if full or branched or rows > self.buffers.slots else self
        begin = here.length * here.buffers.slots
        here.places[:, here.length] = np.arange(begin, begin + rows)  # the same for every step that goes on from here
        here.buffers.used = here.length + 1
        return replace(here, length=here.length + 1)

    def _moved(self) -> WrittenTokens:
        """The same in memory of its own, with twice the room, and a slot for each row."""
        rows, (layers, _, columns) = len(self.places), self.buffers.written.shape
        time = max(FIRST_CAPACITY, 2 * self.length)
        written, places = np.empty((layers, time * rows, columns), np.float32), np.arange(time * rows).reshape(time, rows)
        written[:, : self.length * rows] = self.buffers.written[:, self.places[:, : self.length].T.flatten()]
        return replace(self, buffers=_Buffers(written, rows, self.length), places=places.T.copy())

    def select(self, rows: Tensor) -> WrittenTokens:
        """These rows, in this order."""
        return replace(self, places=self.places[rows.numpy()])

    def repeat(self, times: int) -> WrittenTokens:
        """Each row so many times in a row; only where nothing is written."""
        assert self.length == 0, "a beam begins before the first token"
        layers, _, columns = self.buffers.written.shape
        return self._with_room(len(self) * times, layers, columns)
