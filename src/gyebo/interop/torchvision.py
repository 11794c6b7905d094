"""Weights of torchvision's models, by its names, to ours and back: the same logits, and the same tensors bit for bit.

torchvision itself is not needed. `NAMES` says for each architecture what torchvision calls its tensors; one that is added there can be
read and written.

Files are safetensors. torchvision publishes pickles (.pth), which run code when they are opened: they are refused, with the line that
converts one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.errors import GyeboError, UsageError, did_you_mean
from gyebo.genealogy import architecture, facts
from gyebo.layers.local_response import LocalResponse
from gyebo.runs.run import build_model
from gyebo.training.checkpoints import copy_into, read_tensors

__all__ = ["NAMES", "config_of", "from_torchvision", "read_torchvision", "to_torchvision"]

Names: TypeAlias = Callable[[Collection[str]], Mapping[str, str]]
"""our names of all tensors of a model -> torchvision's name of each; what it does not know, it leaves out"""

COUNTER = "num_batches_tracked"
"""of a batch norm: files from before torch 0.4.1 do not have it, and nothing that is computed depends on it"""


def _by_layer(layers: Mapping[str, str]) -> Names:
    """Where each layer has its name in torchvision: "conv1" -> "features.0", whatever tensors it has."""

    def names(ours: Collection[str]) -> Mapping[str, str]:
        parts = {name: name.rpartition(".") for name in ours}
        return {name: f"{layers[layer]}.{tensor}" for name, (layer, _, tensor) in parts.items() if layer in layers}

    return names


_alexnet = _by_layer(
    {
        "conv1": "features.0",
        "conv2": "features.3",
        "conv3": "features.6",
        "conv4": "features.8",
        "conv5": "features.10",
        "full6": "classifier.1",
        "full7": "classifier.4",
        "output": "classifier.6",
    }
)


def _vgg(ours: Collection[str]) -> Mapping[str, str]:
    """torchvision numbers convolutions, ReLUs and pools in one row: two numbers a convolution, and one a block for its pool.

    >>> _vgg(["blocks.0.conv1.weight", "blocks.1.conv1.weight", "blocks.1.conv2.weight"])["blocks.1.conv2.weight"]
    'features.5.weight'
    """
    found = {
        (int(match[1]), int(match[2])): match[0] for name in ours if (match := re.match(r"blocks\.(\d+)\.conv(\d+)(?=\.)", name))
    }
    layers = {
        layer: f"features.{2 * before + block}" for before, ((block, _), layer) in enumerate(sorted(found.items()))
    }  # "before" counts the convolutions, "block" the pools that stand before this one
    return _by_layer(layers | {"full1": "classifier.0", "full2": "classifier.3", "output": "classifier.6"})(ours)


_GOOGLENET = (
    (r"^stem\.0\.", "conv1."),
    (r"^stem\.3\.", "conv2."),
    (r"^stem\.4\.", "conv3."),
    (r"^inceptions\.(\w+)\.", r"inception\1."),
    (r"^auxiliaries\.4a\.", "aux1."),
    (r"^auxiliaries\.4d\.", "aux2."),
    (r"^(aux\d)\.hidden\.", r"\1.fc1."),
    (r"^(aux\d)\.output\.", r"\1.fc2."),
    (r"^output\.", "fc."),
    (r"\.one\.", ".branch1."),
    (r"\.three\.", ".branch2."),
    (r"\.five\.", ".branch3."),
    (r"\.pooled\.", ".branch4."),
    (r"\.norm\.", ".bn."),
)


def _googlenet(ours: Collection[str]) -> Mapping[str, str]:
    """
    >>> _googlenet(["inceptions.3a.five.1.norm.weight"])
    {'inceptions.3a.five.1.norm.weight': 'inception3a.branch3.1.bn.weight'}
    """

    def renamed(name: str) -> str:
        for pattern, theirs in _GOOGLENET:
            name = re.sub(pattern, theirs, name)
        return name

    return {name: renamed(name) for name in ours if re.match(r"(stem|inceptions|auxiliaries|output)\.", name)}


NAMES: Mapping[str, Names] = {"alexnet-one-tower": _alexnet, "vgg": _vgg, "googlenet-batch-norm": _googlenet}
"""architecture -> what torchvision calls its tensors"""


def to_torchvision(model: nn.Module | Mapping[str, Tensor], architecture: str) -> dict[str, Tensor]:
    """The weights of a model, or its state dict, by torchvision's names: what `load_state_dict` of torchvision's model takes.

    The tensors are the model's own, not copies.
    Raises UsageError for an architecture that torchvision does not have, and for a state dict of another one.
    """
    names_of = _names(architecture)
    if isinstance(model, nn.Module):
        _refuse_local_response(model)
    state = model.state_dict() if isinstance(model, nn.Module) else model
    names = names_of(state.keys())
    foreign = [name for name in state if name not in names]
    if foreign or not state:
        what = f"it holds {foreign[0]!r}, which {architecture} does not have" if foreign else "it is empty"
        raise UsageError(f"This is no state dict of the architecture {architecture}: {what}. Name the architecture that it is of.")
    return {names[name]: tensor for name, tensor in state.items()}


def from_torchvision(state: Mapping[str, Tensor], architecture: str, config: Any) -> nn.Module:
    """A model in evaluation mode with the weights of torchvision's: the same images then have the same logits.

    config: the architecture's own, such as `config_of` makes of a published size.
    Raises UsageError for an architecture that torchvision does not have, and GyeboError where a tensor is missing, left over, or of
    another shape.
    """
    names_of = _names(architecture)
    model = build_model(architecture, config, "the config")
    _refuse_local_response(model)
    own = model.state_dict()
    names = names_of(own.keys())
    given = {name: state[theirs] for name, theirs in names.items() if theirs in state}
    given |= {name: own[name] for name in own if name.endswith(COUNTER) and name not in given}
    missing = [names[name] for name in own if name not in given]
    extra = sorted(set(state) - set(names.values()))
    if missing or extra:
        _refuse_names(architecture, missing, extra)
    for name, tensor in given.items():
        if tensor.shape != own[name].shape or tensor.is_floating_point() != own[name].is_floating_point():
            raise GyeboError(
                f"In this state dict, {names[name]!r} is {_described(tensor)}, and {architecture} with this config needs"
                f" {_described(own[name])}. Choose the size that the weights are of, with their numbers of channels and classes."
            )
    copy_into(model, given)
    return model.eval()


def config_of(state: Mapping[str, Tensor], architecture_name: str, size: str) -> Any:
    """The config of a published size, with as many channels and classes as the state dict has weights for.

    Raises UsageError for a size that the architecture does not have.
    """
    names_of, entry = _names(architecture_name), architecture(architecture_name)
    if size not in entry.sizes:
        raise UsageError(f"The architecture {architecture_name} has no size {size!r}. {did_you_mean(size, entry.sizes)}")
    options = dict(entry.sizes[size].config)
    with torch.device("meta"):
        own = build_model(architecture_name, from_mapping(entry.config, options), f"the size {size!r}").state_dict()
    names = names_of(own.keys())
    first, last = (state.get(names[name]) for name in (next(iter(own)), "output.weight"))
    if first is not None and first.dim() == 4:
        options["num_channels"] = first.shape[1]
    if last is not None and last.dim() == 2:
        options["num_classes"] = last.shape[0]
    return from_mapping(entry.config, options, f"the size {size!r} of {architecture_name}")


def read_torchvision(path: Path) -> dict[str, Tensor]:
    """The state dict in a safetensors file.

    Raises UsageError for a pickle, with the line that converts it, and where there is no file; GyeboError for a damaged one.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Give the safetensors file with the state dict of torchvision's model.")
    if path.suffix != ".safetensors":
        converted = str(path.with_suffix(".safetensors"))
        raise UsageError(
            f"{path} is not a .safetensors file. torchvision's own .pth files are pickles, which can run any code when they are opened,"
            " so gyebo does not open them. Convert one where you trust it: python -c 'import torch, safetensors.torch as s;"
            f' s.save_file(torch.load("{path}", weights_only=True), "{converted}")\''
        )
    return read_tensors(path, "Convert or download it again.")


def _names(name: str) -> Names:
    if name not in NAMES:
        known = ", ".join(NAMES)
        facts(name)  # one that is not even in the catalogue has the nearest name told
        raise UsageError(f"torchvision has no weights for the architecture {name}. It has some for: {known}.")
    return NAMES[name]


def _refuse_local_response(model: nn.Module) -> None:
    """torchvision has no such network, and one without it computes something else from the same weights."""
    if any(isinstance(part, LocalResponse) for part in model.modules()):
        raise UsageError(
            "This model has local response normalisation, and torchvision's has none, so the same weights would give other logits. Give"
            " local_response=false, or a size without it."
        )


def _refuse_names(architecture: str, missing: list[str], extra: list[str]) -> NoReturn:
    told = [
        f"{what} {names[0]!r}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        for what, names in (("it lacks", missing), ("it holds, beyond what is needed,", extra))
        if names
    ]
    raise GyeboError(
        f"This state dict is not that of torchvision's {architecture} with this config: {', and '.join(told)}. Choose the architecture and"
        " the size that it is of; a .bn. or aux tensor that is left over belongs to a model with batch norm or auxiliary classifiers."
    )


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
