"""A Transformer that decodes through compiled kernels: the same weights, and what its steps carry along.

A step is one compiled call, `gyebo.layers.transformer_kernels.decode`: calling its many small operations one by one would take longer than
they do. The encoder is one too, `encode`.

memory   {"real": (B, S), "counts": (B,), real tokens, "places": (B, S), where those stand in "sources": KeysValues}
state    {"cache": WrittenTokens, "alignment": (rows, S)}
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.layers.written_tokens import WrittenTokens

__all__ = ["CompiledTransformer", "kernels_are_used"]

FEWEST_SENTENCES = 256
"""fewer are decoded before the kernels are loaded or, the first time that a machine uses them, compiled"""

_entered = 0


def kernels_are_used() -> bool:
    """Whether the caller is inside a `CompiledTransformer`, and may use other kernels too."""
    return _entered > 0


@dataclass(frozen=True)
class KeysValues:
    """What every layer of the decoder reads of the sources; a `gyebo.models.interfaces.Rows` that stays whole, for `places` tell whose.

    numbers: (R, 2 L D), a row for each real token.
    """

    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, rows: Tensor) -> KeysValues:
        return self

    def repeat(self, times: int) -> KeysValues:
        return self


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
        self.source_embedding = model.source_embedding.weight.detach().numpy()
        self.encoder = self._encoder_stack(model.encoder, model.encoder_norm, model.decoder)
        self.decoder = self._decoder_stack(model.decoder, model.decoder_norm, model.output.weight)
        self.source_waves, self.waves = np.empty((0, self.width), np.float32), list[np.ndarray]()
        self.turns: np.ndarray = np.empty((0, self.heads[1]), np.float32)

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
        self.model.compiled = self

    def __exit__(self, *error: object) -> None:
        global _entered
        _entered -= 1
        self.model.compiled = None

    @property
    def width(self) -> int:
        return self.embedding.shape[1]

    def serves(self) -> bool:
        """Whether the next sentences are decoded here: for inference in float32."""
        return not (self.model.training or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"))

    def remember(self, source: Tensor, real: Tensor) -> dict[str, Any]:
        """source (B, S), real (B, S) -> the memory.  Raises IndexError for a number that is no token: kernels do not look."""
        kernels, size, counts = self.kernels, source.shape[1], real.sum(1)
        tokens, vocabulary = source[real].numpy(), len(self.source_embedding)  # (R,): padding is not computed
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < vocabulary:
            raise IndexError(f"The source has tokens from {tokens.min()} to {tokens.max()}, in a vocabulary of {vocabulary}.")
        if len(self.source_waves) < size:
            self.source_waves = self.model.source_positions(torch.zeros(1, size, self.width))[0].numpy()
        positions = np.nonzero(real.numpy())[1]  # (R,)
        turns = self._turns(0, size)
        places = (counts.cumsum(0) - counts)[:, None] + torch.arange(size)
        memory = np.empty((len(tokens), 2 * len(self.model.decoder) * self.width), np.float32)
        kernels.run_on_threads(
            kernels.encode, kernels.most_threads(), tokens, self.source_embedding, self.source_waves[positions], places.numpy(),
            counts.numpy(), self.encoder, self.norm_first, self.epsilon, turns[positions] if len(turns) else turns,
            self._workspace(len(tokens), 0, size), memory,
        )  # fmt: skip
        return {"real": real, "counts": counts, "places": places, "sources": KeysValues(memory)}

    def start(self, memory: dict[str, Any]) -> dict[str, Any]:
        real = memory["real"]
        return {"cache": WrittenTokens.none(len(real), len(self.model.decoder), self.width), "alignment": torch.zeros(real.shape)}

    def step(self, tokens: Tensor, state: dict[str, Any], memory: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
        """tokens (rows,) -> logits (rows, V), and the state behind them."""
        cache: WrittenTokens = state["cache"].next()
        kernels, rows, size, position = self.kernels, len(tokens), memory["real"].shape[1], cache.length - 1
        while len(self.waves) <= position:
            self.waves.append(self.model.target_positions(torch.zeros(1, 1, self.width), len(self.waves)).flatten().numpy())
        logits, alignment = torch.empty(rows, len(self.model.output.weight)), torch.empty(rows, size)
        kernels.run_on_threads(
            kernels.decode, kernels.most_threads(), tokens.numpy(), self.embedding, self.waves[position],
            cache.written.reshape(*cache.written.shape[:2], 2, *self.heads), cache.places, np.full(rows, cache.length),
            memory["sources"].numbers.reshape(-1, 2 * len(self.model.decoder), *self.heads), memory["places"].numpy(),
            memory["counts"].numpy(), self.decoder, self.norm_first, self.epsilon, self._turns(position, 1),
            self._workspace(rows, cache.length, size), logits.numpy(), alignment.numpy(),
        )  # fmt: skip
        return logits, {"cache": cache, "alignment": alignment}

    @property
    def heads(self) -> tuple[int, int]:
        """(N, K)."""
        return self.num_heads, self.width // self.num_heads

    def _workspace(self, rows: int, length: int, size: int) -> Any:
        return self.kernels.Workspace(
            projected=np.empty((rows, 3, *self.heads), np.float32),
            heads=np.empty((rows, *self.heads), np.float32),
            update=np.empty((rows, self.width), np.float32),
            inner=np.empty((rows, self.inner_width), np.float32),
            own_weights=np.empty((rows, self.num_heads, length), np.float32),
            weights=np.empty((rows, self.num_heads, size), np.float32),
        )

    def _turns(self, first: int, count: int) -> np.ndarray:
        """Cosine and sine of each pair of a head at `count` positions, (count, K); (0, K) where nothing is turned."""
        if self.rotation is not None and len(self.turns) < first + count:
            unit = torch.tensor([1.0, 0.0]).repeat(self.heads[1] // 2)  # turned: cosine and sine
            self.turns = self.rotation(unit.expand(1, 1, 2 * (first + count), -1))[0, 0].contiguous().numpy()
        return self.turns[first : first + count]

    def _encoder_stack(self, layers: Sequence[Any], final_norm: nn.Module, readers: Sequence[Any]) -> Any:
        """readers: the layers of the decoder, whose keys and values the encoder ends with."""
        norms = [part for one in layers for part in (one.add_norm_attention, one.add_norm_feed_forward)]
        sources, panels = _stacked([one.cross_attention.projection[self.width :] for one in readers]), self.kernels.panels
        return self.kernels.EncoderStack(
            projection=panels(_stacked([one.attention.projection for one in layers])),
            output=panels(_stacked([one.attention.output for one in layers])),
            **self._feed_forward(layers),
            norms=_gains_and_biases(norms).reshape(len(layers), 2, 2, self.width).numpy(),
            final_norm=_final_norm(final_norm, self.width),
            sources=panels(sources.flatten(0, 1)),
            no_bias=self._no_bias(3 * self.width, 2 * len(readers) * self.width),
        )

    def _decoder_stack(self, layers: Sequence[Any], final_norm: nn.Module, words: Tensor) -> Any:
        norms = [
            part
            for one in layers
            for part in (one.add_norm_masked_attention, one.add_norm_cross_attention, one.add_norm_feed_forward)
        ]
        panels = self.kernels.panels
        return self.kernels.DecoderStack(
            projection=panels(_stacked([one.masked_attention.projection for one in layers])),
            output=panels(_stacked([one.masked_attention.output for one in layers])),
            query=panels(_stacked([one.cross_attention.projection[: self.width] for one in layers])),
            read=panels(_stacked([one.cross_attention.output for one in layers])),
            **self._feed_forward(layers),
            norms=_gains_and_biases(norms).reshape(len(layers), 3, 2, self.width).numpy(),
            final_norm=_final_norm(final_norm, self.width),
            words=panels(words),
            no_bias=self._no_bias(3 * self.width, len(words)),
        )

    def _feed_forward(self, layers: Sequence[Any]) -> dict[str, np.ndarray]:
        inner, outer = [one.feed_forward.inner for one in layers], [one.feed_forward.outer for one in layers]
        room = self.kernels.LANES  # a panel's biases are read as a whole
        return {
            "inner": self.kernels.panels(_stacked([part.weight for part in inner])),
            "inner_bias": F.pad(_stacked([part.bias for part in inner]), (0, room)).numpy(),
            "outer": self.kernels.panels(_stacked([part.weight for part in outer])),
            "outer_bias": F.pad(_stacked([part.bias for part in outer]), (0, room)).numpy(),
        }

    def _no_bias(self, *outputs: int) -> np.ndarray:
        return np.zeros(max(outputs) + self.kernels.LANES, np.float32)


def _stacked(parameters: Sequence[Tensor]) -> Tensor:
    return torch.stack([parameter.detach() for parameter in parameters])


def _gains_and_biases(add_norms: Sequence[Any]) -> Tensor:
    return torch.cat([part.detach() for one in add_norms for part in (one.norm.weight, one.norm.bias)])


def _final_norm(norm: nn.Module, width: int) -> np.ndarray:
    """(1, 2, D), or (0, 2, D) where there is none."""
    parts = [norm.weight, norm.bias] if isinstance(norm, nn.LayerNorm) else []
    return torch.cat([torch.empty(0), *(part.detach() for part in parts)]).reshape(-1, 2, width).numpy()
