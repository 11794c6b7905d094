"""`gyebo.decoding.scoring.most_likely`, compiled: one pass for the largest, one for the normalizer.  Importing it needs numba."""

# pyright: reportMissingImports=false

from __future__ import annotations

import math

import numpy as np

from gyebo.layers.compiling import exponential, kernel
from gyebo.layers.kernel_threads import begin, end

__all__ = ["most_likely"]

LANES, GROUP = 16, 64
"""numbers whose largest is found before any of them is looked at: most groups have none to keep"""


@kernel
def most_likely(logits, forbidden, log_probabilities, tokens, thread, threads, counter):
    """logits (rows, V), forbidden tokens (n,); writes log p and the tokens, most likely first, (rows, count) each.

    A thread's share of the rows, as `gyebo.layers.kernel_threads.run_on_threads` says.
    """
    begin(counter, thread)
    count = len(logits)
    for row in range(count * thread // threads, count * (thread + 1) // threads):
        kept, places = log_probabilities[row], tokens[row]
        greatest = largest(logits[row], forbidden, kept, places)
        total = np.float32(0)
        for v in range(logits.shape[1]):
            total += exponential(logits[row, v] - greatest)
        normalizer = greatest + math.log(total)
        for place in range(len(kept)):
            kept[place] -= normalizer
    end(counter, thread, threads)


@kernel
def largest(numbers, forbidden, kept, places):
    """The largest in order, but for the forbidden, and where they stand; returns the largest of all."""
    size, greatest, lanes = len(numbers), np.float32(-np.inf), np.empty(LANES, np.float32)
    for place in range(len(kept)):
        kept[place], places[place] = -np.inf, forbidden[0] if len(forbidden) else 0
    for first in range(0, size, GROUP):
        last, most = min(first + GROUP, size), np.float32(-np.inf)
        if last - first == GROUP:
            for i in range(LANES):
                a, b = numbers[first + i], numbers[first + LANES + i]
                c, d = numbers[first + 2 * LANES + i], numbers[first + 3 * LANES + i]
                a, c = a if a > b else b, c if c > d else d
                lanes[i] = a if a > c else c
            for i in range(LANES):
                most = lanes[i] if lanes[i] > most else most
        else:
            for v in range(first, last):
                most = numbers[v] if numbers[v] > most else most
        greatest = most if most > greatest else greatest
        if most <= kept[-1]:
            continue
        for v in range(first, last):
            if numbers[v] > kept[-1] and not listed(v, forbidden):
                place = len(kept) - 1
                while place > 0 and kept[place - 1] < numbers[v]:
                    kept[place], places[place] = kept[place - 1], places[place - 1]
                    place -= 1
                kept[place], places[place] = numbers[v], v
    return greatest


@kernel
def listed(token, tokens):
    found = False
    for other in tokens:
        found |= other == token
    return found
