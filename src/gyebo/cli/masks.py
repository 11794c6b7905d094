"""What `gyebo predict` does for a run that segments: masks as PNG files, and how much of each image is of which class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gyebo.cli.tables import print_table
from gyebo.errors import UsageError, disk_errors
from gyebo.storage import write_whole

if TYPE_CHECKING:
    from gyebo.runs import Run
    from gyebo.tasks.interface import Prediction

__all__ = ["print_shares", "write_masks"]


def write_masks(trained: Run, inputs: Sequence[str], output: Path) -> list[Prediction]:
    """Write the mask of each image: to the file `output` where there is one image, else into the folder `output` under the image's name.

    Raises UsageError for a run of another task, a file that does not end in .png, and two images that would share a mask.
    """
    from gyebo.tasks.mask_pictures import mask_png
    from gyebo.tasks.segment import Segment

    task = trained.task
    if not isinstance(task, Segment):
        raise UsageError(f"--output writes masks, and {trained.name!r} is a run of the task {trained.task_name}, which makes none.")
    files = _files(inputs, output)
    predictions = []
    for path, file in zip(inputs, files, strict=True):  # one image at a time: a mask is on the disk before the next is computed
        ((prediction, mask),) = task.masks(trained.model, [path])
        write_whole(file, mask_png(mask, len(task.classes)))
        predictions.append(prediction)
    return predictions


def _files(inputs: Sequence[str], output: Path) -> list[Path]:
    if len(inputs) == 1 and not output.is_dir():
        if output.suffix.lower() != ".png":
            raise UsageError(
                f"The mask cannot be written to {output}: masks are PNG files, so that no pixel changes. End it in .png."
            )
        return [output]
    if output.is_file():
        raise UsageError(f"{len(inputs)} masks cannot be written to the one file {output}. Name a folder.")
    files = [output / f"{Path(path).stem}.png" for path in inputs]
    if len(set(files)) < len(files):
        twice = next(file for file in files if files.count(file) > 1)
        raise UsageError(
            f"Two of the images are called {twice.stem!r}, so their masks would be the one file {twice}. Give them apart."
        )
    if overwritten := {path for path in inputs if Path(path).resolve() in {file.resolve() for file in files}}:
        raise UsageError(f"The mask of {min(overwritten)} would be written over the image itself. Name another folder.")
    with disk_errors(output, "making the folder"):
        output.mkdir(parents=True, exist_ok=True)
    return files


def print_shares(predictions: Sequence[Prediction]) -> None:
    """A row an image: how much of it is of which class, and how sure the model is of a pixel in the mean."""
    rows = [(each.input, each.output, f"{100 * each.score:.2f} %") for each in predictions]
    print_table(("image", "classes", "probability"), rows)
