"""The Transformer's encoder and a step of its decoder, compiled by numba: what `gyebo.models.attention.transformer` says with PyTorch.

A step does little arithmetic in many small operations, so much of its time would go into calling them. Here a step is one call, and so
is the encoder. Rows are hypotheses, or tokens of sources; they are independent of each other but for what they attend to:

    add & norm      x <- LayerNorm(x + Sublayer(x)),  or where norms come first  x <- x + Sublayer(LayerNorm(x))
    attention       softmax(q k^T / sqrt(K)) v, over the rows of a table that `places` lists for each query
    feed-forward    max(0, x W_1^T + b_1) W_2^T + b_2

Several threads run a kernel at once: each computes its own heads, and its own outputs of every other product.  Each keeps x of its own
and adds and normalises for itself, so the threads meet only where a product reads what all of them wrote.

Importing this file needs numba.
Letters: R rows, M rows of a table, S places, D width, N heads, K width of one head, F feed-forward width, V vocabulary, L layers.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gyebo.layers.compiling import exponential, kernel
from gyebo.layers.kernel_threads import begin, end, meet, most_threads, run_on_threads
from gyebo.layers.panel_products import LANES, panels, products

__all__ = [
    "LANES",
    "DecoderStack",
    "EncoderStack",
    "Workspace",
    "attention",
    "decode",
    "encode",
    "most_threads",
    "panels",
    "run_on_threads",
]

ANYTHING = np.float32(-np.inf)
"""the floor of a product that is not rectified"""


class DecoderStack(NamedTuple):
    """The weights of the decoder's layers, one layer after the other in each array; (J, D)* is a matrix in panels."""

    projection: np.ndarray  # (L, (3D, D)*): W^Q, W^K, W^V of the attention of a sequence to itself
    output: np.ndarray  # (L, (D, D)*): its W^O
    query: np.ndarray  # (L, (D, D)*): W^Q of the attention to the source
    read: np.ndarray  # (L, (D, D)*): its W^O
    inner: np.ndarray  # (L, (F, D)*): W_1
    inner_bias: np.ndarray  # (L, F or more)
    outer: np.ndarray  # (L, (D, F)*): W_2
    outer_bias: np.ndarray  # (L, D or more)
    norms: np.ndarray  # (L, 3, 2, D): gain and bias of the norm of each sublayer
    final_norm: np.ndarray  # (1, 2, D), or (0, 2, D) where there is none
    words: np.ndarray  # (V, D)*: the output layer
    no_bias: np.ndarray  # zeros, 3D or V or more


class EncoderStack(NamedTuple):
    """The weights of the encoder's layers, likewise, and what turns its memory into keys and values."""

    projection: np.ndarray  # (L, (3D, D)*)
    output: np.ndarray  # (L, (D, D)*)
    inner: np.ndarray  # (L, (F, D)*)
    inner_bias: np.ndarray  # (L, F or more)
    outer: np.ndarray  # (L, (D, F)*)
    outer_bias: np.ndarray  # (L, D or more)
    norms: np.ndarray  # (L, 2, 2, D)
    final_norm: np.ndarray  # (1, 2, D), or (0, 2, D)
    sources: np.ndarray  # (2 L D, D)*: W^K and W^V of the decoder's attention to the source, one layer after the other
    no_bias: np.ndarray  # zeros, 3D or 2 L D or more


class Workspace(NamedTuple):
    """What the threads write for each other."""

    projected: np.ndarray  # (R, 3, N, K): queries, keys and values
    heads: np.ndarray  # (R, N, K): what the heads have read
    update: np.ndarray  # (R, D): what a sublayer gives
    inner: np.ndarray  # (R, F)
    own_weights: np.ndarray  # (R, N, T)
    weights: np.ndarray  # (R, N, S)


@kernel
def attention(queries, table, key_at, value_at, places, counts, first_head, last_head, into, weights):
    """softmax(q k^T / sqrt(K)) v of the heads from the first to the one before the last.

    queries (R, .., N, K), the first of each row.  table (M, .., N, K): the keys at key_at, the values at value_at of a row.
    places (P, S): the rows of the table that a query may read, the first counts[p] (P,) of them; R / P queries share a list.
    Writes into (R, N, K), and weights (R, N, S), 0 behind the count.
    """
    share, head_dim = len(queries) // len(places), into.shape[2]
    scale = np.float32(1 / math.sqrt(head_dim))
    for row in range(len(queries)):
        listed = row // share
        number = counts[listed]
        for head in range(first_head, last_head):
            greatest = np.float32(-np.inf)
            for s in range(number):
                place, score = places[listed, s], np.float32(0)
                for k in range(head_dim):
                    score += queries[row, 0, head, k] * table[place, key_at, head, k]
                score *= scale
                weights[row, head, s] = score
                greatest = max(greatest, score)
            total = np.float32(0)
            for s in range(number):
                weight = exponential(weights[row, head, s] - greatest)
                weights[row, head, s] = weight
                total += weight
            for k in range(head_dim):
                into[row, head, k] = 0
            for s in range(number):
                weight, place = weights[row, head, s] / total, places[listed, s]
                weights[row, head, s] = weight
                for k in range(head_dim):
                    into[row, head, k] += weight * table[place, value_at, head, k]
            for s in range(number, weights.shape[2]):
                weights[row, head, s] = 0


@kernel
def normalize(rows, norm, epsilon, into):
    """LayerNorm: (x - mean) / sqrt(variance + epsilon) * gain + bias, a row at a time; norm (2, D)."""
    count, width = rows.shape
    for r in range(count):
        mean = np.float32(0)
        for k in range(width):
            mean += rows[r, k]
        mean /= np.float32(width)
        variance = np.float32(0)
        for k in range(width):
            variance += (rows[r, k] - mean) ** 2
        scale = np.float32(1) / np.sqrt(variance / np.float32(width) + epsilon)
        for k in range(width):
            into[r, k] = (rows[r, k] - mean) * scale * norm[0, k] + norm[1, k]


@kernel
def enter(x, norm, norm_first, epsilon, normalized):
    """What a sublayer reads."""
    if not norm_first:
        return x
    normalize(x, norm, epsilon, normalized)
    return normalized


@kernel
def leave(x, update, norm, norm_first, epsilon):
    """Add & norm: x becomes what follows the sublayer, which gave `update`."""
    for r in range(len(x)):
        for k in range(x.shape[1]):
            x[r, k] += update[r, k]
    if not norm_first:
        normalize(x, norm, epsilon, x)


@kernel
def rotate(heads, turns):
    """Turn each pair of numbers of every head by its angle: heads (N, K), turns (K,) cosine and sine of one pair after the other."""
    for head in range(len(heads)):
        for k in range(0, heads.shape[1], 2):
            cosine, sine, even, odd = turns[k], turns[k + 1], heads[head, k], heads[head, k + 1]
            heads[head, k], heads[head, k + 1] = even * cosine - odd * sine, even * sine + odd * cosine


@kernel
def turn(projected, turns, first_head, last_head):
    """Turn queries and keys of some heads where they are: projected (R, 3, N, K), turns (R, K), (1, K) for all rows, or (0, K)."""
    for row in range(len(projected) if len(turns) else 0):
        angles = turns[row % len(turns)]
        rotate(projected[row, 0, first_head:last_head], angles)
        rotate(projected[row, 1, first_head:last_head], angles)


@kernel
def keep(projected, written, places, counts, turns, first_head, last_head):
    """Write the newest keys and values of some heads where each row's list says last, turned where there are turns, and so the queries.

    projected (R, 3, N, K), written (M, 2, N, K), places (R, T), counts (R,), turns (1, K) or (0, K).
    """
    turn(projected, turns, first_head, last_head)
    for row in range(len(projected)):
        newest = places[row, counts[row] - 1]
        for part in range(2):
            for head in range(first_head, last_head):
                for k in range(projected.shape[3]):
                    written[newest, part, head, k] = projected[row, 1 + part, head, k]


@kernel
def share_of(thread, threads, outputs):
    """Where a thread's outputs begin: whole panels, as many for each thread as can be."""
    return min(outputs, (outputs + LANES - 1) // LANES * thread // threads * LANES)


@kernel
def ask(read, matrix, parts, no_bias, projected, first_head, last_head):
    """Queries, or queries, keys and values, of some heads: read (R, D), matrix (parts D, D)*, writes into projected (R, 3, N, K)."""
    rows, _, num_heads, head_dim = projected.shape
    width = num_heads * head_dim
    for left in range(0, parts * width, width):
        products(
            read, matrix, no_bias, ANYTHING, projected.reshape(rows, 3 * width), left + first_head * head_dim,
            left + last_head * head_dim,
        )  # fmt: skip


@kernel
def give(inputs, matrix, bias, update, x, norm, norm_first, epsilon, thread, threads, counter, met):
    """The last product of a sublayer, of inputs that all threads have written, then add & norm; returns how often they have met."""
    width = update.shape[1]
    meet(counter, met + threads)
    products(inputs, matrix, bias, ANYTHING, update, share_of(thread, threads, width), share_of(thread + 1, threads, width))
    meet(counter, met + 2 * threads)
    leave(x, update, norm, norm_first, epsilon)
    return met + 2 * threads


@kernel
def feed_forward(read, stack, layer, inner, update, x, norm, norm_first, epsilon, thread, threads, counter, met):
    """The last sublayer of a layer; returns how often the threads have met."""
    width = inner.shape[1]
    left, right = share_of(thread, threads, width), share_of(thread + 1, threads, width)
    products(read, stack.inner[layer], stack.inner_bias[layer], np.float32(0), inner, left, right)
    return give(
        inner, stack.outer[layer], stack.outer_bias[layer], update, x, norm, norm_first, epsilon, thread, threads, counter, met
    )


@kernel
def encode(
    tokens, embedding, waves, places, counts, stack, norm_first, epsilon, turns, workspace, memory, thread, threads, counter
):  # fmt: skip
    """The encoder, and what the decoder will read of it: rows are the real tokens of all sources, one source after the other.

    tokens (R,); embedding (V, D); waves (R, D): what is added for each token's position; places (B, S): the rows of each source, of
    which the first counts (B,) are there.  turns (R, K) as in `rotate`, or (0, K).  Writes memory (R, 2 L D), keys and values layer by
    layer.
    """
    begin(counter, thread)
    projected, heads, update, inner, _, weights = workspace
    rows, num_heads, head_dim = heads.shape
    width = num_heads * head_dim
    flat_heads = heads.reshape(rows, width)
    x, normalized = np.empty((rows, width), np.float32), np.empty((rows, width), np.float32)
    first_head, last_head = num_heads * thread // threads, num_heads * (thread + 1) // threads
    scale, met = np.float32(math.sqrt(width)), 0
    for r in range(rows):
        for k in range(width):
            x[r, k] = embedding[tokens[r], k] * scale + waves[r, k]
    for layer in range(len(stack.inner)):
        read = enter(x, stack.norms[layer, 0], norm_first, epsilon, normalized)
        ask(read, stack.projection[layer], 3, stack.no_bias, projected, first_head, last_head)
        turn(projected, turns, first_head, last_head)
        for b in range(len(places)):
            left, right = places[b, 0], places[b, 0] + counts[b]
            attention(
                projected[left:right], projected, 1, 2, places[b : b + 1], counts[b : b + 1], first_head, last_head,
                heads[left:right], weights[left:right],
            )  # fmt: skip
        met = give(
            flat_heads, stack.output[layer], stack.no_bias, update, x, stack.norms[layer, 0], norm_first, epsilon,
            thread, threads, counter, met,
        )  # fmt: skip
        read = enter(x, stack.norms[layer, 1], norm_first, epsilon, normalized)
        met = feed_forward(
            read, stack, layer, inner, update, x, stack.norms[layer, 1], norm_first, epsilon, thread, threads, counter, met
        )
    if len(stack.final_norm):
        normalize(x, stack.final_norm[0], epsilon, x)
    columns = memory.shape[1]
    products(
        x,
        stack.sources,
        stack.no_bias,
        ANYTHING,
        memory,
        share_of(thread, threads, columns),
        share_of(thread + 1, threads, columns),
    )
    end(counter, thread, threads)


@kernel
def decode(
    tokens, embedding, wave, written, places, counts, memory, memory_places, memory_counts, stack, norm_first, epsilon, turns,
    workspace, logits, alignment, thread, threads, counter,
):  # fmt: skip
    """A step of the decoder: one token further in every row.

    tokens (R,); embedding (V, D); wave (D,): what is added for the position.
    written (L, M, 2, N, K): keys and values of the tokens so far; a row finds its own by places (R, T) and counts (R,), the newest last.
    memory (M, 2 L, N, K): keys and values of the sources, one layer after the other; memory_places (B, S), memory_counts (B,).
    turns (1, K) as in `rotate`, or (0, K).  Writes logits (R, V) and alignment (R, S).
    """
    begin(counter, thread)
    projected, heads, update, inner, own_weights, weights = workspace
    rows, num_heads, head_dim = heads.shape
    width = num_heads * head_dim
    flat_heads = heads.reshape(rows, width)
    x, normalized = np.empty((rows, width), np.float32), np.empty((rows, width), np.float32)
    first_head, last_head = num_heads * thread // threads, num_heads * (thread + 1) // threads
    scale, met = np.float32(math.sqrt(width)), 0
    for r in range(rows):
        for k in range(width):
            x[r, k] = embedding[tokens[r], k] * scale + wave[k]
    for layer in range(len(stack.inner)):
        read = enter(x, stack.norms[layer, 0], norm_first, epsilon, normalized)
        ask(read, stack.projection[layer], 3, stack.no_bias, projected, first_head, last_head)
        keep(projected, written[layer], places, counts, turns, first_head, last_head)
        attention(projected, written[layer], 0, 1, places, counts, first_head, last_head, heads, own_weights)
        met = give(
            flat_heads, stack.output[layer], stack.no_bias, update, x, stack.norms[layer, 0], norm_first, epsilon,
            thread, threads, counter, met,
        )  # fmt: skip
        read = enter(x, stack.norms[layer, 1], norm_first, epsilon, normalized)
        ask(read, stack.query[layer], 1, stack.no_bias, projected, first_head, last_head)
        attention(projected, memory, 2 * layer, 2 * layer + 1, memory_places, memory_counts, first_head, last_head, heads, weights)
        met = give(
            flat_heads, stack.read[layer], stack.no_bias, update, x, stack.norms[layer, 1], norm_first, epsilon,
            thread, threads, counter, met,
        )  # fmt: skip
        read = enter(x, stack.norms[layer, 2], norm_first, epsilon, normalized)
        met = feed_forward(
            read, stack, layer, inner, update, x, stack.norms[layer, 2], norm_first, epsilon, thread, threads, counter, met
        )
    if len(stack.final_norm):
        normalize(x, stack.final_norm[0], epsilon, x)
    vocabulary = logits.shape[1]
    products(
        x, stack.words, stack.no_bias, ANYTHING, logits, share_of(thread, threads, vocabulary),
        share_of(thread + 1, threads, vocabulary),
    )  # fmt: skip
    if thread == 0:
        for r in range(rows):  # the alignment is that of the last layer, the mean over its heads
            for s in range(alignment.shape[1]):
                total = np.float32(0)
                for head in range(num_heads):
                    total += weights[r, head, s]
                alignment[r, s] = total / np.float32(num_heads)
    end(counter, thread, threads)
