"""Every published size of an architecture, built without memory and counted."""

from __future__ import annotations

import torch

from gyebo.config import from_mapping
from gyebo.genealogy import Architecture, parameter_counts
from gyebo.verification.record import Record

__all__ = ["count_sizes"]


def count_sizes(entry: Architecture) -> list[Record]:
    """Count each size on the meta device, and compare with its published numbers, exactly."""
    return [_count(entry, name) for name in entry.sizes]


def _count(entry: Architecture, name: str) -> Record:
    size = entry.sizes[name]
    config = from_mapping(entry.config, size.config, f"the size {name!r} of {entry.name}")
    with torch.device("meta"):
        weights, parameters = parameter_counts(entry.model(config))
    numbers = {"weights": weights, "parameters": parameters}
    if (weights, parameters) == (size.weights, size.parameters):
        return Record(entry.name, "count", name, "passed", size.source, numbers)
    detail = f"{weights:,} weights and {parameters:,} parameters, but {size.weights:,} and {size.parameters:,} are published: {size.source}"
    return Record(entry.name, "count", name, "failed", detail, numbers)
