"""Sequence to sequence with deep LSTMs.  Sutskever, Vinyals, Le 2014, arXiv 1409.3215.

One stack of LSTMs reads the source backwards; its last state, (h, c) of every layer, is the whole memory. A second stack begins
there and writes the target as a language model:

    p(y_1 .. y_T | x_1 .. x_S) = prod_t p(y_t | v, y_1 .. y_{t-1})                    eq. 1, v = the encoder's last state

The source is reversed (section 3.3), so that its first words stand near the first words of the target.

| part | in the paper | here |
|---|---|---|
| layers | 4 | num_layers |
| cells, and width of word vectors | 1000, 1000 | width, embedding_width |
| vocabularies | 160,000 and 80,000 | source_vocabulary, target_vocabulary |
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.layers.recurrent import LSTM
from gyebo.layers.sequence import reverse_words
from gyebo.models.interfaces import PADDING, State


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    source_vocabulary: int
    target_vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    num_layers: int = 2
    dropout: float = 0.0


class Seq2Seq(nn.Module):
    """The translator; a `gyebo.models.interfaces.Translator`."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.embedding_width, PADDING)
        self.target_embedding = nn.Embedding(config.target_vocabulary, config.embedding_width, PADDING)
        self.dropout = Dropout(config.dropout)
        stack = {"num_layers": config.num_layers, "dropout": config.dropout}
        self.encoder = LSTM(config.embedding_width, config.width, **stack)
        self.decoder = LSTM(config.embedding_width, config.width, **stack)
        self.output = nn.Linear(config.width, config.target_vocabulary)

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        backwards = reverse_words(source, source_lengths)
        _, (hidden, cell) = self.encoder(self.dropout(self.source_embedding(backwards)), source_lengths)
        return {"hidden": hidden.transpose(0, 1), "cell": cell.transpose(0, 1)}  # (B, layers, D) each

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        summary = self.encode(source, source_lengths)
        state = (summary["hidden"].transpose(0, 1).contiguous(), summary["cell"].transpose(0, 1).contiguous())
        hidden, _ = self.decoder(self.dropout(self.target_embedding(target)), state=state)  # (B, T, D)
        return self.dropout(hidden)

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        return self.logits(self.features(source, source_lengths, target))

    def start(self, memory: State) -> State:
        return dict(memory)

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        embedded = self.dropout(self.target_embedding(tokens))  # (B, m)
        before = (state["hidden"].transpose(0, 1), state["cell"].transpose(0, 1))
        output, (hidden, cell) = self.decoder.step(embedded, before)
        return self.logits(self.dropout(output)), {"hidden": hidden.transpose(0, 1), "cell": cell.transpose(0, 1)}


ARCHITECTURE = Architecture(
    name="seq2seq",
    title="Sequence to sequence with deep LSTMs",
    year=2014,
    paper="Sutskever, Vinyals, Le: Sequence to Sequence Learning with Neural Networks",
    link="https://arxiv.org/abs/1409.3215",
    task="translate",
    parents={"lstm": "a recurrent network answers with as many symbols as it reads; a translation has a length of its own"},
    differences=(
        "Each LSTM gate has two biases, as recurrent kernels hold them; the paper's count of 384M has none.",
        "Dropout between layers and around them, off by default: small corpora over-fit without it.",
        "Weights start as torch.nn starts them, and Adam trains, instead of U(-0.08, 0.08) and SGD at 0.7 halved every half epoch.",
    ),
    sizes={
        "paper": Size(
            config={
                "source_vocabulary": 160_000,
                "target_vocabulary": 80_000,
                "embedding_width": 1000,
                "width": 1000,
                "num_layers": 4,
            },
            weights=384_000_000,
            parameters=384_144_000,
            source="section 3.4: '384M parameters of which 64M are pure recurrent connections'",
        ),
    },
    config=Seq2SeqConfig,
    model=Seq2Seq,
    tiny={"source_vocabulary": 11, "target_vocabulary": 13, "embedding_width": 6, "width": 8, "num_layers": 2},
)
