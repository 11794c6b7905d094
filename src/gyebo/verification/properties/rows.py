"""What a prediction may depend on: its own row, and nothing beside it."""

from __future__ import annotations

from typing import Any

import torch

from gyebo.verification.comparison import assert_near
from gyebo.verification.interface import Subject

__all__ = ["TOLERANCE", "rows_are_independent"]

# Other shapes choose other matrix kernels, which add in another order: about 1e-15 in float64 at these sizes. What leaks
# from a wrong place is as large as the logits themselves, so there is nothing between the two.
TOLERANCE = 1e-12
ROWS = 4


def rows_are_independent(subject: Subject[Any]) -> None:
    """A row alone has the logits that it has in a batch (float64, within 1e-12)."""
    model, batch = subject.build(dtype=torch.float64), subject.cast(subject.batch(ROWS), torch.float64)
    with torch.no_grad():
        together = subject.answers(model, batch)
        for row in range(ROWS):
            (alone,) = subject.answers(model, subject.take(batch, [row]))
            assert_near(alone, together[row], TOLERANCE, f"row {row} alone")
