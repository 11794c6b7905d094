"""Weights of torchvision's models, by its names, to ours and back: the same logits, and the same tensors bit for bit.

torchvision itself is not needed. `NAMES` says for each architecture what torchvision calls its tensors; one that is added there can be
read and written.

Files are safetensors. torchvision publishes pickles (.pth), which run code when they are opened: they are refused, with the line that
converts one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.errors import GyeboError, UsageError, did_you_mean
from gyebo.genealogy import architecture, facts
from gyebo.layers.local_response import LocalResponse
from gyebo.layers.residual import ResidualBlock
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


_RESNET = (
    (r"^stem\.conv\.", "conv1."),
    (r"^stem\.norm\.", "bn1."),
    (r"^stages\.(\d+)\.", lambda stage: f"layer{int(stage[1]) + 1}."),
    (r"\.body\.norm(\d)\.", r".bn\1."),
    (r"\.body\.", "."),
    (r"\.shortcut\.conv\.", ".downsample.0."),
    (r"\.shortcut\.norm\.", ".downsample.1."),
    (r"^output\.", "fc."),
)
"""torchvision counts the stages from 1, and knows the body of a block as the block itself"""

_DENSENET = (
    (r"^stem\.(conv|norm)\.", r"features.\g<1>0."),
    (r"^stages\.(\d+)\.layers\.(\d+)\.", lambda at: f"features.denseblock{int(at[1]) // 2 + 1}.denselayer{int(at[2]) + 1}."),
    (r"^stages\.(\d+)\.(conv|norm)\.", lambda at: f"features.transition{int(at[1]) // 2 + 1}.{at[2]}."),
    (r"^stages\.\d+\.", "features.norm5."),
    (r"^output\.", "classifier."),
)
"""Blocks and transitions take turns; the last norm is the fifth, in whatever place it stands"""


def _by_pattern(parts: str, patterns: Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]) -> Names:
    """Where the names follow from ours by patterns, one after the other; parts: what the names of such a model begin with.

    >>> _by_pattern("stem|stages", _RESNET)(["stages.0.1.body.norm2.weight", "stages.1.0.shortcut.conv.weight"]).values()
    dict_values(['layer1.1.bn2.weight', 'layer2.0.downsample.0.weight'])
    >>> _by_pattern("stem|stages", _DENSENET)(["stages.2.layers.3.conv1.weight", "stages.3.norm.weight", "stages.7.bias"]).values()
    dict_values(['features.denseblock2.denselayer4.conv1.weight', 'features.transition2.norm.weight', 'features.norm5.bias'])
    >>> _by_pattern("inceptions", _GOOGLENET)(["inceptions.3a.five.1.norm.weight"]).values()
    dict_values(['inception3a.branch3.1.bn.weight'])
    """

    def renamed(name: str) -> str:
        for pattern, theirs in patterns:
            name = re.sub(pattern, theirs, name)
        return name

    return lambda ours: {name: renamed(name) for name in ours if re.match(rf"({parts})\.", name)}


NAMES: Mapping[str, Names] = {
    "alexnet-one-tower": _alexnet,
    "vgg": _vgg,
    "googlenet-batch-norm": _by_pattern("stem|inceptions|auxiliaries|output", _GOOGLENET),
    "resnet": _by_pattern("stem|stages|output", _RESNET),
    "densenet": _by_pattern("stem|stages|output", _DENSENET),
}
"""architecture -> what torchvision calls its tensors"""


def to_torchvision(model: nn.Module | Mapping[str, Tensor], architecture: str) -> dict[str, Tensor]:
    """The weights of a model, or its state dict, by torchvision's names: what `load_state_dict` of torchvision's model takes.

    The tensors are the model's own, not copies.
    Raises UsageError for an architecture that torchvision does not have, and for a state dict of another one.
    """
    names_of = _names(architecture)
    if isinstance(model, nn.Module):
        _refuse_another_network(model)
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
    _refuse_another_network(model)
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


def _refuse_another_network(model: nn.Module) -> None:
    """One that torchvision does not have, and that has the same tensors: it computes something else from them."""
    if any(isinstance(part, LocalResponse) for part in model.modules()):
        raise UsageError(
            "This model has local response normalisation, and torchvision's has none, so the same weights would give other logits. Give"
            " local_response=false, or a size without it."
        )
    bodies = [block.body for block in model.modules() if isinstance(block, ResidualBlock)]
    layers = [layer for body in bodies for layer in body.modules() if isinstance(layer, nn.Conv2d)]
    if any(layer.kernel_size == (1, 1) and layer.stride != (1, 1) for layer in layers):
        raise UsageError(
            "The bottlenecks of this ResNet halve the maps in their first 1x1 convolution, and torchvision's in the 3x3, so the same"
            " weights would give other logits. Give stride_at='3x3', or one of torchvision's sizes, such as '50 v1.5'."
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
