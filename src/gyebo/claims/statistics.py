"""From the values of a few seeds to a verdict: mean, confidence interval, rule."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gyebo.claims.interface import Verdict

__all__ = ["Interval", "confidence_interval", "joint_verdict", "judge", "student_quantile"]

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean, and the interval around it that holds the true mean with the given confidence."""

    mean: float
    low: float
    high: float


def confidence_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Student 1908: mean +- t s / sqrt(n), with s the standard deviation over n - 1 and t the quantile for n - 1 degrees of freedom.

    Values that are all the same give a point. Raises ValueError for fewer than two values, or one that is not finite.

    >>> [round(bound, 3) for bound in confidence_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    if len(values) < 2 or not all(map(math.isfinite, values)):
        raise ValueError(f"An interval needs at least two finite values, but {list(values)} came.")
    mean = statistics.fmean(values)
    if min(values) == max(values):
        return Interval(values[0], values[0], values[0])
    half = student_quantile((1 + confidence) / 2, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def judge(interval: Interval, at_least: float) -> Verdict:
    """The rule of an effect: the whole interval lies at or above the threshold, or below it, or the threshold lies inside of it.

    >>> judge(Interval(3, 2, 4), 2), judge(Interval(3, 2, 4), 4.5), judge(Interval(3, 2, 4), 3.9)
    ('holds', 'does not hold', 'undecided')
    """
    if interval.low >= at_least:
        return "holds"
    return "does not hold" if interval.high < at_least else "undecided"


def joint_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """A claim holds where all its effects hold, and does not hold where one does not.

    >>> joint_verdict(["holds", "undecided"]), joint_verdict(["undecided", "does not hold"])
    ('undecided', 'does not hold')
    """
    found = set(verdicts)
    if "does not hold" in found:
        return "does not hold"
    return "holds" if found == {"holds"} else "undecided"


def student_quantile(probability: float, degrees: int) -> float:
    """The t below which a variable of Student's distribution stays with this probability, by bisection.

    Raises ValueError where the probability is not above 0.5 and below 1, or there is no degree of freedom.

    >>> round(student_quantile(0.975, 2), 4)
    4.3027
    """
    if not 0.5 < probability < 1 or degrees < 1:
        raise ValueError(f"probability={probability} with {degrees} degrees: one in (0.5, 1) with at least 1 was expected.")
    low, high = 0.0, 1.0
    while _student_distribution(high, degrees) < probability:
        low, high = high, 2 * high
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _student_distribution(middle, degrees) < probability else (low, middle)
    return high


def _student_distribution(t: float, degrees: int) -> float:
    """P(T <= t) for t >= 0: the finite sums of Abramowitz and Stegun 1964, equations 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = (cosine if odd else 1.0), 0.0
    for factor in range(2 if odd else 1, degrees, 2):
        total += term
        term *= factor / (factor + 1) * cosine * cosine
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total  # P(-t <= T <= t)
    return (1 + inside) / 2
