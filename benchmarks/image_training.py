"""Training networks of images: a step beside torchvision's and plain eager models, and an epoch of MNIST beside a DataLoader.

    python benchmarks/image_training.py [--json FILE] [--rounds 7] [--threads 2] [--only resnet-cifar vgg unet-padded epoch]

A step is forward, cross-entropy, backward and fused SGD with momentum, in float32, on the same random batch.  Each lives in a
process of its own, and they take turns of a second or more.  VGG-11 stands beside torchvision's; ResNet-20 and U-Net, which
torchvision lacks, beside the same networks written in plain torch.nn.  "gyebo" is what the `Trainer` does on a CPU: channels last,
but channels first in VGG at this size, eager, in float32, keeping the memory that is freed.  Below it stand the other choices: channels
first and last, bfloat16, and compiled, where a C++ compiler is there; and the peer with channels last too, which is its best setting but
not what a plain loop does.  What is eight times as slow as the peer is measured once.

The epoch trains LeNet-5 of today on the 55,000 training images of MNIST in batches of 128: ours is the `Trainer` with all that it
does, with images in memory that are indexed directly; the peer is a plain loop over a `DataLoader` whose dataset turns each image into
a standardised tensor, as torchvision's ToTensor and Normalize do, with the number of workers that is fastest for it here.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
from images.step import PEERS, WAYS, plain_resnet20
from timing import alternate, environment, write_results
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from translation.turns import start_worker

from gyebo.genealogy import facts
from gyebo.recipes import model_config, recipe_from_mapping, task_config
from gyebo.runs.run import build_model
from gyebo.tasks import task_type
from gyebo.training.loop import Trainer

RATIO_DEMANDED, EPOCH_DEMANDED = 1.0, 1.5
QUESTIONS = ["resnet-cifar", "vgg", "unet-padded", "epoch"]
NAMES = {"resnet-cifar": "resnet-cifar 20", "vgg": "vgg A", "unet-padded": "unet-padded, 32 wide"}
PEER_NAMES = {"resnet-cifar": "plain torch.nn", "vgg": "torchvision vgg11", "unet-padded": "plain torch.nn"}
STEP = Path(__file__).parent / "images" / "step.py"
SECONDS_OF_A_TURN = 1.0
NO_MATCH = 8
"""times as slow as the peer: measured once, not in every round"""
NEVER = 10**9


def steps(rounds: int, threads: int, only: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    compiler = shutil.which("g++") or shutil.which("clang++")
    for network in (each for each in QUESTIONS if each in only and each != "epoch"):
        ways = [*PEERS, *(way for way in WAYS if compiler or not WAYS[way].compiled)]
        with ExitStack() as stack:
            seconds, workers = {}, {}
            for way in ways:
                settings = {"network": network, "who": way, "threads": threads}
                worker = stack.enter_context(start_worker(sys.executable, STEP, settings))
                worker.ask("1")  # warms up, and compiles
                seconds[way] = worker.ask("1")["seconds"]
                if seconds[way] < NO_MATCH * seconds["plain"]:
                    workers[way] = worker, math.ceil(SECONDS_OF_A_TURN / seconds[way])
            turns = {way: partial(worker.ask, str(times)) for way, (worker, times) in workers.items()}
            for way, value in alternate(turns, rounds, warmup=0).items():
                seconds[way] = value / workers[way][1]
        peer = PEER_NAMES[network]
        for way in ways:
            name = way.replace("plain", peer)
            ratio = seconds[way] / seconds["plain"]
            demanded = RATIO_DEMANDED if way == "gyebo" else None
            rows.append(row(f"a step of {NAMES[network]}", name, 1000 * seconds[way], ratio, demanded))
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
    rows = steps(arguments.rounds, arguments.threads, arguments.only)
    if "epoch" in arguments.only:
        rows += epoch(max(3, arguments.rounds // 2))
    for line in rows:
        print("  ".join(f"{value}" for value in line.values() if value is not None))
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
