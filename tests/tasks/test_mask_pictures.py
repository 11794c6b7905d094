"""Masks as pictures: colours that differ, what lies over an image, and mistakes."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image

from gyebo.data.masked_images import VOID
from gyebo.tasks.mask_pictures import (
    INVENTED,
    MISSED,
    OTHER,
    class_colours,
    grey_or_colour,
    laid_over,
    mask_png,
    mistakes,
    png,
    side_by_side,
)

IMAGE = np.full((2, 3, 3), 100, np.uint8)
TRUTH = np.array([[0, 1, 1], [0, 0, VOID]], np.uint8)
PREDICTED = np.array([[0, 1, 0], [1, 0, 1]], np.uint8)


def test_classes_have_colours_of_their_own():
    table = class_colours(32)
    assert len({tuple(colour) for colour in table[:32].tolist()}) == 32
    assert class_colours(40)[32].tolist() == table[0].tolist(), "then they come again"
    assert table[VOID].tolist() == [128, 128, 128]


def test_the_first_of_two_classes_leaves_the_image_and_of_more_all_are_coloured():
    over = laid_over(IMAGE, TRUTH, 2)
    assert (over[TRUTH == 0] == 100).all()
    assert (over[TRUTH == 1] != 100).any()
    assert (laid_over(IMAGE, TRUTH, 3)[TRUTH == 0] != 100).any()
    assert (laid_over(IMAGE, TRUTH, 3)[TRUTH == VOID] == 100).all()


def test_mistakes_are_missed_invented_or_another_class_and_void_is_none():
    shown = mistakes(IMAGE, TRUTH, PREDICTED, 2)
    assert shown[0, 2].tolist() == list(MISSED)
    assert shown[1, 0].tolist() == list(INVENTED)
    pale = shown[0, 0].tolist()
    assert pale == shown[0, 1].tolist() == shown[1, 2].tolist() != IMAGE[0, 0].tolist()
    assert mistakes(IMAGE, TRUTH, PREDICTED, 3)[0, 2].tolist() == list(OTHER)


def test_a_mask_file_holds_the_class_numbers():
    image = Image.open(io.BytesIO(mask_png(PREDICTED, 2)))
    assert image.mode == "P"
    assert np.array_equal(np.asarray(image), PREDICTED)
    assert np.asarray(image.convert("RGB"))[0, 1].tolist() == class_colours(2)[1].tolist()


def test_pictures_stand_side_by_side_and_become_no_larger_than_asked():
    row = side_by_side([IMAGE, IMAGE])
    assert row.shape == (2, 3 + 4 + 3, 3)
    assert (row[:, 3:7] == 255).all()
    assert Image.open(io.BytesIO(png(row, 5))).size == (5, 1)


def test_grey_becomes_three_channels():
    assert grey_or_colour(torch.full((1, 2, 3), 7, dtype=torch.uint8)).tolist() == np.full((2, 3, 3), 7).tolist()
