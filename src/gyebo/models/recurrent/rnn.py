"""The simple recurrent network.  Elman 1990, "Finding Structure in Time", Cognitive Science 14.

    h_t = tanh(W x_t + U h_{t-1} + b)            the hidden layer sees the input and a copy of itself one step before
    p(x_{t+1}) = softmax(V h_t)

Elman trained it, as here, to predict the next symbol. The equations stand in `gyebo.layers.steps.rnn_step`, the layer (stacked, in
both directions, over padded batches) in `gyebo.layers.recurrent.RNN`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gyebo.genealogy import Architecture, Size
from gyebo.layers.language_model import RecurrentLanguageModel
from gyebo.layers.recurrent import RNN
from gyebo.models.interfaces import PADDING


@dataclass(frozen=True, kw_only=True)
class RNNConfig:
    vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    num_layers: int = 1
    dropout: float = 0.0


def language_model(config: RNNConfig) -> RecurrentLanguageModel:
    """The model: next-token prediction with a simple recurrent layer."""
    recurrent = RNN(config.embedding_width, config.width, num_layers=config.num_layers, dropout=config.dropout)
    return RecurrentLanguageModel(config.vocabulary, config.embedding_width, recurrent, config.dropout, PADDING)


ARCHITECTURE = Architecture(
    name="rnn",
    title="Simple recurrent network",
    year=1990,
    paper="Elman: Finding Structure in Time",
    link="https://doi.org/10.1207/s15516709cog1402_1",
    parents={},
    differences=(
        "Hidden units are tanh instead of logistic, as in later work: the state is centred on zero.",
        "Words enter as learned vectors; Elman's entered as one bit a word, which is the same map with one matrix instead of two.",
        "Gradients flow back through the whole sentence (Werbos 1990); Elman's stopped after one step.",
        "Two biases a layer, as recurrent kernels hold them.",
    ),
    sizes={
        "200": Size(
            config={"vocabulary": 10_000, "embedding_width": 200, "width": 200, "num_layers": 1},
            weights=4_080_000,
            parameters=4_090_400,
            source="D (I + D) + D a layer, and word matrices of 10,000 words; the paper's own networks have one-bit words",
        ),
    },
    task="language",
    config=RNNConfig,
    model=language_model,
    tiny={"vocabulary": 13, "embedding_width": 6, "width": 8, "num_layers": 2},
)
