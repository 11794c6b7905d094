"""The mean of the weights at the last evaluations.  Vaswani et al. 2017, section 6.1; Izmailov et al. 2018, arXiv 1803.05407.

Along the end of training the weights wander around a good place; their mean is nearer to it than any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from gyebo.storage import write_whole
from gyebo.training.checkpoints import check_tensors, copy_into, named_tensors, read_tensors

__all__ = ["exchanged", "keep_weights", "kept_weights", "mean_weights"]

NAME = "weights-{step:06d}.safetensors"


def kept_weights(folder: Path, step: int) -> list[Path]:
    """The files of weights up to a step, oldest first."""
    found = folder.glob(NAME.format(step=0).replace("000000", "*"))
    return sorted((path for path in found if _step(path) <= step), key=_step)


def keep_weights(folder: Path, step: int, model: nn.Module, count: int) -> None:
    """Write the weights of this step and remove all but the newest `count`.  Raises DiskError where the disk refuses."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in named_tensors(model).items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NAME.format(step=step), safetensors.torch.save(tensors), kept="The run can be resumed.")
    for old in kept_weights(folder, step)[:-count]:
        old.unlink(missing_ok=True)


def mean_weights(paths: Sequence[Path], model: nn.Module) -> dict[str, Tensor]:
    """The mean of each tensor over the files; numbers that are no fractions, such as counters, are those of the newest.

    Raises GyeboError for a file that is damaged or of another model.
    """
    totals: dict[str, Tensor] = {}
    for path in paths:
        mend = f"Remove {path} to leave it out of the mean."
        tensors = read_tensors(path, mend)
        check_tensors(model, tensors, str(path), mend)
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                totals[name] = totals.get(name, torch.zeros_like(tensor, dtype=torch.float64)) + tensor
            else:
                totals[name] = tensor
    dtypes = {name: tensor.dtype for name, tensor in named_tensors(model).items()}
    return {name: (total / len(paths) if total.is_floating_point() else total).to(dtypes[name]) for name, total in totals.items()}


@contextmanager
def exchanged(model: nn.Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """While the context lasts, the model has these weights; afterwards its own again, whatever happens."""
    own = {name: tensor.detach().clone() for name, tensor in named_tensors(model).items()}
    copy_into(model, tensors)
    try:
        yield
    finally:
        copy_into(model, own)


def _step(path: Path) -> int:
    return int(path.stem.partition("-")[2])
