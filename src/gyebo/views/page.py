"""HTML that stands alone: no script, style, font or picture comes from elsewhere, and no text can become markup."""

from __future__ import annotations

import functools
import html
import json
import re
from importlib import resources
from typing import Any

__all__ = ["clean", "complete", "drawing_scripts", "escape", "json_text"]

# The browser itself is told to load nothing: even a fault in this file could not reach out.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

# `ast` has Vega interpret its expressions, so that the page needs no right to evaluate text as code.
_DRAW_FIGURES = """
const options = {renderer: "svg", ast: true, actions: {export: true, source: false, compiled: false, editor: false}};
for (const place of document.querySelectorAll("[data-figure]")) {
  const spec = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  vegaEmbed(place, spec, options).catch((error) => { place.textContent = String(error); });
}
"""

_HALF_PAIRS = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def clean(text: str) -> str:
    """Text that every format can hold: controls and halves of surrogate pairs become the replacement character.

    >>> clean("a\\x00b")
    'a\\ufffdb'
    """
    return _CONTROLS.sub("\ufffd", _HALF_PAIRS.sub("\ufffd", text))


def escape(text: str) -> str:
    """Text as HTML that shows exactly this text, in an element or in a quoted attribute.

    >>> escape("<b>'&'")
    '&lt;b&gt;&#x27;&amp;&#x27;'
    """
    return html.escape(clean(text), quote=True)


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON in readable letters; only halves of surrogate pairs, which UTF-8 cannot hold, stay escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _HALF_PAIRS.sub(lambda half: f"\\u{ord(half.group()):04x}", text)


def complete(title: str, body: str, scripts: str = "", language: str = "en") -> str:
    """The whole page around a body of HTML; scripts: the elements that stand at its end; language: its code, for screen readers."""
    style = resources.files("gyebo.views").joinpath("report.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="{escape(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="gyebo">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
{scripts}
</body>
</html>
"""


@functools.cache
def drawing_scripts() -> str:
    """Vega, Vega-Lite and vega-embed (0.9 MB), and the few lines that draw every figure of the page."""
    import vl_convert

    libraries = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")
    return f"<script>{libraries}</script>\n<script>{_DRAW_FIGURES}</script>"
