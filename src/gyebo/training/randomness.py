"""Seeds for the random draws of a step, so that they do not depend on what was drawn before it."""

from __future__ import annotations

import torch

__all__ = ["mix", "seed_generators"]


def seed_generators(seed: int, device: str) -> None:
    """Seed the generators that a step draws from: torch.manual_seed asks every backend there is, which takes 140 us."""
    torch.default_generator.manual_seed(seed)
    if device.startswith("cuda"):
        torch.cuda.manual_seed(seed)


def mix(*numbers: int) -> int:
    """One seed of 63 bits from several numbers, so that neighbouring steps draw unrelated random numbers.

    >>> mix(1, 2, 3) != mix(1, 3, 2)
    True
    """
    mixed = 0
    for number in numbers:  # the finalizer of SplitMix64 (Steele, Lea, Flood 2014)
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return mixed & 0x7FFFFFFFFFFFFFFF
