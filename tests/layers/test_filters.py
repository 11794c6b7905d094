"""Filters for edges: against SciPy, and found again by learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from gyebo.layers.filters import FILTERS, edge_kernel, edge_strength, filtered

PICTURE = torch.rand(1, 1, 9, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("name", ["prewitt", "sobel"])
@pytest.mark.parametrize("horizontal", [False, True])
def test_filters_are_those_of_scipy(name, horizontal):
    ours = filtered(PICTURE, edge_kernel(name, horizontal=horizontal))[0, 0]
    theirs = getattr(ndimage, name)(PICTURE[0, 0].numpy(), axis=0 if horizontal else 1)[1:-1, 1:-1]
    np.testing.assert_allclose(ours.numpy(), -theirs, atol=1e-12)  # SciPy takes right minus left


def test_edge_strength_is_the_same_for_a_turned_picture():
    for name in FILTERS:
        turned = edge_strength(PICTURE.rot90(dims=(2, 3)), name)
        torch.testing.assert_close(turned, edge_strength(PICTURE, name).rot90(dims=(2, 3)))


def test_a_learned_kernel_recovers_sobel():
    """What hand-made features were to learned ones: a 3 x 3 convolution fitted to Sobel's answers becomes Sobel's filter."""
    torch.manual_seed(0)
    pictures = torch.rand(16, 1, 16, 16)
    wanted = filtered(pictures, edge_kernel("sobel"))
    layer = nn.Conv2d(1, 1, 3)
    optimizer = torch.optim.Adam(layer.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        F.mse_loss(layer(pictures), wanted).backward()
        optimizer.step()
    assert F.cosine_similarity(layer.weight.flatten(), edge_kernel("sobel").flatten(), dim=0) > 0.999


def test_an_unknown_filter_is_told_the_known_ones():
    with pytest.raises(ValueError, match="prewitt, sobel, scharr"):
        edge_kernel("canny")
