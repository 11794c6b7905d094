"""The Transformer's layers for a few rows, compiled by numba: what `gyebo.models.attention.transformer` says with PyTorch.

A step of decoding does little arithmetic in many small operations, so most of its time would go into calling them. Here a step is one
call. Rows are positions of sources, or hypotheses; they are independent of each other but for what they attend to:

    add & norm      x <- LayerNorm(x + Sublayer(x)),  or where norms come first  x <- x + Sublayer(LayerNorm(x))
    attention       softmax(q k^T / sqrt(K)) v, over the rows of a table that `places` lists for each query
    feed-forward    max(0, x W_1^T + b_1) W_2^T + b_2

Importing this file needs numba.
Letters: R rows, M rows of a table, S places, D width, N heads, K width of one head, F feed-forward width, V vocabulary, L layers.
"""

# pyright: reportMissingImports=false, reportOptionalMemberAccess=false

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from gyebo.layers.compiling import exponential, kernel, parallel_kernel

__all__ = ["FEWEST_ROWS", "Stack", "decode", "encode"]

TILE_ROWS, TILE_OUTPUTS = 5, 2
"""sums that a core keeps in its registers at a time: as many as there is room for"""
FEWEST_ROWS = TILE_ROWS
"""arrays of more than one row have at least so many"""
BLOCK = 48
"""outputs that a thread computes for all rows before it goes on, so that their weights stay in the nearest cache"""

AHEAD, NUMBERS_IN_LINE = 4, 16
"""rows of weights that are fetched while others are used: the processor foresees one row after the other, and not two at a time"""


class Stack(NamedTuple):
    """The weights of a stack of layers, one layer after the other in each array."""

    projection: np.ndarray  # (L, 3D, D): W^Q, W^K, W^V of the attention of a sequence to itself
    output: np.ndarray  # (L, D, D): its W^O
    query: np.ndarray  # (L, D, D): W^Q of the attention to the source, in a decoder
    read: np.ndarray  # (L, D, D): its W^O
    inner: np.ndarray  # (L, F, D): W_1
    inner_bias: np.ndarray  # (L, F)
    outer: np.ndarray  # (L, D, F): W_2
    outer_bias: np.ndarray  # (L, D)
    norms: np.ndarray  # (L, 3, 2, D): gain and bias of the norm of each sublayer
    final_norm: np.ndarray  # (1, 2, D), or (0, 2, D) where there is none
    no_bias: np.ndarray  # (3D,) or (V,), the larger: zeros


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Begin to read the cache line that holds this number of an array, counted from its first one, and go on meanwhile."""

    def instructions(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        number = ir.IntType(32)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind), [address, *map(number, (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), instructions


@parallel_kernel
def products(rows, matrix, bias, rectified, into):
    """into[r, j] = sum_k rows[r, k] matrix[j, k] + bias[j], or the larger of that and 0: (R, D), (J, D), (J,) -> (R, J).

    One row, or at least FEWEST_ROWS; two outputs at least. What does not fill the last tile is computed twice, with the same result.
    """
    count, outputs = len(rows), len(matrix)
    for block in prange((outputs + BLOCK - 1) // BLOCK):
        begin, end = block * BLOCK, min(outputs, (block + 1) * BLOCK)
        if count == 1:
            product_of_row(rows, matrix, bias, rectified, into, begin, end)
        else:
            products_of_tiles(rows, matrix, bias, rectified, into, begin, end)


@kernel
def product_of_row(rows, matrix, bias, rectified, into, begin, end):
    for j in range(begin, end):
        total = np.float32(0)
        for k in range(matrix.shape[1]):
            total += matrix[j, k] * rows[0, k]
        write(into, 0, j, total, bias, rectified)


@kernel
def products_of_tiles(rows, matrix, bias, rectified, into, begin, end):
    zero, width = np.float32(0), matrix.shape[1]
    for first in range(0, len(rows), TILE_ROWS):
        r = min(first, len(rows) - TILE_ROWS)
        for left in range(begin, end, TILE_OUTPUTS):
            j = min(left, len(matrix) - TILE_OUTPUTS)
            if first == 0 and j + AHEAD + TILE_OUTPUTS <= len(matrix):
                for line in range((j + AHEAD) * width, (j + AHEAD + TILE_OUTPUTS) * width, NUMBERS_IN_LINE):
                    prefetch(matrix, line)
            a0 = a1 = a2 = a3 = a4 = b0 = b1 = b2 = b3 = b4 = zero
            for k in range(width):
                a, b = matrix[j, k], matrix[j + 1, k]
                a0 += a * rows[r, k]
                a1 += a * rows[r + 1, k]
                a2 += a * rows[r + 2, k]
                a3 += a * rows[r + 3, k]
                a4 += a * rows[r + 4, k]
                b0 += b * rows[r, k]
                b1 += b * rows[r + 1, k]
                b2 += b * rows[r + 2, k]
                b3 += b * rows[r + 3, k]
                b4 += b * rows[r + 4, k]
            write(into, r, j, a0, bias, rectified)
            write(into, r + 1, j, a1, bias, rectified)
            write(into, r + 2, j, a2, bias, rectified)
            write(into, r + 3, j, a3, bias, rectified)
            write(into, r + 4, j, a4, bias, rectified)
            write(into, r, j + 1, b0, bias, rectified)
            write(into, r + 1, j + 1, b1, bias, rectified)
            write(into, r + 2, j + 1, b2, bias, rectified)
            write(into, r + 3, j + 1, b3, bias, rectified)
            write(into, r + 4, j + 1, b4, bias, rectified)


@kernel
def write(into, r, j, total, bias, rectified):
    value = total + bias[j]
    into[r, j] = np.float32(0) if rectified and value < 0 else value


@parallel_kernel
def attention(queries, table, key_at, value_at, places, counts, num_heads, into, weights):
    """softmax(q k^T / sqrt(K)) v of every head.

    queries (R, D or more), read from its first D columns. table (M, ...) has keys in its columns from key_at on, values from value_at.
    places (P, S): the rows of the table that a query may read, the first counts[p] (P,) of them; R / P queries share a list.
    Writes into (R, D), and weights (R, N, S), 0 behind the count.
    """
    count, width = into.shape
    share, head_dim = count // len(places), width // num_heads
    scale = np.float32(1 / math.sqrt(head_dim))
    for item in prange(count * num_heads):
        row, head = item // num_heads, item % num_heads
        list_number, left = row // share, head * head_dim
        number, scores = counts[list_number], weights[row, head]
        greatest = np.float32(-np.inf)
        for s in range(number):
            place, score = places[list_number, s], np.float32(0)
            for k in range(head_dim):
                score += queries[row, left + k] * table[place, key_at + left + k]
            scores[s] = score * scale
            greatest = max(greatest, scores[s])
        total = np.float32(0)
        for s in range(number):
            scores[s] = exponential(scores[s] - greatest)
            total += scores[s]
        for k in range(head_dim):
            into[row, left + k] = 0
        for s in range(number):
            scores[s] /= total
            place = places[list_number, s]
            for k in range(head_dim):
                into[row, left + k] += scores[s] * table[place, value_at + left + k]
        scores[number:] = 0


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
    x += update
    if not norm_first:
        normalize(x, norm, epsilon, x)


@kernel
def rotate(rows, begin, end, turns, num_heads, positions):
    """Turn each pair of the columns from begin to end by its angle: turns (T, K) holds cosine and sine, positions (R,) its rows."""
    head_dim = (end - begin) // num_heads
    for r in range(len(positions)):
        for left in range(begin, end, 2):
            k = (left - begin) % head_dim
            cosine, sine = turns[positions[r], k], turns[positions[r], k + 1]
            even, odd = rows[r, left], rows[r, left + 1]
            rows[r, left], rows[r, left + 1] = even * cosine - odd * sine, even * sine + odd * cosine


@kernel
def feed_forward(x, stack, layer, norm_first, epsilon, normalized, inner, update):
    """max(0, x W_1^T + b_1) W_2^T + b_2, in its add & norm."""
    read = enter(x, stack.norms[layer, 2], norm_first, epsilon, normalized)
    products(read, stack.inner[layer], stack.inner_bias[layer], True, inner)
    products(inner, stack.outer[layer], stack.outer_bias[layer], False, update)
    leave(x, update, stack.norms[layer, 2], norm_first, epsilon)


@kernel
def encode(x, places, counts, positions, stack, num_heads, norm_first, epsilon, turns):
    """The encoder: x (R, D), the positions of all sources one after the other, becomes the memory.

    places (R / S, S) and counts: as in `attention`.  positions (R,): where a row stands in its source, for `rotate`.
    """
    count, width = x.shape
    normalized, heads, update = np.empty_like(x), np.zeros_like(x), np.empty_like(x)
    projected = np.empty((count, 3 * width), np.float32)
    inner = np.empty((count, stack.inner.shape[1]), np.float32)
    rows = places.size
    weights = np.empty((rows, num_heads, places.shape[1]), np.float32)
    for layer in range(len(stack.inner)):
        norm = stack.norms[layer, 0]
        read = enter(x, norm, norm_first, epsilon, normalized)
        products(read, stack.projection[layer], stack.no_bias, False, projected)
        if len(turns):
            rotate(projected, 0, width, turns, num_heads, positions)
            rotate(projected, width, 2 * width, turns, num_heads, positions)
        attention(projected, projected, width, 2 * width, places, counts, num_heads, heads[:rows], weights)
        products(heads, stack.output[layer], stack.no_bias, False, update)
        leave(x, update, norm, norm_first, epsilon)
        feed_forward(x, stack, layer, norm_first, epsilon, normalized, inner, update)
    if len(stack.final_norm):
        normalize(x, stack.final_norm[0], epsilon, x)


@kernel
def decode(
    tokens, embedding, wave, written, places, counts, memory, memory_places, memory_counts, stack, matrix, num_heads, norm_first,
    epsilon, turns, position, logits, alignment,
):  # fmt: skip
    """A step of the decoder: one token further in every row.

    tokens (R,); embedding (V, D); wave (D,): what is added for the position.
    written (L, M, 2D): keys and values of the tokens so far; a row finds its own by places (R, T) and counts (R,), the newest last.
    memory (B S, 2 L D): keys and values of the sources for one layer after the other; memory_places (B, S), memory_counts (B,).
    matrix (V, D): the output layer.  Writes logits (R or FEWEST_ROWS, V) and alignment (R, S).
    """
    rows, width = len(tokens), embedding.shape[1]
    count = len(logits)
    x, heads = np.zeros((count, width), np.float32), np.zeros((count, width), np.float32)
    normalized, update, query = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    projected = np.empty((count, 3 * width), np.float32)
    inner = np.empty((count, stack.inner.shape[1]), np.float32)
    own_weights = np.empty((rows, num_heads, places.shape[1]), np.float32)
    weights = np.empty((rows, num_heads, memory_places.shape[1]), np.float32)
    positions = np.full(rows, position)
    scale = np.float32(math.sqrt(width))
    for r in range(rows):
        for k in range(width):
            x[r, k] = embedding[tokens[r], k] * scale + wave[k]
    for layer in range(len(stack.inner)):
        norm = stack.norms[layer, 0]
        read = enter(x, norm, norm_first, epsilon, normalized)
        products(read, stack.projection[layer], stack.no_bias, False, projected)
        if len(turns):
            rotate(projected, 0, width, turns, num_heads, positions)
            rotate(projected, width, 2 * width, turns, num_heads, positions)
        for r in range(rows):
            newest = places[r, counts[r] - 1]
            for k in range(2 * width):
                written[layer, newest, k] = projected[r, width + k]
        attention(projected, written[layer], 0, width, places, counts, num_heads, heads[:rows], own_weights)
        products(heads, stack.output[layer], stack.no_bias, False, update)
        leave(x, update, norm, norm_first, epsilon)

        norm, left = stack.norms[layer, 1], 2 * layer * width
        read = enter(x, norm, norm_first, epsilon, normalized)
        products(read, stack.query[layer], stack.no_bias, False, query)
        attention(query, memory, left, left + width, memory_places, memory_counts, num_heads, heads[:rows], weights)
        products(heads, stack.read[layer], stack.no_bias, False, update)
        leave(x, update, norm, norm_first, epsilon)
        feed_forward(x, stack, layer, norm_first, epsilon, normalized, inner, update)
    if len(stack.final_norm):
        normalize(x, stack.final_norm[0], epsilon, x)
    products(x, matrix, stack.no_bias, False, logits)
    for r in range(rows):  # the alignment is that of the last layer, the mean over its heads
        for s in range(alignment.shape[1]):
            total = np.float32(0)
            for head in range(num_heads):
                total += weights[r, head, s]
            alignment[r, s] = total / np.float32(num_heads)
