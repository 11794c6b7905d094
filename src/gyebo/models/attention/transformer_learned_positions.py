"""The Transformer that learns a vector for each position.  Vaswani et al. 2017, arXiv 1706.03762, table 3, row (E).

    x_t = sqrt(D) e(token_t) + p_t,   t < max_positions        p as in Gehring et al. 2017, arXiv 1705.03122, section 3.1

The paper found it level with the waves (25.7 and 25.8 BLEU). What it costs is a longest sentence: a source or target of more than
`max_positions` tokens is refused, and a search stops writing there. All else is `gyebo.models.attention.transformer`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gyebo.genealogy import Architecture, Size
from gyebo.layers.positions import LearnedPositions
from gyebo.models.attention.transformer import Transformer, TransformerConfig


@dataclass(frozen=True, kw_only=True)
class TransformerLearnedPositionsConfig(TransformerConfig):
    """The Transformer's options, and the longest sentence."""

    max_positions: int = 256
    """tokens that a source or a target may have, its end mark counted"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_positions < 1:
            raise ValueError(f"max_positions={self.max_positions} leaves no place for a token; 256 is room for long sentences")


def transformer_learned_positions(config: TransformerLearnedPositionsConfig) -> Transformer:
    """The model: a Transformer that adds learned vectors, a table for the source and one for the target."""
    return Transformer(config, positions=lambda: LearnedPositions(config.width, config.max_positions))


ARCHITECTURE = Architecture(
    name="transformer-learned-positions",
    title="Transformer with learned positions",
    year=2017,
    paper="Vaswani et al.: Attention Is All You Need, table 3, row (E); Gehring et al.: Convolutional Sequence to Sequence Learning",
    link="https://arxiv.org/abs/1706.03762",
    task="translate",
    variant_of="transformer",
    parents={},
    differences=(
        "All that is not the positions is as in this project's transformer, with its differences.",
        "Source and target have a table each, as in Gehring et al. 2017; the papers do not say how many positions they learn.",
        "Positions start as N(0, 1/D): Vaswani et al. do not say how they start.",
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
                "max_positions": 256,
            },
            weights=63_246_336,
            parameters=63_307_776,
            source="the paper prints no count: its base size (table 3), and two tables of 256 x 512",
        ),
    },
    config=TransformerLearnedPositionsConfig,
    model=transformer_learned_positions,
    tiny={
        "source_vocabulary": 11,
        "target_vocabulary": 13,
        "width": 12,
        "num_heads": 3,
        "num_layers": 2,
        "feed_forward_width": 10,
        "max_positions": 128,
    },
)
