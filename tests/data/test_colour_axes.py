"""The principal components of colours: those of the covariance of all pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gyebo.data.colour_axes import colour_axes


def pixels(count: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """Colours that lie along a tilted line more than across it, (C, count) uint8."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(0, 30, (channels, channels)) + 40
    values = mixing @ rng.normal(0, 1, (channels, count)) + 128
    return torch.from_numpy(values.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_they_are_the_eigenvectors_of_the_covariance_each_times_its_eigenvalue(channels: int):
    colours = pixels(5_000, channels)
    covariance = np.atleast_2d(np.cov(colours.double().numpy() / 255, bias=True))
    axes = np.array(colour_axes([colours]))
    assert axes.shape == (channels, channels)
    eigenvalues = np.linalg.norm(axes, axis=1)
    assert list(eigenvalues) == sorted(eigenvalues, reverse=True)
    directions = axes / eigenvalues[:, None]
    np.testing.assert_allclose(directions @ directions.T, np.eye(channels), atol=1e-10)
    np.testing.assert_allclose(covariance @ directions.T, directions.T * eigenvalues, atol=1e-10)


def test_they_are_the_same_however_the_pixels_are_parted():
    colours = pixels(5_000)
    whole = colour_axes([colours])
    assert colour_axes(colours.split(700, dim=1)) == whole
    assert colour_axes([colours.flip(1)]) == whole
    assert colour_axes([colours, colours]) == whole
    assert colour_axes([pixels(5_000, seed=1)]) != whole


def test_each_points_to_where_its_largest_part_is_positive():
    for seed in range(5):
        assert all(max(axis, key=abs) > 0 for axis in colour_axes([pixels(900, seed=seed)]))


def test_one_colour_alone_has_no_axes():
    assert colour_axes([torch.full((3, 7), 90, dtype=torch.uint8)]) == ((0.0,) * 3,) * 3


def test_grey_pictures_in_three_channels_have_one():
    first, *others = np.array(colour_axes([pixels(900, 1).expand(3, -1)]))
    assert first == pytest.approx([first[0]] * 3)
    np.testing.assert_allclose(others, 0, atol=1e-12)
