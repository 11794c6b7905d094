"""What a step costs: of which batches it is counted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from gyebo.compare.cost import flops_per_batch
from gyebo.recipes import read_recipe


class Counted:
    """A problem whose batches are numbered; their loss is a product of two matrices, the later the larger."""

    def __init__(self, count: int) -> None:
        self.training = SimpleNamespace(batches=lambda tokens, seed, epoch: [*range(count)])
        self.seen: list[int] = []

    def loss(self, model: torch.nn.Linear, rows: int, device: str) -> torch.Tensor:
        self.seen.append(rows)
        return model(torch.ones(rows + 1, 2)).sum()


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [0]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (7, [0, 1, 3, 5]), (8, [0, 2, 4, 6]), (15, [0, 3, 7, 11])]
)
def test_operations_are_the_mean_over_batches_from_all_of_an_epoch(count: int, chosen: list[int]):
    problem = Counted(count)
    found = flops_per_batch(torch.nn.Linear(2, 3), problem, read_recipe("dates"))  # type: ignore[arg-type]
    assert problem.seen == chosen
    of_a_row = 2 * 2 * 3 * 2  # forward, and the gradient by the weights: the input asks for none
    assert found == of_a_row * sum(batch + 1 for batch in chosen) / len(chosen)
