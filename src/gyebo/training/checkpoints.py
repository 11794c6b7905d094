"""Checkpoints: everything that resuming needs, written whole or not at all.

    training/step-000400/state.safetensors    weights, buffers and the optimizer's averages, by parameter name
    training/step-000400/state.json           where training stood, with the sha256 of the tensors and of itself

A folder is filled under a temporary name, flushed to the disk and renamed; one that goes is renamed first, then removed. So a
folder named step-* is whole at every instant, and what a killed writer leaves has another name, which the next one removes.
One that is written again (a signal came before its evaluation) stays as step-000400.replaced until the new one has its name, so
the newest checkpoint can be found at every instant.
Reading checks the sums, names and shapes before anything is copied into the model.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from gyebo.errors import GyeboError, disk_errors
from gyebo.storage import sha256_of, sync_folder

__all__ = [
    "check_tensors",
    "checkpoint_folders",
    "checkpoint_step",
    "copy_into",
    "read_checkpoint",
    "read_tensors",
    "write_checkpoint",
]

NAME = re.compile(r"step-(\d{6,})(\.replaced)?")
MAX_STATE_BYTES = 2**20


def checkpoint_step(path: Path) -> int | None:
    """The step that a folder's name states; None for a folder that is no checkpoint.

    >>> checkpoint_step(Path("training/step-000400")), checkpoint_step(Path("training/.writing-7"))
    (400, None)
    """
    match = NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def checkpoint_folders(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first, one a step; leftovers are not among them."""
    found = {step: path for path in sorted(folder.glob("step-*"), reverse=True) if (step := checkpoint_step(path)) is not None}
    return [found[step] for step in sorted(found)]


def write_checkpoint(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Mapping[str, Any], keep: int = 2
) -> Path:
    """Write `folder/step-NNNNNN` and remove all but the newest `keep`.

    progress: plain JSON values, which `read_checkpoint` returns.
    Raises DiskError, with every earlier checkpoint intact, where the disk refuses.
    """
    final = folder / f"step-{step:06d}"
    temporary = folder / f".writing-{os.getpid()}"
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in named_tensors(model).items()}
    tensors |= {f"optimizer.{name}": tensor.contiguous() for name, tensor in _averages(model, optimizer).items()}
    with disk_errors(final, "writing the checkpoint", kept="The checkpoint before it is untouched."):
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        temporary.mkdir()
        try:
            _write_synced(temporary / "state.safetensors", safetensors.torch.save(tensors))
            state = {
                "optimizer": type(optimizer).__name__,
                "progress": dict(progress),
                "tensors_sha256": sha256_of(temporary / "state.safetensors"),
            }
            state["sha256"] = _digest(state)
            _write_synced(temporary / "state.json", (json.dumps(state, indent=1, sort_keys=True) + "\n").encode())
            sync_folder(temporary)
            replaced = final.with_name(f"{final.name}.replaced")
            if final.exists():  # of the same step, written when a signal came before its evaluation
                final.rename(replaced)
            temporary.rename(final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(folder)
        for old in [*folder.glob(replaced.name), *checkpoint_folders(folder)[:-keep]]:
            _remove(old)
    return final


def read_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Copy a checkpoint into model and optimizer and return its `progress`.

    Raises GyeboError, with model and optimizer unchanged, for a checkpoint that is incomplete, damaged or of another model.
    """
    what, mend = f"The checkpoint {path}", f"Remove the folder {path} to go on from the checkpoint before it."
    try:
        if (size := (path / "state.json").stat().st_size) > MAX_STATE_BYTES:
            raise ValueError(f"state.json has {size:,} bytes, more than such a file can have")
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        sums = {"state.json": (state.pop("sha256"), _digest(state))}
        sums["state.safetensors"] = (state["tensors_sha256"], sha256_of(path / "state.safetensors"))
        kind, progress = state["optimizer"], state["progress"]
        if not isinstance(progress, dict):
            raise TypeError("'progress' in state.json holds no JSON object")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GyeboError(f"{what} cannot be read ({type(error).__name__}: {error}). {mend}") from error
    for file, (expected, found) in sums.items():
        if found != expected:
            raise GyeboError(
                f"{what} is damaged: {file} has the sha256 {found[:16]}..., but {str(expected)[:16]}... was written down. {mend}"
            )
    tensors = read_tensors(path / "state.safetensors", mend)
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    averages = {name.removeprefix("optimizer."): tensor for name, tensor in tensors.items() if name.startswith("optimizer.")}
    if kind != type(optimizer).__name__:
        raise GyeboError(f"{what} was written with the optimizer {kind}, not {type(optimizer).__name__}. {mend}")
    check_tensors(model, weights, what, mend)
    slots = _slots(model, averages, what, mend)
    copy_into(model, weights)
    _restore(model, optimizer, slots)
    return progress


def read_tensors(path: Path, mend: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.  Raises GyeboError, ending in `mend`, where it is truncated or not such a file."""
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise GyeboError(f"{path} is not a whole safetensors file ({error}). {mend}") from error


def check_tensors(model: nn.Module, tensors: Mapping[str, Tensor], what: str, mend: str) -> None:
    """Raise GyeboError unless names, shapes and types are those of the model, which may be on the meta device."""
    own = named_tensors(model)
    if missing := sorted(own.keys() - tensors.keys()):
        raise GyeboError(f"{what} belongs to another architecture or size: {missing[0]!r} of this model is not in it. {mend}")
    if extra := sorted(tensors.keys() - own.keys()):
        raise GyeboError(f"{what} belongs to another architecture or size: it holds {extra[0]!r}, which this model lacks. {mend}")
    for name, wanted in own.items():
        came = tensors[name]
        if came.shape != wanted.shape or came.dtype != wanted.dtype:
            raise GyeboError(
                f"{what} belongs to another size: {name!r} is {tuple(came.shape)} {came.dtype} in it, but {tuple(wanted.shape)}"
                f" {wanted.dtype} here. {mend}"
            )


@torch.no_grad()
def copy_into(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors, which `check_tensors` has found to fit, into the model's own."""
    for name, tensor in named_tensors(model).items():
        tensor.copy_(tensors[name])


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; a tensor that is shared under several names stands once, under the first."""
    return dict(model.named_parameters()) | dict(model.named_buffers())


def _averages(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimizer remembers of each parameter, as `parameter.slot`."""
    return {
        f"{name}.{slot}": torch.as_tensor(value)
        for name, parameter in model.named_parameters()
        for slot, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }


def _slots(model: nn.Module, averages: Mapping[str, Tensor], what: str, mend: str) -> dict[str, dict[str, Tensor]]:
    """`_averages` by parameter, once each is found to be a number or of its parameter's shape."""
    parameters = dict(model.named_parameters())
    slots: dict[str, dict[str, Tensor]] = {}
    for key, value in averages.items():
        name, _, slot = key.rpartition(".")
        if name not in parameters or (value.dim() and value.shape != parameters[name].shape):
            raise GyeboError(f"{what} holds {key!r} of shape {tuple(value.shape)}, which fits no parameter here. {mend}")
        if value.dim():  # in the parameter's memory format, which fused optimizers rely on
            value = torch.empty_like(parameters[name], dtype=value.dtype, device="cpu").copy_(value)
        slots.setdefault(name, {})[slot] = value
    return slots


def _restore(model: nn.Module, optimizer: torch.optim.Optimizer, slots: Mapping[str, dict[str, Tensor]]) -> None:
    """Hand the slots to the optimizer in torch's own way, which knows what has to be on which device."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    order = [names[parameter] for group in optimizer.param_groups for parameter in group["params"]]
    state = {index: slots[name] for index, name in enumerate(order) if name in slots}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _remove(path: Path) -> None:
    """Remove a checkpoint so that a kill in between leaves no half of one under its name."""
    hidden = path.with_name(f".writing-old-{path.name}")
    path.rename(hidden)
    shutil.rmtree(hidden)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left: halves of a checkpoint, and one that has been replaced already."""
    for replaced in folder.glob("step-*.replaced"):
        if replaced.with_suffix("").exists():
            _remove(replaced)
    for leftover in folder.glob(".writing-*"):
        shutil.rmtree(leftover)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
