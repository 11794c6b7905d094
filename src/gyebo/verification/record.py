"""What verification found out about one architecture: one record a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Kind", "Outcome", "Record"]

Kind = Literal["count", "parity", "contract"]
Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Record:
    """One check of one architecture.

    name: the size that was counted, the reference that was compared, or the property of the contract.
    detail: what was found, why it failed, or the reason of the skip; empty for a property that holds.
    numbers: what was measured, by name: counts, or the largest differences from a reference.
    """

    architecture: str
    kind: Kind
    name: str
    outcome: Outcome
    detail: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """
        >>> print(Record("lstm", "contract", "future_is_not_seen", "passed", ""))
        lstm: contract, future is not seen: passed
        """
        told = f"{self.architecture}: {self.kind}, {self.name.replace('_', ' ')}: {self.outcome}"
        return f"{told} ({self.detail})" if self.detail else told
