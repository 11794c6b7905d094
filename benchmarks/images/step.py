"""Training steps of a network of images that take turns: it does as many as it is asked to, in a process of its own.

Its one argument is JSON: "network" and "who", of NETWORKS and PEERS or WAYS; "threads".  It says {} once it is ready; then, for each
line with a number, {"seconds": how long so many steps took}.

In one process, what the `Trainer` asks of the C library would serve the peers too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import gyebo
from gyebo.models.interfaces import ChannelsFirst
from gyebo.training.memory import freed_memory_kept
from gyebo.verification.torchvision_reference import torchvision_models

UNET = {"num_channels": 1, "num_classes": 2, "width": 32}


class PlainBlock(nn.Module):
    """A block of the CIFAR ResNet as most code writes it: the shortcut takes every other pixel and pads channels with zeros."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.stride, self.missing = stride, width - channels

    def forward(self, images: Tensor) -> Tensor:
        out = F.relu(self.norm1(self.conv1(images)))
        out = self.norm2(self.conv2(out))
        shortcut = images
        if self.missing:
            shortcut = F.pad(images[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.missing // 2, self.missing // 2))
        return F.relu(out + shortcut)


def plain_resnet20() -> nn.Module:
    blocks: list[nn.Module] = []
    channels = 16
    for width in (16, 32, 64):
        for number in range(3):
            blocks.append(PlainBlock(channels, width, 2 if number == 0 and width > 16 else 1))
            channels = width
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks, *head)


class PlainUNet(nn.Module):
    """A padded U-Net with batch norm, as the well-known repositories write it."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels + 1)]
        self.down = nn.ModuleList(self.double(before, after) for before, after in zip([1, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * after, after, 2, 2) for after in widths[-2::-1])
        self.merge = nn.ModuleList(self.double(2 * after, after) for after in widths[-2::-1])
        self.output = nn.Conv2d(width, 2, 1)

    @staticmethod
    def double(before: int, after: int) -> nn.Module:
        layers: list[nn.Module] = []
        for channels in (before, after):
            layers += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        kept = []
        for number, block in enumerate(self.down):
            images = block(F.max_pool2d(images, 2) if number else images)
            kept.append(images)
        kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            images = merge(torch.cat([kept.pop(), up(images)], 1))
        return self.output(images)


@dataclass(frozen=True)
class Network:
    """A network of ours, the same as others write it, and a batch for both."""

    ours: Callable[[], nn.Module]
    peer: Callable[[], nn.Module]
    shape: tuple[int, int, int, int]
    classes: int


NETWORKS = {
    "resnet-cifar": Network(lambda: gyebo.create("resnet-cifar", {}, size="20"), plain_resnet20, (128, 3, 32, 32), 10),
    "vgg": Network(
        lambda: gyebo.create("vgg", {}, size="A"), lambda: torchvision_models().vgg11(weights=None), (8, 3, 224, 224), 1000
    ),
    "unet-padded": Network(lambda: gyebo.create("unet-padded", UNET), lambda: PlainUNet(UNET["width"], 4), (4, 1, 128, 128), 2),
}


@dataclass(frozen=True)
class Way:
    """How a network is trained."""

    ours: bool = True
    channels_last: bool | None = None
    """None: as the model and the Trainer have it"""
    bf16: bool = False
    compiled: bool = False


PEERS = {"plain": Way(ours=False, channels_last=False), "plain, channels last": Way(ours=False, channels_last=True)}
WAYS = {
    "gyebo": Way(),
    "gyebo, channels first": Way(channels_last=False),
    "gyebo, channels last": Way(channels_last=True),
    "gyebo, bfloat16": Way(bf16=True),
    "gyebo, compiled": Way(compiled=True),
}


def training_step(network: Network, way: Way) -> Callable[[], None]:
    """A function that trains the network once on a fixed batch."""
    torch.manual_seed(0)
    model = (network.ours if way.ours else network.peer)().train()
    images = torch.randn(network.shape)
    first = isinstance(model, ChannelsFirst) and model.channels_first
    channels_last = not first if way.channels_last is None else way.channels_last
    if isinstance(model, ChannelsFirst):
        model.channels_first = not channels_last
    if channels_last:
        model, images = model.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        outputs = model(images)
    labels = torch.randint(network.classes, (outputs.shape[0], *outputs.shape[2:]))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, fused=True)
    if way.compiled:
        model.compile()

    def once() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=way.bf16):
            logits = model(images)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return once


def main() -> None:
    settings = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not look like an answer
    torch.set_num_threads(settings["threads"])
    way = (PEERS | WAYS)[settings["who"]]
    with freed_memory_kept() if way.ours else nullcontext():
        step = training_step(NETWORKS[settings["network"]], way)
        print("{}", file=answers, flush=True)
        for asked in sys.stdin:
            begin = time.perf_counter()
            for _ in range(int(asked)):
                step()
            print(json.dumps({"seconds": time.perf_counter() - begin}), file=answers, flush=True)


if __name__ == "__main__":
    main()
