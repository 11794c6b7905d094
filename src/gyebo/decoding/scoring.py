"""The mathematics of decoding: normalised scores, penalties, and the few most likely of many tokens.

Letters: V vocabulary, S source positions; rows are hypotheses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gyebo.layers.compiled_transformer import kernels_are_used

__all__ = [
    "coverage_penalty",
    "gnmt_length_penalty",
    "keep_top_k",
    "keep_top_p",
    "largest",
    "log_normalizer",
    "most_likely",
    "power_of_length",
]

GROUP = 64
"""numbers of which only the largest is looked at in the first round of `largest`"""
NUMBERS_IN_CACHE = 2**18
"""as many float32 as fit into a core's own cache"""
FEWEST_FOR_THREADS = 2**18
"""logits from which the compiled `most_likely` shares its rows among threads: fewer are done before another thread wakes up"""


def power_of_length(lengths: Tensor, alpha: float) -> Tensor:
    """T^alpha: 0 leaves sums of log p as they are, 1 makes them means.

    >>> power_of_length(torch.tensor([1, 4]), 0.5)
    tensor([1., 2.], dtype=torch.float64)
    """
    return lengths.double() ** alpha


def gnmt_length_penalty(lengths: Tensor, alpha: float) -> Tensor:
    """lp(Y) = (5 + |Y|)^alpha / (5 + 1)^alpha.  Wu et al. 2016, arXiv 1609.08144, eq. 14.

    >>> gnmt_length_penalty(torch.tensor([1, 7]), 1.0)
    tensor([1., 2.], dtype=torch.float64)
    """
    return ((5 + lengths.double()) / 6) ** alpha


def coverage_penalty(coverage: Tensor, real: Tensor, beta: float) -> Tensor:
    """cp(X, Y) = beta * sum_i log(min(sum_j p_ij, 1)), never above 0.  Wu et al. 2016, eq. 14.

    coverage (..., S): the attention that each source position has received, summed over the target; real (..., S): which of them are
    no padding. A position that received none would cost infinitely much; it counts as if it had received 1e-6.

    >>> coverage_penalty(torch.tensor([[1.5, 0.5, 0.0]]), torch.tensor([[True, True, False]]), 1.0)
    tensor([-0.6931], dtype=torch.float64)
    """
    return beta * coverage.double().clamp(1e-6, 1.0).log().masked_fill(~real, 0.0).sum(-1)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Set all but the k largest logits of each row to -inf; ties with the k-th stay.  (..., V) -> (..., V).

    >>> keep_top_k(torch.tensor([1.0, 3.0, 2.0]), 2)
    tensor([-inf, 3., 2.])
    """
    threshold = logits.topk(min(k, logits.shape[-1]), -1).values[..., -1:]  # (..., 1)
    return logits.masked_fill(logits < threshold, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the fewest most likely tokens whose probabilities sum to at least p, and set the others to -inf.  (..., V) -> (..., V).

    Nucleus sampling: Holtzman et al. 2020, arXiv 1904.09751, eq. 2 and 3. The most likely token always stays.

    >>> keep_top_p(torch.tensor([0.2, 0.5, 0.3]).log(), 0.6).exp()
    tensor([0.0000, 0.5000, 0.3000])
    """
    ordered, places = logits.sort(-1, descending=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities  # what more likely tokens have together
    dropped = torch.zeros_like(places, dtype=torch.bool).scatter(
        -1, places, (before >= p).index_fill(-1, places.new_zeros(1), False)
    )
    return logits.masked_fill(dropped, -torch.inf)


def log_normalizer(logits: Tensor) -> Tensor:
    """log sum exp of each row: what a logit loses to become a log-probability.  (rows, V) -> (rows, 1).

    A few rows at a time, so that what is in between stays in the processor's cache.
    """
    rows = max(1, NUMBERS_IN_CACHE // logits.shape[-1])
    return torch.cat([part.float().logsumexp(-1, keepdim=True) for part in logits.split(rows)])


def largest(numbers: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row, largest first, and their places: what `torch.topk` gives, sooner.  (rows, V) -> (rows, count).

    The `count` largest lie in the `count` groups of 64 with the largest maxima; the maxima of groups are fast to find.

    >>> largest(torch.tensor([[1.0, 5.0, 3.0]]), 2)[1]
    tensor([[1, 2]])
    """
    groups, rest = divmod(numbers.shape[-1], GROUP)
    if groups <= 2 * count:
        return numbers.topk(count, -1)  # type: ignore[return-value]
    maxima = numbers[:, : groups * GROUP].unflatten(-1, (groups, GROUP)).amax(-1)
    best = maxima.topk(count, -1, sorted=False).indices  # (rows, count)
    places = (best.unsqueeze(-1) * GROUP + torch.arange(GROUP, device=numbers.device)).flatten(1)
    if rest:
        places = torch.cat(
            [places, torch.arange(groups * GROUP, numbers.shape[-1], device=numbers.device).expand(len(places), -1)], -1
        )
    found, order = numbers.gather(1, places).topk(count, -1)
    return found, places.gather(1, order)


def most_likely(logits: Tensor, count: int, forbidden: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The `count` most likely tokens of each row, most likely first: log p over the whole vocabulary, and the tokens.

    (rows, V) -> (rows, min(count, V)) each, float64 and int64. Forbidden tokens have log p = -inf, as if they could not be written.
    """
    vocabulary = logits.shape[-1]
    if logits.dtype == torch.float32 and logits.device.type == "cpu" and kernels_are_used():
        return _most_likely_compiled(logits, min(count, vocabulary), forbidden)
    found, tokens = largest(logits, min(count + len(forbidden), vocabulary))  # forbidden ones take away so many places at most
    for token in forbidden:
        found = found.masked_fill(tokens == token, -torch.inf)
    found, order = found.topk(min(count, vocabulary), -1)
    return found.double() - log_normalizer(logits).double(), tokens.gather(1, order)


def _most_likely_compiled(logits: Tensor, count: int, forbidden: Sequence[int]) -> tuple[Tensor, Tensor]:
    from gyebo.decoding import likely_kernel
    from gyebo.layers.kernel_threads import most_threads, run_on_threads

    found = torch.empty(len(logits), count, dtype=torch.float64)
    tokens = torch.empty(len(logits), count, dtype=torch.long)
    run_on_threads(
        likely_kernel.most_likely, most_threads() if logits.numel() >= FEWEST_FOR_THREADS else 1,
        logits.detach().contiguous().numpy(), np.array(forbidden, np.int64), found.numpy(), tokens.numpy(),
    )  # fmt: skip
    return found, tokens
