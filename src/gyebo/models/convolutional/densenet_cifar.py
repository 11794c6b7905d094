"""DenseNets for images of 32x32.  Huang, Liu, van der Maaten, Weinberger 2016, arXiv 1608.06993, section 3, implementation details.

    3x3;  dense block, side 32;  transition;  dense block, side 16;  transition;  dense block, side 8;  mean of each map, linear layer

L weighted layers in all, equally many in each block: (L - 4) / 3, or half as many where each has two convolutions.  The first
convolution has 16 maps, in DenseNet-BC 2k.  Table 2:

| network | L | k | bottleneck | compression |
|---|---|---|---|---|
| DenseNet | 40, 100 | 12, 12 and 24 | no | 1 |
| DenseNet-BC | 100, 250, 190 | 12, 24, 40 | yes | 0.5 |
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dense import check_dense, dense_stages, pooled
from gyebo.layers.initialization import start_as_he
from gyebo.layers.stages import StagedClassifier
from gyebo.layers.windows import refuse_small_images

BLOCKS = 3


@dataclass(frozen=True, kw_only=True)
class DenseNetCifarConfig:
    num_channels: int
    num_classes: int
    image_size: int
    depth: int = 40  # L
    growth_rate: int = 12  # k
    bottleneck: bool = False
    compression: float = 1.0  # theta
    dropout: float = 0.0  # 0.2 in the paper where images are not augmented

    def __post_init__(self) -> None:
        per_layer = BLOCKS * (2 if self.bottleneck else 1)
        if self.depth < 4 + per_layer or (self.depth - 4) % per_layer:
            nearest = max(4 + per_layer, self.depth - (self.depth - 4) % per_layer)
            raise ValueError(
                f"depth={self.depth} is not {per_layer}n + 4 layers, three blocks of n layers"
                f"{' of two convolutions' if self.bottleneck else ''}, two transitions, the first and the last; try {nearest} or"
                f" {nearest + per_layer}"
            )
        check_dense(self.growth_rate, self.depths, self.compression)
        refuse_small_images(self.image_size, lambda size: pooled(size, BLOCKS - 1), "its transitions")

    @property
    def depths(self) -> tuple[int, ...]:
        """Layers in each block."""
        return ((self.depth - 4) // (BLOCKS * (2 if self.bottleneck else 1)),) * BLOCKS

    @property
    def stem_width(self) -> int:
        """Maps of the first convolution."""
        return 2 * self.growth_rate if self.bottleneck and self.compression < 1 else 16


def densenet_cifar(config: DenseNetCifarConfig) -> StagedClassifier:
    """The model."""
    blocks, width = dense_stages(
        config.stem_width,
        config.growth_rate,
        config.depths,
        bottleneck=config.bottleneck,
        compression=config.compression,
        dropout=config.dropout,
    )
    stem = nn.Conv2d(config.num_channels, config.stem_width, 3, padding=1, bias=False)
    model = StagedClassifier(stem, blocks, width, config.num_classes)
    start_as_he(model)
    return model


ARCHITECTURE = Architecture(
    name="densenet-cifar",
    title="DenseNet for small images",
    year=2016,
    paper="Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks",
    link="https://arxiv.org/abs/1608.06993",
    task="classify",
    variant_of="densenet",
    parents={},
    differences=(
        "ReLU stands before the convolution of a transition, as in the authors' code; section 3 does not name it.",
        "Dropout is off by default, as the paper has it where images are augmented; it has 0.2 where they are not.",
    ),
    sizes={
        "40, k=12": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 40, "growth_rate": 12},
            weights=1_001_616,
            parameters=1_019_722,
            multiply_adds=264_812_928,
            source="table 2: 1.0 million",
        ),
        "100, k=12": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 100, "growth_rate": 12},
            weights=6_862_416,
            parameters=6_979_642,
            multiply_adds=1_769_516_448,
            source="table 2: 7.0 million",
        ),
        "100, k=24": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 100, "growth_rate": 24},
            weights=27_017_808,
            parameters=27_249_082,
            multiply_adds=6_889_347_744,
            source="table 2: 27.2 million",
        ),
        "BC 100, k=12": Size(
            config={
                "num_channels": 3,
                "num_classes": 10,
                "image_size": 32,
                "depth": 100,
                "growth_rate": 12,
                "bottleneck": True,
                "compression": 0.5,
            },
            weights=745_164,
            parameters=769_162,
            multiply_adds=287_929_692,
            source="table 2: 0.8 million",
        ),
        "BC 250, k=24": Size(
            config={
                "num_channels": 3,
                "num_classes": 10,
                "image_size": 32,
                "depth": 250,
                "growth_rate": 24,
                "bottleneck": True,
                "compression": 0.5,
            },
            weights=15_066_420,
            parameters=15_324_406,
            multiply_adds=5_418_785_724,
            source="table 2: 15.3 million",
        ),
        "BC 190, k=40": Size(
            config={
                "num_channels": 3,
                "num_classes": 10,
                "image_size": 32,
                "depth": 190,
                "growth_rate": 40,
                "bottleneck": True,
                "compression": 0.5,
            },
            weights=25_367_460,
            parameters=25_624_430,
            multiply_adds=9_301_945_740,
            source="table 2: 25.6 million",
        ),
    },
    config=DenseNetCifarConfig,
    model=densenet_cifar,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 8,
        "depth": 10,
        "growth_rate": 6,
        "bottleneck": True,
        "compression": 0.5,
    },
)
