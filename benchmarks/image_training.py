"""Training networks of images: a step beside torchvision's and plain eager models, and an epoch of MNIST beside a DataLoader.

    python benchmarks/image_training.py [--json FILE] [--rounds 7] [--threads 2] [--only resnet-cifar vgg unet-padded epoch]

A step is forward, cross-entropy, backward and fused SGD with momentum, in float32, on the same random batch.  VGG-11 stands beside
torchvision's; ResNet-20 and U-Net, which torchvision lacks, beside the same networks written out here in plain torch.nn.  "gyebo" is
what the `Trainer` does on a CPU: channels last, eager, in float32.  Below it stand the other choices: channels first, bfloat16 and
compiled, where a C++ compiler is there; and the peer with channels last too, which is its best setting but not what a plain loop does.

The epoch trains LeNet-5 of today on the 55,000 training images of MNIST in batches of 128: ours is the `Trainer` with all that it
does, with images in memory that are indexed directly; the peer is a plain loop over a `DataLoader` whose dataset turns each image into
a standardised tensor, as torchvision's ToTensor and Normalize do, with the number of workers that is fastest for it here.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from timing import alternate, environment, write_results
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

import gyebo
from gyebo.genealogy import facts
from gyebo.recipes import model_config, recipe_from_mapping, task_config
from gyebo.runs.run import build_model
from gyebo.tasks import task_type
from gyebo.training.loop import Trainer
from gyebo.verification.torchvision_reference import torchvision_models

RATIO_DEMANDED, EPOCH_DEMANDED = 1.0, 1.5
QUESTIONS = ["resnet-cifar", "vgg", "unet-padded", "epoch"]
NEVER = 10**9


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


@dataclasses.dataclass(frozen=True)
class Case:
    """A network of ours, its peer, and a batch for both."""

    name: str
    peer_name: str
    ours: Callable[[], nn.Module]
    peer: Callable[[], nn.Module]
    shape: tuple[int, int, int, int]
    classes: int


UNET = {"num_channels": 1, "num_classes": 2, "width": 32}
CASES = (
    Case(
        "resnet-cifar 20",
        "plain torch.nn",
        lambda: gyebo.create("resnet-cifar", {}, size="20"),
        plain_resnet20,
        (128, 3, 32, 32),
        10,
    ),
    Case(
        "vgg A",
        "torchvision vgg11",
        lambda: gyebo.create("vgg", {}, size="A"),
        lambda: torchvision_models().vgg11(weights=None),
        (8, 3, 224, 224),
        1000,
    ),
    Case(
        "unet-padded, 32 wide",
        "plain torch.nn",
        lambda: gyebo.create("unet-padded", UNET),
        lambda: PlainUNet(UNET["width"], 4),
        (4, 1, 128, 128),
        2,
    ),
)


def step(model: nn.Module, shape: tuple[int, ...], classes: int, *, channels_last: bool = False, bf16: bool = False):
    """A function that trains the model once on a fixed batch."""
    model.train()
    images = torch.randn(shape)
    if channels_last:
        model, images = model.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        outputs = model(images)
    labels = torch.randint(classes, (outputs.shape[0], *outputs.shape[2:]))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, fused=True)

    def once() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(images)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return once


def steps(rounds: int, only: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for case in (each for each in CASES if each.name.split()[0].rstrip(",") in only):
        torch.manual_seed(0)
        candidates = {
            case.peer_name: step(case.peer(), case.shape, case.classes),
            f"{case.peer_name}, channels last": step(case.peer(), case.shape, case.classes, channels_last=True),
            "gyebo": step(case.ours(), case.shape, case.classes, channels_last=True),
            "gyebo, channels first": step(case.ours(), case.shape, case.classes),
            "gyebo, bfloat16": step(case.ours(), case.shape, case.classes, channels_last=True, bf16=True),
        }
        if shutil.which("g++") or shutil.which("clang++"):
            compiled = case.ours()
            compiled.compile()
            candidates["gyebo, compiled"] = step(compiled, case.shape, case.classes, channels_last=True)
        seconds = alternate(candidates, rounds, warmup=1)
        for name, value in seconds.items():
            ratio = value / seconds[case.peer_name]
            rows.append(row(f"a step of {case.name}", name, 1000 * value, ratio, RATIO_DEMANDED if name == "gyebo" else None))
    return rows


class Standardised(Dataset[tuple[Tensor, int]]):
    """MNIST as torchvision's dataset gives it with the usual transforms: an image at a time, as float, standardised."""

    def __init__(self, pixels: Tensor, labels: Tensor, padding: int) -> None:
        self.pixels, self.labels, self.padding = pixels.numpy(), labels.tolist(), padding

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(self.pixels[index]).float().div_(255)
        return image.sub_(0.1307).div_(0.3081), self.labels[index]


def epoch(rounds: int) -> list[dict[str, object]]:
    recipe = recipe_from_mapping(
        {
            "name": "epoch",
            "task": "classify",
            "architecture": "lenet5-modern",
            "data": ["mnist"],
            "epochs": 1,
            "batch": {"tokens": 128},
            "optimizer": {"name": "sgd", "rate": 0.01, "momentum": 0.9},
            "evaluation": {"every": NEVER},
            "checkpoint_every": NEVER,
        },
        "the benchmark",
    )
    kind = task_type("classify")
    data = kind.open(recipe.data, task_config(recipe), None)
    task = kind.learn(task_config(recipe), data)
    config = model_config(recipe, task.model_fields())
    dataset = Standardised(data.train.pixels, data.train.labels, 0)

    def ours() -> None:
        problem = task.problem(data)
        problem.validate = lambda model, device, interrupt: {"loss": 0.0}  # type: ignore[method-assign]
        with tempfile.TemporaryDirectory() as folder:
            Trainer(build_model("lenet5-modern", config, "the benchmark"), problem, recipe, Path(folder)).run()

    def plain(workers: int) -> Callable[[], None]:
        def once() -> None:
            model = build_model("lenet5-modern", config, "the benchmark").train()
            optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)
            for images, labels in DataLoader(dataset, 128, shuffle=True, num_workers=workers):
                optimizer.zero_grad()
                F.cross_entropy(model(images), labels).backward()
                optimizer.step()

        return once

    times = {}
    for workers in (0, 1, 2):
        begin = time.perf_counter()
        plain(workers)()
        times[workers] = time.perf_counter() - begin
    best = min(times, key=lambda workers: times[workers])
    peer = f"plain loop, DataLoader with {best} workers"
    seconds = alternate({peer: plain(best), "gyebo": ours}, rounds, warmup=0)
    return [
        row(
            "an epoch of MNIST",
            name,
            1000 * value,
            value / seconds[peer],
            round(1 / EPOCH_DEMANDED, 2) if name == "gyebo" else None,
        )
        for name, value in seconds.items()
    ]


def row(what: str, who: str, milliseconds: float, ratio: float, demanded: float | None) -> dict[str, object]:
    return {
        "what": what,
        "who": who,
        "milliseconds": round(milliseconds, 1),
        "ratio_to_peer": round(ratio, 2),
        "at_most": demanded,
        "met": None if demanded is None else ratio <= demanded,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=QUESTIONS, help="the networks whose step, or epoch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    assert facts("resnet-cifar").sizes["20"].parameters == sum(item.numel() for item in plain_resnet20().parameters())
    rows = steps(arguments.rounds, arguments.only)
    if "epoch" in arguments.only:
        rows += epoch(max(3, arguments.rounds // 2))
    for line in rows:
        print("  ".join(f"{value}" for value in line.values() if value is not None))
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
