"""An architecture that only the tests know: one hidden layer on the pixels, small enough to train while one waits."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from torch import Tensor, nn

from gyebo import genealogy
from gyebo.genealogy import Architecture

__all__ = ["SmallConfig", "SmallNet", "small_net"]


@dataclass(frozen=True, kw_only=True)
class SmallConfig:
    num_channels: int
    num_classes: int
    image_size: int
    width: int = 12


class SmallNet(nn.Module):
    def __init__(self, config: SmallConfig) -> None:
        super().__init__()
        self.hidden = nn.Linear(config.num_channels * config.image_size**2, config.width)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(config.width, config.num_classes)

    def features(self, images: Tensor) -> Tensor:
        return self.dropout(self.hidden(images.flatten(1)).relu())

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


@pytest.fixture
def small_net(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name by which recipes and runs find it while a test lasts."""
    path, known = Path(__file__), genealogy._files()
    monkeypatch.setattr(genealogy, "_files", lambda: known | {"small-net": path})
    monkeypatch.setitem(sys.modules, f"gyebo.models.{path.parent.name}.{path.stem}", sys.modules[__name__])
    return "small-net"


ARCHITECTURE = Architecture(
    name="small-net",
    title="One hidden layer",
    year=1986,
    paper="none",
    link="https://example.org",
    task="classify",
    parents={},
    differences=("There is no paper.",),
    sizes={},
    config=SmallConfig,
    model=SmallNet,
    tiny={"num_channels": 1, "num_classes": 3, "image_size": 4},
)
