"""A figure: one definition (numbers and Vega-Lite specification), written as HTML, PNG, SVG or JSON."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gyebo.errors import UsageError, did_you_mean
from gyebo.storage import write_whole
from gyebo.views import page, theme

if TYPE_CHECKING:
    from types import ModuleType

    import altair

__all__ = ["Figure", "figure_of"]


@dataclass(frozen=True)
class Figure:
    """A picture and the numbers under it.

    name: a file name without suffix, such as "alignment".  title and caption: what is seen, and how to read it.
    data: the numbers, as plain JSON values.  spec: the Vega-Lite specification that draws them.
    Raises ValueError where data or spec hold what JSON has no word for, such as NaN or an array.

    >>> dot = {"data": {"values": [{}]}, "mark": "point"}
    >>> Figure("dot", "A dot", "It stands alone.", {"dots": 1}, dot).to_png()[1:4]
    b'PNG'
    """

    name: str
    title: str
    caption: str
    data: dict[str, Any]
    spec: dict[str, Any]

    def __post_init__(self) -> None:
        try:
            json.dumps([self.data, self.spec], allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Figure {self.name!r} holds a value that JSON cannot write ({error}). "
                "Give plain numbers, texts, lists and mappings, and None instead of NaN."
            ) from error

    def introduced(self, sentence: str) -> Figure:
        """The figure with a sentence before its caption, also for screen readers."""
        caption = f"{sentence} {self.caption}"
        return replace(self, caption=caption, spec=self.spec | {"description": page.clean(caption)})

    def to_html(self) -> str:
        """A page of its own that opens without a network: the drawing libraries stand inside it."""
        return page.complete(self.title, self.to_element("figure-1"), page.drawing_scripts())

    def to_element(self, identifier: str) -> str:
        """The figure as an element of a page that ends with `page.drawing_scripts()`; each has its own identifier.

        A still picture stands in for readers without scripts.
        """
        spec = page.json_text(self.spec).replace("<", "\\u003c")  # the same JSON, and nothing in it can end the script
        still = base64.b64encode(self.to_png(scale=1.0)).decode()
        words = page.escape(f"{self.title}. {self.caption}")
        return f"""<figure>
<div class="drawing" data-figure="{identifier}" role="img" aria-label="{words}"></div>
<noscript><img src="data:image/png;base64,{still}" alt="{words}"></noscript>
<script type="application/json" id="{identifier}">{spec}</script>
<figcaption>{page.escape(self.caption)}</figcaption>
</figure>"""

    def to_png(self, scale: float = 2.0) -> bytes:
        """The picture as PNG; scale 2 is sharp on screens and in print."""
        return _renderer().vegalite_to_png(self.spec, scale=scale, show_warnings=False, allowed_base_urls=[])

    def to_svg(self) -> str:
        """The picture as SVG; its letters stay text, so the reader's own fonts draw them."""
        return _renderer().vegalite_to_svg(self.spec, show_warnings=False, allowed_base_urls=[])

    def to_json(self) -> str:
        """Name, title, caption, numbers and specification; reading it back gives the same values."""
        parts = {
            "name": self.name,
            "title": self.title,
            "caption": self.caption,
            "data": self.data,
            "spec": self.spec,
        }
        return page.json_text(parts, indent=1) + "\n"

    def save(self, path: Path) -> None:
        """Write the file whole, in the format of its suffix: .html, .json, .png or .svg.

        Raises UsageError for another suffix and DiskError where the disk refuses.
        """
        formats: dict[str, Callable[[], str | bytes]] = {
            ".html": self.to_html,
            ".json": self.to_json,
            ".png": self.to_png,
            ".svg": self.to_svg,
        }
        suffix = path.suffix.lower()
        if suffix not in formats:
            raise UsageError(
                f"The figure cannot be written to {path}: the end of the name says the format, "
                f"and {path.suffix or 'no suffix'!r} is none. {did_you_mean(suffix, formats)}"
            )
        content = formats[suffix]()
        write_whole(path, content.encode() if isinstance(content, str) else content)


def figure_of(
    name: str, title: str, caption: str, data: dict[str, Any], chart: altair.TopLevelMixin, *, subtitle: str = ""
) -> Figure:
    """Finish a chart: give it the common look, its title, and the description that screen readers speak."""
    heading = {"text": page.clean(title)} | ({"subtitle": page.clean(subtitle)} if subtitle else {})
    parts = chart.to_dict()  # checks the chart against Vega-Lite's schema
    spec = parts | {"title": heading, "description": page.clean(caption), "config": theme.config()}
    return Figure(name, title, caption, data, spec)


@functools.cache
def _renderer() -> ModuleType:
    """vl-convert, with the font of the figures made known to it once."""
    import vl_convert

    vl_convert.register_font_directory(str(theme.FONT_FOLDER))
    return vl_convert
