"""Losses of masks: one logit and two, void, Dice, and the weights of eq. 2 against their formula pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional as F

from gyebo.data.masked_images import VOID
from gyebo.tasks.mask_losses import border_weights, class_balance, connected_regions, dice_loss, log_probabilities, pixel_losses


def drawn(num_logits: int, void: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, num_logits, 5, 6, dtype=torch.float64, generator=generator)
    labels = torch.randint(max(2, num_logits), (2, 5, 6), generator=generator).byte()
    if void:
        labels[:, 0, :3] = VOID
    return logits, labels


@pytest.mark.parametrize("num_logits", [1, 2, 4])
def test_losses_are_minus_log_p_of_the_label_and_nothing_where_there_is_none(num_logits):
    logits, labels = drawn(num_logits)
    losses, log_p = pixel_losses(logits, labels), log_probabilities(logits)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(2, 5, 6, dtype=torch.float64))
    for place in np.ndindex(2, 5, 6):
        row, top, left = place
        expected = 0.0 if labels[place] == VOID else -log_p[row, int(labels[place]), top, left]
        assert float(losses[place]) == pytest.approx(float(expected), abs=1e-12)


def test_one_logit_is_the_difference_of_two():
    logits, labels = drawn(2)
    difference = logits[:, 1:] - logits[:, :1]
    torch.testing.assert_close(pixel_losses(difference, labels), pixel_losses(logits, labels))
    torch.testing.assert_close(log_probabilities(difference), log_probabilities(logits))


def test_dice_loss_of_one_logit_is_its_formula():
    """That of DETR, too: facebookresearch/detr, models/segmentation.py."""
    logits, labels = drawn(1, void=False)
    for row in range(2):
        p, y = logits[row, 0].sigmoid().flatten().tolist(), (labels[row] == 1).flatten().tolist()
        both = sum(probability for probability, there in zip(p, y, strict=True) if there)
        assert float(dice_loss(logits, labels)[row]) == pytest.approx(1 - (2 * both + 1) / (sum(p) + sum(y) + 1), rel=1e-12)


@pytest.mark.parametrize("num_logits", [1, 3])
def test_dice_loss_does_not_look_at_void(num_logits):
    logits, labels = drawn(num_logits)
    changed = logits.clone()
    changed[:, :, 0, :3] += 5
    assert torch.equal(dice_loss(logits, labels), dice_loss(changed, labels))
    assert not torch.equal(dice_loss(logits, labels), dice_loss(changed, labels.masked_fill(labels == VOID, 0)))


def test_dice_loss_of_classes_is_their_mean_and_a_perfect_mask_has_none():
    logits, labels = drawn(3, void=False)
    p, y = logits.softmax(1), F.one_hot(labels.long(), 3).movedim(-1, 1).double()
    each = [1 - (2 * (p[0, k] * y[0, k]).sum() + 1) / (p[0, k].sum() + y[0, k].sum() + 1) for k in range(3)]
    torch.testing.assert_close(dice_loss(logits, labels)[0], sum(each) / 3)
    assert float(dice_loss(1000 * y, labels).abs().max()) < 1e-12


def test_classes_that_are_balanced_weigh_the_same():
    counts = np.array([900, 90, 10])
    np.testing.assert_allclose(class_balance(counts) * counts, counts.sum() / 3, rtol=1e-6)


def cells(seed: int = 0, size: tuple[int, int] = (24, 31)) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(size), 2)
    return smooth > 0.03


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_connected_regions_are_those_of_scipy(seed):
    there = cells(seed)
    ours, (reference, count) = connected_regions(there), ndimage.label(there)
    assert count > 2
    assert len({(int(a), int(b)) for a, b in zip(ours.ravel(), reference.ravel(), strict=True)}) == count + 1
    assert len(np.unique(ours)) == count + 1
    assert ((ours > 0) == there).all()


def test_a_spiral_is_one_region():
    spiral = np.ones((9, 9), bool)
    for turn in range(0, 4, 2):
        spiral[turn + 1, turn : 8 - turn] = False
        spiral[turn + 1 : 8 - turn, 7 - turn] = False
        spiral[7 - turn, turn + 2 : 8 - turn] = False
    assert ndimage.label(spiral)[1] == len(np.unique(connected_regions(spiral))) - 1
    assert len(np.unique(connected_regions(np.zeros((3, 3), bool)))) == 1


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_border_weights_are_eq_2(sigma):
    there = cells()
    labels, count = ndimage.label(there)
    distances = np.sort([ndimage.distance_transform_edt(labels != number) for number in range(1, count + 1)], axis=0)
    expected = 10 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2)) * ~there
    np.testing.assert_allclose(border_weights(there, 10, sigma), expected, atol=10 * np.exp(-12.5) + 1e-6)
    assert expected.max() > 0.1


def test_one_cell_alone_has_no_border_to_another():
    there = np.zeros((9, 9), bool)
    there[3:6, 3:6] = True
    assert not border_weights(there).any()
