"""Positions as heat maps, and how alike they are."""

import json

import altair as alt
import numpy as np
import pytest

from gyebo.views.positions import MAX_POSITIONS, positions, similarity


def waves(num_positions: int, width: int) -> np.ndarray:
    angles = np.arange(num_positions)[:, None] * 10_000.0 ** (-np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(num_positions, -1)


def test_waves_depend_on_the_distance_alone():
    """sin a sin b + cos a cos b = cos(a - b): the mean cosine over the frequencies, and no spread."""
    alike = similarity(waves(20, 8))
    angles = np.arange(20)[:, None] * 10_000.0 ** (-np.arange(0, 8, 2) / 8)
    np.testing.assert_allclose(alike[:, 0], np.cos(angles).mean(1), atol=1e-12)
    np.testing.assert_allclose(alike[:, 1], alike[:, 2], atol=1e-12)


def test_similarity_is_the_mean_over_all_pairs_with_its_spread():
    vectors = np.random.default_rng(0).normal(size=(6, 3))
    own = np.mean([vector @ vector for vector in vectors])
    pairs = [vectors[place] @ vectors[place + 2] / own for place in range(4)]
    np.testing.assert_allclose(similarity(vectors)[2], [np.mean(pairs), *np.percentile(pairs, [10, 90])])


@pytest.mark.parametrize("shape", [(1, 1), (64, 12), (MAX_POSITIONS, 700)], ids=str)
def test_draws(shape):
    figure = positions({"한글": np.random.default_rng(0).normal(size=shape), "waves": waves(9, 4)})
    alt.Chart.from_dict(figure.spec)
    assert [row["title"]["text"] for row in figure.spec["vconcat"]] == ["한글", "waves"]
    assert np.shape(figure.data["tables"]["한글"]["vectors"]) == shape
    assert ("512 evenly sampled" in figure.caption) == (shape[1] > 512)
    assert json.loads(figure.to_json())["data"] == figure.data
    assert figure.to_png(1.0).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "give at least one table"),
        ({"a": [1.0]}, r"positions 'a' have shape \(1,\), but \(T, D\) was expected"),
        ({"a": np.zeros((0, 2))}, r"have shape \(0, 2\)"),
        ({"a": np.ones((MAX_POSITIONS + 1, 2))}, "from 1 to 128 positions"),
        ({"a": [[np.nan]]}, "not finite, or are all zero"),
        ({"a": [[0.0]]}, "not finite, or are all zero"),
    ],
)
def test_checks(tables, message):
    with pytest.raises(ValueError, match=message):
        positions(tables)
