"""Gates over time: what each unit of a recurrent layer lets through at each token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from gyebo.views.axes import token_angle, token_axis
from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import CATEGORIES, DIVERGING, INK, SEQUENTIAL

__all__ = ["gates"]

MAX_UNITS = 64
MAX_TOKENS = 256

_MAP_HEIGHT, _BAND_HEIGHT = 160, 64
_TWO_COLUMNS_UP_TO = 20  # tokens; longer sentences take the whole width of a page


def gates(tokens: Sequence[str], gates: Mapping[str, ArrayLike]) -> Figure:
    """For each gate a heat map of units by time, and below it the mean of all units with the band of the middle 80 %.

    tokens: the T tokens read.  gates: name -> (T, D), for example "reset" and "update" of a GRU, or "input", "forget",
    "output" and "cell" of an LSTM. Units are sorted by their mean over time; of more than MAX_UNITS an even sample of
    the sorted ones is drawn. Gates between 0 and 1 go from white to dark; where values are negative, orange is below
    zero.
    Raises ValueError where nothing is given, a shape does not fit the tokens, or a value is not finite.

    >>> figure = gates(["a", "b"], {"update": [[0.1, 0.9, 0.5], [0.2, 0.8, 0.6]]})
    >>> figure.data["gates"]["update"]["units"]  # by mean: the last row of the picture is the most open unit
    [0, 2, 1]
    """
    if not tokens or not gates:
        raise ValueError("There are no gates to draw: give at least one token and one gate.")
    if len(tokens) > MAX_TOKENS:
        raise ValueError(f"Gates over {len(tokens)} tokens cannot be drawn readably; give at most {MAX_TOKENS}.")
    arrays = {name: _checked(name, values, len(tokens)) for name, values in gates.items()}
    units = {name: _sampled_units(values) for name, values in arrays.items()}
    data = {
        "tokens": list(tokens),
        "gates": {
            name: {
                "units": units[name].tolist(),
                "values": values[:, units[name]].tolist(),  # (T, units drawn)
                "mean": values.mean(1).tolist(),
                "percentile_10": np.percentile(values, 10, axis=1).tolist(),
                "percentile_90": np.percentile(values, 90, axis=1).tolist(),
            }
            for name, values in arrays.items()
        },
    }
    chart = alt.concat(
        *(_panel(tokens, name, arrays[name], units[name]) for name in arrays),
        columns=2 if len(tokens) <= _TWO_COLUMNS_UP_TO and len(arrays) > 1 else 1,
    ).resolve_scale(color="independent")
    num_units = max(values.shape[1] for values in arrays.values())
    drawn = f"{MAX_UNITS} evenly sampled of {num_units} units" if num_units > MAX_UNITS else f"all {num_units} units"
    caption = (
        f"Each row of a heat map is one unit, each column one token; {drawn}, sorted by their mean over time, "
        "the most open at the bottom. "
        "The line below is the mean of all units, the band holds those between the 10th and the 90th percentile."
    )
    return figure_of("gates", "Gates over time", caption, data, chart)


def _checked(name: str, values: ArrayLike, num_tokens: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != num_tokens or not array.shape[1]:
        raise ValueError(
            f"Gate {name!r} has shape {array.shape}, but {num_tokens} tokens need ({num_tokens}, D): "
            "a row for each token, a column for each unit."
        )
    if not np.isfinite(array).all():
        token, unit = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"Gate {name!r} holds a value that is not finite, first at token {token}, unit {unit}.")
    return array


def _sampled_units(values: np.ndarray) -> np.ndarray:
    """The units to draw, in the order of their mean: all, or MAX_UNITS at even distances with both ends."""
    order = np.argsort(values.mean(0), kind="stable")
    places = np.linspace(0, len(order) - 1, min(MAX_UNITS, len(order))).round().astype(int)
    return order[places]


def _panel(tokens: Sequence[str], name: str, values: np.ndarray, units: np.ndarray) -> alt.VConcatChart:
    low, high = min(0.0, float(values.min())), max(1.0, float(np.abs(values).max()))
    signed = low < 0
    domain = [-high, high] if signed else [0.0, high]
    # Whole pixels: on fractions of one, white lines would show between the cells.
    cell = int(np.clip((320 if len(tokens) <= _TWO_COLUMNS_UP_TO else 700) / len(tokens), 9, 36))
    unit_height = int(np.clip(_MAP_HEIGHT / len(units), 3, 24))
    width = cell * len(tokens)
    font_size = min(11.0, cell - 1.0)

    cells = [
        {"unit": units.tolist(), "place": list(range(len(units))), "time": time, "value": row}
        for time, row in enumerate(np.round(values[:, units], 4).tolist())
    ]
    heat_map = (
        alt.Chart(alt.Data(values=cells))
        .transform_flatten(["unit", "place", "value"])
        .mark_rect(strokeWidth=0, aria=False)
        .encode(
            x=alt.X("time:O", title=None, axis=None),
            y=alt.Y("place:O", title=f"{len(units)} units", axis=alt.Axis(labels=False, ticks=False, domain=False)),
            color=alt.Color(
                "value:Q",
                title=None,
                scale=alt.Scale(domain=domain, range=list(DIVERGING if signed else SEQUENTIAL), interpolate="rgb"),
                legend=alt.Legend(gradientLength=90, gradientThickness=10, tickCount=2, format=".1f"),
            ),
            tooltip=[
                alt.Tooltip("unit:Q"),
                alt.Tooltip("time:O", title="position"),
                alt.Tooltip("value:Q", format=".4f"),
            ],
        )
        .properties(
            width=width,
            height=unit_height * len(units),
            title=alt.TitleParams(clean(name), fontSize=12, offset=6, color=INK, frame="group"),
        )
    )

    summary = [
        {"time": time, "mean": mean, "low": lower, "high": upper}
        for time, (mean, lower, upper) in enumerate(
            zip(values.mean(1).tolist(), *np.percentile(values, [10, 90], axis=1).tolist(), strict=True)
        )
    ]
    over_time = alt.Chart(alt.Data(values=summary)).encode(
        x=alt.X("time:O", title=None, axis=token_axis(tokens, font_size, "bottom", token_angle(tokens, font_size, cell))),
        tooltip=[alt.Tooltip(f"{field}:Q", format=".4f") for field in ("mean", "low", "high")],
    )
    scale = alt.Scale(domain=domain)
    axis = alt.Axis(tickCount=2, domain=False, ticks=False)
    band = over_time.mark_area(opacity=0.2, color=CATEGORIES[0]).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = over_time.mark_line(color=CATEGORIES[0], point={"size": 16, "color": CATEGORIES[0]}).encode(
        y=alt.Y("mean:Q", title="mean", scale=scale, axis=axis)
    )
    return alt.vconcat(heat_map, alt.layer(band, line).properties(width=width, height=_BAND_HEIGHT), spacing=8)
