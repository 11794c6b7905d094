"""A Transformer that decodes through compiled kernels: the same weights, and what its steps carry along.

A step is one compiled call, `gyebo.layers.transformer_kernels.decode`: calling its many small operations one by one would take longer than
they do. The encoder is called once for a batch, and is the model's own.

memory   {"real": (B, S), "sources": (B, S, 2 L D), keys and values of every layer of the decoder}
state    {"cache": WrittenTokens, "alignment": (rows, S)}
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.layers.packed import PackedProducts
from gyebo.layers.written_tokens import FIRST_CAPACITY, WrittenTokens

__all__ = ["CompiledTransformer", "kernels_are_used"]

FEWEST_SENTENCES = 256
"""fewer are decoded before the kernels are loaded or, the first time that a machine uses them, compiled"""

_entered = 0


def kernels_are_used() -> bool:
    """Whether the caller is inside a `CompiledTransformer`, and may use other kernels too."""
    return _entered > 0


class CompiledTransformer:
    """The layers of a `gyebo.models.attention.transformer.Transformer`; its weights must not change from `of` on.

    Inside `with`, the model encodes, starts and steps by it, where it `serves`.
    """

    def __init__(self, model: Any) -> None:
        from gyebo.layers import transformer_kernels

        self.model, self.kernels = model, transformer_kernels
        attention, add_norm = model.decoder[0].masked_attention, model.decoder[0].add_norm_feed_forward
        self.num_heads, self.rotation = attention.num_heads, attention.rotation
        self.norm_first, self.epsilon = add_norm.norm_first, np.float32(add_norm.norm.eps)
        self.embedding = model.target_embedding.weight.detach().numpy()
        self.inner_width = len(model.decoder[0].feed_forward.inner.weight)
        self.decoder = self._stack(model.decoder, model.decoder_norm)
        self.packed = PackedProducts(model)
        self.waves: list[np.ndarray] = []
        self.turns: np.ndarray = np.empty((0, 0), np.float32)

    @classmethod
    def of(cls, model: nn.Module, sentences: int | None = None) -> CompiledTransformer | None:
        """None where numba is not installed, the weights are not float32 on a CPU, or there is little to decode.

        sentences: how many will be decoded, None where many.  This number decides and not, say, whether the kernels are loaded already:
        the same work is to be done in the same way, to the last bit.
        """
        if importlib.util.find_spec("numba") is None or (sentences is not None and sentences < FEWEST_SENTENCES):
            return None
        if any(weight.dtype != torch.float32 or weight.device.type != "cpu" for weight in model.parameters()):
            return None
        return cls(model)

    def __enter__(self) -> None:
        global _entered
        _entered += 1
        self.packed.__enter__()
        self.model.compiled = self

    def __exit__(self, *error: object) -> None:
        global _entered
        _entered -= 1
        self.packed.__exit__(*error)
        self.model.compiled = None

    @property
    def width(self) -> int:
        return self.embedding.shape[1]

    def serves(self) -> bool:
        """Whether the next sentences are decoded here: for inference in float32."""
        return not (self.model.training or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"))

    def remember(self, source: Tensor, real: Tensor) -> dict[str, Tensor]:
        """source (B, S), real (B, S) -> the memory."""
        memory = self.model.remember(source, real[:, None, None])  # (B, S, D)
        sources = [F.linear(memory, layer.cross_attention.projection[self.width :]) for layer in self.model.decoder]
        return {"real": real, "sources": torch.cat(sources, -1)}

    def start(self, memory: dict[str, Tensor]) -> dict[str, Any]:
        real = memory["real"]
        return {"cache": WrittenTokens.none(len(real), len(self.model.decoder), self.width), "alignment": torch.zeros(real.shape)}

    def step(self, tokens: Tensor, state: dict[str, Any], memory: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        """tokens (rows,) -> logits (rows, V), and the state behind them."""
        cache: WrittenTokens = state["cache"].next()
        kernels, rows, size, position = self.kernels, len(tokens), memory["real"].shape[1], cache.length - 1
        heads = (self.num_heads, self.width // self.num_heads)  # N, K
        while len(self.waves) <= position:
            self.waves.append(self.model.target_positions(torch.zeros(1, 1, self.width), len(self.waves)).flatten().numpy())
        logits, alignment = torch.empty(rows, len(self.model.output.weight)), torch.empty(rows, size)
        workspace = kernels.Workspace(
            projected=np.empty((rows, 3, *heads), np.float32),
            heads=np.empty((rows, *heads), np.float32),
            update=np.empty((rows, self.width), np.float32),
            inner=np.empty((rows, self.inner_width), np.float32),
            own_weights=np.empty((rows, self.num_heads, cache.length), np.float32),
            weights=np.empty((rows, self.num_heads, size), np.float32),
        )
        kernels.run_on_threads(
            kernels.decode, kernels.most_threads(), tokens.numpy(), self.embedding, self.waves[position],
            cache.written.reshape(*cache.written.shape[:2], 2, *heads), cache.places, np.full(rows, cache.length),
            memory["sources"].numpy().reshape(-1, 2 * len(self.model.decoder), *heads), *_sources(memory["real"]), self.decoder,
            self.norm_first, self.epsilon, self._turns(position), workspace, logits.numpy(), alignment.numpy(),
        )  # fmt: skip
        return logits, {"cache": cache, "alignment": alignment}

    def _turns(self, position: int) -> np.ndarray:
        """Cosine and sine of each pair of a head at a position, (K,); (0,) where nothing is turned."""
        if self.rotation is None:
            return np.empty(0, np.float32)
        if len(self.turns) <= position:
            unit = torch.tensor([1.0, 0.0]).repeat(self.width // self.num_heads // 2)  # turned: cosine and sine
            self.turns = self.rotation(unit.expand(1, 1, 2 * position + FIRST_CAPACITY, -1))[0, 0].contiguous().numpy()
        return self.turns[position]

    def _stack(self, layers: Sequence[Any], final_norm: nn.Module) -> Any:
        own, cross, feed_forward = zip(
            *[(one.masked_attention, one.cross_attention, one.feed_forward) for one in layers], strict=True
        )
        norms = [
            part.norm
            for one in layers
            for part in (one.add_norm_masked_attention, one.add_norm_cross_attention, one.add_norm_feed_forward)
        ]
        final_norms = [final_norm] if isinstance(final_norm, nn.LayerNorm) else []
        width, words, panels = self.width, self.model.output.weight, self.kernels.panels
        room = self.kernels.LANES  # a panel's biases are read as a whole
        return self.kernels.Stack(
            projection=panels(_stacked([attention.projection for attention in own])),
            output=panels(_stacked([attention.output for attention in own])),
            query=panels(_stacked([attention.projection[:width] for attention in cross])),
            read=panels(_stacked([attention.output for attention in cross])),
            inner=panels(_stacked([part.inner.weight for part in feed_forward])),
            inner_bias=F.pad(_stacked([part.inner.bias for part in feed_forward]), (0, room)).numpy(),
            outer=panels(_stacked([part.outer.weight for part in feed_forward])),
            outer_bias=F.pad(_stacked([part.outer.bias for part in feed_forward]), (0, room)).numpy(),
            norms=_gains_and_biases(norms).reshape(len(layers), 3, 2, width).numpy(),
            final_norm=_gains_and_biases(final_norms).reshape(-1, 2, width).numpy(),
            words=panels(words),
            no_bias=np.zeros(max(3 * width, len(words)) + room, np.float32),
        )


def _stacked(parameters: Sequence[Tensor]) -> Tensor:
    return torch.stack([parameter.detach() for parameter in parameters])


def _gains_and_biases(norms: Sequence[nn.LayerNorm]) -> Tensor:
    return torch.cat([torch.empty(0), *(part.detach() for norm in norms for part in (norm.weight, norm.bias))])


def _sources(real: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Where the rows of each source stand among those of all, (B, S), and how many are real, (B,)."""
    sentences, size = real.shape
    return np.arange(sentences * size).reshape(sentences, size), real.sum(1).numpy()
