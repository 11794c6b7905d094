"""Products by panels are products, at sizes that fill their tiles and at sizes that do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gyebo.layers.panel_products import LANES, TILE_ROWS, panels, products

NEAR = {"rtol": 1e-5, "atol": 1e-5}  # float32: the same sums in another order


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def product(x: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor, floor: float, begin: int, end: int) -> torch.Tensor:
    into = torch.full((len(x), len(matrix)), 7.0)
    biases = F.pad(bias, (0, LANES)).numpy()
    products(x.numpy(), panels(matrix), biases, np.float32(floor), into.numpy(), begin, end)
    return into


@pytest.mark.parametrize("floor", [-torch.inf, 0.0])
@pytest.mark.parametrize("outputs", [1, 3, LANES, LANES + 1, 3 * LANES + 5])
@pytest.mark.parametrize("rows", [*range(1, TILE_ROWS + 2), 20])
def test_products(rows, outputs, floor):
    x, matrix, bias = numbers(rows, 19), numbers(outputs, 19, seed=1), numbers(outputs, seed=2)
    expected = F.linear(x, matrix, bias).clamp_min(floor)
    torch.testing.assert_close(product(x, matrix, bias, floor, 0, outputs), expected, **NEAR)


@pytest.mark.parametrize(("begin", "end"), [(0, 16), (16, 48), (4, 61), (17, 19), (15, 17), (5, 5), (16, 16), (70, 70)])
@pytest.mark.parametrize("rows", [1, 7])
def test_a_share_of_the_outputs(rows, begin, end):
    x, matrix, bias = numbers(rows, 19), numbers(70, 19, seed=1), numbers(70, seed=2)
    found = product(x, matrix, bias, -torch.inf, begin, end)
    torch.testing.assert_close(found[:, begin:end], F.linear(x, matrix, bias)[:, begin:end], **NEAR)
    assert (found[:, :begin] == 7).all()
    assert (found[:, end:] == 7).all()


def test_a_single_input():
    x, matrix = numbers(3, 1), numbers(5, 1, seed=1)
    torch.testing.assert_close(product(x, matrix, torch.zeros(5), -torch.inf, 0, 5), F.linear(x, matrix), **NEAR)


def test_what_is_not_a_number_stays_none():
    x, matrix = torch.tensor([[torch.nan, 1.0], [1.0, 1.0]]), numbers(4, 2)
    found = product(x, matrix, torch.zeros(4), 0.0, 0, 4)
    assert found[0].isnan().all()
    assert found[1].isfinite().all()


def test_panels_of_a_stack_are_those_of_each():
    matrices = numbers(2, 21, 3)
    assert panels(matrices).shape == (2, 2, 3, LANES)
    assert np.array_equal(panels(matrices)[1], panels(matrices[1]))
