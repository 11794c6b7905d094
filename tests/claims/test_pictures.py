"""Pictures for claims: what is drawn, and what comes with gyebo."""

from __future__ import annotations

import pytest
import torch

from gyebo.claims.pictures import SIGNS, _ink, digits, generator, shifted, signs


def test_digits_are_standardised_by_the_training_set_and_framed_by_background():
    train, test = digits(16, border=8)
    assert float(train.inputs.mean()) == pytest.approx(0, abs=1e-5)
    assert float(train.inputs.std()) == pytest.approx(1, abs=1e-4)
    assert float(test.inputs.mean()) == pytest.approx(0, abs=0.05)
    paper = train.inputs.min()
    assert bool((train.inputs[:, :, :8] == paper).all())
    assert bool((train.inputs[..., -8:] == paper).all())
    assert sorted(set(train.labels.tolist())) == sorted(set(test.labels.tolist())) == list(range(10))


def test_shifts_reach_as_far_as_asked_and_no_farther():
    point = torch.zeros(400, 1, 9, 9)
    point[:, :, 4, 4] = 1
    places = shifted(point, 2, generator(1, "test")).flatten(1).argmax(1)
    assert sorted(set(places.tolist())) == sorted(9 * row + column for row in range(2, 7) for column in range(2, 7))


def test_no_shift_leaves_pictures_as_they_are():
    pictures = torch.rand(3, 1, 5, 5)
    assert torch.equal(shifted(pictures, 0, generator(1, "test")), pictures)


def test_the_same_seed_and_purpose_draw_the_same_signs():
    def drawn(seed: int, purpose: str) -> torch.Tensor:
        return signs(20, 12, generator(seed, purpose)).inputs

    assert torch.equal(drawn(1, "a"), drawn(1, "a"))
    assert not torch.equal(drawn(1, "a"), drawn(2, "a"))
    assert not torch.equal(drawn(1, "a"), drawn(1, "b"))


def test_signs_are_standardised_and_of_all_classes():
    drawn = signs(600, 12, generator(1, "test"))
    assert float(drawn.inputs.mean()) == pytest.approx(0, abs=1e-5)
    assert float(drawn.inputs.std()) == pytest.approx(1, abs=1e-4)
    assert sorted(set(drawn.labels.tolist())) == list(range(len(SIGNS)))


def test_ink_lies_along_a_stroke():
    stroke = torch.tensor([[[[0.1, 0.55], [0.9, 0.55]]]])  # from left to right, through the middle of the sixth of ten rows
    ink = _ink(stroke, 10)[0]
    assert torch.equal(ink[5, 1:9], torch.ones(8))
    torch.testing.assert_close(ink[4, 1:9], torch.full((8,), 0.5))
    assert not ink[:4].any()
    assert not ink[7:].any()


def test_a_picture_without_noise_and_clutter_is_its_sign():
    """Signs of one class resemble each other more than those of another: the nearest mean tells most of them."""
    drawn = signs(2000, 16, generator(1, "train"), clutter=0, noise=0.0)
    unseen = signs(500, 16, generator(1, "test"), clutter=0, noise=0.0)
    means = torch.stack([drawn.inputs[drawn.labels == label].mean(0) for label in range(len(SIGNS))]).flatten(1)
    nearest = torch.cdist(unseen.inputs.flatten(1), means).argmin(1)
    assert float((nearest == unseen.labels).double().mean()) > 0.3
