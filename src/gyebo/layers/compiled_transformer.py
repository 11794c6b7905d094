"""A Transformer that decodes through compiled kernels: the same weights, and what its steps carry along.

A step of a few rows is one compiled call, `gyebo.layers.transformer_kernels.decode`: there, calling many small operations would take
most of the time. With more rows the products take it, and oneDNN's are the fastest; then only the attention is compiled. The encoder,
whose rows are all positions of the sources, is the model's own.

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

FEW_ROWS = 10
"""rows up to which a step is one call: with more, oneDNN's products, which read no weight twice, gain more than the calls cost"""
FEWEST_SENTENCES = 256
"""fewer are decoded before the kernels are loaded or, the first time that a machine uses them, compiled"""
ROWS_FOR_THREADS = 16
"""rows from which several threads share the attention of a step: less of it is done before another thread wakes up"""

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
        self.embedding, self.matrix = _array(model.target_embedding.weight), _array(model.output.weight)
        self.decoder = self._stack(model.decoder, model.decoder_norm)
        self.packed = PackedProducts(model)
        self.waves: list[np.ndarray] = []
        self.turns = self._turns(FIRST_CAPACITY)

    @classmethod
    def of(cls, model: nn.Module, sentences: int | None = None) -> CompiledTransformer | None:
        """None where numba is not installed, the weights are not float32 on a CPU or of a width of 1, or there is little to decode.

        sentences: how many will be decoded, None where many.  This number decides and not, say, whether the kernels are loaded already:
        the same work is to be done in the same way, to the last bit.
        """
        if importlib.util.find_spec("numba") is None or (sentences is not None and sentences < FEWEST_SENTENCES):
            return None
        if any(weight.dtype != torch.float32 or weight.device.type != "cpu" or 1 in weight.shape for weight in model.parameters()):
            return None
        made = cls(model)
        return made if made.width > made.num_heads else None

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
        find = self._step_of_few if len(tokens) <= FEW_ROWS else self._step_of_many
        logits, alignment = find(tokens, cache, memory)
        return logits, {"cache": cache, "alignment": alignment}

    def _step_of_few(self, tokens: Tensor, cache: WrittenTokens, memory: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        rows, size, width = len(tokens), memory["real"].shape[1], self.width
        filled = rows if rows == 1 else max(rows, self.kernels.FEWEST_ROWS)
        position = cache.length - 1
        while len(self.waves) <= position:
            self.waves.append(self.model.target_positions(torch.zeros(1, 1, width), len(self.waves)).flatten().numpy())
        logits, alignment = torch.empty(filled, len(self.matrix)), torch.empty(rows, size)
        workspace = self.kernels.Workspace(
            projected=np.empty((filled, 3 * width), np.float32),
            heads=np.zeros((filled, width), np.float32),
            update=np.empty((filled, width), np.float32),
            inner=np.empty((filled, self.decoder.inner.shape[1]), np.float32),
            own_weights=np.empty((rows, self.num_heads, cache.length), np.float32),
            weights=np.empty((rows, self.num_heads, size), np.float32),
        )
        self.kernels.run_on_threads(
            self.kernels.decode, self.kernels.most_threads(), tokens.numpy(), self.embedding, self.waves[position],
            cache.written, cache.places, np.full(rows, cache.length), memory["sources"].flatten(0, 1).numpy(),
            *_sources(memory["real"]), self.decoder, self.matrix, self.num_heads, self.norm_first, self.epsilon,
            self._turns(cache.length), position, workspace, logits.numpy(), alignment.numpy(),
        )  # fmt: skip
        return logits[:rows], alignment

    def _step_of_many(self, tokens: Tensor, cache: WrittenTokens, memory: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        model, kernels, rows, width = self.model, self.kernels, len(tokens), self.width
        position, counts, turns = cache.length - 1, np.full(rows, cache.length), self._turns(cache.length)
        sources, places = memory["sources"].flatten(0, 1).numpy(), _sources(memory["real"])
        heads, own_weights = torch.empty(rows, width), np.empty((rows, self.num_heads, cache.length), np.float32)
        weights = torch.empty(rows, self.num_heads, memory["real"].shape[1])
        threads = min(kernels.most_threads(), self.num_heads) if rows >= ROWS_FOR_THREADS else 1

        def read_own(x: Tensor) -> Tensor:
            projected = F.linear(x, layer.masked_attention.projection).numpy()
            kernels.run_on_threads(
                kernels.attention_of_step, threads, projected, cache.written[number], cache.places, counts, self.num_heads, turns,
                position, heads.numpy(), own_weights,
            )  # fmt: skip
            return F.linear(heads, layer.masked_attention.output)

        def read_source(x: Tensor) -> Tensor:
            query = F.linear(x, layer.cross_attention.projection[:width]).numpy()
            left = 2 * number * width
            kernels.run_on_threads(
                kernels.attention_to_source, threads, query, sources, left, left + width, *places, self.num_heads, heads.numpy(),
                weights.numpy(),
            )  # fmt: skip
            return F.linear(heads, layer.cross_attention.output)

        token = model.target_positions(model.target_embedding(tokens[:, None]), position).squeeze(1)  # (rows, D)
        for number, layer in enumerate(model.decoder):  # noqa: B007 (the reading functions are those of this layer)
            token = layer.add_norm_masked_attention(token, read_own)
            token = layer.add_norm_cross_attention(token, read_source)
            token = layer.add_norm_feed_forward(token, layer.feed_forward)
        return model.logits(model.decoder_norm(token)), weights.mean(1)

    def _turns(self, length: int) -> np.ndarray:
        """Cosine and sine of each pair of a head at so many positions or more, (T, K); (0, K) where nothing is turned."""
        head_dim = self.width // self.num_heads
        if self.rotation is None:
            return np.empty((0, head_dim), np.float32)
        if not hasattr(self, "turns") or len(self.turns) < length:
            unit = torch.tensor([1.0, 0.0]).repeat(head_dim // 2).expand(1, 1, 2 * length, -1)  # turned: cosine and sine
            self.turns = self.rotation(unit)[0, 0].contiguous().numpy()
        return self.turns

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
        width, outputs = self.width, len(self.matrix)
        return self.kernels.Stack(
            projection=_stacked([attention.projection for attention in own]),
            output=_stacked([attention.output for attention in own]),
            query=_stacked([attention.projection[:width] for attention in cross]),
            read=_stacked([attention.output for attention in cross]),
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
