"""Plain networks for images of 32x32.  He et al. 2015, arXiv 1512.03385, section 4.2.

    3x3, 16 maps;  2n layers of 16 maps, side 32;  2n of 32, side 16;  2n of 64, side 8;  mean of each map, linear layer, softmax

6n + 2 weighted layers in all: the paper has 20, 32, 44, 56 (n = 3, 5, 7, 9).  Layers stand in blocks of two, y = relu(F(x)), as in
`gyebo.models.convolutional.plain`; `gyebo.models.convolutional.resnet_cifar` has the same blocks with x added to F(x).
"""

from __future__ import annotations

from dataclasses import dataclass

from gyebo.genealogy import Architecture, Size
from gyebo.layers.initialization import start_as_he
from gyebo.layers.stages import Block, StagedClassifier, check_stages, halved, small_stem, stages
from gyebo.layers.windows import refuse_small_images
from gyebo.models.convolutional.plain import plain_block


@dataclass(frozen=True, kw_only=True)
class PlainCifarConfig:
    num_channels: int
    num_classes: int
    image_size: int
    depth: int = 20  # 6n + 2
    widths: tuple[int, int, int] = (16, 32, 64)  # of the stages

    def __post_init__(self) -> None:
        if self.depth < 8 or (self.depth - 2) % 6:
            nearest = max(8, self.depth - (self.depth - 2) % 6)
            raise ValueError(
                f"depth={self.depth} is not 6n + 2 layers, three stages of n blocks of two; try {nearest} or {nearest + 6}"
            )
        check_stages(self.widths, self.depths)
        refuse_small_images(self.image_size, lambda size: halved(size, 2), "its stages")

    @property
    def depths(self) -> tuple[int, int, int]:
        """n blocks in each stage."""
        number = (self.depth - 2) // 6
        return number, number, number


def cifar_network(config: PlainCifarConfig, block: Block) -> StagedClassifier:
    """The network of these blocks, at its start."""
    stem = small_stem(config.num_channels, config.widths[0])
    stack = stages(config.widths[0], config.widths, config.depths, block)
    model = StagedClassifier(stem, stack, config.widths[-1], config.num_classes)
    start_as_he(model)
    return model


def plain_cifar(config: PlainCifarConfig) -> StagedClassifier:
    """The model."""
    return cifar_network(config, plain_block)


ARCHITECTURE = Architecture(
    name="plain-cifar",
    title="Plain network for small images, 6n + 2 layers deep",
    year=2015,
    paper="He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition",
    link="https://arxiv.org/abs/1512.03385",
    task="classify",
    variant_of="plain",
    parents={},
    differences=("Batch normalisation has torch's constants, epsilon 1e-5 and a momentum of 0.1: the paper gives none.",),
    sizes={
        "20": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 20},
            weights=268_336,
            parameters=269_722,
            multiply_adds=40_551_040,
            source="section 4.2: as many as the residual network, table 6: 0.27 million",
        ),
        "32": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 32},
            weights=461_872,
            parameters=464_154,
            multiply_adds=68_862_592,
            source="section 4.2: as many as the residual network, table 6: 0.46 million",
        ),
        "44": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 44},
            weights=655_408,
            parameters=658_586,
            multiply_adds=97_174_144,
            source="section 4.2: as many as the residual network, table 6: 0.66 million",
        ),
        "56": Size(
            config={"num_channels": 3, "num_classes": 10, "image_size": 32, "depth": 56},
            weights=848_944,
            parameters=853_018,
            multiply_adds=125_485_696,
            source="section 4.2: as many as the residual network, table 6: 0.85 million",
        ),
    },
    config=PlainCifarConfig,
    model=plain_cifar,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 8, "depth": 8, "widths": (4, 6, 7)},
)
