"""`gyebo import torchvision FILE`: weights of another program as a run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.tables import print_facts, print_json

__all__ = ["ImportOptions", "run"]


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Make a run of weights that another program has trained."""

    source: Annotated[tyro.conf.Positional[Literal["torchvision"]], shown("torchvision")]
    """whose names the weights have"""
    file: Annotated[tyro.conf.Positional[Path], shown("FILE")]
    """the state dict of its model, as safetensors"""
    architecture: Annotated[str, shown("NAME")]
    """the architecture that the weights are of"""
    size: Annotated[str, shown("SIZE")]
    """its published size, as `gyebo show NAME` lists them; numbers of channels and classes follow the file"""
    output: Annotated[Path, shown("FOLDER")]
    """the folder of the new run, such as runs/vgg"""
    image_size: Annotated[int | None, shown("PIXELS")] = None
    """height and width that images are brought to (default: those of the size)"""
    classes: Annotated[Path | None, shown("FILE")] = None
    """a text file with the name of a class in each line (default: their numbers)"""
    mean: tuple[float, ...] = ()
    """of each channel over the images that the weights were trained on, pixels from 0 to 1 (default: ImageNet's)"""
    deviation: tuple[float, ...] = ()
    """the standard deviation of each channel, likewise"""
    json: Flag = False
    """print JSON"""


def run(words: list[str]) -> int:
    """Import, and say where the run is."""
    options = parse(ImportOptions, words, "gyebo import")
    from gyebo.genealogy import parameter_counts
    from gyebo.interop.torchvision_run import import_torchvision

    made = import_torchvision(
        options.file,
        options.output,
        options.architecture,
        options.size,
        image_size=options.image_size,
        classes=options.classes,
        mean=options.mean,
        deviation=options.deviation,
    )
    told = {
        "run": str(made.folder.path),
        "architecture": made.architecture_name,
        "parameters": parameter_counts(made.model)[1],
        "classes": len(made.task.classes),  # type: ignore[attr-defined]
    }
    if options.json:
        print_json(told)
    else:
        print_facts(told | {"parameters": f"{told['parameters']:,}"})
        print(f"\nnext\n  gyebo predict {shlex.quote(told['run'])} IMAGE")
    return 0
