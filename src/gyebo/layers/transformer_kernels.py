"""A step of the Transformer's decoder for a few rows, compiled by numba: what `gyebo.models.attention.transformer` says with PyTorch.

A step does little arithmetic in many small operations, so most of its time would go into calling them. Here a step is one call.
Rows are hypotheses; they are independent of each other but for what they attend to:

    add & norm      x <- LayerNorm(x + Sublayer(x)),  or where norms come first  x <- x + Sublayer(LayerNorm(x))
    attention       softmax(q k^T / sqrt(K)) v, over the rows of a table that `places` lists for each query
    feed-forward    max(0, x W_1^T + b_1) W_2^T + b_2

Several threads run `decode` at once: each computes its own heads, and its own outputs of every other product.  Each keeps x of its own
and adds and normalises for itself, so the threads meet only where a product reads what all of them wrote.

Importing this file needs numba.
Letters: R rows, M rows of a table, S places, D width, N heads, K width of one head, F feed-forward width, V vocabulary, L layers.
"""

# pyright: reportMissingImports=false, reportCallIssue=false

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gyebo.layers.compiling import exponential, kernel
from gyebo.layers.kernel_threads import meet, most_threads, run_on_threads

__all__ = [
    "FEWEST_ROWS",
    "Stack",
    "Workspace",
    "attention_of_step",
    "attention_to_source",
    "decode",
    "most_threads",
    "run_on_threads",
]

TILE_ROWS, TILE_OUTPUTS = 5, 2
"""sums that a core keeps in its registers at a time: as many as there is room for"""
FEWEST_ROWS = TILE_ROWS
"""arrays of more than one row have at least so many"""
BLOCK = 48
"""outputs computed for all rows before the next ones, so that their weights stay in the nearest cache"""

AHEAD, NUMBERS_IN_LINE = 4, 16
"""rows of weights that are fetched while others are used: the processor foresees one row after the other, and not two at a time"""


class Stack(NamedTuple):
    """The weights of the decoder's layers, one layer after the other in each array."""

    projection: np.ndarray  # (L, 3D, D): W^Q, W^K, W^V of the attention of a sequence to itself
    output: np.ndarray  # (L, D, D): its W^O
    query: np.ndarray  # (L, D, D): W^Q of the attention to the source
    read: np.ndarray  # (L, D, D): its W^O
    inner: np.ndarray  # (L, F, D): W_1
    inner_bias: np.ndarray  # (L, F)
    outer: np.ndarray  # (L, D, F): W_2
    outer_bias: np.ndarray  # (L, D)
    norms: np.ndarray  # (L, 3, 2, D): gain and bias of the norm of each sublayer
    final_norm: np.ndarray  # (1, 2, D), or (0, 2, D) where there is none
    no_bias: np.ndarray  # (3D,) or (V,), the larger: zeros


class Workspace(NamedTuple):
    """What the threads write for each other."""

    projected: np.ndarray  # (R, 3D): queries, keys and values
    heads: np.ndarray  # (R, D): what the heads have read
    update: np.ndarray  # (R, D): what a sublayer gives
    inner: np.ndarray  # (R, F)
    own_weights: np.ndarray  # (R, N, T)
    weights: np.ndarray  # (R, N, S)


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


@kernel
def products(rows, matrix, bias, rectified, into, begin, end):
    """into[r, j] = sum_k rows[r, k] matrix[j, k] + bias[j], or the larger of that and 0, for j from begin to end.

    (R, D), (J, D), (J,) -> (R, J).  One row, or at least FEWEST_ROWS; TILE_OUTPUTS columns at least.  What does not fill the last tile is
    computed twice, with the same result.
    """
    if len(rows) == 1:
        product_of_row(rows, matrix, bias, rectified, into, begin, end)
        return
    for first in range(begin, end, BLOCK):
        products_of_tiles(rows, matrix, bias, rectified, into, first, min(end, first + BLOCK))


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
            j = min(left, end - TILE_OUTPUTS)
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


@kernel
def attention(queries, table, key_at, value_at, places, counts, num_heads, first_head, last_head, into, weights):
    """softmax(q k^T / sqrt(K)) v of the heads from the first to the one before the last.

    queries (R, D or more), read from its first D columns. table (M, ...) has keys in its columns from key_at on, values from value_at.
    places (P, S): the rows of the table that a query may read, the first counts[p] (P,) of them; R / P queries share a list.
    Writes into (R or more, D), and weights (R, N, S), 0 behind the count.
    """
    count, width = len(weights), into.shape[1]
    share, head_dim = count // len(places), width // num_heads
    scale = np.float32(1 / math.sqrt(head_dim))
    for row in range(count):
        listed = row // share
        number = counts[listed]
        for head in range(first_head, last_head):
            left, greatest = head * head_dim, np.float32(-np.inf)
            for s in range(number):
                place, score = places[listed, s], np.float32(0)
                for k in range(head_dim):
                    score += queries[row, left + k] * table[place, key_at + left + k]
                score *= scale
                weights[row, head, s] = score
                greatest = max(greatest, score)
            total = np.float32(0)
            for s in range(number):
                weight = exponential(weights[row, head, s] - greatest)
                weights[row, head, s] = weight
                total += weight
            for k in range(head_dim):
                into[row, left + k] = 0
            for s in range(number):
                weight, place = weights[row, head, s] / total, places[listed, s]
                weights[row, head, s] = weight
                for k in range(head_dim):
                    into[row, left + k] += weight * table[place, value_at + left + k]
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
def rotate(rows, count, begin, end, turns, position):
    """Turn each pair of the columns from begin to end, one head or more, by its angle: turns (T, K) holds cosine and sine."""
    head_dim = turns.shape[1]
    for r in range(count):
        for left in range(begin, end, 2):
            k = (left - begin) % head_dim
            cosine, sine = turns[position, k], turns[position, k + 1]
            even, odd = rows[r, left], rows[r, left + 1]
            rows[r, left] = even * cosine - odd * sine
            rows[r, left + 1] = even * sine + odd * cosine


@kernel
def attention_to_source(queries, table, key_at, value_at, places, counts, num_heads, into, weights, thread, threads, counter):
    """`attention`, a thread's share of the heads."""
    first_head, last_head = num_heads * thread // threads, num_heads * (thread + 1) // threads
    attention(queries, table, key_at, value_at, places, counts, num_heads, first_head, last_head, into, weights)


@kernel
def attention_of_step(
    projected, written, places, counts, num_heads, turns, position, heads, weights, thread, threads, counter
):  # fmt: skip
    """The newest token of every row reads itself and those before it, with a thread's share of the heads.

    projected (R or more, 3D): its queries, keys and values.  written (M, 2D): keys and values so far; a row finds its own by places
    (R, T) and counts (R,), the newest last, which is written first.  Writes heads (R or more, D) and weights (R, N, T).
    """
    rows, width = len(weights), heads.shape[1]
    head_dim = width // num_heads
    first_head, last_head = num_heads * thread // threads, num_heads * (thread + 1) // threads
    begin, end = first_head * head_dim, last_head * head_dim
    if len(turns):
        rotate(projected, rows, begin, end, turns, position)
        rotate(projected, rows, width + begin, width + end, turns, position)
    for r in range(rows):
        newest = places[r, counts[r] - 1]
        for k in range(begin, end):
            written[newest, k] = projected[r, width + k]
            written[newest, width + k] = projected[r, 2 * width + k]
    attention(projected, written, 0, width, places, counts, num_heads, first_head, last_head, heads, weights)


@kernel
def begin_of(thread, threads, outputs):
    """Where a thread's share of the outputs begins, an even number; at `outputs` where there are no more."""
    pairs = (outputs + 1) // 2
    return min(outputs, pairs * thread // threads * 2)


@kernel
def decode(
    tokens, embedding, wave, written, places, counts, memory, memory_places, memory_counts, stack, matrix, num_heads, norm_first,
    epsilon, turns, position, workspace, logits, alignment, thread, threads, counter,
):  # fmt: skip
    """A step of the decoder: one token further in every row.

    tokens (R,); embedding (V, D); wave (D,): what is added for the position.
    written (L, M, 2D), places (R, T), counts (R,): for one layer after the other, as in `attention_of_step`.
    memory (B S, 2 L D): keys and values of the sources for one layer after the other; memory_places (B, S), memory_counts (B,).
    matrix (V, D): the output layer.  Writes logits (R or FEWEST_ROWS, V) and alignment (R, S).
    """
    rows, count, width = len(tokens), len(logits), embedding.shape[1]
    projected, heads, update, inner, own_weights, weights = workspace
    x, normalized = np.zeros((count, width), np.float32), np.empty((count, width), np.float32)
    first_head, last_head = num_heads * thread // threads, num_heads * (thread + 1) // threads
    head_begin, head_end = first_head * (width // num_heads), last_head * (width // num_heads)
    begin, end = begin_of(thread, threads, width), begin_of(thread + 1, threads, width)
    inner_begin, inner_end = begin_of(thread, threads, inner.shape[1]), begin_of(thread + 1, threads, inner.shape[1])
    scale, met = np.float32(math.sqrt(width)), 0
    for r in range(rows):
        for k in range(width):
            x[r, k] = embedding[tokens[r], k] * scale + wave[k]
    for layer in range(len(stack.inner)):
        norm = stack.norms[layer, 0]
        read = enter(x, norm, norm_first, epsilon, normalized)
        for part in range(0, 3 * width, width):
            products(read, stack.projection[layer], stack.no_bias, False, projected, part + head_begin, part + head_end)
        attention_of_step(
            projected, written[layer], places, counts, num_heads, turns, position, heads, own_weights, thread, threads, counter
        )
        for sublayer in range(3):
            norm = stack.norms[layer, sublayer]
            if sublayer == 1:
                read, left = enter(x, norm, norm_first, epsilon, normalized), 2 * layer * width
                products(read, stack.query[layer], stack.no_bias, False, projected, head_begin, head_end)
                attention_to_source(
                    projected, memory, left, left + width, memory_places, memory_counts, num_heads, heads, weights, thread, threads,
                    counter,
                )  # fmt: skip
            if sublayer == 2:
                read = enter(x, norm, norm_first, epsilon, normalized)
                products(read, stack.inner[layer], stack.inner_bias[layer], True, inner, inner_begin, inner_end)
            met += threads
            meet(counter, met)
            if sublayer == 2:
                products(inner, stack.outer[layer], stack.outer_bias[layer], False, update, begin, end)
            else:
                output = stack.output[layer] if sublayer == 0 else stack.read[layer]
                products(heads, output, stack.no_bias, False, update, begin, end)
            met += threads
            meet(counter, met)
            leave(x, update, norm, norm_first, epsilon)
    if len(stack.final_norm):
        normalize(x, stack.final_norm[0], epsilon, x)
    products(
        x, matrix, stack.no_bias, False, logits, begin_of(thread, threads, len(matrix)), begin_of(thread + 1, threads, len(matrix))
    )
    if thread == 0:
        for r in range(rows):  # the alignment is that of the last layer, the mean over its heads
            for s in range(alignment.shape[1]):
                total = np.float32(0)
                for head in range(num_heads):
                    total += weights[r, head, s]
                alignment[r, s] = total / np.float32(num_heads)
