"""Multi-head attention.  Vaswani et al. 2017, arXiv 1706.03762, section 3.2.

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V                     eq. 1
    MultiHead(Q, K, V) = Concat(head_1, ..., head_h) W^O,
    head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V)                         section 3.2.2

`scaled_dot_product` is eq. 1 as it stands; the layers compute it by `attend`, which takes torch's fused kernel where that is the
faster way, and tests hold the two equal. W^Q, W^K and W^V of all heads are the rows of one matrix, `projection`, so that a sentence
attending to itself costs one product.

Letters: B batch, T time of the queries, S time of the keys, D model width, N heads, K width of one head.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "Cache",
    "MaskedMultiHeadAttention",
    "MultiHeadAttention",
    "Rotation",
    "additive",
    "attend",
    "merge_heads",
    "scaled_dot_product",
    "split_heads",
]

LONGEST_PLAIN = 512
"""tokens up to which a CPU computes attention in bfloat16 by plain products; `benchmarks/source_length.py` shows time and memory"""


class Rotation(Protocol):
    """Turns queries and keys by their positions, so that their product depends on the distance; (B, N, T, K) both."""

    def __call__(self, heads: Tensor, first: int = 0) -> Tensor: ...


class Cache(Protocol):
    """Keys and values of the tokens written before, for one layer after the other."""

    length: int
    """tokens written, the newest included"""
    mask: Tensor | None
    """(B, 1, T, S), for `scaled_dot_product`; None where a query may look everywhere"""

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add the newest token's (rows, N, 1, K) each; returns all keys and values, (B, N, S, K) each."""
        ...


def split_heads(sequence: Tensor, num_heads: int) -> Tensor:
    """(B, T, D) -> (B, N, T, K)."""
    return sequence.unflatten(-1, (num_heads, -1)).transpose(-3, -2)


def merge_heads(heads: Tensor) -> Tensor:
    """(B, N, T, K) -> (B, T, D), the heads side by side."""
    return heads.transpose(-3, -2).flatten(-2)


def scaled_dot_product(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Attention(Q, K, V), and its weights.  Eq. 1.

    query (B, N, T, K), key and value (B, N, S, K). mask (B or 1, N or 1, T or 1, S): True where a query may look, and at least one True
    for each query; or numbers that are added to the scores, see `additive`. Returns (B, N, T, K) and (B, N, T, S).

    >>> query = key = value = torch.eye(2).view(1, 1, 2, 2)
    >>> scaled_dot_product(query, key, value, torch.tensor([[True, False]]))[1][0, 0]
    tensor([[1., 0.],
            [1., 0.]])
    """
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-2, -1)  # (B, N, T, S): dividing the smaller factor costs less
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    weights = scores.softmax(-1)
    return weights @ value, weights


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask of True and False as the numbers that do the same when they are added to scores: 0 and -inf.

    The fused kernel makes them anew in every call; where many calls share a mask, they are made once.
    """
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -torch.inf)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """The first output of `scaled_dot_product`, by the fastest way; causal: a query sees the keys up to its own position.

    In bfloat16 the fused kernel of a CPU is the slower way on sequences of up to LONGEST_PLAIN tokens; beyond, it alone keeps to linear
    memory.
    """
    short = max(query.shape[-2], key.shape[-2]) <= LONGEST_PLAIN
    if query.dtype == torch.bfloat16 and query.device.type == "cpu" and short:
        if causal:
            mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
        return scaled_dot_product(query, key, value, mask)[0]
    return F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)


class MultiHeadAttention(nn.Module):
    """Each position of one sequence reads all positions of another, or of its own, `num_heads` times side by side.

    Raises ValueError where the width does not split into equal heads.
    """

    def __init__(self, width: int, num_heads: int, rotation: Rotation | None = None) -> None:
        super().__init__()
        if num_heads < 1 or width % num_heads:
            nearest = max(1, width // max(1, num_heads)) * max(1, num_heads)
            raise ValueError(f"width={width} does not split into num_heads={num_heads} equal heads; try width={nearest}")
        self.width, self.num_heads, self.rotation = width, num_heads, rotation
        self.projection = nn.Parameter(torch.empty(3 * width, width))  # W^Q, W^K, W^V of all heads, one below the other
        self.output = nn.Parameter(torch.empty(width, width))  # W^O
        for matrix in (*self.projection.chunk(3), self.output):
            nn.init.xavier_uniform_(matrix)

    def query(self, sequence: Tensor) -> Tensor:
        """Q W^Q: (B, T, D) -> (B, N, T, K)."""
        return split_heads(F.linear(sequence, self.projection[: self.width]), self.num_heads)

    def keys_values(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """K W^K and V W^V: (B, S, D) -> (B, N, S, K) each."""
        key, value = F.linear(sequence, self.projection[self.width :]).chunk(2, -1)
        return split_heads(key, self.num_heads), split_heads(value, self.num_heads)

    def queries_keys_values(self, sequence: Tensor, first: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """All three of a sequence that attends to itself, in one product: (B, T, D) -> (B, N, T, K) each.

        first: the position of its first element, for heads that are turned by their positions.
        """
        query, key, value = (split_heads(part, self.num_heads) for part in F.linear(sequence, self.projection).chunk(3, -1))
        if self.rotation is not None:
            query, key = self.rotation(query, first), self.rotation(key, first)
        return query, key, value

    def merge(self, heads: Tensor) -> Tensor:
        """Concat(head_1, ..., head_h) W^O: (B, N, T, K) -> (B, T, D)."""
        return F.linear(merge_heads(heads), self.output)

    def query_of_step(self, token: Tensor, sentences: int) -> Tensor:
        """Q W^Q of the newest token of every row, those of a sentence side by side: (rows, D) -> (B, N, rows / B, K)."""
        query = F.linear(token, self.projection[: self.width]).view(len(token), self.num_heads, 1, -1)
        return gather_queries(query, sentences)

    def read(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Queries (B, N, T, K) read keys and values (B, N, S, K) that were made before: (B, T, D)."""
        return self.merge(attend(query, key, value, mask))

    def forward(self, sequence: Tensor, memory: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """sequence (B, T, D) reads memory (B, S, D), or itself where that is None; mask as in `scaled_dot_product`."""
        if memory is None:
            return self.read(*self.queries_keys_values(sequence), mask)
        return self.read(self.query(sequence), *self.keys_values(memory), mask)

    def inside(
        self, sequence: Tensor, memory: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """`forward` by eq. 1 as it stands: its output, and "weights" (B, N, T, S), "query", "key" and "value" of every head."""
        if memory is None:
            query, key, value = self.queries_keys_values(sequence)
        else:
            query, (key, value) = self.query(sequence), self.keys_values(memory)
        heads, weights = scaled_dot_product(query, key, value, mask)
        return self.merge(heads), {"weights": weights, "query": query, "key": key, "value": value}


class MaskedMultiHeadAttention(MultiHeadAttention):
    """Each position reads itself and the positions before it: what a decoder may know.  Section 3.2.3."""

    def forward(self, sequence: Tensor) -> Tensor:  # type: ignore[override]
        """sequence (B, T, D) -> (B, T, D).  Padding behind a row is in the future of its real positions, so it needs no mask."""
        query, key, value = self.queries_keys_values(sequence)
        return self.merge(attend(query, key, value, causal=True))

    def step(self, token: Tensor, layer: int, cache: Cache) -> Tensor:
        """The newest token alone (rows, D) reads the keys and values that the cache holds of those before it: (rows, D)."""
        query, key, value = F.linear(token, self.projection).view(len(token), 3, self.num_heads, 1, -1).unbind(1)  # (rows, N, 1, K)
        if self.rotation is not None:
            query, key = self.rotation(query, cache.length - 1), self.rotation(key, cache.length - 1)
        keys, values = cache.extend(layer, key, value)
        heads = attend(gather_queries(query, len(keys)), keys, values, cache.mask)
        return F.linear(spread_queries(heads), self.output)

    def inside(self, sequence: Tensor) -> tuple[Tensor, dict[str, Tensor]]:  # type: ignore[override]
        """`forward` by eq. 1 as it stands: its output, and "weights" (B, N, T, T), "query", "key" and "value" of every head."""
        query, key, value = self.queries_keys_values(sequence)
        time = sequence.shape[1]
        heads, weights = scaled_dot_product(query, key, value, torch.ones(time, time, dtype=torch.bool, device=query.device).tril())
        return self.merge(heads), {"weights": weights, "query": query, "key": key, "value": value}


def gather_queries(query: Tensor, sentences: int) -> Tensor:
    """The newest token of every hypothesis, those of a sentence side by side: (rows, N, 1, K) -> (B, N, rows / B, K).

    Hypotheses of one sentence read the same keys, so these are neither copied nor read twice.
    """
    if len(query) == sentences:
        return query
    return query.view(sentences, -1, *query.shape[1::2]).transpose(1, 2)


def spread_queries(heads: Tensor) -> Tensor:
    """What `gather_queries` put side by side, a row each again, with the heads side by side: (B, N, rows / B, K) -> (rows, D)."""
    return heads.transpose(1, 2).reshape(-1, heads.shape[1] * heads.shape[3])
