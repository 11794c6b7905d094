"""The gated recurrent unit.  Cho et al. 2014, arXiv 1406.1078, section 2.3.

    r = sigma(W_r x_t + U_r h_{t-1})             eq. 5, reset gate: how much of the past enters the candidate
    z = sigma(W_z x_t + U_z h_{t-1})             eq. 6, update gate: how much of the past is kept
    n = tanh(W x_t + U (r * h_{t-1}))            eq. 8, candidate
    h_t = z * h_{t-1} + (1 - z) * n              eq. 7

The reset gate works before the product with U, as in the paper's final version; `gyebo.layers.recurrent.ResetAfterGRU` is the
variant of its first version and of torch and cuDNN. The equations stand in `gyebo.layers.steps`. As in Chung et al. 2014 (arXiv
1412.3555) the model predicts what comes next.
"""

from __future__ import annotations

from dataclasses import dataclass

from gyebo.genealogy import Architecture, Size
from gyebo.layers.language_model import RecurrentLanguageModel
from gyebo.layers.recurrent import GRU
from gyebo.models.interfaces import PADDING


@dataclass(frozen=True, kw_only=True)
class GRUConfig:
    vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    num_layers: int = 1
    dropout: float = 0.0


def language_model(config: GRUConfig) -> RecurrentLanguageModel:
    """The model: next-token prediction with gated recurrent units."""
    recurrent = GRU(config.embedding_width, config.width, num_layers=config.num_layers, dropout=config.dropout)
    return RecurrentLanguageModel(config.vocabulary, config.embedding_width, recurrent, config.dropout, PADDING)


ARCHITECTURE = Architecture(
    name="gru",
    title="Gated recurrent unit",
    year=2014,
    paper="Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder, section 2.3; Chung et al.: Empirical Evaluation"
    " of Gated Recurrent Neural Networks on Sequence Modeling",
    link="https://arxiv.org/abs/1406.1078",
    parents={"lstm": "three gates and a separate cell: more parameters and more state than the task may need"},
    differences=(
        "Two biases a gate, as recurrent kernels hold them; the paper's formulas leave biases out.",
        "A network of its own that predicts the next token; the paper's unit lives in an encoder-decoder.",
    ),
    sizes={
        "medium": Size(
            config={"vocabulary": 10_000, "embedding_width": 650, "width": 650, "num_layers": 2},
            weights=18_070_000,
            parameters=18_087_800,
            source="three quarters of the LSTM of Zaremba et al. 2014, 'medium', in its recurrent part",
        ),
    },
    task="language",
    config=GRUConfig,
    model=language_model,
    tiny={"vocabulary": 13, "embedding_width": 6, "width": 8, "num_layers": 2},
)
