"""torchvision's models as references, beside any build of torch.

The wheels of torchvision bring compiled operators (non-maximum suppression and the like) for one build of torch. Beside another one,
such as torch for CPUs, they do not load, and importing torchvision then fails on the operators that it describes. Its classifiers use
none of them, so it is enough to declare that they exist.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from gyebo.verification.properties.graphs import MissingPackageError

__all__ = ["torchvision_models"]

_BOXES = "Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_IMAGE = "SymInt batch_size, SymInt channels, SymInt height, SymInt width"
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    f"roi_align(Tensor input, {_BOXES}, int sampling_ratio, bool aligned) -> Tensor",
    f"_roi_align_backward(Tensor grad, {_BOXES}, {_IMAGE}, int sampling_ratio, bool aligned) -> Tensor",
)
"""what importing torchvision asks for by name"""


@cache
def torchvision_models() -> Any:
    """The module torchvision.models.  Raises MissingPackageError where torchvision is not installed."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise MissingPackageError("needs torchvision")
    if not _operators_load(Path(spec.origin).parent):
        _declare()
    return import_module("torchvision.models")


def _operators_load(package: Path) -> bool:
    """Whether the compiled operators are of this build of torch."""
    files = [*package.glob("_C.*")]
    try:
        for file in files:
            torch.ops.load_library(str(file))
    except OSError:
        return False
    return bool(files)


@cache
def _declare() -> torch.library.Library:
    """The operators without code; the declarations live as long as what is returned, which the cache keeps."""
    library = torch.library.Library("torchvision", "DEF")
    for operator in OPERATORS:
        library.define(operator)
    return library
