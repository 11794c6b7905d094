"""What the convolutions answer to one image, layer after layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.layer_maps import feature_maps, spread
from gyebo.views.looks.image_inputs import images_of
from gyebo.views.looks.image_inputs import lacks_convolutions as lacks
from gyebo.views.pictures import Picture, contact_sheet, signed

__all__ = ["draw", "lacks", "strongest_maps"]

LAYERS, MAPS = 8, 8


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """Of the first image, the maps that answer most strongly, of at most eight layers."""
    seen = images_of(run, inputs, 1)
    maps = {path: output[0] for path, output in feature_maps(run.model, seen.standardised).items()}
    rows = [("image", [Picture(seen.picture(0), seen.title(0))])]
    data: dict[str, object] = {"image": seen.names[0]}
    for path in spread(list(maps), LAYERS):
        output = maps[path]  # (maps, h, w)
        strongest, pictures = strongest_maps(output)
        rows.append((f"{path}\n{output.shape[1]} x {output.shape[2]}", pictures))
        data[path] = {"strongest": strongest, "largest": float(output.abs().max())}
    caption = (
        f"What the convolutions of {run.name} answer to one image, before what follows them: in each row the maps with the strongest"
        " answers of a layer, blue above 0 and orange below."
    )
    return contact_sheet("feature-maps", "From pixels to features", caption, rows, data)


def strongest_maps(output: Tensor) -> tuple[list[int], list[Picture]]:
    """Of a layer's maps (maps, h, w) at most eight, the strongest answers first: which they are, and their pictures."""
    strongest = output.abs().mean((1, 2)).argsort(descending=True)[:MAPS].tolist()
    high = float(output.abs().max())
    return strongest, [Picture(signed(output[place].numpy(), high), f"map {place + 1}") for place in strongest]
