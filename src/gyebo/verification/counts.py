"""Every published size of an architecture, built without memory and counted."""

from __future__ import annotations

import torch

from gyebo.config import from_mapping
from gyebo.genealogy import Architecture, parameter_counts
from gyebo.verification.flops import multiply_adds
from gyebo.verification.record import Record

__all__ = ["count_sizes"]

IMAGE_TASKS = ("classify", "segment")
"""those of whose sizes the multiply-adds are counted: each image costs the same"""


def count_sizes(entry: Architecture) -> list[Record]:
    """Count each size on the meta device, and compare with the numbers of its entry, exactly."""
    return [_count(entry, name) for name in entry.sizes]


def _count(entry: Architecture, name: str) -> Record:
    size = entry.sizes[name]
    config = from_mapping(entry.config, size.config, f"the size {name!r} of {entry.name}")
    with torch.device("meta"):
        model = entry.model(config)
        weights, parameters = parameter_counts(model)
    numbers = {"weights": weights, "parameters": parameters}
    published = {"weights": size.weights, "parameters": size.parameters}
    if entry.task in IMAGE_TASKS:
        side = size.image_size or config.image_size
        numbers["multiply_adds"] = multiply_adds(model, (config.num_channels, side, side)).total
        published["multiply_adds"] = size.multiply_adds
    if numbers == published:
        return Record(entry.name, "count", name, "passed", size.source, numbers)
    found = ", ".join(f"{number:,} {what.replace('_', '-')}" for what, number in numbers.items())
    expected = ", ".join(f"{number:,}" for number in published.values())
    return Record(entry.name, "count", name, "failed", f"{found}, but {expected} are published: {size.source}", numbers)
