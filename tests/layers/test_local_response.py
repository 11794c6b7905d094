"""Local response normalisation has the constants of its paper, and torch's alpha is not the paper's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gyebo.layers.local_response import LocalResponse, local_response


def test_a_number_is_divided_by_its_neighbours_among_the_maps():
    maps = torch.arange(1.0, 8.0, dtype=torch.float64).view(1, 7, 1, 1)
    made = local_response(maps, neighbours=3, k=2.0, alpha=0.1, beta=0.75)
    assert made[0, 0, 0, 0].item() == pytest.approx(1 / (2 + 0.1 * (1 + 4)) ** 0.75)
    assert made[0, 3, 0, 0].item() == pytest.approx(4 / (2 + 0.1 * (9 + 16 + 25)) ** 0.75)
    assert made[0, 6, 0, 0].item() == pytest.approx(7 / (2 + 0.1 * (36 + 49)) ** 0.75)


def test_places_do_not_see_each_other():
    maps = torch.randn(2, 6, 3, 4)
    expected = local_response(maps)
    changed = maps.clone()
    changed[:, :, 1, 2] = 100.0
    differs = (local_response(changed) != expected).any(1)
    assert differs.sum() == 2
    assert differs[:, 1, 2].all()


def test_the_constants_are_the_papers_and_torch_divides_alpha():
    maps = 30 * torch.randn(2, 8, 3, 3)
    torch.testing.assert_close(LocalResponse()(maps), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)(maps))
    assert not torch.allclose(LocalResponse()(maps), nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)(maps))


def test_gradient_is_that_of_the_formula():
    maps = torch.randn(1, 6, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: local_response(each, alpha=0.1), maps)
