"""A run, read back: its model and task, ready to predict and to be evaluated."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

import gyebo
from gyebo.config import from_mapping, to_mapping
from gyebo.errors import GyeboError, UsageError
from gyebo.genealogy import architecture, architecture_names
from gyebo.runs.folder import RunFolder, find_run
from gyebo.storage import write_json, write_whole
from gyebo.tasks import TASKS, task_type
from gyebo.tasks.interface import Evaluation, Interrupt, Prediction, Task
from gyebo.training.checkpoints import check_tensors, copy_into, read_tensors

__all__ = ["Run", "load", "save_config", "save_weights", "saved_step"]


class Run:
    """A run folder with its task and, once they are needed, its model and weights.

    >>> run = load("runs/dates")  # doctest: +SKIP
    >>> run.predict(["le 3 mars 2009"])[0].output  # doctest: +SKIP
    '2009-03-03'
    """

    def __init__(self, folder: RunFolder) -> None:
        """Raises GyeboError where the folder is damaged, or names an architecture or task that is not in the catalogue."""
        self.folder = folder
        self.config = folder.read(folder.config)
        for key, known in (("task", TASKS), ("architecture", architecture_names())):
            if not isinstance(self.config.get(key), str) or self.config[key] not in known:
                raise GyeboError(
                    f"{folder.config} names the {key} {self.config.get(key)!r}, which this version of gyebo ({gyebo.__version__}) does"
                    f" not have. Known are: {', '.join(known)}."
                )
        self.task_name: str = self.config["task"]
        self.architecture_name: str = self.config["architecture"]
        self.task: Task = task_type(self.task_name).load(self.config.get(self.task_name, {}), folder.path)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def data_facts(self) -> dict[str, Any]:
        """What config.json tells of the data; empty where it tells nothing."""
        told = self.config.get("data")
        return told if isinstance(told, dict) else {}

    @cached_property
    def model(self) -> nn.Module:
        """The model with the best weights of the run, in evaluation mode."""
        where = f"the [model] table of {self.folder.config}"
        config = from_mapping(architecture(self.architecture_name).config, self.config.get("model", {}), where)
        for field, expected in self.task.model_fields().items():
            if getattr(config, field) != expected:
                raise GyeboError(
                    f"In {where}, {field!r} is {getattr(config, field)}, but the files of the run's {self.task_name} task make it"
                    f" {expected}. Files of two runs seem to be mixed: restore them, or train the run again."
                )
        weights = read_weights(self.folder, self.architecture_name)
        with torch.device("meta"):
            check_tensors(_build(self.architecture_name, config, where, GyeboError), weights, f"{self.folder.model}", MEND)
        model = build_model(self.architecture_name, config, where)
        copy_into(model, weights)
        return model.eval()

    def predict(self, inputs: Sequence[str], interrupt: Interrupt = lambda: None) -> list[Prediction]:
        """The predictions for these inputs, in their order."""
        if isinstance(inputs, str):
            raise UsageError(f"predict takes a list of inputs, and {inputs!r} is one string: write predict([...]).")
        return self.task.predict(self.model, inputs, "cpu", interrupt)

    def evaluate(self, data: Any, split: str = "test", interrupt: Interrupt = lambda: None) -> Evaluation:
        """Metrics of a split of the data, with every prediction."""
        return self.task.evaluate(self.model, data, split, "cpu", interrupt)


def load(path: str | os.PathLike[str]) -> Run:
    """Read a run folder.  Raises UsageError where there is none, GyeboError where it is damaged."""
    return Run(find_run(os.fspath(path)))


MEND = "Restore the file, or train the run again."
MAX_TENSORS = 10_000


def build_model(name: str, config: Any, where: str, error: type[GyeboError] = GyeboError) -> nn.Module:
    """The architecture of a name with its config; where: what the config is, for the error message.

    Raises an `error` where no model can be built from the config, or its weights would not fit into memory.
    """
    with torch.device("meta"):
        _build(name, config, where, error)
    return _build(name, config, where, error)


def _build(name: str, config: Any, where: str, failure: type[GyeboError]) -> nn.Module:
    """Build the model, watching its weights: sizes from a file may be absurd, and even a model on the meta device may be endless."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = count = 0

    def watch(module: nn.Module, field: str, parameter: nn.Parameter | None) -> None:
        nonlocal needed, count
        needed += parameter.numel() * parameter.element_size() if parameter is not None else 0
        count += 1
        if needed > available or count > MAX_TENSORS:
            raise failure(
                f"The model that {where} describes needs more than {needed / 2**30:,.1f} GiB in {count:,} tensors for its weights"
                f" alone, and this machine has {available / 2**30:,.1f} GiB of memory. Choose smaller sizes."
            )

    hook = register_module_parameter_registration_hook(watch)
    try:
        return architecture(name).model(config)
    except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:  # what torch makes of impossible sizes
        reason = str(error).partition("\n")[0]
        raise failure(f"No {name} can be built from {where}: {reason}. Choose other sizes.") from error
    finally:
        hook.remove()


def save_config(
    folder: RunFolder, task: Task, task_name: str, architecture_name: str, model_config: Any, data: dict[str, Any]
) -> None:
    """Write config.json: what rebuilding task and model needs, by names of the catalogue."""
    write_json(
        folder.config,
        {
            "gyebo": gyebo.__version__,
            "task": task_name,
            "architecture": architecture_name,
            "model": to_mapping(model_config),
            task_name: to_mapping(task.config),
            "data": data,
        },
    )


def save_weights(model: nn.Module, folder: RunFolder, architecture_name: str, step: int) -> None:
    """Write model.safetensors, with a sha256 of its tensors in its header, in one step; the same weights are the same bytes."""
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"format": "pt", "architecture": architecture_name, "step": str(step)}
    header["sha256"] = _digest(tensors, header)
    content = _with_sorted_header(safetensors.torch.save(tensors, header))
    write_whole(folder.model, content, kept="The weights that were there before are untouched.")


def _with_sorted_header(content: bytes) -> bytes:
    """A safetensors file whose metadata stand in alphabetical order: the library writes them in another order each time."""
    size = int.from_bytes(content[:8], "little")  # of the header, in JSON, which begins behind these eight bytes
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(size)
    assert len(text) == size, "the same entries in another order"
    return content[:8] + text + content[8 + size :]


def saved_step(folder: RunFolder) -> int | None:
    """The step that the header of model.safetensors states; None where there is no such file, or it states none."""
    try:
        with safetensors.safe_open(folder.model, "pt") as file:
            return int((file.metadata() or {})["step"])
    except (safetensors.SafetensorError, OSError, KeyError, ValueError):
        return None


def read_weights(folder: RunFolder, architecture_name: str) -> dict[str, torch.Tensor]:
    """The tensors of model.safetensors, once their architecture and sha256 are found to be right.  Raises GyeboError."""
    if not folder.model.is_file():
        raise GyeboError(
            f"{folder.model} is not there: the run has not reached its first evaluation. Train it further with `gyebo train"
            f" {folder.name}`."
        )
    tensors = read_tensors(folder.model, MEND)
    with safetensors.safe_open(folder.model, "pt") as file:
        header = file.metadata() or {}
    if header.get("architecture") != architecture_name:
        raise GyeboError(
            f"{folder.model} holds weights of the architecture {header.get('architecture')!r}, but {folder.config} is of"
            f" {architecture_name!r}. {MEND}"
        )
    if header.pop("sha256", None) != _digest(tensors, header):
        raise GyeboError(f"{folder.model} is damaged: its content does not have the sha256 that its header states. {MEND}")
    return tensors


def _digest(tensors: dict[str, torch.Tensor], header: dict[str, str]) -> str:
    """sha256 over the header, and over names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256(repr(sorted(header.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
