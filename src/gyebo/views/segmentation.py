"""Segmented images: image, truth, prediction, and where the two differ, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from gyebo.tasks.metric_wording import metric_name, metric_text
from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import INK

__all__ = ["Segmented", "segmentation"]

MOST_IMAGES = 6  # what a reader still compares
_LARGEST = 200  # pixels of the larger side of a picture, in the figure
_LEGEND_ROW = 18
_LEGEND_COLUMN = 132
_COLUMNS = 6  # of the legend


@dataclass(frozen=True)
class Segmented:
    """One image and what is to be seen of it.

    pictures: heading -> a PNG in base64, all of one size; size: (width, height) of the image in pixels.
    numbers: what is told of it, such as its metrics; empty where its truth is not known.
    """

    name: str
    size: tuple[int, int]
    pictures: dict[str, str]
    numbers: dict[str, float]


def segmentation(images: Sequence[Segmented], colours: dict[str, str], caption: str) -> Figure:
    """A row of pictures for each image.  colours: of each class and each kind of mistake, as "#rrggbb", in the legend's order.

    Raises ValueError for no image, or more than can be compared.
    """
    if not 1 <= len(images) <= MOST_IMAGES:
        raise ValueError(f"{len(images)} images came, but 1 to {MOST_IMAGES} can be drawn readably below each other.")
    rows = [_row(image, headed=row == 0) for row, image in enumerate(images)]
    data = {
        "colours": colours,
        "images": [{"name": each.name, "width": each.size[0], "height": each.size[1], **each.numbers} for each in images],
    }
    chart = alt.vconcat(*rows, _legend(colours), spacing=14)
    return figure_of("segmentation", "Segmentation", caption, data, chart)


def _row(image: Segmented, headed: bool) -> alt.HConcatChart:
    scale = _LARGEST / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    pictures = [_picture(png, width, height, heading if headed else "") for heading, png in image.pictures.items()]
    told = ", ".join(f"{metric_name(name)} {metric_text(name, value)}" for name, value in image.numbers.items())
    title = alt.TitleParams(clean(f"{image.name}{': ' if told else ''}{told}"), fontSize=11, color=INK, offset=4, anchor="start")
    return alt.hconcat(*pictures, spacing=8).properties(title=title)


def _picture(png: str, width: int, height: int, heading: str) -> alt.Chart:
    values = alt.InlineData([{"url": f"data:image/png;base64,{png}"}])
    chart = (
        alt.Chart(values)
        .mark_image(width=width, height=height)
        .encode(url="url:N", x=alt.value(width / 2), y=alt.value(height / 2))
    )
    title = alt.TitleParams(clean(heading), fontSize=11, color=INK, offset=4, anchor="middle")
    return chart.properties(width=width, height=height, **({"title": title} if heading else {}))


def _legend(colours: dict[str, str]) -> alt.LayerChart:
    """A square and a name for each class, in rows."""
    values = [
        {
            "name": clean(name),
            "colour": colour,
            "left": number % _COLUMNS * _LEGEND_COLUMN + 8,
            "top": number // _COLUMNS * _LEGEND_ROW + 8,
        }
        for number, (name, colour) in enumerate(colours.items())
    ]
    place = {
        "x": alt.X("left:Q", scale=None, axis=None),
        "y": alt.Y("top:Q", scale=None, axis=None),
    }
    base = alt.Chart(alt.InlineData(values)).encode(**place)
    squares = base.mark_square(size=120, opacity=1).encode(color=alt.Color("colour:N", scale=None))
    names = base.mark_text(align="left", dx=10, fontSize=11, color=INK).encode(text="name:N")
    width, height = min(len(values), _COLUMNS) * _LEGEND_COLUMN, -(-len(values) // _COLUMNS) * _LEGEND_ROW
    return alt.LayerChart(layer=[squares, names], width=width, height=height)
