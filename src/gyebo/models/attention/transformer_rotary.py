"""The Transformer whose queries and keys are turned by their positions.  Su et al. 2021, arXiv 2104.09864 (RoFormer).

    f(x_m, m) = R_m W x_m         each pair of numbers (2i, 2i + 1) of a query or key turned by the angle m 10000^(-2i/K)   eq. 14-15
    f_q(x_m, m)^T f_k(x_n, n) = x_m^T W_q^T R_{n-m} W_k x_n                                                                eq. 16

What a query and a key have in common then depends on their words and their distance, and nothing is added to the embedding.
All else is `gyebo.models.attention.transformer`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.positions import RotaryPositions
from gyebo.models.attention.transformer import Transformer, TransformerConfig


@dataclass(frozen=True, kw_only=True)
class TransformerRotaryConfig(TransformerConfig):
    """The Transformer's own options; the width of a head, width / num_heads, is even."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_heads > 0 and self.width % self.num_heads == 0 and self.width // self.num_heads % 2:
            raise ValueError(
                f"width={self.width} and num_heads={self.num_heads} make heads of width {self.width // self.num_heads}, which cannot be"
                f" turned in pairs; try width={2 * self.width}"
            )


class NoPositions(nn.Module):
    """Adds nothing to the embedding: the attention itself knows where its words stand."""

    def forward(self, embedded: Tensor, first: int = 0) -> Tensor:
        return embedded


def transformer_rotary(config: TransformerRotaryConfig) -> Transformer:
    """The model: a Transformer whose self-attention turns its queries and keys."""
    return Transformer(config, positions=NoPositions, rotation=RotaryPositions())


ARCHITECTURE = Architecture(
    name="transformer-rotary",
    title="Transformer with rotary positions",
    year=2021,
    paper="Su et al.: RoFormer: Enhanced Transformer with Rotary Position Embedding",
    link="https://arxiv.org/abs/2104.09864",
    task="translate",
    variant_of="transformer",
    parents={},
    differences=(
        "All that is not the positions is as in this project's transformer, with its differences.",
        "Only self-attention turns its queries and keys: a distance between a source and a target position means nothing. The paper"
        " gives no formula for attention between two sequences.",
    ),
    sizes={
        "base": Size(
            config={
                "source_vocabulary": 37_000,
                "target_vocabulary": 37_000,
                "tied": "all",
                "width": 512,
                "num_heads": 8,
                "num_layers": 6,
                "feed_forward_width": 2048,
            },
            weights=62_984_192,
            parameters=63_045_632,
            source="the paper prints no count: the Transformer's base size (Vaswani et al. 2017, table 3); rotation has no parameters",
        ),
    },
    config=TransformerRotaryConfig,
    model=transformer_rotary,
    tiny={
        "source_vocabulary": 11,
        "target_vocabulary": 13,
        "width": 12,
        "num_heads": 3,
        "num_layers": 2,
        "feed_forward_width": 10,
    },
)
