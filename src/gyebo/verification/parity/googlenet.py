"""GoogLeNet: figures 2b and 3, branch by branch; and its variant with batch norm: torchvision's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from gyebo.interop.torchvision import to_torchvision
from gyebo.verification.parity.alexnet import naive_local_response, naive_relu
from gyebo.verification.parity.case import Answer, ImageParityCase, Weights
from gyebo.verification.torchvision_reference import torchvision_models

__all__ = ["CASES"]


def szegedy_2014(weights: Weights, config: Any, images: Tensor) -> Answer:
    """The network as it is tested."""
    return {"logits": _networks(weights, config, images)[0]}


def szegedy_2014_loss(weights: Weights, config: Any, images: Tensor, labels: Tensor) -> Tensor:
    """Section 5: "their loss gets added to the total loss of the network with a discount weight (... 0.3)", summed over the images."""
    main, *auxiliaries = (_surprise(logits, labels) for logits in _networks(weights, config, images))
    return main + 0.3 * sum(auxiliaries)


def _networks(weights: Weights, config: Any, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The logits of the network, of the auxiliary classifier on 4a, and of that on 4d."""

    def convolve(name: str, maps: Tensor, stride: int = 1) -> Tensor:
        kernel = weights[f"{name}.conv.weight"]
        padding = (kernel.shape[-1] - 1) // 2
        return naive_relu(F.conv2d(maps, kernel, weights[f"{name}.conv.bias"], stride, padding))

    def halve(maps: Tensor) -> Tensor:
        """Windows of 3 every 2; the last one may lack a row and a column."""
        lacking = [(side - 3) % 2 for side in (maps.shape[3], maps.shape[2])]
        return F.max_pool2d(F.pad(maps, (0, lacking[0], 0, lacking[1]), value=-torch.inf), 3, 2)

    def inception(name: str, maps: Tensor) -> Tensor:
        name = f"inceptions.{name}"
        around = F.max_pool2d(F.pad(maps, (1, 1, 1, 1), value=-torch.inf), 3, 1)
        branches = [
            convolve(f"{name}.one", maps),
            convolve(f"{name}.three.1", convolve(f"{name}.three.0", maps)),
            convolve(f"{name}.five.1", convolve(f"{name}.five.0", maps)),
            convolve(f"{name}.pooled.1", around),
        ]
        return torch.cat(branches, 1)

    def full(name: str, inputs: Tensor) -> Tensor:
        return inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def auxiliary(name: str, maps: Tensor) -> Tensor:
        read = convolve(f"auxiliaries.{name}.conv", F.avg_pool2d(maps, 5, 3))
        hidden = naive_relu(full(f"auxiliaries.{name}.hidden", read.reshape(len(read), -1)))
        return full(f"auxiliaries.{name}.output", hidden)

    maps = naive_local_response(halve(convolve("stem.0", images, config.stem_stride)))
    maps = halve(naive_local_response(convolve("stem.4", convolve("stem.3", maps))))
    maps = halve(inception("3b", inception("3a", maps)))
    at_4a = inception("4a", maps)
    at_4d = inception("4d", inception("4c", inception("4b", at_4a)))
    maps = inception("5b", inception("5a", halve(inception("4e", at_4d))))
    return full("output", maps.sum((2, 3)) / maps[0, 0].numel()), auxiliary("4a", at_4a), auxiliary("4d", at_4d)


def _surprise(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p of the labels, summed."""
    exponentials = torch.exp(logits - logits.detach().amax(1, keepdim=True))
    probabilities = exponentials / exponentials.sum(1, keepdim=True)
    return -torch.log(probabilities[range(len(labels)), labels]).sum()


def _torchvision(weights: Weights, config: Any, images: Tensor, *, batch_statistics: bool) -> Mapping[str, Tensor]:
    """The logits of torchvision's GoogLeNet and of its auxiliary classifiers; its widths are those of the weights that it is given."""
    with torch.device("meta"):
        module: nn.Module = torchvision_models().GoogLeNet(init_weights=False, dropout=0.0, dropout_aux=0.0)
    first: Any = module.get_submodule("conv1.conv")
    first.stride, first.padding = (config.stem_stride,) * 2, (config.stem_kernel // 2,) * 2
    module.train()  # only then are there auxiliary classifiers
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.train(batch_statistics)
    given = {name: tensor.clone() for name, tensor in to_torchvision(weights, "googlenet-batch-norm").items()}
    return functional_call(module, given, (images,), strict=True)._asdict()


def _answer(*, batch_statistics: bool) -> Callable[[Weights, Any, Tensor], Answer]:
    return lambda weights, config, images: {
        "logits": _torchvision(weights, config, images, batch_statistics=batch_statistics)["logits"]
    }


def _loss(*, batch_statistics: bool) -> Callable[[Weights, Any, Tensor, Tensor], Tensor]:
    """torchvision leaves the sum to its users; the auxiliary classifiers count what they do in the paper."""

    def loss(weights: Weights, config: Any, images: Tensor, labels: Tensor) -> Tensor:
        found = _torchvision(weights, config, images, batch_statistics=batch_statistics)
        main, *auxiliaries = (
            F.cross_entropy(found[name], labels, reduction="sum") for name in ("logits", "aux_logits1", "aux_logits2")
        )
        return main + 0.3 * sum(auxiliaries)

    return loss


CASES = (
    ImageParityCase(
        architecture="googlenet",
        reference="Szegedy et al. 2014, figures 2 and 3, branch by branch",
        answer=szegedy_2014,
        loss=szegedy_2014_loss,
    ),
    ImageParityCase(
        architecture="googlenet-batch-norm",
        reference="torchvision.models.GoogLeNet",
        answer=_answer(batch_statistics=False),
        loss=_loss(batch_statistics=False),
    ),
    ImageParityCase(
        architecture="googlenet-batch-norm",
        reference="torchvision.models.GoogLeNet, in training",
        answer=_answer(batch_statistics=True),
        loss=_loss(batch_statistics=True),
        training=True,
    ),
)
