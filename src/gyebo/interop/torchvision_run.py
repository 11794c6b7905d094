"""A run folder from torchvision's weights: it predicts and is evaluated as one that gyebo has trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gyebo.config import to_mapping
from gyebo.errors import UsageError, disk_errors
from gyebo.interop.torchvision import config_of, from_torchvision, read_torchvision
from gyebo.recipes import recipe_from_mapping, recipe_text, task_config
from gyebo.runs import Run, RunFolder
from gyebo.runs.run import save_config, save_weights
from gyebo.storage import sha256_of, write_text
from gyebo.tasks.classify import Classify
from gyebo.tasks.image_batches import Preprocessing

__all__ = ["Statistics", "class_names", "import_torchvision", "statistics_of"]


@dataclass(frozen=True)
class Statistics:
    """Of each channel over the images that the weights were trained on, of pixels from 0 to 1."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""what torchvision standardises images with"""
PLAIN = {"googlenet-batch-norm": Statistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))}
"""of weights that were trained elsewhere: torchvision turns its own standardisation into this one (transform_input)"""


def statistics_of(architecture: str, channels: int, mean: Sequence[float] = (), deviation: Sequence[float] = ()) -> Statistics:
    """Those that are given, or torchvision's own for its weights for ImageNet.

    Raises UsageError where they do not belong to so many channels.
    """
    known = PLAIN.get(architecture, IMAGENET)
    found = Statistics(tuple(mean) or known.mean, tuple(deviation) or known.deviation)
    if not len(found.mean) == len(found.deviation) == channels or min(found.deviation) <= 0:
        raise UsageError(
            f"The weights read images of {channels} channel{'s' if channels > 1 else ''}, and there came the means {found.mean} and the"
            f" deviations {found.deviation}. Give a number for each channel, deviations above 0, with --mean and --deviation."
        )
    return found


def class_names(path: Path | None, count: int) -> tuple[str, ...]:
    """The lines of a file, or the numbers from 0 where there is none.

    Raises UsageError where they are not as many as the weights have classes, or two are alike.
    """
    if path is None:
        return tuple(str(number) for number in range(count))
    with disk_errors(path, "reading the names of the classes"):
        try:
            names = tuple(path.read_text(encoding="utf-8").splitlines())
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is no UTF-8 text file ({error}). Give one with a class a line.") from error
    twice = sorted({name for name in names if names.count(name) > 1})
    if len(names) != count or twice:
        what = (
            f"{twice[0]!r} stands in it twice" if twice else f"it has {len(names):,} lines, and the weights have {count:,} classes"
        )
        raise UsageError(
            f"{path} does not name the classes: {what}. Give the name of each class in a line of its own, in their order."
        )
    return names


def import_torchvision(
    file: Path,
    output: Path,
    architecture: str,
    size: str,
    *,
    image_size: int | None = None,
    classes: Path | None = None,
    mean: Sequence[float] = (),
    deviation: Sequence[float] = (),
) -> Run:
    """Write a run folder with the weights of a safetensors file of torchvision's, as a published size of an architecture.

    image_size: another one than the size has.  classes: see `class_names`.  mean, deviation: see `statistics_of`.
    Raises UsageError where the folder holds other things, and what reading the file and the options raises.
    """
    folder = RunFolder(output)
    if folder.exists:
        raise UsageError(f"{output} is a run already, and an import does not replace one. Give another --output.")
    folder.refuse_foreign_files()
    state = read_torchvision(file)
    config: Any = config_of(state, architecture, size)
    if image_size is not None:
        try:
            config = replace(config, image_size=image_size)
        except ValueError as error:
            raise UsageError(f"{error}.") from error
    found = statistics_of(architecture, config.num_channels, mean, deviation)
    origin = sha256_of(file)
    preprocessing = Preprocessing(
        classes=class_names(classes, config.num_classes),
        size=config.image_size,
        channels=config.num_channels,
        padding=0,
        mean=found.mean,
        deviation=found.deviation,
        fingerprint=origin,
    )
    model = from_torchvision(state, architecture, config)
    recipe = recipe_from_mapping(
        {
            "name": output.name,
            "title": f"Weights of torchvision, from {file.name}",
            "task": Classify.name,
            "architecture": architecture,
            "model": {name: value for name, value in to_mapping(config).items() if name not in Classify.model_field_names},
            "classify": {"images": {"size": config.image_size, "channels": config.num_channels}},
        },
        "the recipe of an import",
    )
    task = Classify(task_config(recipe), preprocessing)
    with folder.lock():
        task.save(folder.path)
        write_text(folder.recipe, recipe_text(recipe))
        write_text(folder.card, _card(file.name, architecture, size, origin))
        save_weights(model, folder, architecture, step=0)
        data = {"name": f"whatever {file.name} was trained on", "fingerprint": origin}
        save_config(folder, task, Classify.name, architecture, config, data)
    return Run(folder)


def _card(file: str, architecture: str, size: str, origin: str) -> str:
    return (
        f"# {architecture}, size {size}\n\n"
        f"Weights of torchvision, imported from `{file}` (sha256 `{origin}`), not trained by gyebo. They keep the licence under which they"
        " were given.\n\n"
        "Of an image, the square in the middle is scaled to the size that the model reads. torchvision's own recipes scale the shorter"
        " side to 256 pixels first and cut 224 out of the middle, so a prediction may differ a little.\n"
    )
