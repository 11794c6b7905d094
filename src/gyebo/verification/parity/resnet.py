"""Plain and residual networks: table 1 and section 4.2 layer by layer, torchvision's ResNet, and that of transformers."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from gyebo.interop.torchvision import to_torchvision
from gyebo.verification.parity.alexnet import naive_pool, naive_relu
from gyebo.verification.parity.case import Answer, ImageParityCase, Weights
from gyebo.verification.parity.images import module_answer
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.torchvision_reference import torchvision_models

__all__ = ["CASES", "he_2015", "naive_batch_norm", "torchvision_resnet", "transformers_resnet"]

EPSILON = 1e-5
STAGES_OF_TORCHVISION = 4


def naive_batch_norm(weights: Weights, name: str, maps: Tensor, *, batch_statistics: bool) -> Tensor:
    """Ioffe, Szegedy 2015, algorithm 1, by the statistics of this batch; or algorithm 2, by the running averages."""
    if batch_statistics:
        mean = maps.mean((0, 2, 3))
        variance = ((maps - mean[:, None, None]) ** 2).mean((0, 2, 3))
    else:
        mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    normalized = (maps - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + EPSILON)
    return weights[f"{name}.weight"][:, None, None] * normalized + weights[f"{name}.bias"][:, None, None]


def he_2015(*, residual: bool, pooled: bool, batch_statistics: bool = False) -> Callable[[Weights, Any, Tensor], Answer]:
    """Blocks of two layers.  residual: with shortcuts of option A; pooled: with the stem for photographs."""

    def answer(weights: Weights, config: Any, images: Tensor) -> Answer:
        def layer(convolution: str, norm: str, maps: Tensor, stride: int = 1) -> Tensor:
            kernel = weights[f"{convolution}.weight"]
            products = F.conv2d(maps, kernel, None, stride, (kernel.shape[-1] - 1) // 2)
            return naive_batch_norm(weights, norm, products, batch_statistics=batch_statistics)

        maps = naive_relu(layer("stem.conv", "stem.norm", images, config.stem_stride if pooled else 1))
        if pooled:
            maps = naive_pool(F.pad(maps, (1, 1, 1, 1), value=-torch.inf), 3, 2)
        for stage, depth in enumerate(config.depths):
            for block in range(depth):
                name = f"stages.{stage}.{block}.body"
                stride = 2 if (stage > 0 and block == 0) else 1
                hidden = naive_relu(layer(f"{name}.conv1", f"{name}.norm1", maps, stride))
                hidden = layer(f"{name}.conv2", f"{name}.norm2", hidden)
                if residual:
                    shortcut = torch.zeros_like(hidden)
                    shortcut[:, : maps.shape[1]] = maps[:, :, ::stride, ::stride]
                    hidden = hidden + shortcut
                maps = naive_relu(hidden)
        means = maps.sum((2, 3)) / maps[0, 0].numel()
        return {"logits": means @ weights["output.weight"].T + weights["output.bias"]}

    return answer


def torchvision_resnet(*, training: bool = False) -> Callable[[Weights, Any, Tensor], Answer]:
    """torchvision's ResNet, which takes its widths from the weights that it is given."""

    def answer(weights: Weights, config: Any, images: Tensor) -> Answer:
        models = torchvision_models().resnet
        depths = [*config.depths, *[1] * STAGES_OF_TORCHVISION][:STAGES_OF_TORCHVISION]
        with torch.device("meta"):
            module = models.ResNet(models.Bottleneck if config.bottleneck else models.BasicBlock, depths)
        for stage in range(len(config.depths), STAGES_OF_TORCHVISION):
            setattr(module, f"layer{stage + 1}", nn.Identity())
        module.conv1.stride, module.conv1.padding = (config.stem_stride,) * 2, (config.stem_kernel // 2,) * 2
        given = to_torchvision(weights, "resnet")
        return {"logits": functional_call(module.train(training), given, (images,), strict=True)}

    return answer


def _transformers_module(config: Any) -> nn.Module:
    """The ResNet of transformers, which can halve the maps at either convolution of a bottleneck."""
    if find_spec("transformers") is None:
        raise MissingPackageError("needs transformers")
    transformers: Any = import_module("transformers")
    ends = [width * 4 for width in config.widths] if config.bottleneck else [*config.widths]
    theirs = transformers.ResNetConfig(
        num_channels=config.num_channels,
        embedding_size=config.widths[0],
        hidden_sizes=ends,
        depths=[*config.depths],
        layer_type="bottleneck" if config.bottleneck else "basic",
        downsample_in_bottleneck=config.stride_at == "1x1",
        num_labels=config.num_classes,
    )
    module = transformers.ResNetForImageClassification(theirs)
    first = module.resnet.embedder.embedder.convolution
    module.resnet.embedder.embedder.convolution = nn.Conv2d(
        first.in_channels, first.out_channels, config.stem_kernel, config.stem_stride, config.stem_kernel // 2, bias=False
    )
    return _Logits(module)


class _Logits(nn.Module):
    """What transformers returns has names."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Tensor) -> Tensor:
        return self.module(images).logits


_TRANSFORMERS = (
    (r"^stem\.", "resnet.embedder.embedder."),
    (r"^stages\.(\d+)\.(\d+)\.", r"resnet.encoder.stages.\1.layers.\2."),
    (r"\.body\.(conv|norm)(\d)\.", lambda part: f".layer.{int(part[2]) - 1}.{part[1]}."),
    (r"\.conv\.", ".convolution."),
    (r"\.norm\.", ".normalization."),
    (r"^output\.", "classifier.1."),
)


def _transformers_name(name: str) -> str:
    for pattern, theirs in _TRANSFORMERS:
        name = re.sub(pattern, theirs, name)
    return f"module.{name}"


transformers_resnet = module_answer(_transformers_module, _transformers_name)


CASES = (
    ImageParityCase(
        architecture="plain",
        reference="He et al. 2015, table 1, layer by layer",
        answer=he_2015(residual=False, pooled=True),
    ),
    ImageParityCase(
        architecture="plain",
        reference="He et al. 2015, table 1, layer by layer, in training",
        answer=he_2015(residual=False, pooled=True, batch_statistics=True),
        training=True,
    ),
    ImageParityCase(
        architecture="plain-cifar",
        reference="He et al. 2015, section 4.2, layer by layer",
        answer=he_2015(residual=False, pooled=False),
    ),
    ImageParityCase(
        architecture="resnet-cifar",
        reference="He et al. 2015, section 4.2, layer by layer",
        answer=he_2015(residual=True, pooled=False),
    ),
    ImageParityCase(
        architecture="resnet-cifar",
        reference="He et al. 2015, section 4.2, layer by layer, in training",
        answer=he_2015(residual=True, pooled=False, batch_statistics=True),
        training=True,
    ),
    ImageParityCase(architecture="resnet", reference="torchvision.models.ResNet", answer=torchvision_resnet()),
    ImageParityCase(
        architecture="resnet",
        reference="torchvision.models.ResNet, in training",
        answer=torchvision_resnet(training=True),
        training=True,
    ),
    ImageParityCase(
        architecture="resnet",
        reference="transformers.ResNetForImageClassification",
        answer=transformers_resnet,
    ),
)
