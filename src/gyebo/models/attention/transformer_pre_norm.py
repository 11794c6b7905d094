"""The pre-norm Transformer: what enters a sublayer is normalised, not what leaves it.  Xiong et al. 2020, arXiv 2002.04745.

    post-norm, figure 1a     LayerNorm(x + Dropout(Sublayer(x)))
    pre-norm, figure 1b      x + Dropout(Sublayer(LayerNorm(x))), and one LayerNorm behind the last layer of each stack

Behind a post-norm layer the gradients near the output are large at the start, so training needs a warm-up of the learning rate;
behind a pre-norm layer they are not (sections 3.2 and 3.3). All else is `gyebo.models.attention.transformer`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.models.attention.transformer import Sublayer, Transformer, TransformerConfig


@dataclass(frozen=True, kw_only=True)
class TransformerPreNormConfig(TransformerConfig):
    """The Transformer's own options."""


class NormAdd(nn.Module):
    """x + Dropout(Sublayer(LayerNorm(x))).  Figure 1b."""

    norm_first = True

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(width), Dropout(dropout)

    def forward(self, sequence: Tensor, sublayer: Sublayer) -> Tensor:
        return sequence + self.dropout(sublayer(self.norm(sequence)))


def transformer_pre_norm(config: TransformerPreNormConfig) -> Transformer:
    """The model: a Transformer with other norms."""
    return Transformer(config, add_norm=NormAdd, final_norm=nn.LayerNorm)


ARCHITECTURE = Architecture(
    name="transformer-pre-norm",
    title="Transformer whose sublayers read normalised input",
    year=2020,
    paper="Xiong et al.: On Layer Normalization in the Transformer Architecture",
    link="https://arxiv.org/abs/2002.04745",
    task="translate",
    variant_of="transformer",
    parents={},
    differences=(
        "All that is not the place of the norms is as in this project's transformer, with its differences.",
        "Dropout stands behind every sublayer, as in Vaswani et al. 2017; figure 1 leaves it out.",
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
            parameters=63_047_680,
            source="the paper prints no count: the Transformer's base size (Vaswani et al. 2017, table 3), and two norms of 2 x 512",
        ),
    },
    config=TransformerPreNormConfig,
    model=transformer_pre_norm,
    tiny={
        "source_vocabulary": 11,
        "target_vocabulary": 13,
        "width": 12,
        "num_heads": 3,
        "num_layers": 2,
        "feed_forward_width": 10,
    },
)
