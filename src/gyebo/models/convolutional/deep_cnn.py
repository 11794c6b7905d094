"""The deep convolutional network of a textbook: small windows, six layers of them.

Saito 2016, "Deep Learning from Scratch", chapter 8 (O'Reilly Japan; ch08/deep_convnet.py of its repository).

| layers | maps | sides for 28 x 28 |
|---|---|---|
| conv 3x3, ReLU, conv 3x3, ReLU, max pool | 16, 16 | 28, 28, 14 |
| conv 3x3, ReLU, conv 3x3 with a padding of 2, ReLU, max pool | 32, 32 | 14, 16, 8 |
| conv 3x3, ReLU, conv 3x3, ReLU, max pool | 64, 64 | 8, 8, 4 |
| affine, ReLU, dropout | 50 | |
| affine, dropout, softmax | 10 | |

The fourth convolution pads by 2, so that its maps can be halved twice more; dropout comes once more behind the last affine map.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.genealogy import Architecture, Size
from gyebo.layers.convolution import Window, sizes_through
from gyebo.layers.dropout import Dropout
from gyebo.layers.initialization import start_as_he

PADDINGS = (1, 1, 1, 2, 1, 1)
POOL = Window(2, stride=2)


@dataclass(frozen=True, kw_only=True)
class DeepCNNConfig:
    num_channels: int
    num_classes: int
    image_size: int
    first_width: int = 16  # maps of the first two convolutions
    second_width: int = 32
    third_width: int = 64
    hidden_width: int = 50
    dropout: float = 0.5


def windows() -> list[Window]:
    """Convolution, convolution, pooling, three times."""
    convolutions = [Window(3, padding=padding) for padding in PADDINGS]
    return [window for pair in range(0, 6, 2) for window in (*convolutions[pair : pair + 2], POOL)]


class DeepCNN(nn.Module):
    """The classifier; a `gyebo.models.interfaces.ImageClassifier`.  Raises ValueError for images that cannot be halved three times."""

    def __init__(self, config: DeepCNNConfig) -> None:
        super().__init__()
        *_, side = sizes_through(windows(), config.image_size)
        first, second, third = config.first_width, config.second_width, config.third_width
        widths = (config.num_channels, first, first, second, second, third, third)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(widths[layer], widths[layer + 1], 3, padding=padding) for layer, padding in enumerate(PADDINGS)
        )
        self.hidden = nn.Linear(third * side**2, config.hidden_width)
        self.output = nn.Linear(config.hidden_width, config.num_classes)
        self.dropout = Dropout(config.dropout)
        start_as_he(self)

    def features(self, images: Tensor) -> Tensor:
        maps = images  # (B, C, H, W)
        for number, convolution in enumerate(self.convolutions):
            maps = F.relu(convolution(maps))
            if number % 2:
                maps = F.max_pool2d(maps, 2)  # (B, width, H/2, W/2)
        return self.dropout(F.relu(self.hidden(maps.flatten(1))))  # (B, hidden width)

    def logits(self, features: Tensor) -> Tensor:
        return self.dropout(self.output(features))  # (B, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


ARCHITECTURE = Architecture(
    name="deep-cnn",
    title="Deep convolutional network of small windows",
    year=2016,
    paper="Saito: Deep Learning from Scratch, chapter 8",
    link="https://github.com/oreilly-japan/deep-learning-from-scratch",
    task="classify",
    parents={"lenet5": "two convolutions with squashing units see simple parts only; more of them with ReLU can be trained"},
    differences=(
        "Dropout divides by the probability of staying while training; the book multiplies by it when testing. Both are the same function"
        " of weights that differ by that factor.",
        "Pixels are standardised by the task; the book divides them by 255.",
    ),
    sizes={
        "book": Size(
            config={"num_channels": 1, "num_classes": 10, "image_size": 28},
            weights=123_268,
            parameters=123_552,
            multiply_adds=8_772_340,
            source="the book's layer table for 28 x 28 digits; it prints no count, this is the sum over its matrices",
        ),
    },
    config=DeepCNNConfig,
    model=DeepCNN,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 10,
        "first_width": 3,
        "second_width": 4,
        "third_width": 6,
        "hidden_width": 7,
        "dropout": 0.0,
    },
)
