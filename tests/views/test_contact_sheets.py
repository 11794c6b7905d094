"""Contact sheets: pictures, colours, and what is refused."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from gyebo.views.pictures import Picture, blended, coloured, contact_sheet, data_url, signed

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def read(url: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_a_picture_keeps_its_pixels_in_its_address():
    drawn = read(data_url(GREY))
    times = drawn.shape[0] // 3
    assert times > 1
    np.testing.assert_array_equal(drawn[::times, ::times], GREY)


def test_a_sheet_holds_every_picture_and_label():
    rows = [("first\n3 x 4", [Picture(GREY, "고양이")] * 2), ("", [Picture(GREY)])]
    sheet = contact_sheet("sheet", "A sheet", "What is seen.", rows, {"a": 1})
    text = sheet.to_json()
    assert text.count("data:image/png;base64,") == 3
    assert "고양이" in text
    assert sheet.to_png()[1:4] == b"PNG"


@pytest.mark.parametrize("pixels", [GREY.astype(float), GREY[None, :, :, None], np.zeros((0, 3), np.uint8)])
def test_what_is_no_picture_is_refused(pixels):
    with pytest.raises(ValueError, match="uint8"):
        contact_sheet("sheet", "A sheet", "", [("", [Picture(pixels)])], {})


def test_an_empty_sheet_is_refused():
    with pytest.raises(ValueError, match="no picture"):
        contact_sheet("sheet", "A sheet", "", [("a", [])], {})


def test_colours_run_from_end_to_end():
    assert coloured(np.array([[0.0, 2.0]]), 2.0).tolist() == [[[255, 255, 255], [8, 37, 74]]]
    low, middle, high = signed(np.array([[-3.0, 0.0, 9.0]]), 3.0)[0].tolist()
    assert low[0] > low[2]  # orange
    assert middle == [247, 247, 247]
    assert high[2] > high[0]  # blue


def test_blending_is_a_weighted_mean():
    above = np.full((3, 4, 3), 255, np.uint8)
    np.testing.assert_array_equal(blended(GREY, above, np.zeros((3, 4))), np.repeat(GREY[..., None], 3, 2))
    assert (blended(GREY, above, np.ones((3, 4))) == 255).all()
