"""The family tree: every architecture found in models/, readable without importing torch.

Each file in `models/<family>/` ends with one entry, `ARCHITECTURE = Architecture(name=..., year=..., ...)`. The *facts* of an entry
(name, year, paper, parents, differences, sizes ...) are literals, so `facts` reads them from the source text in milliseconds;
`architecture` imports the one file that is asked for and returns the whole entry with its config and model classes.
Adding an architecture is adding one file: nothing here, and no table elsewhere, changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gyebo.entries import read_entry
from gyebo.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Architecture", "Facts", "Size", "architecture", "architecture_names", "facts", "parameter_counts"]

MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True, kw_only=True)
class Size:
    """A size of the paper: the config that makes it, and how many parameters it then has.

    weights: numbers in matrices (embeddings included, bias vectors left out), which is what older papers count.
    parameters: all trainable numbers.
    source: where the published count stands, or how it follows from the paper where the paper prints none.
    multiply_adds: of one image, in convolutions and matrix products; 0 for models of text, whose inputs have any length.
    image_size: the height and width of that image, where the config does not say them.
    """

    config: Mapping[str, Any]
    weights: int
    parameters: int
    source: str
    multiply_adds: int = 0
    image_size: int = 0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What can be said of an architecture without building it."""

    name: str
    title: str
    year: int
    paper: str
    link: str
    task: str
    parents: Mapping[str, str]
    """parent's name -> what this architecture fixes about it"""
    differences: tuple[str, ...]
    """each departure from the paper, with its reason"""
    sizes: Mapping[str, Size]
    variant_of: str = ""
    """the architecture of which this is the same with one part exchanged, by its name: a variant has no place of its own in the tree"""
    family: str = ""
    """the folder in models/, filled in from the place of the file"""


@dataclass(frozen=True, kw_only=True)
class Architecture(Facts):
    """The entry that ends a model file: the facts, and what is needed to build and to test the model.

    tiny: the config of the contract tests, with sizes that all differ, so that swapped dimensions cannot pass.
    """

    config: type[Any]
    model: Callable[[Any], nn.Module]
    tiny: Mapping[str, Any]


def _files() -> dict[str, Path]:
    return {path.stem.replace("_", "-"): path for path in sorted(MODELS.glob("*/*.py")) if path.stem != "__init__"}


def architecture_names() -> tuple[str, ...]:
    """The names of all architectures, oldest first; within a year, parents before children."""
    return tuple(sorted(_files(), key=lambda name: (facts(name).year, _generation(name), name)))


@cache
def _generation(name: str) -> int:
    """How many ancestors stand above an architecture on the longest line of descent; a variant comes after its original."""
    above = [*facts(name).parents, facts(name).variant_of]
    return max((1 + _generation(other) for other in above if other in _files()), default=0)


@cache
def facts(name: str) -> Facts:
    """The facts of one architecture, read from its source text without running it.

    Raises UsageError for an unknown name.
    >>> facts("bahdanau").year
    2014
    """
    path = _path(name)
    known = {item.name for item in fields(Facts)} - {"family"}
    return Facts(**read_entry(path, "ARCHITECTURE", known, {"Size": Size}), family=path.parent.name)


def _path(name: str) -> Path:
    files = _files()
    if name not in files:
        raise UsageError(f"There is no architecture {name!r}. {did_you_mean(name, files)}")
    return files[name]


@cache
def architecture(name: str) -> Architecture:
    """The whole entry of one architecture; imports its file, and torch with it.

    Raises UsageError for an unknown name.
    """
    path = _path(name)
    entry = import_module(f"gyebo.models.{path.parent.name}.{path.stem}").ARCHITECTURE
    assert entry.name == name, f"{path} holds the entry of {entry.name!r}: the file is named after its architecture"
    return entry


def parameter_counts(model: nn.Module) -> tuple[int, int]:
    """(numbers in matrices, all trainable numbers); a tied tensor counts once."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return sum(item.numel() for item in parameters if item.dim() > 1), sum(item.numel() for item in parameters)
