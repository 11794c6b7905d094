"""Pictures in a figure: rows of small images, each with its label, as a contact sheet."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import DIVERGING, INK, SEQUENTIAL

__all__ = ["Picture", "blended", "coloured", "contact_sheet", "data_url", "signed"]

SIDE = 76
"""the longer side of a picture in the figure, in its units"""
GAP, LINE, ROW_LABEL = 8, 14, 160

Pixels = NDArray[np.uint8]
"""(H, W) grey or (H, W, 3) red, green, blue"""


@dataclass(frozen=True)
class Picture:
    """One image of a sheet, and what stands under it, in one or several lines."""

    pixels: Pixels
    label: str = ""


def contact_sheet(
    name: str, title: str, caption: str, rows: Sequence[tuple[str, Sequence[Picture]]], data: dict[str, Any]
) -> Figure:
    """Rows of pictures, each row with its name at the left; data: the numbers behind them, as plain JSON values.

    Raises ValueError where there is no picture, or one is of another type than uint8 or has other dimensions.
    """
    pictures = [picture for _, row in rows for picture in row]
    if not pictures:
        raise ValueError("There is no picture to draw: give at least one row that holds one.")
    lines = max(len(picture.label.splitlines()) for picture in pictures)
    has_names = any(row_name for row_name, _ in rows)
    left, height = (ROW_LABEL if has_names else 0), SIDE + GAP + LINE * lines
    marks, names = [], []
    for place, (row_name, row) in enumerate(rows):
        names.append({"y": place * height + SIDE / 2, "text": _lines(row_name)})
        for column, picture in enumerate(row):
            tall, wide = _shape(picture.pixels)
            longest = max(tall, wide)
            marks.append(
                {
                    "x": left + column * (SIDE + GAP) + SIDE / 2,
                    "y": place * height + SIDE / 2,
                    "width": SIDE * wide / longest,
                    "height": SIDE * tall / longest,
                    "url": data_url(picture.pixels),
                    "label": _lines(picture.label),
                }
            )
    width = left + max(len(row) for _, row in rows) * (SIDE + GAP) - GAP
    total = len(rows) * height - GAP
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, width]), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[total, 0]), axis=None)
    # One layer for each shape: the size of an image mark is a constant of its mark.
    sizes = sorted({(mark["width"], mark["height"]) for mark in marks})
    layers: list[alt.Chart] = [
        alt.Chart(alt.Data(values=[mark for mark in marks if (mark["width"], mark["height"]) == size]))
        .mark_image(width=size[0], height=size[1], aspect=False)
        .encode(x=x, y=y, url="url:N")
        for size in sizes
    ]
    if lines:
        texts = [{name: mark[name] for name in ("x", "y", "label")} for mark in marks]
        label = alt.Chart(alt.Data(values=texts)).mark_text(
            fontSize=10, color=INK, dy=SIDE / 2 + 9, limit=SIDE + GAP - 2, lineBreak="\n", lineHeight=LINE
        )
        layers.append(label.encode(x=x, y=y, text="label:N"))
    if has_names:
        row_label = alt.Chart(alt.Data(values=names)).mark_text(
            fontSize=11, color=INK, align="left", x=0, limit=ROW_LABEL - 10, lineBreak="\n", lineHeight=LINE
        )
        layers.append(row_label.encode(y=y, text="text:N"))
    return figure_of(name, title, caption, data, alt.LayerChart(layer=layers, width=width, height=total))


def _lines(text: str) -> str:
    return "\n".join(map(clean, text.splitlines()))


def data_url(pixels: Pixels) -> str:
    """The picture inside of its own address; a small one is enlarged so that its pixels stay squares."""
    tall, wide = _shape(pixels)
    times = max(1, -(-2 * SIDE // max(tall, wide)))
    image = Image.fromarray(pixels).resize((wide * times, tall * times), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _shape(pixels: Pixels) -> tuple[int, int]:
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)) or not pixels.size:
        raise ValueError(f"A picture is {pixels.dtype} of shape {pixels.shape}, but uint8 (H, W) or (H, W, 3) was expected.")
    return pixels.shape[0], pixels.shape[1]


def coloured(values: NDArray[Any], high: float) -> Pixels:
    """Numbers from 0 to `high` (H, W) in shades from white to ink: (H, W, 3)."""
    return _ramp(np.clip(values / (high or 1.0), 0, 1), SEQUENTIAL)


def signed(values: NDArray[Any], high: float) -> Pixels:
    """Numbers from -high (orange) through 0 (nearly white) to high (blue): (H, W) -> (H, W, 3)."""
    return _ramp(np.clip(values / (2 * (high or 1.0)) + 0.5, 0, 1), DIVERGING)


def blended(below: Pixels, above: Pixels, share: NDArray[Any]) -> Pixels:
    """A picture seen through another one, whose share of each pixel (H, W) lies from 0 to 1."""
    grey = below if below.ndim == 3 else np.repeat(below[..., None], 3, axis=2)
    weight = np.clip(share, 0, 1)[..., None]
    return np.round(grey * (1 - weight) + above * weight).astype(np.uint8)


def _ramp(shares: NDArray[Any], colours: Sequence[str]) -> Pixels:
    stops = np.array([[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in colours], dtype=np.float64)
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(shares, places, stops[:, channel]) for channel in range(3)], axis=-1).round().astype(np.uint8)
