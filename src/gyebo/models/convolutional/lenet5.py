"""LeNet-5, as it was in 1998.  LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE 86(11), sections II-B and II-C.

| layer | maps | side | trainable | what it computes |
|---|---|---|---|---|
| input | 1 | 32 | | the image of 28 x 28, with an edge of background |
| C1 | 6 | 28 | 156 | convolution 5 x 5 |
| S2 | 6 | 14 | 12 | the sum of each 2 x 2, times a coefficient, plus a bias |
| C3 | 16 | 10 | 1,516 | convolution 5 x 5, each map of the S2 maps that `CONNECTIONS` names (table I) |
| S4 | 16 | 5 | 32 | as S2 |
| C5 | 120 | 1 | 48,120 | convolution 5 x 5 of all maps |
| F6 | 84 | | 10,164 | affine |
| output | 10 | | | distance to a fixed code: y_i = sum_j (x_j - w_ij)^2, w_ij = +1 or -1   eq. 7 |

Up to F6, a unit's sum a becomes A tanh(S a), with A = 1.7159 and S = 2/3 (eq. 6, appendix A). A code is the bitmap of its character,
7 x 12. Training minimises, summed over the images, the distance to the right code and what pushes the wrong ones away:

    E = y_D + log(e^-j + sum_i e^-y_i)                                    eq. 9

The constant j is the distance of a class for rubbish: codes that are farther than it are not pushed further.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.genealogy import Architecture, Size
from gyebo.layers.convolution import Frame, Window, sizes_through
from gyebo.layers.pooling import TrainablePooling

FRAMED, SMALLEST = 32, 28
WINDOWS = (Window(5), Window(2, stride=2), Window(5), Window(2, stride=2))
AMPLITUDE, SLOPE = 1.7159, 2 / 3  # A, S: so that f(1) = 1 and f(-1) = -1
CODE_WIDTH = 7 * 12
CONNECTIONS = (
    *(tuple(sorted((first + step) % 6 for step in range(3))) for first in range(6)),  # three maps next to each other, 0 beside 5
    *(tuple(sorted((first + step) % 6 for step in range(4))) for first in range(6)),  # four next to each other
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),  # four that are not
    (0, 1, 2, 3, 4, 5),
)
"""table I: the S2 maps that each C3 map sees"""
DIGITS = """
..###.. ...#... .#####. .#####. .....#. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# #.....# ....##. #...... .#..... ......# #.....# #.....#
#.....# .#.#... ......# ......# ...#.#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....#. ......# .#...#. ######. #.####. ....#.. #.....# #.....#
#.....# ...#... ....#.. ..####. #....#. ......# ##....# ....#.. .#####. #....##
#.....# ...#... ...#... ......# ####### ......# #.....# ...#... #.....# .####.#
#.....# ...#... ..#.... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... #.....# .....#. #.....# #.....# ..#.... #.....# .....#.
..###.. .#####. ####### .#####. .....#. .#####. .#####. ..#.... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""


@dataclass(frozen=True, kw_only=True)
class LeNet5Config:
    num_channels: int
    num_classes: int
    image_size: int
    background: float = -0.1  # of the edge; of a task that standardises, what it makes of an empty pixel
    rubbish: float = 10.0  # j

    def __post_init__(self) -> None:
        if self.rubbish <= 0:
            raise ValueError(f"rubbish={self.rubbish:g} is no distance; give a number above 0, such as 10.")


def squash(sums: Tensor) -> Tensor:
    """A tanh(S a).  Eq. 6.

    >>> squash(torch.tensor([0.0, 1.0, -1.0]))
    tensor([ 0.0000,  1.0000, -1.0000])
    """
    return AMPLITUDE * torch.tanh(SLOPE * sums)


def check_size(image_size: int) -> None:
    """Raises ValueError for images smaller than those that the paper puts into its frame."""
    if image_size < SMALLEST:
        raise ValueError(
            f"image_size={image_size} is too small: LeNet-5 reads images of 28 x 28 in a frame of 32 x 32. The smallest that works is"
            f" {SMALLEST}; let the task scale the images."
        )


def class_codes(num_classes: int) -> Tensor:
    """w of eq. 7, (classes, 84): the bitmaps of the ten digits; for another number of classes, signs drawn once for all.

    >>> codes = class_codes(10).reshape(10, 12, 7)
    >>> "".join("#" if pixel > 0 else "." for pixel in codes[4, 6])
    '#######'
    """
    if num_classes == 10:
        rows = [line.split() for line in DIGITS.split("\n") if line]
        signs = [[1.0 if pixel == "#" else -1.0 for row in rows for pixel in row[digit]] for digit in range(10)]
    else:
        draws = random.Random(1998)
        signs = [[draws.choice((-1.0, 1.0)) for _ in range(CODE_WIDTH)] for _ in range(num_classes)]
    return torch.tensor(signs)


def start_(parameter: Tensor, fan_in: Tensor | float) -> None:
    """Uniform in +-2.4 / F, F the inputs of a unit.  Appendix A."""
    with torch.no_grad():
        parameter.uniform_(-2.4, 2.4).div_(fan_in)


class PartialConvolution(nn.Module):
    """A convolution in which each map sees some of the maps below: C3."""

    above: Tensor
    below: Tensor

    def __init__(self, connections: tuple[tuple[int, ...], ...], side: int) -> None:
        super().__init__()
        pairs = [(above, below) for above, seen in enumerate(connections) for below in seen]
        self.shape = (len(connections), 1 + max(below for _, below in pairs), side, side)
        self.kernels = nn.Parameter(torch.empty(len(pairs), side, side))
        self.bias = nn.Parameter(torch.empty(len(connections)))
        self.register_buffer("above", torch.tensor([above for above, _ in pairs]), persistent=False)
        self.register_buffer("below", torch.tensor([below for _, below in pairs]), persistent=False)
        fan_in = torch.tensor([float(len(seen) * side**2) for seen in connections])
        start_(self.kernels, fan_in[self.above][:, None, None])
        start_(self.bias, fan_in)

    def forward(self, maps: Tensor) -> Tensor:
        """Kernels of pairs that are not connected are 0: (B, 6, H, W) -> (B, 16, H - 4, W - 4)"""
        weight = self.kernels.new_zeros(self.shape).index_put((self.above, self.below), self.kernels)
        return F.conv2d(maps, weight, self.bias)


class LeNet5(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier` with a loss of its own."""

    codes: Tensor

    def __init__(self, config: LeNet5Config) -> None:
        super().__init__()
        check_size(config.image_size)
        self.frame = Frame(config.image_size, FRAMED, config.background)
        *_, side = sizes_through(WINDOWS, self.frame.framed_size)
        self.c1 = nn.Conv2d(config.num_channels, 6, 5)
        self.s2 = TrainablePooling(6)
        self.c3 = PartialConvolution(CONNECTIONS, 5)
        self.s4 = TrainablePooling(16)
        self.c5 = nn.Conv2d(16, 120, side)
        self.f6 = nn.Linear(120, CODE_WIDTH)
        self.register_buffer("codes", class_codes(config.num_classes), persistent=False)
        self.rubbish = config.rubbish
        for layer, fan_in in (
            (self.c1, 25 * config.num_channels),
            (self.s2, 4),
            (self.s4, 4),
            (self.c5, 16 * side**2),
            (self.f6, 120),
        ):
            for parameter in layer.parameters():
                start_(parameter, fan_in)

    def features(self, images: Tensor) -> Tensor:
        maps = self.frame(images)  # (B, C, 32, 32)
        maps = squash(self.c1(maps))  # (B, 6, 28, 28)
        maps = squash(self.s2(maps))  # (B, 6, 14, 14)
        maps = squash(self.c3(maps))  # (B, 16, 10, 10)
        maps = squash(self.s4(maps))  # (B, 16, 5, 5)
        maps = squash(self.c5(maps))  # (B, 120, 1, 1)
        return squash(self.f6(maps.flatten(1)))  # (B, 84)

    def logits(self, features: Tensor) -> Tensor:
        """-y of eq. 7, (B, classes): their softmax is the probability of each class, rubbish left out."""
        return -(features[:, None] - self.codes).square().sum(-1)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))

    def training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Eq. 9, summed over the images."""
        logits = self(images)
        right = logits.gather(1, labels[:, None]).squeeze(1)  # -y_D
        rubbish = torch.full_like(logits[:, :1], -self.rubbish)
        return (torch.cat([rubbish, logits], 1).logsumexp(1) - right).sum()


ARCHITECTURE = Architecture(
    name="lenet5",
    title="LeNet-5",
    year=1998,
    paper="LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition",
    link="https://doi.org/10.1109/5.726791",
    task="classify",
    parents={"mlp": "a weight for each pixel and unit: too many, none of them shared, and a shifted image is another image"},
    differences=(
        "The bitmaps of the ten digits are drawn here, in the 7 x 12 pixels of the paper's figure 3, which prints them as a picture.",
        "For another number of classes than ten, codes are 84 signs drawn at random, as section II-B considers and finds less apt where"
        " classes look alike; they are the same in every run.",
        "The paper does not give j of eq. 9: here it is 10, about a third of the squared distance between the nearest two digits.",
        "Pixels are standardised by the task, where the paper makes background -0.1 and ink 1.175; `background` fills the edge.",
        "Gradients are those of the whole of eq. 9, for any optimizer; the paper used stochastic diagonal Levenberg-Marquardt.",
        "Images may have several channels, all of which C1 sees, and other sizes: C5's window is as large as S4's maps.",
    ),
    sizes={
        "paper": Size(
            config={"num_channels": 1, "num_classes": 10, "image_size": 32},
            weights=59_730,
            parameters=60_000,
            multiply_adds=415_680,
            source="section II-B: '340,908 connections, but only 60,000 trainable free parameters because of the weight sharing'",
        ),
    },
    config=LeNet5Config,
    model=LeNet5,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 28},
)
