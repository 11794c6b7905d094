"""The Transformer: translation by attention alone.  Vaswani et al. 2017, arXiv 1706.03762.

    source -> input embedding + positional encoding -> N x [multi-head attention, feed-forward]                         -> memory
    target -> input embedding + positional encoding -> N x [masked multi-head attention, attention to memory, feed-forward] -> logits

Every sublayer stands in an "add & norm": LayerNorm(x + Dropout(Sublayer(x))).  The six modules of the paper, and where they are:

| module | section | here |
|---|---|---|
| input embedding, shared with the output layer, times sqrt(d_model) | 3.4 | InputEmbedding |
| positional encoding | 3.5 | gyebo.layers.positions.SinusoidalPositions |
| multi-head attention | 3.2 | gyebo.layers.multi_head.MultiHeadAttention |
| masked multi-head attention | 3.2.3 | gyebo.layers.multi_head.MaskedMultiHeadAttention |
| add & norm | 3.1, 5.4 | AddNorm |
| position-wise feed-forward network | 3.3, eq. 2 | FeedForward |

| in the paper | base | here |
|---|---|---|
| d_model | 512 | width |
| h | 8 | num_heads |
| N | 6 | num_layers, of encoder and decoder each |
| d_ff | 2048 | feed_forward_width |
| P_drop | 0.1 | dropout |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.genealogy import Architecture, Size
from gyebo.layers.cache import KeyValueCache
from gyebo.layers.compiled_transformer import CompiledTransformer
from gyebo.layers.dropout import Dropout
from gyebo.layers.multi_head import (
    Cache,
    MaskedMultiHeadAttention,
    MultiHeadAttention,
    Rotation,
    additive,
    attend,
    scaled_dot_product,
    spread_queries,
)
from gyebo.layers.positions import SinusoidalPositions
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import State


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    source_vocabulary: int
    target_vocabulary: int
    tied: Literal["all", "target", "none"] = "target"
    """which share a matrix: both embeddings and the output layer (one vocabulary for both sides), the target's two, or none"""
    width: int = 256  # D
    num_heads: int = 8  # N
    num_layers: int = 3
    feed_forward_width: int = 1024  # F
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("num_layers", "feed_forward_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} leaves no Transformer; the paper's base model has 6 layers of 2048")


class InputEmbedding(nn.Module):
    """Word vectors times sqrt(D); the same matrix turned round gives the logits.  Section 3.4."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, width).normal_(0, width**-0.5))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        return F.embedding(tokens, self.weight) * math.sqrt(self.weight.shape[1])

    def logits(self, features: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        return F.linear(features, self.weight)


class FeedForward(nn.Module):
    """FFN(x) = max(0, x W_1 + b_1) W_2 + b_2, at every position by itself.  Eq. 2."""

    def __init__(self, width: int, inner_width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, inner_width)  # W_1, b_1
        self.outer = nn.Linear(inner_width, width)  # W_2, b_2
        for layer in (self.inner, self.outer):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.outer(self.inner(sequence).relu_())


Sublayer = Callable[[Tensor], Tensor]


class AddNorm(nn.Module):
    """LayerNorm(x + Dropout(Sublayer(x))).  Sections 3.1 and 5.4."""

    norm_first = False

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(width), Dropout(dropout)

    def forward(self, sequence: Tensor, sublayer: Sublayer) -> Tensor:
        return self.norm(sequence + self.dropout(sublayer(sequence)))


class EncoderLayer(nn.Module):
    def __init__(self, config: TransformerConfig, add_norm: Callable[[int, float], nn.Module], rotation: Rotation | None) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(config.width, config.num_heads, rotation)
        self.add_norm_attention = add_norm(config.width, config.dropout)
        self.feed_forward = FeedForward(config.width, config.feed_forward_width)
        self.add_norm_feed_forward = add_norm(config.width, config.dropout)

    def forward(self, sequence: Tensor, mask: Tensor) -> Tensor:
        """sequence (B, S, D), mask (B, 1, 1, S), True at real positions -> (B, S, D)."""
        sequence = self.add_norm_attention(sequence, lambda x: self.attention(x, mask=mask))
        return self.add_norm_feed_forward(sequence, self.feed_forward)


class DecoderLayer(nn.Module):
    def __init__(self, config: TransformerConfig, add_norm: Callable[[int, float], nn.Module], rotation: Rotation | None) -> None:
        super().__init__()
        self.masked_attention = MaskedMultiHeadAttention(config.width, config.num_heads, rotation)
        self.add_norm_masked_attention = add_norm(config.width, config.dropout)
        self.cross_attention = MultiHeadAttention(config.width, config.num_heads)
        self.add_norm_cross_attention = add_norm(config.width, config.dropout)
        self.feed_forward = FeedForward(config.width, config.feed_forward_width)
        self.add_norm_feed_forward = add_norm(config.width, config.dropout)

    def forward(self, sequence: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """sequence (B, T, D), memory (B, S, D), mask (B, 1, 1, S) over the memory -> (B, T, D)."""
        sequence = self.add_norm_masked_attention(sequence, self.masked_attention)
        sequence = self.add_norm_cross_attention(sequence, lambda x: self.cross_attention(x, memory, mask))
        return self.add_norm_feed_forward(sequence, self.feed_forward)

    def step(self, token: Tensor, layer: int, cache: Cache, read: Sublayer) -> Tensor:
        """`forward` for the newest token of each row, (rows, D); read: the attention to the memory."""
        token = self.add_norm_masked_attention(token, lambda x: self.masked_attention.step(x, layer, cache))
        token = self.add_norm_cross_attention(token, read)
        return self.add_norm_feed_forward(token, self.feed_forward)


class Transformer(nn.Module):
    """The translator; a `gyebo.models.interfaces.Translator`.

    positions, add_norm, final_norm, rotation: the parts in which the variants differ; left out, they are the paper's.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        positions: Callable[[], nn.Module] = SinusoidalPositions,
        add_norm: Callable[[int, float], nn.Module] = AddNorm,
        final_norm: Callable[[int], nn.Module] = lambda width: nn.Identity(),
        rotation: Rotation | None = None,
    ) -> None:
        super().__init__()
        if config.tied == "all" and config.source_vocabulary != config.target_vocabulary:
            raise ValueError(
                f"tied='all' shares one matrix between vocabularies of {config.source_vocabulary} and {config.target_vocabulary}"
                " tokens. Learn one vocabulary for both sides (translate.joint_vocabulary = true), or tie 'target' only"
            )
        self.target_embedding = InputEmbedding(config.target_vocabulary, config.width)
        self.source_embedding = (
            self.target_embedding if config.tied == "all" else InputEmbedding(config.source_vocabulary, config.width)
        )
        self.output = self.target_embedding if config.tied != "none" else InputEmbedding(config.target_vocabulary, config.width)
        self.source_positions, self.target_positions = positions(), positions()
        self.dropout = Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(config, add_norm, rotation) for _ in range(config.num_layers))
        self.encoder_norm = final_norm(config.width)
        self.decoder = nn.ModuleList(DecoderLayer(config, add_norm, rotation) for _ in range(config.num_layers))
        self.decoder_norm = final_norm(config.width)
        self.compiled: CompiledTransformer | None = None

    def fast_steps(self, sentences: int | None = None) -> AbstractContextManager[None] | None:
        """Inside, inference in float32 on a CPU runs through compiled kernels; None where there are none, or too few sentences."""
        return CompiledTransformer.of(self, sentences)

    def remember(self, source: Tensor, mask: Tensor) -> Tensor:
        """The encoder: source (B, S), mask (B, 1, 1, S) -> memory (B, S, D)."""
        sequence = self.dropout(self.source_positions(self.source_embedding(source)))
        for layer in self.encoder:
            sequence = layer(sequence, mask)
        return self.encoder_norm(sequence)

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        mask = real_positions(source_lengths, source.shape[1])[:, None, None]  # (B, 1, 1, S)
        memory = self.remember(source, mask)
        sequence = self.dropout(self.target_positions(self.target_embedding(target)))
        for layer in self.decoder:
            sequence = layer(sequence, memory, mask)
        return self.decoder_norm(sequence)

    def logits(self, features: Tensor) -> Tensor:
        return self.output.logits(features)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        return self.logits(self.features(source, source_lengths, target))

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        """The memory as every decoder layer reads it: "keys.0", "values.0" (B, N, S, K) and so on, and "real" (B, S)."""
        real = real_positions(source_lengths, source.shape[1])
        if self.compiled is not None and self.compiled.serves():
            return self.compiled.remember(source, real)
        memory = self.remember(source, real[:, None, None])
        state: State = {"real": real}
        for number, layer in enumerate(self._decoder_layers()):
            key, value = layer.cross_attention.keys_values(memory)
            # laid out as they are read, once for all steps
            state[f"keys.{number}"], state[f"values.{number}"] = key.contiguous(), value.contiguous()
        return state

    def start(self, memory: State) -> State:
        if self.compiled is not None and "sources" in memory:
            return self.compiled.start(memory)
        real = memory["real"]
        alignment = torch.zeros(real.shape, dtype=memory["keys.0"].dtype, device=real.device)
        return {"cache": KeyValueCache.empty(len(self.decoder), len(real), real.device), "alignment": alignment}

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """The alignment is that of the last layer, the mean over its heads."""
        if self.compiled is not None and "sources" in memory:
            return self.compiled.step(tokens, state, memory)
        cache = state["cache"].next()
        mask = additive(memory["real"], memory["keys.0"].dtype)[:, None, None]
        embedded = self.target_positions(self.target_embedding(tokens[:, None]), cache.length - 1)
        token = self.dropout(embedded.squeeze(1))  # (rows, D)
        weights = torch.empty(0)

        def read(x: Tensor) -> Tensor:
            nonlocal weights
            attention, key, value = layer.cross_attention, memory[f"keys.{number}"], memory[f"values.{number}"]
            query = attention.query_of_step(x, len(mask))
            if number < last:
                return F.linear(spread_queries(attend(query, key, value, mask)), attention.output)
            heads, weights = scaled_dot_product(query, key, value, mask)
            return F.linear(spread_queries(heads), attention.output)

        last = len(self.decoder) - 1
        for number, layer in enumerate(self._decoder_layers()):
            token = layer.step(token, number, cache, read)
        alignment = weights.mean(1).flatten(0, 1)  # (B, N, rows / B, S) -> (rows, S)
        return self.logits(self.decoder_norm(token)), {"cache": cache, "alignment": alignment}

    def _decoder_layers(self) -> list[DecoderLayer]:
        return cast(list[DecoderLayer], list(self.decoder))


ARCHITECTURE = Architecture(
    name="transformer",
    title="Transformer: translation by attention alone",
    year=2017,
    paper="Vaswani et al.: Attention Is All You Need",
    link="https://arxiv.org/abs/1706.03762",
    task="translate",
    parents={
        "luong": "a recurrent network reads and writes one token after the other, and far tokens are many steps apart",
    },
    differences=(
        "One table of positions serves any length: the waves are computed where they are needed instead of being stored.",
        "Matrices start as Xavier's uniform draws, embeddings as N(0, 1/D): the paper does not say how they start.",
        "With tied='target', for two vocabularies, the source has an embedding of its own.",
        "Adam on batches of equal token count and dropout chosen by the size of the corpus: the recipes say how much.",
    ),
    sizes={
        "base": Size(
            config={
                "source_vocabulary": 37_000,
                "target_vocabulary": 37_000,
                "tied": "all",
                "width": 512,
                "num_heads": 8,
                "num_layers": 6,
                "feed_forward_width": 2048,
            },
            weights=62_984_192,
            parameters=63_045_632,
            source="table 3 prints 65M, for a vocabulary of about 37,000 (section 5.1); this is the sum over its matrices",
        ),
        "big": Size(
            config={
                "source_vocabulary": 37_000,
                "target_vocabulary": 37_000,
                "tied": "all",
                "width": 1024,
                "num_heads": 16,
                "num_layers": 6,
                "feed_forward_width": 4096,
                "dropout": 0.3,
            },
            weights=214_048_768,
            parameters=214_171_648,
            source="table 3 prints 213M, for a vocabulary of about 37,000 (section 5.1); this is the sum over its matrices",
        ),
    },
    config=TransformerConfig,
    model=Transformer,
    tiny={
        "source_vocabulary": 11,
        "target_vocabulary": 13,
        "width": 12,
        "num_heads": 3,
        "num_layers": 2,
        "feed_forward_width": 10,
    },
)
