"""The RNN encoder-decoder.  Cho et al. 2014, arXiv 1406.1078: the network that brought the gated recurrent unit.

One GRU reads the source into a single vector c; a second one writes the target, and sees c at every step (appendix A.1):

    c = tanh(V h_S)
    h'_0 = tanh(V' c)
    z = sigma(W'_z e(y_{t-1}) + U'_z h' + C_z c),  r = sigma(W'_r e(y_{t-1}) + U'_r h' + C_r c)
    candidate = tanh(W' e(y_{t-1}) + r * (U' h' + C c))
    h'_t = z * h'_{t-1} + (1 - z) * candidate
    s_t = maxout(O_h h'_t + O_y y_{t-1} + O_c c),  p(y_t) ~ exp(G_l G_r s_t)

The encoder resets before its product, U (r * h) as in eq. 8; the decoder after it, r * (U' h' + C c): both are the paper's.

| part | in the paper | here |
|---|---|---|
| rank of the word matrices, at input and output | 100 | embedding_width |
| hidden units | 1000 | width |
| maxout layer | 500, pooling pairs | readout_width |
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.layers.maxout import maxout
from gyebo.layers.recurrent import GRU
from gyebo.layers.scans import gru_scan_reset_after
from gyebo.layers.sequence import per_hypothesis
from gyebo.layers.steps import gru_step_reset_after
from gyebo.layers.unrolled import Gates, gru_gates_reset_after, unroll_scan
from gyebo.models.interfaces import PADDING, State


@dataclass(frozen=True, kw_only=True)
class RNNEncoderDecoderConfig:
    source_vocabulary: int
    target_vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    readout_width: int = 256
    dropout: float = 0.0


class ContextDecoder(nn.Module):
    """The decoder's recurrence, with the summary c in every gate."""

    def __init__(self, config: RNNEncoderDecoderConfig) -> None:
        super().__init__()
        self.width = config.width
        self.word = nn.Linear(config.embedding_width, 3 * config.width)  # W'_r, W'_z, W'
        self.summary = nn.Linear(config.width, 3 * config.width)  # C_r, C_z, C
        self.recurrent = nn.Linear(config.width, 3 * config.width, bias=False)  # U'_r, U'_z, U'

    def forward(self, words: Tensor, hidden: Tensor, summary: Tensor) -> Tensor:
        """words (B, T, 3D) = self.word(e(y)), hidden h'_0 (B, D), summary (B, 3D) = self.summary(c) -> (B, T, D)."""
        return gru_scan_reset_after(words, hidden, self.recurrent.weight, summary)[0]

    def inside(self, words: Tensor, hidden: Tensor, summary: Tensor) -> tuple[Tensor, Gates]:
        """`forward` step by step: the same outputs, and the gates of each step (B, T, D)."""
        scan = unroll_scan(gru_gates_reset_after, words, (hidden,), self.recurrent.weight, summary)
        return scan.outputs, scan.gates

    def step(self, word: Tensor, hidden: Tensor, summary: Tensor) -> Tensor:
        """One word: (B, 3D), (B, D), (B, 3D) -> (B, D)."""
        return gru_step_reset_after(word, hidden, self.recurrent.weight, summary)


class RNNEncoderDecoder(nn.Module):
    """The translator; a `gyebo.models.interfaces.Translator`."""

    def __init__(self, config: RNNEncoderDecoderConfig) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.embedding_width, PADDING)
        self.target_embedding = nn.Embedding(config.target_vocabulary, config.embedding_width, PADDING)
        self.dropout = Dropout(config.dropout)
        self.encoder = GRU(config.embedding_width, config.width)
        self.summary = nn.Linear(config.width, config.width)  # V
        self.first_state = nn.Linear(config.width, config.width)  # V'
        self.decoder = ContextDecoder(config)
        self.readout = nn.Linear(2 * config.width + config.embedding_width, 2 * config.readout_width)  # O_h, O_c, O_y
        self.output_rank = nn.Linear(config.readout_width, config.embedding_width, bias=False)  # G_r
        self.output = nn.Linear(config.embedding_width, config.target_vocabulary)  # G_l

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        _, final = self.encoder(self.dropout(self.source_embedding(source)), source_lengths)  # (1, B, D)
        summary = torch.tanh(self.summary(final[0]))  # c: (B, D)
        return {
            "summary": summary,
            "gates": self.decoder.summary(summary),
            "first": torch.tanh(self.first_state(summary)),
        }

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        memory = self.encode(source, source_lengths)
        embedded = self.dropout(self.target_embedding(target))  # (B, T, m)
        hidden = self.decoder(self.decoder.word(embedded), memory["first"], memory["gates"])  # (B, T, D)
        summary = memory["summary"].unsqueeze(1).expand_as(hidden)
        return self.read_out(hidden, summary, embedded)

    def read_out(self, hidden: Tensor, summary: Tensor, embedded: Tensor) -> Tensor:
        """h'_t, c (..., D each), e(y_{t-1}) (..., m) -> G_r s_t (..., m)."""
        return self.output_rank(self.dropout(maxout(self.readout(torch.cat([hidden, summary, embedded], -1)))))

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        return self.logits(self.features(source, source_lengths, target))

    def start(self, memory: State) -> State:
        return {"hidden": memory["first"]}

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        embedded = self.dropout(self.target_embedding(tokens))  # (B, m)
        gates, summary = (per_hypothesis(memory[name], len(tokens)) for name in ("gates", "summary"))
        hidden = self.decoder.step(self.decoder.word(embedded), state["hidden"], gates)
        return self.logits(self.read_out(hidden, summary, embedded)), {"hidden": hidden}


ARCHITECTURE = Architecture(
    name="rnn-encoder-decoder",
    title="RNN encoder-decoder with gated recurrent units",
    year=2014,
    paper="Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio: Learning Phrase Representations using"
    " RNN Encoder-Decoder for Statistical Machine Translation",
    link="https://arxiv.org/abs/1406.1078",
    task="translate",
    parents={"gru": "a recurrent network answers with as many symbols as it reads; a translation has a length of its own"},
    differences=(
        "Biases are there in every affine map but U' and G_r; the paper's formulas leave them out.",
        "O_y acts on the word vector e(y), not on the one-hot word: the rank-100 factor that the paper uses for word matrices.",
        "Sentences are translated, where the paper scores phrase pairs for a statistical system.",
        "Dropout on word vectors and read-out, off by default: small corpora over-fit without it.",
        "Weights start as torch.nn starts them, and Adam trains on batches of equal token count, instead of N(0, 0.01^2)"
        " and Adadelta on 64 phrase pairs.",
    ),
    sizes={
        "paper": Size(
            config={
                "source_vocabulary": 15_000,
                "target_vocabulary": 15_000,
                "embedding_width": 100,
                "width": 1000,
                "readout_width": 500,
            },
            weights=18_250_000,
            parameters=18_280_000,
            source="section 4.1.1 and appendix A.1; the paper prints no count, this is the sum over its matrices",
        ),
    },
    config=RNNEncoderDecoderConfig,
    model=RNNEncoderDecoder,
    tiny={"source_vocabulary": 11, "target_vocabulary": 13, "embedding_width": 6, "width": 8, "readout_width": 5},
)
