"""vgg -> unet: pooling gives up where things are, and the skips carry it across.

A contracting path of convolutions and poolings, as VGG's, tells what is in a region; a class for every pixel needs to know where. The
same U-Net is trained with its skips and without them on the membrane sections. Without, an up-convolution's own output stands where the
skip would: nothing of the contracting path gets across but through the lowest level, and the number of weights is the same.

The data are the named dataset `membrane`, which is fetched where it is not there yet. Where it cannot be had, the claim ends with the
message that says which file is missing and how to put it there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.claims.drawing import faceted, mean_points, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.training import seeded
from gyebo.data.augmentation import AugmentationConfig
from gyebo.data.masked_images import ImageMasks, MaskedImages
from gyebo.data.masks import MasksConfig, open_masks
from gyebo.genealogy import parameter_counts
from gyebo.models.convolutional.unet import CropAndConcatenate, UNet
from gyebo.models.convolutional.unet_padded import PaddedConvolutions, UNetPaddedConfig
from gyebo.tasks.segment import Segment, SegmentConfig
from gyebo.training.config import OptimizerConfig
from gyebo.training.optimizers import build_optimizer
from gyebo.views.figure import Figure, figure_of

WIDTH, LEVELS = 8, 5
BLOCK = 16
"""pixels a side of what one place of the lowest level stands for"""
CROP, CROPS_AT_ONCE, RATE = 96, 4, 3e-3
WITH, WITHOUT = "with skips", "without"


class NothingAcross(nn.Module):
    """In the place of a skip: what came up from below, twice."""

    def forward(self, upsampled: Tensor, contracting: Tensor) -> Tensor:
        return torch.cat([upsampled, upsampled], 1)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much one seed may do, and how wide the network is: a test does less."""

    updates: int = 200
    width: int = WIDTH


def measure(seed: int, clock: Clock) -> Measurement:
    """Train both on the 24 sections, and look at the six that are held out."""
    return measure_on(halved(open_masks(("membrane",), MasksConfig())), seed, clock, Budget())


def halved(data: ImageMasks) -> ImageMasks:
    """The images at half their size, so that membranes are a few pixels thin: means of four pixels, and what half of them are."""

    def half(pixels: Tensor) -> Tensor:
        return F.avg_pool2d(pixels[None].float(), 2)[0]

    def smaller(images: MaskedImages) -> MaskedImages:
        masks = tuple((half(mask[None])[0] >= 0.5).byte() for mask in images.masks)
        return MaskedImages(tuple(half(image).round().byte() for image in images.images), masks, images.names)

    return replace(data, train=smaller(data.train), validation=smaller(data.validation), test=smaller(data.test))


def measure_on(data: ImageMasks, seed: int, clock: Clock, budget: Budget) -> Measurement:
    """`measure` on other data of two classes, of which the second is thin."""
    config = SegmentConfig(crop=CROP, augmentation=AugmentationConfig(flip=True), dice_weight=1.0)
    task = Segment.learn(config, data)
    held_out = _joined(data.validation, data.test)
    table: list[dict[str, Any]] = []
    dice: dict[tuple[str, int], float] = {}
    for name, skip in ((WITH, CropAndConcatenate), (WITHOUT, NothingAcross)):
        with seeded(seed):
            fields = UNetPaddedConfig(**task.model_fields(), width=budget.width, num_levels=LEVELS, dropout=0.0)
            model = UNet(fields, PaddedConvolutions, lost=0, skip=skip)
            _train(model, task, data, seed, clock, budget.updates, name)
        judged = task.judge(model, held_out, "cpu", clock)
        for side in (1, BLOCK):
            dice[name, side] = _dice([each.truth for each in judged], [each.predicted for each in judged], side)
            table.append(
                {
                    "network": name,
                    "parameters": parameter_counts(model)[1],
                    "block": side,
                    "Dice": round(dice[name, side], 4),
                }
            )
    gain, coarse = (dice[WITH, side] - dice[WITHOUT, side] for side in (1, BLOCK))
    return Measurement(effects={"dice_gain": gain, "finer_than_pooled": gain - coarse}, table=table)


def _train(model: UNet, task: Segment, data: ImageMasks, seed: int, clock: Clock, updates: int, name: str) -> None:
    problem = task.problem(data, seed)
    problem.check(model)
    optimizer = build_optimizer(model.parameters(), OptimizerConfig(rate=RATE))
    every_batch = (rows for epoch in itertools.count() for rows in problem.training.batches(CROPS_AT_ONCE, seed, epoch))
    for update, rows in enumerate(itertools.islice(every_batch, updates), 1):
        clock()
        if update % 50 == 0:
            clock.say(f"{name}: {update} of {updates} updates")
        optimizer.zero_grad()
        (problem.loss(model, rows, "cpu") / len(rows)).backward()
        optimizer.step()
    model.eval()


def _joined(first: MaskedImages, second: MaskedImages) -> MaskedImages:
    return MaskedImages(first.images + second.images, first.masks + second.masks, first.names + second.names)


def _dice(truths: list[NDArray[np.uint8]], predictions: list[NDArray[np.uint8]], side: int) -> float:
    """2 sum min(p, y) / (sum p + sum y), where p and y are the shares of the second class in blocks of so many pixels a side; of single
    pixels it is Dice."""
    both = total = 0.0
    for truth, predicted in zip(truths, predictions, strict=True):
        y, p = _shares(truth, side), _shares(predicted, side)
        both += float(np.minimum(p, y).sum())
        total += float(p.sum() + y.sum())
    return 2 * both / max(total, 1e-9)


def _shares(mask: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    """The share of class 1 in each block; rows and columns that fill no block are left out.

    >>> _shares(np.array([[1, 1, 0], [0, 1, 0]], np.uint8), 2).tolist()
    [[0.75]]
    """
    height, width = (length // side for length in mask.shape)
    return (mask[: height * side, : width * side] == 1).reshape(height, side, width, side).mean((1, 3))


def draw(rows: list[dict[str, Any]]) -> Figure:
    panels = []
    for side, title in ((1, "pixel by pixel"), (BLOCK, f"shares of blocks of {BLOCK} x {BLOCK} pixels")):
        shown = [row for row in rows if row["block"] == side]
        x = alt.X("network:N", sort=[WITH, WITHOUT], title=None, axis=alt.Axis(labelAngle=0))
        panels.append(mean_points(shown, x, share("Dice"), "network", [WITH, WITHOUT]).properties(title=title, width=170))
    caption = (
        "Dice of the membrane on the six sections held out, of the same network with its skips and without them, after equal training. A"
        " faint dot is a seed. How much membrane is in a block gets through the poolings; which pixels it is, far less so."
    )
    return figure_of("vgg-unet", "What the skips carry across", caption, {"rows": rows}, faceted(panels))


CLAIM = Claim(
    name="vgg-unet",
    parent="vgg",
    child="unet",
    statement="Poolings tell what is in a region and give up where it is; skips from the contracting path bring that back to every pixel.",
    korean="풀링은 어느 구역에 무엇이 있는지 알려 주지만 어디에 있는지는 버린다."
    " 수축 경로에서 건너오는 연결이 그 위치를 화소마다 되살린다.",
    source="Ronneberger et al. 2015 (1505.04597), section 1: 'high resolution features from the contracting path are combined with the"
    " upsampled output'",
    question="A padded U-Net of width 8 with the paper's four poolings learns membranes from 24 sections of 256 x 256 in 200 updates of 4"
    " crops of 96 x 96, with its skips and with the up-convolution's own output in their place, which leaves the number of weights as it"
    " is. How much higher is the Dice of the membrane on the six sections held out? And how much of that remains where only the share of"
    " membrane in blocks of 16 x 16 pixels, the places of the lowest level, is compared?",
    outcomes={
        "holds": "Skips raise Dice by a tenth or more, and clearly more so pixel by pixel than block by block.",
        "does not hold": "Without skips membranes are found nearly as well, or what is missed is missed in whole blocks.",
        "undecided": "The gain, or the difference between pixels and blocks, is near its threshold, or the seeds differ.",
    },
    effects=(
        Effect(
            name="dice_gain",
            meaning="Dice of the membrane with skips minus without, on the held-out sections, from 0 to 1",
            at_least=0.1,
            why="A tenth is plain to see in a picture; two trainings of one network differ by a few hundredths.",
        ),
        Effect(
            name="finer_than_pooled",
            meaning="that gain, minus the same gain where the shares of membrane in blocks of 16 x 16 pixels are compared",
            at_least=0.05,
            why="Were it what, and not where, that the skips bring, blocks would gain as much as pixels; a twentieth is half of the"
            " smallest gain asked for.",
        ),
    ),
    seeds=(1, 2, 3, 4, 5),
    minutes=10,
    threads=1,
    measure=measure,
    draw=draw,
)
