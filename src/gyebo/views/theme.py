"""One look for every figure: quiet, print-ready, and readable for colour-blind eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["BEST", "CATEGORIES", "DIVERGING", "FONT", "FONT_FOLDER", "HAIRLINE", "INK", "SEQUENTIAL", "config"]

FONT_FOLDER = Path(__file__).parent / "fonts"
# The first draws PNGs, the others are what browsers find on the usual systems.
FONT = "Gyebo Gothic, Apple SD Gothic Neo, Malgun Gothic, Noto Sans KR, sans-serif"

INK, QUIET, HAIRLINE = "#1f2328", "#59636e", "#e4e7eb"
# Okabe and Ito's colours, which colour-blind eyes tell apart, in an order that keeps neighbours far from each other;
# their yellow is left out, for it vanishes on white.
CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
BEST = "#007a58"  # the green of the categories, darker, for it carries words
SEQUENTIAL = (
    "#ffffff",
    "#dbe7f2",
    "#a9c8e2",
    "#6ba0cb",
    "#2f74ab",
    "#124a7d",
    "#08254a",
)  # 0 is the paper, 1 nearly ink
DIVERGING = ("#a63603", "#e8945a", "#f7f7f7", "#6ba0cb", "#124a7d")  # below zero orange, above blue


def config() -> dict[str, Any]:
    """The `config` part of every Vega-Lite specification."""
    return {
        "font": FONT,
        "background": "#ffffff",
        "padding": 12,
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "color": INK,
            "fontSize": 14,
            "fontWeight": "normal",
            "offset": 10,
            "subtitleColor": QUIET,
            "subtitleFontSize": 11,
        },
        "axis": {
            "domainColor": "#8c959f",
            "gridColor": HAIRLINE,
            "labelColor": INK,
            "labelFlush": False,
            "labelFontSize": 11,
            "tickColor": "#8c959f",
            "tickSize": 4,
            "titleColor": QUIET,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
        },
        "legend": {
            "labelColor": INK,
            "labelFontSize": 11,
            "titleColor": QUIET,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
        },
        "header": {"labelColor": INK, "labelFontSize": 12, "titleColor": QUIET, "titleFontSize": 11},
        "range": {"category": list(CATEGORIES), "ramp": list(SEQUENTIAL), "heatmap": list(SEQUENTIAL)},
        "line": {"strokeWidth": 1.6},
        "concat": {"spacing": 28},
    }
