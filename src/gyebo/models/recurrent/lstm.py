"""Long short-term memory.  Hochreiter, Schmidhuber 1997; forget gate: Gers, Schmidhuber, Cummins 2000.

    i, f, o = sigma(W x_t + U h_{t-1} + b)       input, forget and output gates, each with its own W, U, b
    g = tanh(W x_t + U h_{t-1} + b)              what may be written
    c_t = f * c_{t-1} + i * g                    the cell: a sum, through which gradients pass unchanged where f is 1
    h_t = o * tanh(c_t)

The equations stand in `gyebo.layers.steps.lstm_step`, the layer (stacked, in both directions, over padded batches, on torch's fused
kernel) in `gyebo.layers.recurrent.LSTM`. As in later work the model predicts the next token.
"""

from __future__ import annotations

from dataclasses import dataclass

from gyebo.genealogy import Architecture, Size
from gyebo.layers.language_model import RecurrentLanguageModel
from gyebo.layers.recurrent import LSTM
from gyebo.models.interfaces import PADDING


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:
    vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    num_layers: int = 1
    dropout: float = 0.0


def language_model(config: LSTMConfig) -> RecurrentLanguageModel:
    """The model: next-token prediction with LSTM layers."""
    recurrent = LSTM(config.embedding_width, config.width, num_layers=config.num_layers, dropout=config.dropout)
    return RecurrentLanguageModel(config.vocabulary, config.embedding_width, recurrent, config.dropout, PADDING)


ARCHITECTURE = Architecture(
    name="lstm",
    title="Long short-term memory",
    year=1997,
    paper="Hochreiter, Schmidhuber: Long Short-Term Memory; Gers, Schmidhuber, Cummins: Learning to Forget (2000)",
    link="https://doi.org/10.1162/neco.1997.9.8.1735",
    parents={"rnn": "the gradient through a chain of tanh layers vanishes: nothing far back can be learned"},
    differences=(
        "The forget gate of 2000 is there; in 1997 the cell never forgot.",
        "No peepholes: the gates do not see the cell.",
        "Squashing is tanh; in 1997 it was scaled logistics in [-2, 2] and [-1, 1].",
        "Gradients flow back through everything; in 1997 they were cut at the gates.",
        "Two biases a gate, as recurrent kernels hold them.",
    ),
    sizes={
        "zaremba-medium": Size(
            config={"vocabulary": 10_000, "embedding_width": 650, "width": 650, "num_layers": 2},
            weights=19_760_000,
            parameters=19_780_400,
            source="Zaremba et al. 2014, arXiv 1409.2329, 'medium' Penn Treebank model; quoted as 20M",
        ),
        "zaremba-large": Size(
            config={"vocabulary": 10_000, "embedding_width": 1500, "width": 1500, "num_layers": 2},
            weights=66_000_000,
            parameters=66_034_000,
            source="Zaremba et al. 2014, arXiv 1409.2329, 'large' Penn Treebank model; quoted as 66M",
        ),
    },
    task="language",
    config=LSTMConfig,
    model=language_model,
    tiny={"vocabulary": 13, "embedding_width": 6, "width": 8, "num_layers": 2},
)
