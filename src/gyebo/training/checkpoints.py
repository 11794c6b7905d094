"""Checkpoints: everything that resuming needs, written whole or not at all.

    training/step-000400/state.safetensors    weights, buffers and the optimizer's averages, by parameter name
    training/step-000400/state.json           where training stood, and the sha256 of the tensors: it is written last

A folder is filled under a temporary name, flushed to the disk and renamed; a killed writer leaves a temporary folder that the next
one removes. Reading checks the sha256, names and shapes before anything is copied into the model.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from gyebo.errors import GyeboError, disk_errors
from gyebo.storage import sha256_of, sync_folder

__all__ = ["checkpoint_folders", "copy_into", "read_checkpoint", "read_tensors", "write_checkpoint"]

NAME = re.compile(r"step-(\d{6,})")


def checkpoint_folders(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first; temporary leftovers are not among them."""
    found = [(int(match[1]), path) for path in folder.glob("step-*") if (match := NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def write_checkpoint(folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], keep: int = 2) -> Path:
    """Write `folder/step-NNNNNN` and remove all but the newest `keep`.

    Raises DiskError, with every earlier checkpoint intact, where the disk refuses.
    """
    final = folder / f"step-{step:06d}"
    temporary = folder / f".writing-{os.getpid()}"
    tensors = {f"model.{name}": tensor for name, tensor in _tensors_of(model).items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in _averages(model, optimizer).items()}
    with disk_errors(final, "writing the checkpoint", kept="The checkpoint before it is untouched."):
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        temporary.mkdir()
        try:
            _write_synced(temporary / "state.safetensors", safetensors.torch.save(tensors))
            state = state | {"sha256": sha256_of(temporary / "state.safetensors")}
            _write_synced(temporary / "state.json", (json.dumps(state, indent=1, sort_keys=True) + "\n").encode())
            sync_folder(temporary)
            if final.exists():  # a damaged one of the same step, which reading refused
                shutil.rmtree(final)
            temporary.rename(final)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(folder)
        for old in checkpoint_folders(folder)[:-keep]:
            shutil.rmtree(old)
    return final


def read_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Copy a checkpoint into model and optimizer and return its state.

    Raises GyeboError, with model and optimizer unchanged, for a checkpoint that is incomplete, damaged or of another model.
    """
    mend = f"Remove the folder {path} to go on from the checkpoint before it."
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        expected = state["sha256"]
        found = sha256_of(path / "state.safetensors")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GyeboError(f"The checkpoint {path} cannot be read ({error}). {mend}") from error
    if found != expected:
        raise GyeboError(
            f"The checkpoint {path} is damaged: state.safetensors has the sha256 {found[:16]}..., but state.json says"
            f" {str(expected)[:16]}.... {mend}"
        )
    tensors = read_tensors(path / "state.safetensors", mend)
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    averages = {name.removeprefix("optimizer."): tensor for name, tensor in tensors.items() if name.startswith("optimizer.")}
    copy_into(model, weights, f"The checkpoint {path}", mend)
    _restore_averages(model, optimizer, averages)
    return state


def read_tensors(path: Path, mend: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.  Raises GyeboError, ending in `mend`, where it is truncated or not such a file."""
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise GyeboError(f"{path} is not a whole safetensors file ({error}). {mend}") from error


@torch.no_grad()
def copy_into(model: nn.Module, tensors: dict[str, Tensor], what: str, mend: str) -> None:
    """Copy tensors into the model's, after checking that names, shapes and types are the same on both sides."""
    own = _tensors_of(model)
    if missing := sorted(own.keys() - tensors.keys()):
        raise GyeboError(f"{what} belongs to another architecture or size: {missing[0]!r} of this model is not in it. {mend}")
    if extra := sorted(tensors.keys() - own.keys()):
        raise GyeboError(f"{what} belongs to another architecture or size: it holds {extra[0]!r}, which this model lacks. {mend}")
    for name, tensor in own.items():
        if tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
            came, wanted = tensors[name], tensor
            raise GyeboError(
                f"{what} belongs to another size: {name!r} is {tuple(came.shape)} {came.dtype} in it, but {tuple(wanted.shape)}"
                f" {wanted.dtype} here. {mend}"
            )
    for name, tensor in own.items():
        tensor.copy_(tensors[name])


def _tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; a tensor that is shared under several names stands once, under the first."""
    return dict(model.named_parameters()) | dict(model.named_buffers())


def _averages(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    slots = {}
    for name, parameter in model.named_parameters():
        for slot, value in optimizer.state.get(parameter, {}).items():
            slots[f"{name}.{slot}"] = value if isinstance(value, Tensor) else torch.tensor(value)
    return slots


def _restore_averages(model: nn.Module, optimizer: torch.optim.Optimizer, averages: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        prefix = name + "."
        slots = {key.removeprefix(prefix): value for key, value in averages.items() if key.startswith(prefix)}
        slots = {slot: value for slot, value in slots.items() if "." not in slot}
        if slots:
            optimizer.state[parameter] = {
                slot: value.to(parameter.device) if value.dim() else value for slot, value in slots.items()
            }


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.glob(".writing-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
