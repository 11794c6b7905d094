"""DenseNet: every layer reads all earlier ones.  Huang, Liu, van der Maaten, Weinberger 2016, arXiv 1608.06993.

A ResNet adds up what its layers find, so a later layer gets the sum alone; here the maps stay, side by side, and each layer adds k:

    x_l = H_l([x_0, x_1, ..., x_{l-1}])                              eq. 2

This is DenseNet-BC: H narrows to 4k maps by a 1x1 before its 3x3 (B), and transitions keep half of the maps (C).  Table 1:

| part | side | 121 | 169 | 201 | 264 |
|---|---|---|---|---|---|
| 7x7/2 to 2k maps, pool 3x3/2 | 56 | | | | |
| dense block 1, transition | 56, 28 | 6 layers | 6 | 6 | 6 |
| dense block 2, transition | 28, 14 | 12 | 12 | 12 | 12 |
| dense block 3, transition | 14, 7 | 24 | 32 | 48 | 64 |
| dense block 4 | 7 | 16 | 32 | 32 | 48 |
| mean of each map, linear layer, softmax | 1 | | | | |
"""

from __future__ import annotations

from dataclasses import dataclass

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dense import check_dense, dense_stages, pooled
from gyebo.layers.initialization import start_as_he
from gyebo.layers.stages import StagedClassifier, image_stem, stem_side
from gyebo.layers.windows import refuse_small_images


@dataclass(frozen=True, kw_only=True)
class DenseNetConfig:
    num_channels: int
    num_classes: int
    image_size: int
    growth_rate: int = 32  # k
    depths: tuple[int, ...] = (6, 12, 24, 16)  # layers in each block: those of DenseNet-121
    compression: float = 0.5  # theta
    stem_kernel: int = 7
    stem_stride: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_dense(self.growth_rate, self.depths, self.compression)
        refuse_small_images(
            self.image_size, self.last_side, "its transitions; stem_stride=1 leaves twice as much, fewer depths too"
        )

    def last_side(self, image_size: int) -> int:
        """The side of the maps that are averaged."""
        return pooled(stem_side(image_size, self.stem_kernel, self.stem_stride), len(self.depths) - 1)


def densenet(config: DenseNetConfig) -> StagedClassifier:
    """The model."""
    channels = 2 * config.growth_rate
    stem = image_stem(config.num_channels, channels, config.stem_kernel, config.stem_stride)
    blocks, width = dense_stages(
        channels,
        config.growth_rate,
        config.depths,
        bottleneck=True,
        compression=config.compression,
        dropout=config.dropout,
    )
    model = StagedClassifier(stem, blocks, width, config.num_classes)
    start_as_he(model)
    return model


ARCHITECTURE = Architecture(
    name="densenet",
    title="DenseNet: each layer reads the maps of all earlier ones",
    year=2016,
    paper="Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks",
    link="https://arxiv.org/abs/1608.06993",
    task="classify",
    parents={"resnet": "a sum blurs what each layer found, so later layers spend parameters on finding it again"},
    differences=(
        "Batch normalisation and ReLU stand behind the first convolution too, before the pool, and ReLU before the convolution of a"
        " transition, as in the authors' code and in torchvision; table 1 and section 3 do not show them.",
        "The window and the stride of the first convolution are options: of an image of 28x28 the paper's stem and transitions leave"
        " nothing.",
        "A transition keeps the whole part of theta m maps, as the paper says; theta is an option, 0.5 in all its networks of table 1.",
        "Dropout is there behind every convolution but the first, off by default: the paper has it on small data without augmentation.",
        "Nothing is computed twice to save memory, which grows with the square of the depth.",
    ),
    sizes={
        "121": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224},
            weights=7_894_208,
            parameters=7_978_856,
            multiply_adds=2_834_161_664,
            source="table 1; torchvision's densenet121",
        ),
        "169": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (6, 12, 32, 32)},
            weights=13_990_080,
            parameters=14_149_480,
            multiply_adds=3_359_843_328,
            source="table 1; torchvision's densenet169",
        ),
        "201": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (6, 12, 48, 32)},
            weights=19_783_872,
            parameters=20_013_928,
            multiply_adds=4_291_365_888,
            source="table 1; torchvision's densenet201",
        ),
        "264": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "depths": (6, 12, 64, 48)},
            weights=32_938_176,
            parameters=33_337_704,
            multiply_adds=5_751_653_376,
            source="table 1; the paper prints no count, this is the sum over its layers",
        ),
        "161": Size(
            config={"num_channels": 3, "num_classes": 1000, "image_size": 224, "growth_rate": 48, "depths": (6, 12, 36, 24)},
            weights=28_460_064,
            parameters=28_681_000,
            multiply_adds=7_727_907_072,
            source="k = 48: the authors' widest trained network, torchvision's densenet161",
        ),
    },
    config=DenseNetConfig,
    model=densenet,
    tiny={
        "num_channels": 2,
        "num_classes": 5,
        "image_size": 12,
        "growth_rate": 3,
        "depths": (1, 2, 1),
        "stem_kernel": 5,
        "stem_stride": 1,
    },
)
